//! The demo is a test: it fails when anything that it claims does not happen.

#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use volary_cli::demo::{DemoError, DemoOptions, Transcript, play};

/// Text that was written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_profiles_meet_chat_read_and_forget() {
    let paper = Paper::default();
    let options = DemoOptions::with_profiles(3);
    let report = play(options, &Transcript::on_writer(paper.clone())).await.unwrap();
    let text = paper.text();
    assert_eq!(report.profiles, 3);
    // Two in the chat, the picture, the secret; in the group the first and one of each.
    assert_eq!(report.messages, 8, "{text}");
    // Each text of the chat once, each of the group twice.
    assert_eq!(report.latencies.len(), 4 + 6, "{text}");
    assert_eq!(report.relay.accounts, 3);
    assert_eq!(report.relay.messages_refused, 0);
    assert!(text.contains("Bob: Hi Alice!"), "{text}");
    assert!(text.contains("✓ Carol, introduced by Alice"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_profiles_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = DemoOptions { data: Some(folder.path().to_owned()), ..DemoOptions::with_profiles(2) };
    play(options.clone(), &Transcript::silent()).await.unwrap();
    let again = play(options, &Transcript::silent()).await;
    assert!(matches!(again, Err(DemoError::HasProfiles(_))));
}
