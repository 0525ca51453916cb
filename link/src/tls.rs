//! TLS for relay connections: which certificates are accepted, and configurations shared by all connections.
//!
//! Rules for strict connections:
//! 1. A host name that starts with `_` may show any certificate chain (self-signed relays without a public domain).
//! 2. A key that was seen before for the host name is accepted although its certificate has expired.
//! 3. Otherwise the chain must lead to a root and be valid now.
//! 4. In every case the certificate must be for the host name, and the handshake must be signed with its key.

use std::{collections::HashMap, fmt, io, sync::Arc};

use parking_lot::RwLock;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use volary_mail::login::Protocol;

use super::{resolve::make_room, wire::BoxedStream};

/// SHA-256 of a certificate's SubjectPublicKeyInfo.
pub type KeyHash = [u8; 32];

/// Most host names whose keys are remembered.
const MAX_PINS: usize = 10_000;

/// Keys seen in successful strict handshakes, one per host name.
#[derive(Debug, Default)]
pub struct KeyMemory {
    keys: RwLock<HashMap<String, KeyHash>>,
}

impl KeyMemory {
    /// True if this is the key that the host showed last.
    pub fn knows(&self, host: &str, key: &KeyHash) -> bool {
        self.keys.read().get(host) == Some(key)
    }

    /// Remembers the key of a host. Returns true if it was another one before.
    pub fn remember(&self, host: &str, key: KeyHash) -> bool {
        if self.knows(host, &key) {
            return false;
        }
        let mut keys = self.keys.write();
        if keys.len() >= MAX_PINS && !keys.contains_key(host) {
            make_room(&mut keys);
        }
        keys.insert(host.to_string(), key);
        true
    }

    /// All keys, for storing them.
    pub fn all(&self) -> Vec<(String, KeyHash)> {
        self.keys.read().iter().map(|(host, key)| (host.clone(), *key)).collect()
    }
}

/// Hash of the public key of a certificate.
pub fn key_hash(certificate: &CertificateDer<'_>) -> Option<KeyHash> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Sha256::digest(parsed.subject_public_key_info().as_ref()).into())
}

/// How one TLS connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsMode {
    /// Check certificates.
    pub strict: bool,
    /// Send the host name. Not done after STARTTLS.
    pub sni: bool,
    /// Protocol to announce, for ports that are not the default of the protocol.
    pub alpn: Option<Protocol>,
}

/// TLS configurations shared by all connections of the process.
pub struct TlsSetup {
    strict: ConfigSet,
    relaxed: ConfigSet,
    keys: Arc<KeyMemory>,
}

struct ConfigSet {
    plain: Arc<ClientConfig>,
    imap: Arc<ClientConfig>,
    smtp: Arc<ClientConfig>,
    without_sni: Arc<ClientConfig>,
}

impl fmt::Debug for TlsSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSetup")
    }
}

impl TlsSetup {
    /// Configurations that trust the built-in roots.
    pub fn new() -> Result<Self, rustls::Error> {
        Self::with_roots(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()))
    }

    /// Configurations that trust `roots`.
    pub fn with_roots(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let keys = Arc::new(KeyMemory::default());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let strict = Arc::new(StrictVerifier { webpki, keys: keys.clone() });
        let relaxed = Arc::new(RelaxedVerifier { provider: provider.clone() });
        Ok(Self { strict: config_set(&provider, strict)?, relaxed: config_set(&provider, relaxed)?, keys })
    }

    /// Keys of hosts seen so far.
    pub fn keys(&self) -> &KeyMemory {
        &self.keys
    }

    fn config(&self, mode: TlsMode) -> &Arc<ClientConfig> {
        let set = if mode.strict { &self.strict } else { &self.relaxed };
        match (mode.sni, mode.alpn) {
            (false, _) => &set.without_sni,
            (true, None) => &set.plain,
            (true, Some(Protocol::Imap)) => &set.imap,
            (true, Some(Protocol::Smtp)) => &set.smtp,
        }
    }

    /// Makes the handshake on a connected socket.
    pub async fn handshake(&self, host: &str, mode: TlsMode, stream: BoxedStream) -> io::Result<BoxedStream> {
        let name = ServerName::try_from(host.to_string())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "host name cannot be used with TLS"))?;
        let connector = TlsConnector::from(self.config(mode).clone());
        let stream = connector.connect(name, stream).await?;
        if mode.strict {
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            if let Some(key) = certificate.and_then(key_hash) {
                self.keys.remember(host, key);
            }
        }
        Ok(Box::new(stream))
    }
}

fn config_set(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigSet, rustls::Error> {
    let base = |sni: bool, alpn: Option<Protocol>| {
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        // Tickets shared between profiles would show the server that they belong together.
        config.resumption = Resumption::disabled();
        config.enable_sni = sni;
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.name().as_bytes().to_vec()).collect();
        Ok::<_, rustls::Error>(Arc::new(config))
    };
    Ok(ConfigSet {
        plain: base(true, None)?,
        imap: base(true, Some(Protocol::Imap))?,
        smtp: base(true, Some(Protocol::Smtp))?,
        without_sni: base(false, None)?,
    })
}

#[derive(Debug)]
struct StrictVerifier {
    webpki: Arc<WebPkiServerVerifier>,
    keys: Arc<KeyMemory>,
}

impl ServerCertVerifier for StrictVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let host = server_name.to_str();
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&certificate, server_name)?;
        let known = || key_hash(end_entity).is_some_and(|key| self.keys.knows(&host, &key));
        if host.starts_with('_') || known() {
            return Ok(ServerCertVerified::assertion());
        }
        self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Accepts everything: the user asked for a connection without checks.
#[derive(Debug)]
struct RelaxedVerifier {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for RelaxedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if end_entity.is_empty() {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    // Old servers have keys that are too weak to verify; without a trusted certificate the signature proves nothing.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
