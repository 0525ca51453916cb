//! Compiles the service. Its messages of the package `volary.v1` are those of `volary-proto`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto");
    println!("cargo:rerun-if-changed=build.rs");
    let mut descriptors = protox::compile(
        ["volary/bus/v1/bus.proto", "volary/bus/v1/host.proto", "volary/v1/embed.proto"],
        ["../proto"],
    )?;
    let mut config = prost_build::Config::new();
    config.bytes(["."]).extern_path(".volary.v1", "::volary_proto::v1");
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds_with_config(descriptors.clone(), config)?;

    // Programs that ask a server what it can do need no comments.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let path = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    Ok(fs::write(path, descriptors.encode_to_vec())?)
}
