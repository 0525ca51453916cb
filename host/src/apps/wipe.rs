//! Asks browsers to remove what an app kept whose message is gone; [`super::storage`] knows for which that is due.
//!
//! A browser does so for the origin whose answer says it, in the place where the app was shown: the page around an app
//! loads that answer in its frame. When no page was open, the next page that a person opens is led past all origins that
//! are due, by redirection, before it is shown.

use hyper::header::{HeaderName, HeaderValue, LOCATION};
use hyper::{HeaderMap, StatusCode, Uri};

use super::http::{number, value};
use super::reply::{Reply, text, under};
use super::{Shared, names, policy};

/// Where the origin of an app is asked.
pub const PATH: &str = "/__webxdc__/wipe";
/// Origins that a page leads past before it is shown. Browsers follow twenty redirections.
const MAX_HOPS: usize = 12;
/// What a browser removes.
const WIPE: HeaderValue = HeaderValue::from_static("\"storage\", \"cookies\"");

/// Leads the page of this name past what is due; `None` if nothing is, or if it is no browser that asks.
pub fn detour(shared: &Shared, name: &str, headers: &HeaderMap, uri: &Uri) -> Option<Reply> {
    if !policy::is_page_of_a_browser(headers) {
        return None;
    }
    let place = uri.path_and_query().map_or("/", |place| place.as_str());
    let next = hop(shared, name, place, MAX_HOPS)?;
    tracing::debug!("a browser is led past apps that are gone");
    Some(under(redirection(&next), &policy::of_page(None)))
}

/// The next origin that is due, on the way to a place of the page of a name.
fn hop(shared: &Shared, to: &str, place: &str, left: usize) -> Option<String> {
    let left = left.checked_sub(1)?;
    let due = shared.storage.due(&shared.names, 1);
    let host = names::app_host(due.first()?, shared.port);
    let place: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
    Some(format!("http://{host}{PATH}?to={to}&place={place}&left={left}"))
}

/// Answers a request to the origin of an app that does not run.
pub fn answer(shared: &Shared, name: &str, headers: &HeaderMap, uri: &Uri) -> Reply {
    let is_due = uri.path() == PATH && shared.storage.is_due(&shared.names, name);
    let shown = policy::is_page_of_a_browser(headers) || policy::is_frame_of_a_browser(headers);
    if !(is_due && shown) {
        return text(StatusCode::GONE, "This app is not open.");
    }
    shared.storage.asked(&shared.names, name);
    let mut reply = match policy::is_page_of_a_browser(headers) {
        true => redirection(&onwards(shared, uri)),
        false => text(StatusCode::GONE, "This app is gone."),
    };
    reply.headers_mut().insert(HeaderName::from_static("clear-site-data"), WIPE);
    under(reply, &policy::of_app(&shared.page_origin(name)))
}

/// The next origin that is due, or the page that a person wanted. Nothing but pages of ours.
fn onwards(shared: &Shared, uri: &Uri) -> String {
    let (to, place) = (value(uri, "to"), value(uri, "place"));
    let left = usize::try_from(number(uri, "left")).unwrap_or(0).min(MAX_HOPS);
    let to = if shared.running.get(&to).is_some() { to } else { shared.list.clone() };
    let place = if place.starts_with('/') { place } else { "/".to_owned() };
    hop(shared, &to, &place, left).unwrap_or_else(|| format!("{}{place}", shared.page_origin(&to)))
}

fn redirection(to: &str) -> Reply {
    let mut reply = text(StatusCode::SEE_OTHER, "");
    // Made of names and of what `Uri` and `byte_serialize` let through.
    if let Ok(place) = HeaderValue::from_str(to) {
        reply.headers_mut().insert(LOCATION, place);
    }
    reply
}
