//! Reports of mail servers. Texts are our own; the form is that of the server named.

use super::*;

fn bounce(action: &str) -> ParsedMessage {
    clear(&format!(
        "From: <mailer-daemon@example.org>\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n\
         --r\n\nNo such user.\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;x\n\n{action}\n--r\n\
         Content-Type: text/rfc822-headers\n\nMessage-ID: <lost>\nSubject: x\n--r--\n"
    ))
}

#[test]
fn only_final_failures_are_failures() {
    for (action, failed) in
        [("Action: failed\n", true), ("", true), ("Action: delayed\n", false), ("Action: relayed\n", false)]
    {
        let message = bounce(action);
        let report = message.bounce.clone().unwrap();
        assert_eq!(
            (report.message_id, report.failed, message.kind()),
            (id("lost"), failed, MessageKind::Bounce)
        );
        assert_eq!(report.text, "No such user.");
    }
}

#[test]
fn a_message_has_failed_when_one_of_its_recipients_did_not_get_it() {
    let recipient =
        |action: &str| format!("Final-Recipient: rfc822; x@y.org\nAction: {action}\nStatus: 5.1.1\n\n");
    for (actions, failed) in [
        (&["relayed", "failed"][..], true),
        (&["FAILED", "delayed"], true),
        (&["delayed", "delivered", "expanded"], false),
    ] {
        let blocks: String = actions.iter().map(|action| recipient(action)).collect();
        assert_eq!(bounce(&blocks).bounce.unwrap().failed, failed, "{actions:?}");
    }
    let no_action = format!("{}Final-Recipient: rfc822; z@y.org\n\n", recipient("relayed"));
    assert!(bounce(&no_action).bounce.unwrap().failed);
    assert!(!bounce(&recipient("relayed").repeat(100_000)).bounce.unwrap().failed);
}

/// A report of this status, of what was returned as this type.
fn report(status: &str, returned: &str) -> ParsedMessage {
    clear(&format!(
        "From: postmaster@example.org\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n\
         --r\n\nSorry.\n--r\nContent-Type: message/delivery-status\n\n{status}\n\nFinal-Recipient: rfc822; x@y.org\n\
         Action: failed\n{returned}\n--r--\n"
    ))
}

// Layouts of Postfix, Exim, Gmail and Exchange.
#[test]
fn reports_of_many_servers_name_the_lost_message() {
    let returned =
        |kind: &str, fields: &str| format!("--r\nContent-Type: {kind}\n\n{fields}\nSubject: x\n\nBody");
    for (status, returned) in [
        ("Reporting-MTA: dns; x", returned("message/rfc822", "Message-ID: <lost>")),
        ("Reporting-MTA: dns; x", returned("text/rfc822-headers; charset=us-ascii", "Message-Id: <lost>")),
        ("Reporting-MTA: dns; x", returned("message/global-headers", "Message-ID:\n <lost>")),
        (
            "Reporting-MTA: dns; x",
            returned("message/rfc822", "Message-ID: <n>\nX-Microsoft-Original-Message-ID: <lost>"),
        ),
        ("Reporting-MTA: dns; x\nX-Original-Message-ID: <lost>", String::new()),
        ("Original-Message-ID: <lost>", returned("text/plain", "Message-ID: <other>")),
    ] {
        let bounce = report(status, &returned).bounce;
        let bounce = bounce.unwrap_or_else(|| panic!("{status} {returned}"));
        assert_eq!((bounce.message_id, bounce.failed), (id("lost"), true), "{status} {returned}");
    }
    assert!(report("Reporting-MTA: dns; x", &returned("text/plain", "Message-ID: <lost>")).bounce.is_none());
    assert!(report("Reporting-MTA: dns; x", "").bounce.is_none());
}

#[test]
fn a_daemons_plain_text_may_name_the_lost_message() {
    let message = clear("From: MAILER-DAEMON@example.org\n\nSorry.\n> Message-ID: <lost>\n");
    assert_eq!(message.bounce_candidates, [id("lost")]);
    assert!(clear("From: a@b.org\n\nMessage-ID: <lost>\n").bounce_candidates.is_empty());
}

/// A report in the form of RFC 3464: of this sender, in these words, about these recipients, with this returned.
fn standard(from: &str, words: &str, status: &str, returned: &str) -> String {
    format!(
        "From: {from}\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n boundary=\"r/1\"\n\nThis is a MIME mail.\n\n\
         --r/1\n{words}\n\n--r/1\n{status}\n--r/1\n{returned}\n--r/1--\n"
    )
}

/// What is returned: the whole mail.
const WHOLE: &str = "Content-Description: the mail\nContent-Type: message/rfc822\n\nReceived: by x\nFrom: <us@a.test>\n\
    Message-ID: <lost>\nContent-Type: multipart/encrypted; boundary=z\n\n--z\n\nx\n--z--\n";
/// What is returned: only its header fields.
const FIELDS: &str =
    "Content-Type: text/rfc822-headers\n\nReceived: by x\nFrom: <us@a.test>\nMessage-ID: <lost>\n";

fn failed_for(recipients: &[(&str, &str)]) -> String {
    let each = recipients.iter().map(|(address, action)| {
        format!("Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 full\n\n")
    });
    let each: String = each.collect();
    format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.b.test\nArrival-Date: now\n\n{each}"
    )
}

#[test]
fn standard_reports_of_each_server_name_message_outcome_and_reason() {
    let plain = |words: &str| format!("Content-Type: text/plain; charset=us-ascii\n\n{words}\n");
    let one = failed_for(&[("you@b.test", "failed")]);
    let icon = "--q\nContent-Type: image/png; name=\"icon.png\"\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--q--\n";
    let both = |language: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=p\n\n--p\nContent-Type: text/plain; charset=utf-8\n\n\
             {language}\n--p\nContent-Type: text/html; charset=utf-8\n\n<p>{language}</p>\n--p--\n"
        )
    };
    let cases: [(&str, String, &str); 12] = [
        (
            "Postfix",
            standard("MAILER-DAEMON@mx.b.test (Mail Delivery System)", &plain("Full."), &one, WHOLE),
            "Full.",
        ),
        ("Postfix, no content", standard("MAILER-DAEMON@b.test", &plain("Full."), &one, FIELDS), "Full."),
        (
            "Sendmail",
            standard("Mail Delivery Subsystem <MAILER-DAEMON@mx.b.test>", "\nFull.\n", &one, FIELDS),
            "Full.",
        ),
        (
            "Exim",
            standard("Mail Delivery System <Mailer-Daemon@mx.b.test>", &plain("Full."), &one, WHOLE),
            "Full.",
        ),
        (
            "Courier",
            standard("\"Courier mail server at mx.b.test\" <@>", &plain("Full."), &one, FIELDS),
            "Full.",
        ),
        ("Null sender", standard("<>", &plain("Full."), &one, FIELDS), "Full."),
        (
            "Gmail",
            standard(
                "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
                &format!(
                    "Content-Type: multipart/related; boundary=q\n\n--q\n{}\n{icon}",
                    both("Nachricht nicht zugestellt.")
                ),
                "Content-Type: message/delivery-status\n\nReporting-MTA: dns; g\nX-Original-Message-ID: <lost>\n\n\
                 Final-Recipient: rfc822; you@b.test\nAction: failed\nStatus: 5.2.2\n",
                WHOLE,
            ),
            "Nachricht nicht zugestellt.",
        ),
        (
            "Exchange, in German",
            standard(
                "postmaster@b.test",
                &both("Die Nachricht wurde nicht zugestellt: Postfach voll."),
                &one,
                &WHOLE.replace(
                    "Message-ID: <lost>",
                    "Message-ID: <new>\nX-Microsoft-Original-Message-ID: <lost>",
                ),
            ),
            "Die Nachricht wurde nicht zugestellt: Postfach voll.",
        ),
        (
            "Exchange, headers only",
            standard("MicrosoftExchange1@b.test", &both("利用できません"), &one, FIELDS),
            "利用できません",
        ),
        ("Yahoo", standard("MAILER-DAEMON@yahoo.com", &plain("Full."), &one, WHOLE), "Full."),
        (
            "UTF-8",
            standard(
                "mailer-daemon@b.test",
                &plain("Full."),
                &one.replace("message/delivery-status", "message/global-delivery-status"),
                &FIELDS.replace("text/rfc822-headers", "message/global-headers"),
            ),
            "Full.",
        ),
        (
            "several recipients, the second failed",
            standard(
                "mailer-daemon@b.test",
                &plain("Full."),
                &failed_for(&[("a@b.test", "delivered"), ("you@b.test", "failed"), ("c@b.test", "delayed")]),
                WHOLE,
            ),
            "Full.",
        ),
    ];
    for (server, mail, words) in cases {
        let message = clear(&mail);
        assert_eq!(message.kind(), MessageKind::Bounce, "{server}");
        let report = message.bounce.unwrap();
        assert_eq!(
            (report.message_id, report.failed, report.text.as_str()),
            (id("lost"), true, words),
            "{server}"
        );
    }
}

#[test]
fn standard_reports_that_are_no_failures_are_none() {
    let words = "Content-Type: text/plain\n\nNot yet.\n";
    for actions in [&["delayed"][..], &["relayed"], &["delivered", "expanded"], &["Delayed", "delayed"]] {
        let all: Vec<_> = actions.iter().map(|action| ("you@b.test", *action)).collect();
        let message = clear(&standard("mailer-daemon@b.test", words, &failed_for(&all), WHOLE));
        assert_eq!(message.kind(), MessageKind::Bounce, "{actions:?}");
        assert!(!message.bounce.unwrap().failed, "{actions:?}");
    }
}

#[test]
fn reports_in_words_name_the_messages_that_they_are_about() {
    let original =
        "Return-Path: <us@a.test>\nFrom: <us@a.test>\nMessage-ID: <lost>\nSubject: [...]\n\nbody\n";
    let attached = |kind: &str, fields: &str| {
        format!(
            "From: Mail Delivery Service <mailer-daemon@b.test>\nContent-Type: multipart/mixed; boundary=m\n\n\
             --m\nContent-Type: text/plain\n\nFull.\n--m\nContent-Type: {kind}\n\n{fields}\n--m--\n"
        )
    };
    let cases = [
        (
            "qmail (QSBMF)",
            format!(
                "From: MAILER-DAEMON@b.test\nSubject: failure notice\n\nHi. This is the mail program.\n\
                 <you@b.test>:\nFull.\n\n--- Below this line is a copy of the message.\n\n{original}"
            ),
        ),
        (
            "Exim before 4.83",
            format!(
                "From: Mail Delivery System <Mailer-Daemon@b.test>\nX-Failed-Recipients: you@b.test\n\
                 Auto-Submitted: auto-replied\n\nFull.\n\n------ This is a copy of the headers. ------\n\n{original}"
            ),
        ),
        ("an id in a line of its own", "From: mailer-daemon@b.test\n\n> Message-ID:\n>  <lost>\n".to_owned()),
        (
            "postmaster",
            format!("From: postmaster@b.test\nAuto-Submitted: auto-generated\n\nUnzustellbar.\n\n{original}"),
        ),
        ("hMailServer, Domino: the mail beside", attached("message/rfc822", original)),
        ("the header fields beside", attached("text/rfc822-headers", original)),
        (
            "the mail as a file",
            attached(
                "message/rfc822; name=mail.eml\nContent-Disposition: attachment; filename=mail.eml",
                original,
            ),
        ),
    ];
    for (server, mail) in cases {
        let message = clear(&mail);
        assert_eq!(
            (message.kind(), &message.bounce_candidates),
            (MessageKind::Visible, &vec![id("lost")]),
            "{server}"
        );
        let report = message.bounce_of(&id("lost"));
        assert!(report.failed && !report.text.is_empty(), "{server}: {report:?}");
    }
}

#[test]
fn warnings_in_words_are_no_failures() {
    for words in [
        "**      THIS IS A WARNING MESSAGE ONLY      **\n**  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **",
        "The delivery was put off.\n\nNo action is required on your part. Delivery attempts will continue.",
    ] {
        let message =
            clear(&format!("From: mailer-daemon@b.test\nSubject: late\n\n{words}\n\nMessage-ID: <slow>\n"));
        assert_eq!(message.bounce_candidates, [id("slow")]);
        assert!(!message.bounce_of(&id("slow")).failed, "{words}");
    }
}

// A person who passes on what a server wrote wants it to be read.
#[test]
fn reports_that_somebody_passes_on_are_mails() {
    let report = standard(
        "mailer-daemon@b.test",
        "Content-Type: text/plain\n\nFull.\n",
        &failed_for(&[("you@b.test", "failed")]),
        WHOLE,
    );
    for from in ["admin@b.test", "postmaster@b.test", "mailer-daemon@b.test"] {
        let message = clear(&format!(
            "From: {from}\nSubject: look\nContent-Type: multipart/mixed; boundary=out\n\n--out\n\
             Content-Type: text/plain\n\nYour mail came back.\n--out\nContent-Type: message/rfc822\n\n{report}\n--out--\n"
        ));
        assert_eq!((message.bounce.is_none(), message.kind()), (true, MessageKind::Visible), "{from}");
        assert!(!message.bounce_candidates.contains(&id("lost")) || from.starts_with("mailer"), "{from}");
        assert!(message.parts.iter().any(|part| part.text.contains("came back")), "{from}");
    }
}

#[test]
fn a_report_is_known_by_its_header() {
    use crate::message::read::report::is_delivery_status;
    for (value, expected) in [
        ("multipart/report; report-type=delivery-status; boundary=x", true),
        ("Multipart/Report; Report-Type=\"Delivery-Status\"", true),
        ("multipart/report; boundary=x", true),
        ("multipart/report; report-type=disposition-notification", false),
        ("multipart/mixed", false),
        ("", false),
    ] {
        assert_eq!(is_delivery_status(value), expected, "{value}");
    }
}
