//! `docs/cli.md`, made from the commands and their options.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use clap::CommandFactory as _;

const HEAD: &str = "\
# Command line

Made from the program itself (`VOLARY_WRITE_DOCS=1 cargo test -p volary-cli --features full --lib page`). `volary serve` keeps the profiles
of a folder connected; the other commands work while it runs, through `bus.sock` in the folder, and without it, by opening
the folder themselves. `--json` writes one JSON value on a line, for programs. Exit codes: 0 = done, 1 = failed (the reason
is the last line on standard error) or unwell (`volary status`), 2 = the command line makes no sense.

```sh
volary profile add --relay dcaccount:example.org --name \"Echo\" --count 20
volary serve &
volary invite --profile 1
echo hello | volary send --profile 1 --chat 12 --wait
volary receive --profile 1 --follow --json
```
";

/// The page as it should be.
fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut cli = super::Cli::command().term_width(100).disable_help_subcommand(true);
    cli.build();
    for command in cli.get_subcommands_mut() {
        section(&mut page, command, 2);
    }
    page
}

fn section(page: &mut String, command: &mut clap::Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.clone().disable_help_flag(true).render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let marks = "#".repeat(level);
    write!(page, "\n{marks} {name}\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
    for below in command.get_subcommands_mut() {
        section(page, below, level + 1);
    }
}

#[test]
fn the_page_is_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = page();
    if env::var_os("VOLARY_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/cli.md is old: VOLARY_WRITE_DOCS=1 cargo test -p volary-cli --features full --lib page"
    );
}
