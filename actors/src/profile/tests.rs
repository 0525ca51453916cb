//! What a profile owns, and what it does when that fails.

use volary_proto::v1::StartIo;

use super::*;
use crate::faults::Spot;
use crate::testing::{House, until};
use volary_engine::ground::error::Failure;

/// Makes a connection fail.
#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for RelayConnection {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Self::Context) {
        panic!("the connection fails");
    }
}

/// Asks for the connection of the first transport.
#[derive(Message)]
#[rtype(result = "Option<Addr<RelayConnection>>")]
struct GetConnection;

impl Handler<GetConnection> for Profile {
    type Result = Option<Addr<RelayConnection>>;

    fn handle(&mut self, _: GetConnection, _: &mut Self::Context) -> Self::Result {
        self.shared.connection(1)
    }
}

async fn online(house: &House) -> (u32, Addr<Profile>) {
    let id = house.profile("me@one.test").await;
    house.asks(id, StartIo {}).await.unwrap();
    (id, house.running().await.remove(0))
}

#[actix::test]
async fn a_send_loop_that_fails_is_started_again() {
    let house = House::new();
    house.hub.faults.provoke(Spot::Sending, 2);
    let (id, _) = online(&house).await;
    until(|| house.hub.faults.passed(Spot::Sending) == 3).await;
    // The loop has come to its end, and begins again when there is something new.
    let woken = house.hub.db.transact(id, |tx| {
        tx.effects().outbox = true;
        Ok::<_, Failure>(())
    });
    woken.await.unwrap();
    until(|| house.hub.faults.passed(Spot::Sending) == 4).await;
}

#[actix::test]
async fn a_connection_that_fails_is_made_anew_soon() {
    let house = House::new();
    let (_, profile) = online(&house).await;
    let first = profile.send(GetConnection).await.unwrap().unwrap();
    assert!(first.send(Fail).await.is_err());
    let made_anew = async {
        loop {
            let now = profile.send(GetConnection).await.unwrap().unwrap();
            if now != first && now.connected() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), made_anew).await.expect("it stays away");
}
