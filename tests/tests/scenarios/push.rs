//! Tokens for push notifications: what a relay keeps for notifying a device.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use volary_mail::address::Address;
use volary_mail::openpgp::{SecretKey, decrypt};
use volary_proto::{SetPushDeviceToken, StartIo, StopIo};
use volary_tests::World;

/// A notification proxy: its key, and its certificate as clients know it.
fn proxy() -> (SecretKey, String) {
    let mut rng = StdRng::seed_from_u64(7);
    let address = Address::parse("proxy@example.org").expect("an address");
    let key = SecretKey::generate(&address, 1_700_000_000, &mut rng).expect("a key");
    let certificate =
        key.certificate(&address, std::slice::from_ref(&address), 1_700_000_000, &mut rng).expect("a key");
    (key, certificate.to_armor())
}

fn opened(key: &SecretKey, kept: &str) -> String {
    let message = STANDARD.decode(kept.strip_prefix("openpgp:").expect("the scheme")).expect("base64");
    let opened = decrypt(&message, std::slice::from_ref(key), []).expect("it is for the proxy");
    String::from_utf8(opened.payload.clone()).expect("a text").trim_end().to_owned()
}

#[tokio::test]
async fn a_relay_keeps_the_device_token_encrypted_for_the_proxy_and_each_profile_has_its_own() {
    let world = World::new().await;
    let (key, certificate) = proxy();
    let token = "fcm-chat.example:token-of-this-device";
    let call = SetPushDeviceToken { token: token.into(), proxy_certificate: Some(certificate) };
    world.engine.call(0, call).await.expect("the token is taken");
    let (alice, bob) = (world.person("alice").await, world.person("bob").await);
    let mut kept = Vec::new();
    for person in [&alice, &bob] {
        let address = person.addresses().await.remove(0);
        let look = async || world.relay.device_tokens(&address).pop();
        let first = person.eventually("the relay has the token", look).await;
        assert_eq!(opened(&key, &first), token);
        // A new connection brings the same text, which the relay knows.
        person.call(StopIo {}).await;
        let connected = world.relay.stats().connections;
        person.call(StartIo {}).await;
        let again = async || (world.relay.stats().connections > connected).then_some(());
        person.eventually("the profile logs in again", again).await;
        person.shows_connectivity(&[4000]).await;
        assert_eq!(world.relay.device_tokens(&address), std::slice::from_ref(&first));
        kept.push(first);
    }
    assert_ne!(kept[0], kept[1], "nobody sees from the texts that both live on one device");
}
