//! The header says what the library has, and the example in C runs with it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder in which Cargo has built the library for this test.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The names of functions: what stands before a bracket and begins like ours.
fn functions(text: &str, before: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| line.contains(before) && !line.trim_start().starts_with("//")) {
        if let Some(at) = line.find("volary_")
            && let Some(length) = line[at..].find('(')
        {
            names.insert(line[at..at + length].to_owned());
        }
    }
    names
}

#[test]
fn the_header_has_all_functions() {
    let source = fs::read_to_string(here().join("src/ffi.rs")).unwrap();
    let header = fs::read_to_string(here().join("include/volary.h")).unwrap();
    let exported = functions(&source, "extern \"C\" fn");
    assert!(exported.len() >= 6, "the source is not read: {exported:?}");
    assert_eq!(exported, functions(&header, "volary_"));
}

#[test]
fn the_header_is_what_cbindgen_makes() {
    let made = Command::new(here().join("header")).arg("--verify").output().unwrap();
    // Without the program the test above says what can be said.
    if made.status.code() != Some(3) {
        assert!(made.status.success(), "run host/c/header: {}", String::from_utf8_lossy(&made.stderr));
    }
}

#[test]
fn the_example_in_c_makes_a_profile_and_finds_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("profiles");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(&program);
    compiler.arg(here().join("examples/profiles.c")).arg("-I").arg(here().join("include"));
    compiler.arg("-L").arg(built()).arg(format!("-Wl,-rpath,{}", built().display())).arg("-lvolary_c");
    let compiled = compiler.output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let data = folder.path().join("data");
    for expected in ["profile 1\nprofile 1\n", "profile 2\nprofile 1\nprofile 2\n"] {
        let run = Command::new(&program).arg(&data).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(String::from_utf8_lossy(&run.stdout), expected);
    }
}
