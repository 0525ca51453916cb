use super::*;

fn entered(addr: &str) -> EnteredLogin {
    EnteredLogin {
        addr: addr.into(),
        imap: EnteredImap { password: "secret".into(), ..Default::default() },
        ..Default::default()
    }
}

fn printed(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(|c| c.connection.to_string()).collect()
}

#[test]
fn an_address_alone_gives_six_candidates_per_protocol() {
    let login = entered("alice@example.org").configured(&[], &[]).unwrap();
    assert_eq!(
        printed(&login.imap),
        [
            "imap.example.org:993:tls",
            "imap.example.org:143:starttls",
            "mail.example.org:993:tls",
            "mail.example.org:143:starttls",
            "example.org:993:tls",
            "example.org:143:starttls"
        ]
    );
    assert_eq!(printed(&login.smtp)[0..2], ["smtp.example.org:465:tls", "smtp.example.org:587:starttls"]);
    assert!(login.imap.iter().all(|c| c.user == "alice@example.org"));
    assert_eq!(login.smtp_password, "secret");
}

#[test]
fn an_entered_port_is_tried_with_tls_then_starttls() {
    let hint = ServerHint { host: "h".into(), port: 1993, ..Default::default() };
    let list = candidates(Protocol::Imap, "a@b", &[hint]).unwrap();
    assert_eq!(printed(&list), ["h:1993:tls", "h:1993:starttls"]);
}

#[test]
fn an_address_literal_is_tried_as_bare_ip() {
    let list = candidates(Protocol::Imap, "a@[192.0.2.1]", &[ServerHint::default()]).unwrap();
    assert_eq!(printed(&list), ["192.0.2.1:993:tls", "192.0.2.1:143:starttls"]);
}

#[test]
fn plain_text_is_never_guessed() {
    let login = entered("a@b").configured(&[], &[]).unwrap();
    assert!(login.imap.iter().chain(&login.smtp).all(|c| c.connection.security != Security::Plain));
}

#[test]
fn bad_parameters_are_named() {
    assert_eq!(entered("").check(), Err(LoginError::MissingAddress));
    assert_eq!(
        EnteredLogin { imap: EnteredImap::default(), ..entered("a@b") }.check(),
        Err(LoginError::MissingPassword)
    );
    for bad in ["a", "@b", "a@", "a b@c", "a@b.", "<a@b>", "a@b\r\nc"] {
        assert_eq!(entered(bad).check(), Err(LoginError::BadAddress(bad.into())), "{bad}");
    }
    assert_eq!(entered(" MailTo:Alice@Example.ORG ").normalized().addr, "alice@example.org");
}

// Both JSON forms are exchanged between devices; these are the ones that chatmail core writes.
#[test]
fn stored_forms_are_read_and_written_unchanged() {
    let entered_json = r#"{"addr":"alice@example.org","imap":{"server":"","port":0,"folder":"","security":"Automatic","user":"","password":"secret"},"smtp":{"server":"","port":0,"security":"Automatic","user":"","password":""},"certificate_checks":"Strict","oauth2":false}"#;
    let login: EnteredLogin = serde_json::from_str(entered_json).unwrap();
    assert_eq!(serde_json::to_string(&login).unwrap(), entered_json);
    let configured_json = r#"{"addr":"alice@example.org","imap":[{"connection":{"host":"example.org","port":993,"security":"Tls"},"user":"alice@example.org"}],"imap_folder":"Folder","imap_user":"","imap_password":"secret","smtp":[{"connection":{"host":"example.org","port":465,"security":"Tls"},"user":"alice@example.org"}],"smtp_user":"","smtp_password":"secret","certificate_checks":"Automatic","oauth2":false}"#;
    let login: ConfiguredLogin = serde_json::from_str(configured_json).unwrap();
    assert_eq!(serde_json::to_string(&login).unwrap(), configured_json);
    assert_eq!(login.folder(), "Folder");
    let unknown = configured_json.replace("\"Tls\"", "\"Quantum\"");
    assert!(serde_json::from_str::<ConfiguredLogin>(&unknown).is_err());
}

#[test]
fn inbox_is_not_written_as_a_folder() {
    let mut login = entered("a@b");
    login.imap.folder = "INBOX".into();
    let configured = login.configured(&[], &[]).unwrap();
    assert!(!serde_json::to_string(&configured).unwrap().contains("imap_folder"));
    assert_eq!(configured.folder(), "INBOX");
}

#[test]
fn logs_hold_neither_password_nor_user() {
    let login = entered("alice@example.org");
    let both = format!("{login:?} {:?}", login.configured(&[], &[]).unwrap());
    assert!(!both.contains("secret") && !both.contains("alice"), "{both}");
}
