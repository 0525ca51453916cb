//! The walk through the MIME tree: which nodes are looked at, and what each leaf gives.

use super::ParseError;
use super::ReadOptions;
use super::facts::{BounceReport, FileContent, ParsedMessage, Part, Receipt};
use super::mime::Entity;
use super::part::{NamedPart, decoded_text, named_part};
use super::report;
use crate::message::bounds::{MAX_PARTS, MAX_WHOLE_TEXT};
use crate::message::filename;
use crate::message::ids::MessageId;
use crate::message::text::flowed::unflow;
use crate::message::text::html::html_to_text;
use crate::message::text::reaction::reaction_token;
use crate::message::text::simplify::simplify;
use crate::message::text::truncate::truncate;
use crate::message::view_type::ViewType;

/// Deepest nesting of mails within mails that is opened.
const MAX_EMBEDDED: usize = 8;

/// What the walk found.
#[derive(Default)]
pub(super) struct Walked {
    pub parts: Vec<WalkedPart>,
    pub has_html: bool,
    pub is_forwarded: bool,
    /// Footer of the first plain text part.
    pub status: Option<String>,
    pub receipt: Option<Receipt>,
    pub bounce: Option<BounceReport>,
    pub bounce_candidates: Vec<MessageId>,
    pub sync_json: Option<String>,
    pub status_update_json: Option<String>,
    pub point_kml: Option<String>,
    pub track_kml: Option<String>,
    pub attached_keys: Vec<Vec<u8>>,
}

/// A part with what only the walk needs to know.
#[derive(Default)]
pub(super) struct WalkedPart {
    pub part: Part,
    /// Unreadable; shown only if nothing else is.
    pub is_bad: bool,
    /// Below `multipart/related`.
    pub is_related: bool,
}

struct Walker<'m> {
    message: &'m ParsedMessage,
    options: ReadOptions,
    out: Walked,
}

/// Where in the tree the walk is.
#[derive(Clone, Copy, Default)]
struct Place {
    is_related: bool,
    embedded: usize,
}

/// Walks through the tree of a message whose headers are known.
pub(super) fn walk(
    root: &Entity<'_>,
    message: &ParsedMessage,
    options: ReadOptions,
) -> Result<Walked, ParseError> {
    let mut walker = Walker { message, options, out: Walked::default() };
    walker.node(root, Place::default())?;
    Ok(walker.out)
}

impl Walker<'_> {
    /// Walks one node; tells whether it added anything.
    fn node(&mut self, entity: &Entity<'_>, place: Place) -> Result<bool, ParseError> {
        let before = self.out.parts.len();
        let Some((kind, subtype)) =
            entity.mime().split_once('/').filter(|(k, s)| !k.is_empty() && !s.is_empty())
        else {
            return Err(ParseError::BadContentType(entity.mime().chars().take(80).collect()));
        };
        if place.embedded == 0 && report::may_be_of_server(self.message) {
            self.add_candidates(report::id_of_returned(entity));
        }
        match (kind, subtype) {
            ("multipart", "alternative") => self.alternative(entity, place)?,
            ("multipart", "signed") => self.children(entity.children.get(..1).unwrap_or(&[]), place)?,
            ("multipart", "report") => self.report(entity, place)?,
            ("multipart", "related") => {
                self.children(&entity.children, Place { is_related: true, ..place })?
            }
            ("multipart", _) => self.children(&entity.children, place)?,
            ("message", "rfc822") if !is_attachment(entity) => self.embedded(entity, place)?,
            _ => self.leaf(entity, place),
        }
        Ok(self.out.parts.len() > before)
    }

    fn children(&mut self, children: &[Entity<'_>], place: Place) -> Result<(), ParseError> {
        for child in children {
            self.node(child, place)?;
        }
        Ok(())
    }

    fn alternative(&mut self, entity: &Entity<'_>, place: Place) -> Result<(), ParseError> {
        let children = &entity.children;
        let preferred =
            children.iter().rposition(|child| child.mime() == "text/plain" || child.is_multipart());
        let mut added = match preferred {
            Some(at) => self.node(&children[at], place)?,
            None => false,
        };
        // Each child is walked at most once: nested alternatives must not multiply the work.
        for at in (0..children.len()).rev().filter(|at| Some(*at) != preferred) {
            if added {
                break;
            }
            if children[at].mime() != "text/calendar" {
                added = self.node(&children[at], place)?;
            }
        }
        for calendar in children.iter().filter(|child| child.mime() == "text/calendar") {
            added |= self.calendar(calendar, place);
        }
        self.out.has_html |= added && children.len() > 1;
        Ok(())
    }

    fn calendar(&mut self, entity: &Entity<'_>, place: Place) -> bool {
        let raw_name = entity.file_name().unwrap_or_else(|| "calendar.ics".to_owned());
        let Some(bytes) = entity.decoded() else {
            return false;
        };
        let name = filename::sanitise(&raw_name);
        let file = FileContent {
            name,
            raw_name,
            mime: entity.mime().to_owned(),
            bytes: bytes.into_owned(),
            dimensions: None,
        };
        self.add_file(ViewType::File, file, place);
        true
    }

    fn report(&mut self, entity: &Entity<'_>, place: Place) -> Result<(), ParseError> {
        if entity.children.len() < 2 {
            return Ok(());
        }
        match entity
            .content_type
            .get("report-type")
            .unwrap_or("delivery-status")
            .to_ascii_lowercase()
            .as_str()
        {
            "disposition-notification" => {
                if let Some(mut receipt) = report::receipt(entity, self.message.in_reply_to.as_ref()) {
                    let all = &mut self.out.receipt.get_or_insert_default().message_ids;
                    all.append(&mut receipt.message_ids);
                }
                Ok(())
            }
            "delivery-status" => {
                // Who passes a report on to somebody else writes a mail that is to be read.
                if self.out.bounce.is_none() && place.embedded == 0 {
                    self.out.bounce = report::bounce(entity);
                }
                self.children(&entity.children, place)
            }
            "multi-device-sync" | "status-update" => self.node(&entity.children[1], place).map(|_| ()),
            _ => self.children(&entity.children, place),
        }
    }

    fn embedded(&mut self, entity: &Entity<'_>, place: Place) -> Result<(), ParseError> {
        if place.embedded >= MAX_EMBEDDED {
            return Ok(());
        }
        match entity.decoded() {
            Some(bytes) => {
                let inner = Entity::parse(&bytes);
                self.node(&inner, Place { embedded: place.embedded + 1, ..place }).map(|_| ())
            }
            None => Ok(()),
        }
    }

    fn leaf(&mut self, entity: &Entity<'_>, place: Place) {
        if self.out.parts.len() >= MAX_PARTS {
            return;
        }
        if let Some(raw_name) = entity.file_name() {
            self.named(entity, raw_name, place);
            return;
        }
        let is_reaction = entity.disposition.as_ref().is_some_and(|d| d.value == "reaction");
        match entity.mime() {
            mime if mime.starts_with("text/") && is_reaction => self.reaction(entity),
            "text/plain" => self.plain(entity, place),
            "text/html" => self.html(entity, place),
            // Pictures and other data without a name are decoration.
            _ => {}
        }
    }

    fn named(&mut self, entity: &Entity<'_>, raw_name: String, place: Place) {
        match named_part(entity, raw_name, self.message.is_chat_message) {
            Some(NamedPart::Key(key)) => self.out.attached_keys.push(key),
            Some(NamedPart::Kml { is_track: true, kml }) => self.out.track_kml = Some(kml),
            Some(NamedPart::Kml { is_track: false, kml }) => self.out.point_kml = Some(kml),
            Some(NamedPart::Sync(json)) => self.out.sync_json = Some(json),
            Some(NamedPart::StatusUpdate(json)) => self.out.status_update_json = Some(json),
            Some(NamedPart::File(view_type, file)) => self.add_file(view_type, file, place),
            None => {}
        }
    }

    fn add_file(&mut self, view_type: ViewType, file: FileContent, place: Place) {
        let part = Part { view_type, file: Some(file), ..Part::default() };
        self.add(WalkedPart { part, is_bad: false, is_related: place.is_related });
    }

    fn reaction(&mut self, entity: &Entity<'_>) {
        let text = decoded_text(entity).unwrap_or_default();
        let simplified = simplify(&text, false);
        let text = reaction_token(&simplified.text).to_owned();
        let part = Part { view_type: ViewType::Text, text, is_reaction: true, ..Part::default() };
        self.add(WalkedPart { part, ..WalkedPart::default() });
    }

    fn plain(&mut self, entity: &Entity<'_>, place: Place) {
        let Some(text) = decoded_text(entity) else {
            return;
        };
        self.look_for_bounced_ids(&text);
        let is_chat = self.message.is_chat_message;
        let simplified = simplify(&text, is_chat);
        if self.out.status.is_none() {
            self.out.status = Some(simplified.footer.unwrap_or_default());
        }
        self.out.is_forwarded |= simplified.forwarded;
        self.out.has_html |= !is_chat && simplified.cut;
        let (mut text, mut quote) = (simplified.text, simplified.quote);
        if entity.content_type.get("hp-legacy-display") == Some("1") {
            text = after_first_empty_line(&text);
        }
        if entity.content_type.get("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed")) {
            let delsp =
                entity.content_type.get("delsp").is_some_and(|value| value.eq_ignore_ascii_case("yes"));
            text = unflow(&text, delsp);
            quote = quote.map(|quote| unflow(&quote, delsp));
        }
        self.add_text(text, quote, false, place);
    }

    fn html(&mut self, entity: &Entity<'_>, place: Place) {
        let Some(source) = decoded_text(entity) else {
            return;
        };
        self.out.has_html = true;
        match html_to_text(&source) {
            Some(html) => {
                self.look_for_bounced_ids(&html.text);
                self.add_text(html.text, html.quote, false, place);
            }
            None => self.add_text(source, None, true, place),
        }
    }

    fn add_text(&mut self, text: String, quote: Option<String>, is_bad: bool, place: Place) {
        // The text of an edit is cut when it takes its place.
        let (text, whole) = if self.options.for_bot || self.message.edit.is_some() {
            (text, None)
        } else {
            let (shown, cut) = truncate(&text);
            self.out.has_html |= cut;
            (shown, cut.then(|| filename::beginning(&text, MAX_WHOLE_TEXT).to_owned()))
        };
        if text.is_empty() && quote.is_none() {
            return;
        }
        let part = Part { view_type: ViewType::Text, text, whole, quote, ..Part::default() };
        self.add(WalkedPart { part, is_bad, is_related: place.is_related });
    }

    fn add(&mut self, part: WalkedPart) {
        if self.out.parts.len() < MAX_PARTS {
            self.out.parts.push(part);
        }
    }

    fn look_for_bounced_ids(&mut self, text: &str) {
        if report::may_be_of_server(self.message) {
            self.add_candidates(report::ids_in_text(text));
        }
    }

    fn add_candidates(&mut self, ids: impl IntoIterator<Item = MessageId>) {
        let all = &mut self.out.bounce_candidates;
        for id in ids {
            if all.len() < report::MAX_IDS_IN_TEXT && !all.contains(&id) {
                all.push(id);
            }
        }
    }
}

fn is_attachment(entity: &Entity<'_>) -> bool {
    entity.disposition.as_ref().is_some_and(|d| d.value == "attachment" && d.get_text("filename").is_some())
}

/// RFC 9788 §4.10: header lines that old programs show in the text.
fn after_first_empty_line(text: &str) -> String {
    text.split_once("\n\n").map_or_else(String::new, |(_, rest)| rest.to_owned())
}
