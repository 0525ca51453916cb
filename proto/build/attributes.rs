//! Attributes that give the Rust types their JSON form.

use protox::prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::rules::*;

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

/// Adds the attributes of all messages and enums.
pub(crate) fn add(config: &mut prost_build::Config, pool: &DescriptorPool) {
    for message in pool.all_messages() {
        describe(config, &message);
    }
    for value in pool.all_enums().filter(|value| value.parent_file().name().ends_with("values.proto")) {
        describe_enum(config, &value);
    }
}

/// Gives a message its JSON form, if it has one.
fn describe(config: &mut prost_build::Config, message: &MessageDescriptor) {
    let name = local_name(message.full_name());
    let (is_parameter, is_result) = (is_parameter(message), is_result(message));
    if matches!(shape(message), Shape::ByHand | Shape::ById) || !(is_parameter || is_result) {
        return;
    }
    let derives = match (is_result, is_parameter) {
        (true, true) => "serde::Serialize, serde::Deserialize",
        (true, false) => "serde::Serialize",
        _ => "serde::Deserialize",
    };
    let shape = match shape(message) {
        Shape::Choice | Shape::Value => "#[serde(transparent)]",
        _ if keeps_spelling(name) => "",
        _ => r#"#[serde(rename_all = "camelCase")]"#,
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

/// A path for `prost-build` that matches this name only: without a leading dot it is no prefix of nested names.
fn path(name: &str) -> String {
    format!("volary.v1.{name}")
}
