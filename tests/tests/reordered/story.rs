//! One story: who joins what, who says what, and how the mails of it are carried.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use volary_proto::{GetChatContacts, GetContact, GetNotShownMails, NotShownState, SendEditRequest};
use volary_relay::HeldMail;
use volary_tests::{Chat, Mail, Person, Postman, World};

use crate::{child, remains};

/// Things that happen before everything is carried to its end.
const STEPS: usize = 70;
/// Posts in the channel: as many as a new subscriber gets of what was said before.
const POSTS: usize = 8;
/// Longest life of an engine that is killed.
const LIFE: u64 = 1_500;

/// What happened in a story.
#[derive(Default)]
pub struct Figures {
    mails: usize,
    doubled: usize,
    restarts: usize,
    kills: usize,
    /// Mails that were gone from the relay when the engine was killed.
    deleted: usize,
    texts: usize,
    /// Reasons of the mails that wait at the end.
    waiting: Vec<String>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mails, {} of them twice, {} restarts, {} kills after {} deletions; {} texts shown; \
             at the end wait {:?}",
            self.mails, self.doubled, self.restarts, self.kills, self.deleted, self.texts, self.waiting
        )
    }
}

struct Story {
    rng: ChaCha8Rng,
    world: World,
    people: [Person; 3],
    bag: Vec<HeldMail>,
    channel: u32,
    group: u32,
    channel_code: String,
    group_code: String,
    scans: Vec<(usize, bool)>,
    posts: usize,
    said: usize,
    /// Who has to see a text.
    expected: BTreeMap<String, Vec<usize>>,
    subscribers: Vec<usize>,
    /// Texts that others took the place of.
    replaced: Vec<String>,
    /// The last text that somebody has said, with its author and id.
    last: Option<(usize, u32, String)>,
    figures: Figures,
}

/// Tells the story of a seed.
pub async fn told(seed: u64) -> Figures {
    let mut story = Story::begins(seed).await;
    for _ in 0..STEPS {
        story = match story.rng.gen_range(0..100) {
            0..=54 => story.carries().await,
            55..=70 => story.speaks().await,
            71..=76 => story.edits().await,
            77..=88 => story.scans().await,
            89..=94 => story.restarts().await,
            _ => story.dies().await,
        };
    }
    while !story.scans.is_empty() {
        story = story.scans().await.carries().await;
    }
    story.ends().await
}

impl Story {
    async fn begins(seed: u64) -> Self {
        let world = World::new().await;
        let people = [world.person("Alice").await, world.person("Bob").await, world.person("Carol").await];
        let [alice, ..] = &people;
        let (channel, group) = (alice.opens_channel("News").await, alice.founds("Foxes").await);
        let channel_code = alice.code(Some(channel.id)).await;
        let group_code = alice.code(Some(group.id)).await;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut scans = vec![(1, true), (1, false), (2, true), (2, false)];
        scans.shuffle(&mut rng);
        world.relay.hold_mail(true);
        Self {
            rng,
            people,
            bag: Vec::new(),
            channel: channel.id,
            group: group.id,
            channel_code,
            group_code,
            scans,
            posts: 0,
            said: 0,
            expected: BTreeMap::new(),
            subscribers: Vec::new(),
            last: None,
            replaced: Vec::new(),
            figures: Figures::default(),
            world,
        }
    }

    /// Somebody gets some of the mails that wait for them, in any order.
    async fn carries(mut self) -> Self {
        let people: Vec<&Person> = self.people.iter().collect();
        let mut postman = Postman::goes_on(&self.world.relay, std::mem::take(&mut self.bag));
        postman.collects_from(&people).await;
        let addresses = postman.addresses();
        if let Some(address) = addresses.choose(&mut self.rng).map(|address| (*address).to_owned()) {
            let person = people.iter().find(|person| person.address == address).expect("somebody known");
            let mails = chosen(&mut self.rng, &mut postman, person, &mut self.figures);
            if self.rng.gen_bool(0.5) {
                postman.delivers_and_waits(person, &mails).await;
            } else {
                for mail in &mails {
                    postman.delivers_and_waits(person, std::slice::from_ref(mail)).await;
                }
            }
        }
        self.bag = postman.rests();
        self
    }

    /// Alice posts, or somebody in the group says something to all of whom the key is known.
    async fn speaks(mut self) -> Self {
        if self.posts < POSTS && self.rng.gen_bool(0.5) {
            self.posts += 1;
            let text = format!("post {}", self.posts);
            let id = self.chat(0, self.channel).says(&text).await;
            self.last = Some((0, id, text.clone()));
            self.expected.insert(text, Vec::new());
            return self;
        }
        let author = self.rng.gen_range(0..self.people.len());
        let chat = if author == 0 { Some(self.group) } else { self.group_of(author).await };
        let Some(chat) = chat.map(|id| self.chat(author, id)) else { return self };
        let readers = self.readers(&chat, author).await;
        if readers.is_empty() || !chat.full().await.can_send {
            return self;
        }
        self.said += 1;
        let text = format!("{} says {}", chat.person, self.said);
        let id = chat.says(&text).await;
        self.last = Some((author, id, text.clone()));
        self.expected.insert(text, readers);
        self
    }

    /// Whoever spoke last finds better words.
    async fn edits(mut self) -> Self {
        let Some((author, msg_id, old)) = self.last.take() else { return self };
        let text = format!("{old}, edited");
        self.people[author].call(SendEditRequest { msg_id, text: text.clone() }).await;
        let readers = self.expected.remove(&old).expect("the text is expected");
        self.expected.insert(text, readers);
        self.replaced.push(old);
        self
    }

    async fn scans(mut self) -> Self {
        let Some((person, channel)) = self.scans.pop() else { return self };
        let code = if channel { &self.channel_code } else { &self.group_code };
        self.people[person].scans(code).await;
        if channel {
            self.subscribers.push(person);
        }
        self
    }

    async fn restarts(mut self) -> Self {
        self.figures.restarts += 1;
        (self.world, self.people) = self.world.restarts_engine(self.people).await;
        self
    }

    /// An engine that gets mails is killed at any moment of its life.
    async fn dies(mut self) -> Self {
        self.figures.kills += 1;
        let (rng, bag, figures) = (&mut self.rng, &mut self.bag, &mut self.figures);
        let profiles: BTreeMap<String, u32> =
            self.people.iter().map(|person| (person.address.clone(), person.profile)).collect();
        let dies = async |relay: &volary_relay::Relay, dir: &std::path::Path| {
            let mut child = child::start(dir);
            bag.extend(relay.take_held_mail());
            bag.shuffle(rng);
            for mail in bag.iter() {
                figures.mails += 1;
                relay.inject_all(&mail.address, std::slice::from_ref(&mail.raw));
            }
            tokio::time::sleep(Duration::from_millis(rng.gen_range(0..LIFE))).await;
            child.kill().await.expect("the engine is killed");
            for mail in bag.drain(..) {
                let profile = profiles[&mail.address];
                let there = relay.mailbox(&mail.address).expect("a mailbox");
                if !there.iter().any(|stored| stored.raw == mail.raw) {
                    figures.deleted += 1;
                    remains::knows(dir, profile, &mail.raw);
                }
            }
        };
        (self.world, self.people) = self.world.restarts_engine_after(self.people, dies).await;
        self
    }

    /// Everything is carried, still in any order; then all is compared.
    async fn ends(mut self) -> Figures {
        loop {
            self = self.carries().await;
            let people: Vec<&Person> = self.people.iter().collect();
            let mut postman = Postman::goes_on(&self.world.relay, std::mem::take(&mut self.bag));
            for person in &people {
                person.empties_mailboxes(&self.world.relay).await;
            }
            postman.collects_from(&people).await;
            self.bag = postman.rests();
            if self.bag.is_empty() {
                break;
            }
        }
        for (text, readers) in &self.expected {
            let readers = if text.starts_with("post") { &self.subscribers } else { readers };
            for reader in readers {
                let person = &self.people[*reader];
                let count = person.count(text).await;
                if count != 1 {
                    let kept = person.call(GetNotShownMails { limit: 0 }).await.mails;
                    let shown: Vec<String> =
                        person.messages().await.into_iter().map(|message| message.text).collect();
                    panic!("{person} has {text:?} {count} times, of {shown:#?}; not shown: {kept:#?}");
                }
                self.figures.texts += 1;
            }
        }
        for person in &self.people {
            for text in &self.replaced {
                assert_eq!(person.count(text).await, 0, "{person} still has {text:?}");
            }
            let kept = person.call(GetNotShownMails { limit: 0 }).await.mails;
            let kept = kept.into_iter().filter(|mail| mail.state() == NotShownState::Kept);
            self.figures.waiting.extend(kept.map(|mail| format!("{person}: {}", mail.text)));
        }
        self.world.ends().await;
        self.figures
    }

    fn chat(&self, person: usize, id: u32) -> Chat {
        Chat { person: self.people[person].clone(), id }
    }

    /// The group as somebody has it, accepted.
    async fn group_of(&self, person: usize) -> Option<u32> {
        let person = &self.people[person];
        let query =
            volary_proto::GetChatlistEntries { query: Some("Foxes".to_owned()), ..Default::default() };
        let id = *person.call(query).await.ids.first()?;
        let chat = Chat { person: person.clone(), id };
        if chat.full().await.is_contact_request {
            chat.is_accepted().await;
        }
        Some(id)
    }

    /// Who gets what somebody says in a chat now.
    async fn readers(&self, chat: &Chat, author: usize) -> Vec<usize> {
        let mut readers = Vec::new();
        for contact_id in chat.person.call(GetChatContacts { chat_id: chat.id }).await.ids {
            let contact = chat.person.call(GetContact { contact_id }).await;
            let reader = self.people.iter().position(|person| person.address == contact.address);
            readers.extend(reader.filter(|reader| *reader != author && contact.e2ee_avail));
        }
        readers
    }
}

/// Some of the mails for somebody, in any order; some of them stay in the bag and come once more.
fn chosen(
    rng: &mut ChaCha8Rng,
    postman: &mut Postman<'_>,
    person: &Person,
    figures: &mut Figures,
) -> Vec<Mail> {
    let mut mails = postman.takes_out(person);
    mails.shuffle(rng);
    let rest = mails.split_off(rng.gen_range(1..=mails.len()));
    postman.puts_back(person, rest);
    figures.mails += mails.len();
    if rng.gen_bool(0.15) {
        figures.doubled += 1;
        postman.puts_back(person, mails.first().cloned());
    }
    mails
}
