//! Building and parsing Internet messages.
