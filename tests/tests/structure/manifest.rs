//! What `Cargo.toml` says: the members of the workspace, and their dependencies on each other.

use std::io;
use std::path::Path;

/// The folders of the crates.
pub fn members(root: &Path) -> io::Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let list = text.split_once("\nmembers").and_then(|(_, rest)| rest.split_once('[')?.1.split_once(']'));
    let quoted = list.map_or("", |(list, _)| list).split('"').skip(1).step_by(2);
    Ok(quoted.map(str::to_owned).collect())
}

/// The crates of this workspace that a crate needs, those of its tests and build script aside.
pub fn dependencies(folder: &Path) -> io::Result<Vec<String>> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml"))?;
    let mut found = Vec::new();
    let mut counts = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            counts = section.starts_with("dependencies]")
                || section.starts_with("target.") && section.contains(".dependencies]");
            // A dependency may be a section of its own.
            found.extend(
                section.strip_prefix("dependencies.").and_then(|name| own(name.trim_end_matches(']'))),
            );
        } else if counts {
            found.extend(line.split(['.', '=', ' ']).next().and_then(own));
        }
    }
    Ok(found)
}

fn own(name: &str) -> Option<String> {
    (name == "volary" || name.starts_with("volary-")).then(|| name.to_owned())
}
