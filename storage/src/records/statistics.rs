//! What is counted for statistics while the user wants them.

use super::field::record;

record! {
    /// Counts of a profile.
    pub struct StatisticsRecord {
        /// Invites that were followed, by where they came from.
        pub sources: Vec<u32> = 1,
        /// Invites that were followed, by the way through the user interface.
        pub ui_paths: Vec<u32> = 2,
        /// Each invite that was followed, the oldest first: 0 for a contact, 1 for a group, 2 for a channel; 4 more if it
        /// was known already.
        pub invites: Vec<u32> = 3,
        /// Own messages that were counted when counting ended: for each kind of chat encrypted, in clear text, to nobody.
        pub messages: Vec<u32> = 4,
        /// Messages from this id on are counted; 0: none are.
        pub counted_from: u32 = 5,
    }
}
