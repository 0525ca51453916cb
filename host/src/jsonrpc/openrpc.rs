//! The description of the interface for programs, made from the table of methods and the schema.

use serde_json::{Map, Value, json};

use super::{
    glossary,
    method::{Method, Shape},
    methods,
};

/// The version that clients of the interface ask for: the interface is that of this release of chatmail core.
pub const INTERFACE_VERSION: &str = "2.65.0";

/// The OpenRPC document: all methods with their parameters and results.
pub fn description() -> Value {
    let schemas: Map<String, Value> = serde_json::from_str(volary_proto::JSON_SCHEMAS).unwrap_or_default();
    let mut methods = Value::Array(methods::all().map(method).collect());
    let mut named = Map::new();
    inline(&mut methods, &schemas, &mut named);
    json!({
        "openrpc": "1.0.0",
        "info": {"version": "1.0.0", "title": "CommandApi"},
        "methods": methods,
        "components": {"schemas": named},
    })
}

/// Replaces references to what is not a type of its own to clients (a list, a map, a bare value), and collects the types
/// that are left.
fn inline(value: &mut Value, schemas: &Map<String, Value>, named: &mut Map<String, Value>) {
    if let Some(name) = value.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        let name = name.to_owned();
        let Some(mut schema) = schemas.get(&name).cloned() else { return };
        if !is_type(&schema) {
            inline(&mut schema, schemas, named);
            // What is said of the member says more than what is said of the list or the bare value.
            if let (Some(meaning), Some(members)) = (value.get("description"), schema.as_object_mut()) {
                members.insert("description".to_owned(), meaning.clone());
            }
            *value = schema;
        } else if !named.contains_key(&name) {
            named.insert(name.clone(), Value::Null); // a type may hold itself
            inline(&mut schema, schemas, named);
            named.insert(name, schema);
        }
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| inline(member, schemas, named)),
        Value::Array(items) => items.iter_mut().for_each(|item| inline(item, schemas, named)),
        _ => {}
    }
}

/// Objects with members, choices and enumerations are types.
fn is_type(schema: &Value) -> bool {
    ["properties", "oneOf", "enum"].iter().any(|mark| schema.get(mark).is_some())
}

fn method(method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|param| {
            let name = param.name.trim_start_matches('_');
            json!({
                "name": camel_case(name),
                "description": glossary::meaning(method.name, name),
                "schema": (param.schema)(),
                "required": true,
            })
        })
        .collect();
    let camel = camel_case(method.name);
    let (first, rest) = camel.split_at(camel.len().min(1));
    json!({
        "name": method.name,
        "description": method.summary.trim(),
        "paramStructure": "by-position",
        "params": params,
        "result": {
            "name": format!("{}{rest}Result", first.to_ascii_uppercase()),
            "schema": result(method),
            "required": true,
        },
    })
}

/// The shape of the result. The answers of a few requests are wider in the schema than what clients get.
fn result(method: &Method) -> Value {
    match method.name {
        "get_fresh_msg_cnt" | "estimate_auto_deletion_count" | "get_message_read_receipt_count" => {
            json!({"type": "integer", "format": "uint", "minimum": 0})
        }
        "get_chat_ephemeral_timer" | "get_connectivity" => u32::schema(),
        "get_chat_securejoin_qr_code_svg" => {
            json!({"type": "array", "items": [String::schema(), String::schema()], "minItems": 2, "maxItems": 2})
        }
        _ => (method.result)(),
    }
}

/// Names of parameters are spelled like all members.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut spelled = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        spelled.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        spelled.push_str(letters.as_str());
    }
    spelled
}
