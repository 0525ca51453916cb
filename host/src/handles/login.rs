//! How to reach a relay, where its code does not say it.

use volary_proto::{CertificateChecks, EnteredLoginParam, Socket};

/// An address with its password. Servers, ports and security are found by the domain, unless they are given.
#[derive(Clone, Debug)]
pub struct Login {
    param: EnteredLoginParam,
}

impl Login {
    /// The address and the password of its mailbox.
    pub fn new(address: impl Into<String>, password: impl Into<String>) -> Self {
        let param =
            EnteredLoginParam { addr: address.into(), password: password.into(), ..Default::default() };
        Self { param }
    }

    /// The server for receiving.
    pub fn imap(mut self, host: impl Into<String>, port: u16, security: Socket) -> Self {
        self.param.imap_server = Some(host.into());
        self.param.imap_port = Some(port.into());
        self.param.set_imap_security(security);
        self
    }

    /// The server for sending.
    pub fn smtp(mut self, host: impl Into<String>, port: u16, security: Socket) -> Self {
        self.param.smtp_server = Some(host.into());
        self.param.smtp_port = Some(port.into());
        self.param.set_smtp_security(security);
        self
    }

    /// How certificates of the servers are checked.
    pub fn certificates(mut self, checks: CertificateChecks) -> Self {
        self.param.set_certificate_checks(checks);
        self
    }
}

impl From<Login> for EnteredLoginParam {
    fn from(login: Login) -> Self {
        login.param
    }
}

/// For what has no method here.
impl From<EnteredLoginParam> for Login {
    fn from(param: EnteredLoginParam) -> Self {
        Self { param }
    }
}
