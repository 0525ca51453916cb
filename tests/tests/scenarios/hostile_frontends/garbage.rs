//! What a program may send that no client would.

use rand::{Rng as _, RngCore as _};
use rand_chacha::ChaCha8Rng;

use super::host::{Host, Interface};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames of HTTP/2.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
/// The setting with the size of the window of each stream.
const INITIAL_WINDOW: [u8; 2] = [0, 4];

/// Everything that is sent to an interface, each on a connection of its own.
pub fn of(interface: Interface, host: &Host, random: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let mut noise = vec![0; random.gen_range(1..8192)];
    random.fill_bytes(&mut noise);
    let mut all = match interface {
        Interface::Socket | Interface::Address => http2(),
        Interface::WebSocket | Interface::Apps => http1(host),
        Interface::Control => control(),
    };
    all.push(noise);
    all.push(Vec::new());
    all
}

fn http2() -> Vec<Vec<u8>> {
    let huge = frame(DATA, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    let resets =
        (0..5000).flat_map(|n| [open(2 * n + 1), frame(RESET, 0, 2 * n + 1, &[0, 0, 0, 8])].concat());
    let flood = (0..1000).flat_map(|_| frame(CONTINUATION, 0, 1, &[b'a'; 16_000]));
    vec![
        PREFACE[..10].to_vec(),
        [PREFACE, &[0, 0, 6, SETTINGS, 0]].concat(),
        // A frame of 16 MiB.
        [PREFACE, &[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]].concat(),
        [&begin()[..], &open(1), &huge].concat(),
        // Each call is taken back at once.
        [begin(), resets.collect()].concat(),
        // Fields without end.
        [begin(), frame(HEADERS, 0, 1, &[0x83, 0x86]), flood.collect()].concat(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    ]
}

fn http1(host: &Host) -> Vec<Vec<u8>> {
    let upgrade = |token: &str| {
        format!(
            "GET /rpc?token={token} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .into_bytes()
    };
    // A message of 2^62 bytes.
    let huge = [0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    vec![
        b"GET /rpc HT".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_vec(),
        [b"GET / HTTP/1.1\r\n".to_vec(), b"field: value\r\n".repeat(200_000)].concat(),
        [b"GET /".to_vec(), vec![b'a'; 4 << 20]].concat(),
        upgrade("volary_wrong"),
        [upgrade(&host.token), huge.to_vec()].concat(),
        [upgrade(&host.token), vec![0x7f; 100]].concat(),
    ]
}

fn control() -> Vec<Vec<u8>> {
    vec![
        vec![0xff; 16],
        // A frame of 4 GiB, one that is cut off, and many that say nothing.
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![100, 1, 2, 3],
        vec![0; 10_000],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ]
}

/// Calls whose answers are never read: their streams have no window.
pub fn calls_without_window(profile: u32, count: u32) -> Vec<u8> {
    // `Request { profile_id, get_info: GetInfo {} }` as the only message.
    let message = [0, 0, 0, 0, 5, 8, profile as u8, 0x82, 4, 0];
    let window = [&INITIAL_WINDOW[..], &[0, 0, 0, 0]].concat();
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &window)].concat();
    for number in 0..count {
        bytes.extend(open(2 * number + 1));
        bytes.extend(frame(DATA, 1, 2 * number + 1, &message));
    }
    bytes
}

fn begin() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The fields of a call of the bus.
fn open(stream: u32) -> Vec<u8> {
    let literal = |name: &[u8], value: &[u8]| [name, &[value.len() as u8], value].concat();
    let fields = [
        // POST, http, and names of the static table.
        vec![0x83, 0x86],
        literal(&[0x04], b"/volary.bus.v1.Bus/Call"),
        literal(&[0x01], b"localhost"),
        literal(&[0x0f, 0x10], b"application/grpc"),
        [&[0x00, 2], &b"te"[..], &[8], b"trailers"].concat(),
    ];
    frame(HEADERS, 4, stream, &fields.concat())
}

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}
