//! The list of all apps, from which a person, or a program that is no browser, opens one.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, Uri};
use serde_json::{Value, json};
use volary_proto::{
    GetAllAccountIds, GetBasicChat, GetChatMedia, GetConfig, GetMessage, GetWebxdcInfo, ViewType,
};

use super::app::failure;
use super::http::{number, value};
use super::reply::{Reply, bytes, done, json, text, under};
use super::{Shared, policy};

const PAGE: &str = include_str!("web/list.html");
const SCRIPT: &str = include_str!("web/list.js");
const STYLE: &str = include_str!("web/style.css");

/// Apps that are listed, the newest of each profile first.
const MAX_LISTED: usize = 500;

/// Answers a request to the list.
pub async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    let origin = shared.page_origin(&shared.list);
    let uri = request.uri();
    let reply = match (request.method(), uri.path()) {
        (&Method::GET, "/") if policy::may_open_page(request.headers()) => {
            bytes("text/html; charset=utf-8", PAGE)
        }
        _ if !policy::may_use_list(request.headers(), &origin) => {
            text(StatusCode::FORBIDDEN, "Only the list itself may ask for this.")
        }
        (&Method::GET, "/list.js") => bytes("text/javascript; charset=utf-8", SCRIPT),
        (&Method::GET, "/style.css") => bytes("text/css; charset=utf-8", STYLE),
        (&Method::GET, "/apps") => json(&apps(shared).await),
        (&Method::POST, "/open") => open(shared, uri).await,
        (&Method::POST, "/close") => {
            let (profile, message) = (number(uri, "profile"), number(uri, "message"));
            shared.running.end(|instance| instance.profile == profile && instance.message == message);
            done()
        }
        _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    under(reply, &policy::of_page(None))
}

async fn open(shared: &Shared, uri: &Uri) -> Reply {
    let opened = shared.open(number(uri, "profile"), number(uri, "message"), &value(uri, "href")).await;
    match opened {
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
