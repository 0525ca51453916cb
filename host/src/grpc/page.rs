//! The page of the bus: what programs have to know, and a reference made from the definition with its comments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use volary_proto::{CALLS, Error, ErrorCode, Mode, Scope};

use super::{files, guard, service, tcp};

/// What stands before the reference.
const HEAD: &str = include_str!("page.md.in");
/// Where the definition is.
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/proto");
/// Where the page is in the repository.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");

/// Numbers of fields of descriptors, of which the places of comments are made.
mod at {
    pub const MESSAGE: i32 = 4;
    pub const ENUM: i32 = 5;
    pub const SERVICE: i32 = 6;
    pub const METHOD: i32 = 2;
    pub const FIELD: i32 = 2;
    pub const NESTED_MESSAGE: i32 = 3;
    pub const NESTED_ENUM: i32 = 4;
    pub const VALUE: i32 = 2;
}

/// A message and what is said of it.
struct Message {
    descriptor: DescriptorProto,
    meaning: String,
    fields: Vec<String>,
}

/// An enumeration and what is said of it.
struct Values {
    descriptor: EnumDescriptorProto,
    meaning: String,
    values: Vec<String>,
}

/// A call: name, request, answer, meaning. Streams are said in the types.
type Rpc = (String, String, String, String);

/// The definition.
#[derive(Default)]
struct Schema {
    messages: BTreeMap<String, Message>,
    values: BTreeMap<String, Values>,
    rpcs: Vec<Rpc>,
}

/// Leading comments by the place of what they are about.
type Comments = HashMap<Vec<i32>, String>;

impl Schema {
    fn read() -> Self {
        let mut schema = Self::default();
        for file in protox::compile(["volary/bus/v1/bus.proto"], [SCHEMA]).unwrap().file {
            schema.add_file(&file);
        }
        schema
    }

    fn add_file(&mut self, file: &FileDescriptorProto) {
        let places = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments: Comments =
            places.map(|place| (place.path.clone(), one_line(place.leading_comments()))).collect();
        let scope = file.package();
        for (message, number) in file.message_type.iter().zip(0..) {
            self.add_message(scope, message, vec![at::MESSAGE, number], &comments);
        }
        for (values, number) in file.enum_type.iter().zip(0..) {
            self.add_values(scope, values, &[at::ENUM, number], &comments);
        }
        for (service, number) in file.service.iter().zip(0..) {
            for (method, place) in service.method.iter().zip(0..) {
                let stream = |streams, name: &str| {
                    if streams { format!("stream of {}", link(name)) } else { link(name) }
                };
                self.rpcs.push((
                    method.name().to_owned(),
                    stream(method.client_streaming(), method.input_type()),
                    stream(method.server_streaming(), method.output_type()),
                    meaning(&comments, &[at::SERVICE, number, at::METHOD, place]),
                ));
            }
        }
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto, path: Vec<i32>, comments: &Comments) {
        let name = format!("{scope}.{}", message.name());
        let of = |kind: i32, number: i32| [&path[..], &[kind, number]].concat();
        for (nested, number) in message.nested_type.iter().zip(0..) {
            self.add_message(&name, nested, of(at::NESTED_MESSAGE, number), comments);
        }
        for (values, number) in message.enum_type.iter().zip(0..) {
            self.add_values(&name, values, &of(at::NESTED_ENUM, number), comments);
        }
        let fields = (0..).take(message.field.len()).map(|number| meaning(comments, &of(at::FIELD, number)));
        let found = Message {
            descriptor: message.clone(),
            meaning: meaning(comments, &path),
            fields: fields.collect(),
        };
        self.messages.insert(name, found);
    }

    fn add_values(&mut self, scope: &str, values: &EnumDescriptorProto, path: &[i32], comments: &Comments) {
        let of = |number: i32| [path, &[at::VALUE, number]].concat();
        let meanings = (0..).take(values.value.len()).map(|number| meaning(comments, &of(number)));
        let found = Values {
            descriptor: values.clone(),
            meaning: meaning(comments, path),
            values: meanings.collect(),
        };
        self.values.insert(format!("{scope}.{}", values.name()), found);
    }

    /// The messages in a choice of a message: number, name, type, what is said of the member.
    fn choices(&self, name: &str) -> Vec<(i32, String, String, String)> {
        let message = &self.messages[name];
        let members = message.descriptor.field.iter().zip(&message.fields);
        let chosen = members.filter(|(field, _)| field.oneof_index.is_some() && !field.proto3_optional());
        let shown = chosen.map(|(field, meaning)| {
            (field.number(), field.name().to_owned(), full(field.type_name()), meaning.clone())
        });
        shown.collect()
    }

    /// Types that the bus carries, beyond those that have a place of their own on the page.
    fn others(&self, shown: &BTreeSet<String>) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut left: Vec<String> = shown.iter().cloned().collect();
        while let Some(name) = left.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let fields = self.messages.get(&name).map(|message| &message.descriptor.field[..]);
            let named = fields.unwrap_or_default().iter().filter(|field| !field.type_name().is_empty());
            left.extend(named.map(|field| full(field.type_name())));
        }
        seen.into_iter().filter(|name| !shown.contains(name)).collect()
    }

    /// The table of the fields of a message.
    fn fields(&self, name: &str) -> String {
        let message = &self.messages[name];
        let mut table = String::new();
        for (field, meaning) in message.descriptor.field.iter().zip(&message.fields) {
            if table.is_empty() {
                table.push_str("\n| | field | type | |\n|---:|---|---|---|\n");
            }
            let kind = self.kind(message, field);
            writeln!(table, "| {} | `{}` | {kind} | {meaning} |", field.number(), field.name()).unwrap();
        }
        table
    }

    fn kind(&self, message: &Message, field: &FieldDescriptorProto) -> String {
        let plain = match field.r#type() {
            Type::Message | Type::Enum => {
                let nested = full(field.type_name());
                let entry = self
                    .messages
                    .get(&nested)
                    .filter(|one| one.descriptor.options.as_ref().is_some_and(|o| o.map_entry()));
                match entry {
                    Some(entry) => {
                        let [key, value] = &entry.descriptor.field[..] else { panic!("{nested}") };
                        return format!("map from {} to {}", self.kind(entry, key), self.kind(entry, value));
                    }
                    None => link(field.type_name()),
                }
            }
            plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        };
        if field.label() == Label::Repeated {
            format!("list of {plain}")
        } else if field.proto3_optional() {
            format!("{plain}, or not set")
        } else if let Some(choice) = field.oneof_index {
            let choice = &message.descriptor.oneof_decl[usize::try_from(choice).unwrap()];
            format!("{plain}, one of `{}`", choice.name())
        } else {
            plain
        }
    }
}

fn meaning(comments: &Comments, path: &[i32]) -> String {
    comments.get(path).cloned().unwrap_or_default()
}

/// A comment as a cell of a table.
fn one_line(comment: &str) -> String {
    comment.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn full(type_name: &str) -> String {
    type_name.trim_start_matches('.').to_owned()
}

/// A type without its package.
fn short(name: &str) -> &str {
    let name = name.trim_start_matches('.');
    name.strip_prefix("volary.bus.v1.").or_else(|| name.strip_prefix("volary.v1.")).unwrap_or(name)
}

/// A type, with a link to what is said of it.
fn link(name: &str) -> String {
    let short = short(name);
    format!("[`{short}`](#{})", short.to_lowercase().replace('.', ""))
}

fn heading(name: &str) -> String {
    format!("\n#### `{}`\n", short(name))
}

fn paragraph(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{text}\n") }
}

/// The whole page in Markdown.
fn page() -> String {
    let schema = Schema::read();
    let mut page = head(&schema);
    let mut shown = BTreeSet::new();
    page.push_str("\n### Calls\n\n| call | |\n|---|---|\n");
    for (name, request, answer, meaning) in &schema.rpcs {
        writeln!(page, "| `{name}`: {request} → {answer} | {meaning} |").unwrap();
    }
    for name in schema.messages.keys().filter(|name| name.starts_with("volary.bus.v1.")) {
        section(&mut page, &schema, name, &mut shown);
    }
    page.push_str("\n### Requests\n");
    shown.insert("volary.v1.Request".to_owned());
    write!(page, "\n#### `Request`\n\n{}\n", schema.messages["volary.v1.Request"].meaning).unwrap();
    page.push_str("\n| | field | type | |\n|---:|---|---|---|\n");
    let profile = &schema.messages["volary.v1.Request"].fields[0];
    writeln!(page, "| 1 | `profile_id` | uint32 | {profile} |").unwrap();
    page.push_str("| | `kind` | one of what follows | What is asked. |\n");
    for (number, member, name, meaning) in schema.choices("volary.v1.Request") {
        page.push_str(&request(&schema, number, &member, &name, &meaning));
        shown.insert(name);
    }
    page.push_str("\n### Answers\n");
    section(&mut page, &schema, "volary.v1.Answer", &mut shown);
    section(&mut page, &schema, "volary.v1.Error", &mut shown);
    page.push_str("\n### Events\n");
    section(&mut page, &schema, "volary.v1.Event", &mut shown);
    for (_, _, name, _) in schema.choices("volary.v1.Event") {
        if !shown.contains(&name) {
            section(&mut page, &schema, &name, &mut shown);
        }
    }
    page.push_str("\n### Types\n");
    for name in schema.others(&shown) {
        section(&mut page, &schema, &name, &mut shown);
    }
    page
}

/// What stands before the reference, with the bounds that the code has.
fn head(schema: &Schema) -> String {
    let seconds = |time: std::time::Duration| time.as_secs().to_string();
    [
        ("{codes}", codes(schema)),
        ("{request}", (super::MAX_REQUEST >> 20).to_string()),
        ("{fields}", (super::MAX_HEADERS >> 10).to_string()),
        ("{connections}", super::MAX_CONNECTIONS.to_string()),
        ("{calls}", super::MAX_CALLS.to_string()),
        ("{handshake}", seconds(tcp::HANDSHAKE_TIME)),
        ("{first}", seconds(guard::FIRST_CALL)),
        ("{keepalive}", seconds(super::KEEPALIVE)),
        ("{upload}", (files::MAX_UPLOAD >> 30).to_string()),
        ("{files}", files::MAX_FILES.to_string()),
        ("{free}", (files::LEFT_FREE >> 20).to_string()),
        ("{profiles}", service::MAX_PROFILES.to_string()),
    ]
    .into_iter()
    .fold(HEAD.to_owned(), |page, (mark, value)| page.replace(mark, &value))
}

/// The codes of the engine, and those of gRPC that belong to them.
fn codes(schema: &Schema) -> String {
    let mut table = "| engine | | gRPC |\n|---|---|---|\n".to_owned();
    let of = &schema.values["volary.v1.ErrorCode"];
    for (value, meaning) in of.descriptor.value.iter().zip(&of.values) {
        let code = ErrorCode::try_from(value.number()).unwrap();
        let status = volary_grpc::status(&Error::new(code, ""));
        let name = format!("{:?}", status.code());
        let spelled = name.chars().enumerate().fold(String::new(), |mut spelled, (place, letter)| {
            if place > 0 && letter.is_uppercase() {
                spelled.push('_');
            }
            spelled.push(letter.to_ascii_uppercase());
            spelled
        });
        writeln!(table, "| `{}` | {meaning} | `{spelled}` |", value.name()).unwrap();
    }
    table
}

fn request(schema: &Schema, number: i32, member: &str, name: &str, of_member: &str) -> String {
    let (_, class, answer) = CALLS.iter().find(|(call, ..)| *call == short(name)).unwrap();
    let mode = match class.mode {
        Mode::Command => "Command",
        Mode::Query => "Query",
    };
    let scope = match class.scope {
        Scope::Process => "to the process",
        Scope::Profile => "to a profile",
        Scope::Chat => "about a chat",
        Scope::App => "about an app",
    };
    let message = &schema.messages[name];
    let mut text = heading(name);
    let answer = link(&format!("volary.v1.{answer}"));
    write!(text, "\n{number}, `{member}`. {mode} {scope}, answered with {answer}.\n").unwrap();
    text.push_str(&paragraph(if message.meaning.is_empty() {
        of_member
    } else {
        beyond_class(&message.meaning)
    }));
    text + &schema.fields(name)
}

/// What is said of a request beside its class and answer, which the page takes from the table of calls.
fn beyond_class(meaning: &str) -> &str {
    let classed =
        ["Command, answered by ", "Query, answered by "].iter().any(|class| meaning.starts_with(class));
    match meaning.split_once("`. ") {
        Some((_, rest)) if classed => rest,
        _ => meaning,
    }
}

fn section(page: &mut String, schema: &Schema, name: &str, shown: &mut BTreeSet<String>) {
    shown.insert(name.to_owned());
    if let Some(message) = schema.messages.get(name) {
        if message.descriptor.options.as_ref().is_some_and(|options| options.map_entry()) {
            return;
        }
        page.push_str(&heading(name));
        page.push_str(&paragraph(&message.meaning));
        page.push_str(&schema.fields(name));
    } else if let Some(values) = schema.values.get(name) {
        page.push_str(&heading(name));
        page.push_str(&paragraph(&values.meaning));
        page.push_str("\n| | value | |\n|---:|---|---|\n");
        for (value, meaning) in values.descriptor.value.iter().zip(&values.values) {
            writeln!(page, "| {} | `{}` | {meaning} |", value.number(), value.name()).unwrap();
        }
    } else {
        panic!("{name} is not defined");
    }
}

#[test]
fn the_page_of_the_bus_is_that_of_the_definition() {
    if std::env::var_os("VOLARY_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, page()).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap();
    assert!(written == page(), "docs/protocol.md is not up to date: run `just protocol`");
}

#[test]
fn every_call_message_and_field_of_the_bus_is_explained() {
    let schema = Schema::read();
    let mut silent: Vec<&str> = Vec::new();
    silent.extend(schema.rpcs.iter().filter(|rpc| rpc.3.is_empty()).map(|rpc| rpc.0.as_str()));
    let roots = ["volary.v1.Request", "volary.v1.Answer", "volary.v1.Event"].map(str::to_owned).into();
    let carried = schema.others(&roots);
    let is_entry = |message: &Message| message.descriptor.options.as_ref().is_some_and(|o| o.map_entry());
    for (name, message) in &schema.messages {
        if (carried.contains(name) || roots.contains(name) || name.starts_with("volary.bus."))
            && !is_entry(message)
        {
            let fields = message.descriptor.field.iter().zip(&message.fields);
            silent.extend(fields.filter(|(_, said)| said.is_empty()).map(|_| name.as_str()));
        }
    }
    assert_eq!(silent, [""; 0]);
}

#[test]
fn every_link_of_the_page_leads_somewhere() {
    let page = page();
    let places: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
        })
        .collect();
    for rest in page.split("](#").skip(1) {
        let place = rest.split(')').next().unwrap();
        assert!(places.contains(place), "{place}");
    }
}
