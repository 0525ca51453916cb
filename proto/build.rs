//! Compiles the schema and decides which messages are JSON-RPC results.
//!
//! The JSON spelling follows from the schema by a few rules (camelCase members, enums by name, a oneof called `kind`
//! as tag); the exceptions of the JSON-RPC interface are the tables below.

use std::{error::Error, ffi::OsStr, fs, path::PathBuf};

use protox::prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// Files whose messages are JSON-RPC results.
const RESULT_FILES: [&str; 4] = ["views.proto", "qr.proto", "events.proto", "answers.proto"];

/// Messages that frontends send as JSON objects.
const PARAMETERS: [&str; 3] = ["EnteredLoginParam", "MessageData", "MuteDuration"];

/// Messages whose members keep their snake_case spelling in JSON.
const SNAKE_CASE: [&str; 6] = [
    "Event.ChatDeleted",
    "Event.IncomingCall",
    "Event.IncomingCallAccepted",
    "Event.OutgoingCallAccepted",
    "Event.CallEnded",
    "MessageListItem.MessageRef",
];

/// Oneofs whose tag is written in camelCase; all others are in PascalCase.
const CAMEL_CASE_TAGS: [&str; 4] = ["MessageLoadResult", "MessageListItem", "EphemeralTimer", "Qr"];

/// Enums that are written as numbers.
const NUMBERS: [&str; 2] = ["MessageState", "Connectivity"];

/// Enums whose names are written in camelCase; all others are in PascalCase.
const CAMEL_CASE_NAMES: [&str; 2] = ["Socket", "CertificateChecks"];

/// Messages whose JSON form is written by hand in `json.rs`.
const BY_HAND: [&str; 2] = ["Done", "ConfigValues"];

/// Fields with a JSON form of their own.
const FIELDS: [(&str, &str); 10] = [
    ("Event.profile_id", r#"#[serde(rename = "contextId")]"#),
    ("Event.kind", r#"#[serde(rename = "event")]"#),
    ("Event.WebxdcRealtimeData.data", r#"#[serde(serialize_with = "crate::json::byte_values")]"#),
    (
        "ChatListItemFetchResult.ChatListItem.last_updated",
        r#"#[serde(serialize_with = "crate::json::milliseconds")]"#,
    ),
    ("HttpResponse.blob", r#"#[serde(serialize_with = "crate::json::base64")]"#),
    ("Blob.blob", r#"#[serde(serialize_with = "crate::json::base64")]"#),
    ("MessageData.location", r#"#[serde(default, deserialize_with = "crate::json::point")]"#),
    ("EnteredLoginParam.imap_port", r#"#[serde(default, deserialize_with = "crate::json::port")]"#),
    ("EnteredLoginParam.smtp_port", r#"#[serde(default, deserialize_with = "crate::json::port")]"#),
    ("MuteDuration.kind", r#"#[serde(deserialize_with = "crate::json::present")]"#),
];

fn main() -> Result<(), Box<dyn Error>> {
    let files = schema_files()?;
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(&files, ["proto"])?;
    let pool = DescriptorPool::from_file_descriptor_set(descriptors.clone())?;

    let mut config = prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]);
    config.skip_debug(["volary.v1.EnteredLoginParam"]);
    for message in pool.all_messages() {
        describe(&mut config, &message);
    }
    for value in pool.all_enums().filter(|value| value.parent_file().name().ends_with("values.proto")) {
        describe_enum(&mut config, &value);
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

/// All `.proto` files, in a fixed order.
fn schema_files() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("proto/volary/v1")? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("proto")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Gives a message its JSON form, if it has one.
fn describe(config: &mut prost_build::Config, message: &MessageDescriptor) {
    let file = message.parent_file();
    let name = local_name(message.full_name());
    let is_parameter = PARAMETERS.contains(&top_level(name));
    let is_result = name == "Answer" || RESULT_FILES.iter().any(|known| file.name().ends_with(known));
    if BY_HAND.contains(&name) || !(is_parameter || is_result) {
        return;
    }
    let derives = match (is_result, is_parameter) {
        (true, true) => "serde::Serialize, serde::Deserialize",
        (true, false) => "serde::Serialize",
        _ => "serde::Deserialize",
    };
    let is_answer_value = file.name().ends_with("answers.proto") || name == "Emojis";
    let shape = if is_answer_value || is_choice(message) {
        "#[serde(transparent)]"
    } else if SNAKE_CASE.contains(&name) || name.starts_with("Qr.") {
        ""
    } else {
        r#"#[serde(rename_all = "camelCase")]"#
    };
    config.type_attribute(path(name), format!("#[derive({derives})] {shape}"));
    if message.oneofs().any(|oneof| oneof.name() == "kind") {
        let tag = if name == "Answer" {
            "#[serde(untagged)]"
        } else if CAMEL_CASE_TAGS.contains(&name) {
            r#"#[serde(tag = "kind", rename_all = "camelCase")]"#
        } else {
            r#"#[serde(tag = "kind")]"#
        };
        config.type_attribute(path(&format!("{name}.kind")), format!("#[derive({derives})] {tag}"));
    }
    for field in message.fields() {
        describe_field(config, name, &field, is_parameter);
    }
    for (field, attribute) in FIELDS {
        if field
            .strip_prefix(name)
            .is_some_and(|rest| rest.strip_prefix('.').is_some_and(|f| !f.contains('.')))
        {
            config.field_attribute(path(field), attribute);
        }
    }
}

/// Writes enums by name and lets optional members of parameters be missing.
fn describe_field(
    config: &mut prost_build::Config,
    message: &str,
    field: &FieldDescriptor,
    is_parameter: bool,
) {
    let path = path(&format!("{message}.{}", field.name()));
    if let Kind::Enum(value) = field.kind() {
        let name = local_name(value.full_name());
        if NUMBERS.contains(&name) {
            return;
        }
        let optional = if field.supports_presence() { "optional_" } else { "" };
        let read = if is_parameter {
            format!(
                r#", default, deserialize_with = "crate::json::{optional}enum_value::<crate::{name}, _>""#
            )
        } else {
            String::new()
        };
        let write = format!(r#"serialize_with = "crate::json::{optional}enum_name::<crate::{name}, _>""#);
        config.field_attribute(path, format!("#[serde({write}{read})]"));
    }
}

/// Enums are written by the names of their variants.
fn describe_enum(config: &mut prost_build::Config, value: &EnumDescriptor) {
    let name = local_name(value.full_name());
    if NUMBERS.contains(&name) {
        return;
    }
    let case = if CAMEL_CASE_NAMES.contains(&name) { r#"#[serde(rename_all = "camelCase")]"# } else { "" };
    config.enum_attribute(path(name), format!("#[derive(serde::Serialize, serde::Deserialize)] {case}"));
}

/// Whether a message is nothing but one of several others.
fn is_choice(message: &MessageDescriptor) -> bool {
    message.oneofs().any(|oneof| oneof.name() == "kind" && oneof.fields().len() == message.fields().len())
}

/// A path for `prost-build` that matches this name only: without a leading dot it is no prefix of nested names.
fn path(name: &str) -> String {
    format!("volary.v1.{name}")
}

fn local_name(full_name: &str) -> &str {
    full_name.strip_prefix("volary.v1.").unwrap_or(full_name)
}

fn top_level(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
