//! The picture: the chat list on the left, the open chat on the right, a line to type and the state below.

use chrono::{DateTime, Local};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, List, ListItem, ListState, Paragraph};
use unicode_width::UnicodeWidthStr as _;
use volary::MessageId;
use volary::handles::MessageView;

use super::wrap::{end_of, wrap};
use crate::looks::{self, Author, Bubble, Colour, Row};
use crate::model::Model;

/// Widest chat list; on a narrow terminal it has a third.
const LIST_WIDTH: u16 = 34;
/// How far the text of a message is indented.
const INDENT: &str = "  ";
/// What stands before what is typed.
const PROMPT: &str = "› ";

/// Where in the messages the user is.
#[derive(Debug, Default)]
pub struct Screen {
    /// Lines of messages below those that are shown.
    below: usize,
    /// The newest message when the last picture was drawn.
    newest: Option<MessageId>,
    /// Lines for messages, as the last picture has them.
    height: usize,
    /// There was nothing above what the last picture has.
    at_top: bool,
}

impl Screen {
    /// A page up. Tells whether older messages are wanted.
    pub fn page_up(&mut self) -> bool {
        self.below += self.step();
        self.at_top
    }

    /// A page down.
    pub fn page_down(&mut self) {
        self.below = self.below.saturating_sub(self.step());
    }

    /// To the newest message.
    pub fn show_newest(&mut self) {
        (self.below, self.newest) = (0, None);
    }

    /// A page without one line, so that the eye finds where it was.
    fn step(&self) -> usize {
        self.height.saturating_sub(1).max(1)
    }
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, model: &Model, screen: &mut Screen) {
    let [body, status] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    let width = LIST_WIDTH.min(body.width / 3);
    let [list, chat] =
        Layout::horizontal([Constraint::Length(width), Constraint::Min(1)]).spacing(1).areas(body);
    draw_list(frame, list, model);
    draw_chat(frame, chat, model, screen);
    draw_status(frame, status, model);
}

// The chat list

fn draw_list(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let block = Block::new().borders(Borders::RIGHT).border_style(Style::new().dark_gray());
    let width = usize::from(block.inner(area).width);
    let items = model.chats().iter().map(|entry| item(&looks::row(entry), width));
    // All in one: names in their colours cannot be read on every ground.
    let open = Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED);
    let list = List::new(items).block(block).highlight_style(open);
    let mut state = ListState::default().with_selected(model.open_index());
    frame.render_stateful_widget(list, area, &mut state);
}

/// Two lines: the name and what is fresh, and the newest message.
fn item(row: &Row, width: usize) -> ListItem<'static> {
    let fresh = if row.fresh > 0 { format!(" {} ", row.fresh) } else { String::new() };
    let room = width.saturating_sub(fresh.width() + 1);
    let name = fit(&row.name, room);
    let gap = " ".repeat(width.saturating_sub(name.width() + fresh.width()));
    let badge = if row.is_muted { Style::new().on_dark_gray() } else { Style::new().black().on_yellow() };
    let name = Span::styled(name, Style::new().fg(color(row.colour)).bold());
    let summary = match row.is_request {
        true => Span::styled("contact request", Style::new().yellow()),
        false => Span::styled(fit(&row.summary, width), Style::new().dark_gray()),
    };
    ListItem::new(vec![
        Line::from(vec![name, Span::raw(gap), Span::styled(fresh, badge)]),
        Line::from(summary),
    ])
}

// The open chat

fn draw_chat(frame: &mut Frame<'_>, area: Rect, model: &Model, screen: &mut Screen) {
    let [head, messages, input] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(2)]).areas(area);
    let Some(chat) = model.open_chat() else {
        let hint = Line::from("↑ ↓ choose a chat").dark_gray().centered();
        frame.render_widget(hint, messages);
        return;
    };
    let mut title = vec![Span::styled(looks::line(&chat.name), Style::new().bold())];
    if chat.is_encrypted && !chat.is_device_chat {
        title.push(Span::styled("  end-to-end encrypted", Style::new().dark_gray()));
    }
    frame.render_widget(Line::from(title), head);
    let lines = visible(model.messages(), messages, screen, Local::now());
    let first = messages.bottom().saturating_sub(u16::try_from(lines.len()).unwrap_or(u16::MAX));
    let used =
        Rect { y: first.max(messages.y), height: messages.bottom() - first.max(messages.y), ..messages };
    frame.render_widget(Paragraph::new(lines), used);
    draw_input(frame, input, model);
}

/// The lines of messages that are shown. Only those are made that are needed, from the newest on.
fn visible(
    messages: &[MessageView],
    area: Rect,
    screen: &mut Screen,
    now: DateTime<Local>,
) -> Vec<Line<'static>> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut groups: Vec<Vec<Line<'static>>> = Vec::new();
    let (mut count, mut is_all) = (0, true);
    // Who reads further up stays there when something new comes below.
    let mut is_newer = screen.below > 0 && screen.newest.is_some();
    for message in messages.iter().rev() {
        is_newer &= Some(message.id) != screen.newest;
        if count >= screen.below + height && !is_newer {
            is_all = false;
            break;
        }
        let lines = message_lines(&looks::bubble(message, now), width);
        count += lines.len();
        if is_newer {
            screen.below += lines.len();
        }
        groups.push(lines);
    }
    screen.at_top = is_all && count <= screen.below + height;
    screen.below = screen.below.min(count.saturating_sub(height));
    screen.newest = messages.last().map(|message| message.id);
    screen.height = height;
    let end = count - screen.below;
    let begin = end.saturating_sub(height);
    groups.into_iter().rev().flatten().skip(begin).take(end - begin).collect()
}

fn message_lines(bubble: &Bubble, width: usize) -> Vec<Line<'static>> {
    let dim = Style::new().dark_gray();
    if bubble.author == Author::Nobody {
        let text = bubble.error.as_ref().unwrap_or(&bubble.text);
        return wrap(text, width).into_iter().map(|line| Line::styled(line, dim).centered()).collect();
    }
    let name = match bubble.author {
        Author::Own => Span::styled("Me", Style::new().bold()),
        _ => Span::styled(bubble.name.clone(), Style::new().fg(color(bubble.colour)).bold()),
    };
    let mut head = vec![name, Span::styled(format!("  {}", bubble.time), dim)];
    if !bubble.progress.is_empty() {
        head.push(Span::styled(format!(" {}", bubble.progress), dim));
    }
    let mut lines = vec![Line::from(head)];
    let mut add = |text: &str, before: &str, style: Style| {
        let room = width.saturating_sub(INDENT.len() + before.width());
        for line in wrap(text, room) {
            lines.push(Line::from(vec![Span::raw(INDENT), Span::styled(format!("{before}{line}"), style)]));
        }
    };
    if let Some(quote) = &bubble.quote {
        add(quote, "│ ", dim);
    }
    if let Some(file) = &bubble.file {
        add(file, "", Style::new().italic());
    }
    if !bubble.text.is_empty() {
        add(&bubble.text, "", Style::new());
    }
    if !bubble.reactions.is_empty() {
        add(&bubble.reactions, "", dim);
    }
    if let Some(error) = &bubble.error {
        add(error, "", Style::new().red());
    }
    lines
}

// What is typed, and the state

fn draw_input(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let block = Block::new().borders(Borders::TOP).border_style(Style::new().dark_gray());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(input) = model.input() else {
        let is_request = model.open_chat().is_some_and(|chat| chat.is_contact_request);
        let hint = if is_request { "contact request: F2 accepts it" } else { "nobody can write here" };
        frame.render_widget(Line::styled(hint, Style::new().yellow()), inner);
        return;
    };
    // What is typed is not of strangers, but may be pasted.
    let (before, behind) = input.halves();
    let (before, behind) = (one_line(before), one_line(behind));
    let room = usize::from(inner.width).saturating_sub(PROMPT.width() + 1);
    let before = end_of(&before, room);
    let cursor = PROMPT.width() + before.width();
    let line = Line::from(format!("{PROMPT}{before}{behind}"));
    frame.render_widget(line, inner);
    let column = inner.x.saturating_add(u16::try_from(cursor).unwrap_or(u16::MAX));
    frame.set_cursor_position(Position { x: column.min(inner.right().saturating_sub(1)), y: inner.y });
}

/// What is typed, with a sign where it has a new line.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter == '\n' { '⏎' } else { letter }).collect()
}

fn draw_status(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let state = if model.is_well() { Style::new().green() } else { Style::new().yellow() };
    let mut spans = vec![
        Span::styled(format!(" {} ", looks::line(model.profile())), Style::new().bold()),
        Span::styled(looks::line(&model.status()), state),
    ];
    match model.problem() {
        Some(problem) => {
            spans.push(Span::styled(format!("  {}", looks::line(problem)), Style::new().red()));
        }
        None => spans
            .push(Span::styled("  ↑↓ chats · Enter sends · PgUp older · Esc ends", Style::new().dark_gray())),
    }
    frame.render_widget(Line::from(spans), area);
}

/// A text that ends with a sign where it does not fit.
fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let first = wrap(text, width.saturating_sub(1)).into_iter().next().unwrap_or_default();
    format!("{first}…")
}

fn color(colour: Colour) -> Color {
    Color::Rgb(colour.red, colour.green, colour.blue)
}
