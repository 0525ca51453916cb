//! The page around an app. It holds the app in a frame, and does what an app may not do by itself: it shows links out and
//! asks, and puts into a chat what the app gives.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;
use volary_proto::{
    GetBasicChat, GetChatlistEntries, GetConfig, GetMessage, GetWebxdcBlob, GetWebxdcInfo, SetDraft,
};

use super::app::failure;
use super::http::{number, value};
use super::reply::{Reply, body, bytes, done, json, text, under};
use super::running::{End, Instance};
use super::{Shared, policy, types, wipe};

const PAGE: &str = include_str!("web/page.html");
const SCRIPT: &str = include_str!("web/page.js");
const STYLE: &str = include_str!("web/style.css");

/// How long an answer waits for a change.
const WAIT: Duration = Duration::from_secs(25);
/// Largest file that an app puts into a chat, in bytes: what a message takes.
const MAX_FILE: usize = 80 << 20;
/// Bytes of text that an app puts into a chat, with the name of its file.
const MAX_TEXT: usize = 1 << 20;
/// Chats that are offered.
const MAX_CHATS: usize = 200;
/// The icon of apps that have none.
const DEFAULT_ICON: &str = "__webxdc__/default-icon.png";
/// Folder for files on their way into a chat, in the folder of the engine.
const FOLDER: &str = ".apps";

/// Answers a request to the page around an app.
pub async fn answer(shared: &Arc<Shared>, instance: &Arc<Instance>, request: Request<Incoming>) -> Reply {
    let origin = shared.page_origin(&instance.name);
    let (path, uri) = (request.uri().path().to_owned(), request.uri().clone());
    let own = policy::is_from_itself(request.headers(), &origin);
    if let ("/", Some(detour)) =
        (path.as_str(), wipe::detour(shared, &instance.name, request.headers(), &uri))
    {
        return detour;
    }
    let reply = match (request.method(), path.as_str()) {
        (&Method::GET, "/") if policy::may_open_page(request.headers()) => {
            bytes("text/html; charset=utf-8", PAGE)
        }
        _ if !own => text(StatusCode::FORBIDDEN, "Only the page around an app may ask for this."),
        (&Method::GET, "/page.js") => bytes("text/javascript; charset=utf-8", SCRIPT),
        (&Method::GET, "/style.css") => bytes("text/css; charset=utf-8", STYLE),
        (&Method::GET, "/about") => about(shared, instance, &uri).await,
        (&Method::GET, "/icon") => icon(shared, instance).await,
        (&Method::GET, "/chats") => chats(shared, instance, &uri).await,
        (&Method::POST, "/draft") => draft(shared, instance, request).await,
        (&Method::POST, "/close") => {
            shared.running.end(End::Closed, |other| other.name == instance.name);
            done()
        }
        _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    let mut reply = under(reply, &policy::of_page(Some(&shared.app_origin(instance))));
    let opener = hyper::header::HeaderValue::from_static("same-origin");
    reply.headers_mut().insert("cross-origin-opener-policy", opener);
    reply
}

/// What the page shows; waits for a change of what it knows.
async fn about(shared: &Shared, instance: &Instance, uri: &Uri) -> Reply {
    let mut state = instance.watch();
    let known = value(uri, "version");
    if state.borrow_and_update().version.to_string() == known {
        let _ = tokio::time::timeout(WAIT, state.changed()).await;
    }
    let now = *state.borrow_and_update();
    if now.ended.is_some() {
        return json(&json!({ "ended": true }));
    }
    let profile = instance.profile;
    let info = match shared.engine.call(profile, GetWebxdcInfo { msg_id: instance.message }).await {
        Ok(info) => info,
        Err(error) => return failure(&error),
    };
    let message = shared.engine.call(profile, GetMessage { msg_id: instance.message }).await;
    let chat_id = message.map_or(0, |message| message.chat_id);
    let chat = shared.engine.call(profile, GetBasicChat { chat_id }).await.map(|chat| chat.name);
    let user = shared.engine.call(profile, GetConfig { key: "displayname".to_owned() }).await;
    json(&json!({
        "ended": false,
        "version": now.version.to_string(),
        "app": shared.app_origin(instance),
        "sandbox": policy::SANDBOX,
        "name": info.name,
        "document": info.document,
        "summary": info.summary,
        "chat": chat.unwrap_or_default(),
        "user": user.ok().and_then(|user| user.text).unwrap_or_default(),
    }))
}

/// The icon of the app; the default if it has none that can be shown.
async fn icon(shared: &Shared, instance: &Instance) -> Reply {
    let asked = shared.engine.call(instance.profile, GetWebxdcInfo { msg_id: instance.message }).await;
    let own = match asked {
        Ok(info) => info.icon,
        Err(error) => return failure(&error),
    };
    let blob = async |path: &str| {
        let call = GetWebxdcBlob { msg_id: instance.message, path: path.to_owned() };
        let found = shared.engine.call(instance.profile, call).await;
        found.map(|icon| bytes(types::by_name(path), icon.blob))
    };
    match blob(&own).await {
        Ok(icon) => icon,
        // It is no picture, or too large.
        Err(_) => blob(DEFAULT_ICON).await.unwrap_or_else(|error| failure(&error)),
    }
}

/// Chats into which something can be put.
async fn chats(shared: &Shared, instance: &Instance, uri: &Uri) -> Reply {
    let query = Some(value(uri, "query")).filter(|query| !query.is_empty());
    let call = GetChatlistEntries { query, ..Default::default() };
    let ids = match shared.engine.call(instance.profile, call).await {
        Ok(found) => found.ids,
        Err(error) => return failure(&error),
    };
    let mut chats = Vec::new();
    for chat_id in ids.into_iter().take(MAX_CHATS) {
        if let Ok(chat) = shared.engine.call(instance.profile, GetBasicChat { chat_id }).await
            && !chat.is_contact_request
            && !chat.is_device_chat
        {
            chats.push(json!({ "id": chat_id, "name": chat.name }));
        }
    }
    json(&chats)
}

/// What stands before the bytes of a file.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// Puts text and file into the draft of a chat: four bytes of length, JSON of that length, the bytes of the file.
async fn draft(shared: &Shared, instance: &Instance, request: Request<Incoming>) -> Reply {
    let chat_id = number(request.uri(), "chat");
    let Some(sent) = body(request.into_body(), MAX_FILE + MAX_TEXT).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "this is too much for a message");
    };
    let Some((given, content)) = split(&sent) else {
        return text(StatusCode::BAD_REQUEST, "this cannot be put into a chat");
    };
    let mut file = None;
    if let Some(name) = &given.name {
        match Passing::write(shared.engine.dir(), content) {
            Ok(written) => file = Some((written, name.clone())),
            Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
    let call = SetDraft {
        chat_id,
        text: given.text,
        file: file.as_ref().map(|(file, _)| file.path.to_string_lossy().into_owned()),
        filename: file.as_ref().map(|(_, name)| name.clone()),
        ..Default::default()
    };
    let set = shared.engine.call(instance.profile, call).await;
    drop(file);
    match set {
        Ok(_) => done(),
        Err(error) => failure(&error),
    }
}

fn split(sent: &[u8]) -> Option<(Given, &[u8])> {
    let (length, rest) = sent.split_first_chunk::<4>()?;
    let (given, content) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((serde_json::from_slice(given).ok()?, content))
}

/// A file on its way into a chat; the engine copies it.
struct Passing {
    path: PathBuf,
}

impl Passing {
    fn write(folder: &Path, content: &[u8]) -> io::Result<Self> {
        let folder = folder.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{:032x}", rand::random::<u128>()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let passing = Self { path };
        file.write_all(content)?;
        Ok(passing)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what a process that was killed left behind.
pub fn clean(folder: &Path) {
    let _ = fs::remove_dir_all(folder.join(FOLDER));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_gives_is_taken_apart() {
        let given = br#"{"text":"hi","name":"a.txt"}"#;
        let mut sent = (given.len() as u32).to_be_bytes().to_vec();
        sent.extend_from_slice(given);
        sent.extend_from_slice(b"content");
        let (found, content) = split(&sent).unwrap();
        assert_eq!(
            (found.text.as_deref(), found.name.as_deref(), content),
            (Some("hi"), Some("a.txt"), &b"content"[..])
        );
        assert!(split(&[0, 0]).is_none() && split(&[255, 255, 255, 255, 1]).is_none());
        assert!(split(&[0, 0, 0, 1, b'x']).is_none());
    }

    #[test]
    fn a_file_on_its_way_is_private_and_goes() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let passing = Passing::write(folder.path(), b"x").unwrap();
        let path = passing.path.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(passing);
        assert!(!path.exists());
    }
}
