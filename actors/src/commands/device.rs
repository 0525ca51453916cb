//! Messages that the engine or its client writes into the device chat.

use crate::db::Tx;
use crate::error::Outcome;

/// Makes the own chat and the device chat of a new profile.
pub fn set_up_chats(_tx: &mut Tx<'_, '_>) -> Outcome<()> {
    Ok(())
}
