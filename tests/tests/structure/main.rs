//! How the crates are built: which files import which. Reads the sources as text, compiles none of them.
//!
//! * No circle of imports crosses a folder.
//! * A circle inside a folder has at most [`MAX_CIRCLE`] files.
//! * A crate depends only on the crates that [`ALLOWED`] names.
//!
//! An import counts from the file that uses a name to the file that defines it, however the name travels: re-exports
//! of a `mod.rs` are followed. Tests are left out. What fails is printed with the names that tie it:
//!
//! ```text
//! circle in mail across message, message/read:
//!   message/read/mod.rs -> message/mod.rs: ParseError
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `tokens` | Rust source as words, without comments, texts and tests |
//! | `source` | one file: its module, what it defines, imports and names |
//! | `graph` | all files of a crate and their circles |
//! | `manifest` | members and dependencies from `Cargo.toml` |

mod graph;
mod manifest;
mod source;
mod tokens;

use std::path::{Path, PathBuf};

use graph::Graph;

/// Most files that may import each other in a circle. All of them lie in one folder.
const MAX_CIRCLE: usize = 13;

/// Crate folder, and the crates of this workspace that it may depend on. `*` stands for all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("proto/grpc", &["volary-proto"]),
    ("mail", &["volary-proto"]),
    ("storage", &["volary-proto"]),
    ("storage/backup", &[]),
    ("link", &["volary-proto", "volary-mail"]),
    ("link/realtime", &["volary-mail"]),
    ("link/transfer", &["volary-mail"]),
    ("vault", &[]),
    ("engine", &["volary-proto", "volary-mail", "volary-storage", "volary-backup", "volary-vault"]),
    (
        "actors",
        &[
            "volary-proto",
            "volary-mail",
            "volary-storage",
            "volary-engine",
            "volary-link",
            "volary-realtime",
            "volary-transfer",
        ],
    ),
    ("relay", &[]),
    (
        "host",
        &["volary-proto", "volary-grpc", "volary-mail", "volary-storage", "volary-engine", "volary-actors"],
    ),
    ("host/cli", &["volary", "volary-grpc", "volary-proto", "volary-mail", "volary-relay"]),
    ("host/c", &["volary", "volary-proto"]),
    ("host/frontends", &["volary"]),
    ("bench", &["*"]),
    ("tests", &["*"]),
    ("tests/fuzz", &["*"]),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// What is wrong with the circles of a crate, as text.
fn faults(name: &str, graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for circle in graph.circles() {
        let folders = circle.folders();
        if folders.len() > 1 {
            faults.push(format!("circle in {name} across {}:\n{circle}", folders.join(", ")));
        } else if circle.files().len() > MAX_CIRCLE {
            let files = circle.files().len();
            faults.push(format!(
                "circle of {files} files in {name}, at most {MAX_CIRCLE} are allowed:\n{circle}"
            ));
        }
    }
    faults
}

#[test]
fn no_circle_of_imports_crosses_a_folder_or_is_large() {
    let root = workspace();
    let members = manifest::members(&root).unwrap();
    let mut found = Vec::new();
    for member in &members {
        let files = source::files_of(&root.join(member)).unwrap();
        found.extend(faults(member, &Graph::of(files)));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn dependencies_run_one_way() {
    let root = workspace();
    let mut found = Vec::new();
    for member in manifest::members(&root).unwrap() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member) else {
            found.push(format!("{member} is new: say in ALLOWED what it may depend on"));
            continue;
        };
        for dependency in manifest::dependencies(&root.join(&member)).unwrap() {
            if !allowed.contains(&"*") && !allowed.contains(&dependency.as_str()) {
                found.push(format!("{member} must not depend on {dependency}"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

mod the_check_itself {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Graph {
        Graph::of(files.iter().map(|(path, text)| source::File::read(path, text)).collect())
    }

    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        graph(files).edges()
    }

    #[test]
    fn finds_a_circle_across_folders_and_names_what_ties_it() {
        let files = [
            ("src/lib.rs", "pub mod a; pub mod b;"),
            ("src/a/mod.rs", "pub mod x;"),
            ("src/a/x.rs", "use crate::b::y::{Y, other as o};\npub struct X; fn f(_: Y) { o() }"),
            ("src/b/mod.rs", "pub mod y;"),
            ("src/b/y.rs", "pub struct Y; pub fn other() { let _ = crate::a::x::X; }"),
        ];
        let faults = faults("demo", &graph(&files));
        assert_eq!(
            faults,
            ["circle in demo across a, b:\n  a/x.rs -> b/y.rs: Y, other\n  b/y.rs -> a/x.rs: X\n"]
        );
    }

    #[test]
    fn finds_a_circle_that_is_too_large() {
        let name = |n: usize| format!("src/f{n}.rs");
        let texts: Vec<(String, String)> = (0..=MAX_CIRCLE)
            .map(|n| (name(n), format!("use super::f{}::F as G;\npub struct F;", (n + 1) % (MAX_CIRCLE + 1))))
            .collect();
        let mut files: Vec<(&str, &str)> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let lib: String = (0..=MAX_CIRCLE).map(|n| format!("mod f{n};")).collect();
        files.push(("src/lib.rs", &lib));
        assert_eq!(faults("demo", &graph(&files)).len(), 1);
        assert!(faults("demo", &graph(&files[1..])).is_empty(), "one file less, and the ring is open");
    }

    #[test]
    fn follows_re_exports_to_the_file_that_defines() {
        let files = [
            ("src/lib.rs", "mod a; mod user;"),
            ("src/a/mod.rs", "mod x; mod y; pub use x::{X as Z}; pub use y::*;"),
            ("src/a/x.rs", "pub struct X;"),
            ("src/a/y.rs", "pub enum Y { One }"),
            ("src/user.rs", "use crate::a; use crate::a::Z; fn f(_: Z) -> a::Y { a::Y::One }"),
        ];
        assert_eq!(edges(&files), ["user.rs -> a/x.rs: X", "user.rs -> a/y.rs: Y"]);
    }

    #[test]
    fn sees_imports_of_modules_children_and_parents() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "mod inner; use super::b; fn f() { b::g(); inner::h(); self::inner::k::<u8>() }"),
            ("src/a/inner.rs", "pub fn h() {} pub fn k<T>() { super::super::b::g() }"),
            ("src/b.rs", "pub fn g() {}"),
        ];
        assert_eq!(edges(&files), ["a.rs -> a/inner.rs: h, k", "a.rs -> b.rs: g", "a/inner.rs -> b.rs: g"]);
    }

    #[test]
    fn leaves_out_tests_comments_and_texts() {
        let files = [
            ("src/lib.rs", "mod a; #[cfg(test)] mod testing; mod b; #[cfg(test)] pub(crate) use testing::T;"),
            (
                "src/a.rs",
                "// crate::b::B\n/* crate::b::B /* */ */ const S: &str = r#\"crate::b::B\"#; const C: char = '\"';",
            ),
            (
                "src/b.rs",
                "pub struct B; #[cfg(test)] mod tests { use crate::a::S; }\n#[cfg(test)] use crate::a::S;",
            ),
            ("src/testing/mod.rs", "pub struct T; use crate::b::B;"),
            ("src/testing/deep.rs", "use crate::b::B;"),
        ];
        assert!(edges(&files).is_empty(), "{:?}", edges(&files));
    }
}
