//! Two people with fixed keys, and the mails they write.

use std::sync::LazyLock;

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use volary_mail::address::Address;
use volary_mail::message::{
    Body, ChatBody, Mailbox, MessageId, OuterHeaders, Outgoing, Recipients, render_encrypted, render_payload,
};
use volary_mail::openpgp::{Certificate, Layers, SecretKey, encrypt};

/// The time at which everything happens.
pub const NOW: i64 = 1_795_469_034;

/// Somebody with a key.
pub struct Person {
    /// Name and address.
    pub mailbox: Mailbox,
    /// The key.
    pub key: SecretKey,
    /// What others know of it.
    pub certificate: Certificate,
}

/// Who writes.
pub static ALICE: LazyLock<Person> = LazyLock::new(|| Person::new("Alice", "alice@example.org", 1));
/// Who reads.
pub static BOB: LazyLock<Person> = LazyLock::new(|| Person::new("Bob", "bob@example.net", 2));

impl Person {
    fn new(name: &str, address: &str, seed: u64) -> Self {
        let parsed = Address::parse(address).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = SecretKey::generate(&parsed, NOW - 1000, &mut rng).unwrap();
        let certificate =
            key.certificate(&parsed, std::slice::from_ref(&parsed), NOW - 500, &mut rng).unwrap();
        Self { mailbox: Mailbox::new(name, address), key, certificate }
    }
}

/// A generator that always draws the same.
pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

/// A mail from Alice to Bob that is ready to be filled in.
pub fn outgoing(body: Body) -> Outgoing {
    let to = Recipients::Listed(vec![BOB.mailbox.clone()]);
    Outgoing::new(ALICE.mailbox.clone(), to, id("own@localhost"), NOW, body)
}

/// The same, with a text.
pub fn text(text: &str) -> Outgoing {
    outgoing(Body::Chat(Box::new(ChatBody { text: text.to_owned(), ..ChatBody::default() })))
}

/// A message id.
pub fn id(text: &str) -> MessageId {
    MessageId::parse(text).unwrap()
}

/// What is encrypted of a mail.
pub fn payload(outgoing: &Outgoing) -> Vec<u8> {
    let mut rng = rng();
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    render_payload(outgoing, &outer, &mut rng)
}

/// What a relay sees of a mail when `armored` is its content.
pub fn frame(outgoing: &Outgoing, armored: &str) -> Vec<u8> {
    let mut rng = rng();
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    render_encrypted(&outer, armored, &mut rng)
}

/// Signed by Alice and encrypted to Bob.
pub fn encrypted(payload: Vec<u8>, layers: Layers) -> String {
    let to = std::slice::from_ref(&BOB.certificate);
    encrypt(payload, &ALICE.key, to, layers, NOW, &mut rng()).unwrap()
}

/// A whole mail as it lies on a relay.
pub fn mail(outgoing: &Outgoing) -> Vec<u8> {
    frame(outgoing, &encrypted(payload(outgoing), Layers::MESSAGE))
}
