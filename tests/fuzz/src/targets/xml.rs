//! What web servers and contacts write as XML: settings of mail servers, locations. And what else servers hand out in
//! short texts: new accounts, servers for media.

use std::net::{IpAddr, Ipv4Addr};

use volary_mail::address::Address;
use volary_mail::autoconfig::{self, Answer, Format};
use volary_mail::calls::ice;
use volary_mail::kml::{self, Point};
use volary_mail::login::ServerHint;
use volary_mail::qr::read_new_account;

use crate::people::NOW;

/// Most servers of an answer, per protocol.
const MAX_SERVERS: usize = 10;

/// Reads bytes as each of them.
pub fn run(data: &[u8]) {
    let address = Address::parse("alice@example.org").expect("an address");
    for format in [Format::Mozilla, Format::Outlook] {
        match autoconfig::read(format, data, &address) {
            Ok(Answer::Servers(found)) => {
                assert!(found.imap.len() <= MAX_SERVERS && found.smtp.len() <= MAX_SERVERS);
                found.imap.iter().chain(&found.smtp).for_each(check_server);
            }
            Ok(Answer::Redirect(url)) => assert!(url.starts_with("https://") && url.len() <= 12 * data.len()),
            Err(error) => assert!(error.to_string().len() < 1_000),
        }
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(points) = kml::read(&text, NOW) {
        assert!(points.len() <= kml::MAX_POINTS);
        points.iter().for_each(check_point);
        assert_eq!(kml::read(&kml::write_track(&points), NOW).expect("own writing"), points);
    }
    if let Ok((_, password)) = read_new_account(true, data) {
        assert!(!password.is_empty() && !password.contains(char::is_control));
    }
    let mut servers = ice::from_setting(&text);
    servers.extend(ice::from_metadata(&text).map(|(server, _)| server));
    let resolved = servers.into_iter().map(|server| (server, vec![IpAddr::from(Ipv4Addr::LOCALHOST)]));
    let json = ice::to_json(&resolved.collect::<Vec<_>>());
    assert!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON").is_array());
}

/// It can be connected to, and a log line with it is one line.
fn check_server(server: &ServerHint) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    assert!(
        !server.host.is_empty() && server.host.len() <= 253 && server.host.bytes().all(is_part),
        "{}",
        server.host
    );
    assert!(!server.user.contains(char::is_control) && server.user.len() <= 512);
}

fn check_point(point: &Point) {
    assert!(point.latitude().abs() <= 90.0 && point.longitude().abs() <= 180.0);
    assert!(point.accuracy() >= 0.0 && point.accuracy().is_finite());
    assert!((1..=NOW).contains(&point.timestamp()));
}

/// Documents of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let point = Point::new(52.1, 13.2, 5.5, NOW - 60).expect("a place");
    let own = [kml::write_track(&[point, point]), kml::write_point(&point)];
    let foreign = [
        "<?xml version='1.0' encoding='iso-8859-1'?><!DOCTYPE c [<!ENTITY e 'x'>]><clientConfig version='1.1'>\
         <emailProvider id='x'><incomingServer type='imap'><hostname>imap.%EMAILDOMAIN%</hostname><port>993</port>\
         <socketType>SSL</socketType><username>%EMAILLOCALPART%&e;</username></incomingServer><outgoingServer type='smtp'>\
         <hostname>m\u{fc}ller.de</hostname><port>587</port><socketType>STARTTLS</socketType><username>%EMAILADDRESS%\
         </username></outgoingServer></emailProvider></clientConfig>",
        "<Autodiscover xmlns='x'><Response><Account><Protocol><Type>IMAP</Type><Server>[2001:db8::1]</Server>\
         <Port>993</Port><SSL>off</SSL><Protocol Type='SMTP'><Server>192.0.2.1</Server></Protocol></Protocol>\
         </Account></Response></Autodiscover>",
        "<Autodiscover><RedirectUrl>https://example.org/a?b&amp;c</RedirectUrl></Autodiscover>",
        "<kml><k:PlaceMARK><TimeStamp><WHEN > 2025-11-23T\t21:31:45 Z</WHEN ></TimeStamp><x><Point><Coordinates \
         aCCuracy=\"1e3\"><![CDATA[ -13.2 ,]]>\n&#53;2.1 </Coordinates></Point></x></k:PlaceMARK></kml>",
        "{\"email\":\"a@example.org\",\"password\":\"secret\"}",
        "turn.example.org:3478:1758650868:8Dqkyyu11MVESBqjbIylmB06rv8=",
        "stun:example.org\nturn:192.0.2.1:3478:user:pass:word",
    ];
    own.into_iter().chain(foreign.map(str::to_owned)).map(String::into_bytes).collect()
}
