//! Documents of web servers that a profile asked for: kept for a while, and refreshed while they are used. Pure.

use std::rc::Rc;

use volary_link::http::Response;

/// What was not used for so many seconds is gone.
const EXPIRES_AFTER: i64 = 35 * DAY;
/// A document that is being refreshed counts as fresh for so many seconds.
const REFRESH_PAUSE: i64 = 60;
/// Most bytes of all documents together.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most documents.
const MAX_DOCUMENTS: usize = 500;
/// Hosts of maps: their pictures change rarely.
const MAP_HOSTS: [&str; 2] = ["https://tile.openstreetmap.org/", "https://vector.openstreetmap.org/"];
const DAY: i64 = 24 * 3600;

/// The documents of a profile, by the address that answered.
#[derive(Debug, Default)]
pub struct WebCache {
    /// The one that was used last comes last.
    entries: Vec<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    document: Rc<Response>,
    used: i64,
    stale_at: i64,
}

/// A document that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The document.
    pub document: Rc<Response>,
    /// It is to be asked for again. That is said once a minute at most.
    pub is_stale: bool,
}

impl WebCache {
    /// Looks a document up and marks it as used at `now` (Unix seconds).
    pub fn get(&mut self, url: &str, now: i64) -> Option<Known> {
        let at = self.entries.iter().position(|entry| entry.document.url == url)?;
        let mut entry = self.entries.remove(at);
        if entry.used.saturating_add(EXPIRES_AFTER) <= now {
            self.bytes -= entry.document.body.len();
            return None;
        }
        let is_stale = entry.stale_at <= now;
        if is_stale {
            entry.stale_at = now.saturating_add(REFRESH_PAUSE);
        }
        entry.used = now;
        let document = entry.document.clone();
        self.entries.push(entry);
        Some(Known { document, is_stale })
    }

    /// Keeps a document. The ones that were not used for longest make room.
    pub fn put(&mut self, document: Rc<Response>, now: i64) {
        if let Some(at) = self.entries.iter().position(|entry| entry.document.url == document.url) {
            self.bytes -= self.entries.remove(at).document.body.len();
        }
        if document.body.len() > MAX_BYTES {
            return;
        }
        self.bytes += document.body.len();
        let stale_at = now.saturating_add(fresh_for(&document));
        self.entries.push(Entry { document, used: now, stale_at });
        while self.bytes > MAX_BYTES || self.entries.len() > MAX_DOCUMENTS {
            self.bytes -= self.entries.remove(0).document.body.len();
        }
    }
}

/// For how many seconds a document is not asked for again.
fn fresh_for(document: &Response) -> i64 {
    if document.url.ends_with(".xdc") {
        EXPIRES_AFTER
    } else if MAP_HOSTS.iter().any(|host| document.url.starts_with(host)) {
        7 * DAY
    } else if document.mime.as_deref().is_some_and(|mime| mime.starts_with("image/")) {
        DAY
    } else {
        3600
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn document(url: &str, mime: &str, len: usize) -> Rc<Response> {
        Rc::new(Response {
            url: url.into(),
            status: "200 OK".into(),
            is_success: true,
            mime: Some(mime.into()),
            charset: None,
            body: vec![b'x'; len].into(),
        })
    }

    fn is_stale(cache: &mut WebCache, url: &str, after: i64) -> Option<bool> {
        cache.get(url, NOW + after).map(|known| known.is_stale)
    }

    // Spec 05 §4.
    #[test]
    fn documents_stay_fresh_for_as_long_as_their_kind_says() {
        for (url, mime, seconds) in [
            ("https://example.org/", "text/html", 3600),
            ("https://example.org/a.png", "image/png", DAY),
            ("https://tile.openstreetmap.org/1/2/3.png", "image/png", 7 * DAY),
            ("https://example.org/app.xdc", "application/zip", 35 * DAY),
        ] {
            let known = |after| {
                let mut cache = WebCache::default();
                cache.put(document(url, mime, 1), NOW);
                is_stale(&mut cache, url, after)
            };
            assert_eq!(known(seconds - 1), Some(false), "{url}");
            assert_eq!(known(seconds), (seconds < EXPIRES_AFTER).then_some(true), "{url}");
        }
    }

    #[test]
    fn a_stale_document_is_given_at_once_and_refreshed_once_a_minute() {
        let mut cache = WebCache::default();
        cache.put(document("u", "text/plain", 1), NOW);
        let steps = [3599, 3600, 3601, 3659, 3660].map(|after| is_stale(&mut cache, "u", after).unwrap());
        assert_eq!(steps, [false, true, false, false, true]);
        cache.put(document("u", "text/plain", 2), NOW + 3700);
        assert_eq!(is_stale(&mut cache, "u", 3700), Some(false));
        assert_eq!(cache.get("u", NOW + 3700).unwrap().document.body.len(), 2);
    }

    #[test]
    fn what_is_not_used_for_long_expires() {
        let mut cache = WebCache::default();
        cache.put(document("u.xdc", "x/y", 1), NOW);
        assert!(is_stale(&mut cache, "u.xdc", 34 * DAY).is_some(), "which is a use");
        assert!(is_stale(&mut cache, "u.xdc", 68 * DAY).is_some());
        assert_eq!(is_stale(&mut cache, "u.xdc", 103 * DAY), None);
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn the_document_that_was_not_used_for_longest_makes_room() {
        let mut cache = WebCache::default();
        for url in ["a", "b", "c"] {
            cache.put(document(url, "text/plain", MAX_BYTES / 3), NOW);
        }
        assert!(cache.get("a", NOW).is_some());
        cache.put(document("d", "text/plain", 10), NOW);
        assert!(
            cache.get("b", NOW).is_none() && cache.get("a", NOW).is_some() && cache.get("d", NOW).is_some()
        );
        cache.put(document("a", "text/plain", MAX_BYTES + 1), NOW);
        assert!(
            cache.get("a", NOW).is_none() && cache.bytes <= MAX_BYTES,
            "one that is too large is not kept"
        );
        for n in 0..2 * MAX_DOCUMENTS {
            cache.put(document(&n.to_string(), "text/plain", 0), NOW);
        }
        assert_eq!(cache.entries.len(), MAX_DOCUMENTS);
    }
}
