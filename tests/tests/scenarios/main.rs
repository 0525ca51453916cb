//! Scenarios on the embedded relay: whole engines, real IMAP and SMTP, no other programs.
//!
//! | module | tells of |
//! |---|---|
//! | `meeting` | joining by code, verification, introductions |
//! | `messages` | texts, pictures, large files, receipts, edits, reactions, quotes, deletion |
//! | `groups` | members come, go and come back; everybody has the same list |
//! | `channels` | channels: joining, posting in the moment of joining |
//! | `late` | mails that come before what they need: keys, secrets, groups, messages |
//! | `requests` | strangers, accepting, blocking |
//! | `vanishing` | disappearing messages |
//! | `events` | which events come, and in which order |
//! | `frontends` | several programs on one host: the same order, coming back, one that stops reading |
//! | `outages` | relays that go down, for short and for long, one of two, half-open |
//! | `refusals` | relays that say no: passwords, quotas, SMTP errors, renumbered mailboxes |
//! | `disks` | a full disk |
//! | `clocks` | clocks that are set |
//! | `lines` | lines that are silent, slow or busy; what is shown meanwhile; how often it is tried again |
//! | `steps` | connections that are cut at any step and after any byte |
//! | `hostile` | mails that nobody should send |
//! | `hostile_frontends` | programs that send garbage, leave connections open or never read, on every interface of a host |
//! | `forged` | mails that claim to be what they are not |
//! | `faults` | faults of ours: keys that cannot be read, a reader that panics; what is told of mails that are not shown |
//! | `classic` | mail in clear text: single chats, groups without id, mailing lists |
//! | `push` | the token of a device that relays keep for notifications |
//! | `apps` | in-chat apps: updates that come before their app, the name of one that is announced |
//! | `realtime` | realtime channels of in-chat apps |
//! | `second_device` | a second device by code: taken over, cancelled, refused, a full disk |
//! | `web` | what a profile asks of web servers: the servers of a domain, new accounts, documents |
//! | `victim` | who gets those, and who writes them by hand |

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used)]

mod apps;
mod channels;
mod classic;
mod clocks;
mod disks;
mod events;
mod faults;
mod forged;
mod frontends;
mod groups;
mod hostile;
mod hostile_frontends;
mod late;
mod lines;
mod meeting;
mod messages;
mod outages;
mod push;
mod realtime;
mod refusals;
mod requests;
mod second_device;
mod steps;
mod vanishing;
mod victim;
mod web;
