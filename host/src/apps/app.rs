//! An app: its files, and what `webxdc.js` asks for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use volary_engine::webxdc::instance::{AppFile, OpenApp};
use volary_proto::{
    Error, ErrorCode, GetConfig, GetWebxdcInfo, GetWebxdcStatusUpdates, SendWebxdcStatusUpdate,
    WebxdcMessageInfo,
};

use super::http::{number, value};
use super::reply::{Reply, body, bytes, done, json, pieces, text, under};
use super::running::Instance;
use super::{Shared, policy, realtime, types};

/// The script that every app includes, but for its first lines.
const SCRIPT: &str = include_str!("web/webxdc.js");
/// Where the script asks.
const ASK: &str = "/__webxdc__/";
/// How long an answer waits for a change.
const WAIT: Duration = Duration::from_secs(25);
/// Pieces of a file that wait for a slow browser.
const PIECES: usize = 4;
/// How long a browser may not take the next piece, with a paused video perhaps.
const TAKE_TIME: Duration = Duration::from_secs(600);
/// What an update may be longer than an app is told.
const SLACK: usize = 1024;

/// Answers a request to the origin of an app.
pub async fn answer(shared: &Arc<Shared>, instance: &Arc<Instance>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    let reply = match path.strip_prefix(ASK) {
        Some(_) if !policy::is_from_itself(request.headers(), &shared.app_origin(instance)) => refused(),
        Some("update") if request.method() == Method::POST => update(shared, instance, request).await,
        Some("updates") if request.method() == Method::GET => updates(shared, instance, request.uri()).await,
        Some("realtime") if request.method() == Method::POST => {
            realtime::send(shared, instance, request).await
        }
        Some("changes") if request.method() == Method::GET => changes(instance, request.uri()).await,
        Some("realtime") => realtime::listen(shared, instance),
        _ if request.method() != Method::GET => text(StatusCode::METHOD_NOT_ALLOWED, "files are only read"),
        _ if !policy::may_have_file(request.headers()) => refused(),
        Some(_) | None if path == "/webxdc.js" => script(shared, instance).await,
        _ => file(shared, instance, path).await,
    };
    under(reply, &policy::of_app(&shared.page_origin(&instance.name)))
}

fn refused() -> Reply {
    text(StatusCode::FORBIDDEN, "An app is shown in its own frame only.")
}

/// A failure of a call, as an answer.
pub fn failure(error: &Error) -> Reply {
    let status = match error.code() {
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Internal | ErrorCode::Cancelled | ErrorCode::DiskFull => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    text(status, error.message.clone())
}

async fn info(shared: &Shared, instance: &Instance) -> Result<WebxdcMessageInfo, Error> {
    shared.engine.call(instance.profile, GetWebxdcInfo { msg_id: instance.message }).await
}

/// The script, with what it has to know at once.
async fn script(shared: &Shared, instance: &Instance) -> Reply {
    let info = match info(shared, instance).await {
        Ok(info) => info,
        Err(error) => return failure(&error),
    };
    let known = serde_json::json!({
        "selfAddr": info.self_addr,
        "selfName": self_name(shared, instance.profile).await,
        "isAppSender": info.is_app_sender,
        "isBroadcast": info.is_broadcast,
        "sendUpdateInterval": info.send_update_interval,
        "sendUpdateMaxSize": info.send_update_max_size,
        "page": shared.page_origin(&instance.name),
    });
    // JSON is JavaScript, and this is a file of its own: nothing in it can end a script.
    bytes("text/javascript; charset=utf-8", format!("window.__webxdc = {known};\n{SCRIPT}"))
}

/// How the user is called in an app.
async fn self_name(shared: &Shared, profile: u32) -> String {
    for key in ["displayname", "configured_addr"] {
        let asked = shared.engine.call(profile, GetConfig { key: key.to_owned() }).await;
        if let Some(name) = asked.ok().and_then(|answer| answer.text).filter(|name| !name.is_empty()) {
            return name;
        }
    }
    String::new()
}

async fn update(shared: &Shared, instance: &Instance, request: Request<Incoming>) -> Reply {
    let limit = instance.update_limit;
    let sent = body(request.into_body(), limit + SLACK).await;
    let Some(update) = sent.and_then(|sent| String::from_utf8(sent.into()).ok()) else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, format!("an update has at most {limit} bytes of UTF-8"));
    };
    let call = SendWebxdcStatusUpdate { msg_id: instance.message, update };
    match shared.engine.call(instance.profile, call).await {
        Ok(_) => done(),
        Err(error) => failure(&error),
    }
}

/// The updates behind a number.
async fn updates(shared: &Shared, instance: &Instance, uri: &Uri) -> Reply {
    let call = GetWebxdcStatusUpdates { msg_id: instance.message, last_known_serial: number(uri, "after") };
    match shared.engine.call(instance.profile, call).await {
        Ok(found) => bytes("application/json", found.text),
        Err(error) => failure(&error),
    }
}

/// The number of the newest change; waits for one if the number that is told is that.
async fn changes(instance: &Instance, uri: &Uri) -> Reply {
    let mut state = instance.watch();
    if state.borrow_and_update().version.to_string() == value(uri, "version") {
        // Nothing has changed if it takes too long.
        let _ = tokio::time::timeout(WAIT, state.changed()).await;
    }
    let now = *state.borrow_and_update();
    match now.ended {
        None => json(&now.version),
        Some(_) => text(StatusCode::GONE, "This app is not open."),
    }
}

/// A file of the archive, inflated while it is sent.
async fn file(shared: &Arc<Shared>, instance: &Arc<Instance>, path: &str) -> Reply {
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return text(StatusCode::BAD_REQUEST, "the path is not UTF-8");
    };
    let name = if path == "/" { "index.html".to_owned() } else { path.trim_start_matches('/').to_owned() };
    let kind = types::by_name(&name);
    // Neither is ever closed.
    let Ok(own_place) = instance.reads.clone().acquire_owned().await else { return done() };
    let Ok(place) = shared.limits.reads.clone().acquire_owned().await else { return done() };
    let runtime = Handle::current();
    let (shared, instance) = (shared.clone(), instance.clone());
    let (size, sized) = tokio::sync::oneshot::channel();
    let (sender, receiver) = mpsc::channel(PIECES);
    // A thread of its own for as long as the browser takes; the places bound how many.
    tokio::task::spawn_blocking(move || {
        let opened = shared.archives.take(&instance.name);
        match shared.engine.app_file(instance.profile, instance.message, &name, opened) {
            Ok(file) => {
                let _ = size.send(Ok(file.size()));
                if let Some(opened) = send(file, &sender, &runtime)
                    && !instance.has_ended()
                {
                    shared.archives.keep(&instance.name, opened);
                }
            }
            Err(error) => {
                let _ = size.send(Err(error));
            }
        }
        drop((place, own_place));
    });
    match sized.await {
        Ok(Ok(length)) => pieces(kind, length, receiver),
        Ok(Err(error)) if error.code() == ErrorCode::Internal => failure(&error),
        Ok(Err(error)) => text(StatusCode::NOT_FOUND, error.message),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read"),
    }
}

/// Sends a file; the archive, if it was read without trouble.
fn send(file: AppFile, pieces: &mpsc::Sender<io::Result<Bytes>>, runtime: &Handle) -> Option<OpenApp> {
    let take = |piece| runtime.block_on(pieces.send_timeout(piece, TAKE_TIME)).is_ok();
    match file.copy(|piece| take(Ok(Bytes::from(piece)))) {
        Ok(opened) => Some(opened),
        Err(error) => {
            // The browser sees that the file broke off.
            take(Err(io::Error::other(error.to_string())));
            None
        }
    }
}
