//! Status updates of in-chat apps.

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use volary_mail::webxdc::update::effects::{Arrival, Labels, Listener, notification};
use volary_mail::webxdc::update::{Update, answer, batch};

use crate::people::NOW;

/// Reads an update as from an app, and a batch as from a mail.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(update) = Update::from_app(&text, &mut ChaCha20Rng::seed_from_u64(1)) {
        assert_eq!(update.uid.as_ref().map(String::len), Some(24));
        check(&[update]);
    }
    if let Ok(updates) = batch::parse(&text) {
        check(&updates);
    }
    Update::from_wire(&text);
}

fn check(updates: &[Update]) {
    let written: Vec<String> = updates.iter().map(Update::to_wire).collect();
    let batch = batch::write(&written);
    let read = batch::parse(&batch).expect("our own batch");
    // Numbers are rounded when they are read first; after that nothing changes any more.
    assert_eq!(read.iter().map(Update::to_wire).collect::<Vec<_>>(), written);
    let mail = batch::next_mail(written.iter().map(String::len));
    assert!(mail <= updates.len() && (mail > 0 || updates.is_empty()));
    let numbered = updates.iter().enumerate().map(|(at, update)| (at as u32 + 1, update.clone())).collect();
    let answered: Vec<Value> = serde_json::from_str(&answer(numbered)).expect("our own answer");
    assert_eq!(answered.len(), updates.len());
    let mut labels = Labels::default();
    for (update, answered) in updates.iter().zip(&answered) {
        assert!(answered.get("uid").is_none() && answered["max_serial"] == updates.len());
        labels.apply(update, NOW);
        assert!(!labels.summary.contains('\u{202E}'));
        assert!(!labels.apply(update, NOW), "an update that is repeated changes nothing");
        let listener = Listener { self_addr: "me", is_muted: true, is_request: false };
        assert_eq!(notification(update, Arrival::Own, listener), None);
    }
}

/// Updates from apps and from mails.
pub fn seeds() -> Vec<Vec<u8>> {
    let full = r##"{"payload":{"a":[1,2.5,1e22,-0.0],"z":null,"ä":"\u2028"},"info":"i","href":"#h","document":"d",
        "summary":"s\u202e","uid":"u","notify":{"*":"all","me":"direct"},"serial":3,"max_serial":4,"other":{}}"##;
    let deep = format!("{{\"payload\":{}{}}}", "[".repeat(124), "]".repeat(124));
    let alone = [full.to_owned(), "{\"payload\":7}".to_owned(), deep];
    let batches = [batch::write(&alone), batch::write([full]), batch::write::<&str>([])];
    alone.into_iter().chain(batches).map(String::into_bytes).collect()
}
