//! The functions of `include/volary.h`. No panic leaves them.

// The pointers of a caller in C are followed here, and nowhere else.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use crate::host::{Host, Refused};
use crate::table;

/// What became of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolaryStatus {
    /// It was done.
    Ok = 0,
    /// Nothing came in time.
    TimedOut = 1,
    /// The host was closed, or there is no such host.
    Closed = 2,
    /// Too many answers wait to be received.
    Busy = 3,
    /// A pointer is null, or the bytes are no frame.
    Invalid = 4,
    /// A fault of this library.
    Fault = 5,
}

thread_local! {
    static ERROR: RefCell<CString> = RefCell::default();
}

/// Remembers why the call of this thread failed.
fn say(text: &str) {
    // Without what would end the text early.
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    ERROR.with(|error| error.replace(text));
}

fn status(refused: &Refused) -> VolaryStatus {
    match refused {
        Refused::NoFrame(_) | Refused::NothingAsked | Refused::TooLong => VolaryStatus::Invalid,
        Refused::Busy => VolaryStatus::Busy,
        Refused::Closed => VolaryStatus::Closed,
        Refused::Start(_) | Refused::Threads(_) => VolaryStatus::Fault,
    }
}

/// Runs what a function does; a panic is a fault that the caller hears of.
fn guarded(act: impl FnOnce() -> VolaryStatus) -> VolaryStatus {
    say("");
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        say("a fault of the library");
        VolaryStatus::Fault
    })
}

fn refuse(refused: &Refused) -> VolaryStatus {
    say(&refused.to_string());
    status(refused)
}

fn invalid(text: &str) -> VolaryStatus {
    say(text);
    VolaryStatus::Invalid
}

fn no_host() -> VolaryStatus {
    say("there is no such host, or it was closed");
    VolaryStatus::Closed
}

/// Opens a host on a folder, which is made if it does not exist. Returns its number, or 0: `volary_error` says why.
///
/// # Safety
///
/// `folder` is null or a text that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn volary_create(folder: *const c_char) -> u64 {
    let mut number = 0;
    guarded(|| {
        if folder.is_null() {
            return invalid("the folder is null");
        }
        // SAFETY: not null, and the caller promises the zero byte.
        let folder = unsafe { CStr::from_ptr(folder) };
        let Ok(folder) = folder.to_str() else { return invalid("the folder is not UTF-8") };
        match Host::open(Path::new(folder)) {
            Ok(host) => {
                number = table::add(host);
                VolaryStatus::Ok
            }
            Err(refused) => refuse(&refused),
        }
    });
    number
}

/// Takes a frame, the bytes of a `volary.v1.FrameToHost`. They are copied. Never waits.
///
/// # Safety
///
/// `frame` points to `length` bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn volary_send(host: u64, frame: *const u8, length: usize) -> VolaryStatus {
    guarded(|| {
        if frame.is_null() {
            return invalid("the frame is null");
        }
        if isize::try_from(length).is_err() {
            return refuse(&Refused::TooLong);
        }
        let Some(host) = table::get(host) else { return no_host() };
        // SAFETY: not null, of a length that memory can have, and the caller promises the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(frame, length) };
        host.send(bytes).map_or_else(|refused| refuse(&refused), |()| VolaryStatus::Ok)
    })
}

/// Writes where the caller wants it.
///
/// # Safety
///
/// Both can be written.
unsafe fn give(frame: *mut *mut u8, length: *mut usize, bytes: *mut u8, count: usize) {
    // SAFETY: as above.
    unsafe {
        *frame = bytes;
        *length = count;
    }
}

/// Waits for a frame, the bytes of a `volary.v1.FrameFromHost`, at most so many milliseconds; 0 does not wait. The bytes
/// belong to the caller until `volary_free`. Several threads may wait; each frame goes to one of them.
///
/// # Safety
///
/// `frame` and `length` point to where the two can be written, or are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn volary_receive(
    host: u64,
    timeout_ms: u32,
    frame: *mut *mut u8,
    length: *mut usize,
) -> VolaryStatus {
    guarded(|| {
        if frame.is_null() || length.is_null() {
            return invalid("there is no place for the frame");
        }
        // SAFETY: neither is null, and the caller promises that they can be written. Here and below.
        unsafe { give(frame, length, std::ptr::null_mut(), 0) };
        let Some(host) = table::get(host) else { return no_host() };
        match host.receive(Duration::from_millis(timeout_ms.into())) {
            Ok(Some(bytes)) => {
                let bytes = bytes.into_boxed_slice();
                let count = bytes.len();
                unsafe { give(frame, length, Box::into_raw(bytes).cast(), count) };
                VolaryStatus::Ok
            }
            Ok(None) => VolaryStatus::TimedOut,
            Err(refused) => refuse(&refused),
        }
    })
}

/// Gives back the bytes of a frame that was received. Null is allowed.
///
/// # Safety
///
/// `frame` and `length` are as `volary_receive` gave them, and are not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn volary_free(frame: *mut u8, length: usize) {
    if !frame.is_null() {
        let bytes = std::ptr::slice_from_raw_parts_mut(frame, length);
        // SAFETY: `volary_receive` has made a box of exactly this, and the caller gives it back once.
        drop(unsafe { Box::from_raw(bytes) });
    }
}

/// Ends all connections, makes everything durable and closes the folder. Threads that wait in `volary_receive` come back.
/// Frames that were not received are lost.
#[unsafe(no_mangle)]
pub extern "C" fn volary_close(host: u64) -> VolaryStatus {
    guarded(|| {
        let Some(host) = table::remove(host) else { return no_host() };
        host.close();
        VolaryStatus::Ok
    })
}

/// Why the last call of this thread failed; an empty text if it did not. Valid until the next call of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn volary_error() -> *const c_char {
    ERROR.with(|error| error.borrow().as_ptr())
}

/// The version of this library, for people.
#[unsafe(no_mangle)]
pub extern "C" fn volary_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
