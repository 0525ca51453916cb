//! How far an export, import or transfer has come, and whether somebody has cancelled it.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use volary_proto::v1::event;

use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;

/// Cancels what it was given to. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Cancels it.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if it was cancelled.
    pub fn check(&self) -> Outcome<()> {
        if self.is_cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
    }
}

/// Counts bytes and emits an event with each thousandth.
pub struct Meter<'d> {
    db: &'d Db,
    profile: ProfileId,
    total: u64,
    done: u64,
    told: u32,
    cancel: Cancel,
}

impl<'d> Meter<'d> {
    /// Emits the beginning.
    pub fn begins(db: &Db, profile: ProfileId) {
        db.emit(profile, event::Kind::ImexProgress(event::ImexProgress { progress: 1 }));
    }

    /// Of `total` bytes nothing was moved yet.
    pub fn new(db: &'d Db, profile: ProfileId, total: u64, cancel: Cancel) -> Self {
        Self { db, profile, total, done: 0, told: 1, cancel }
    }

    /// More bytes were moved.
    pub fn moved(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        let share = u128::from(self.done) * 1000 / u128::from(self.total.max(1));
        let progress = u32::try_from(share).unwrap_or(999).min(999);
        if progress > self.told {
            self.told = progress;
            self.db.emit(self.profile, event::Kind::ImexProgress(event::ImexProgress { progress }));
        }
    }

    /// Counts what is read.
    pub fn reads<'m, R: Read + ?Sized>(&'m mut self, from: &'m mut R) -> Metered<'m, 'd, R> {
        Metered { meter: self, stream: from }
    }

    /// Counts what is written.
    pub fn writes<'m, W: Write + ?Sized>(&'m mut self, to: &'m mut W) -> Metered<'m, 'd, W> {
        Metered { meter: self, stream: to }
    }

    /// At most so many bytes are moved at once, so that small archives show progress, too.
    fn step(&self, wanted: usize) -> usize {
        /// Steps are not made smaller for the sake of progress.
        const SMALLEST: u64 = 4096;
        let step = (self.total / 20).max(SMALLEST);
        usize::try_from(step).map_or(wanted, |step| wanted.min(step))
    }

    fn check(&self) -> io::Result<()> {
        // What is interrupted would be tried again by every reader.
        if self.cancel.is_cancelled() { Err(io::Error::other("canceled")) } else { Ok(()) }
    }

    /// The failure that an error of a metered stream stands for.
    pub fn failure(&self, context: &str, error: io::Error) -> Failure {
        if self.cancel.is_cancelled() { Failure::Cancelled } else { Failure::file(context)(error) }
    }
}

/// A stream whose bytes are counted, and that ends when it is cancelled.
pub struct Metered<'m, 'd, S: ?Sized> {
    meter: &'m mut Meter<'d>,
    stream: &'m mut S,
}

impl<S: ?Sized> Metered<'_, '_, S> {
    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.meter.cancel.is_cancelled()
    }
}

impl<R: Read + ?Sized> Read for Metered<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.meter.check()?;
        let step = self.meter.step(buffer.len());
        let count = self.stream.read(&mut buffer[..step])?;
        self.meter.moved(count as u64);
        Ok(count)
    }
}

impl<W: Write + ?Sized> Write for Metered<'_, '_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.meter.check()?;
        let count = self.stream.write(&buffer[..self.meter.step(buffer.len())])?;
        self.meter.moved(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
