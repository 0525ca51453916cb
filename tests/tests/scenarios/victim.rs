//! Somebody who gets mails that were written by hand, and somebody who writes them.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use volary_mail::address::Address;
use volary_mail::openpgp::{Certificate, Layers, SecretKey, encrypt};
use volary_mail::vcard::{self, Card};
use volary_proto::{
    CreateChatByContactId, GetChatlistEntries, ImportVcard, MakeVcard, VcardSource, vcard_source,
};
use volary_tests::{Chat, Person, World};

/// The date of the mails that are written by hand, Unix seconds.
pub const WRITTEN: i64 = 1_795_168_800;

/// Somebody who has friends, and what she has seen so far.
pub struct Victim {
    /// Relay and engine.
    pub world: World,
    /// The victim.
    pub alice: Person,
    /// Her friend.
    pub bob: Person,
    chats: usize,
    before: Vec<String>,
    fences: usize,
}

impl Victim {
    /// Alice, whose friend Bob has said hello.
    pub async fn new() -> Self {
        let world = World::new().await;
        let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
        alice.invites(&bob).await;
        bob.says(&alice, "hello").await;
        alice.sees("hello").await;
        let chats = alice.call(GetChatlistEntries::default()).await.ids.len();
        let before = texts_of(&alice).await;
        Self { world, alice, bob, chats, before, fences: 0 }
    }

    /// Lets her know somebody by a card; returns the chat.
    pub async fn knows(&mut self, author: &mut Author, name: &str) -> Chat {
        let source = VcardSource { kind: Some(vcard_source::Kind::Text(author.card(name))) };
        let contact_id = self.alice.call(ImportVcard { source: Some(source) }).await.ids[0];
        let id = self.alice.call(CreateChatByContactId { contact_id }).await.id;
        self.chats += 1;
        self.before = texts_of(&self.alice).await;
        Chat { person: self.alice.clone(), id }
    }

    /// Puts a mail into her mailbox.
    pub fn gets(&self, raw: impl Into<Vec<u8>>) {
        assert!(self.world.relay.inject(&self.alice.address, raw.into()), "the mail is in the mailbox");
    }

    /// Waits until everything that is in the mailbox was looked at; nothing of it may show.
    pub async fn shows_nothing_new(&mut self) {
        self.fences += 1;
        let fence = format!("fence {}", self.fences);
        self.bob.says(&self.alice, &fence).await;
        // Mails are looked at in the order of the mailbox.
        self.alice.sees(&fence).await;
        self.before.push(fence);
        self.before.sort();
        assert_eq!(texts_of(&self.alice).await, self.before);
        let chats = self.alice.call(GetChatlistEntries::default()).await.ids.len();
        assert_eq!(chats, self.chats);
    }

    /// Her certificate, as Bob has it.
    pub async fn certificate(&self) -> Certificate {
        let id = self.bob.id_of(&self.alice).await;
        let card = self.bob.call(MakeVcard { contact_ids: vec![id] }).await.text;
        let card = vcard::parse(&card).into_iter().next().expect("a card");
        Certificate::from_base64(&card.key.expect("a key on the card")).expect("a certificate")
    }

    /// Unix seconds.
    pub fn now() -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.expect("a clock").as_secs()).expect("a date")
    }
}

/// All texts that a person can see, sorted.
pub async fn texts_of(person: &Person) -> Vec<String> {
    let mut texts: Vec<String> = person.messages().await.into_iter().map(|message| message.text).collect();
    texts.sort();
    texts
}

/// A mail with a header that clients look at.
pub fn letter(from: &str, id: &str, content_type: &str, body: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <alice@_one.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{id}>\r\nChat-Version: 1.0\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n{body}"
    )
}

/// The same with an encrypted body.
pub fn sealed(from: &str, id: &str, armored: &str) -> String {
    let body = format!(
        "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n\
         Content-Type: application/octet-stream\r\n\r\n{armored}\r\n--b--\r\n"
    );
    letter(from, id, "multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b", &body)
}

/// The protected inside of a mail.
pub fn inner(from: &str, id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: <{from}>\r\nTo: <alice@_one.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}>\r\n\
         Chat-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; hp=\"cipher\"\r\n\r\n{text}\r\n"
    )
    .into_bytes()
}

/// Somebody without an engine who writes mails by hand.
pub struct Author {
    address: Address,
    key: SecretKey,
    rng: ChaCha8Rng,
}

impl Author {
    /// Somebody with a fresh key.
    pub fn new(address: &str, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let address = Address::parse(address).expect("an address");
        let key = SecretKey::generate(&address, Victim::now(), &mut rng).expect("a key");
        Self { address, key, rng }
    }

    /// The own certificate.
    pub fn certificate(&mut self) -> Certificate {
        let relays = std::slice::from_ref(&self.address);
        self.key.certificate(&self.address, relays, Victim::now(), &mut self.rng).expect("a certificate")
    }

    /// The own card, as others import it.
    pub fn card(&mut self, name: &str) -> String {
        let card = Card {
            address: self.address.to_string(),
            name: name.to_owned(),
            key: Some(self.certificate().to_base64()),
            ..Card::default()
        };
        vcard::format(&[card], Victim::now())
    }

    /// Encrypts to somebody.
    pub fn seals(&mut self, payload: Vec<u8>, to: &Certificate, layers: Layers) -> String {
        let to = std::slice::from_ref(to);
        encrypt(payload, &self.key, to, layers, Victim::now(), &mut self.rng).expect("sealed")
    }
}
