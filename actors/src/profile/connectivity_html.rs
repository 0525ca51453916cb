//! The connectivity page: a self-contained HTML document that clients show as it is.

use volary_mail::message::text::view::escape;
use volary_proto::v1::{RelayConnectivity, RelayQuotaRoot};

use super::connectivity::Shown;
use super::shared::Shared;
use volary_engine::ground::error::Outcome;
use volary_engine::ground::sizes::size;
use volary_engine::ground::texts::{Texts, id as text};
use volary_engine::state::config;

const HEAD: &str = "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"UTF-8\" />\n\
<meta name=\"viewport\" content=\"initial-scale=1.0; user-scalable=no\" />\n<style>\n\
ul { list-style-type: none; padding-left: 1em; }\n\
.dot { height: 0.9em; width: 0.9em; border-radius: 50%; display: inline-block; }\n\
.red { background-color: #f33b2d; } .yellow { background-color: #fdc625; }\n\
.green { background-color: #34c759; } .grey { background-color: #808080; }\n\
.transport { margin-bottom: 1em; }\n\
.bar { width: 90%; border: 1px solid #888; border-radius: .5em; overflow: hidden; font-size: 80%; }\n\
.progress { min-width: 1.8em; color: white; padding: 0 .3em; }\n</style>\n</head>\n<body>\n";

/// The page for the present state.
pub fn render(shared: &Shared) -> Outcome<String> {
    let texts = shared.db.texts();
    let mut page = HEAD.to_owned();
    if let Some(error) = shared.setup_error.borrow().as_deref() {
        page.push_str(&format!("<ul><li><span class=\"red dot\"></span> {}</li></ul>\n", escape(error)));
    }
    if !shared.io.get() {
        page.push_str(&format!("<h3>{}</h3>\n</body></html>\n", escape(&texts.get(text::NOT_CONNECTED))));
        return Ok(page);
    }
    if shared.db.read(|view| config::flag(view, shared.id, config::key::PROXY_ENABLED))? {
        let (title, hint) = (texts.get(text::PROXY_ENABLED), texts.get(text::PROXY_HINT));
        page.push_str(&format!("<h3>{}</h3><ul><li>{}</li></ul>\n", escape(&title), escape(&hint)));
    }
    page.push_str(&format!("<h3>{}</h3><ul>\n", escape(&texts.get(text::INCOMING_MESSAGES))));
    let shown = shared.shown.borrow();
    for connection in shown.values() {
        page.push_str(&incoming(texts, connection));
    }
    page.push_str(&format!("</ul><h3>{}</h3><ul>\n", escape(&texts.get(text::OUTGOING_MESSAGES))));
    page.push_str(&outgoing(texts, shown.values().map(Box::as_ref)));
    page.push_str("</ul>\n</body></html>\n");
    Ok(page)
}

fn dot(state: RelayConnectivity) -> &'static str {
    match state {
        RelayConnectivity::Error | RelayConnectivity::Uninitialized => "red",
        RelayConnectivity::Connecting => "yellow",
        _ => "green",
    }
}

fn incoming(texts: &Texts, shown: &Shown) -> String {
    let state = match shown.imap {
        RelayConnectivity::Error => texts.fill(text::ERROR, &[&shown.imap_error]),
        RelayConnectivity::Uninitialized => "Not started".to_owned(),
        RelayConnectivity::Connecting => texts.get(text::CONNECTING),
        RelayConnectivity::Idle => texts.get(text::CONNECTED),
        _ => texts.get(text::UPDATING),
    };
    let quota: String = shown.quota.iter().map(|root| quota(texts, root)).collect();
    format!(
        "<li class=\"transport\"><span class=\"{} dot\"></span> <b>{}:</b> {}<br />{quota}</li>\n",
        dot(shown.imap),
        escape(&shown.domain),
        escape(&state),
    )
}

fn quota(texts: &Texts, root: &RelayQuotaRoot) -> String {
    let mut list = String::from("<ul class=\"quota-list\">");
    for resource in &root.resources {
        let percent = (resource.usage * 100).checked_div(resource.limit).unwrap_or(0);
        let amount = |value: u64| {
            if resource.name.eq_ignore_ascii_case("STORAGE") { size(value * 1024) } else { value.to_string() }
        };
        let words = texts.fill(text::QUOTA_USED, &[&amount(resource.usage), &amount(resource.limit)]);
        let colour = match percent {
            99.. => "red",
            80..99 => "yellow",
            _ => "grey",
        };
        list.push_str(&format!(
            "<li>{}<div class=\"bar\"><div class=\"progress {colour}\" style=\"width: {percent}%\">{percent}%</div></div></li>",
            escape(&words)
        ));
    }
    list.push_str("</ul>");
    list
}

fn outgoing<'a>(texts: &Texts, connections: impl Iterator<Item = &'a Shown>) -> String {
    let used = connections.max_by_key(|shown| shown.smtp as i32);
    let (colour, words) = match used {
        Some(shown) if shown.smtp != RelayConnectivity::Uninitialized => {
            let words = match shown.smtp {
                RelayConnectivity::Error => texts.fill(text::ERROR, &[&shown.smtp_error]),
                RelayConnectivity::Connecting => texts.get(text::CONNECTING),
                RelayConnectivity::Working => texts.get(text::SENDING),
                _ => texts.get(text::LAST_SENT_OK),
            };
            (dot(shown.smtp), words)
        }
        // Nothing is wrong with a profile that has not sent anything since it started, and chatmail core says the same.
        _ => ("green", texts.get(text::LAST_SENT_OK)),
    };
    format!("<li><span class=\"{colour} dot\"></span> {}</li>\n", escape(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_has_not_sent_anything_is_well() {
        let line = outgoing(&Texts::default(), std::iter::empty());
        assert!(line.contains("green") && line.contains("sent successfully"), "{line}");
    }

    #[test]
    fn texts_cannot_break_out_of_the_page() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
