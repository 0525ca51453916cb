//! The relay's self-signed identity.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use tokio_rustls::TlsAcceptor;

use crate::config::RelayError;

/// Which protocol a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Imap,
    Smtp,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Smtp => "SMTP",
        }
    }

    /// Name in the application-layer protocol negotiation.
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Imap => b"imap",
            Self::Smtp => b"smtp",
        }
    }
}

/// A key and a certificate that live as long as the relay.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    pem: String,
}

impl Identity {
    /// Makes a certificate that names every domain, `localhost` and the address the relay listens on.
    pub(crate) fn generate(domains: &[String], bind: IpAddr) -> Result<Self, RelayError> {
        let mut names = domains.to_vec();
        names.push("localhost".to_owned());
        names.push(bind.to_string());
        let mut params = CertificateParams::new(names)?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, domains.first().map_or("localhost", String::as_str));
        params.distinguished_name = subject;
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// TLS 1.3 only, as on public chatmail relays. Resumption uses stateless tickets and so costs no memory.
    pub(crate) fn acceptor(&self, protocol: Protocol) -> Result<TlsAcceptor, RelayError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], PrivateKeyDer::Pkcs8(self.key.clone_key()))?;
        config.alpn_protocols = vec![protocol.alpn().to_vec()];
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
