//! Who knows whom when a story begins.

use crate::{Chat, Person, World};

impl World {
    /// Alice and Bob, who scanned her code.
    pub async fn friends(&self) -> (Person, Person) {
        let (alice, bob) = (self.person("Alice").await, self.person("Bob").await);
        alice.invites(&bob).await;
        (alice, bob)
    }

    /// Alice and Bob, who has written to her already: each has the key of the other.
    pub async fn old_friends(&self) -> (Person, Person) {
        let (alice, bob) = self.friends().await;
        bob.says(&alice, "hello").await;
        alice.sees("hello").await;
        (alice, bob)
    }

    /// Alice, and Bob and Carol, who know her but not each other.
    pub async fn three(&self) -> (Person, Person, Person) {
        let (alice, bob) = self.friends().await;
        let carol = self.person("Carol").await;
        alice.invites(&carol).await;
        (alice, bob, carol)
    }
}

impl Person {
    /// A group with these members, who have all seen the first message, "welcome".
    pub async fn gathers(&self, name: &str, members: &[&Person]) -> Chat {
        let group = self.founds(name).await;
        for member in members {
            group.adds(member).await;
        }
        group.says("welcome").await;
        for member in members {
            member.sees("welcome").await;
        }
        group
    }
}
