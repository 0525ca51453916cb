//! The QUIC endpoint of a transfer, with a fresh key, and where it is reached.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use iroh::endpoint::{TransportConfig, VarInt};
use iroh::{Endpoint, NodeAddr, RelayMode};
use tokio::time::timeout;
use volary_mail::qr;

use crate::TransferError;
use crate::protocol::ALPN;

/// How often a connection shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// How long the other side may be silent, in milliseconds. Holds for connecting, too.
const IDLE_MS: u32 = 60_000;
/// How long the endpoint may take to find its own addresses.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(30);
/// How long connections may take to end in order.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How devices reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By the addresses of the interfaces of this device.
    Network,
    /// For tests: by the loopback interface. A taker tries the ports of the code there, whatever the addresses are.
    Loopback,
}

/// Opens an endpoint with a fresh key.
pub(crate) async fn open(reach: Reach) -> Result<Endpoint, TransferError> {
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    transport.max_idle_timeout(Some(VarInt::from_u32(IDLE_MS).into()));
    let builder = Endpoint::builder()
        .tls_x509()
        .alpns(vec![ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .clear_discovery()
        .transport_config(transport);
    let builder = match reach {
        Reach::Network => builder,
        Reach::Loopback => builder
            .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
            .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0)),
    };
    builder.bind().await.map_err(|error| TransferError::Open(error.to_string()))
}

/// Where others find an endpoint.
pub(crate) async fn address(endpoint: &Endpoint, reach: Reach) -> Result<qr::NodeAddr, TransferError> {
    let direct_addresses = match reach {
        Reach::Loopback => {
            let (v4, v6) = endpoint.bound_sockets();
            [Some(v4), v6].into_iter().flatten().collect::<BTreeSet<_>>()
        }
        Reach::Network => {
            let mut found = endpoint.direct_addresses();
            let found = timeout(ADDRESS_DEADLINE, found.initialized()).await;
            let found = found.ok().and_then(Result::ok).ok_or(TransferError::NoAddress)?;
            found.into_iter().map(|address| address.addr).collect()
        }
    };
    if direct_addresses.is_empty() {
        return Err(TransferError::NoAddress);
    }
    Ok(qr::NodeAddr { node_id: *endpoint.node_id().as_bytes(), relay_url: None, direct_addresses })
}

/// Where the giver of a code is.
pub(crate) fn target(node: &qr::NodeAddr, reach: Reach) -> Result<NodeAddr, TransferError> {
    let id =
        iroh::NodeId::from_bytes(&node.node_id).map_err(|error| TransferError::Node(error.to_string()))?;
    let ways: Vec<SocketAddr> = match reach {
        Reach::Network => node.direct_addresses.iter().copied().collect(),
        Reach::Loopback => node.direct_addresses.iter().map(on_loopback).collect(),
    };
    // A relay in the code is not used: no device of today offers one.
    Ok(NodeAddr::from_parts(id, None, ways))
}

fn on_loopback(address: &SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    }
}

/// Ends an endpoint with all its connections.
pub(crate) async fn close(endpoint: &Endpoint) {
    if timeout(CLOSE_DEADLINE, endpoint.close()).await.is_err() {
        tracing::debug!("the endpoint of a transfer did not end in time");
    }
}
