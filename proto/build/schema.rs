//! JSON schemas of results and parameters, with the comments of the schema as descriptions.

use protox::prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
};
use serde_json::{Map, Value, json};

use crate::rules::*;

/// All schemas by name.
pub(crate) fn all(pool: &DescriptorPool) -> Map<String, Value> {
    let messages = pool
        .all_messages()
        .filter(|message| message.parent_message().is_none() && (is_result(message) || is_parameter(message)))
        .filter(|message| local_name(message.full_name()) != "Answer")
        .map(|message| {
            let meaning = comment(&message.parent_file(), message.path());
            (known_as(message.name()).to_owned(), described(of_message(&message), meaning))
        });
    let choices = NAMED_CHOICES.iter().filter_map(|(message, name)| {
        let message = pool.get_message_by_name(&format!("volary.v1.{message}"))?;
        let choice = message.oneofs().find(|oneof| oneof.name() == "kind")?;
        let meaning = comment(&message.parent_file(), choice.path());
        Some(((*name).to_owned(), described(of_choice(&message), meaning)))
    });
    let enums = pool
        .all_enums()
        .filter(|value| {
            value.parent_file().name().ends_with("values.proto") && !NUMBERS.contains(&value.name())
        })
        .map(|value| (known_as(value.name()).to_owned(), of_enum(&value)));
    messages.chain(choices).chain(enums).collect()
}

fn of_message(message: &MessageDescriptor) -> Value {
    match shape(message) {
        Shape::ByHand if message.name() == "Done" => json!({"type": "null"}),
        Shape::ByHand => {
            json!({"type": "object", "additionalProperties": nullable(json!({"type": "string"}))})
        }
        Shape::ById => {
            json!({"type": "object", "additionalProperties": value_by_id(message).unwrap_or(Value::Null)})
        }
        Shape::Choice => of_choice(message),
        Shape::Value => message.fields().next().map_or(Value::Null, |field| {
            let value = of_field(&field);
            if is_optional(&field) { nullable(value) } else { value }
        }),
        Shape::Object => of_object(message, None),
    }
}

/// The second field of an entry: the first is the id.
fn value_by_id(list: &MessageDescriptor) -> Option<Value> {
    let Kind::Message(entry) = list.fields().next()?.kind() else { return None };
    entry.fields().nth(1).map(|field| of_value(&field))
}

fn of_object(message: &MessageDescriptor, tag: Option<String>) -> Value {
    let name = local_name(message.full_name());
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some(tag) = tag {
        properties.insert("kind".to_owned(), json!({"type": "string", "enum": [tag]}));
        required.push("kind".to_owned());
    }
    for field in message.fields().filter(|field| !is_variant(field)) {
        let member = member_name(name, field.name());
        let meaning = comment(&field.parent_file(), field.path());
        if is_optional(&field) {
            properties.insert(member, described(nullable(of_field(&field)), meaning));
        } else {
            required.push(member.clone());
            properties.insert(member, described(of_field(&field), meaning));
        }
    }
    if let Some(choice) = message.oneofs().find(|oneof| oneof.name() == "kind") {
        let member = member_name(name, "kind");
        required.push(member.clone());
        let named = NAMED_CHOICES.iter().find(|(known, _)| *known == name);
        let schema = named.map_or_else(|| of_choice(message), |(_, name)| reference(name));
        properties.insert(member, described(schema, comment(&message.parent_file(), choice.path())));
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn of_choice(message: &MessageDescriptor) -> Value {
    let name = local_name(message.full_name());
    let variants: Vec<Value> = message
        .fields()
        .filter(is_variant)
        .filter_map(|field| match field.kind() {
            Kind::Message(variant) => {
                let meaning = comment(&variant.parent_file(), variant.path());
                Some(described(of_object(&variant, Some(tag(name, field.name()))), meaning))
            }
            _ => None,
        })
        .collect();
    json!({"oneOf": variants})
}

fn of_field(field: &FieldDescriptor) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return Value::Null };
        return json!({"type": "object", "additionalProperties": of_value(&entry.map_entry_value_field())});
    }
    match field.cardinality() {
        Cardinality::Repeated => json!({"type": "array", "items": of_value(field)}),
        _ => of_value(field),
    }
}

fn of_value(field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Double => json!({"type": "number", "format": "double"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Uint64 => json!({"type": "integer", "format": "uint64", "minimum": 0}),
        Kind::Bytes if field.full_name().ends_with("WebxdcRealtimeData.data") => {
            json!({"type": "array", "items": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255}})
        }
        Kind::String | Kind::Bytes => json!({"type": "string"}),
        Kind::Message(message) if message.name() == "GeoPoint" => {
            let degrees = json!({"type": "number", "format": "double"});
            json!({"type": "array", "items": [degrees, degrees], "minItems": 2, "maxItems": 2})
        }
        Kind::Message(message) => reference(message.name()),
        Kind::Enum(value) if !NUMBERS.contains(&value.name()) => reference(value.name()),
        _ => {
            let member = local_name(field.full_name());
            let format =
                INTEGERS.iter().find(|(known, _)| *known == member).map_or("uint32", |(_, format)| format);
            json!({"type": "integer", "format": format, "minimum": 0})
        }
    }
}

fn of_enum(value: &EnumDescriptor) -> Value {
    let names: Vec<String> = value.values().map(|variant| variant_name(value, &variant)).collect();
    let file = value.parent_file();
    let mut meaning = comment(&file, value.path()).unwrap_or_default();
    for (variant, name) in value.values().zip(&names) {
        if let Some(of_variant) = comment(&file, variant.path()) {
            meaning.push_str(&format!(" `{name}`: {of_variant}"));
        }
    }
    described(json!({"type": "string", "enum": names}), Some(meaning))
}

/// What the schema says of one of its parts, in one line.
fn comment(file: &FileDescriptor, path: &[i32]) -> Option<String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref()?;
    let location = info.location.iter().find(|location| location.path == path)?;
    let words: Vec<&str> = location.leading_comments().split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn described(mut schema: Value, meaning: Option<String>) -> Value {
    if let (Some(members), Some(meaning)) = (schema.as_object_mut(), meaning) {
        members.insert("description".to_owned(), meaning.into());
    }
    schema
}

/// Belongs to a choice; `optional` fields are choices of one to the compiler.
fn is_variant(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| oneof.name() == "kind")
}

fn is_optional(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().proto3_optional()
}

fn nullable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", known_as(name))})
}

/// The name under which clients know a type.
fn known_as(name: &str) -> &str {
    KNOWN_AS.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, known)| known)
}
