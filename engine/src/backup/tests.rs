//! A profile goes out and comes back.
