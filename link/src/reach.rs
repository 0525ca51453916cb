//! Whether a server can be reached at all, before anything is said to it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;
use volary_mail::{login::Protocol, proxy::ProxyUrl};

use crate::connect::{Network, first_success, tcp_connect, unix_now};
use crate::proxy::tunnel;

/// Longest wait.
const DEADLINE: Duration = Duration::from_secs(20);

/// Opens a connection to `port` of `host`, through the proxy if there is one, and drops it.
pub async fn reaches(network: &Network, proxy: Option<&ProxyUrl>, host: &str, port: u16) -> bool {
    let attempt = async {
        if let Some(proxy) = proxy {
            return tunnel(proxy, network, host, port).await.is_ok();
        }
        let ips = network.resolver().addresses(host, port, Protocol::Imap, false, unix_now()).await;
        first_success(ips, |ip| tcp_connect(SocketAddr::new(ip, port))).await.is_ok()
    };
    timeout(DEADLINE, attempt).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_is_reached_while_it_listens() {
        let network = Network::with_defaults().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(reaches(&network, None, "127.0.0.1", port).await);
        drop(listener);
        assert!(!reaches(&network, None, "127.0.0.1", port).await);
    }
}
