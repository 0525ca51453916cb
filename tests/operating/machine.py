"""Machines that are thrown away: a copy of this one with stand-ins for systemd, and a Debian that systemd has started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAIN = "_operate.test"
ADDRESS = "127.0.0.9"
PATIENCE = 240
BOOTING = 120
SKIPPED = 77  # the exit code that tests/run takes for it
PROGRAMS = ("volary", "volary-rpc-server")
# What the page takes for granted, and systemd with what it needs.
PACKAGES = "systemd,systemd-sysv,dbus,sudo,curl,ca-certificates,procps,python3,openssl"


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


class Machine:
    """What both have. Everything that is written in them goes into memory, and goes with them."""

    def __init__(self, work: Path, below: Path) -> None:
        mount("-t", "tmpfs", "tmpfs", str(work))
        self.root = work / "root"
        for name in ("upper", "work", "root"):
            (work / name).mkdir()
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={below},upperdir={work}/upper,workdir={work}/work", str(self.root))
        with open(self.root / "etc/hosts", "a") as hosts:
            hosts.write(f"{ADDRESS} {DOMAIN}\n")
        self.programs = "/srv/programs"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8",
            "CARGO_TARGET_DIR": "/srv/target", "VOLARY_PROGRAMS": self.programs,
            "DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1", "DEBIAN_FRONTEND": "noninteractive",
        }

    def install(self, programs: Path) -> None:
        stripped = self.root / self.programs.lstrip("/")
        stripped.mkdir(parents=True)
        for name in PROGRAMS:
            if subprocess.run(["strip", "-o", str(stripped / name), str(programs / name)], stderr=subprocess.DEVNULL).returncode:
                shutil.copy(programs / name, stripped / name)

    def inside(self) -> list[str]:
        """The words before a command that is to run in it."""
        raise NotImplementedError

    def logs(self) -> str:
        """What its services have logged."""
        raise NotImplementedError

    def command(self, script: str) -> list[str]:
        return [*self.inside(), "bash", "-euo", "pipefail", "-c", f"cd {ROOT}; {script}"]

    def attempt(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(script), env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)

    def run(self, script: str) -> str:
        """What a script writes. One that fails ends the test."""
        done = self.attempt(script)
        if done.returncode:
            print(self.logs())
            sys.exit(f"failed with {done.returncode}: {script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(f"exec {script}"), env=self.environment, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def wait(self, what: str, script: str, patience: float = PATIENCE) -> float:
        """Waits until a script succeeds; says how long that took."""
        begun = time.monotonic()
        while self.attempt(script).returncode:
            if time.monotonic() - begun > patience:
                print(self.logs())
                sys.exit(f"not within {patience:.0f} s: {what}")
            time.sleep(0.2)
        return time.monotonic() - begun


class Copy(Machine):
    """A copy of this machine, with stand-ins for sudo and systemctl."""

    def __init__(self, work: Path, programs: Path) -> None:
        super().__init__(work, Path("/"))
        mount("-t", "proc", "proc", str(self.root / "proc"))
        for name in ("dev", "sys"):
            mount("--rbind", f"/{name}", str(self.root / name))
        for name in ("tmp", "srv"):
            mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(self.root / name))
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(self.root / "run"))
        source = self.root / str(ROOT).lstrip("/")
        source.mkdir(parents=True, exist_ok=True)
        mount("--bind", str(ROOT), str(source))
        self.install(programs)
        local = self.root / "usr/local/bin"
        for name in ("sudo", "systemctl"):
            shutil.copy(ROOT / "tests/operating" / name, local / name)

    def inside(self) -> list[str]:
        return ["chroot", str(self.root)]

    def said(self, name: str) -> str:
        return (self.root / "run/operate" / name).read_text(errors="replace")

    def logs(self) -> str:
        logs = (self.root / "run/operate").glob("*.log")
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}" for log in logs)


class Debian(Machine):
    """A Debian that was booted with systemd, without a network beyond itself."""

    def __init__(self, work: Path, programs: Path, below: Path) -> None:
        super().__init__(work, below)
        (self.root / "etc/hostname").write_text("volary-operate\n")
        with open(self.root / "etc/hosts", "a") as hosts:
            hosts.write("127.0.1.1 volary-operate\n")
        self.install(programs)
        # Notes of systemd-nspawn on this machine go with the machine that they are about.
        Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")
        words = ["systemd-nspawn", "--quiet", "--register=no", "--boot", "--private-network", "--console=pipe", "--link-journal=no",
                 "--resolv-conf=off", "--timezone=off", "--machine=volary-operate", f"--bind-ro={ROOT}",
                 f"--directory={self.root}"]
        if not Path("/run/systemd/system").exists():
            # Nobody is there who would give it a place among the services of this machine.
            words.append("--keep-unit")
        self.booting = subprocess.Popen(words, env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.first = self.find_the_first()
        self.wait("the machine has started", "systemctl is-system-running --wait", BOOTING)

    def find_the_first(self) -> str:
        """The process that is the first one inside."""
        children = Path(f"/proc/{self.booting.pid}/task/{self.booting.pid}/children")
        end = time.monotonic() + BOOTING
        while time.monotonic() < end and self.booting.poll() is None:
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return child
            time.sleep(0.1)
        self.booting.kill()
        print(f"skipped: systemd-nspawn has not started a machine: {self.booting.communicate()[0]}")
        sys.exit(SKIPPED)

    def inside(self) -> list[str]:
        return ["nsenter", "--target", self.first, "--all"]

    def journal(self, unit: str = "volary.service", options: str = "-o cat") -> str:
        return self.run(f"journalctl --no-pager --unit {unit} {options}")

    def shown(self, name: str, unit: str = "volary.service") -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property {name} {unit}").strip()

    def logs(self) -> str:
        return self.attempt("systemctl status --no-pager 'volary*'; journalctl --no-pager -n 25").stdout

    def stop(self) -> None:
        """Nothing in it is needed any more: the rest goes with the namespace of its processes."""
        self.booting.kill()


def forget_groups() -> None:
    """Removes the control groups that systemd-nspawn leaves where no systemd runs."""
    for tree in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"):
        for name in ("payload", "supervisor"):
            for folder, _, _ in os.walk(Path(tree, name), topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    # Somebody is in it: it is not ours.
                    break


def debian(folder: Path, packages: str = PACKAGES) -> str | None:
    """Makes a Debian 12 in a folder, or says why it cannot be made. One that is there stays."""
    if (folder / "etc/debian_version").exists():
        return None
    if not shutil.which("debootstrap"):
        return f"there is no debootstrap, and no Debian in {folder}"
    new = folder.with_name(f".new-{folder.name}")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    print(f"a Debian is being made in {folder}", flush=True)
    made = subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(new)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode:
        return f"debootstrap failed: {made.stdout[-500:]}{made.stderr[-500:]}"
    new.rename(folder)
    return None
