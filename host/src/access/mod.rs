//! Who may connect over a network, and what he may do there. Interfaces for other programs share it.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | [`Access`]: what a token allows |
//! | `files`, `answers` | which fields of requests and answers name files of the host |
//! | `tokens` | [`Tokens`]: the file of tokens |
//! | `limited` | [`Limited`]: the engine as a client sees it that may not do everything |
//! | `tls` | certificate and key |

#[cfg(feature = "grpc")]
mod answers;
mod files;
mod limited;
mod rules;
mod tls;
mod tokens;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

#[cfg(feature = "grpc")]
pub(crate) use self::answers::{paths_of_answer, paths_of_event, texts_of_event};
#[cfg(feature = "grpc")]
pub(crate) use self::files::{files_of, writes_files};
pub use self::limited::Limited;
pub use self::rules::Access;
pub(crate) use self::tls::Certificates;
pub use self::tls::TlsFiles;
pub use self::tokens::{TokenError, TokenInfo, Tokens};

/// Why nobody can be served at an address.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Without encryption everybody on the way could read tokens and messages.
    #[error(
        "{0} is reachable from other machines: give a certificate and a key, or listen on a loopback address"
    )]
    Unprotected(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What is wrong.
        error: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("{path} cannot be used for TLS: {error}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}
