//! An embedded chatmail relay: IMAP and SMTP for demos, tests and stress runs.
