//! Writes what corpora start from: `seeds FOLDER [TARGET...]` makes `FOLDER/TARGET/0001` and so on, and prints a line
//! `TARGET SEEDS MAX_LEN` for each.

use std::path::PathBuf;
use std::{env, fs, io, process};

use volary_fuzz::TARGETS;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: seeds FOLDER [TARGET...]");
        process::exit(2);
    };
    let wanted: Vec<String> = arguments.collect();
    if let Some(unknown) = wanted.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        eprintln!("there is no target {unknown}; there are:");
        TARGETS.iter().for_each(|target| eprintln!("  {}", target.name));
        process::exit(2);
    }
    for target in
        TARGETS.iter().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target.name))
    {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        let mut seeds = (target.seeds)();
        seeds.retain(|seed| seed.len() <= target.max_len);
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("{:04}", number + 1)), seed)?;
        }
        println!("{} {} {}", target.name, seeds.len(), target.max_len);
    }
    Ok(())
}
