//! The picture: the chat list on the left, the open chat on the right, a line to type and the state below.

use std::sync::Arc;

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Align2, Button, CentralPanel, Color32, Context, FontId, Frame, Galley, Key, Margin, Rect, RichText,
    ScrollArea, Sense, SidePanel, TextEdit, TopBottomPanel, Ui, Vec2, pos2, vec2,
};
use volary::ChatId;

use super::keys;
use super::messages::{self, Place};
use crate::exchange::Command;
use crate::looks::{self, Colour, Row};
use crate::model::{Input, MAX_INPUT, Model, Step};

/// Width of the chat list at first, in points.
const LIST_WIDTH: f32 = 240.0;
/// Height of a line of the chat list.
const ROW_HEIGHT: f32 = 52.0;
/// Size of the sign with the first letter of a name.
const SIGN: f32 = 18.0;
/// Room around things.
const GAP: f32 = 8.0;
/// What needs attention.
pub const WARNING: Color32 = Color32::from_rgb(230, 160, 30);
/// All is well.
const WELL: Color32 = Color32::from_rgb(70, 170, 90);

/// What the picture remembers from one to the next.
#[derive(Default)]
pub struct View {
    /// Where in the messages the user is.
    place: Place,
    /// The chat that was open in the last picture.
    open: Option<ChatId>,
}

/// Draws everything, and returns what the host is to do.
pub fn draw(context: &Context, model: &mut Model, view: &mut View) -> Vec<Command> {
    let key = keys::take(context);
    let mut orders = Vec::new();
    TopBottomPanel::bottom("state").show(context, |ui| draw_status(ui, model));
    SidePanel::left("chats")
        .default_width(LIST_WIDTH)
        .frame(Frame::side_top_panel(&context.style()).inner_margin(0))
        .show(context, |ui| {
            if let Some(chat) = draw_list(ui, model, view) {
                model.open(chat);
            }
        });
    if model.open_chat().is_some() {
        TopBottomPanel::bottom("line")
            .frame(Frame::side_top_panel(&context.style()).inner_margin(Margin::same(8)))
            .show(context, |ui| orders.extend(draw_line(ui, model)));
    }
    CentralPanel::default().show(context, |ui| draw_chat(ui, model, &mut view.place, key));
    // The line has taken in what was typed before the key.
    match key {
        Some(Key::ArrowUp) => model.choose(Step::Up),
        Some(Key::ArrowDown) => model.choose(Step::Down),
        Some(Key::Enter) => orders.extend(model.submit()),
        Some(Key::F2) => orders.extend(model.accept()),
        _ => {}
    }
    if key.is_some() {
        // What it has changed is in the next picture.
        context.request_repaint();
    }
    orders
}

// The chat list

/// Draws the chat list, and returns the chat that was clicked.
fn draw_list(ui: &mut Ui, model: &Model, view: &mut View) -> Option<ChatId> {
    let open = model.opening().map(|opening| opening.chat);
    let has_moved = std::mem::replace(&mut view.open, open) != open;
    let mut clicked = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for entry in model.chats() {
            let row = looks::row(entry);
            let is_open = row.chat.is_some() && row.chat == open;
            let (rect, response) =
                ui.allocate_exact_size(vec2(ui.available_width(), ROW_HEIGHT), Sense::click());
            if is_open && has_moved {
                ui.scroll_to_rect(rect, None);
            }
            if ui.is_rect_visible(rect) {
                let visuals = ui.visuals();
                if is_open {
                    ui.painter().rect_filled(rect, 0.0, visuals.selection.bg_fill);
                } else if response.hovered() {
                    ui.painter().rect_filled(rect, 0.0, visuals.widgets.hovered.weak_bg_fill);
                }
                draw_row(ui, rect, &row, is_open);
            }
            if response.clicked() {
                clicked = row.chat;
            }
        }
    });
    clicked
}

fn draw_row(ui: &Ui, rect: Rect, row: &Row, is_open: bool) {
    let painter = ui.painter();
    let strong = if is_open { ui.visuals().selection.stroke.color } else { ui.visuals().strong_text_color() };
    let weak = if is_open { strong } else { ui.visuals().weak_text_color() };
    let middle = pos2(rect.left() + GAP + SIGN, rect.center().y);
    painter.circle_filled(middle, SIGN, colour(row.colour));
    let letter = row.name.chars().next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let upon = colour(looks::upon(row.colour));
    painter.text(middle, Align2::CENTER_CENTER, letter, FontId::proportional(SIGN), upon);
    let left = middle.x + SIGN + GAP;
    let mut right = rect.right() - GAP;
    if row.fresh > 0 {
        let ground = if row.is_muted { ui.visuals().weak_text_color() } else { WARNING };
        let count = painter.layout_no_wrap(row.fresh.to_string(), FontId::proportional(12.0), Color32::BLACK);
        let size = vec2(count.size().x + GAP, 18.0);
        let badge = Rect::from_center_size(pos2(right - size.x / 2.0, rect.top() + 17.0), size);
        painter.rect_filled(badge, 9.0, ground);
        painter.galley(badge.center() - count.size() / 2.0, count, Color32::BLACK);
        right = badge.left() - GAP;
    }
    let name = one_row(ui, &row.name, FontId::proportional(15.0), strong, right - left);
    painter.galley(pos2(left, rect.top() + 8.0), name, strong);
    let (text, shade) =
        if row.is_request { ("contact request", WARNING) } else { (row.summary.as_str(), weak) };
    let summary = one_row(ui, text, FontId::proportional(13.0), shade, rect.right() - GAP - left);
    painter.galley(pos2(left, rect.top() + 29.0), summary, shade);
}

/// A text in one row that ends with a sign where it does not fit.
fn one_row(ui: &Ui, text: &str, font: FontId, shade: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, shade);
    job.wrap = TextWrapping::truncate_at_width(width.max(1.0));
    ui.painter().layout_job(job)
}

// The open chat

fn draw_chat(ui: &mut Ui, model: &mut Model, place: &mut Place, key: Option<Key>) {
    if let Some(why) = model.failure() {
        ui.centered_and_justified(|ui| ui.label(RichText::new(why).color(WARNING).size(18.0)));
        return;
    }
    let Some(chat) = model.open_chat() else {
        ui.centered_and_justified(|ui| ui.weak("Choose a chat"));
        return;
    };
    ui.horizontal(|ui| {
        ui.heading(looks::line(&chat.name));
        if chat.is_encrypted && !chat.is_device_chat {
            ui.weak("end-to-end encrypted");
        }
    });
    ui.separator();
    let pages = match key {
        Some(Key::PageUp) => -1.0,
        Some(Key::PageDown) => 1.0,
        _ => 0.0,
    };
    if messages::draw(ui, model, place, pages) {
        model.show_older();
    }
}

/// The line that is typed in, or what is there instead. Returns what the host is to do.
fn draw_line(ui: &mut Ui, model: &mut Model) -> Option<Command> {
    let mut order = None;
    ui.horizontal(|ui| {
        let is_request = model.open_chat().is_some_and(|chat| chat.is_contact_request);
        let name = model.open_chat().map(|chat| looks::line(&chat.name)).unwrap_or_default();
        match model.input_mut() {
            Some(input) => {
                draw_input(ui, input);
                if ui.add(Button::new("Send").min_size(vec2(0.0, 28.0))).clicked() {
                    order = model.submit();
                }
            }
            None if is_request => {
                ui.colored_label(WARNING, format!("{name} wants to write to you."));
                if ui.add(Button::new("Accept (F2)")).clicked() {
                    order = model.accept();
                }
            }
            None => drop(ui.weak("Nobody can write here.")),
        }
    });
    order
}

fn draw_input(ui: &mut Ui, input: &mut Input) {
    const SEND_WIDTH: f32 = 80.0;
    let mut text = input.text().to_owned();
    let edit = TextEdit::singleline(&mut text)
        .id_salt("text")
        .hint_text("Write a message; Enter sends it")
        .char_limit(MAX_INPUT)
        .return_key(None)
        .font(FontId::proportional(15.0))
        .margin(Margin::symmetric(8, 5))
        .desired_width(ui.available_width() - SEND_WIDTH);
    let response = ui.add(edit);
    if response.changed() {
        input.set(text);
    }
    if !response.has_focus() {
        response.request_focus();
    }
}

// The state

fn draw_status(ui: &mut Ui, model: &Model) {
    ui.horizontal(|ui| {
        let shade = if model.is_well() { WELL } else { WARNING };
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
        ui.painter().circle_filled(rect.center(), 4.0, shade);
        ui.strong(looks::line(model.profile()));
        ui.label(looks::line(&model.status()));
        if let Some(problem) = model.problem() {
            ui.colored_label(ui.visuals().error_fg_color, looks::line(problem));
        }
    });
}

/// A colour, as this toolkit has them.
pub fn colour(colour: Colour) -> Color32 {
    Color32::from_rgb(colour.red, colour.green, colour.blue)
}
