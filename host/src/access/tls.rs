//! Certificate and key of a listener. They can be read anew while it accepts connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::ListenError;

/// Files in PEM form.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What connections get to see at the moment.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads the files.
    pub fn read(files: TlsFiles) -> Result<Arc<Self>, ListenError> {
        let current = RwLock::new(Arc::new(load(&files)?));
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files anew. If they make no sense, what was there before stays.
    pub fn reload(&self) -> Result<(), ListenError> {
        let fresh = load(&self.files)?;
        *self.current.write() = Arc::new(fresh);
        Ok(())
    }

    /// Greets connections. The protocols are those that clients may ask for.
    pub fn acceptor(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<TlsAcceptor, ListenError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|config| config.with_no_client_auth().with_cert_resolver(self.clone()))
            .map_err(|error| failed(&self.files.certificate, error.into()))?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().clone())
    }
}

fn load(files: &TlsFiles) -> Result<CertifiedKey, ListenError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| failed(&files.certificate, error.into()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error.into()))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| failed(&files.certificate, error.into()))
}

fn failed(path: &Path, error: Box<dyn std::error::Error + Send + Sync>) -> ListenError {
    ListenError::Tls { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(files: &TlsFiles) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    #[test]
    fn files_that_were_renewed_are_used_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: folder.path().join("cert"), key: folder.path().join("key") };
        assert!(Certificates::read(files.clone()).is_err());
        let first = write(&files);
        let certificates = Certificates::read(files.clone()).unwrap();
        let shown = || certificates.current.read().cert[0].clone();
        assert_eq!(shown(), first);
        let second = write(&files);
        certificates.reload().unwrap();
        assert_eq!(shown(), second);
        fs::write(&files.certificate, "no certificate").unwrap();
        assert!(certificates.reload().is_err());
        assert_eq!(shown(), second, "it stays");
    }
}
