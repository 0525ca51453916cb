//! Programs that were built against an older schema go on working: numbers and types of fields never change. What was
//! ever released stands in `schema.txt`; what is new is added to it with
//! `VOLARY_WRITE_DOCS=1 cargo test -p volary-grpc --test compatibility`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

/// Every field, value and call of the schema, a line for each.
fn schema() -> BTreeSet<String> {
    let files = FileDescriptorSet::decode(volary_grpc::DESCRIPTORS).unwrap().file;
    let mut lines = BTreeSet::new();
    for file in &files {
        let package = file.package();
        file.message_type.iter().for_each(|message| messages(&mut lines, package, message));
        file.enum_type.iter().for_each(|value| values(&mut lines, package, value));
        file.service.iter().for_each(|service| calls(&mut lines, package, service));
    }
    lines
}

fn messages(lines: &mut BTreeSet<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    lines.insert(name.clone());
    for field in &message.field {
        lines.insert(format!("{name}.{} = {}: {}", field.name(), field.number(), kind(message, field)));
    }
    message.nested_type.iter().for_each(|nested| messages(lines, &name, nested));
    message.enum_type.iter().for_each(|value| values(lines, &name, value));
}

/// Type, label and choice of a field.
fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let mut kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    if field.label() == Label::Repeated {
        kind = format!("repeated {kind}");
    } else if field.proto3_optional() {
        kind = format!("optional {kind}");
    } else if let Some(choice) = field.oneof_index {
        let choice = &message.oneof_decl[usize::try_from(choice).unwrap()];
        kind = format!("{kind} of {}", choice.name());
    }
    kind
}

fn values(lines: &mut BTreeSet<String>, scope: &str, of: &EnumDescriptorProto) {
    for value in &of.value {
        lines.insert(format!("{scope}.{}.{} = {}", of.name(), value.name(), value.number()));
    }
}

fn calls(lines: &mut BTreeSet<String>, scope: &str, service: &ServiceDescriptorProto) {
    let stream = |is_stream| if is_stream { "stream " } else { "" };
    for call in &service.method {
        lines.insert(format!(
            "{scope}.{}.{}({}{}) -> {}{}",
            service.name(),
            call.name(),
            stream(call.client_streaming()),
            call.input_type().trim_start_matches('.'),
            stream(call.server_streaming()),
            call.output_type().trim_start_matches('.'),
        ));
    }
}

#[test]
fn nothing_that_programs_know_has_changed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema.txt");
    let now = schema();
    let known: BTreeSet<String> =
        fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
    let gone: Vec<&String> = known.difference(&now).collect();
    assert!(
        gone.is_empty(),
        "these have changed or are gone, and programs that know them break; give what is new a new number: {gone:#?}"
    );
    let new: Vec<&String> = now.difference(&known).collect();
    if env::var_os("VOLARY_WRITE_DOCS").is_some() {
        let text: String = now.iter().map(|line| format!("{line}\n")).collect();
        fs::write(path, text).unwrap();
    } else {
        assert!(new.is_empty(), "these are new and have to be recorded in schema.txt: {new:#?}");
    }
}

#[test]
fn a_number_is_used_once() {
    for file in FileDescriptorSet::decode(volary_grpc::DESCRIPTORS).unwrap().file {
        for message in &file.message_type {
            let numbers: BTreeSet<i32> = message.field.iter().map(FieldDescriptorProto::number).collect();
            assert_eq!(numbers.len(), message.field.len(), "{}", message.name());
        }
    }
}
