//! The long operation of a profile: at most one at a time, and its user can cancel it.

use std::rc::Rc;

use tokio::sync::Notify;
use volary_proto::v1::Error;

use super::shared::Shared;

/// The right to carry out a long operation; given back when it is dropped.
pub struct Ongoing {
    shared: Rc<Shared>,
    cancelled: Rc<Notify>,
}

impl Ongoing {
    /// Begins one, unless another is under way.
    pub fn begin(shared: &Rc<Shared>) -> Result<Self, Error> {
        let mut slot = shared.ongoing.borrow_mut();
        if slot.is_some() {
            return Err(Error::failed("There is already another ongoing process running."));
        }
        let cancelled = Rc::new(Notify::new());
        *slot = Some(cancelled.clone());
        drop(slot);
        Ok(Self { shared: shared.clone(), cancelled })
    }

    /// Waits until the user cancels it. A wish that came before counts, too.
    pub async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        *self.shared.ongoing.borrow_mut() = None;
    }
}

/// Cancels the operation that is under way, if there is one.
pub fn cancel(shared: &Shared) {
    if let Some(ongoing) = shared.ongoing.borrow().as_ref() {
        ongoing.notify_one();
    }
}
