//! The answer of a web address that hands out accounts.

use serde::Deserialize;

use crate::address::Address;

/// Longest part of an answer that an error repeats, in characters.
const MAX_SHOWN: usize = 200;
/// Longest password that is taken.
const MAX_PASSWORD: usize = 1_000;

/// Why there is no new account. The texts are shown to users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewAccountError {
    /// The server says why it gives none.
    #[error("{0}")]
    Refused(String),
    /// The server has failed.
    #[error("Cannot create account, unexpected server response:\n{0:?}")]
    Unexpected(String),
    /// The server has answered something else.
    #[error("Cannot create account, response is malformed:\n{0:?}")]
    Malformed(String),
}

#[derive(Deserialize)]
struct Account {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

/// Reads address and password from an answer. `is_success`: the status of the answer means success.
pub fn read_new_account(is_success: bool, body: &[u8]) -> Result<(Address, String), NewAccountError> {
    let shown = || String::from_utf8_lossy(body).chars().take(MAX_SHOWN).collect::<String>();
    if !is_success {
        return Err(match serde_json::from_slice::<Refusal>(body) {
            Ok(Refusal { reason }) => NewAccountError::Refused(reason.chars().take(MAX_SHOWN).collect()),
            Err(_) => NewAccountError::Unexpected(shown()),
        });
    }
    // What is malformed may still hold a password, which errors must not repeat.
    let Ok(Account { email, password }) = serde_json::from_slice(body) else {
        let text = if shown().contains("password") { "…".to_owned() } else { shown() };
        return Err(NewAccountError::Malformed(text));
    };
    let is_usable =
        !password.is_empty() && password.len() <= MAX_PASSWORD && !password.contains(char::is_control);
    match Address::parse(&email) {
        Ok(address) if is_usable => Ok((address, password)),
        _ => Err(NewAccountError::Malformed("…".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_account_or_a_reason() {
        let json = br#"{"email":"Abc@Example.org","password":"p w","dclogin_url":"dclogin:x"}"#;
        let (address, password) = read_new_account(true, json).unwrap();
        assert_eq!((address.as_str(), password.as_str()), ("abc@example.org", "p w"));
        let refused =
            |success, body: &str| read_new_account(success, body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused(false, r#"{"status":"error","reason":"no more today"}"#), "no more today");
        assert_eq!(
            refused(false, "<html>"),
            "Cannot create account, unexpected server response:\n\"<html>\""
        );
        assert_eq!(refused(true, "<html>"), "Cannot create account, response is malformed:\n\"<html>\"");
        for body in [
            r#"{"email":"a@b.org"}"#,
            r#"{"email":"nobody","password":"secret"}"#,
            r#"{"email":"a@b.org","password":""}"#,
            r#"{"email":"a@b.org","password":"sec\r\nret"}"#,
            r#"{"email":"a@b.org","password":"secret""#,
            "[]",
        ] {
            let text = refused(true, body);
            assert!(text.contains("malformed") && !text.contains("sec"), "{text}");
        }
        assert!(refused(false, &"x".repeat(100_000)).len() < 1_000);
        assert!(refused(true, "\u{fffd}").len() < 1_000);
    }
}
