//! Mail that is carried by hand: late, in another order, twice.

use std::sync::Arc;

use volary_proto::WaitForAllWorkDone;
use volary_relay::{HeldMail, Relay};

use crate::person::Person;

/// A mail in the hands of the postman.
pub type Mail = Arc<[u8]>;

/// Takes all mail that the relay accepts and delivers it when told.
pub struct Postman<'a> {
    relay: &'a Relay,
    bag: Vec<HeldMail>,
}

impl<'a> Postman<'a> {
    /// From now on nothing is delivered without this one.
    pub fn takes_over(relay: &'a Relay) -> Self {
        relay.hold_mail(true);
        Self { relay, bag: Vec::new() }
    }

    /// Goes on for another run of the engine, with what the last one had in the bag.
    pub fn goes_on(relay: &'a Relay, bag: Vec<HeldMail>) -> Self {
        Self { relay, bag }
    }

    /// What is in the bag, for [`Postman::goes_on`].
    pub fn rests(mut self) -> Vec<HeldMail> {
        self.collects();
        self.bag
    }

    /// Fetches what was accepted since the last time.
    pub fn collects(&mut self) {
        self.bag.extend(self.relay.take_held_mail());
    }

    /// Waits until these have sent all they have to send, and fetches it.
    pub async fn collects_from(&mut self, people: &[&Person]) {
        for person in people {
            person.call(WaitForAllWorkDone {}).await;
        }
        self.collects();
    }

    /// Addresses of the mails in the bag.
    pub fn addresses(&self) -> Vec<&str> {
        self.bag.iter().map(|mail| mail.address.as_str()).collect()
    }

    /// Takes the mails for somebody out of the bag, in the order in which they were sent.
    pub fn takes_out(&mut self, person: &Person) -> Vec<Mail> {
        let mut out = Vec::new();
        self.bag.retain(|mail| {
            let wanted = mail.address == person.address;
            if wanted {
                out.push(Arc::clone(&mail.raw));
            }
            !wanted
        });
        out
    }

    /// Puts mails back into the bag.
    pub fn puts_back(&mut self, person: &Person, mails: impl IntoIterator<Item = Mail>) {
        let held = |raw| HeldMail { address: person.address.clone(), raw };
        self.bag.extend(mails.into_iter().map(held));
    }

    /// Puts mails into a mailbox, where they are seen at once.
    pub fn delivers(&self, person: &Person, mails: &[Mail]) {
        assert!(self.relay.inject_all(&person.address, mails), "the mailbox of {person} takes mail");
    }

    /// Delivers mails and waits until they were taken in and answered.
    pub async fn delivers_and_waits(&mut self, person: &Person, mails: &[Mail]) {
        self.delivers(person, mails);
        person.empties_mailboxes(self.relay).await;
        self.collects_from(&[person]).await;
    }

    /// Carries mail between these, in order, until nobody has anything more to say.
    pub async fn carries_all(&mut self, people: &[&Person]) {
        self.collects_from(people).await;
        while !self.bag.is_empty() {
            for person in people {
                let mails = self.takes_out(person);
                if !mails.is_empty() {
                    self.delivers_and_waits(person, &mails).await;
                }
            }
            self.collects_from(people).await;
        }
    }

    /// From now on mail is delivered as usual, beginning with what is in the bag.
    pub fn hands_over(mut self) {
        self.collects();
        self.relay.hold_mail(false);
        for mail in self.bag.drain(..) {
            self.relay.inject_all(&mail.address, &[mail.raw]);
        }
    }
}
