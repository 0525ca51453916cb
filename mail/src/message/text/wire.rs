//! Fixed English texts on the wire. Receivers with knowledge of the headers show texts of their own.

/// Shown where text was cut or is hidden.
pub const ELLIPSIS: &str = "[...]";
/// Stands before the new text of an edit.
pub const EDIT_PREFIX: &str = "\u{270F}\u{FE0F}";
/// Body of a deletion.
pub const DELETED: &str = "\u{1F6AE}";
/// First line of a forwarded message.
pub const FORWARD_MARK: &str = "---------- Forwarded message ----------";
/// Body of a read receipt.
pub const RECEIPT: &str = "This is a receipt notification.";
/// Subject of a read receipt.
pub const RECEIPT_SUBJECT: &str = "Receipt Notification";
/// Body of a key update.
pub const KEY_UPDATE: &str = "This message updates the sender's encryption key and relay list.";
/// Subject of a key update.
pub const KEY_UPDATE_SUBJECT: &str = "Keyupdate";
/// Body of a sync message.
pub const SYNC: &str = "This message is used to synchronize data between your devices.\n\n\
    \u{1F449} If you see this message in Delta Chat, please update your Delta Chat apps on all devices.";
/// Subject of a sync message.
pub const SYNC_SUBJECT: &str = "Multi Device Synchronization";
/// Body of an update of a mini app.
pub const STATUS_UPDATE: &str = "Webxdc Status Update";
/// Body of a rename.
pub const NAME_CHANGED: &str = "Chat name changed.";
/// Body of a new group picture.
pub const IMAGE_CHANGED: &str = "Chat image changed.";
/// Body of a new description.
pub const DESCRIPTION_CHANGED: &str =
    "[Chat description changed. To see this and other new features, please update the app]";
/// Body of a call.
pub const CALL: &str = "[This is a 'Call'. The sender uses an experiment not supported on your version yet]";
/// Body of an accepted call.
pub const CALL_ACCEPTED: &str = "[Call accepted]";
/// Body of an ended call.
pub const CALL_ENDED: &str = "[Call ended]";

/// Body of a member addition.
pub fn member_added(address: &str) -> String {
    format!("Member {address} was added.")
}

/// Body of a member removal.
pub fn member_removed(address: &str) -> String {
    format!("Member {address} was removed.")
}
