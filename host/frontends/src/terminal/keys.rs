//! What a key does.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::draw::Screen;
use crate::exchange::Command;
use crate::model::{Model, Step};

/// What follows from a key, besides what it changes in the model.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Nothing,
    /// The host is to do something.
    Order(Command),
    /// The user wants to end.
    End,
}

impl From<Option<Command>> for Outcome {
    fn from(command: Option<Command>) -> Self {
        command.map_or(Self::Nothing, Self::Order)
    }
}

/// Takes in what came from the terminal.
pub fn press(event: &Event, model: &mut Model, screen: &mut Screen) -> Outcome {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => return key_of(key, model, screen),
        Event::Paste(text) => {
            if let Some(input) = model.input_mut() {
                input.insert(text);
            }
        }
        Event::FocusGained => model.set_attentive(true),
        Event::FocusLost => model.set_attentive(false),
        _ => {}
    }
    Outcome::Nothing
}

fn key_of(key: &KeyEvent, model: &mut Model, screen: &mut Screen) -> Outcome {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => return Outcome::End,
        KeyCode::Char('c') if is_control => return Outcome::End,
        KeyCode::Up => choose(Step::Up, model, screen),
        KeyCode::Down => choose(Step::Down, model, screen),
        KeyCode::PageUp => {
            if screen.page_up() {
                model.show_older();
            }
        }
        KeyCode::PageDown => screen.page_down(),
        KeyCode::F(2) => return model.accept().into(),
        KeyCode::Enter if key.modifiers.is_empty() => {
            screen.show_newest();
            return model.submit().into();
        }
        code => edit(code, is_control, model),
    }
    Outcome::Nothing
}

fn choose(step: Step, model: &mut Model, screen: &mut Screen) {
    model.choose(step);
    screen.show_newest();
}

/// Keys that change what is typed.
fn edit(code: KeyCode, is_control: bool, model: &mut Model) {
    let Some(input) = model.input_mut() else { return };
    match code {
        KeyCode::Char('u') if is_control => input.clear(),
        KeyCode::Char('w') if is_control => input.delete_word(),
        KeyCode::Char('a') if is_control => input.home(),
        KeyCode::Char('e') if is_control => input.end(),
        KeyCode::Char(_) if is_control => {}
        KeyCode::Char(letter) => input.insert(letter.encode_utf8(&mut [0; 4])),
        // With Alt or Shift, as far as the terminal tells.
        KeyCode::Enter => input.insert("\n"),
        KeyCode::Backspace => input.backspace(),
        KeyCode::Delete => input.delete(),
        KeyCode::Left => input.left(),
        KeyCode::Right => input.right(),
        KeyCode::Home => input.home(),
        KeyCode::End => input.end(),
        _ => {}
    }
}
