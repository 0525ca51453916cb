//! Which relays a profile takes by itself: one when it has none, later up to three.

use std::collections::{BTreeMap, BTreeSet};

use volary_mail::address::domain_of;
use volary_mail::securejoin::Invite;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;
use crate::state::{config, transports};

/// Relays on which anybody may make an account.
const PUBLIC_RELAYS: [&str; 5] =
    ["nine.testrun.org", "chatmail.au", "mailchat.pl", "tarpit.fun", "e2ee.wang"];
/// Most relays that are considered.
const MAX_CANDIDATES: usize = 50;
/// A profile with so many relays takes no further ones.
const ENOUGH: usize = 3;
/// Relays that are tried in a row.
pub const TRIES: usize = 3;
/// Seconds between two rounds.
const PAUSE: i64 = 3600;
/// A relay that was tried is not tried again for so many seconds.
const NOT_AGAIN: i64 = 7 * 24 * 3600;

/// The hosts to choose from: those of an invite, then those of the setting, or the public ones.
pub fn candidates(setting: &str, invite: Option<&Invite>) -> Vec<String> {
    let of_invite =
        invite.iter().flat_map(|invite| &invite.addresses).map(|address| domain_of(address.as_str()));
    let mut of_setting: Vec<&str> = setting.lines().map(str::trim).filter(|host| !host.is_empty()).collect();
    if of_setting.is_empty() {
        of_setting = PUBLIC_RELAYS.to_vec();
    }
    let mut known = BTreeSet::new();
    let all = of_invite.chain(of_setting).map(str::to_lowercase);
    all.filter(|host| known.insert(host.clone())).take(MAX_CANDIDATES).collect()
}

/// What the choice of further relays depends on.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The user, or the way in which the profile began, wants relays to be added.
    pub wanted: bool,
    /// There were enough once.
    pub finished: bool,
    /// When the last round was, 0 if never.
    pub last: i64,
    /// When relays were tried.
    pub tried: BTreeMap<String, i64>,
    /// Hosts of the own relays.
    pub used: Vec<String>,
    /// Hosts to choose from.
    pub candidates: Vec<String>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is nothing to try now.
    Nothing,
    /// There are enough relays, for ever.
    Finish,
    /// One of these is tried.
    OneOf(Vec<String>),
}

impl Choice {
    /// Reads it.
    pub fn load(view: &impl View, profile: ProfileId) -> Result<Self, StoreError> {
        let text = |key| config::get(view, profile, key).map(Option::unwrap_or_default);
        let own = transports::own_addrs(view, profile)?;
        Ok(Self {
            wanted: config::flag(view, profile, config::key::AUTORELAY)?,
            finished: config::flag(view, profile, config::key::AUTORELAY_FINISHED)?,
            last: config::number(view, profile, config::key::LAST_AUTORELAY)?,
            tried: tried_of(&text(config::key::AUTORELAY_TRIED)?),
            used: own.iter().map(|addr| domain_of(addr).to_owned()).collect(),
            candidates: candidates(&text(config::key::AUTORELAY_HOSTS)?, None),
        })
    }

    /// Whether a round begins now.
    pub fn is_due(&self, now: i64) -> bool {
        // A time in the future is one of a wrong clock.
        self.wanted && !self.finished && (self.last > now || now.saturating_sub(self.last) >= PAUSE)
    }

    /// The next step of a round.
    pub fn next(&self, now: i64) -> Next {
        if self.used.len() >= ENOUGH {
            return Next::Finish;
        }
        let is_fresh = |host: &&String| {
            let rested = self.tried.get(*host).is_none_or(|time| *time > now || now - time >= NOT_AGAIN);
            rested && !self.used.iter().any(|used| used.eq_ignore_ascii_case(host))
        };
        let hosts: Vec<String> = self.candidates.iter().filter(is_fresh).cloned().collect();
        if hosts.is_empty() { Next::Nothing } else { Next::OneOf(hosts) }
    }
}

/// A round begins.
pub fn begin(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let now = tx.now.to_string();
    config::set(tx, config::key::LAST_AUTORELAY, Some(&now))
}

/// A relay is about to be tried.
pub fn note_try(tx: &mut Tx<'_, '_>, host: &str) -> Result<(), StoreError> {
    let text = config::get(tx.store, tx.profile, config::key::AUTORELAY_TRIED)?.unwrap_or_default();
    let mut tried = tried_of(&text);
    let now = tx.now;
    tried.retain(|_, time| now.saturating_sub(*time) < NOT_AGAIN);
    tried.insert(host.to_owned(), now);
    let text = tried.iter().map(|(host, time)| format!("{host} {time}")).collect::<Vec<_>>().join("\n");
    config::set(tx, config::key::AUTORELAY_TRIED, Some(&text))
}

/// There are enough relays.
pub fn finish(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    config::set(tx, config::key::AUTORELAY_FINISHED, Some("1"))
}

/// A profile that began without choosing a relay gets further ones.
pub fn switch_on(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    config::set(tx, config::key::AUTORELAY, Some("1"))
}

fn tried_of(text: &str) -> BTreeMap<String, i64> {
    let line = |line: &str| {
        let (host, time) = line.split_once(' ')?;
        Some((host.to_owned(), time.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000_000;

    fn choice() -> Choice {
        let candidates = ["a.test", "b.test", "c.test"].map(str::to_owned).to_vec();
        Choice { wanted: true, candidates, ..Choice::default() }
    }

    #[test]
    fn the_hosts_of_an_invite_come_before_those_of_the_setting_or_the_public_ones() {
        assert_eq!(candidates("", None), PUBLIC_RELAYS);
        assert_eq!(candidates(" One.test \n\ntwo.test\none.test", None), ["one.test", "two.test"]);
        let code = "https://i.delta.chat/#0123456789ABCDEF0123456789ABCDEF01234567&v=3&i=abcdefghijklmnopqrstuvwx\
                    &s=abcdefghijklmnopqrstuvwx&a=bob%40two.test&n=Bob";
        let volary_mail::qr::Code::Invite(invite) = volary_mail::qr::parse(code).unwrap() else {
            panic!("no invite")
        };
        assert_eq!(candidates("one.test\ntwo.test", Some(&invite)), ["two.test", "one.test"]);
        let many: Vec<String> = (0..2 * MAX_CANDIDATES).map(|n| format!("{n}.test")).collect();
        assert_eq!(candidates(&many.join("\n"), None).len(), MAX_CANDIDATES);
    }

    #[test]
    fn a_round_begins_once_an_hour_until_there_are_enough() {
        assert!(choice().is_due(NOW));
        assert!(!Choice { wanted: false, ..choice() }.is_due(NOW));
        assert!(!Choice { finished: true, ..choice() }.is_due(NOW));
        for (last, due) in [(NOW - PAUSE + 1, false), (NOW - PAUSE, true), (NOW + 5, true)] {
            assert_eq!(Choice { last, ..choice() }.is_due(NOW), due, "{last}");
        }
    }

    #[test]
    fn a_host_that_is_used_or_was_tried_lately_is_passed_by() {
        let hosts = |choice: Choice| match choice.next(NOW) {
            Next::OneOf(hosts) => hosts,
            Next::Nothing | Next::Finish => Vec::new(),
        };
        let used = vec!["A.test".to_owned()];
        assert_eq!(hosts(Choice { used: used.clone(), ..choice() }), ["b.test", "c.test"]);
        let tried = tried_of(&format!("b.test {}\nc.test {}\nbroken", NOW - 1, NOW - NOT_AGAIN));
        assert_eq!(hosts(Choice { used: used.clone(), tried: tried.clone(), ..choice() }), ["c.test"]);
        let all = [used[0].clone(), "x.test".to_owned(), "y.test".to_owned()].to_vec();
        assert_eq!(Choice { used: all, ..choice() }.next(NOW), Next::Finish);
        assert_eq!(
            Choice { used, tried, candidates: vec!["b.test".to_owned()], ..choice() }.next(NOW),
            Next::Nothing
        );
    }
}
