//! Codes: what they mean here, making and drawing invites, following them.

use volary_mail::address::Address;
use volary_mail::qr::svg::{Badge, Card, render_card};
use volary_mail::qr::{self, Code, Invite, LocalFacts, Scanned, Target, classify};
use volary_mail::securejoin::Scope;
use volary_proto::Error;
use volary_proto::v1::qr::{self as meaning, Kind};
use volary_proto::v1::{Qr, SecureJoin, event};
use volary_storage::records::{ContactOrigin, TokenKind};

use crate::chat::compose::load_chat;
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::ground::texts::id as text;
use crate::ground::work::Lane;
use crate::handshake;
use crate::query::color;
use crate::query::contacts as contact_views;
use crate::query::look::look;
use crate::state::contacts::{self, Seen};
use crate::state::statistics::{self, FollowedInvite, Invited};
use crate::state::{chats, config, keys, tokens, transports};
use crate::sync::share;

/// Larger pictures are not drawn into codes, in bytes.
const MAX_BADGE: u64 = 1 << 20;

/// Tells what a code means for this profile. Who invites becomes a hidden contact.
pub async fn check(db: &Db, profile: ProfileId, code: &str) -> Result<Qr, Error> {
    let code = qr::parse(code).map_err(|error| Error::failed(error.to_string()))?;
    let kind = match code {
        Code::Invite(_) | Code::Fingerprint(_) | Code::Address(_) => {
            db.transact(profile, move |tx| known_here(tx, code)).await?.value
        }
        other => everywhere(other),
    };
    Ok(Qr { kind: Some(kind) })
}

/// The meaning of a code that is the same for every profile.
fn everywhere(code: Code) -> Kind {
    match code {
        Code::Account(account) => Kind::Account(meaning::Account { domain: account.domain().to_owned() }),
        Code::Login(login) => Kind::Login(meaning::Login { address: login.address().to_owned() }),
        Code::Proxy(proxy) => {
            Kind::Proxy(meaning::Proxy { url: proxy.url, host: proxy.host, port: u32::from(proxy.port) })
        }
        Code::Backup(backup) => Kind::Backup2(meaning::Backup2 {
            auth_token: backup.auth_token,
            node_addr: backup.node.to_json(),
        }),
        Code::BackupTooNew => Kind::BackupTooNew(meaning::BackupTooNew {}),
        Code::Url(url) => Kind::Url(meaning::Url { url }),
        Code::Text(text) => Kind::Text(meaning::Text { text }),
        // The other three are looked up in the profile; as they stand they are just text.
        Code::Invite(invite) => Kind::Text(meaning::Text { text: invite.link() }),
        Code::Fingerprint(fingerprint) => Kind::Text(meaning::Text { text: fingerprint.to_string() }),
        Code::Address(code) => Kind::Text(meaning::Text { text: code.address.to_string() }),
    }
}

/// What the profile knows about an invite or fingerprint.
fn scanned(tx: &Tx<'_, '_>, code: Code) -> Outcome<Scanned> {
    let own = keys::own_fingerprint(tx.store, tx.profile)?;
    let addrs = transports::published_addrs(tx.store, tx.profile)?;
    let addresses: Vec<Address> = addrs.iter().filter_map(|addr| Address::parse(addr).ok()).collect();
    let auth_known = match &code {
        Code::Invite(invite) => {
            tokens::find(tx.store, tx.profile, TokenKind::Auth, invite.auth.as_str())?.is_some()
        }
        _ => false,
    };
    let contact = match &code {
        Code::Fingerprint(fingerprint) => {
            contacts::by_fingerprint(tx.store, tx.profile, &fingerprint.to_string())?
        }
        _ => None,
    };
    let facts = LocalFacts {
        own_fingerprint: own.as_deref().and_then(keys::parse_fingerprint),
        own_addresses: &addresses,
        auth_known,
        contact: contact.map(ContactId::get),
    };
    classify(code, &facts).map_err(|error| Failure::refused(error.to_string()))
}

fn known_here(tx: &mut Tx<'_, '_>, code: Code) -> Outcome<Kind> {
    Ok(match scanned(tx, code)? {
        Scanned::Ask(invite) => {
            let contact = handshake::know_inviter(tx, &invite)?;
            ask(invite, contact)
        }
        Scanned::Withdraw(invite) => withdraw(invite),
        Scanned::Revive(invite) => revive(invite),
        Scanned::KnownFingerprint { contact } => Kind::FprOk(meaning::FprOk { contact_id: contact }),
        Scanned::Other(Code::Address(code)) => {
            let name = code.name.unwrap_or_default();
            let addr = code.address.as_str();
            let known = contacts::by_addr(tx.store, tx.profile, addr)?;
            let contact_id = match known.filter(|_| name.is_empty()) {
                Some(contact) => contact,
                None => {
                    let origin = ContactOrigin::UnhandledQrScan;
                    contacts::add_or_lookup(tx, Seen { name: &name, addr, fingerprint: "", origin })?
                }
            };
            Kind::Addr(meaning::Addr { contact_id: contact_id.get(), draft: code.draft })
        }
        Scanned::Other(other) => everywhere(other),
    })
}

/// The members that all kinds of invites share.
struct Parts {
    fingerprint: String,
    invitenumber: String,
    authcode: String,
}

fn parts(invite: &Invite) -> Parts {
    Parts {
        fingerprint: invite.fingerprint.grouped(),
        invitenumber: invite
            .invite_number
            .as_ref()
            .map(|number| number.as_str().to_owned())
            .unwrap_or_default(),
        authcode: invite.auth.as_str().to_owned(),
    }
}

fn ask(invite: Invite, contact_id: ContactId) -> Kind {
    let Parts { fingerprint, invitenumber, authcode } = parts(&invite);
    let is_v3 = invite.v3;
    match invite.target {
        Target::Contact => {
            let ask = meaning::AskVerifyContact {
                contact_id: contact_id.get(),
                fingerprint,
                invitenumber,
                authcode,
                is_v3,
            };
            Kind::AskVerifyContact(ask)
        }
        Target::Group { id, name } => Kind::AskVerifyGroup(meaning::AskVerifyGroup {
            grpname: name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
            is_v3,
        }),
        Target::Channel { id, name } => Kind::AskJoinBroadcast(meaning::AskJoinBroadcast {
            name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
            is_v3,
        }),
    }
}

fn withdraw(invite: Invite) -> Kind {
    let Parts { fingerprint, invitenumber, authcode } = parts(&invite);
    let contact_id = ContactId::SELF;
    match invite.target {
        Target::Contact => {
            let own = meaning::WithdrawVerifyContact {
                contact_id: contact_id.get(),
                fingerprint,
                invitenumber,
                authcode,
            };
            Kind::WithdrawVerifyContact(own)
        }
        Target::Group { id, name } => Kind::WithdrawVerifyGroup(meaning::WithdrawVerifyGroup {
            grpname: name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
        }),
        Target::Channel { id, name } => Kind::WithdrawJoinBroadcast(meaning::WithdrawJoinBroadcast {
            name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
        }),
    }
}

fn revive(invite: Invite) -> Kind {
    let Parts { fingerprint, invitenumber, authcode } = parts(&invite);
    let contact_id = ContactId::SELF;
    match invite.target {
        Target::Contact => {
            let own = meaning::ReviveVerifyContact {
                contact_id: contact_id.get(),
                fingerprint,
                invitenumber,
                authcode,
            };
            Kind::ReviveVerifyContact(own)
        }
        Target::Group { id, name } => Kind::ReviveVerifyGroup(meaning::ReviveVerifyGroup {
            grpname: name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
        }),
        Target::Channel { id, name } => Kind::ReviveJoinBroadcast(meaning::ReviveJoinBroadcast {
            name,
            grpid: id.as_str().to_owned(),
            contact_id: contact_id.get(),
            fingerprint,
            invitenumber,
            authcode,
        }),
    }
}

/// Makes an invite to ourselves or to a chat.
pub async fn invite(db: &Db, profile: ProfileId, chat: Option<ChatId>) -> Result<Invite, Error> {
    let made = db.transact_durably(profile, move |tx| {
        let invite = handshake::invite(tx, chat)?;
        let number = invite.invite_number.as_ref().map(|number| number.as_str()).unwrap_or_default();
        let scope = match invite.scope() {
            Scope::Contact => String::new(),
            Scope::Chat(id) => id.as_str().to_owned(),
        };
        share::invite(tx, number, invite.auth.as_str(), &scope)?;
        Ok::<_, Failure>(invite)
    });
    Ok(made.await?)
}

/// Makes an invite and draws it: the code and its picture.
pub async fn drawn_invite(db: &Db, profile: ProfileId, chat: Option<ChatId>) -> Result<Vec<String>, Error> {
    let invite = invite(db, profile, chat).await?;
    let code = invite.link();
    let (description, name, colour, picture) = look(db, profile, |look| {
        let own = contact_views::record(look, ContactId::SELF)?;
        let own_name = config::get(look.view, profile, config::key::DISPLAYNAME)?;
        let own_name = own_name.filter(|name| !name.is_empty()).unwrap_or_else(|| own.addr.clone());
        let (number, name, identity, avatar) = match (&invite.target, chat) {
            (Target::Group { id, name }, Some(chat)) => {
                let avatar = load_chat(look.view, profile, chat)?.avatar;
                (text::QR_GROUP, name.clone(), id.as_str().to_owned(), avatar)
            }
            (Target::Channel { id, name }, Some(chat)) => {
                let avatar = load_chat(look.view, profile, chat)?.avatar;
                (text::QR_CHANNEL, name.clone(), id.as_str().to_owned(), avatar)
            }
            _ => (text::QR_CONTACT, own_name, own.fingerprint, own.avatar),
        };
        let picture = look.blob(&avatar, MAX_BADGE).filter(|bytes| !bytes.is_empty());
        Ok((look.texts.fill(number, &[&name]), name, color::number_of(&identity), picture))
    })?;
    let svg = draw(db, code.clone(), description, Owner { name, colour, picture }).await?;
    Ok(vec![code, svg])
}

/// Draws the code by which another device takes the profile.
pub async fn drawn_transfer(db: &Db, profile: ProfileId, code: String) -> Result<String, Error> {
    let (description, owner) = look(db, profile, |look| {
        let own = contact_views::record(look, ContactId::SELF)?;
        let name = config::get(look.view, profile, config::key::DISPLAYNAME)?;
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| own.addr.clone());
        let picture = look.blob(&own.avatar, MAX_BADGE).filter(|bytes| !bytes.is_empty());
        let owner = Owner { colour: color::number_of(&own.fingerprint), name, picture };
        Ok((look.texts.fill(text::QR_TRANSFER, &[&owner.name]), owner))
    })?;
    draw(db, code, description, owner).await
}

/// Whose badge is in the middle of a code.
struct Owner {
    name: String,
    colour: u32,
    picture: Option<Vec<u8>>,
}

async fn draw(db: &Db, code: String, description: String, owner: Owner) -> Result<String, Error> {
    let svg = db.work(Lane::Interactive, move || {
        let Owner { name, colour, picture } = &owner;
        let media_type = picture.as_deref().and_then(|bytes| image::guess_format(bytes).ok());
        let media_type = media_type.map(|format| format.to_mime_type());
        let badge = match (picture, media_type) {
            (Some(bytes), Some(media_type)) => Badge::Picture { media_type, bytes },
            _ => Badge::Letter { name, colour: *colour },
        };
        let card = Card { code: &code, description: &description, badge };
        render_card(&card).map_err(|error| Failure::refused(error.to_string()))
    });
    Ok(svg.await?)
}

/// Follows an invite and returns the chat it leads to; the handshake goes on by itself.
pub async fn join(db: &Db, profile: ProfileId, call: SecureJoin) -> Result<ChatId, Error> {
    let failed = |error: Error| {
        let msg = "QR process failed".to_owned();
        db.emit(profile, event::Kind::Error(event::Error { msg }));
        error
    };
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default();
    let (source, ui_path) = (number(call.source), number(call.ui_path));
    let code = qr::parse(&call.qr).map_err(|error| failed(Error::failed(error.to_string())))?;
    if !matches!(code, Code::Invite(_)) {
        return Err(failed(Error::failed("Unsupported QR type")));
    }
    let joined = db.transact_durably(profile, move |tx| match scanned(tx, code)? {
        Scanned::Ask(invite) => {
            let followed = followed(tx, &invite)?;
            statistics::invite_followed(tx, source, ui_path, followed)?;
            handshake::start(tx, &invite)
        }
        _ => Err(Failure::refused("Unsupported QR type")),
    });
    joined.await.map_err(|failure: Failure| failed(failure.into()))
}

/// What an invite is for, and whether that is known here already.
fn followed(tx: &Tx<'_, '_>, invite: &Invite) -> Outcome<FollowedInvite> {
    let kind = match &invite.target {
        Target::Contact => Invited::Contact,
        Target::Group { .. } => Invited::Group,
        Target::Channel { .. } => Invited::Channel,
    };
    let already_existed = match &invite.target {
        Target::Contact => {
            contacts::by_fingerprint(tx.store, tx.profile, &invite.fingerprint.to_string())?.is_some()
        }
        Target::Group { id, .. } | Target::Channel { id, .. } => {
            chats::by_group_id(tx.store, tx.profile, id.as_str())?.is_some()
        }
    };
    Ok(FollowedInvite { kind, already_existed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_mean_the_same_everywhere_need_no_profile() {
        let kind = |text: &str| everywhere(qr::parse(text).unwrap());
        assert!(
            matches!(kind("dcaccount:example.org"), Kind::Account(account) if account.domain == "example.org")
        );
        assert!(matches!(kind("DCBACKUP9:x"), Kind::BackupTooNew(_)));
        assert!(matches!(kind("socks5://h:1"), Kind::Proxy(proxy) if proxy.port == 1));
        assert!(matches!(kind(" hello "), Kind::Text(text) if text.text == "hello"));
        assert!(matches!(kind("geo:1,2"), Kind::Url(_)));
    }

    #[test]
    fn an_invite_keeps_its_parts() {
        let text = "OPENPGP4FPR:79252762C34C5096AF57958F4FC3D21A81B0F0A7#a=alice%40example.org&n=Alice\
                    &i=9JEXlxAqGM09JEXlxAqGM0ab&s=0V7LzL9cxRL0V7LzL9cxRLcd&v=3";
        let Ok(Code::Invite(invite)) = qr::parse(text) else { panic!("an invite") };
        let Kind::AskVerifyContact(ask) = ask(invite.clone(), ContactId::new(10)) else {
            panic!("a contact invite")
        };
        assert_eq!(ask.fingerprint, "7925 2762 C34C 5096 AF57\n958F 4FC3 D21A 81B0 F0A7");
        assert_eq!((ask.contact_id, ask.is_v3), (10, true));
        assert_eq!(ask.authcode, "0V7LzL9cxRL0V7LzL9cxRLcd");
        let Kind::ReviveVerifyContact(own) = revive(invite) else { panic!("an own invite") };
        assert_eq!((own.contact_id, own.invitenumber.as_str()), (1, "9JEXlxAqGM09JEXlxAqGM0ab"));
    }
}
