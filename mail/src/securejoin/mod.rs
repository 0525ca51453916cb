//! The SecureJoin handshake.
