//! The description of the interface for programs, made from the table of methods and the schema.

use serde_json::{Value, json};

use super::{method::Method, methods};

/// The version that clients of the interface ask for: the interface is that of this release of chatmail core.
pub const INTERFACE_VERSION: &str = "2.65.0";

/// The OpenRPC document: all methods with their parameters and results.
pub fn description() -> Value {
    let schemas: Value = serde_json::from_str(volary_proto::JSON_SCHEMAS).unwrap_or_default();
    json!({
        "openrpc": "1.0.0",
        "info": {"version": "1.0.0", "title": "CommandApi"},
        "methods": methods::all().map(method).collect::<Vec<_>>(),
        "components": {"schemas": schemas},
    })
}

fn method(method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|param| json!({"name": camel_case(param.name), "schema": (param.schema)(), "required": true}))
        .collect();
    json!({
        "name": method.name,
        "description": method.summary.trim(),
        "paramStructure": "by-position",
        "params": params,
        "result": {"name": "result", "schema": (method.result)(), "required": true},
    })
}

/// Names of parameters are spelled like all members.
fn camel_case(name: &str) -> String {
    let mut words = name.trim_start_matches('_').split('_');
    let mut spelled = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        spelled.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        spelled.push_str(letters.as_str());
    }
    spelled
}
