//! `volary-stress`: many profiles on an embedded relay that runs in a process of its own.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | options; the run from begin to end |
//! | `options` | the command line |
//! | `programs` | the relay and the idle server as processes |
//! | `people` | makes profiles, acquaints them, forms pairs and groups |
//! | `idle` | what profiles cost that do nothing |
//! | `talk` | sends at a rate, receives, checks |
//! | `backup` | a run of its own: the host is backed up while they talk |
//! | `outage` | a run of its own: all profiles lose their relay |
//! | `frontends` | a run of its own: many frontends listen to one host |
//! | [`ledger`] | what was said and who heard it: exactly once, in order |
//! | `process` | what `/proc` tells of a process |
//! | `figures` | everything that was measured, as JSON |
//! | `table` | progress and figures while it runs |
//! | `html`, `plot` | the report |
//!
//! The run has three acts. Profiles are made by an engine in this process. Then the engine is stopped, and the same
//! folder is served by `volary serve` in a fresh process, which is measured while all profiles are connected and
//! idle. Then the engine in this process goes on, and everybody talks.

mod backup;
mod failure;
mod figures;
mod frontends;
mod html;
mod idle;
pub mod ledger;
mod options;
mod outage;
mod people;
mod plot;
mod process;
mod programs;
mod table;
mod talk;

use std::process::ExitCode;

use clap::Parser as _;
use volary::Engine;

use self::failure::Failure;
use self::figures::Figures;
use self::options::{Cli, Command, Options};
use self::people::People;
use self::programs::{RelayProcess, beside};
use self::table::Display;

/// Runs the program. 0 = everything was as it should be, 1 = not, or the run failed.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Every profile has a connection here and another one in the relay, which inherits the limit.
    volary::descriptors::raise_limit();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("volary-stress: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = command(&cli) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::Program("interrupted".to_owned())),
        }
    });
    runtime.shutdown_background();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("volary-stress: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whether everything was as it should be.
async fn command(cli: &Cli) -> Result<bool, Failure> {
    Ok(match &cli.command {
        Some(Command::Outage(options)) => outage::run(options).await?.is_flawless(),
        Some(Command::Backup(options)) => backup::run(options).await?.is_flawless(),
        Some(Command::Frontends(options)) => {
            frontends::run(options).await?;
            true
        }
        None => run(&cli.options).await?.is_flawless(),
    })
}

async fn run(options: &Options) -> Result<Figures, Failure> {
    let volary = beside(options.volary.as_deref())?;
    let temporary = tempfile::tempdir()?;
    let folder = options.data.clone().unwrap_or_else(|| temporary.path().join("profiles"));
    let display = Display::new();
    let mut figures = Figures::new(options);
    let relay = RelayProcess::start(&volary).await?;

    let engine = Engine::start(&folder).await?;
    let people = People::make(&engine, &relay, options, &display, &mut figures).await?;
    engine.stop().await;
    drop(engine);
    if options.idle > 0 {
        figures.idle = Some(idle::measure(&volary, &folder, &people, options, &display).await?);
        display.idle(&figures);
    }
    if options.seconds > 0 {
        let engine = Engine::start(&folder).await?;
        figures.talk = Some(talk::play(&engine, &relay, &people, options, &display).await?);
        engine.stop().await;
        display.talk(&figures);
    }
    relay.stop().await;
    let (json, html) = (options.report.with_extension("json"), options.report.with_extension("html"));
    std::fs::write(&json, serde_json::to_string_pretty(&figures)?)?;
    std::fs::write(&html, html::page(&figures))?;
    display.line(&format!("Report: {}, {}", html.display(), json.display()));
    Ok(figures)
}
