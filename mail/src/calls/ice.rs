//! Servers through which media find their way: what relays say about theirs, the fallback, and what clients get.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

/// Longest name of a host or of a user, and longest password.
const MAX_PART: usize = 255;
/// Most servers of one setting.
const MAX_FALLBACK: usize = 16;
/// Port of STUN and TURN.
const DEFAULT_PORT: u16 = 3478;

/// A server for media.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IceServer {
    /// Name of the host or IP address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password of a TURN server. A STUN server has none.
    pub credentials: Option<(String, String)>,
}

/// Passwords stay out of logs.
impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.credentials.is_some() { "turn" } else { "stun" };
        write!(f, "{kind}:{}:{}", self.host, self.port)
    }
}

/// Reads the METADATA entry of a relay, `HOST:PORT:TIMESTAMP:PASSWORD`. The time at which it expires (Unix seconds) is
/// also the user name. `None` if it is malformed.
pub fn from_metadata(entry: &str) -> Option<(IceServer, i64)> {
    let mut parts = entry.splitn(4, ':');
    let (host, port, user, password) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let expires_at = user.parse().ok()?;
    Some((turn(host, port, user, password)?, expires_at))
}

/// Reads the setting with servers to use when no relay has any: one a line, `stun:HOST[:PORT]` or
/// `turn:HOST:PORT:USER:PASSWORD`. Lines that say something else are left out.
pub fn from_setting(text: &str) -> Vec<IceServer> {
    text.lines().map(str::trim).filter_map(one_of_setting).take(MAX_FALLBACK).collect()
}

fn one_of_setting(line: &str) -> Option<IceServer> {
    let (kind, rest) = line.split_once(':')?;
    let mut parts = rest.splitn(4, ':');
    let (host, port) = (parts.next()?, parts.next());
    match kind {
        "turn" => turn(host, port?, parts.next()?, parts.next()?),
        "stun" if parts.next().is_none() => {
            let port = port.map_or(Some(DEFAULT_PORT), port_number)?;
            is_part(host).then(|| IceServer { host: host.to_owned(), port, credentials: None })
        }
        _ => None,
    }
}

fn turn(host: &str, port: &str, user: &str, password: &str) -> Option<IceServer> {
    let port = port_number(port)?;
    let all_good = [host, user, password].into_iter().all(is_part);
    all_good.then(|| IceServer {
        host: host.to_owned(),
        port,
        credentials: Some((user.to_owned(), password.to_owned())),
    })
}

fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_PART
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The servers to use: those that relays (`entries`, their METADATA) have and that have not expired, sorted, each once;
/// those of the fallback if there is none.
pub fn choose<'a>(
    entries: impl IntoIterator<Item = &'a str>,
    fallback: &[IceServer],
    now: i64,
) -> Vec<IceServer> {
    let of_relays = entries.into_iter().filter_map(from_metadata);
    let mut servers: Vec<_> =
        of_relays.filter(|(_, expires_at)| *expires_at > now).map(|(server, _)| server).collect();
    if servers.is_empty() {
        servers = fallback.to_vec();
    }
    servers.sort();
    servers.dedup();
    servers
}

#[derive(Serialize)]
struct Entry<'a> {
    urls: Vec<String>,
    username: Option<&'a str>,
    credential: Option<&'a str>,
}

/// What clients give to `RTCPeerConnection`: a JSON list with the addresses of each server. One without is left out.
pub fn to_json(servers: &[(IceServer, Vec<IpAddr>)]) -> String {
    let entries = servers.iter().filter(|(_, addresses)| !addresses.is_empty()).map(|(server, addresses)| {
        let kind = if server.credentials.is_some() { "turn" } else { "stun" };
        let url = |ip: &IpAddr| format!("{kind}:{}", SocketAddr::new(*ip, server.port));
        Entry {
            urls: addresses.iter().map(url).collect(),
            username: server.credentials.as_ref().map(|(user, _)| user.as_str()),
            credential: server.credentials.as_ref().map(|(_, password)| password.as_str()),
        }
    });
    // Strings and lists always have a JSON form.
    serde_json::to_string(&entries.collect::<Vec<_>>()).unwrap_or_else(|_| "[]".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "turn.example.org:3478:1758650868:8Dqkyyu11MVESBqjbIylmB06rv8=";

    fn shown(servers: &[IceServer]) -> Vec<String> {
        servers.iter().map(|server| format!("{server:?} {:?}", server.credentials)).collect()
    }

    #[test]
    fn the_entry_of_a_relay_is_split_at_its_first_three_colons() {
        let (server, expires_at) = from_metadata("turn.example.org:3478:1758650868:a:b:").unwrap();
        assert_eq!(
            (format!("{server:?}").as_str(), expires_at),
            ("turn:turn.example.org:3478", 1_758_650_868)
        );
        assert_eq!(server.credentials, Some(("1758650868".into(), "a:b:".into())));
        let long = format!("{}:3478:1758650868:x", "h".repeat(300));
        for bad in [
            "",
            "nonsense",
            "h:3478:1758650868",
            "h:3478:soon:x",
            "h:0:1:x",
            "h:70000:1:x",
            ":3478:1:x",
            "h:3478:1:",
            "h x:3478:1:x",
            "h:3478:1:x\r\ny",
            "h:-1:1:x",
            "h:3478:99999999999999999999:x",
            &long,
        ] {
            assert!(from_metadata(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn servers_of_all_relays_are_merged() {
        let other = "a.example.org:443:1758650868:x";
        let servers = choose([ENTRY, other, ENTRY, "nonsense"], &[], 0);
        assert_eq!(
            shown(&servers),
            [
                "turn:a.example.org:443 Some((\"1758650868\", \"x\"))",
                "turn:turn.example.org:3478 Some((\"1758650868\", \"8Dqkyyu11MVESBqjbIylmB06rv8=\"))"
            ]
        );
    }

    #[test]
    fn the_fallback_is_used_only_when_no_relay_has_a_server() {
        let fallback = from_setting(
            "stun:s.example.org\n\n turn:t.example.org:3479:user:pa:ss \nhttp://x\nstun:s:1:2\nturn:t:1\nstun:\nstun:s:0",
        );
        let expected =
            ["stun:s.example.org:3478 None", "turn:t.example.org:3479 Some((\"user\", \"pa:ss\"))"];
        assert_eq!(shown(&fallback), expected);
        assert_eq!(shown(&choose([], &fallback, 0)), expected);
        assert_eq!(shown(&choose(["nonsense"], &fallback, 0)), expected);
        assert_eq!(choose([ENTRY], &fallback, 1_758_650_867).len(), 1);
        assert_eq!(shown(&choose([ENTRY], &fallback, 1_758_650_868)), expected, "an expired one is none");
        assert_eq!(from_setting(&"stun:h\n".repeat(100)).len(), MAX_FALLBACK);
    }

    #[test]
    fn clients_get_addresses_and_no_names() {
        let (server, _) = from_metadata(ENTRY).unwrap();
        let stun = from_setting("stun:s.example.org:3479").remove(0);
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let json = to_json(&[
            (server.clone(), ips(&["192.0.2.7", "2001:db8::7"])),
            (server, Vec::new()),
            (stun, ips(&["192.0.2.8"])),
        ]);
        assert_eq!(
            json,
            "[{\"urls\":[\"turn:192.0.2.7:3478\",\"turn:[2001:db8::7]:3478\"],\"username\":\"1758650868\",\
             \"credential\":\"8Dqkyyu11MVESBqjbIylmB06rv8=\"},\
             {\"urls\":[\"stun:192.0.2.8:3479\"],\"username\":null,\"credential\":null}]"
        );
        assert_eq!(to_json(&[]), "[]");
    }

    #[test]
    fn logs_hold_no_password() {
        assert!(!format!("{:?}", from_metadata(ENTRY)).contains("8Dqk"));
    }
}
