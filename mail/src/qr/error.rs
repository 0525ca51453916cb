//! Why a code cannot be used. Clients show these texts, so they keep the wording that clients know.

use std::{num::ParseIntError, str::Utf8Error};

use crate::openpgp::BadFingerprint;
use crate::proxy::ProxyUrlError;

/// Why a text is no usable code, or cannot be drawn as one.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// Something inside an invite or fingerprint code; the first part names the written form.
    #[error("failed to decode {form} QR code: {source}")]
    Invite {
        /// `OPENPGP4FPR` or the prefix of the link form.
        form: &'static str,
        /// What is wrong.
        source: Box<QrError>,
    },
    /// The fingerprint at the beginning is none.
    #[error("Failed to parse fingerprint in the QR code: {0}")]
    Fingerprint(#[from] BadFingerprint),
    /// A name parameter is not UTF-8.
    #[error("Invalid QR param {name}: {error}")]
    Param {
        /// The key of the parameter.
        name: &'static str,
        /// Where it stops being UTF-8.
        error: Utf8Error,
    },
    /// Percent-decoding gave bytes that are not UTF-8.
    #[error("{0}")]
    NotUtf8(#[from] Utf8Error),
    /// No usable e-mail address.
    #[error("Bad e-mail address")]
    Address,
    /// A fingerprint code that belongs to nobody this profile knows.
    #[error("Contact matching the fingerprint is not found")]
    UnknownFingerprint,
    /// An invite that leads to an own address but to somebody else's key.
    #[error("The code contains an own address, but the key of somebody else")]
    ForeignKeyAtOwnAddress,
    /// `dcaccount:` and nothing else.
    #[error("dcaccount payload is empty")]
    AccountEmpty,
    /// `dcaccount:///…`.
    #[error("Hostname in dcaccount URL cannot start with /")]
    AccountSlash,
    /// `dcaccount:https://…` that is no URL.
    #[error("Invalid account URL: {0}")]
    AccountUrl(String),
    /// Something about a `dclogin:` code; the text says what.
    #[error("{0}")]
    Login(String),
    /// A login code of a version this engine does not know.
    #[error("DeltaChat does not understand this QR Code yet, please update the app and try again.")]
    LoginVersion,
    /// The address of a proxy is malformed.
    #[error("{0}")]
    Proxy(#[from] ProxyUrlError),
    /// A backup code that is malformed.
    #[error("{0}")]
    Backup(&'static str),
    /// The version of a backup code is no number.
    #[error("Not a valid number: {0}")]
    BackupVersion(ParseIntError),
    /// The address of the other device is malformed.
    #[error("Invalid node addr in backup QR code: {0}")]
    BackupNode(String),
    /// `SMTP:` without a second colon.
    #[error("Invalid SMTP scheme payload")]
    Smtp,
    /// `MATMSG:` without `TO:`.
    #[error("Invalid MATMSG found")]
    Matmsg,
    /// The text is too long for a QR code of the wanted error correction.
    #[error("{0}")]
    TooLong(#[from] qrcodegen::DataTooLong),
}
