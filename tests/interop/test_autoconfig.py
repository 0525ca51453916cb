"""A classic relay is found by an address and a password: its web server says where mail is read and sent."""

import http.server
import ssl
import threading

import pytest
from story import Profile

DOMAIN, PLACE = "_lab3.test", ("127.0.0.3", 443)

SERVERS = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="{0}"><domain>{0}</domain>
<incomingServer type="pop3"><hostname>pop.invalid</hostname><port>995</port><socketType>SSL</socketType>
<username>%EMAILADDRESS%</username></incomingServer>
<incomingServer type="imap"><hostname>%EMAILDOMAIN%</hostname><port>143</port><socketType>STARTTLS</socketType>
<username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>%EMAILDOMAIN%</hostname><port>587</port><socketType>STARTTLS</socketType>
<username>%EMAILADDRESS%</username></outgoingServer></emailProvider></clientConfig>"""


@pytest.fixture
def web(lab):
    """The web server of the domain; yields the paths that were asked for."""
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            known = self.path == "/.well-known/autoconfig/mail/config-v1.1.xml"
            content = SERVERS.format(DOMAIN).encode() if known else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = lab.folder / DOMAIN
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = http.server.ThreadingHTTPServer(PLACE, Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.xdist_group("web server of the lab")
def test_servers_are_found_and_people_write_to_each_other(one, other, web):
    """Who is found so writes to somebody on another relay and gets an answer."""
    alice, bob = Profile(one, "Alice"), other.account("Bob")
    login = {"addr": f"alice-{alice.account.id}-{id(alice)}@{DOMAIN}", "password": "any password",
             "certificateChecks": "acceptInvalidCertificates"}
    alice.call("add_or_update_transport", login)
    assert "/.well-known/autoconfig/mail/config-v1.1.xml" in web
    alice.goes_online()
    used = alice.call("get_info")["used_transport_settings"].lower()
    assert f"{DOMAIN}:143:starttls" in used and f"{DOMAIN}:587:starttls" in used, used
    for profile in (alice, bob):
        profile.takes_classic_mail()
    chat = alice.classic_chat_with(bob.addresses()[0])
    chat.send("found by my address")
    theirs = bob.receives("found by my address").chat()
    theirs.accept()
    theirs.send("so I can answer")
    assert alice.receives("so I can answer").chat() == chat
