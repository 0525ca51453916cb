//! A relay on this machine, and how profiles log in there.

use serde_json::{Value, json};
use volary_relay::{AccountRules, Relay, RelayConfig};

/// A relay that takes any password.
pub async fn relay() -> Relay {
    let config = RelayConfig { accounts: AccountRules::relaxed(), ..RelayConfig::for_domain("_one.test") };
    Relay::start(config).await.unwrap()
}

/// How a profile logs in, as a parameter of JSON-RPC.
pub fn login(relay: &Relay, name: &str) -> Value {
    json!({
        "addr": format!("{name}@_one.test"), "password": "correct horse",
        "imapServer": "127.0.0.1", "imapPort": relay.imap_tls_port(), "imapSecurity": "ssl",
        "smtpServer": "127.0.0.1", "smtpPort": relay.smtp_tls_port(), "smtpSecurity": "ssl",
        "certificateChecks": "acceptInvalidCertificates",
    })
}
