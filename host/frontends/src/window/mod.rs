//! The chats of a profile in a window.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`run`]: the window |
//! | `keys` | keys that do something, in the order in which they were pressed |
//! | `draw` | the picture |
//! | `messages` | the messages in it |

mod draw;
mod keys;
mod messages;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use eframe::egui::{Context, RawInput, ViewportBuilder, ViewportCommand};
use thiserror::Error;

use self::draw::View;
use self::keys::Keys;
use crate::follow::Follower;
use crate::model::Model;
use crate::options::Options;

/// Size of the window at first, in points.
const SIZE: [f32; 2] = [900.0, 600.0];
/// The window does not get smaller.
const MIN_SIZE: [f32; 2] = [480.0, 300.0];

/// Why the program ends before the user has ended it.
#[derive(Debug, Error)]
pub enum WindowError {
    /// There is no display, or one on which nothing can be drawn.
    #[error("the window: {0}")]
    Window(#[from] eframe::Error),
    /// There was nothing to show.
    #[error("{0}")]
    Failed(String),
}

/// Shows the chats of a profile until the window is closed.
pub fn run(options: Options) -> Result<(), WindowError> {
    let viewport =
        ViewportBuilder::default().with_title("Volary").with_inner_size(SIZE).with_min_inner_size(MIN_SIZE);
    let native = eframe::NativeOptions { viewport, ..Default::default() };
    let failure = Rc::new(RefCell::new(None));
    let told = failure.clone();
    eframe::run_native(
        "volary-window",
        native,
        Box::new(move |creation| Ok(Box::new(Window::new(&creation.egui_ctx, options, told)?))),
    )?;
    match failure.take() {
        Some(why) => Err(WindowError::Failed(why)),
        None => Ok(()),
    }
}

/// What the window shows, and who brings it.
struct Window {
    model: Model,
    view: View,
    keys: Keys,
    title: String,
    /// Taken away at the end.
    follower: Option<Follower>,
    /// Why there was nothing to show, for who has opened the window.
    failure: Rc<RefCell<Option<String>>>,
}

impl Window {
    fn new(
        context: &Context,
        options: Options,
        failure: Rc<RefCell<Option<String>>>,
    ) -> std::io::Result<Self> {
        let waker = context.clone();
        let follower = Some(Follower::start(options, move || waker.request_repaint())?);
        let (model, view, keys) = Default::default();
        Ok(Self { model, view, keys, title: String::new(), follower, failure })
    }
}

impl eframe::App for Window {
    fn raw_input_hook(&mut self, context: &Context, input: &mut RawInput) {
        if self.keys.hold_back(&mut input.events) {
            context.request_repaint();
        }
    }

    fn update(&mut self, context: &Context, _frame: &mut eframe::Frame) {
        let Some(follower) = &mut self.follower else { return };
        while let Some(update) = follower.update() {
            self.model.apply(update);
        }
        self.model.set_attentive(context.input(|input| input.focused));
        for command in draw::draw(context, &mut self.model, &mut self.view) {
            if let Err(command) = follower.order(command) {
                self.model.refused(command);
            }
        }
        follower.show(self.model.opening());
        let title = self.model.title();
        if title != self.title {
            context.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        if self.model.is_over() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.failure.replace(self.model.failure().map(str::to_owned));
        if let Some(follower) = self.follower.take() {
            follower.stop();
        }
    }
}
