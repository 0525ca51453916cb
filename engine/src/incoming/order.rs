//! In which order the mails of a batch are taken in.
//!
//! Relays deliver several mails at once, so that mails sent in a row may get their UIDs in another order, while their
//! dates tell seconds only. `References` names the message that was the newest of the chat when a mail was written: a
//! mail never comes before one that it follows. Who joins a channel is sent its latest posts again: they come after the
//! mail that tells of joining, though that one names them.

use std::collections::HashMap;

/// What a mail says about its place.
pub struct Links<'a> {
    /// Its Message-ID.
    pub mid: &'a str,
    /// Messages that it follows, the nearest last.
    pub references: Vec<&'a str>,
    /// The channel that it belongs to.
    pub channel: Option<&'a str>,
    /// It adds somebody to this channel.
    pub admits: bool,
}

/// The positions of the mails in the order in which they are taken in: as they came, each after the nearest one that
/// it follows, and who is added to a channel first of what belongs to it. Each position occurs once, whatever the mails
/// claim.
pub fn by_references(mails: &[Links<'_>]) -> Vec<usize> {
    let mut admissions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, mail) in mails.iter().enumerate().filter(|(_, mail)| mail.admits) {
        admissions.entry(mail.channel.unwrap_or_default()).or_default().push(at);
    }
    let positions: HashMap<&str, usize> =
        mails.iter().enumerate().rev().map(|(at, mail)| (mail.mid, at)).collect();
    let followed = |at: usize| {
        let references = mails[at].references.iter().rev();
        references.filter(|_| !mails[at].admits).find_map(|mid| positions.get(mid).copied())
    };
    let mut placed = vec![false; mails.len()];
    let mut order = Vec::with_capacity(mails.len());
    for (first, mail) in mails.iter().enumerate() {
        for at in mail.channel.and_then(|channel| admissions.remove(channel)).unwrap_or_default() {
            if !std::mem::replace(&mut placed[at], true) {
                order.push(at);
            }
        }
        let mut chain = Vec::new();
        let mut next = Some(first);
        while let Some(at) = next.filter(|at| !placed[*at]) {
            placed[at] = true;
            chain.push(at);
            next = followed(at);
        }
        order.extend(chain.into_iter().rev());
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(mails: &[(&str, &[&str])]) -> Vec<usize> {
        let links: Vec<Links<'_>> =
            mails.iter().map(|(mid, references)| link(mid, references.to_vec())).collect();
        by_references(&links)
    }

    fn link<'a>(mid: &'a str, references: Vec<&'a str>) -> Links<'a> {
        Links { mid, references, channel: None, admits: false }
    }

    #[test]
    fn mails_that_came_in_order_stay_so() {
        assert_eq!(order(&[("a", &["a"]), ("b", &["a"]), ("x", &[]), ("c", &["a", "b"])]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_mail_that_came_too_early_waits_for_the_one_that_it_follows() {
        assert_eq!(order(&[("b", &["a"]), ("x", &["w"]), ("a", &["a"])]), [2, 0, 1]);
        assert_eq!(order(&[("d", &["b", "c"]), ("c", &["a", "b"]), ("b", &["a"]), ("a", &[])]), [3, 2, 1, 0]);
    }

    #[test]
    fn with_a_gap_in_the_chain_the_next_nearest_counts() {
        assert_eq!(order(&[("d", &["a", "b", "c"]), ("b", &["a"])]), [1, 0]);
    }

    #[test]
    fn who_joins_a_channel_hears_so_before_its_posts() {
        let channel = |mid, references, channel, admits| Links {
            channel: Some(channel),
            admits,
            ..link(mid, references)
        };
        let mails = [
            link("x", Vec::new()),
            channel("post", vec!["older"], "news", false),
            channel("other", Vec::new(), "jokes", false),
            channel("joined", vec!["post"], "news", true),
            channel("second", vec!["post"], "news", false),
        ];
        assert_eq!(by_references(&mails), [0, 3, 1, 2, 4]);
        // Elsewhere who is added comes after what the mail follows.
        assert_eq!(order(&[("joined", &["post"]), ("post", &[])]), [1, 0]);
    }

    #[test]
    fn circles_and_doubles_lose_nothing() {
        assert_eq!(order(&[("a", &["b"]), ("b", &["a"])]), [1, 0]);
        assert_eq!(order(&[("a", &["a", "a"]), ("a", &["a"])]), [0, 1]);
    }

    proptest! {
        #[test]
        fn every_mail_has_one_place(links in prop::collection::vec((0u8..12, prop::collection::vec(0u8..12, 0..4)), 0..24)) {
            let names: Vec<String> = (0u8..12).map(|number| number.to_string()).collect();
            let mails: Vec<Links<'_>> = links
                .iter()
                .map(|(mid, references)| {
                    let names = |mid: &u8| names[usize::from(*mid)].as_str();
                    let channel = (*mid % 3 > 0).then_some(if *mid % 2 > 0 { "odd" } else { "even" });
                    let admits = channel.is_some() && *mid % 5 > 2;
                    Links { channel, admits, ..link(names(mid), references.iter().map(names).collect()) }
                })
                .collect();
            let mut order = by_references(&mails);
            order.sort_unstable();
            prop_assert_eq!(order, (0..mails.len()).collect::<Vec<_>>());
        }

        #[test]
        fn a_chain_is_mended_however_it_was_torn(shuffled in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle()) {
            let names: Vec<String> = (0..40).map(|number| number.to_string()).collect();
            let mails: Vec<Links<'_>> = shuffled
                .iter()
                .map(|number| {
                    let before = names[number.saturating_sub(3)..*number].iter();
                    link(&names[*number], before.map(String::as_str).collect())
                })
                .collect();
            let mended: Vec<usize> = by_references(&mails).into_iter().map(|at| shuffled[at]).collect();
            prop_assert_eq!(mended, (0..40).collect::<Vec<_>>());
        }
    }
}
