//! The messages of the open chat.

use std::sync::Arc;

use chrono::Local;
use eframe::egui::{Color32, FontId, Frame, Galley, Label, Margin, ScrollArea, Stroke, Ui};
use volary::MessageId;

use super::draw::colour;
use crate::looks::{self, Author, Bubble};
use crate::model::Model;

/// The widest message has this part of the room.
const WIDEST: f32 = 0.78;
/// Room inside a message, in points.
const INSIDE: i8 = 8;
/// Width of the line around a message.
const EDGE: f32 = 1.0;
/// Room for the bar that shows where one is.
const BAR: f32 = 10.0;
/// Part of the height that a page moves: the eye finds where it was.
const PAGE: f32 = 0.9;

/// Where in the messages the user is.
#[derive(Default)]
pub struct Place {
    /// The opening that the rest is about.
    opening: u64,
    /// The oldest message in the last picture.
    first: Option<MessageId>,
    /// How high all messages were in the last picture.
    height: f32,
    /// The oldest message when older ones were asked for.
    asked: Option<MessageId>,
    /// The user was further down before.
    was_below: bool,
    /// It was moved in the last picture: who was at the end is to leave it.
    has_moved: bool,
}

/// Draws the messages, moved by some pages. Tells whether older ones are wanted.
pub fn draw(ui: &mut Ui, model: &Model, place: &mut Place, pages: f32) -> bool {
    let opening = model.opening().map_or(0, |opening| opening.number);
    if place.opening != opening {
        *place = Place { opening, ..Default::default() };
    }
    let now = Local::now();
    let area = ScrollArea::vertical().id_salt(("messages", opening)).auto_shrink(false);
    let mut output = area.stick_to_bottom(!std::mem::take(&mut place.has_moved)).show(ui, |ui| {
        for message in model.messages() {
            draw_message(ui, &looks::bubble(message, now));
        }
    });
    let first = model.messages().first().map(|message| message.id);
    let height = output.content_size.y;
    let room = output.inner_rect.height();
    let before = output.state.offset.y;
    let mut offset = before + pages * PAGE * room;
    if place.first.is_some() && place.first != first {
        // What came above must not push away what is read.
        offset += height - place.height;
    }
    offset = offset.clamp(0.0, (height - room).max(0.0));
    if offset != before {
        output.state.offset.y = offset;
        output.state.store(ui.ctx(), output.id);
        place.has_moved = true;
        ui.ctx().request_repaint();
    }
    (place.first, place.height) = (first, height);
    place.was_below |= offset > 0.0;
    // Who is at the top has come there, or wants to go further; a chat that has just been opened is there by itself.
    let wants_older = offset <= 0.0 && (place.was_below || pages < 0.0) && place.asked != first;
    if wants_older {
        place.asked = first;
    }
    wants_older
}

fn draw_message(ui: &mut Ui, bubble: &Bubble) {
    if bubble.author == Author::Nobody {
        let text = bubble.error.as_ref().unwrap_or(&bubble.text);
        ui.vertical_centered(|ui| ui.weak(text));
        ui.add_space(4.0);
        return;
    }
    // The bar at the side floats above what it moves.
    let room = ui.available_width() - BAR;
    let around = 2.0 * f32::from(INSIDE) + 2.0 * EDGE;
    let parts = parts(ui, bubble, room * WIDEST - around);
    let width = parts.iter().map(|part| part.size().x).fold(0.0, f32::max).ceil();
    let is_own = bubble.author == Author::Own;
    let ground = match (is_own, ui.visuals().dark_mode) {
        (true, true) => Color32::from_rgb(28, 66, 92),
        (true, false) => Color32::from_rgb(208, 232, 250),
        (false, _) => ui.visuals().faint_bg_color,
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        if is_own {
            ui.add_space((room - width - around).max(0.0));
        }
        let frame = Frame::new().fill(ground).corner_radius(8).inner_margin(Margin::same(INSIDE));
        frame.stroke(Stroke::new(EDGE, ui.visuals().widgets.noninteractive.bg_stroke.color)).show(ui, |ui| {
            ui.set_width(width);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                for part in parts {
                    ui.add(Label::new(part));
                }
            });
        });
    });
    ui.add_space(2.0);
}

/// The texts of a message, one below the other.
fn parts(ui: &Ui, bubble: &Bubble, width: f32) -> Vec<Arc<Galley>> {
    let visuals = ui.visuals();
    let (weak, normal) = (visuals.weak_text_color(), visuals.text_color());
    let part = |text: String, size: f32, shade: Color32| {
        ui.painter().layout(text, FontId::proportional(size), shade, width.max(1.0))
    };
    let mut parts = Vec::new();
    if bubble.author == Author::Other {
        parts.push(part(bubble.name.clone(), 13.0, readable(ui, colour(bubble.colour))));
    }
    if let Some(quote) = &bubble.quote {
        parts.push(part(format!("| {quote}"), 13.0, weak));
    }
    if let Some(file) = &bubble.file {
        parts.push(part(file.clone(), 14.0, normal));
    }
    if !bubble.text.is_empty() {
        parts.push(part(bubble.text.clone(), 14.0, visuals.strong_text_color()));
    }
    if !bubble.reactions.is_empty() {
        parts.push(part(bubble.reactions.clone(), 14.0, normal));
    }
    if let Some(error) = &bubble.error {
        parts.push(part(error.clone(), 13.0, visuals.error_fg_color));
    }
    // The fonts that come with the toolkit have a heavy tick only.
    let progress = bubble.progress.replace('✓', "✔").replace('✗', "✖");
    parts.push(part(format!("{} {progress}", bubble.time).trim_end().to_owned(), 11.0, weak));
    parts
}

/// A colour between that of a name and that of text, so that it can be read on any ground.
fn readable(ui: &Ui, shade: Color32) -> Color32 {
    shade.lerp_to_gamma(ui.visuals().strong_text_color(), 0.4)
}
