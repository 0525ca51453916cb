//! Compiles the schema and decides how its messages look in JSON.
//!
//! The JSON spelling follows from the schema by the rules of `rules.rs`. From them come both the attributes of the Rust
//! types (`attributes.rs`) and the JSON schemas that describe them to programs (`schema.rs`).

mod attributes;
mod rules;
mod schema;

use std::{env, error::Error, ffi::OsStr, fs, path::PathBuf};

use protox::prost_reflect::DescriptorPool;

fn main() -> Result<(), Box<dyn Error>> {
    let files = schema_files()?;
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build");
    let descriptors = protox::compile(&files, ["proto"])?;
    let pool = DescriptorPool::from_file_descriptor_set(descriptors.clone())?;

    let mut config = prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]);
    config.skip_debug(["volary.v1.EnteredLoginParam", "volary.v1.Passphrase"]);
    attributes::add(&mut config, &pool);
    config.compile_fds(descriptors)?;

    let schemas = serde_json::to_string(&schema::all(&pool))?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("schemas.json"), schemas)?;
    Ok(())
}

/// All `.proto` files, in a fixed order.
fn schema_files() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("proto/volary/v1")? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("proto")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
