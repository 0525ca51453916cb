//! How the processes of this crate use the allocator of the system. Embedding programs decide for themselves.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::time::Duration;

/// Allocations from this size on (bytes) get pages of their own, which go back to the system when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_FROM: i32 = 256 * 1024;
/// Most heaps that threads are spread over; each keeps some free memory for itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: i32 = 2;

/// Makes memory of large attachments go back to the system. Without it glibc raises its threshold with the first
/// large allocation and keeps what it has. To be called first in `main`; does nothing with other allocators.
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two integers, is called before any other thread exists, and an unknown or refused
        // option only makes it return 0.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES_FROM);
            libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        }
    }
}

/// A process that uses less CPU time than this in [`LOOK`] has come to rest.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const REST: Duration = Duration::from_millis(50);
/// Work of less CPU time than this leaves nothing behind that is worth tidying up.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const WORTH_IT: Duration = Duration::from_millis(10);
/// How often is looked.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LOOK: Duration = Duration::from_secs(1);
/// Shortest time between two returns.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const PAUSE: Duration = Duration::from_secs(30);

/// Returns memory to the system whenever work has come to an end, as long as the process lives: handshakes and mails
/// need much for a short time, and what they leave free between things that stay would be kept for ever. Never ends;
/// does nothing with other allocators.
pub async fn return_when_at_rest() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let (mut before, mut returned_at) = (cpu_time(), Duration::ZERO);
        loop {
            tokio::time::sleep(LOOK).await;
            let now = cpu_time();
            let at_rest = now - before < REST;
            before = now;
            if at_rest && now - returned_at > WORTH_IT {
                // Takes milliseconds, which other tasks of this thread should not have to wait.
                tokio::task::spawn_blocking(return_memory).await.ok();
                tokio::time::sleep(PAUSE).await;
                before = cpu_time();
                returned_at = before;
            }
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    std::future::pending().await
}

/// CPU time of this process since its start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Both are never negative.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs().try_into().unwrap_or(0))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn return_memory() {
    // SAFETY: `malloc_trim` may be called by any thread at any time and touches free memory only.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}
