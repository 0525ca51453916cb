//! What a connection asks besides mail: fill level of the mailbox and facts about the server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use volary_proto::{RelayQuota, RelayQuotaResource, RelayQuotaRoot, RelayServer, relay_notice::Notice};

use volary_mail::push::is_sendable;

use volary_link::{
    imap::{ALL_ENTRIES, ImapError, REFRESHED_ENTRIES, ServerInfo},
    unix_now,
};

use super::run::{End, Serving};

/// Quota is checked at most this often.
const QUOTA_INTERVAL: Duration = Duration::from_secs(60);
/// Where relays keep the tokens of devices.
const INBOX: &str = "INBOX";
const DEVICE_TOKEN: &str = "/private/devicetoken";

impl Serving<'_> {
    /// Asks for the fill level of the mailbox, not too often. A refusal is shown, not an error.
    pub(super) async fn check_quota(&mut self) -> Result<(), End> {
        let due = self.quota_checked.is_none_or(|at| at.elapsed() >= QUOTA_INTERVAL);
        if !self.session.capabilities.quota || !due {
            return Ok(());
        }
        self.quota_checked = Some(Instant::now());
        let quota = match self.session.quota(self.shared.params.login.folder()).await {
            Ok(roots) => RelayQuota {
                roots: roots
                    .into_iter()
                    .map(|(name, resources)| RelayQuotaRoot {
                        name,
                        resources: resources
                            .into_iter()
                            .map(|r| RelayQuotaResource { name: r.name, usage: r.usage, limit: r.limit })
                            .collect(),
                    })
                    .collect(),
                error: String::new(),
            },
            Err(error @ (ImapError::No(_) | ImapError::Bad(_) | ImapError::Protocol(_))) => {
                RelayQuota { roots: Vec::new(), error: error.to_string() }
            }
            Err(error) => return Err(error.into()),
        };
        Ok(self.shared.notify(Notice::Quota(quota)).await?)
    }

    /// Learns what the server reports about itself, once per host and process.
    pub(super) async fn check_server(&mut self) -> Result<(), End> {
        let network = self.shared.network.clone();
        let now = unix_now();
        let known = network.server_info(&self.host);
        let info = match known {
            Some(info) if now < info.refresh_at => info,
            known => {
                let entries = if known.is_some() { REFRESHED_ENTRIES } else { ALL_ENTRIES };
                let mut info = known.map(|info| ServerInfo::clone(&info)).unwrap_or_default();
                info.has_quota = self.session.capabilities.quota;
                info.has_push = self.session.capabilities.push;
                let values = match self.session.capabilities.metadata {
                    true => match self.session.metadata(entries).await {
                        Ok(values) => values,
                        Err(ImapError::No(_) | ImapError::Bad(_)) => Vec::new(),
                        Err(error) => return Err(error.into()),
                    },
                    false => Vec::new(),
                };
                info.update(values, now);
                let info = Arc::new(info);
                network.remember_server(&self.host, info.clone());
                self.server_reported = false;
                info
            }
        };
        if !std::mem::replace(&mut self.server_reported, true) {
            self.shared.notify(Notice::Server(server_notice(&info))).await?;
        }
        if info.has_push || info.max_smtp_recipients.is_some() {
            self.give_push_token().await?;
        }
        Ok(())
    }

    /// Leaves the device token with the relay, once per connection. A refusal costs notifications and nothing else.
    async fn give_push_token(&mut self) -> Result<(), End> {
        let Some(token) = self.shared.params.push_token.clone() else { return Ok(()) };
        let usable = self.session.capabilities.metadata && is_sendable(&token);
        if std::mem::replace(&mut self.push_given, true) || !usable {
            return Ok(());
        }
        match self.session.set_metadata(INBOX, DEVICE_TOKEN, &token).await {
            Err(error) if error.is_refusal() => {
                let (profile, relay) = self.shared.log_fields();
                tracing::info!(%profile, %relay, %error, "the server refuses the device token");
                Ok(())
            }
            other => Ok(other?),
        }
    }
}

fn server_notice(info: &ServerInfo) -> RelayServer {
    RelayServer {
        comment: info.comment.clone(),
        admin: info.admin.clone(),
        iroh_relay: info.iroh_relay.clone(),
        turn: info.turn.clone(),
        max_smtp_recipients: info.max_smtp_recipients,
        app_versions: info.app_versions.clone(),
        has_quota: info.has_quota,
        has_push: info.has_push,
    }
}
