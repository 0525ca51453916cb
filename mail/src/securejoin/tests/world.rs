//! A world of devices that carry out the effects of the rules, with a network that can lose, repeat and reorder mails.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::securejoin::{inviter, joiner};
use crate::{
    address::Address,
    openpgp::SharedSecret,
    qr::{self, Code, Invite, Target},
};

/// A mail on its way.
#[derive(Debug, Clone)]
pub struct Mail {
    id: u64,
    from: usize,
    to: usize,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Step(StepMail),
    MemberAdded { chat: GroupId, member: Fingerprint, gossip: BTreeSet<Fingerprint> },
}

/// A chat of a device.
#[derive(Debug, Clone, Default)]
pub struct Chat {
    pub channel: bool,
    pub promoted: bool,
    pub members: BTreeSet<Fingerprint>,
}

/// One profile on one device.
pub struct Device {
    pub key: Fingerprint,
    pub addresses: Vec<Address>,
    /// Knows only the older handshake.
    pub legacy: bool,
    pub tokens: TokenBook,
    /// Joins as they are stored, to live through a restart after every step.
    pub pending: BTreeMap<u64, Vec<u8>>,
    next_pending: u64,
    /// Stored keys and the addresses they list.
    pub keys: HashMap<Fingerprint, Vec<Address>>,
    pub blocked: HashSet<Fingerprint>,
    pub verified: HashSet<Fingerprint>,
    pub visible_chats: HashSet<Fingerprint>,
    pub chats: HashMap<GroupId, Chat>,
    pub lines: Vec<(JoinTarget, InfoLine)>,
    pub joiner_progress: Vec<u16>,
    pub joined_by: Vec<(Fingerprint, InviterChat)>,
    pub reasons: Vec<Reason>,
    done: HashSet<u64>,
}

impl Device {
    fn pending_joins(&self) -> impl Iterator<Item = (u64, PendingJoin)> + '_ {
        self.pending.iter().map(|(id, bytes)| (*id, PendingJoin::from_bytes(bytes).expect("a stored join")))
    }

    fn secrets(&self) -> Vec<(SharedSecret, MatchedSecret)> {
        let scanned = self
            .pending_joins()
            .map(|(_, join)| (join.secret(), MatchedSecret::PendingJoin(join.invite.fingerprint)));
        let own = self.tokens.secrets(self.key).map(|secret| (secret, MatchedSecret::OwnInvite));
        scanned.chain(own).collect()
    }
}

/// What the network does to mails.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    /// Percent of mails that are lost.
    pub loss: u32,
    /// Percent of mails that arrive again later.
    pub repeats: u32,
    /// Whether mails overtake each other.
    pub reorders: bool,
}

pub struct World {
    pub devices: Vec<Device>,
    queue: Vec<Mail>,
    pub sent: Vec<Step>,
    next_mail: u64,
    rng: ChaCha20Rng,
    pub now: i64,
}

pub const ALICE: usize = 0;
pub const BOB: usize = 1;

impl World {
    /// Two devices that have never met.
    pub fn new(rng: ChaCha20Rng) -> Self {
        let devices = ["alice@one.example", "bob@two.example", "carol@three.example"]
            .iter()
            .zip(1u8..)
            .map(|(text, n)| {
                let address = Address::parse(text).unwrap();
                Device {
                    key: key(n),
                    addresses: vec![address],
                    legacy: false,
                    tokens: TokenBook::default(),
                    pending: BTreeMap::new(),
                    next_pending: 1,
                    keys: HashMap::new(),
                    blocked: HashSet::new(),
                    verified: HashSet::new(),
                    visible_chats: HashSet::new(),
                    chats: HashMap::new(),
                    lines: vec![],
                    joiner_progress: vec![],
                    joined_by: vec![],
                    reasons: vec![],
                    done: HashSet::new(),
                }
            })
            .collect();
        Self { devices, queue: vec![], sent: vec![], next_mail: 0, rng, now: 1_700_000_000 }
    }

    /// Alice makes a group or channel.
    pub fn create_chat(&mut self, channel: bool) -> GroupId {
        let id = GroupId::generate(&mut self.rng);
        let members = BTreeSet::from([self.devices[ALICE].key]);
        self.devices[ALICE].chats.insert(id.clone(), Chat { channel, promoted: false, members });
        id
    }

    /// Alice shows a code. It goes through its written form, as codes do.
    pub fn invite(&mut self, target: Target) -> Invite {
        let alice = &mut self.devices[ALICE];
        let scope = match &target {
            Target::Contact => Scope::Contact,
            Target::Group { id, .. } | Target::Channel { id, .. } => Scope::Chat(id.clone()),
        };
        let issued = alice.tokens.issue(&scope, self.now, &mut self.rng);
        let invite = Invite {
            fingerprint: alice.key,
            addresses: alice.addresses.clone(),
            inviter_name: "Alice".into(),
            target,
            invite_number: issued.invite_number,
            auth: issued.auth.unwrap(),
            v3: !alice.legacy,
        };
        match qr::parse(&invite.link()).unwrap() {
            Code::Invite(read) => {
                assert_eq!(read, invite);
                read
            }
            other => panic!("{other:?}"),
        }
    }

    /// Bob scans a code.
    pub fn scan(&mut self, invite: &Invite) {
        let bob = &self.devices[BOB];
        let mut invite = invite.clone();
        invite.v3 &= !bob.legacy;
        let already_member = match &invite.target {
            Target::Contact => false,
            Target::Group { id, .. } | Target::Channel { id, .. } => {
                bob.chats.get(id).is_some_and(|chat| chat.members.contains(&bob.key))
            }
        };
        let facts = joiner::StartFacts {
            own_fingerprint: bob.key,
            has_own_address: true,
            already_member,
            key_addresses: bob.keys.get(&invite.fingerprint).map(Vec::as_slice),
        };
        let effects = joiner::start(&invite, &facts).unwrap();
        self.carry_out(BOB, effects, ALICE);
    }

    /// Delivers mails until none is left.
    pub fn run(&mut self, network: Network) {
        for _ in 0..10_000 {
            if self.queue.is_empty() {
                return;
            }
            let index = if network.reorders { self.rng.gen_range(0..self.queue.len()) } else { 0 };
            let mail = self.queue.remove(index);
            if self.rng.gen_range(0..100) < network.loss {
                continue;
            }
            if self.rng.gen_range(0..100) < network.repeats {
                self.queue.push(mail.clone());
            }
            self.deliver(&mail);
        }
        panic!("the handshake goes on for ever");
    }

    fn deliver(&mut self, mail: &Mail) {
        if self.devices[mail.to].done.contains(&mail.id) {
            return;
        }
        let Some(message) = self.open(mail) else { return };
        let device = &mut self.devices[mail.to];
        if let Some(signer) = message.signer {
            // The Autocrypt header of a signed mail teaches the key.
            let addresses = self.devices[mail.from].addresses.clone();
            self.devices[mail.to].keys.insert(signer, addresses);
        } else if let Some(autocrypt) = message.autocrypt {
            device.keys.entry(autocrypt).or_default();
        }
        let reaction = match Step::parse(message.step.as_deref().unwrap_or_default()).unwrap() {
            Step::KeyRequest | Step::Request(_) | Step::RequestWithAuth(_) => {
                inviter::receive(&message, &self.inviter_facts(mail, &message), self.now)
            }
            _ => {
                let device = &self.devices[mail.to];
                let waiting: Vec<_> = device
                    .pending_joins()
                    .map(|(id, join)| joiner::Waiting { id, join, contact_exists: true })
                    .collect();
                joiner::receive(&message, &waiting, device.key)
            }
        };
        let sender = self.devices[mail.from].key;
        let device = &mut self.devices[mail.to];
        device.done.insert(mail.id);
        match &reaction.fate {
            Fate::Ignored(reason) | Fate::Failed(reason) => device.reasons.push(reason.clone()),
            Fate::Message => {
                if let Content::MemberAdded { chat, gossip, .. } = &mail.content {
                    let entry = device.chats.entry(chat.clone()).or_default();
                    entry.members.extend(gossip);
                    entry.members.insert(sender);
                }
            }
            Fate::NotHandshake | Fate::Done | Fate::Observed => {}
        }
        self.carry_out(mail.to, reaction.effects, mail.from);
    }

    fn inviter_facts(&self, mail: &Mail, message: &HandshakeMessage) -> inviter::InviterFacts {
        let device = &self.devices[mail.to];
        let sender = self.devices[mail.from].key;
        let auth = message.auth.as_deref().and_then(|auth| device.tokens.auth(auth));
        let chat = auth.as_ref().and_then(|auth| match &auth.scope {
            Scope::Contact => None,
            Scope::Chat(id) => device.chats.get(id),
        });
        inviter::InviterFacts {
            own_fingerprint: device.key,
            invite_number_known: message
                .invite_number
                .as_deref()
                .is_some_and(|number| device.tokens.knows_invite_number(number)),
            sender_blocked: device.blocked.contains(&sender),
            sender_fingerprint: message.signer,
            chat: chat.map(|chat| inviter::ChatFacts {
                channel: chat.channel,
                self_is_member: chat.members.contains(&device.key),
                promoted: chat.promoted,
                joiner_is_member: chat.members.contains(&sender),
            }),
            auth,
        }
    }

    /// Decrypts; `None` if the receiver cannot.
    fn open(&self, mail: &Mail) -> Option<HandshakeMessage> {
        let (sender, receiver) = (&self.devices[mail.from], &self.devices[mail.to]);
        let step = match &mail.content {
            Content::Step(step) => step,
            Content::MemberAdded { member, gossip, .. } => {
                return Some(HandshakeMessage {
                    step: Some(Step::MemberAdded.header().to_owned()),
                    encrypted: true,
                    signer: Some(sender.key),
                    gossips_own_key: gossip.contains(&receiver.key),
                    member_added: Some("bob@two.example".into()),
                    member_added_is_self: *member == receiver.key,
                    ..Default::default()
                });
            }
        };
        let header =
            |name: &str| step.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
        let (encrypted, signed, matched_secret) = match &step.encryption {
            Encryption::None => (false, false, None),
            Encryption::Symmetric { secret, sign } => {
                // Only the text of a secret opens a mail; who may use it is not part of the mail.
                let same = |own: &SharedSecret| {
                    opens(own, secret, sender.key, receiver.key, &header("Secure-Join-Auth"))
                };
                let (_, matched) = receiver.secrets().into_iter().find(|(own, _)| same(own))?;
                (true, *sign, Some(matched))
            }
            Encryption::Public(to) if *to == receiver.key => (true, true, None),
            Encryption::Public(_) => return None,
        };
        Some(HandshakeMessage {
            step: header("Secure-Join"),
            invite_number: header("Secure-Join-Invitenumber"),
            auth: header("Secure-Join-Auth"),
            fingerprint: header("Secure-Join-Fingerprint"),
            encrypted,
            signer: signed.then_some(sender.key),
            matched_secret,
            autocrypt: step.autocrypt.then_some(sender.key),
            gossips_own_key: step.gossip == Some(receiver.key),
            ..Default::default()
        })
    }

    fn carry_out(&mut self, who: usize, effects: Vec<Effect>, other: usize) {
        for effect in effects {
            let device = &mut self.devices[who];
            match effect {
                Effect::Send(step) => self.send(who, other, step),
                Effect::StorePending(join) => {
                    device.pending.insert(device.next_pending, join.to_bytes());
                    device.next_pending += 1;
                }
                Effect::DropPending(id) => assert!(device.pending.remove(&id).is_some()),
                Effect::ShowSingleChat { fingerprint } => {
                    device.visible_chats.insert(fingerprint);
                }
                Effect::EnsureJoinedChat(Target::Group { id, .. }) => {
                    device.chats.entry(id).or_default();
                }
                Effect::EnsureJoinedChat(Target::Channel { id, .. }) => {
                    device.chats.entry(id).or_default().channel = true;
                }
                Effect::MarkVerified { fingerprint } => {
                    device.verified.insert(fingerprint);
                }
                Effect::PromoteGroup(id) => device.chats.get_mut(&id).unwrap().promoted = true,
                Effect::AddMember { chat, fingerprint } => {
                    device.chats.get_mut(&chat).unwrap().members.insert(fingerprint);
                }
                Effect::AnnounceMember { chat, fingerprint, to_member_only } => {
                    assert_eq!(to_member_only, device.chats[&chat].channel);
                    let gossip = match to_member_only {
                        true => BTreeSet::from([fingerprint]),
                        false => device.chats[&chat].members.clone(),
                    };
                    self.sent.push(Step::MemberAdded);
                    let content = Content::MemberAdded { chat, member: fingerprint, gossip };
                    self.post(who, other, content);
                }
                Effect::Info { chat, line } => device.lines.push((chat, line)),
                Effect::RemoveWaitLine { fingerprint } => {
                    let wait = (JoinTarget::Single(fingerprint), InfoLine::Wait);
                    if let Some(at) = device.lines.iter().rposition(|line| *line == wait) {
                        device.lines.remove(at);
                    }
                }
                Effect::JoinerProgress { progress, .. } => device.joiner_progress.push(progress),
                Effect::InviterProgress { fingerprint, chat } => device.joined_by.push((fingerprint, chat)),
                _ => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, mail: StepMail) {
        if let Encryption::Public(fingerprint) = mail.encryption {
            assert!(self.devices[from].keys.contains_key(&fingerprint), "encrypts to a key it does not have");
        }
        self.sent.push(mail.step);
        self.post(from, to, Content::Step(mail));
    }

    fn post(&mut self, from: usize, to: usize, content: Content) {
        self.next_mail += 1;
        self.queue.push(Mail { id: self.next_mail, from, to, content });
    }
}

/// Whether both secrets have the same text.
fn opens(
    own: &SharedSecret,
    used: &SharedSecret,
    sender: Fingerprint,
    receiver: Fingerprint,
    auth: &Option<String>,
) -> bool {
    let auth = auth.as_deref().unwrap_or_default();
    [sender, receiver].into_iter().any(|inviter| {
        let forms = [SharedSecret::own_invite(inviter, auth), SharedSecret::scanned_invite(inviter, auth)];
        forms.contains(own) && forms.contains(used)
    })
}
