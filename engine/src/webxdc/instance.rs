//! Queries: what an instance tells, its updates, its files.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;

use volary_mail::webxdc::archive::{Archive, START_PAGE};
use volary_mail::webxdc::info::{self, Instance, SEND_UPDATE_INTERVAL_MS, SEND_UPDATE_MAX_SIZE};
use volary_mail::webxdc::manifest::Manifest;
use volary_mail::webxdc::update::{Update, answer};
use volary_mail::webxdc::{blob, icon, self_addr};
use volary_proto::v1::WebxdcMessageInfo;
use volary_storage::records::{ChatType, MessageRecord, ViewType};

use crate::chat::compose::load_chat;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ContactId, MessageId};
use crate::query::look::Look;
use crate::query::messages;
use crate::state::{apps, keys};
use crate::webxdc::archive::{failure, open};
use crate::webxdc::map;

fn load(look: &Look<'_>, message: MessageId) -> Outcome<MessageRecord> {
    let record = messages::record(look, message)?;
    if record.view_type != ViewType::Webxdc {
        return Err(Failure::refused("No webxdc instance."));
    }
    Ok(record)
}

/// What an instance tells about itself.
pub fn info(look: &Look<'_>, message: MessageId) -> Outcome<WebxdcMessageInfo> {
    let record = load(look, message)?;
    let mut archive = open(look, &record)?;
    let manifest = Manifest::of(&mut archive).map_err(failure)?;
    let state = apps::load(look.view, look.profile, message)?.unwrap_or_default();
    let own = keys::own_fingerprint(look.view, look.profile)?;
    let own =
        own.and_then(|own| keys::parse_fingerprint(&own)).ok_or_else(|| Failure::refused("No own key"))?;
    let chat = load_chat(look.view, look.profile, record.chat)?;
    let told = info::info(
        &manifest,
        Instance {
            file_name: &record.file_name,
            document: &state.document,
            summary: &state.summary,
            is_map: map::is_map(look.view, look.profile, message)?,
        },
    );
    Ok(WebxdcMessageInfo {
        name: told.name.to_owned(),
        icon: icon::path(&archive).to_owned(),
        document: told.document.map(str::to_owned),
        summary: told.summary.map(str::to_owned),
        source_code_url: told.source_code_url.map(str::to_owned),
        internet_access: told.internet_access,
        self_addr: self_addr(&own, &record.mid),
        is_app_sender: record.from == ContactId::SELF,
        is_broadcast: matches!(chat.chat_type, ChatType::OutBroadcast | ChatType::InBroadcast),
        send_update_interval: SEND_UPDATE_INTERVAL_MS,
        send_update_max_size: SEND_UPDATE_MAX_SIZE,
    })
}

/// Whether an app asks to be the map; one that cannot be read does not.
pub fn wants_map(look: &Look<'_>, message: MessageId) -> bool {
    let manifest = load(look, message).and_then(|record| open(look, &record));
    manifest
        .and_then(|mut archive| Manifest::of(&mut archive).map_err(failure))
        .is_ok_and(|found| found.wants_map())
}

/// A file of an app.
pub fn blob(look: &Look<'_>, message: MessageId, path: &str) -> Outcome<Cow<'static, [u8]>> {
    let record = load(look, message)?;
    blob::read(&mut open(look, &record)?, path).map_err(failure)
}

/// Bytes of a piece of a file.
const PIECE: usize = 64 * 1024;

/// The opened archive of an app, whose directory was read and checked. Whoever reads several files of an app keeps it.
pub struct OpenApp {
    blob: String,
    archive: Box<Archive<File>>,
}

/// A file of an app that is not read yet.
pub struct AppFile {
    app: OpenApp,
    content: Content,
    size: u64,
}

enum Content {
    /// Not from the archive, or looked at as a whole.
    Ready(Cow<'static, [u8]>),
    /// An entry of the archive.
    Entry(String),
}

impl AppFile {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Passes the content on, piece by piece, inflated on the way, as long as `take` wants more. Returns the archive, from
    /// which another file can be read.
    pub fn copy(mut self, mut take: impl FnMut(Vec<u8>) -> bool) -> Outcome<OpenApp> {
        let name = match self.content {
            Content::Ready(bytes) => {
                take(bytes.into_owned());
                return Ok(self.app);
            }
            Content::Entry(name) => name,
        };
        let mut entry = self.app.archive.entry(&name).map_err(failure)?;
        loop {
            let mut piece = vec![0; PIECE];
            let count = entry.read(&mut piece).map_err(Failure::file("the app cannot be read"))?;
            piece.truncate(count);
            if count == 0 || !take(piece) {
                break;
            }
        }
        drop(entry);
        Ok(self.app)
    }
}

/// A file of an app as a stream: the same content as [`blob()`] gives. An archive that was opened before is used if it is
/// still that of the message.
pub fn file(look: &Look<'_>, message: MessageId, path: &str, opened: Option<OpenApp>) -> Outcome<AppFile> {
    let record = load(look, message)?;
    let mut app = match opened.filter(|app| app.blob == record.blob) {
        Some(app) => app,
        None => OpenApp { archive: Box::new(open(look, &record)?), blob: record.blob },
    };
    let name = blob::entry_name(path);
    let is_ours = path == icon::DEFAULT_ICON_PATH
        || (name == START_PAGE && Manifest::of(&mut app.archive).map_err(failure)?.needs_newer());
    if is_ours || icon::is_icon(name) {
        let bytes = blob::read(&mut app.archive, path).map_err(failure)?;
        return Ok(AppFile { size: bytes.len() as u64, content: Content::Ready(bytes), app });
    }
    let size = app.archive.entry(name).map_err(failure)?.size();
    Ok(AppFile { size, content: Content::Entry(name.to_owned()), app })
}

/// The updates behind a number, as JSON. Any message may be asked for; most have none.
pub fn updates(look: &Look<'_>, message: MessageId, last_known: u32) -> Outcome<String> {
    if map::is_map(look.view, look.profile, message)? {
        return map::positions(look, message, last_known);
    }
    let Some(first) = last_known.checked_add(1) else { return Ok(answer(Vec::new())) };
    let mut found = Vec::new();
    for row in apps::range(look.view, look.profile, message, first, u32::MAX)? {
        let (serial, json) = row?;
        let update = Update::from_wire(&json)
            .ok_or_else(|| Failure::Internal(format!("update {serial} of an app cannot be read")))?;
        found.push((serial, update));
    }
    Ok(answer(found))
}

/// Where inside an app an info message leads to.
pub fn href(look: &Look<'_>, message: MessageId) -> Outcome<Option<String>> {
    let record = messages::record(look, message)?;
    Ok((!record.href.is_empty()).then_some(record.href))
}
