//! The list of all apps, from which a person, or a program that is no browser, opens one.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use serde_json::{Value, json};
use volary_proto::{
    GetAllAccountIds, GetBasicChat, GetChatMedia, GetConfig, GetMessage, GetWebxdcInfo, ViewType,
};

use super::app::failure;
use super::http::{number, value};
use super::reply::{Reply, bytes, done, json, text, under};
use super::{Shared, policy, wipe};

const PAGE: &str = include_str!("web/list.html");
const SCRIPT: &str = include_str!("web/list.js");
const STYLE: &str = include_str!("web/style.css");

/// Apps that are listed, the newest of each profile first.
const MAX_LISTED: usize = 500;

/// Answers a request to the list.
pub async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    let origin = shared.page_origin(&shared.list);
    let uri = request.uri();
    // The address of the list ends in a slash: what is put behind it may begin with another.
    let path = format!("/{}", uri.path().trim_start_matches('/'));
    if let ("/", Some(detour)) = (path.as_str(), wipe::detour(shared, &shared.list, request.headers(), uri)) {
        return detour;
    }
    let reply = match (request.method(), path.as_str()) {
        (&Method::GET, "/") if policy::may_open_page(request.headers()) => {
            bytes("text/html; charset=utf-8", PAGE)
        }
        _ if !policy::may_use_list(request.headers(), &origin) => {
            text(StatusCode::FORBIDDEN, "Only the list itself may ask for this.")
        }
        (&Method::GET, "/list.js") => bytes("text/javascript; charset=utf-8", SCRIPT),
        (&Method::GET, "/style.css") => bytes("text/css; charset=utf-8", STYLE),
        (&Method::GET, "/apps") => json(&apps(shared).await),
        (&Method::POST, "/open") => open(shared, request.headers(), uri).await,
        (&Method::POST, "/close") => match shared.close(number(uri, "profile"), number(uri, "message")) {
            true => done(),
            false => text(StatusCode::NOT_FOUND, "This app is not open."),
        },
        _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    under(reply, &policy::of_page(None))
}

/// Opens an app. Who shows a token with it holds it by that token: it ends when the token is taken back.
async fn open(shared: &Shared, headers: &HeaderMap, uri: &Uri) -> Reply {
    let (profile, message) = (number(uri, "profile"), number(uri, "message"));
    let holder = match shared.held.holder(shared.engine.dir(), headers, profile, message) {
        Ok(holder) => holder,
        Err((status, why)) => return text(status, why),
    };
    match shared.open(profile, message, &value(uri, "href"), holder).await {
        Ok(url) => json(&json!({ "url": url })),
        Err(error) => failure(&error),
    }
}

/// All apps of all profiles. What cannot be read is left out.
async fn apps(shared: &Shared) -> Vec<Value> {
    let mut apps = Vec::new();
    let Ok(profiles) = shared.engine.call(0, GetAllAccountIds {}).await else { return apps };
    for profile in profiles.ids {
        let name = shared.engine.call(profile, GetConfig { key: "displayname".to_owned() }).await;
        let name = name.ok().and_then(|name| name.text).unwrap_or_default();
        let media = GetChatMedia { chat_id: None, view_types: vec![ViewType::Webxdc.into()] };
        let Ok(found) = shared.engine.call(profile, media).await else { continue };
        for message in found.ids.into_iter().rev() {
            if apps.len() >= MAX_LISTED {
                return apps;
            }
            if let Some(app) = app(shared, profile, &name, message).await {
                apps.push(app);
            }
        }
    }
    apps
}

async fn app(shared: &Shared, profile: u32, user: &str, message: u32) -> Option<Value> {
    let info = shared.engine.call(profile, GetWebxdcInfo { msg_id: message }).await.ok()?;
    let chat_id = shared.engine.call(profile, GetMessage { msg_id: message }).await.ok()?.chat_id;
    let chat = shared.engine.call(profile, GetBasicChat { chat_id }).await.ok()?.name;
    Some(json!({
        "profile": profile,
        "user": user,
        "message": message,
        "chat": chat,
        "name": info.name,
        "document": info.document,
        "summary": info.summary,
    }))
}
