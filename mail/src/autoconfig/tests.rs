use proptest::prelude::*;

use super::*;
use crate::login::{EnteredImap, EnteredLogin, EnteredSecurity};

fn address(text: &str) -> Address {
    Address::parse_exact(text).unwrap()
}

fn hint(host: &str, port: u16, security: EnteredSecurity, user: &str) -> ServerHint {
    ServerHint { host: host.into(), port, security, user: user.into() }
}

/// The servers of a Mozilla document with these entries, as `imap host port user security`.
fn mozilla(entries: &str) -> Result<Vec<String>, AnswerError> {
    let text =
        format!("<clientConfig version='1.1'><emailProvider id='x'>{entries}</emailProvider></clientConfig>");
    servers(Format::Mozilla, text.as_bytes())
}

/// The same of an Outlook document.
fn outlook(entries: &str) -> Result<Vec<String>, AnswerError> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns='http://schemas.microsoft.com/exchange/\
         autodiscover/responseschema/2006'><Response xmlns='x'><Account><AccountType>email</AccountType>\
         <Action>settings</Action>{entries}</Account></Response></Autodiscover>"
    );
    servers(Format::Outlook, text.as_bytes())
}

fn servers(format: Format, answer: &[u8]) -> Result<Vec<String>, AnswerError> {
    let show = |kind: &str, hints: &[ServerHint]| {
        let show = |h: &ServerHint| format!("{kind} {} {} {} {:?}", h.host, h.port, h.user, h.security);
        hints.iter().map(show).collect::<Vec<_>>()
    };
    Ok(match read(format, answer, &address("al.ice@example.org"))? {
        Answer::Servers(found) => [show("imap", &found.imap), show("smtp", &found.smtp)].concat(),
        Answer::Redirect(url) => vec![format!("redirect {url}")],
    })
}

fn entry(tag: &str, kind: &str, inner: &str) -> String {
    format!("<{tag} type='{kind}'>{inner}</{tag}>")
}

const REST: &str = "<port>993</port><username>u</username>";

// Five addresses, in this order, the dot of the address not escaped.
#[test]
fn five_addresses_are_asked_about_a_domain() {
    let sources = sources(&address("al.ice+x@example.org"));
    let shown: Vec<_> = sources.iter().map(|s| (s.url.as_str(), s.format, s.progress)).collect();
    assert_eq!(
        shown,
        [
            (
                "https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=al.ice%2Bx%40example.org",
                Format::Mozilla,
                Some(300)
            ),
            ("https://example.org/.well-known/autoconfig/mail/config-v1.1.xml", Format::Mozilla, Some(310)),
            ("https://example.org/autodiscover/autodiscover.xml", Format::Outlook, Some(320)),
            ("https://autodiscover.example.org/autodiscover/autodiscover.xml", Format::Outlook, Some(330)),
            ("https://autoconfig.thunderbird.net/v1.1/example.org", Format::Mozilla, None),
        ]
    );
    assert_eq!(sources.iter().filter(|source| !source.is_of_domain).count(), 1);
}

#[test]
fn domains_are_asked_by_a_name_that_can_be_connected_to() {
    let first = |addr: &str| sources(&address(addr)).first().map(|source| source.url.clone());
    for (addr, url) in [
        (
            "a@müller.de",
            "https://autoconfig.xn--mller-kva.de/mail/config-v1.1.xml?emailaddress=a%40m%C3%BCller.de",
        ),
        ("a@_x.test", "https://autoconfig._x.test/mail/config-v1.1.xml?emailaddress=a%40%5Fx.test"),
        ("a@[192.0.2.1]", "https://192.0.2.1/.well-known/autoconfig/mail/config-v1.1.xml"),
        ("a@192.0.2.1", "https://192.0.2.1/.well-known/autoconfig/mail/config-v1.1.xml"),
        ("a@[IPv6:2001:db8::1]", "https://[2001:db8::1]/.well-known/autoconfig/mail/config-v1.1.xml"),
    ] {
        assert_eq!(first(addr).as_deref(), Some(url), "{addr}");
    }
    for hostile in ["a@evil.test/x", "a@evil.test:1", "a@evil.test?x", "a@evil.test#x", "a@x%2fy", "a@[x]"] {
        assert_eq!(first(hostile), None, "{hostile}");
    }
}

#[test]
fn a_directory_of_others_is_not_asked_about_private_names() {
    let asks = |addr: &str| sources(&address(addr)).iter().any(|source| !source.is_of_domain);
    assert!(asks("a@example.org"));
    for private in ["a@_x.test", "a@localhost", "a@[127.0.0.1]"] {
        assert!(!asks(private), "{private}");
    }
}

#[test]
fn imap_and_smtp_servers_are_taken_in_their_order() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <displayName>Example &amp; Sons&nbsp;</displayName>
    <INCOMINGSERVER TYPE="IMAP">
      <HostName> IMAP.example.org
      </HostName>
      <port>993</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </INCOMINGSERVER>
    <incomingServer type="pop3">
      <hostname>pop.example.org</hostname><port>995</port><username>x</username>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>%EMAILDOMAIN%</hostname><port>143</port><socketType>starttls</socketType>
      <username>%EMAILLOCALPART%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.org</hostname><port>none</port><socketType>TLS</socketType>
      <username></username>
      <restriction><hostname>not.example.org</hostname></restriction>
    </outgoingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.org</hostname><port>25</port><socketType>plain</socketType><username>x</username>
    </outgoingServer>
  </emailProvider>
  <webMail><loginPageInfo><username>y</username></loginPageInfo></webMail>
</clientConfig>"#;
    let found = read(Format::Mozilla, text.as_bytes(), &address("al.ice@example.org")).unwrap();
    let Answer::Servers(found) = found else { panic!("a redirect") };
    assert_eq!(
        found.imap,
        [
            hint("imap.example.org", 993, EnteredSecurity::Ssl, "al.ice@example.org"),
            hint("example.org", 143, EnteredSecurity::Starttls, "al.ice")
        ]
    );
    assert_eq!(
        found.smtp,
        [
            hint("smtp.example.org", 0, EnteredSecurity::Automatic, ""),
            hint("smtp.example.org", 25, EnteredSecurity::Plain, "x")
        ]
    );
    let login = EnteredLogin {
        addr: "al.ice@example.org".into(),
        imap: EnteredImap { password: "secret".into(), ..Default::default() },
        ..Default::default()
    };
    let login = login.configured(&found.imap, &found.smtp).unwrap();
    let shown: Vec<_> = login.smtp.iter().map(|c| format!("{} {}", c.connection, c.user)).collect();
    assert_eq!(
        shown,
        [
            "smtp.example.org:465:tls al.ice@example.org",
            "smtp.example.org:587:starttls al.ice@example.org",
            "smtp.example.org:25:plain x"
        ]
    );
}

#[test]
fn entries_that_lack_something_or_name_no_host_are_left_out() {
    for (inner, expected) in [
        ("<hostname>h</hostname><port>1</port><username>u</username>", Some("imap h 1 u Automatic")),
        ("<hostname>h</hostname><port>70000</port><username>u</username>", Some("imap h 0 u Automatic")),
        (
            "<hostname>[2001:DB8::1]</hostname><port>1</port><username>u</username>",
            Some("imap 2001:db8::1 1 u Automatic"),
        ),
        ("<hostname>h</hostname><port>1</port>", None),
        ("<hostname>h</hostname><username>u</username>", None),
        ("<port>1</port><username>u</username>", None),
        ("<hostname></hostname><port>1</port><username>u</username>", None),
        ("<x><hostname>h</hostname></x><port>1</port><username>u</username>", None),
        ("<hostname>h/x</hostname><port>1</port><username>u</username>", None),
        ("<hostname>h:1</hostname><port>1</port><username>u</username>", None),
        ("<hostname>h x</hostname><port>1</port><username>u</username>", None),
        ("<hostname>&host;</hostname><port>1</port><username>u</username>", None),
        ("<hostname>%FOO%.x</hostname><port>1</port><username>u</username>", None),
        ("<hostname>h</hostname><port>1</port><username>a&#13;b</username>", None),
    ] {
        let found = mozilla(&entry("incomingServer", "imap", inner)).unwrap();
        assert_eq!(found.first().map(String::as_str), expected, "{inner}");
    }
}

#[test]
fn of_repeated_elements_the_first_counts() {
    let twice =
        format!("<hostname>one</hostname><hostname>two</hostname>{REST}<port>1</port><username>v</username>");
    let server = entry("incomingServer", "imap", &twice);
    assert_eq!(mozilla(&format!("{server}{server}")).unwrap(), ["imap one 993 u Automatic"]);
    let inside = entry("incomingServer", "imap", &format!("{server}<hostname>out</hostname>{REST}"));
    assert_eq!(mozilla(&inside).unwrap(), ["imap out 993 u Automatic"]);
}

#[test]
fn placeholders_do_not_multiply() {
    let server = |host: &str, user: &str| {
        let inner = format!("<hostname>{host}</hostname><port>1</port><username>{user}</username>");
        let text = format!("<clientConfig>{}</clientConfig>", entry("incomingServer", "imap", &inner));
        let nested = address("%EMAILADDRESS%@example.org");
        match read(Format::Mozilla, text.as_bytes(), &nested).unwrap() {
            Answer::Servers(found) => found.imap.first().map(|hint| hint.user.clone()),
            Answer::Redirect(_) => None,
        }
    };
    assert_eq!(server("h", "%EMAILLOCALPART%%x").as_deref(), Some("%emailaddress%%x"));
    assert_eq!(server("h", &"%EMAILADDRESS%".repeat(30)), None, "longer than a user name");
    assert_eq!(server("h", &"%EMAILADDRESS%".repeat(10_000)), None);
    assert_eq!(server(&"%EMAILDOMAIN%.".repeat(30), "u"), None, "longer than a name of a host");
}

#[test]
fn no_more_than_ten_servers_are_taken_per_protocol() {
    let all: String = (0..50)
        .map(|n| entry("incomingServer", "imap", &format!("<hostname>h{n}</hostname>{REST}")))
        .collect();
    let found = mozilla(&all).unwrap();
    assert_eq!((found.len(), found[9].as_str()), (MAX_SERVERS, "imap h9 993 u Automatic"));
}

#[test]
fn protocols_of_outlook_give_host_and_port() {
    let text = "<Protocol><Type>IMAP</Type><Server>imap.example.org</Server><Port>993</Port><SSL>on</SSL>\
                <LoginName>x</LoginName></Protocol>\
                <Protocol><Type>POP3</Type><Server>pop.example.org</Server><Port>995</Port></Protocol>\
                <Protocol Type='smtp'><Server>smtp.example.org</Server><Port>25</Port><SSL>OFF</SSL></Protocol>\
                <Protocol><Type>EXCH</Type><Protocol><Type>Smtp</Type><Server>s2.example.org</Server></Protocol>\
                <Server>exchange.example.org</Server></Protocol>\
                <Protocol><Type>IMAP</Type><Server>not a host</Server><Port>993</Port></Protocol>\
                <Protocol><Type>IMAP</Type></Protocol>";
    assert_eq!(
        outlook(text).unwrap(),
        [
            "imap imap.example.org 993  Automatic",
            "smtp smtp.example.org 25  Plain",
            "smtp s2.example.org 0  Automatic"
        ]
    );
}

#[test]
fn redirects_of_outlook_lead_to_https_only() {
    let servers = "<Protocol><Type>IMAP</Type><Server>i</Server><Port>1</Port></Protocol>";
    let to = |url: &str| {
        outlook(&format!("{servers}<Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl>"))
    };
    assert_eq!(to(" https://x.test/a?b=1&amp;c ").unwrap(), ["redirect https://x.test/a?b=1&c"]);
    for bad in ["http://x.test/", "file:///etc/passwd", "/relative", "https://", "javascript:x"] {
        assert_eq!(to(bad), Err(AnswerError::BadRedirect), "{bad}");
    }
    assert_eq!(to("").unwrap(), ["imap i 1  Automatic"], "an empty one is none");
}

#[test]
fn documents_without_servers_are_answers_and_web_pages_are_none() {
    assert_eq!(mozilla("").unwrap(), [""; 0]);
    assert_eq!(outlook("").unwrap(), [""; 0]);
    let page = b"<!DOCTYPE html><html><head><title>x</title></head><body><p>Not found</p></body></html>";
    for format in [Format::Mozilla, Format::Outlook] {
        assert_eq!(servers(format, page), Err(AnswerError::OtherDocument));
        assert!(matches!(servers(format, b"<html><br></html>"), Err(AnswerError::Xml(_))));
        assert!(matches!(servers(format, b"{\"json\":1}"), Err(AnswerError::Xml(_))));
        assert!(matches!(servers(format, b""), Err(AnswerError::Xml(_))));
        assert_eq!(
            servers(format, &vec![b' '; MAX_ANSWER + 1]),
            Err(AnswerError::Xml(XmlError::TooLarge(MAX_ANSWER)))
        );
    }
    let cut = "<clientConfig><incomingServer type='imap'><hostname>h</hostname><port>1</port>\
               <username>u</username></incomingServer>";
    assert!(
        matches!(servers(Format::Mozilla, cut.as_bytes()), Err(AnswerError::Xml(_))),
        "half an answer is none"
    );
}

#[test]
fn other_encodings_are_read() {
    let text = "<?xml version='1.0' encoding='UTF-16'?><clientConfig><incomingServer type='imap'>\
                <hostname>m\u{fc}ller.de</hostname><port>993</port><username>\u{fc}</username></incomingServer>\
                </clientConfig>";
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> =
        text.replace("UTF-16", "iso-8859-1").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for answer in [utf16, latin, text.as_bytes().to_vec()] {
        assert_eq!(servers(Format::Mozilla, &answer).unwrap(), ["imap xn--mller-kva.de 993 ü Automatic"]);
    }
}

proptest! {
    #[test]
    fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = servers(Format::Mozilla, &bytes);
        let _ = servers(Format::Outlook, &bytes);
    }

    #[test]
    fn only_names_of_hosts_come_out(host in ".{0,30}", user in ".{0,30}") {
        let inner = format!("<hostname><![CDATA[{host}]]></hostname><port>1</port><username><![CDATA[{user}]]></username>");
        if let Ok(found) = mozilla(&entry("incomingServer", "imap", &inner)) {
            for server in found {
                let name = server.split(' ').nth(1).unwrap();
                prop_assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@%[]".contains(&b)), "{}", server);
            }
        }
    }
}
