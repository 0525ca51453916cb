//! Programs that send garbage to a host, leave thousands of connections open, or never read what they asked for. Clients on
//! all interfaces go on meanwhile, new ones are let in, and what it costs has an end.

mod garbage;
mod host;

use std::fs;

use futures::SinkExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, duplex};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use volary::jsonrpc;
use volary_tests::{eventually, patience};

use self::host::{Clients, Host, INTERFACES, Interface, Wire, file_request, reads_reply};

/// Rounds of garbage on each interface.
const ROUNDS: u64 = 3;
/// Connections that are left open on each interface.
const CROWD: usize = 10_000;
/// Descriptors that are left for everything else, the ends at the host among it.
const SPARE: usize = 5000;
/// Most places of all interfaces together: two of the bus, WebSocket, apps, control socket.
const PLACES: usize = 2 * 2000 + 256 + 512 + 32;
/// Tasks of a host that nobody uses vary by so many.
const SOME: usize = 30;

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until what was started for others has ended.
async fn calms_down(before: usize) {
    eventually("tasks of connections end", async || (tasks() <= before + SOME).then_some(())).await;
}

#[tokio::test]
async fn garbage_on_every_interface_ends_its_connection_and_no_other() {
    let host = Host::starts().await;
    let mut clients = Clients::of(&host).await;
    let before = tasks();
    for seed in 0..ROUNDS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for interface in INTERFACES {
            for (number, bytes) in garbage::of(interface, &host, &mut random).into_iter().enumerate() {
                let wire = host.connect(interface).await.expect("everybody may connect");
                let (mut from, mut to) = tokio::io::split(wire);
                let answered = async {
                    let mut answer = Vec::new();
                    // It may be cut off in the middle of what it says.
                    from.read_to_end(&mut answer).await.ok();
                    answer
                };
                let said = async {
                    to.write_all(&bytes).await.ok();
                    to.shutdown().await.ok();
                };
                let ended = timeout(patience(), async { tokio::join!(answered, said) }).await;
                assert!(ended.is_ok(), "{interface:?}: garbage {number} of seed {seed} is not cut off");
            }
            clients.go_on().await;
        }
    }
    calms_down(before).await;
    Clients::of(&host).await.go_on().await;
    drop(clients);
    host.ends().await;
}

#[tokio::test]
async fn garbage_on_standard_input_is_answered_and_the_session_goes_on() {
    let host = Host::starts().await;
    let (mut to, input) = duplex(1 << 16);
    let (output, from) = duplex(1 << 16);
    let session = tokio::spawn(jsonrpc::serve(host.engine.clone(), BufReader::new(input), output));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut noise = vec![0; 4096];
    rand::RngCore::fill_bytes(&mut random, &mut noise);
    noise.retain(|byte| *byte != b'\n');
    let lines = [
        noise,
        b"[".repeat(1 << 20),
        br#"{"id":1,"method":"#.to_vec(),
        [br#"{"id":1,"method":"add_account","params":["#, &b"9".repeat(1 << 20)[..], b"]}"].concat(),
        b"{\"id\":99999999999999999999,\"method\":\"add_account\"}".to_vec(),
        b"\0\xff\xfe".to_vec(),
        br#"{"id":1,"id":2,"method":"add_account"}"#.to_vec(),
        b"null".to_vec(),
    ];
    let mut answers = BufReader::new(from).lines();
    for line in lines {
        to.write_all(&[&line[..], b"\n"].concat()).await.expect("the session reads");
        let answer = timeout(patience(), answers.next_line()).await.expect("an answer").expect("a text");
        let answer = answer.expect("the session goes on");
        assert!(answer.contains("\"error\""), "{answer}");
    }
    to.write_all(b"{\"id\":5,\"method\":\"get_all_account_ids\",\"params\":[]}\n").await.expect("it reads");
    let answer = timeout(patience(), answers.next_line()).await.expect("an answer").expect("a text");
    assert_eq!(answer.as_deref(), Some(r#"{"jsonrpc":"2.0","id":5,"result":[1]}"#));
    drop(to);
    timeout(patience(), session).await.expect("it ends with its input").expect("it does not panic");
    host.ends().await;
}

#[tokio::test]
async fn thousands_of_connections_that_are_left_open_keep_nobody_out() {
    volary::descriptors::raise_limit();
    let crowd = CROWD.min(most_descriptors().saturating_sub(SPARE));
    println!("{crowd} connections are left open on each interface");
    let host = Host::starts().await;
    let mut clients = Clients::of(&host).await;
    let (before, open_before) = (tasks(), descriptors());
    for interface in INTERFACES {
        let mut open: Vec<Box<dyn Wire>> = Vec::with_capacity(crowd);
        for number in 0..crowd {
            let connecting = timeout(patience(), host.connect(interface)).await;
            let mut wire = connecting.expect("connections are taken").expect("everybody may connect");
            // Some say nothing, some half a word.
            if number % 2 == 0 {
                wire.write_all(b"PRI").await.ok();
            }
            open.push(wire);
            if number % 1000 == 999 {
                clients.go_on().await;
                let ours = descriptors().saturating_sub(open.len() + open_before);
                assert!(tasks() <= before + PLACES + SOME, "{interface:?}: {} tasks", tasks());
                assert!(ours <= PLACES + 1000, "{interface:?}: {ours} descriptors of the host");
            }
        }
        Clients::of(&host).await.go_on().await;
        clients.go_on().await;
    }
    calms_down(before).await;
    drop(clients);
    host.ends().await;
}

#[tokio::test]
async fn who_never_reads_what_he_asked_for_slows_nobody() {
    const EACH: usize = 5;
    const REQUESTS: usize = 300;
    let host = Host::starts().await;
    let mut clients = Clients::of(&host).await;
    let before = tasks();
    let mut open: Vec<Box<dyn Wire>> = Vec::new();
    let mut sessions = Vec::new();
    // As much as is taken is sent, until it is not read any more.
    let asks = async |interface: Interface, bytes: Vec<u8>| {
        let mut wire = host.connect(interface).await.expect("everybody may connect");
        timeout(std::time::Duration::from_millis(200), wire.write_all(&bytes)).await.ok();
        wire
    };
    for _ in 0..EACH {
        open.push(asks(Interface::Socket, garbage::calls_without_window(host.profile, 1200)).await);
        open.push(asks(Interface::Apps, host.list_request().repeat(REQUESTS).into_bytes()).await);
        // The frame of an empty request is answered with an error.
        open.push(asks(Interface::Control, vec![0; 100_000]).await);
        let mut session = host.websocket().await;
        for id in 0..REQUESTS {
            let request = format!(r#"{{"id":{id},"method":"get_info","params":[{}]}}"#, host.profile);
            let sent = session.send(Message::text(request));
            if timeout(std::time::Duration::from_millis(200), sent).await.is_err() {
                break;
            }
        }
        sessions.push(session);
        clients.go_on().await;
    }
    assert!(tasks() <= before + EACH * (1000 + REQUESTS + 10), "{} tasks", tasks());
    Clients::of(&host).await.go_on().await;
    drop((open, sessions));
    calms_down(before).await;
    drop(clients);
    host.ends().await;
}

#[tokio::test]
async fn an_app_that_does_not_take_its_files_holds_up_itself_alone() {
    // More than files of all apps may be read at a time.
    const GREEDY: usize = 40;
    let host = Host::starts().await;
    // More than the buffers of a connection take.
    let mut large = vec![0; 12 << 20];
    rand::RngCore::fill_bytes(&mut ChaCha8Rng::seed_from_u64(1), &mut large);
    let (greedy, other) = (host.opens_app("greedy", &large).await, host.opens_app("other", b"small").await);
    let mut open = Vec::new();
    for _ in 0..GREEDY {
        let mut wire = host.connect(Interface::Apps).await.expect("everybody may connect");
        wire.write_all(file_request(&greedy, "/large.bin").as_bytes()).await.expect("it is read");
        open.push(wire);
    }
    // One of them is served: what is asked for later comes behind the others.
    open[0].read_exact(&mut [0; 1000]).await.expect("a file");
    let mut browser = BufReader::new(host.connect(Interface::Apps).await.expect("everybody may connect"));
    browser.write_all(file_request(&other, "/large.bin").as_bytes()).await.expect("it is read");
    let reply = timeout(patience(), reads_reply(&mut browser)).await.expect("another app is served");
    assert_eq!(reply.expect("a reply"), "HTTP/1.1 200 OK");
    drop(open);
    host.ends().await;
}

/// How many descriptors this process may have.
fn most_descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("limits are known");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit is known");
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

/// How many descriptors this process has.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors are known").count()
}
