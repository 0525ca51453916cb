//! When something that failed or was lost is tried again: the one policy of the process.
//!
//! | file | what comes back |
//! |---|---|
//! | [`revival`] | an actor or a task that ended with a panic |

pub mod revival;
