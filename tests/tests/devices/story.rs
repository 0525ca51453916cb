//! One story: two or three devices of Ada, her friends, and what becomes of the mails between them.

use std::fmt;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use volary_proto::{
    ExportSelfKeys, ImportSelfKeys, IsSendingFinished, MaybeNetwork, SetConfig, StartIo, StopIo,
    WaitForAllWorkDone,
};
use volary_relay::{Faults, SmtpFault};
use volary_tests::{Person, WallClock, World, patience};

use crate::actions::{self, Action, Kinds};
use crate::seen;

/// What happened.
#[derive(Default)]
pub struct Figures {
    devices: usize,
    actions: usize,
    offline: usize,
    faults: usize,
    doubled: usize,
    lines: usize,
    seconds: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} devices: {} actions, {} times offline, {} faults of the relay, {} mails twice; {} lines are the same \
             on all, after {} s",
            self.devices, self.actions, self.offline, self.faults, self.doubled, self.lines, self.seconds
        )
    }
}

struct Story {
    rng: ChaCha8Rng,
    world: World,
    clock: WallClock,
    devices: Vec<Person>,
    online: Vec<bool>,
    friends: Vec<Person>,
    kinds: Kinds,
    /// All that comes together comes at the end.
    restless: bool,
    /// Mails may wait for their next try.
    disturbed: bool,
    figures: Figures,
}

/// Longer than any mail waits for its next try.
const LONGEST_RETRY: i64 = 3_000;

/// Tells the story of a seed, with so many devices and so many actions.
pub async fn told(seed: u64, devices: usize, actions: usize) -> Figures {
    let begun = Instant::now();
    let mut story = Story::begins(seed, devices).await;
    for number in 0.. {
        if story.figures.actions >= actions {
            break;
        }
        story.goes_on(number).await;
    }
    let mut figures = story.ends().await;
    figures.seconds = begun.elapsed().as_secs();
    figures
}

/// Another device of somebody, with the same key and login.
async fn another_device(world: &World, first: &Person) -> Person {
    let keys = tempfile::tempdir().expect("a folder for keys");
    let path = keys.path().to_string_lossy().into_owned();
    let device = world.newcomer(&first.name).await;
    first.call(ExportSelfKeys { destination: path.clone(), passphrase: None }).await;
    device.call(ImportSelfKeys { path, passphrase: None }).await;
    device.logs_in(&world.login(&first.name)).await;
    device
}

impl Story {
    async fn begins(seed: u64, count: usize) -> Self {
        let (rng, clock) = (ChaCha8Rng::seed_from_u64(seed), WallClock::default());
        let world = World::with_clock(clock.clone()).await;
        let first = world.person("Ada").await;
        let friends = vec![world.person("Bob").await, world.person("Cat").await];
        let mut devices = vec![first];
        while devices.len() < count {
            devices.push(another_device(&world, &devices[0]).await);
        }
        for device in &devices {
            device.call(SetConfig { key: "bcc_self".to_owned(), value: Some("1".to_owned()) }).await;
            for friend in &friends {
                device.imports_card_of(friend).await;
                device.chat_with(friend).await;
            }
        }
        for friend in &friends {
            friend.imports_card_of(&devices[0]).await;
            friend.chat_with(&devices[0]).await;
        }
        let online = vec![true; devices.len()];
        let figures = Figures { devices: devices.len(), ..Figures::default() };
        // Every other one, so that a run of several has both.
        let restless = seed % 2 == 1;
        let only = std::env::var("VOLARY_ONLY").unwrap_or_default();
        let only = only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let kinds = Kinds { only };
        let disturbed = false;
        let mut story =
            Self { rng, world, clock, devices, online, friends, kinds, restless, disturbed, figures };
        story.calms().await;
        story
    }

    async fn goes_on(&mut self, number: u64) {
        match self.rng.gen_range(0..100) {
            0..=8 => self.switches().await,
            9..=14 => self.disturbs().await,
            15..=18 => self.doubles(),
            19..=34 => self.friend_acts(number).await,
            35..=43 => self.waits().await,
            44 if !self.restless => self.calms().await,
            _ => self.acts(number).await,
        }
    }

    /// A device goes offline or online.
    async fn switches(&mut self) {
        let device = self.rng.gen_range(0..self.devices.len());
        self.goes(device, !self.online[device]).await;
    }

    async fn goes(&mut self, device: usize, online: bool) {
        if self.online[device] != online {
            self.online[device] = online;
            tracing::debug!(profile = self.devices[device].profile, online, "goes");
            if online {
                self.devices[device].call(StartIo {}).await;
            } else {
                self.figures.offline += 1;
                self.devices[device].call(StopIo {}).await;
            }
        }
    }

    /// The relay takes mails without saying so, refuses them for a while, is gone, or works as it should.
    async fn disturbs(&mut self) {
        let busy = || SmtpFault { code: 451, text: "4.3.0 busy".to_owned() };
        let (faults, gone) = match self.rng.gen_range(0..6) {
            0 | 1 => (Faults { hang_up_after_data: true, ..Faults::default() }, false),
            2 => (Faults { data: Some(busy()), ..Faults::default() }, false),
            3 => (Faults::default(), true),
            _ => (Faults::default(), false),
        };
        self.figures.faults += usize::from(faults.hang_up_after_data || faults.data.is_some() || gone);
        self.disturbed = true;
        tracing::debug!(?faults, gone, "the relay changes");
        self.world.relay.set_faults(faults);
        self.world.relay.set_down(gone).await;
    }

    /// A mail comes once more.
    fn doubles(&mut self) {
        let address = &self.devices[0].address;
        let mails = self.world.relay.mailbox(address).unwrap_or_default();
        if let Some(mail) = mails.choose(&mut self.rng) {
            self.figures.doubled += 1;
            self.world.relay.inject(address, mail.raw.clone());
        }
    }

    async fn friend_acts(&mut self, number: u64) {
        let friend = self.friends.choose(&mut self.rng).expect("somebody").clone();
        let action = self.kinds.any(&mut self.rng);
        let wanted = matches!(
            action,
            Action::Say
                | Action::Answer
                | Action::Edit
                | Action::React
                | Action::Read
                | Action::DeleteEverywhere
        );
        if wanted {
            self.figures.actions += 1;
            actions::done(&friend, action, &mut self.rng, &[], number).await;
        }
    }

    /// Something has time to arrive.
    async fn waits(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.gen_range(1..400))).await;
    }

    async fn acts(&mut self, number: u64) {
        let device = self.rng.gen_range(0..self.devices.len());
        let action = self.kinds.any(&mut self.rng);
        self.figures.actions += 1;
        let friends = self.friends.clone();
        actions::done(&self.devices[device], action, &mut self.rng, &friends, number).await;
    }

    /// All devices hear of everything.
    async fn calms(&mut self) {
        self.world.relay.set_faults(Faults::default());
        self.world.relay.set_down(false).await;
        for device in 0..self.devices.len() {
            self.goes(device, true).await;
        }
        let end = Instant::now() + patience();
        loop {
            self.settles().await;
            let finished = self.world.engine.call(0, IsSendingFinished {}).await.expect("it is known").value;
            // Receipts that wait are not counted among what is sent.
            if finished && !self.disturbed {
                break;
            }
            assert!(Instant::now() < end, "mails do not leave");
            self.disturbed = false;
            self.clock.is_set_by(LONGEST_RETRY);
        }
        // What one has sent the next takes in, and answers.
        for _ in 0..2 {
            self.settles().await;
        }
    }

    /// Everybody sends and takes in what there is.
    async fn settles(&self) {
        for person in self.devices.iter().chain(&self.friends) {
            person.call(MaybeNetwork {}).await;
            person.call(WaitForAllWorkDone {}).await;
        }
    }

    async fn ends(mut self) -> Figures {
        let end = Instant::now() + patience() / 4;
        loop {
            self.calms().await;
            let mut shown = Vec::new();
            for device in &self.devices {
                shown.push(seen::by(device).await);
            }
            let Some(other) = shown.iter().position(|lines| *lines != shown[0]) else {
                self.figures.lines = shown[0].len();
                break;
            };
            // A receipt that was on its way when its device went offline waits for its next try.
            self.disturbed = true;
            if Instant::now() > end {
                let difference = seen::difference(&shown[0], &shown[other]);
                let troubles = self.devices.iter().map(|device| device.log.troubles().to_string());
                panic!(
                    "device 0 and device {other} show something else:{difference}\n{}",
                    troubles.collect::<Vec<_>>().join("\n")
                );
            }
        }
        self.world.ends().await;
        self.figures
    }
}
