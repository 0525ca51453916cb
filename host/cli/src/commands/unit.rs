//! `volary unit`: units for systemd.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output;
use crate::process::failure::Failure;

/// Name of the service.
const SERVICE: &str = "volary.service";
/// Name of the socket of its bus.
const SOCKET: &str = "volary.socket";
/// Where the service may write besides the folder of the profiles, if it is there when the service starts: the host itself
/// writes the backups that `volary backup` orders.
const BACKUPS: &str = "/var/backups/volary";

#[derive(Debug, Args)]
#[command(
    after_help = "For example: volary unit --user volary --write /etc/systemd/system; systemctl enable --now volary.socket volary.service"
)]
pub(super) struct UnitArgs {
    /// Folder of the profiles, an absolute path
    #[arg(long, value_name = "DIR", default_value = "/var/lib/volary")]
    data: PathBuf,
    /// User that the service runs as
    #[arg(long, value_name = "NAME", default_value = "volary")]
    user: String,
    /// The program; without it, this one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Writes the units into this folder in place of standard output
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Writes JSON, one value on a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &UnitArgs) -> Result<(), Failure> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => env::current_exe()?,
    };
    let (program, data) = (quoted(&program)?, quoted(&args.data)?);
    let user_is_usable = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    if args.user.is_empty() || !args.user.chars().all(user_is_usable) {
        return Err(format!("{:?} is no name of a user", args.user).into());
    }
    let (service, socket) = (service(&program, &data, &args.user), socket(&data, &args.user));
    if let Some(folder) = &args.write {
        for (name, text) in [(SERVICE, &service), (SOCKET, &socket)] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        return Ok(());
    }
    if args.json {
        return output::json(&json!({SERVICE: service, SOCKET: socket}));
    }
    output::line(format!("# {SERVICE}\n{service}\n# {SOCKET}\n{}", socket.trim_end()))
}

/// A path as units take it: absolute, and without letters that mean something there.
fn quoted(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|text| {
        text.starts_with('/')
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter))
    });
    text.map(str::to_owned).ok_or_else(|| {
        format!(
            "{} cannot be in a unit: it takes absolute paths without blanks and special letters",
            path.display()
        )
        .into()
    })
}

fn service(program: &str, data: &str, user: &str) -> String {
    // Below /var/lib systemd makes the folder itself, for this user alone.
    let state = match data.strip_prefix("/var/lib/") {
        Some(name) if !name.is_empty() && !name.contains("..") => {
            format!("StateDirectory={name}\nStateDirectoryMode=0700\n")
        }
        _ => format!("ReadWritePaths={data}\n"),
    };
    format!(
        "\
[Unit]
Description=Volary: host for Delta Chat and chatmail profiles
Documentation=man:volary-serve(1)
Wants=network-online.target
After=network-online.target
# What is wrong may pass: a full disk, another process in the folder, a typing error. It is tried until it works.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={program} serve --data {data}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
WatchdogSec=60
TimeoutStartSec=120
TimeoutStopSec=15
User={user}
{state}ReadWritePaths=-{BACKUPS}
UMask=0077
LimitNOFILE=524288
# Keys and messages are in the memory.
LimitCORE=0
CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"
    )
}

fn socket(data: &str, user: &str) -> String {
    format!(
        "\
[Unit]
Description=Volary: socket of the message bus

[Socket]
ListenStream={data}/bus.sock
SocketUser={user}
SocketMode=0600
DirectoryMode=0700
FileDescriptorName=bus

[Install]
WantedBy=sockets.target
"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn units_take_no_paths_that_could_mean_something_else() {
        for path in ["relative/path", "/a path", "/a\nExecStart=/bin/sh", "/a%i", "/$HOME"] {
            assert!(quoted(Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(quoted(Path::new("/srv/volary")).unwrap(), "/srv/volary");
        let elsewhere = service("/usr/bin/volary", "/srv/volary", "volary");
        assert!(elsewhere.contains("ReadWritePaths=/srv/volary\n") && !elsewhere.contains("StateDirectory"));
        assert!(elsewhere.contains("ReadWritePaths=-/var/backups/volary\n"), "where backups go");
    }

    #[test]
    fn systemd_accepts_the_units() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        // Programs and users that are on every machine: they are looked up.
        write(SERVICE, service("/bin/true", "/var/lib/volary", "root"));
        write(SOCKET, socket("/var/lib/volary", "root"));
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no", SERVICE, SOCKET]).current_dir(folder.path());
        let Ok(output) = command.output() else {
            println!("skipped: there is no systemd-analyze");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("volary.")).collect();
        assert!(output.status.success() && ours.is_empty(), "{said}");
    }
}
