//! The fan-in rule: while one relay of a profile downloads a mail, the others wait for it. Pure.
//!
//! A mail lies on several relays under the same Message-ID. The relay that is answered first gets a claim for its copy.
//! The claim ends when the batch that brought the copy is answered ([`FanIn::release`]), or when the connection is lost
//! or has nothing under way any more ([`FanIn::lost`]). Claims are kept copy by copy: a batch releases what it brought,
//! and nothing of the batch behind it. There is one instance for each profile, because only relays of one profile can
//! have the same mail.

use std::collections::HashMap;

use volary_engine::ground::ids::TransportId;
use volary_engine::state::copies::Place;

/// What the relays of a profile are downloading.
#[derive(Clone, Debug, Default)]
pub struct FanIn {
    /// Message-ID of each claimed copy.
    mids: HashMap<Place, String>,
    /// Claimed copies of each Message-ID, the earliest first; usually one.
    places: HashMap<String, Vec<Place>>,
}

impl FanIn {
    /// A copy is going to be downloaded.
    pub fn claim(&mut self, mid: &str, place: Place) {
        if self.mids.get(&place).is_some_and(|known| known == mid) {
            return;
        }
        self.release(place);
        self.mids.insert(place, mid.to_owned());
        self.places.entry(mid.to_owned()).or_default().push(place);
    }

    /// What was to become of a copy is known: it was taken in, or it is gone.
    pub fn release(&mut self, place: Place) {
        let Some(mid) = self.mids.remove(&place) else { return };
        if let Some(places) = self.places.get_mut(&mid) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.places.remove(&mid);
            }
        }
    }

    /// A relay brings nothing of what it has claimed: its connection is lost, or it has finished.
    pub fn lost(&mut self, transport: TransportId) {
        let gone: Vec<Place> =
            self.mids.keys().filter(|place| place.transport == transport).copied().collect();
        for place in gone {
            self.release(place);
        }
    }

    /// All connections are gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The relay that downloads a mail; the first, if there are several.
    pub fn holder(&self, mid: &str) -> Option<TransportId> {
        self.places.get(mid)?.first().map(|place| place.transport)
    }

    /// Whether a relay other than this one downloads a mail.
    pub fn held_by_other(&self, mid: &str, transport: TransportId) -> bool {
        self.places.get(mid).is_some_and(|places| places.iter().any(|place| place.transport != transport))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn place(transport: u32, uid: u32) -> Place {
        Place { transport: TransportId::new(transport), uid_validity: 1, uid }
    }

    #[test]
    fn a_batch_releases_what_it_brought_and_nothing_else() {
        let mut fan_in = FanIn::default();
        fan_in.claim("first", place(1, 1));
        fan_in.claim("second", place(1, 2));
        fan_in.release(place(1, 1));
        assert_eq!(fan_in.holder("first"), None);
        assert_eq!(fan_in.holder("second"), Some(TransportId::new(1)));
        assert!(
            fan_in.held_by_other("second", TransportId::new(2))
                && !fan_in.held_by_other("second", TransportId::new(1))
        );
    }

    #[test]
    fn a_lost_relay_makes_room_for_the_others() {
        let mut fan_in = FanIn::default();
        fan_in.claim("one", place(1, 1));
        fan_in.claim("two", place(2, 1));
        fan_in.lost(TransportId::new(1));
        assert_eq!((fan_in.holder("one"), fan_in.holder("two")), (None, Some(TransportId::new(2))));
    }

    #[test]
    fn two_copies_of_a_mail_on_one_relay_are_two_claims() {
        let mut fan_in = FanIn::default();
        fan_in.claim("twice", place(1, 1));
        fan_in.claim("twice", place(1, 2));
        fan_in.release(place(1, 1));
        assert_eq!(fan_in.holder("twice"), Some(TransportId::new(1)));
        fan_in.release(place(1, 2));
        assert_eq!(fan_in.holder("twice"), None);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Claim(u8, Place),
        Release(Place),
        Lost(TransportId),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let place = (1..4_u32, 0..5_u32).prop_map(|(transport, uid)| place(transport, uid));
        let step = prop_oneof![
            4 => (0..4_u8, place.clone()).prop_map(|(mid, place)| Step::Claim(mid, place)),
            3 => place.prop_map(Step::Release),
            1 => (1..4_u32).prop_map(|transport| Step::Lost(TransportId::new(transport))),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// Against the plainest way to say it: a table of copies.
        #[test]
        fn claims_are_those_of_the_copies_under_way(steps in steps()) {
            let mut fan_in = FanIn::default();
            let mut table: BTreeMap<Place, String> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Claim(mid, place) => {
                        fan_in.claim(&mid.to_string(), place);
                        table.insert(place, mid.to_string());
                    }
                    Step::Release(place) => {
                        fan_in.release(place);
                        table.remove(&place);
                    }
                    Step::Lost(transport) => {
                        fan_in.lost(transport);
                        table.retain(|place, _| place.transport != transport);
                    }
                }
                for mid in 0..4_u8 {
                    let mid = mid.to_string();
                    let by: Vec<TransportId> =
                        table.iter().filter(|(_, of)| **of == mid).map(|(place, _)| place.transport).collect();
                    let holder = fan_in.holder(&mid);
                    prop_assert_eq!(holder.is_some(), !by.is_empty());
                    prop_assert!(holder.is_none_or(|holder| by.contains(&holder)));
                    for transport in (1..4).map(TransportId::new) {
                        let other = by.iter().any(|one| *one != transport);
                        prop_assert_eq!(fan_in.held_by_other(&mid, transport), other);
                    }
                }
            }
            for transport in (1..4).map(TransportId::new) {
                fan_in.lost(transport);
            }
            prop_assert!(fan_in.mids.is_empty() && fan_in.places.is_empty(), "nothing is left behind");
        }
    }
}
