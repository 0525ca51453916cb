//! Mails that come to the profile of a test.

use volary_mail::message::{OuterHeaders, Outgoing, render_encrypted, render_payload};
use volary_mail::openpgp::{Layers, SecretKey, encrypt};

use super::open::{Sources, open};
use super::{Source, take_in};
use crate::ground::ids::TransportId;
use crate::state::copies::Place;
use crate::state::keys;
use crate::testing::{Desk, PROFILE};

impl Desk {
    /// A mail comes that `signer` has encrypted to the profile and signed.
    pub async fn gets(&self, signer: &SecretKey, mail: &Outgoing) {
        let rng = &mut rand::thread_rng();
        let own = self.db.read(|view| keys::own_certificate(view, self.db.keys(), PROFILE)).unwrap().unwrap();
        let outer = OuterHeaders::draw(mail, self.now(), rng);
        let payload = render_payload(mail, &outer, rng);
        let layers = Layers { signed: true, compressed: false };
        let armored = encrypt(payload, signer, &[own], layers, self.now(), rng).unwrap();
        self.gets_raw(&render_encrypted(&outer, &armored, rng)).await;
    }

    /// A mail comes.
    pub async fn gets_raw(&self, raw: &[u8]) {
        let sources = Sources { db: &self.db, profile: PROFILE, blob_dir: self.dir.path() };
        let opened = open(&sources, raw, false).unwrap();
        let uid = rand::random();
        let place = Place { transport: TransportId::new(1), uid_validity: 1, uid };
        self.change(move |tx| take_in(tx, Source::Relay(place), &opened)).await;
    }
}
