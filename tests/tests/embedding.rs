//! What a program compiles that embeds the library.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Crates of the command line, of the log on standard error and of the embedded relay.
const NOT_FOR_EMBEDDING: [&str; 8] = [
    "clap",
    "imap-codec",
    "indicatif",
    "rcgen",
    "tempfile",
    "tracing-subscriber",
    "volary-cli",
    "volary-relay",
];

/// All crates that a package is built from, without those of its tests and build scripts.
fn built_from(package: &str, features: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    cargo.args(["--package", package]).args(features);
    let output = cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn embedding_compiles_neither_the_command_line_nor_the_relay() {
    let embedded = built_from("volary", &[]);
    for needed in ["volary", "volary-actors", "redb", "tokio"] {
        assert!(embedded.contains(needed), "the tree is not read: {needed} is missing in {embedded:?}");
    }
    let unwanted: Vec<_> = NOT_FOR_EMBEDDING.into_iter().filter(|name| embedded.contains(*name)).collect();
    assert!(unwanted.is_empty(), "embedding the library compiles {unwanted:?}");
}

#[test]
fn the_json_rpc_interface_brings_no_command_line() {
    let with_interface = built_from("volary", &["--features", "jsonrpc"]);
    let unwanted: Vec<_> =
        NOT_FOR_EMBEDDING.into_iter().filter(|name| with_interface.contains(*name)).collect();
    assert!(unwanted.is_empty(), "the interface compiles {unwanted:?}");
}

#[test]
fn the_sandbox_for_apps_is_compiled_by_those_who_want_it() {
    // The server side of hyper brings it, and nothing else does.
    const OF_THE_SANDBOX: &str = "httpdate";
    assert!(!built_from("volary", &["--features", "jsonrpc"]).contains(OF_THE_SANDBOX));
    let with_sandbox = built_from("volary", &["--features", "apps"]);
    assert!(with_sandbox.contains(OF_THE_SANDBOX));
    let unwanted: Vec<_> =
        NOT_FOR_EMBEDDING.into_iter().filter(|name| with_sandbox.contains(*name)).collect();
    assert!(unwanted.is_empty(), "the sandbox compiles {unwanted:?}");
}

#[test]
fn the_programs_have_what_embedding_lacks() {
    // Otherwise the names above have changed, and the test above says nothing.
    let programs = built_from("volary-cli", &[]);
    let expected =
        ["clap", "imap-codec", "indicatif", "rcgen", "tempfile", "tracing-subscriber", "volary-relay"];
    for name in expected {
        assert!(programs.contains(name), "{name}");
    }
}

#[test]
fn realtime_channels_are_compiled_by_those_who_want_them() {
    assert!(!built_from("volary", &["--features", "apps,jsonrpc"]).contains("iroh"));
    assert!(built_from("volary", &["--features", "realtime"]).contains("iroh"));
    assert!(!built_from("volary-cli", &[]).contains("iroh"), "a first build goes without them");
    assert!(built_from("volary-cli", &["--features", "full"]).contains("iroh"), "what is shipped has them");
}

#[test]
fn the_bus_for_other_programs_is_compiled_by_those_who_want_it() {
    assert!(!built_from("volary", &["--features", "apps,jsonrpc,websocket"]).contains("tonic"));
    let with_bus = built_from("volary", &["--features", "grpc"]);
    assert!(with_bus.contains("tonic"));
    let unwanted: Vec<_> = NOT_FOR_EMBEDDING.into_iter().filter(|name| with_bus.contains(*name)).collect();
    assert!(unwanted.is_empty(), "the bus compiles {unwanted:?}");
}

#[test]
fn toolkits_of_user_interfaces_are_compiled_for_their_programs_only() {
    const TOOLKITS: [&str; 4] = ["crossterm", "eframe", "ratatui", "winit"];
    let found = |package: &str, features: &[&str]| {
        let crates = built_from(package, features);
        TOOLKITS.into_iter().filter(|name| crates.contains(*name)).collect::<Vec<_>>()
    };
    assert_eq!(found("volary-frontends", &[]), TOOLKITS);
    assert_eq!(
        found("volary-frontends", &["--no-default-features", "--features", "terminal"]),
        ["crossterm", "ratatui"]
    );
    assert!(found("volary", &["--features", "apps,grpc,jsonrpc,websocket"]).is_empty());
    assert!(found("volary-cli", &["--features", "full"]).is_empty());
}
