//! What browsers are asked to forbid, and which requests are refused whatever browsers do. Pure.
//!
//! An app runs in a frame of a page of ours. Its own policy keeps it from loading anything from elsewhere; that of the
//! page around it keeps its frame from being navigated elsewhere; the sandbox of the frame takes windows, downloads and
//! the page around it out of reach.

use hyper::HeaderMap;
use hyper::header::{HeaderName, ORIGIN};

/// What the frame of an app may do; everything that is not listed it may not.
pub const SANDBOX: &str = "allow-scripts allow-same-origin allow-forms allow-modals allow-pointer-lock";

/// Powerful features, all of which are off.
const NO_FEATURES: &str = "accelerometer=(), ambient-light-sensor=(), attribution-reporting=(), autoplay=(self), \
    bluetooth=(), browsing-topics=(), camera=(), clipboard-read=(), display-capture=(), encrypted-media=(), \
    geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), join-ad-interest-group=(), \
    local-fonts=(), magnetometer=(), microphone=(), midi=(), otp-credentials=(), payment=(), \
    publickey-credentials-create=(), publickey-credentials-get=(), run-ad-auction=(), screen-wake-lock=(), serial=(), \
    shared-storage=(), storage-access=(), usb=(), web-share=(), window-management=(), xr-spatial-tracking=()";

/// The policy of an app whose frame is on the page `page`.
pub fn of_app(page: &str) -> String {
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline' blob:",
        "font-src 'self' data: blob:",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        &format!("frame-ancestors 'self' {page}"),
        &format!("sandbox {SANDBOX}"),
        "webrtc 'block'",
    ]
    .join("; ")
}

/// The policy of a page of ours; `frame` is the only origin that it may show.
pub fn of_page(frame: Option<&str>) -> String {
    let frame = frame.unwrap_or("'none'");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         frame-src {frame}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; webrtc 'block'"
    )
}

/// What every answer carries.
pub const ALWAYS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-dns-prefetch-control", "off"),
    ("origin-agent-cluster", "?1"),
    ("permissions-policy", NO_FEATURES),
    ("cache-control", "no-store"),
];

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a file of an app may be handed out: to the app itself, and as the document of a frame. Never as a page of its
/// own, outside the frame that confines it, and never as a service worker.
pub fn may_have_file(headers: &HeaderMap) -> bool {
    match text(headers, DEST) {
        Some("iframe" | "frame") => true,
        Some("document" | "serviceworker" | "object" | "embed") | None => false,
        Some(_) => text(headers, SITE) == Some("same-origin"),
    }
}

/// Whether a request comes from a script of this very origin.
pub fn is_from_itself(headers: &HeaderMap, origin: &str) -> bool {
    text(headers, SITE) == Some("same-origin") && text(headers, ORIGIN).is_none_or(|named| named == origin)
}

/// Whether a page of ours may be opened: by a person, from another page of ours, or by a program that is no browser.
pub fn may_open_page(headers: &HeaderMap) -> bool {
    matches!(text(headers, DEST), Some("document") | None)
}

/// Whether a browser wants to show the answer as a page of its own.
pub fn is_page_of_a_browser(headers: &HeaderMap) -> bool {
    text(headers, DEST) == Some("document")
}

/// Whether a browser wants to show the answer in a frame.
pub fn is_frame_of_a_browser(headers: &HeaderMap) -> bool {
    matches!(text(headers, DEST), Some("iframe" | "frame"))
}

/// Whether a request to the list of apps comes from its own page, or from a program that is no browser.
pub fn may_use_list(headers: &HeaderMap, origin: &str) -> bool {
    (text(headers, SITE).is_none() && text(headers, ORIGIN).is_none()) || is_from_itself(headers, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(
        site: Option<&'static str>,
        dest: Option<&'static str>,
        origin: Option<&'static str>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(SITE, site), (DEST, dest), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        headers
    }

    #[test]
    fn files_go_to_their_app_and_into_frames_only() {
        let may = |site, dest| may_have_file(&headers(Some(site), dest, None));
        assert!(may("same-origin", Some("script")) && may("same-origin", Some("empty")));
        assert!(may("same-site", Some("iframe")));
        assert!(!may("cross-site", Some("image")) && !may("same-site", Some("script")));
        assert!(!may("none", Some("document")) && !may("same-origin", Some("document")));
        assert!(!may("same-origin", Some("serviceworker")) && !may("same-origin", None));
    }

    #[test]
    fn only_an_origin_itself_uses_what_it_offers() {
        let own = "http://own";
        assert!(is_from_itself(&headers(Some("same-origin"), None, Some("http://own")), own));
        assert!(is_from_itself(&headers(Some("same-origin"), None, None), own));
        assert!(!is_from_itself(&headers(Some("same-origin"), None, Some("null")), own));
        assert!(!is_from_itself(&headers(Some("same-site"), None, Some("http://own")), own));
        assert!(!is_from_itself(&headers(None, None, None), own));
        assert!(may_use_list(&headers(None, None, None), own));
        assert!(!may_use_list(&headers(None, None, Some("http://other")), own));
        assert!(!may_use_list(&headers(Some("cross-site"), None, None), own));
    }

    #[test]
    fn an_app_is_shown_by_its_page_alone_and_the_page_shows_nothing_else() {
        let policy = of_app("http://page");
        assert!(policy.contains("frame-ancestors 'self' http://page;"), "{policy}");
        assert!(policy.contains("webrtc 'block'") && !policy.contains("allow-popups"), "{policy}");
        assert!(!policy.contains("allow-top-navigation") && !policy.contains("allow-downloads"), "{policy}");
        assert!(of_page(Some("http://app")).contains("frame-src http://app;"));
        assert!(of_page(None).contains("frame-src 'none';"));
    }
}
