//! `volary serve` as a service: what it agrees with a service manager, its configuration, its limits, its metrics, its end.

#![allow(clippy::unwrap_used)]

mod login;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use login::{login, relay};

const VOLARY: &str = env!("CARGO_BIN_EXE_volary");
/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(120);

/// A folder of profiles, and perhaps a host that runs on it.
struct Folder {
    dir: tempfile::TempDir,
    host: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), host: None, log: Arc::default() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("profiles")
    }

    fn config(&self, text: &str) {
        fs::create_dir_all(self.path()).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(self.path().join("volary.toml"), text).unwrap();
    }

    /// Starts a host and waits until it says that it serves.
    fn serve(&mut self, mut command: Command) {
        let mut host = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(host.stderr.take().unwrap());
        let all = self.log.clone();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let mut all = all.lock().unwrap();
                all.push_str(&line);
                all.push('\n');
            }
        });
        self.host = Some(host);
        self.logs("INFO volary_cli::commands::serve: serving");
    }

    /// Waits until the log has a text.
    fn logs(&self, text: &str) {
        eventually(&format!("the log has {text:?}"), || self.log.lock().unwrap().contains(text));
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.host.as_ref().unwrap().id();
        let pid = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn ends(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.host.take().unwrap().wait().unwrap().code(), Some(0));
    }

    /// A command that finds the folder by the environment.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = volary();
        command.args(arguments).env("VOLARY_DATA", self.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command writes that succeeds.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The reason for which a command fails.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(mut host) = self.host.take() {
            host.kill().ok();
            host.wait().ok();
        }
    }
}

/// The program without what the environment of the test may say.
fn volary() -> Command {
    let mut command = Command::new(VOLARY);
    command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").env_remove("LISTEN_PID");
    command
}

fn serve() -> Command {
    let mut command = volary();
    command.arg("serve");
    command
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits for what the service manager gets.
fn hears(socket: &UnixDatagram, expected: &str) {
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut heard = [0; 256];
    loop {
        let length =
            socket.recv(&mut heard).unwrap_or_else(|error| panic!("{expected} was not said: {error}"));
        if std::str::from_utf8(&heard[..length]).unwrap().lines().any(|line| line == expected) {
            return;
        }
    }
}

#[test]
fn a_service_manager_hears_of_the_start_of_life_of_reading_again_and_of_the_end() {
    let mut folder = Folder::new();
    folder.config("log = \"info\"\n");
    let notify = folder.dir.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    let mut command = serve();
    command.arg("--data").arg(folder.path()).env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    folder.serve(command);
    hears(&manager, "READY=1");
    hears(&manager, "WATCHDOG=1");
    hears(&manager, "WATCHDOG=1");

    assert_eq!(folder.told(&["log-level"]), "info");
    assert_eq!(folder.told(&["log-level", "info,volary_actors=debug"]), "info,volary_actors=debug");
    assert!(folder.refused(&["log-level", "volary=loud"]).contains("not a filter of the log"));
    folder.config("log = \"info,volary_storage=debug\"\nmetrics = \"127.0.0.1:0\"\n");
    folder.signal(rustix::process::Signal::HUP);
    folder.logs("it has changed, which takes effect at the next start key=\"metrics\"");
    hears(&manager, "RELOADING=1");
    hears(&manager, "READY=1");
    assert_eq!(folder.told(&["log-level", "--json"]), "{\"filter\":\"info,volary_storage=debug\"}");

    // A configuration that makes no sense changes nothing.
    folder.config("log = 7\n");
    folder.signal(rustix::process::Signal::HUP);
    folder.logs("everything stays as it is");
    assert_eq!(folder.told(&["log-level"]), "info,volary_storage=debug");

    folder.ends();
    hears(&manager, "STOPPING=1");
    folder.logs("nothing is left to be sent");
    folder.logs("stopped: all connections are closed");
}

#[test]
fn a_socket_that_a_service_manager_opened_is_served_and_stays() {
    let mut folder = Folder::new();
    folder.config("");
    let path = folder.path().join("bus.sock");
    let socket = OwnedFd::from(UnixListener::bind(&path).unwrap());
    // Before the service has started: the command waits for its answer.
    let mut early = volary();
    early.args(["log-level", "--data"]).arg(folder.path());
    let early = early.stdout(Stdio::piped()).spawn().unwrap();

    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --data \"$1\"",
            VOLARY,
        ])
        .arg(folder.path())
        .env_remove("RUST_LOG")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::from(socket));
    folder.serve(command);
    let answered = early.wait_with_output().unwrap();
    assert_eq!((answered.status.code(), &answered.stdout[..]), (Some(0), &b"info\n"[..]));
    assert_eq!(folder.told(&["profile", "add"]), "1");
    folder.ends();
    assert!(path.exists(), "it belongs to the service manager");
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_file() {
    let mut folder = Folder::new();
    let config = folder.dir.path().join("etc/volary.toml");
    let config = config.to_str().unwrap();
    let made = folder.told(&["init", "--config", config, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((&made["written"], &made["config"]), (&json!(true), &json!(config)));
    assert!(folder.told(&["init", "--config", config]).ends_with("was there and stays as it is"));
    let text = fs::read_to_string(config).unwrap();
    let rights = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((rights(config), rights(folder.path().to_str().unwrap())), (0o600, 0o700));

    let data = format!("data = {:?}\nlog = \"warn,volary_cli=info\"\n", folder.path());
    fs::write(config, format!("{data}{text}")).unwrap();
    let mut command = serve();
    command.args(["--config", config]).env("VOLARY_METRICS", "127.0.0.1:0").env("VOLARY_LOG", "debug");
    command.args(["--log", "info"]);
    folder.serve(command);
    folder.logs("metrics are served");
    assert_eq!(folder.told(&["log-level"]), "info");
    folder.ends();

    fs::write(config, format!("{data}\nmetric = \"127.0.0.1:1\"\n")).unwrap();
    let refused = folder.refused(&["serve", "--config", config]);
    assert!(refused.contains(config) && refused.contains("line 4"), "{refused}");
    assert!(refused.contains("unknown field `metric`"), "{refused}");
}

/// What a page of the metrics listener says.
fn get(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn page(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn metrics_and_health_are_served_on_loopback_without_a_series_for_each_profile() {
    let mut folder = Folder::new();
    let mut command = serve();
    command.args(["--metrics", "127.0.0.1:0", "--data"]).arg(folder.path()).env("NO_COLOR", "1");
    folder.serve(command);
    folder.logs("metrics are served");
    let log = folder.log.lock().unwrap().clone();
    let line = log.lines().find(|line| line.contains("metrics are served")).unwrap();
    let address = line.rsplit("address=").next().unwrap().to_owned();
    assert_eq!(folder.told(&["profile", "add", "--count", "3"]).lines().count(), 3);

    assert!(get(&address, &page("/healthz")).starts_with("HTTP/1.1 200 OK\r\n"));
    let answer = get(&address, &page("/metrics"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE volary_profiles gauge\n"), "{body}");
    assert!(body.contains("volary_profiles{state=\"no_relay\"} 3\n"), "{body}");
    assert!(body.contains("volary_storage_sync_seconds_count "), "{body}");
    assert!(!body.contains("profile=\""), "{body}");
    let asked = get(&address, &page("/metrics?profiles=2,99"));
    assert!(asked.contains("volary_profile_connected{profile=\"2\"} 0\n"), "{asked}");
    assert!(!asked.contains("profile=\"99\""), "{asked}");

    assert!(get(&address, &page("/metrics?profiles=all")).starts_with("HTTP/1.1 400 "));
    assert!(get(&address, &page("/../etc/passwd")).starts_with("HTTP/1.1 404 "));
    assert!(
        get(&address, "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 405 ")
    );
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 16));
    assert!(!get(&address, &long).starts_with("HTTP/1.1 200 "), "a head that is too long is refused");
    assert!(get(&address, &page("/healthz")).ends_with("ok\n"), "others go on");
    let silent: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let begun = Instant::now();
    assert!(get(&address, &page("/healthz")).ends_with("ok\n"), "who says nothing keeps nobody out");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(silent);
    folder.ends();

    // The second time it would say that the first one did not end in order.
    for _ in 0..2 {
        let refused = folder.refused(&["serve", "--metrics", "0.0.0.0:0"]);
        assert!(refused.contains("loopback addresses alone"), "{refused}");
        assert!(!refused.contains("did not end orderly") && !refused.contains("has a gap"), "{refused}");
    }
}

#[test]
fn limits_of_the_configuration_hold_and_change_while_the_host_runs() {
    let mut folder = Folder::new();
    folder.config("[limits]\nprofiles = 1\nmessages-per-minute = 2\nlargest-file = 10\n");
    let mut command = serve();
    command.arg("--data").arg(folder.path());
    folder.serve(command);
    assert_eq!(folder.told(&["profile", "add"]), "1");
    assert!(folder.refused(&["profile", "add"]).contains("this host has 1 profiles, and may have 1"));
    let send = ["send", "--chat", "999", "hello"];
    for _ in 0..2 {
        assert!(!folder.refused(&send).contains("messages a minute"));
    }
    let refused = folder.refused(&send);
    assert!(refused.contains("profile 1 may send 2 messages a minute on this host"), "{refused}");
    let file = folder.dir.path().join("large.bin");
    fs::write(&file, [0; 11]).unwrap();
    let refused = folder.refused(&["send", "--chat", "999", "--file", file.to_str().unwrap()]);
    assert!(refused.contains("the file has 11 bytes, and this host allows 10"), "{refused}");

    // All of a configuration holds, or nothing.
    folder.config("log = \"volary=loud\"\n");
    folder.signal(rustix::process::Signal::HUP);
    folder.logs("everything stays as it is");
    assert!(folder.refused(&["profile", "add"]).contains("may have 1"));
    folder.config("");
    folder.signal(rustix::process::Signal::HUP);
    folder.logs("the configuration was read again");
    assert_eq!(folder.told(&["profile", "add"]), "2");
    assert!(
        !folder.refused(&["send", "--profile", "1", "--chat", "999", "hi"]).contains("messages a minute")
    );
    folder.ends();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_in_the_queue_is_said_at_the_end_and_listed_without_texts() {
    let relay = relay().await;
    let mut folder = Folder::new();
    let mut command = serve();
    command.arg("--data").arg(folder.path());
    tokio::task::block_in_place(|| {
        folder.serve(command);
        for (profile, name) in [(1, "alice"), (2, "bobby")] {
            folder.told(&["profile", "add", "--name", name]);
            let params = json!([profile, login(&relay, name)]).to_string();
            folder.told(&["call", "add_or_update_transport", &params]);
        }
        eventually("all are well", || folder.run(&["status"]).status.success());
        assert_eq!(folder.told(&["queue"]), "nothing waits to be sent");
    });
    let invite = tokio::task::block_in_place(|| folder.told(&["invite", "--profile", "1"]));
    let joined =
        tokio::task::block_in_place(|| folder.told(&["join", "--json", "--profile", "2", "--wait", &invite]));
    let chat = serde_json::from_str::<Value>(&joined).unwrap()["chat"].to_string();
    relay.stop().await;
    tokio::task::block_in_place(|| {
        eventually("the relay is missed", || folder.run(&["status"]).status.code() == Some(1));
        folder.told(&["send", "--profile", "2", "--chat", &chat, "words that nobody may see here"]);
        let mut listed = Value::Null;
        eventually("it waits", || {
            let lines = folder.told(&["queue", "--json", "--profile", "2"]);
            let last = lines.lines().last().unwrap_or("null");
            listed = serde_json::from_str(last).unwrap();
            listed["chat"] == json!(chat.parse::<u32>().unwrap())
        });
        assert_eq!((&listed["profile"], &listed["tries"]), (&json!(2), &json!(0)));
        assert!(listed["since"].as_i64().unwrap() > 1_600_000_000, "{listed}");
        assert!(!listed.to_string().contains("words"), "{listed}");
        folder.ends();
        folder.logs("of 1 profiles are left to be sent: they go after the next start");
        assert!(!folder.log.lock().unwrap().contains("words that nobody"));
        assert!(folder.told(&["queue"]).contains(&format!("profile 2, chat {chat}, message ")));
    });
}

#[test]
fn man_pages_and_units_are_written() {
    let folder = Folder::new();
    let pages = folder.dir.path().join("man1");
    folder.told(&["man", pages.to_str().unwrap()]);
    let serve = fs::read_to_string(pages.join("volary-serve.1")).unwrap();
    assert!(serve.contains(".TH") && serve.contains("metrics"), "{serve}");
    assert!(pages.join("volary.1").exists() && pages.join("volary-profile-add.1").exists());
    let units: Value = serde_json::from_str(&folder.told(&["unit", "--json", "--user", "bots"])).unwrap();
    let service = units["volary.service"].as_str().unwrap();
    assert!(service.contains(&format!("ExecStart={VOLARY} serve --data /var/lib/volary\n")), "{service}");
    assert!(service.contains("User=bots\n") && service.contains("Type=notify\n"), "{service}");
    assert!(folder.refused(&["unit", "--data", "relative"]).contains("absolute paths"));
    folder.told(&["unit", "--write", folder.dir.path().to_str().unwrap()]);
    assert!(folder.dir.path().join("volary.socket").exists());
}
