//! The version that API clients expect to talk to.

/// Version of chatmail core whose interface is spoken.
pub const API_VERSION: &str = "2.65.0";
