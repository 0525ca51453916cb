//! Errors of the engine as statuses of gRPC, and back.

use prost::Message;
use tonic::{Code, Status};
use volary_proto::{Error, ErrorCode};

/// Longest text that travels in the fields of an answer, in bytes. Clients bound those fields to some kilobytes.
const MAX_TEXT: usize = 2000;
/// How the details of a status name their type.
const TYPE_URL: &str = "type.googleapis.com/volary.v1.Error";

/// `google.rpc.Status`, which programs expect in the details of a status.
#[derive(Clone, PartialEq, Message)]
struct RichStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// The status that says what the engine said.
pub fn status(error: &Error) -> Status {
    let code = code(error.code());
    let mut error = error.clone();
    shorten(&mut error.message);
    let message = error.message.clone();
    let detail = Any { type_url: TYPE_URL.to_owned(), value: error.encode_to_vec() };
    let rich = RichStatus { code: code.into(), message: message.clone(), details: vec![detail] };
    Status::with_details(code, message, rich.encode_to_vec().into())
}

/// What the engine said, from a status. One that does not come from an engine keeps its text.
pub fn error(status: &Status) -> Error {
    let rich = RichStatus::decode(status.details()).unwrap_or_default();
    let detail = rich.details.iter().find(|detail| detail.type_url == TYPE_URL);
    if let Some(error) = detail.and_then(|detail| Error::decode(&detail.value[..]).ok()) {
        return error;
    }
    let code = match status.code() {
        Code::NotFound => ErrorCode::NotFound,
        Code::InvalidArgument | Code::OutOfRange => ErrorCode::Invalid,
        Code::Unimplemented => ErrorCode::Unsupported,
        Code::Cancelled | Code::DeadlineExceeded | Code::Unavailable | Code::Aborted => ErrorCode::Cancelled,
        Code::Internal | Code::DataLoss | Code::Unknown => ErrorCode::Internal,
        _ => ErrorCode::Failed,
    };
    Error::new(code, status.message())
}

fn code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::Failed => Code::FailedPrecondition,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::Invalid => Code::InvalidArgument,
        ErrorCode::Unsupported => Code::Unimplemented,
        ErrorCode::Cancelled => Code::Cancelled,
        ErrorCode::Busy => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
        ErrorCode::DiskFull => Code::ResourceExhausted,
    }
}

fn shorten(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_its_way_through_a_status() {
        for code in 0..=7 {
            let sent = Error::new(ErrorCode::try_from(code).unwrap(), "keine Größe");
            let status = status(&sent);
            assert_eq!(error(&status), sent);
            assert_eq!(status.message(), sent.message);
            assert_ne!(status.code(), Code::Ok);
        }
    }

    #[test]
    fn a_status_of_somebody_else_keeps_its_text() {
        let odd = Status::with_details(Code::Unavailable, "no host", vec![0xff, 1, 2].into());
        assert_eq!(error(&odd), Error::new(ErrorCode::Cancelled, "no host"));
    }

    #[test]
    fn long_texts_are_cut() {
        let status = status(&Error::failed("ü".repeat(5000)));
        assert!(status.message().len() <= MAX_TEXT + 3 && status.details().len() < 3 * MAX_TEXT);
    }
}
