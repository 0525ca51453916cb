//! `volary call`: any method of the JSON-RPC interface.

use clap::Args;
use serde_json::{Value, json};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
#[command(
    after_help = "For example: volary call get_chatlist_entries '[1, null, null, null]'. docs/jsonrpc.md lists the methods."
)]
pub(super) struct CallArgs {
    #[command(flatten)]
    place: Place,
    /// Name of the method
    method: String,
    /// Its parameters, a JSON array
    #[arg(default_value = "[]")]
    params: String,
}

pub(super) async fn run(args: CallArgs) -> Result<(), Failure> {
    let params: Value = serde_json::from_str(&args.params)
        .map_err(|error| format!("the parameters are not JSON: {error}"))?;
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": args.method, "params": params}).to_string();
    let mut signals = Signals::new()?;
    let host = Host::open(&args.place.data).await?;
    // Some methods wait until something happens.
    let answer = tokio::select! {
        answer = host.json_rpc(line.into_bytes()) => answer,
        () = signals.end() => Err("interrupted: the call was not answered yet".into()),
    };
    host.close().await;
    let answer: Value = serde_json::from_slice(&answer?)?;
    match answer.get("error") {
        Some(error) => Err(error["message"].as_str().unwrap_or("the call failed").to_owned().into()),
        None if args.place.json => output::json(&answer["result"]),
        None => output::line(format!("{:#}", answer["result"])),
    }
}
