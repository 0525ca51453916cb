//! Plain protocol clients that speak to a relay over real sockets.

// Each test file uses its own part of this module.
#![allow(dead_code, missing_docs)]
// Helpers of tests may fail loudly, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use volary_relay::{AccountRules, Relay, RelayConfig};

pub const DOMAIN: &str = "_relay.test";
pub const ALICE: &str = "alice@_relay.test";
pub const BOB: &str = "bob@_relay.test";

/// How long a test waits for the relay before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A relay that knows people by name and takes any mail.
pub fn friendly() -> RelayConfig {
    RelayConfig {
        accounts: AccountRules::relaxed(),
        allow_unencrypted: true,
        ..RelayConfig::for_domain(DOMAIN)
    }
}

pub async fn friendly_relay() -> Relay {
    Relay::start(friendly()).await.unwrap()
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection that sends text and reads lines.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    next_tag: u32,
}

fn connector(relay: &Relay, alpn: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(relay.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

impl Client {
    pub async fn tls_with(relay: &Relay, port: u16, alpn: &[&[u8]]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let name = ServerName::try_from(DOMAIN).unwrap();
        let tls = connector(relay, alpn).connect(name, stream).await.unwrap();
        Self { stream: BufReader::new(Box::new(tls)), next_tag: 0 }
    }

    pub async fn plain(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self { stream: BufReader::new(Box::new(stream)), next_tag: 0 }
    }

    /// Runs the TLS handshake on a plain connection.
    pub async fn upgrade(self, relay: &Relay) -> Self {
        let name = ServerName::try_from(DOMAIN).unwrap();
        let tls = connector(relay, &[]).connect(name, self.stream.into_inner()).await.unwrap();
        Self { stream: BufReader::new(Box::new(tls)), next_tag: self.next_tag }
    }

    /// A fresh IMAP connection, greeting read.
    pub async fn imap(relay: &Relay) -> Self {
        let mut client = Self::tls_with(relay, relay.imap_tls_port(), &[]).await;
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 "), "{greeting}");
        client
    }

    pub async fn imap_login(relay: &Relay, address: &str) -> Self {
        let mut client = Self::imap(relay).await;
        client.ok(&format!("LOGIN \"{address}\" \"secret-{address}\"")).await;
        client
    }

    pub async fn imap_inbox(relay: &Relay, address: &str) -> Self {
        let mut client = Self::imap_login(relay, address).await;
        client.ok("SELECT INBOX").await;
        client
    }

    /// A fresh SMTP connection, EHLO done.
    pub async fn smtp(relay: &Relay) -> Self {
        let mut client = Self::tls_with(relay, relay.smtp_tls_port(), &[]).await;
        assert!(client.line().await.starts_with("220 "));
        client.send("EHLO [127.0.0.1]\r\n").await;
        client.replies().await;
        client
    }

    pub async fn smtp_login(relay: &Relay, address: &str) -> Self {
        let mut client = Self::smtp(relay).await;
        let reply = client.smtp_auth(address, &format!("secret-{address}")).await;
        assert!(reply.starts_with("235 "), "{reply}");
        client
    }

    pub async fn smtp_auth(&mut self, address: &str, password: &str) -> String {
        use base64::Engine as _;
        let token = base64::engine::general_purpose::STANDARD.encode(format!("\0{address}\0{password}"));
        self.say(&format!("AUTH PLAIN {token}")).await
    }

    pub async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next line without its line end; empty at the end of the connection.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        let read =
            timeout(PATIENCE, self.stream.read_until(b'\n', &mut line)).await.expect("the relay is silent");
        // A connection that was cut without a goodbye is at its end as well.
        read.unwrap_or(0);
        String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()
    }

    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        timeout(PATIENCE, self.stream.read_exact(&mut bytes)).await.expect("the relay is silent").unwrap();
        bytes
    }

    /// Nothing comes within a moment.
    pub async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(150), self.stream.fill_buf()).await.is_err()
    }

    /// The relay has closed the connection (perhaps after some last words).
    pub async fn is_closed(&mut self) -> bool {
        for _ in 0..1000 {
            if self.line().await.is_empty() {
                return true;
            }
        }
        false
    }

    /// Sends one SMTP line and returns the answer.
    pub async fn say(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.line().await
    }

    /// All lines of one SMTP answer.
    pub async fn replies(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// Sends a mail and returns the answer to its content.
    pub async fn submit(&mut self, from: &str, to: &[&str], mail: &str) -> String {
        let reply = self.say(&format!("MAIL FROM:<{from}> BODY=8BITMIME SMTPUTF8")).await;
        assert!(reply.starts_with("250"), "{reply}");
        for address in to {
            let reply = self.say(&format!("RCPT TO:<{address}>")).await;
            if !reply.starts_with("250") {
                return reply;
            }
        }
        let reply = self.say("DATA").await;
        if !reply.starts_with("354") {
            return reply;
        }
        self.send(&format!("{mail}\r\n.\r\n")).await;
        self.line().await
    }

    /// Sends an IMAP command; returns untagged lines (literals inlined) and the tagged answer without its tag.
    pub async fn command(&mut self, command: &str) -> (Vec<String>, String) {
        self.next_tag += 1;
        let tag = format!("t{}", self.next_tag);
        self.send(&format!("{tag} {command}\r\n")).await;
        self.answers(&tag).await
    }

    pub async fn answers(&mut self, tag: &str) -> (Vec<String>, String) {
        let mut untagged = Vec::new();
        loop {
            let line = self.answer().await;
            if let Some(status) = line.strip_prefix(&format!("{tag} ")) {
                return (untagged, status.to_owned());
            }
            assert!(!line.is_empty(), "connection closed, before that: {untagged:?}");
            untagged.push(line);
        }
    }

    /// One answer with all its literals.
    pub async fn answer(&mut self) -> String {
        let mut text = self.line().await;
        while let Some(length) = text.strip_suffix('}').and_then(|rest| rest.rsplit_once('{')) {
            let length = length.1.parse().unwrap();
            let literal = self.bytes(length).await;
            text.push_str("\r\n");
            text.push_str(&String::from_utf8_lossy(&literal));
            let rest = self.line().await;
            text.push_str(&rest);
        }
        text
    }

    /// Sends a command that must succeed; returns its untagged lines.
    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let (untagged, status) = self.command(command).await;
        assert!(status.starts_with("OK"), "{command}: {status}");
        untagged
    }

    /// Starts IDLE and waits for the invitation.
    pub async fn idle(&mut self) {
        self.send("idle IDLE\r\n").await;
        assert_eq!(self.line().await, "+ idling");
    }

    /// Ends IDLE; returns what came in between.
    pub async fn done(&mut self) -> Vec<String> {
        self.send("DONE\r\n").await;
        let (untagged, status) = self.answers("idle").await;
        assert!(status.starts_with("OK"), "{status}");
        untagged
    }
}

/// A small unencrypted mail.
pub fn mail(from: &str, text: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <someone@{DOMAIN}>\r\nMessage-ID: <{text}@{DOMAIN}>\r\nSubject: plan\r\n\r\n{text}"
    )
}
