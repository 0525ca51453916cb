//! Introductions.

use proptest::prelude::*;

use super::*;
use Verification::{Direct, Introduced, IntroducedBy};

const NONE: Verification<u32> = Verification::None;

#[test]
fn only_verified_contacts_introduce() {
    assert_eq!(NONE.after_introduction(Introducer::Contact(10, NONE)), None);
    assert_eq!(NONE.after_introduction(Introducer::Contact(10, Direct)), Some(IntroducedBy(10)));
    assert_eq!(NONE.after_introduction(Introducer::Contact(10, IntroducedBy(9))), Some(IntroducedBy(10)));
    assert_eq!(NONE.after_introduction(Introducer::Contact(10, Introduced)), Some(Introduced));
    assert_eq!(NONE.after_introduction(Introducer::SelfDevice), Some(Introduced));
}

#[test]
fn introducers_stay() {
    let by = Introducer::Contact(11, Direct);
    assert_eq!(Direct.after_introduction(by), None);
    assert_eq!(IntroducedBy(10).after_introduction(by), None);
    assert_eq!(Introduced.after_introduction(by), Some(IntroducedBy(11)));
    assert_eq!(Introduced.after_introduction(Introducer::<u32>::SelfDevice), None);
}

#[test]
fn chains_are_followed_to_their_end() {
    let facts = |contact: u32| match contact {
        10 => Direct,
        11 => IntroducedBy(10),
        12 => IntroducedBy(11),
        13 => IntroducedBy(13),
        _ => Introduced,
    };
    assert_eq!(facts(12).chain(facts), Some(vec![11, 10]));
    assert_eq!(facts(10).chain(facts), Some(vec![]));
    assert_eq!(facts(13).chain(facts), None, "loops end");
    assert_eq!(facts(14).chain(facts), None);
    assert!(facts(12).is_vouched_for() && !facts(14).is_vouched_for() && facts(14).is_verified());
}

proptest! {
    /// Whoever introduces whom in whatever order: every chain ends.
    #[test]
    fn introductions_make_no_loops(events in prop::collection::vec((0..6usize, 0..6usize), 0..60)) {
        let mut contacts = [NONE; 6];
        contacts[0] = Direct;
        for (by, whom) in events {
            if by != whom
                && let Some(new) = contacts[whom].after_introduction(Introducer::Contact(by as u32, contacts[by]))
            {
                contacts[whom] = new;
            }
        }
        for contact in contacts {
            if contact.is_vouched_for() {
                prop_assert!(contact.chain(|c| contacts[c as usize]).is_some());
            }
        }
    }
}
