//! `volary apps`: in-chat apps from the command line.
//!
//! A process that holds the folder is asked: for what apps tell, their updates and files by way of its control socket, for
//! listing, opening and closing at the address in `apps.url`, if it is a `volary serve --apps`. Else all is done on the
//! folder itself.

use std::fs;
use std::io::{self, Write as _, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use volary::Engine;
use volary::apps::Apps;
use volary::control::Client;
use volary_proto::{
    Call, GetWebxdcBlob, GetWebxdcInfo, GetWebxdcStatusUpdates, SendWebxdcStatusUpdate, WebxdcMessageInfo,
};

use super::folder;
use crate::process::failure::{Failure, OutputError};
use crate::process::signals::Signals;
use crate::text::plain;

/// The file in which a running process leaves the address of its list of apps.
const ADDRESS: &str = "apps.url";
/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(super) struct AppsArgs {
    /// Folder of the profiles; another process may be using it (for list, open and close: `volary serve --apps`)
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "VOLARY_DATA",
        hide_env_values = true,
        default_value = "profiles"
    )]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// An app.
#[derive(Clone, Copy, Debug, Args)]
struct Which {
    /// Its profile
    profile: u32,
    /// Its message, as `volary apps list` says
    message: u32,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the apps of all profiles, the newest of each first
    List,
    /// Shows what an app tells about itself
    Info {
        #[command(flatten)]
        app: Which,
    },
    /// Prints the updates of an app as JSON
    Updates {
        #[command(flatten)]
        app: Which,
        /// Only those behind this number
        #[arg(long, value_name = "SERIAL", default_value_t = 0)]
        after: u32,
    },
    /// Sends an update; without a running process it leaves when one connects the profile (`volary serve`)
    Send {
        #[command(flatten)]
        app: Which,
        /// The update, as an app passes it to `sendUpdate`, like '{"payload": 1}'
        #[arg(value_name = "JSON")]
        update: String,
    },
    /// Writes a file of an app to standard output
    File {
        #[command(flatten)]
        app: Which,
        /// Its path in the archive
        path: String,
    },
    /// Opens an app and prints the address to open in a browser; without a running process it is shown until interrupted
    Open {
        #[command(flatten)]
        app: Which,
        /// Place inside the app
        #[arg(long, value_name = "HREF", default_value = "")]
        href: String,
        /// Loopback port if no process is running (0 = a free one); what apps keep in a browser is found at the same one
        #[arg(long, value_name = "PORT", default_value_t = 0)]
        port: u16,
    },
    /// Ends an app that a running process shows
    Close {
        #[command(flatten)]
        app: Which,
    },
}

pub(super) async fn run(args: AppsArgs) -> Result<(), Failure> {
    folder::check(&args.data)?;
    let (data, command) = (args.data, args.command);
    match command {
        Command::List => list(&data).await,
        Command::Open { app, href, port } => open(&data, app, &href, port).await,
        Command::Close { app } => match Running::find(&data).await? {
            Some(running) => running.asks("POST", &place("close", app, "")).await.map(|_| ()),
            None => Err(format!("no process shows apps of {}", data.display()).into()),
        },
        Command::Info { app } => {
            print(&about(&ask(&data, app.profile, GetWebxdcInfo { msg_id: app.message }).await?))
        }
        Command::Updates { app, after } => {
            let call = GetWebxdcStatusUpdates { msg_id: app.message, last_known_serial: after };
            print(&format!("{}\n", ask(&data, app.profile, call).await?.text))
        }
        Command::Send { app, update } => {
            ask(&data, app.profile, SendWebxdcStatusUpdate { msg_id: app.message, update }).await?;
            Ok(())
        }
        Command::File { app, path } => {
            let file = ask(&data, app.profile, GetWebxdcBlob { msg_id: app.message, path }).await?;
            Ok(stdout().lock().write_all(&file.blob).map_err(OutputError::from)?)
        }
    }
}

/// Asks the process that holds the folder, or an engine of our own.
async fn ask<C: Call>(folder: &Path, profile: u32, call: C) -> Result<C::Answer, Failure> {
    if let Some(mut running) = Client::connect(folder).await? {
        return Ok(running.call(profile, call).await?);
    }
    let engine = folder::open(folder).await?;
    let answer = engine.call(profile, call).await;
    engine.stop().await;
    Ok(answer?)
}

async fn list(folder: &Path) -> Result<(), Failure> {
    if let Some(running) = Running::find(folder).await? {
        return print(&listed(&running.asks("GET", "apps").await?)?);
    }
    on_folder(folder, async |engine| {
        let apps = Apps::start(engine, 0).await?;
        let answer = Running { url: apps.list_url() }.asks("GET", "apps").await;
        apps.stop();
        print(&listed(&answer?)?)
    })
    .await
}

async fn open(folder: &Path, app: Which, href: &str, port: u16) -> Result<(), Failure> {
    if let Some(running) = Running::find(folder).await? {
        let answer = running.asks("POST", &place("open", app, href)).await?;
        return print(&format!("{}\n", opened(&answer)?));
    }
    let mut signals = Signals::new()?;
    on_folder(folder, async |engine| {
        let apps = Apps::start(engine, port).await?;
        print(&format!("{}\n", apps.open(app.profile, app.message, href).await?))?;
        signals.end().await;
        apps.stop();
        Ok(())
    })
    .await
}

/// Works on a folder that no other process uses.
async fn on_folder(
    folder: &Path,
    work: impl AsyncFnOnce(Engine) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let engine = folder::open(folder).await?;
    let outcome = work(engine.clone()).await;
    engine.stop().await;
    outcome
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(OutputError::from)?)
}

fn place(what: &str, app: Which, href: &str) -> String {
    let mut quoted = String::new();
    for byte in href.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{what}?profile={}&message={}&href={quoted}", app.profile, app.message)
}

fn opened(answer: &[u8]) -> Result<String, Failure> {
    let answer: Value = serde_json::from_slice(answer)?;
    Ok(answer["url"].as_str().ok_or("the running process names no address")?.to_owned())
}

/// A line for each app.
fn listed(answer: &[u8]) -> Result<String, Failure> {
    let apps: Vec<Value> = serde_json::from_slice(answer)?;
    let mut lines = String::new();
    for app in &apps {
        let text = |field: &str| plain(app[field].as_str().unwrap_or_default());
        let labels = [text("document"), text("summary")].map(|label| match label.as_str() {
            "" => label,
            _ => format!(" – {label}"),
        });
        lines += &format!("{} {}: {}{} (", app["profile"], app["message"], text("name"), labels.concat());
        lines += &format!("{} in {})\n", text("user"), text("chat"));
    }
    Ok(lines)
}

/// What an app tells, a line for each field that it has.
fn about(info: &WebxdcMessageInfo) -> String {
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let fields = [
        ("name", Some(info.name.clone())),
        ("icon", Some(info.icon.clone())),
        ("document", info.document.clone()),
        ("summary", info.summary.clone()),
        ("source code", info.source_code_url.clone()),
        ("own address", Some(info.self_addr.clone())),
        ("own app", Some(yes(info.is_app_sender))),
        ("broadcast", Some(yes(info.is_broadcast))),
        ("longest update", Some(format!("{} bytes", info.send_update_max_size))),
        ("update interval", Some(format!("{} ms", info.send_update_interval))),
    ];
    let lines = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}\n", plain(&value?))));
    lines.collect()
}

/// A process that shows apps.
struct Running {
    url: String,
}

impl Running {
    /// The one that uses the folder. The address that a killed process left behind leads nowhere.
    async fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let url = match fs::read_to_string(folder.join(ADDRESS)) {
            Ok(url) => url.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", folder.join(ADDRESS).display()).into()),
        };
        let running = Self { url };
        Ok(running.connects().await.is_ok().then_some(running))
    }

    /// The host of the address, and a connection: its name means this machine, whatever the resolver says.
    async fn connects(&self) -> Result<(&str, TcpStream), Failure> {
        let host = self.url.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let port = port.ok_or_else(|| format!("{ADDRESS} holds no address"))?;
        Ok((host, TcpStream::connect(("127.0.0.1", port)).await?))
    }

    /// One request; the body of its answer.
    async fn asks(&self, method: &str, path: &str) -> Result<Vec<u8>, Failure> {
        let (host, mut stream) = self.connects().await?;
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        let (status, body) = split(&answer).ok_or("the running process does not answer as expected")?;
        match status {
            200..300 => Ok(body.to_vec()),
            _ => Err(plain(String::from_utf8_lossy(body).trim()).into()),
        }
    }
}

/// Status and body of an answer that ends with its connection.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|found| found == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(end + 4);
    let status = head.split(|byte| *byte == b' ').nth(1)?;
    Some((std::str::from_utf8(status).ok()?.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_places_are_quoted() {
        let app = Which { profile: 1, message: 12 };
        assert_eq!(place("open", app, "a b#ü&x"), "open?profile=1&message=12&href=a%20b%23%C3%BC%26x");
        assert_eq!(split(b"HTTP/1.1 404 Not Found\r\na: b\r\n\r\nno"), Some((404, &b"no"[..])));
        assert_eq!(split(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(opened(br#"{"url":"http://x/"}"#).unwrap(), "http://x/");
    }

    #[test]
    fn a_line_names_an_app_and_nothing_in_it_moves_the_cursor() {
        let answer = br#"[{"profile":1,"user":"Alice","message":12,"chat":"Bob","name":"Po\u001bll","document":"Tea?","summary":null}]"#;
        assert_eq!(listed(answer).unwrap(), "1 12: Po\u{fffd}ll – Tea? (Alice in Bob)\n");
    }
}
