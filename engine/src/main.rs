//! The `volary` command line.
fn main() {}
