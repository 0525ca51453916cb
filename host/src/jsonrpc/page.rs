//! The page that describes every method and type, made from the table of methods and the schema.

use std::fmt::Write as _;

use serde_json::Value;

use super::{glossary, methods, openrpc};

/// What stands before the methods.
const HEAD: &str = "\
# JSON-RPC

<!-- Made from host/src/jsonrpc and proto/proto/volary/v1 by `just jsonrpc`; do not edit. -->

`volary-rpc-server` speaks [JSON-RPC 2.0](https://www.jsonrpc.org/specification) over standard input and output: one
object in one line, UTF-8, each way. Methods, parameters, results and events are those of chatmail core 2.65.0, so that its
clients work unchanged; `tests/interop/test_description.py` compares the descriptions that both print (`--openrpc`). One
thing is there besides, of what chatmail core has dropped: `isVerified`, `verifierId`, `nameAndAddr` and `wasSeenRecently` of
contacts, `wasSeenRecently` of chats and entries of the chat list. Programs made for older releases demand them.

- Parameters are an array; each method takes exactly the number given here. Names of parameters are for readers.
- Calls are carried out at the same time, except that commands to one profile keep their order. Answers come as they are
  ready; the `id` (a text or a number up to 4294967295) tells which is which.
- Times are Unix seconds in UTC unless said otherwise; ids are numbers of one profile.
- Limits: a line has at most 512 MiB, 100,000 calls are under way at once. When 16 MiB of answers are not read, reading
  stops until they are.
- Events wait until `get_next_event` or `get_next_event_batch` takes them. When nobody takes them, the oldest go, and an
  event `EventChannelOverflow` says how many.

| code | error |
|---|---|
| -32700 | the line is not JSON or no request, or a parameter has the wrong type |
| -32601 | there is no such method, or the request has no `id` |
| -32602 | wrong number of parameters |
| -1 | the method failed; the text says why |

Types of numbers: u8, u16, u32, u64, i32, i64 are integers, f64 is a floating-point number. \"or null\" means that the value
may be missing.
";

/// The whole page in Markdown.
fn page() -> String {
    let description = openrpc::description();
    let described = description["methods"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut page = HEAD.to_owned();
    for (title, group) in methods::GROUPS {
        page.push_str(&format!("\n## {title}\n"));
        for method in group {
            let found = described.iter().find(|one| one["name"] == method.name);
            page.push_str(&found.map(of_method).unwrap_or_default());
        }
    }
    page.push_str("\n## Types\n");
    for (name, schema) in description["components"]["schemas"].as_object().into_iter().flatten() {
        page.push_str(&of_type(name, schema));
    }
    page
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn of_method(method: &Value) -> String {
    let params = method["params"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = params.iter().map(|param| text(param, "name")).collect();
    let mut part =
        format!("\n### `{}({})`\n\n{}", text(method, "name"), names.join(", "), text(method, "description"));
    let result = type_name(&method["result"]["schema"]);
    if result != "null" {
        let _ = write!(part, " Result: {result}.");
    }
    part.push('\n');
    if !params.is_empty() {
        part.push('\n');
    }
    for param in params {
        let kind = type_name(&param["schema"]);
        let _ = writeln!(part, "- `{}`, {kind}: {}", text(param, "name"), text(param, "description"));
    }
    part
}

fn of_type(name: &str, schema: &Value) -> String {
    let mut part = format!("\n### {name}\n\n{}\n", text(schema, "description"));
    part.push_str(&members(schema));
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        let kind = variant["properties"]["kind"]["enum"][0].as_str().unwrap_or_default();
        let _ = write!(part, "\n`kind` = `{kind}`: {}\n{}", text(variant, "description"), members(variant));
    }
    part
}

fn members(schema: &Value) -> String {
    let mut table = String::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if name != "kind" || member.get("enum").is_none() {
            let cell = text(member, "description").replace('|', "\\|");
            let _ = writeln!(table, "| `{name}` | {} | {cell} |", type_name(member));
        }
    }
    if table.is_empty() { table } else { format!("\n| member | type | |\n|---|---|---|\n{table}") }
}

/// A type in words.
fn type_name(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return choices.iter().map(type_name).collect::<Vec<_>>().join(" or ");
        }
    }
    match schema["type"].as_str().unwrap_or_default() {
        "integer" => match text(schema, "format") {
            "uint" => "u64".to_owned(),
            format => format.replace("uint", "u").replace("int", "i"),
        },
        "number" => "f64".to_owned(),
        "string" => "text".to_owned(),
        "array" => match &schema["items"] {
            Value::Array(items) => {
                format!("[{}]", items.iter().map(type_name).collect::<Vec<_>>().join(", "))
            }
            item => format!("list of {}", type_name(item)),
        },
        "object" if schema["additionalProperties"].is_object() => {
            format!("object with values {}", type_name(&schema["additionalProperties"]))
        }
        other => other.to_owned(),
    }
}

/// Where the page is in the repository.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/jsonrpc.md");

#[test]
fn the_page_of_the_interface_is_that_of_the_tables() {
    if std::env::var_os("VOLARY_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, page()).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap();
    assert!(written == page(), "docs/jsonrpc.md is not up to date: run `just jsonrpc`");
}

#[test]
fn every_method_parameter_type_and_member_is_explained() {
    let mut silent = Vec::new();
    for method in methods::all() {
        for param in method.params {
            if glossary::meaning(method.name, param.name.trim_start_matches('_')).is_none() {
                silent.push(format!("{}({})", method.name, param.name));
            }
        }
    }
    for (name, schema) in openrpc::description()["components"]["schemas"].as_object().unwrap() {
        if text(schema, "description").is_empty() {
            silent.push(name.clone());
        }
        let variants = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        for part in std::iter::once(schema).chain(variants) {
            for (member, one) in part["properties"].as_object().into_iter().flatten() {
                if text(one, "description").is_empty() && one.get("enum").is_none() {
                    silent.push(format!("{name}.{member}"));
                }
            }
        }
    }
    assert_eq!(silent, [] as [String; 0]);
}

#[test]
fn the_glossary_names_nothing_that_is_gone() {
    let known = |name: &str| match name.split_once('.') {
        Some((method, param)) => methods::find(method)
            .is_some_and(|method| method.params.iter().any(|one| one.name.trim_start_matches('_') == param)),
        None => methods::all()
            .any(|method| method.params.iter().any(|one| one.name.trim_start_matches('_') == name)),
    };
    for (name, meaning) in glossary::TABLE {
        assert!(known(name), "{name}");
        assert!(meaning.ends_with('.'), "{name}");
    }
}
