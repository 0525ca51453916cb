use actix::{Context, Handler, Message};
use volary_proto::relay_notice::Notice;

use super::*;

/// A task of the connection comes upon a fault of a library.
#[derive(Message)]
#[rtype(result = "()")]
struct Fault;

impl Handler<Fault> for RelayConnection {
    type Result = ();
    fn handle(&mut self, _: Fault, ctx: &mut Context<Self>) {
        let task = actix::spawn(async { panic!("a fault of a library") });
        self.watch(ctx, task, false);
    }
}

#[actix::test]
async fn a_panic_in_a_session_ends_that_session_and_nothing_else() {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    let broken = Rig::start(&imap, &smtp, Wishes::default());
    let mut first = imap.accept().await;
    first.log_in(5, 1).await;
    first.answer("A0003 IDLE", "+ idling\r\n").await;
    let mut whole = Rig::start(&imap, &smtp, Wishes::default());
    let mut second = imap.accept().await;
    second.log_in(5, 1).await;
    second.answer("A0003 IDLE", "+ idling\r\n").await;

    broken.connection.do_send(Fault);
    first.closed().await;
    assert!(!broken.connection.connected(), "the profile sees it and makes it anew");

    second.send("* 1 EXISTS\r\n").await;
    second.answer("DONE", "A0003 OK done\r\n").await;
    assert!(whole.connection.connected());
    whole.notice(|notice| matches!(notice, Notice::Idle(_)).then_some(())).await;
}
