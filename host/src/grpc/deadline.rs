//! How long a call may take, as its caller says in `grpc-timeout`.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::{Request, Status};

/// The field that says it.
const FIELD: &str = "grpc-timeout";
/// Most digits of the number.
const MAX_DIGITS: usize = 8;
/// Longer than any call lives.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// When the answer to a call comes too late. A field that makes no sense says nothing, as in other implementations.
pub fn of<T>(call: &Request<T>) -> Instant {
    let text = call.metadata().get(FIELD).and_then(|value| value.to_str().ok());
    let time = text.and_then(parse).unwrap_or(FAR).min(FAR);
    Instant::now() + time
}

/// Waits for an answer until then. What is waited for is dropped when it is too late.
pub async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(passed()))
}

/// What a caller gets to hear who may still listen.
pub fn passed() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > MAX_DIGITS || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_units_are_understood_and_nothing_else() {
        assert_eq!(parse("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for nonsense in ["", "m", "5", "5s", "-5S", "1.5S", "123456789S", "5 S", "5ü"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_makes_no_sense_and_what_is_very_far_are_far() {
        let at = |value: &'static str| {
            let mut call = Request::new(());
            call.metadata_mut().insert(FIELD, value.parse().unwrap());
            of(&call)
        };
        let year = Instant::now() + Duration::from_secs(365 * 86_400);
        assert!(at("99999999H") > year && at("soon") > year && of(&Request::new(())) > year);
        assert!(at("5S") < year);
    }
}
