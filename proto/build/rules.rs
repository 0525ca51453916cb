//! The spelling of the JSON-RPC interface: a few rules, and tables of its exceptions.

use protox::prost_reflect::{EnumDescriptor, EnumValueDescriptor, MessageDescriptor};

/// Files whose messages are JSON-RPC results.
pub(crate) const RESULT_FILES: [&str; 4] = ["views.proto", "qr.proto", "events.proto", "answers.proto"];

/// Messages that frontends send as JSON objects.
pub(crate) const PARAMETERS: [&str; 3] = ["EnteredLoginParam", "MessageData", "MuteDuration"];

/// Messages whose members keep their snake_case spelling in JSON.
pub(crate) const SNAKE_CASE: [&str; 6] = [
    "Event.ChatDeleted",
    "Event.IncomingCall",
    "Event.IncomingCallAccepted",
    "Event.OutgoingCallAccepted",
    "Event.CallEnded",
    "MessageListItem.MessageRef",
];

/// Oneofs whose tag is written in camelCase; all others are in PascalCase.
pub(crate) const CAMEL_CASE_TAGS: [&str; 4] =
    ["MessageLoadResult", "MessageListItem", "EphemeralTimer", "Qr"];

/// Enums that are written as numbers.
pub(crate) const NUMBERS: [&str; 2] = ["MessageState", "Connectivity"];

/// Enums whose names are written in camelCase; all others are in PascalCase.
pub(crate) const CAMEL_CASE_NAMES: [&str; 2] = ["Socket", "CertificateChecks"];

/// Messages whose JSON form is written by hand in `json.rs`.
pub(crate) const BY_HAND: [&str; 2] = ["Done", "ConfigValues"];

/// Lists of entries with ids that are objects by id in JSON, written by `lists.rs`.
pub(crate) const BY_ID: [&str; 4] =
    ["ChatListItems", "MessageLoadResults", "MessageSearchResults", "ContactMap"];

/// Choices inside an object that have a name of their own.
pub(crate) const NAMED_CHOICES: [(&str, &str); 1] = [("Event", "EventType")];

/// Types that clients know by another name.
pub(crate) const KNOWN_AS: [(&str, &str); 2] =
    [("ViewType", "Viewtype"), ("CertificateChecks", "EnteredCertificateChecks")];

/// Members that programs read as a narrower or wider integer than the schema has.
pub(crate) const INTEGERS: [(&str, &str); 13] = [
    ("ChatListItemFetchResult.ChatListItem.fresh_message_counter", "uint"),
    ("ChatListItemFetchResult.ArchiveLink.fresh_message_counter", "uint"),
    ("FullChat.fresh_message_counter", "uint"),
    ("Reaction.count", "uint"),
    ("WebxdcMessageInfo.send_update_interval", "uint"),
    ("WebxdcMessageInfo.send_update_max_size", "uint"),
    ("EnteredLoginParam.imap_port", "uint16"),
    ("EnteredLoginParam.smtp_port", "uint16"),
    ("Qr.Proxy.port", "uint16"),
    ("Event.ConfigureProgress.progress", "uint16"),
    ("Event.ImexProgress.progress", "uint16"),
    ("Event.SecurejoinInviterProgress.progress", "uint16"),
    ("Event.SecurejoinJoinerProgress.progress", "uint16"),
];

/// What the JSON form of a message is made from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object with these members.
    Object,
    /// One of several others, distinguished by a tag.
    Choice,
    /// The value of its only field.
    Value,
    /// An object from the ids of its entries to what they hold.
    ById,
    /// Written by hand, or within the form of another message.
    ByHand,
}

/// The shape of a message.
pub(crate) fn shape(message: &MessageDescriptor) -> Shape {
    let name = local_name(message.full_name());
    if BY_ID.contains(&name) {
        Shape::ById
    } else if BY_HAND.contains(&name) || BY_ID.contains(&top_level(name)) {
        Shape::ByHand
    } else if is_choice(message) {
        Shape::Choice
    } else if message.parent_file().name().ends_with("answers.proto") || name == "Emojis" {
        Shape::Value
    } else {
        Shape::Object
    }
}

/// Frontends send it.
pub(crate) fn is_parameter(message: &MessageDescriptor) -> bool {
    PARAMETERS.contains(&top_level(local_name(message.full_name())))
}

/// Frontends get it.
pub(crate) fn is_result(message: &MessageDescriptor) -> bool {
    let file = message.parent_file();
    local_name(message.full_name()) == "Answer"
        || RESULT_FILES.iter().any(|known| file.name().ends_with(known))
}

/// Members keep their spelling.
pub(crate) fn keeps_spelling(name: &str) -> bool {
    SNAKE_CASE.contains(&name) || name.starts_with("Qr.")
}

/// The name of a variant of an enum.
pub(crate) fn variant_name(value: &EnumDescriptor, variant: &EnumValueDescriptor) -> String {
    let enum_name = local_name(value.full_name());
    let pascal = pascal_case(&variant.name().to_lowercase());
    let name = pascal.strip_prefix(enum_name).unwrap_or(&pascal);
    if CAMEL_CASE_NAMES.contains(&enum_name) { lower_first(name) } else { name.to_owned() }
}

/// The tag of a variant of a choice.
pub(crate) fn tag(message: &str, variant: &str) -> String {
    let pascal = pascal_case(variant);
    if CAMEL_CASE_TAGS.contains(&message) { lower_first(&pascal) } else { pascal }
}

/// The name of a member.
pub(crate) fn member_name(message: &str, field: &str) -> String {
    match (message, field) {
        ("Event", "profile_id") => "contextId".to_owned(),
        ("Event", "kind") => "event".to_owned(),
        _ if keeps_spelling(message) => field.to_owned(),
        _ => lower_first(&pascal_case(field)),
    }
}

fn pascal_case(name: &str) -> String {
    name.split('_').map(upper_first).collect()
}

fn upper_first(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn lower_first(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|letter| letter.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Whether a message is nothing but one of several others.
fn is_choice(message: &MessageDescriptor) -> bool {
    message.oneofs().any(|oneof| oneof.name() == "kind" && oneof.fields().len() == message.fields().len())
}

pub(crate) fn local_name(full_name: &str) -> &str {
    full_name.strip_prefix("volary.v1.").unwrap_or(full_name)
}

fn top_level(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
