//! Keys that do something, in the order in which they were pressed.
//!
//! A picture may take so long that somebody types a text, Enter, and the next text meanwhile. The line that is typed in takes
//! all letters of a picture together; so a picture gets no more than what was pressed up to the first key that acts, and the
//! next picture what came after it.

use eframe::egui::{Context, Event, Key, Modifiers};

/// Keys that act on more than the line that is typed in.
const ACTING: [Key; 6] = [Key::ArrowUp, Key::ArrowDown, Key::PageUp, Key::PageDown, Key::Enter, Key::F2];

/// What waits for the next picture.
#[derive(Default)]
pub struct Keys {
    held: Vec<Event>,
}

impl Keys {
    /// Leaves what belongs to this picture. Tells whether something waits for the next one.
    pub fn hold_back(&mut self, events: &mut Vec<Event>) -> bool {
        self.held.append(events);
        let end = self.held.iter().position(acts).map_or(self.held.len(), |place| place + 1);
        events.extend(self.held.drain(..end));
        !self.held.is_empty()
    }
}

fn acts(event: &Event) -> bool {
    matches!(event, Event::Key { key, pressed: true, .. } if ACTING.contains(key))
}

/// Takes the key that acts away from everything else in the picture.
pub fn take(context: &Context) -> Option<Key> {
    context.input_mut(|input| ACTING.into_iter().find(|key| input.consume_key(Modifiers::NONE, *key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: Key) -> Event {
        Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
    }

    fn text(text: &str) -> Event {
        Event::Text(text.to_owned())
    }

    #[test]
    fn a_text_that_was_typed_after_enter_waits_for_it() {
        let mut keys = Keys::default();
        let mut events = vec![text("one"), key(Key::A), key(Key::Enter), text("two"), key(Key::ArrowDown)];
        assert!(keys.hold_back(&mut events));
        assert_eq!(events, [text("one"), key(Key::A), key(Key::Enter)]);
        let mut events = vec![text("three")];
        assert!(keys.hold_back(&mut events));
        assert_eq!(events, [text("two"), key(Key::ArrowDown)]);
        let mut events = Vec::new();
        assert!(!keys.hold_back(&mut events));
        assert_eq!(events, [text("three")]);
    }
}
