"""What docs/operate.md says about a service, on a machine that systemd runs."""

from __future__ import annotations

import json
import re
import time

from .machine import ROOT, Debian
from .person import Person

DATA = "/var/lib/volary"
HOST = "sudo -u volary volary"
CONFIG = f"{DATA}/volary.toml"
# What `systemd-analyze security` may say at most; without any hardening it says 9.6.
EXPOSED = 2.0


def check(machine: Debian, person: Person) -> None:
    for part in (is_ready, is_readable, is_confined, reads_again, has_credentials, comes_back_when_killed,
                 comes_back_when_it_hangs, starts_when_somebody_connects, keeps_limits, takes_files, writes_backups,
                 shows_apps, has_realtime_channels, waits_for_a_good_configuration, drains, is_upgraded, goes_and_leaves_the_profiles):
        begun = time.monotonic()
        part(machine, person)
        print(f"{time.monotonic() - begun:6.1f} s  {part.__name__.replace('_', ' ')}", flush=True)


def drop_in(machine: Debian, text: str) -> None:
    folder = "/etc/systemd/system/volary.service.d"
    machine.run(f"mkdir -p {folder}; cat >{folder}/test.conf <<'END'\n[Service]\n{text}\nEND\nsystemctl daemon-reload")


def no_drop_in(machine: Debian) -> None:
    machine.run("rm /etc/systemd/system/volary.service.d/test.conf; systemctl daemon-reload")


def answers_again(machine: Debian, person: Person, text: str) -> None:
    machine.wait("all profiles are connected", f"{HOST} status --data {DATA}")
    person.asks(7, text)


def sets(machine: Debian, line: str = "", reload: bool = True) -> None:
    """The configuration of the page, with one more line, which its kind of service reads again."""
    section = "[limits]"
    above, below = (line, "") if line.split(" ")[0] in ("apps", "nonsense") else ("", line)
    machine.run(f"test -e /srv/volary.toml || cp -a {CONFIG} /srv/volary.toml; cp -a /srv/volary.toml {CONFIG}; "
                f"sed -i 's/^\\{section}/{above}\\n&\\n{below}/' {CONFIG}")
    if reload:
        since = now(machine)
        machine.run("systemctl reload volary.service")
        machine.wait("the configuration is read", f"journalctl --unit volary.service --after-cursor '{since}' | grep -q 'the configuration'")


def chat_with_the_person(machine: Debian, profile: int) -> int:
    chats = machine.run(f"{HOST} chats --data {DATA} --profile {profile} --json").splitlines()
    return next(chat["id"] for chat in map(json.loads, chats) if chat["name"] == "Person")


def logged(machine: Debian, since: str) -> str:
    return machine.run(f"journalctl --no-pager --unit volary.service --output cat --after-cursor '{since}'")


def now(machine: Debian) -> str:
    """The end of the journal."""
    return re.search("-- cursor: (.*)", machine.run("journalctl --no-pager --lines 0 --show-cursor")).group(1)


def is_ready(machine: Debian, _: Person) -> None:
    assert machine.run("systemctl is-active volary.service volary.socket volary-echo.service").split() == ["active"] * 3
    assert machine.run("systemctl is-enabled volary.service volary.socket").split() == ["enabled"] * 2
    assert machine.shown("SubState") == "running" and machine.shown("NRestarts") == "0"
    assert machine.shown("WatchdogUSec") == "1min" and machine.shown("WatchdogTimestamp")
    assert machine.shown("Triggers", "volary.socket") == "volary.service"
    assert machine.run("systemctl is-system-running").strip() == "running"
    assert "volary-serve(1)" in machine.run("systemctl status --no-pager volary.service")


def is_readable(machine: Debian, _: Person) -> None:
    journal = machine.journal()
    assert "serving" in journal and "the configuration was read again" in journal
    assert "\x1b" not in journal and "�" not in journal
    assert not re.search(r"[\w.+-]{9,}@", journal), "the log names an address in full"


def is_confined(machine: Debian, _: Person) -> None:
    verified = machine.attempt("systemd-analyze verify --man=no volary.service volary.socket")
    assert verified.returncode == 0 and "volary" not in verified.stderr, verified.stderr
    said = machine.run("systemd-analyze security --no-pager volary.service").splitlines()[-1]
    exposure = float(re.search(r"([0-9.]+) OK|([0-9.]+) \w+", said).group(0).split()[0])
    assert exposure < EXPOSED, said


def reads_again(machine: Debian, _: Person) -> None:
    since = now(machine)
    sets(machine, "nonsense = 1")
    said = logged(machine, since)
    assert "everything stays as it is" in said and "unknown field `nonsense`" in said
    sets(machine)
    assert machine.run("systemctl is-active volary.service").strip() == "active"


def has_credentials(machine: Debian, person: Person) -> None:
    sets(machine, reload=False)
    machine.run("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
                "-keyout /srv/key.pem -out /etc/ssl/certs/volary.pem && install -m 600 /srv/key.pem /etc/ssl/private/volary.pem")
    drop_in(machine, "LoadCredential=tls-key:/etc/ssl/private/volary.pem")
    settings = 'websocket = "0.0.0.0:7444"\\ntls-certificate = "/etc/ssl/certs/volary.pem"\\ntls-key = "credential:tls-key"'
    machine.run(f"sed -i 's#^\\[limits\\]#{settings}\\n&#' {CONFIG}; systemctl restart volary.service")
    code = machine.run("curl --silent --output /dev/null --write-out '%{http_code}' --cacert /etc/ssl/certs/volary.pem https://localhost:7444/rpc")
    assert code in ("400", "401", "426"), code
    no_drop_in(machine)
    sets(machine, reload=False)
    machine.run("systemctl restart volary.service")
    answers_again(machine, person, "after the credentials")


def comes_back_when_killed(machine: Debian, person: Person) -> None:
    machine.run("systemctl kill --kill-whom=main --signal=KILL volary.service")
    machine.wait("systemd starts it again", "test $(systemctl show --value -p NRestarts volary.service) = 1 && systemctl is-active volary.service")
    answers_again(machine, person, "after the kill")


def comes_back_when_it_hangs(machine: Debian, person: Person) -> None:
    drop_in(machine, "WatchdogSec=3\nTimeoutAbortSec=2")
    machine.run("systemctl restart volary.service; systemctl kill --kill-whom=main --signal=STOP volary.service")
    machine.wait("systemd starts it again", "test $(systemctl show --value -p NRestarts volary.service) = 1 && systemctl is-active volary.service")
    assert "Watchdog timeout" in machine.journal()
    no_drop_in(machine)
    machine.run("systemctl restart volary.service")
    answers_again(machine, person, "after the hang")


def starts_when_somebody_connects(machine: Debian, person: Person) -> None:
    machine.run("systemctl stop volary.service")
    assert machine.attempt("systemctl is-active volary-echo.service").stdout.strip() == "inactive"
    assert machine.attempt("systemctl is-active volary.service").stdout.strip() == "inactive"
    assert len(machine.run(f"{HOST} profile list --data {DATA} --json").splitlines()) == 20
    machine.wait("it is ready", "systemctl is-active volary.service", 20)
    answers_again(machine, person, "after somebody has connected")


def keeps_limits(machine: Debian, person: Person) -> None:
    machine.run("head -c 2000 /dev/urandom >/tmp/large.bin")
    send = f"cd /tmp && {HOST} send --data {DATA} --profile 7 --chat {chat_with_the_person(machine, 7)} --file large.bin"
    sets(machine, "largest-file = 1000")
    refused = machine.attempt(send)
    assert refused.returncode == 1 and "has 2000 bytes, and this host allows 1000" in refused.stderr, refused.stderr
    sets(machine)
    machine.run(send)
    assert "large.bin" in [message["fileName"] for message in person.hears({""}) if message.get("kind") == "message"]


def takes_files(machine: Debian, person: Person) -> None:
    """From places that the service does not see: it has another /tmp, and no home folders."""
    machine.run("mkdir -p /home/somebody && head -c 200000 /dev/urandom >/home/somebody/photo.bin")
    person.writes(8, "a photo for you", "--file /home/somebody/photo.bin")
    person.hears({"You said: a photo for you"})
    machine.run(f"cmp /home/somebody/photo.bin $(find {DATA} -size 200000c)")
    machine.run(f"{HOST} send --data {DATA} --profile 8 --chat {chat_with_the_person(machine, 8)} --file /home/somebody/photo.bin 'and back'")
    person.hears({"and back"})
    assert machine.run(f"ls {DATA}/uploads | wc -l").strip() == "0"


def writes_backups(machine: Debian, _: Person) -> None:
    """As docs/backup.md has it."""
    machine.run("install -d /etc/volary; (umask 077; echo secret-of-the-backup >/etc/volary/backup-passphrase); "
                "echo secret-of-the-backup >/tmp/passphrase")
    backup = "backup create --data /var/lib/volary --passphrase-file /tmp/passphrase"
    hidden = machine.attempt(f"{HOST} {backup} /tmp/backup")
    assert hidden.returncode == 1 and "PrivateTmp=" in hidden.stderr, hidden.stdout + hidden.stderr
    machine.run("install -d -o volary -g volary -m 700 /mnt/backup/volary /var/backups/volary")
    refused = machine.attempt(f"{HOST} {backup} /mnt/backup/volary")
    assert refused.returncode == 1 and "ReadWritePaths=" in refused.stderr, refused.stdout + refused.stderr
    page = (ROOT / "docs/backup.md").read_text()
    files = re.findall(r"^`([\w./-]+\.(?:conf|service|timer))`:\n\n```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(files) == 3, files
    for name, text in files:
        machine.run(f"mkdir -p $(dirname /etc/systemd/system/{name}); cat >/etc/systemd/system/{name} <<'END'\n{text}\nEND")
    machine.run("systemctl daemon-reload; systemctl restart volary.service; systemctl enable --now volary-backup.timer")
    machine.run("systemctl start volary-backup.service")
    machine.run("systemctl is-active volary-backup.timer")
    machine.run(f"{HOST} {backup} /mnt/backup/volary")
    for folder in ("/var/backups/volary", "/mnt/backup/volary"):
        listed = machine.run(f"{HOST} backup list --passphrase-file /tmp/passphrase {folder}")
        assert "20 profiles" in listed, listed
        machine.run(f"{HOST} backup verify --passphrase-file /tmp/passphrase {folder}")
    restore = f"{HOST} backup restore --data /tmp/restored --passphrase-file /tmp/passphrase /var/backups/volary"
    assert len(machine.run(restore).splitlines()) == 20


def shows_apps(machine: Debian, person: Person) -> None:
    machine.run("python3 -c \"import zipfile; zipfile.ZipFile('/tmp/poll.xdc', 'w').writestr('index.html', 'Where do we meet?')\"")
    sets(machine, "apps = 7445")
    machine.run("systemctl restart volary.service")
    person.writes(9, "an app for you", "--file /tmp/poll.xdc")
    person.hears({"You said: an app for you"})
    profile, message = machine.run(f"{HOST} apps --data {DATA} list").split()[:2]
    url = machine.run(f"{HOST} apps --data {DATA} open {profile} {message.rstrip(':')}").strip()
    assert "<html" in machine.run(f"curl --silent --fail '{url}'").lower()
    sets(machine)
    machine.run("systemctl restart volary.service")


def has_realtime_channels(machine: Debian, _: Person) -> None:
    """Between two profiles of the host: sockets, threads and memory of the endpoints are what the unit allows."""
    drop_in(machine, "Environment=VOLARY_ON_LOOPBACK=1")
    machine.run("systemctl restart volary.service")
    invite = machine.run(f"{HOST} invite --data {DATA} --profile 12").strip()
    chat = json.loads(machine.run(f"{HOST} join --data {DATA} --profile 13 --json --wait '{invite}'"))["chat"]
    sent = machine.run(f"{HOST} send --data {DATA} --profile 13 --chat {chat} --file /tmp/poll.xdc 'an app for you, too'").strip()
    machine.wait("the app has come", f"{HOST} chats --data {DATA} --profile 12 | grep -q 'an app for you, too'", 20)
    assert "You said: an app" not in machine.run(f"sleep 1; {HOST} chats --data {DATA} --profile 12"), "bots talk to each other"
    chats = map(json.loads, machine.run(f"{HOST} chats --data {DATA} --profile 12 --json").splitlines())
    chat = max(chats, key=lambda chat: chat["lastUpdated"])["id"]
    messages = map(json.loads, machine.run(f"{HOST} messages --data {DATA} --profile 12 --json {chat}").splitlines())
    came = next(message["id"] for message in messages if message.get("fileName") == "poll.xdc")
    call = f"{HOST} call --data {DATA}"
    events = machine.start(f"timeout 6 {HOST} events --data {DATA}")
    for profile, message in ((12, came), (13, sent)):
        machine.run(f"{call} send_webxdc_realtime_advertisement '[{profile},{message}]'")
    for number in range(4):
        time.sleep(1)
        machine.run(f"{call} send_webxdc_realtime_data '[13,{sent},[1,2,{number}]]'")
    heard = [line for line in events.communicate()[0].splitlines() if '"WebxdcRealtimeData"' in line]
    assert any(json.loads(line)["contextId"] == 12 for line in heard), heard
    no_drop_in(machine)
    machine.run("systemctl restart volary.service")


def waits_for_a_good_configuration(machine: Debian, person: Person) -> None:
    """A fault that passes is no end: it is tried again, also when programs keep connecting."""
    sets(machine, "nonsense = 1")
    refused = machine.attempt("systemctl restart volary.service")
    assert refused.returncode != 0
    begun = time.monotonic()
    while time.monotonic() - begun < 15:
        machine.attempt(f"timeout 1 {HOST} status --data {DATA}")
    assert machine.shown("SubState") in ("auto-restart", "start"), machine.shown("SubState")
    assert machine.shown("ActiveState", "volary.socket") == "active"
    assert "unknown field `nonsense`" in machine.run("journalctl --no-pager --unit volary.service --priority err")
    sets(machine, reload=False)
    machine.wait("the host has started by itself", "systemctl is-active volary.service", 20)
    answers_again(machine, person, "after a bad configuration")


def drains(machine: Debian, person: Person) -> None:
    """With a relay that does not answer, the end takes no longer than 5 s, and says what is left."""
    machine.run("pkill -STOP -f '[v]olary relay --domain'")
    send = f"{HOST} send --data {DATA} --profile 10 --chat {chat_with_the_person(machine, 10)} 'late, but here'"
    machine.run(send)
    since, begun = now(machine), time.monotonic()
    machine.run("systemctl stop volary.socket volary.service")
    took = time.monotonic() - begun
    machine.run("pkill -CONT -f '[v]olary relay --domain'")
    assert took < 6 and machine.shown("Result") == "success", took
    assert "1 messages of 1 profiles are left to be sent" in logged(machine, since)
    machine.run("systemctl start volary.socket volary.service")
    person.hears({"late, but here"})


def is_upgraded(machine: Debian, person: Person) -> None:
    before = machine.shown("MainPID")
    machine.run("cd /srv && dpkg-deb --raw-extract /srv/target/deb/volary_*.deb newer && "
                "sed -i 's/^Version: .*/Version: 99.0/' newer/DEBIAN/control && dpkg-deb -Znone --build newer volary_99.deb && "
                "sudo apt-get install -y /srv/volary_99.deb")
    assert machine.shown("MainPID") not in (before, "0")
    assert machine.run("systemctl is-active volary.service volary.socket").split() == ["active"] * 2
    answers_again(machine, person, "after the upgrade")


def goes_and_leaves_the_profiles(machine: Debian, person: Person) -> None:
    machine.run("sudo apt-get remove -y volary")
    assert "volary.service" not in machine.run("systemctl list-unit-files --no-pager")
    assert machine.run(f"stat -c '%U %a' {DATA}").split() == ["volary", "700"]
    assert not machine.attempt("systemctl is-active volary.service").stdout.startswith("active")
    machine.run("dpkg --purge volary; sudo apt-get install -y /srv/volary_99.deb; "
                "sudo systemctl enable --now volary.socket volary.service")
    answers_again(machine, person, "after the removal")
    assert machine.run("systemctl is-system-running").strip() == "running"
