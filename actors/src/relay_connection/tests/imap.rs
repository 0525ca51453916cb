use volary_proto::{
    RelayCommand, RelayConnectivity, RelayEventKind, RelayFetchNow, RelayHeadAction, RelayMailAction,
    RelayNetworkChanged, RelaySide, RelayStop, RelayUids, relay_command::Command, relay_notice::Notice,
};

use super::*;

const PREFETCH: &str = "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE X-MICROSOFT-ORIGINAL-MESSAGE-ID FROM \
     CONTENT-TYPE SECURE-JOIN CHAT-VERSION CHAT-IS-POST-MESSAGE AUTOCRYPT-SETUP-MESSAGE)])";

fn head(uid: u32, size: u32) -> String {
    let header = format!("Message-ID: <{uid}@x>\r\n\r\n");
    format!(
        "* {uid} FETCH (UID {uid} RFC822.SIZE {size} BODY[HEADER.FIELDS (MESSAGE-ID)] {{{}}}\r\n{header})\r\n",
        header.len()
    )
}

fn body(uid: u32, flags: &str) -> String {
    let mail = format!("Message-ID: <{uid}@x>\r\n\r\nhello {uid}\r\n");
    format!("* {uid} FETCH (UID {uid} FLAGS ({flags}) BODY[] {{{}}}\r\n{mail})\r\n", mail.len())
}

async fn servers() -> (Server, Server) {
    (Server::new().await, Server::new().await)
}

fn command(generation: u64, command: Command) -> RelayCommand {
    RelayCommand { generation, command: Some(command) }
}

// The dialogue of chatmail core, as observed: receiving on a single device.
#[actix::test]
async fn a_mail_is_fetched_handed_over_and_then_deleted() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 1).await;
    server.answer("A0003 IDLE", "+ idling\r\n* 1 EXISTS\r\n* 1 RECENT\r\n").await;
    server.answer("DONE", "A0003 OK done\r\n").await;
    server
        .answer(&format!("A0004 UID FETCH 1:500 {PREFETCH}"), &format!("{}A0004 OK\r\n", head(1, 40)))
        .await;
    assert_eq!(rig.heads().await.heads[0].header, "Message-ID: <1@x>\r\n\r\n");
    server
        .answer("A0005 UID FETCH 1 (FLAGS BODY.PEEK[])", &format!("{}A0005 OK\r\n", body(1, "\\Recent")))
        .await;
    let mails = rig.mails().await;
    assert_eq!((mails.uidvalidity, mails.uid_next, mails.mails.len()), (5, 2, 1));
    assert_eq!(mails.mails[0].raw, "Message-ID: <1@x>\r\n\r\nhello 1\r\n");
    server
        .answer("A0006 UID STORE 1 +FLAGS (\\Deleted)", "* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\nA0006 OK\r\n")
        .await;
    server.answer("A0007 CLOSE", "A0007 OK\r\n").await;
    server.expect("A0008 SELECT \"INBOX\"").await;
    server.selected("A0008", 5, 2).await;
    server.answer("A0009 IDLE", "+ idling\r\n").await;
    let text = rig.notice(|notice| match notice {
        Notice::Event(event) if event.kind() == RelayEventKind::ImapMessageDeleted => Some(event.text),
        _ => None,
    });
    assert_eq!(text.await, "IMAP messages 1 marked as deleted");
    let deleted = rig.notice(|notice| match notice {
        Notice::Acknowledged(done) => Some(done.deleted),
        _ => None,
    });
    assert_eq!(deleted.await, [1]);
}

#[actix::test]
async fn the_first_visit_ignores_old_mail() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes { uidvalidity: 0, uid_next: 0, ..Wishes::default() });
    let mut server = imap.accept().await;
    server.log_in(9, 120).await;
    // This one does not tell when its mail arrived.
    server.answer("A0003 UID FETCH * (UID INTERNALDATE)", "A0003 OK\r\n").await;
    server.answer("A0004 IDLE", "+ idling\r\n").await;
    let reset = rig.notice(|notice| match notice {
        Notice::FolderReset(reset) => Some((reset.uidvalidity, reset.uid_next)),
        _ => None,
    });
    assert_eq!(reset.await, (9, 120));
}

#[actix::test]
async fn what_the_profile_decides_happens_on_the_relay() {
    let (imap, smtp) = servers().await;
    let wishes = Wishes {
        head_action: |uid| match uid {
            1 => RelayHeadAction::DownloadLater,
            2 => RelayHeadAction::Skip,
            3 => RelayHeadAction::SkipAndMarkSeen,
            4 => RelayHeadAction::Delete,
            _ => RelayHeadAction::Download,
        },
        mail_action: |_| RelayMailAction::Keep,
        ..Wishes::default()
    };
    let mut rig = Rig::start(&imap, &smtp, wishes);
    let mut server = imap.accept().await;
    server.log_in(5, 7).await;
    let heads: String = (1..=6).map(|uid| head(uid, 40)).collect();
    server.answer(&format!("A0003 UID FETCH 1:500 {PREFETCH}"), &format!("{heads}A0003 OK\r\n")).await;
    let both = body(6, "\\Seen") + &body(5, "");
    server.answer("A0004 UID FETCH 5:6 (FLAGS BODY.PEEK[])", &format!("{both}A0004 OK\r\n")).await;
    let first = rig.mails().await;
    // Mail 1 is not settled yet, so the stored UID must not pass it.
    assert_eq!(first.uid_next, 0);
    assert_eq!(
        first.mails.iter().map(|mail| (mail.uid, mail.seen)).collect::<Vec<_>>(),
        [(5, false), (6, true)]
    );
    server.answer("A0005 UID STORE 3 +FLAGS (\\Seen)", "A0005 OK\r\n").await;
    server.answer("A0006 UID STORE 4 +FLAGS (\\Deleted)", "A0006 OK\r\n").await;
    server.answer("A0007 CLOSE", "A0007 OK\r\n").await;
    server.expect("A0008 SELECT \"INBOX\"").await;
    server.selected("A0008", 5, 7).await;
    server.answer("A0009 UID FETCH 1 (FLAGS BODY.PEEK[])", &format!("{}A0009 OK\r\n", body(1, ""))).await;
    let later = rig.mails().await;
    assert_eq!((later.mails[0].uid, later.uid_next), (1, 7));
    server.answer("A0010 IDLE", "+ idling\r\n").await;
}

#[actix::test]
async fn orders_are_served_and_reported_by_generation() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 1).await;
    server.answer("A0003 IDLE", "+ idling\r\n").await;
    let uids = |uids: &[u32]| RelayUids { uidvalidity: 5, uids: uids.to_vec() };
    rig.connection.do_send(command(1, Command::MarkSeen(uids(&[3, 4, 9]))));
    rig.connection.do_send(command(2, Command::MarkSeen(RelayUids { uidvalidity: 4, uids: vec![77] })));
    rig.connection.do_send(command(3, Command::Delete(uids(&[9]))));
    rig.connection.do_send(command(4, Command::FetchNow(RelayFetchNow {})));
    server.answer("DONE", "A0003 OK done\r\n").await;
    server.answer(&format!("A0004 UID FETCH 1:500 {PREFETCH}"), "A0004 OK\r\n").await;
    server.answer("A0005 UID STORE 3:4 +FLAGS (\\Seen)", "A0005 OK\r\n").await;
    server.answer("A0006 UID STORE 9 +FLAGS (\\Deleted)", "A0006 OK\r\n").await;
    server.answer("A0007 CLOSE", "A0007 OK\r\n").await;
    server.expect("A0008 SELECT \"INBOX\"").await;
    server.selected("A0008", 5, 1).await;
    server.answer("A0009 IDLE", "+ idling\r\n").await;
    let text = rig.notice(|notice| match notice {
        Notice::Event(event) if event.text.starts_with("Marked") => Some(event.text),
        _ => None,
    });
    assert_eq!(text.await, "Marked messages 3:4 in folder INBOX as seen.");
    let served = rig.notice(|notice| match notice {
        Notice::Idle(idle) if idle.generation > 0 => Some(idle.generation),
        _ => None,
    });
    assert_eq!(served.await, 4);
}

#[actix::test]
async fn an_order_to_delete_what_was_deleted_costs_nothing_and_is_served() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 1).await;
    server.answer("A0003 IDLE", "+ idling\r\n").await;
    let delete = |uids: &[u32]| Command::Delete(RelayUids { uidvalidity: 5, uids: uids.to_vec() });
    rig.connection.do_send(command(1, delete(&[7])));
    server.answer("DONE", "A0003 OK done\r\n").await;
    server.answer("A0004 UID STORE 7 +FLAGS (\\Deleted)", "A0004 OK\r\n").await;
    server.answer("A0005 CLOSE", "A0005 OK\r\n").await;
    server.expect("A0006 SELECT \"INBOX\"").await;
    server.selected("A0006", 5, 8).await;
    server.answer(&format!("A0007 UID FETCH 1:500 {PREFETCH}"), "A0007 OK\r\n").await;
    server.answer("A0008 IDLE", "+ idling\r\n").await;
    let served = |wanted: u64| {
        move |notice| match notice {
            Notice::Idle(idle) if idle.generation == wanted => Some(()),
            _ => None,
        }
    };
    rig.notice(served(1)).await;
    rig.connection.do_send(command(2, delete(&[7])));
    rig.notice(served(2)).await;
    // The next word of the client is about the next mail alone.
    rig.connection.do_send(command(3, delete(&[7, 8])));
    server.answer("DONE", "A0008 OK done\r\n").await;
    server.answer("A0009 UID STORE 8 +FLAGS (\\Deleted)", "A0009 OK\r\n").await;
}

#[actix::test]
async fn after_a_lost_connection_the_unfinished_mail_is_fetched_again() {
    let (imap, smtp) = servers().await;
    let mut rig =
        Rig::start(&imap, &smtp, Wishes { mail_action: |_| RelayMailAction::Keep, ..Wishes::default() });
    let mut server = imap.accept().await;
    server.log_in(5, 3).await;
    let heads = head(1, 900_000) + &head(2, 900_000);
    server.answer(&format!("A0003 UID FETCH 1:500 {PREFETCH}"), &format!("{heads}A0003 OK\r\n")).await;
    server.answer("A0004 UID FETCH 1 (FLAGS BODY.PEEK[])", &format!("{}A0004 OK\r\n", body(1, ""))).await;
    assert_eq!(rig.mails().await.uid_next, 2);
    server
        .answer("A0005 UID FETCH 2 (FLAGS BODY.PEEK[])", "* 2 FETCH (UID 2 FLAGS () BODY[] {100}\r\nhalf")
        .await;
    drop(server);
    let error = rig.notice(|notice| match notice {
        Notice::State(state) if state.connectivity() == RelayConnectivity::Error => {
            Some((state.side(), state.error))
        }
        _ => None,
    });
    assert_eq!(error.await, (RelaySide::Imap, "connection closed by the server".to_string()));
    let mut server = imap.accept().await;
    server.log_in(5, 3).await;
    server
        .answer(&format!("A0003 UID FETCH 2:501 {PREFETCH}"), &format!("{}A0003 OK\r\n", head(2, 50)))
        .await;
    server.answer("A0004 UID FETCH 2 (FLAGS BODY.PEEK[])", &format!("{}A0004 OK\r\n", body(2, ""))).await;
    let again = rig.mails().await;
    assert_eq!((again.mails[0].uid, again.uid_next), (2, 3));
}

#[actix::test]
async fn a_renumbered_folder_is_looked_through_from_its_beginning() {
    let (imap, smtp) = servers().await;
    let keep = |_| RelayMailAction::Keep;
    let wishes = Wishes { uid_next: 40, mail_action: keep, ..Wishes::default() };
    let mut rig = Rig::start(&imap, &smtp, wishes);
    let mut server = imap.accept().await;
    server.log_in(6, 3).await;
    let reset = rig.notice(|notice| match notice {
        Notice::FolderReset(reset) => Some((reset.uidvalidity, reset.uid_next, reset.rescan_below)),
        _ => None,
    });
    assert_eq!(reset.await, (6, 1, 3));
    let with_arrival = PREFETCH.replacen("SIZE", "SIZE INTERNALDATE", 1);
    let arrived = head(2, 50).replacen("SIZE 50", "SIZE 50 INTERNALDATE \" 7-Nov-2026 10:00:00 +0100\"", 1);
    server.answer(&format!("A0003 UID FETCH 1:500 {with_arrival}"), &format!("{arrived}A0003 OK\r\n")).await;
    let heads = rig.heads().await;
    assert_eq!(
        heads.heads.iter().map(|head| (head.uid, head.arrived)).collect::<Vec<_>>(),
        [(2, 1_794_042_000)]
    );
    server.answer("A0004 UID FETCH 2 (FLAGS BODY.PEEK[])", &format!("{}A0004 OK\r\n", body(2, ""))).await;
    let mails = rig.mails().await;
    assert_eq!((mails.uidvalidity, mails.mails[0].uid, mails.uid_next), (6, 2, 3));
    server.answer("A0005 IDLE", "+ idling\r\n").await;
}

/// The answer of a server whose folder holds the mails of a range of UIDs.
fn uids_of(question: &str, mails: std::ops::RangeInclusive<u32>) -> String {
    let words: Vec<&str> = question.split(' ').collect();
    assert_eq!((words[1], words[2], words[4]), ("UID", "FETCH", "(UID)"), "{question}");
    let (first, last) = words[3].split_once(':').unwrap();
    let (first, last): (u32, u32) = (first.parse().unwrap(), last.parse().unwrap());
    let found = first.max(*mails.start())..=last.min(*mails.end());
    let lines: String =
        found.map(|uid| format!("* {} FETCH (UID {uid})\r\n", uid - mails.start() + 1)).collect();
    format!("{lines}{} OK done\r\n", words[0])
}

// A server answers the question for the next mail with a line for each mail of the range.
#[actix::test]
async fn an_empty_stretch_before_more_mails_than_an_answer_may_name_is_crossed() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in_to(5, 650_001, 250_001).await;
    server.answer(&format!("A0003 UID FETCH 1:500 {PREFETCH}"), "A0003 OK\r\n").await;
    let mut questions = 0;
    let window = loop {
        let command = server.line().await;
        if command.ends_with(PREFETCH) {
            break command;
        }
        questions += 1;
        server.send(&uids_of(&command, 400_000..=650_000)).await;
    };
    assert_eq!((window, questions), (format!("A0008 UID FETCH 400000:400499 {PREFETCH}"), 4));
    server.send(&format!("{}A0008 OK\r\n", head(400_000, 40))).await;
    assert_eq!(rig.heads().await.heads[0].uid, 400_000);
}

#[actix::test]
async fn an_empty_stretch_before_few_mails_is_crossed_with_one_question() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in_to(5, 4_000_000_001, 1).await;
    server.answer(&format!("A0003 UID FETCH 1:500 {PREFETCH}"), "A0003 OK\r\n").await;
    let question = server.line().await;
    assert_eq!(question, "A0004 UID FETCH 501:4000000000 (UID)");
    server.send(&uids_of(&question, 4_000_000_000..=4_000_000_000)).await;
    server
        .answer(
            &format!("A0005 UID FETCH 4000000000:4000000499 {PREFETCH}"),
            &format!("{}A0005 OK\r\n", head(4_000_000_000, 40)),
        )
        .await;
    assert_eq!(rig.heads().await.heads[0].uid, 4_000_000_000);
}

#[actix::test]
async fn a_first_visit_notes_how_old_the_mail_is_that_it_leaves_alone() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes { uidvalidity: 0, uid_next: 0, ..Wishes::default() });
    let mut server = imap.accept().await;
    server.log_in(6, 31).await;
    let newest = "* 9 FETCH (UID 30 INTERNALDATE \"07-Nov-2026 09:00:00 +0000\")\r\nA0003 OK\r\n";
    server.answer("A0003 UID FETCH * (UID INTERNALDATE)", newest).await;
    let first = rig.notice(|notice| match notice {
        Notice::FolderReset(reset) => Some((reset.uid_next, reset.rescan_below, reset.ignored_until)),
        _ => None,
    });
    assert_eq!(first.await, (31, 0, 1_794_042_000));
    server.answer("A0004 IDLE", "+ idling\r\n").await;
}

#[actix::test]
async fn a_folder_that_another_device_watches_is_looked_at_from_its_beginning() {
    let (imap, smtp) = servers().await;
    let wishes = Wishes { uidvalidity: 0, uid_next: 0, rescan_below: 1, ..Wishes::default() };
    let mut rig = Rig::start(&imap, &smtp, wishes);
    let mut server = imap.accept().await;
    server.log_in(6, 3).await;
    let joined = rig.notice(|notice| match notice {
        Notice::FolderReset(reset) => Some((reset.uid_next, reset.rescan_below, reset.ignored_until)),
        _ => None,
    });
    assert_eq!(joined.await, (1, 3, 0));
    let with_arrival = PREFETCH.replacen("SIZE", "SIZE INTERNALDATE", 1);
    let arrived = head(2, 50).replacen("SIZE 50", "SIZE 50 INTERNALDATE \" 7-Nov-2026 10:00:00 +0100\"", 1);
    server.answer(&format!("A0003 UID FETCH 1:500 {with_arrival}"), &format!("{arrived}A0003 OK\r\n")).await;
    let heads = rig.heads().await;
    assert_eq!((heads.heads[0].uid, heads.heads[0].arrived), (2, 1_794_042_000));
}

#[actix::test]
async fn a_refused_login_is_told_with_the_words_of_the_server() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.send("* OK ready\r\n").await;
    let refusal = "A0001 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n";
    server.answer("A0001 LOGIN \"alice@example.org\" \"secret\"", refusal).await;
    let error = rig.notice(|notice| match notice {
        Notice::State(state) if !state.error.is_empty() => Some(state.error),
        _ => None,
    });
    // The text that chatmail core shows.
    assert_eq!(
        error.await,
        "IMAP failed to login as alice@example.org: no response: code: None, info: \
         Some(\"[AUTHENTICATIONFAILED] Authentication failed.\")"
    );
}

// Optional commands that are refused: the session goes on without them.
#[actix::test]
async fn a_server_that_refuses_optional_commands_stays_connected() {
    for refusal in ["BAD command not supported", "NO not for you", "BAD"] {
        let (imap, smtp) = servers().await;
        let mut rig = Rig::start(&imap, &smtp, Wishes::default());
        let mut server = imap.accept().await;
        server.send("* OK ready\r\n").await;
        server.line().await;
        server.send("A0001 OK [CAPABILITY IMAP4rev1 IDLE ID QUOTA METADATA] in\r\n").await;
        server.answer("A0002 ID (\"name\" \"Volary\")", &format!("A0002 {refusal}\r\n")).await;
        server.answer("A0003 GETQUOTAROOT \"INBOX\"", &format!("A0003 {refusal}\r\n")).await;
        assert!(server.line().await.starts_with("A0004 GETMETADATA"));
        server.send(&format!("A0004 {refusal}\r\n")).await;
        server.expect("A0005 SELECT \"INBOX\"").await;
        server.selected("A0005", 5, 1).await;
        server.answer("A0006 IDLE", "+ idling\r\n").await;
        rig.notice(|notice| matches!(notice, Notice::Idle(_)).then_some(())).await;
    }
}

#[actix::test]
async fn a_device_token_is_given_once_per_connection_to_relays_that_support_push() {
    for (capabilities, given) in [("METADATA XDELTAPUSH", true), ("METADATA", false), ("XDELTAPUSH", false)] {
        for answer in ["OK done", "NO not for you"] {
            let (imap, smtp) = servers().await;
            let wishes = Wishes { push_token: Some("openpgp:abc="), ..Wishes::default() };
            let mut rig = Rig::start(&imap, &smtp, wishes);
            let mut server = imap.accept().await;
            server.send("* OK ready\r\n").await;
            server.line().await;
            server.send(&format!("A0001 OK [CAPABILITY IMAP4rev1 IDLE {capabilities}] in\r\n")).await;
            let mut number = 2;
            if capabilities.contains("METADATA") {
                assert!(server.line().await.starts_with("A0002 GETMETADATA"));
                server.send("A0002 OK done\r\n").await;
                number += 1;
            }
            if given {
                let command = "A0003 SETMETADATA \"INBOX\" (/private/devicetoken \"openpgp:abc=\")";
                server.answer(command, &format!("A0003 {answer}\r\n")).await;
                number += 1;
            }
            server.expect(&format!("A000{number} SELECT \"INBOX\"")).await;
            server.selected(&format!("A000{number}"), 5, 1).await;
            server.answer(&format!("A000{} IDLE", number + 1), "+ idling\r\n").await;
            rig.notice(|notice| matches!(notice, Notice::Idle(_)).then_some(())).await;
            // The next round on the same connection.
            rig.connection.do_send(command(1, Command::NetworkChanged(RelayNetworkChanged { lost: false })));
            server.answer("DONE", &format!("A000{} OK done\r\n", number + 1)).await;
            server.answer(&format!("A000{} IDLE", number + 2), "+ idling\r\n").await;
        }
    }
}

#[actix::test]
async fn a_changed_network_checks_the_connection_and_stop_closes_it() {
    let (imap, smtp) = servers().await;
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 1).await;
    server.answer("A0003 IDLE", "+ idling\r\n* OK Still here\r\n").await;
    rig.connection.do_send(command(1, Command::NetworkChanged(RelayNetworkChanged { lost: false })));
    server.answer("DONE", "A0003 OK done\r\n").await;
    server.answer("A0004 IDLE", "+ idling\r\n").await;
    rig.notice(|notice| match notice {
        Notice::State(state) if state.connectivity() == RelayConnectivity::Interrupting => Some(()),
        _ => None,
    })
    .await;
    rig.connection.do_send(command(2, Command::Stop(RelayStop {})));
    server.closed().await;
}
