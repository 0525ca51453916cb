//! Volary hosts any number of Delta Chat / chatmail profiles in one process.

pub mod bus;
pub mod jsonrpc;
