//! In-chat apps at the end of a demo: two people use a poll and a canvas, side by side in a browser.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use volary::apps::Apps;
use volary_proto::event::Kind;
use volary_proto::{CreateChatByContactId, MessageData, SendMessage, ViewType};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::options::DemoError;
use super::person::{Person, Trouble};
use super::stage::Stage;
use super::transcript::Transcript;

/// Files of an app by name.
type Files = &'static [(&'static str, &'static str)];

/// The apps of `tests/apps`.
const APPS: [(&str, Files); 2] = [
    (
        "poll",
        &[
            ("index.html", include_str!("../../../../tests/apps/poll/index.html")),
            ("poll.js", include_str!("../../../../tests/apps/poll/poll.js")),
            ("manifest.toml", include_str!("../../../../tests/apps/poll/manifest.toml")),
        ],
    ),
    (
        "canvas",
        &[
            ("index.html", include_str!("../../../../tests/apps/canvas/index.html")),
            ("canvas.js", include_str!("../../../../tests/apps/canvas/canvas.js")),
            ("manifest.toml", include_str!("../../../../tests/apps/canvas/manifest.toml")),
        ],
    ),
];

/// Browsers that take [`OPTIONS`].
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Nothing but this machine can be reached, not even by looking up a name; see `docs/apps.md`.
const OPTIONS: [&str; 4] = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-first-run",
    "--no-default-browser-check",
];
/// How long the first window takes: it has to be there before another can be handed over to it.
const START: Duration = Duration::from_secs(2);
/// Width and height of a window.
const WINDOW: (u32, u32) = (640, 480);

/// Apps that are served, and the browser that shows them. They end with it.
pub(crate) struct Shown {
    apps: Apps,
    browser: Option<Child>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.apps.stop();
        if let Some(browser) = &mut self.browser {
            // It may have been closed by its user.
            let _ = browser.kill();
            let _ = browser.wait();
        }
    }
}

/// Sends the apps from the first to the second person and shows both sides.
pub(crate) async fn show(stage: &Stage, transcript: &Transcript) -> Result<Shown, DemoError> {
    let [one, other, ..] = &stage.people[..] else { return Err(DemoError::TooFew) };
    transcript.heading(&format!("Apps that {one} and {other} share"));
    let apps = Apps::start(stage.engine.clone(), 0).await?;
    let mut windows = Vec::new();
    for (name, files) in APPS {
        let claim = format!("{other} has the app \"{name}\" of {one}");
        let opened = share(stage, one, other, name, files, &apps).await;
        windows.push(opened.map_err(|trouble| DemoError::Claim { claim: claim.clone(), trouble })?);
        transcript.claim(&claim);
    }
    for ((name, _), urls) in APPS.iter().zip(&windows) {
        for (person, url) in [one, other].into_iter().zip(urls) {
            transcript.place(person, &format!("shows the {name} at"), url);
        }
    }
    let browser = browser(stage.files.path(), windows.iter().flatten());
    transcript.note(match browser {
        Some(_) => "Their windows open in a browser. Press Ctrl-C to end.",
        None => "Open the links in a browser on this machine (docs/apps.md says how). Press Ctrl-C to end.",
    });
    Ok(Shown { apps, browser })
}

/// One person sends an app to another; the addresses of both sides.
async fn share(
    stage: &Stage,
    one: &Person,
    other: &Person,
    name: &str,
    files: Files,
    apps: &Apps,
) -> Result<[String; 2], Trouble> {
    let path = stage.files.path().join(format!("{name}.xdc"));
    std::fs::write(&path, packed(files).map_err(Trouble::with_file(&path))?)
        .map_err(Trouble::with_file(&path))?;
    let Some(contact) = one.contact_with(&other.address).await? else {
        return Err(Trouble::Differs(format!("{one} does not know {other}")));
    };
    let chat_id = one.call(CreateChatByContactId { contact_id: contact.id }).await?.id;
    let data = MessageData {
        file: Some(path.to_string_lossy().into_owned()),
        viewtype: Some(ViewType::Webxdc.into()),
        ..Default::default()
    };
    other.inbox.forget();
    let sent = one.call(SendMessage { chat_id, data: Some(data) }).await?.id;
    let received = other
        .sees("app", |kind| match kind {
            Kind::IncomingMsg(event) => Some(event.msg_id),
            _ => None,
        })
        .await?
        .value;
    let open = async |person: &Person, message: u32| {
        let refused = |error| Trouble::Call { who: person.name.clone(), call: "open an app", error };
        apps.open(person.profile, message, "").await.map_err(refused)
    };
    Ok([open(one, sent).await?, open(other, received).await?])
}

/// The archive of an app.
fn packed(files: Files) -> std::io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, SimpleFileOptions::default())?;
        archive.write_all(content.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Opens a window for each address, side by side; `None` if there is no browser that can do it.
fn browser<'a>(folder: &Path, urls: impl Iterator<Item = &'a String>) -> Option<Child> {
    let program = BROWSERS.iter().find_map(|name| on_path(name))?;
    let mut first: Option<Child> = None;
    for (number, url) in (0u32..).zip(urls) {
        let (width, height) = WINDOW;
        let (x, y) = ((number % 2) * width, (number / 2) * height);
        let mut command = Command::new(&program);
        command
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", folder.join("browser").display()))
            .arg(format!("--window-position={x},{y}"))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--app={url}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match (command.spawn(), &first) {
            // The others hand their window over to the first and end.
            (Ok(mut child), Some(_)) => drop(child.wait()),
            (Ok(child), None) => first = Some(lasting(child)?),
            (Err(error), _) => {
                tracing::warn!(%error, "the browser does not start");
                return first;
            }
        }
    }
    first
}

/// A browser that is still there after it has had time to start. Some end at once: Chromium does for root, and where there
/// is no screen.
fn lasting(mut browser: Child) -> Option<Child> {
    std::thread::sleep(START);
    match browser.try_wait() {
        Ok(None) => Some(browser),
        Ok(Some(status)) => {
            tracing::warn!(%status, "the browser has ended at once");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the browser cannot be waited for");
            None
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::options::DemoOptions;
    use crate::demo::perform;

    #[test]
    fn a_browser_that_ends_at_once_shows_nothing() {
        let started = |command: &str| Command::new("sh").args(["-c", command]).spawn().unwrap();
        assert!(lasting(started("exit 1")).is_none());
        let mut lasts = lasting(started("exec sleep 60")).unwrap();
        lasts.kill().unwrap();
        lasts.wait().unwrap();
    }

    #[tokio::test]
    async fn both_sides_of_an_app_can_be_opened() {
        let silent = Transcript::silent();
        let stage = Stage::set_up(DemoOptions::with_profiles(2), &silent).await.unwrap();
        perform(&stage, &silent).await.unwrap();
        let apps = Apps::start(stage.engine.clone(), 0).await.unwrap();
        let [one, other] = &stage.people[..] else { unreachable!() };
        let (name, files) = APPS[0];
        let [first, second] = share(&stage, one, other, name, files, &apps).await.unwrap();
        assert!(first.starts_with("http://") && second.starts_with("http://") && first != second);
        apps.stop();
        stage.tear_down().await;
    }
}
