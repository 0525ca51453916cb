//! What a server reports about itself with METADATA. Pure.

use bytes::Bytes;
use volary_mail::calls::ice::from_metadata;

/// Entries asked for at the first login on a host.
pub const ALL_ENTRIES: &str = "/shared/comment /shared/admin /shared/vendor/deltachat/irohrelay \
     /shared/vendor/deltachat/turn /shared/vendor/deltachat/maxsmtprecipients \
     /shared/vendor/deltachat/appversions";
/// Entries asked for when the TURN credentials run out.
pub const REFRESHED_ENTRIES: &str = "/shared/vendor/deltachat/turn /shared/vendor/deltachat/appversions";
/// TURN credentials are refreshed when they live shorter than this, in seconds.
pub const TURN_MIN_LIFE: i64 = 12 * 3600;
/// Without TURN credentials the server is asked again after this time, in seconds.
pub const REFRESH_WITHOUT_TURN: i64 = 7 * 24 * 3600;
/// Longest value that is kept.
const MAX_VALUE: usize = 64 * 1024;

/// Facts about a server, the same for all its users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// `/shared/comment`.
    pub comment: Option<String>,
    /// `/shared/admin`.
    pub admin: Option<String>,
    /// URL of the relay for peer-to-peer channels.
    pub iroh_relay: Option<String>,
    /// TURN entry: `host:port:timestamp:password`.
    pub turn: Option<String>,
    /// Largest number of recipients of a transaction.
    pub max_smtp_recipients: Option<u32>,
    /// JSON list of application versions.
    pub app_versions: Option<String>,
    /// Capability `QUOTA`.
    pub has_quota: bool,
    /// Capability `XDELTAPUSH`.
    pub has_push: bool,
    /// Unix time at which the server shall be asked again.
    pub refresh_at: i64,
}

impl ServerInfo {
    /// Takes over the values of a METADATA answer. Entries that are not in the answer keep their value.
    pub fn update(&mut self, entries: Vec<(String, Option<Bytes>)>, now: i64) {
        for (name, value) in entries {
            let value = value
                .filter(|value| value.len() <= MAX_VALUE)
                .and_then(|value| String::from_utf8(value.to_vec()).ok())
                .map(|value| value.trim().to_string())
                .filter(|value| !value.is_empty());
            match name.to_ascii_lowercase().as_str() {
                "/shared/comment" => self.comment = value,
                "/shared/admin" => self.admin = value,
                "/shared/vendor/deltachat/irohrelay" => {
                    self.iroh_relay =
                        value.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
                }
                "/shared/vendor/deltachat/turn" => self.turn = value,
                "/shared/vendor/deltachat/maxsmtprecipients" => {
                    self.max_smtp_recipients = value.and_then(|n| n.parse().ok()).map(|n: u32| n.max(1));
                }
                "/shared/vendor/deltachat/appversions" => self.app_versions = value,
                _ => {}
            }
        }
        self.refresh_at = match self.turn.as_deref().and_then(from_metadata) {
            Some((_, expiry)) => expiry.saturating_sub(TURN_MIN_LIFE),
            None => now.saturating_add(REFRESH_WITHOUT_TURN),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &'static str) -> (String, Option<Bytes>) {
        (name.to_string(), Some(Bytes::from_static(value.as_bytes())))
    }

    #[test]
    fn values_are_taken_over_and_odd_ones_ignored() {
        let mut info = ServerInfo::default();
        info.update(
            vec![
                entry("/shared/vendor/deltachat/maxsmtprecipients", "0"),
                entry("/shared/vendor/deltachat/irohrelay", "no url"),
                entry("/shared/vendor/deltachat/turn", "turn.example.org:3478:2000000000:pa:ss"),
                ("/shared/comment".into(), None),
            ],
            1_900_000_000,
        );
        assert_eq!((info.max_smtp_recipients, info.iroh_relay.as_deref()), (Some(1), None));
        assert_eq!(info.refresh_at, 2_000_000_000 - TURN_MIN_LIFE);
    }

    #[test]
    fn without_turn_the_server_is_asked_again_after_a_week() {
        let mut info = ServerInfo::default();
        info.update(vec![entry("/shared/vendor/deltachat/turn", "nonsense")], 100);
        assert_eq!(info.refresh_at, 100 + REFRESH_WITHOUT_TURN);
    }
}
