//! QR codes as SVG pictures.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use qrcodegen::{QrCode, QrCodeEcc};

use super::QrError;

/// Edge of the plain picture.
const PLAIN_EDGE: f32 = 512.0;
/// White border of the plain picture.
const PLAIN_BORDER: f32 = 48.0;

/// What is drawn around an invite or backup code.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// Text of the code.
    pub code: &'a str,
    /// What people read below it, such as `Scan to chat with Alice`.
    pub description: &'a str,
    /// What is in the middle.
    pub badge: Badge<'a>,
}

/// The round badge in the middle of a code.
#[derive(Debug, Clone)]
pub enum Badge<'a> {
    /// A picture.
    Picture {
        /// Its media type, such as `image/png`.
        media_type: &'a str,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The first letter of a name on a coloured ground.
    Letter {
        /// The name; `#` is drawn for an empty one.
        name: &'a str,
        /// The colour as 0xRRGGBB.
        colour: u32,
    },
}

const CARD_WIDTH: f32 = 515.0;
const CARD_HEIGHT: f32 = 630.0;
const CARD_CODE_EDGE: f32 = 400.0;
const CARD_CODE_TOP: f32 = 75.0;
const BADGE_EDGE: f32 = 94.4;
/// Width of the ring around the badge, which keeps the code away from it.
const BADGE_RING: f32 = 9.0;
const BADGE_FONT: f32 = 61.36;
/// Characters of a description line, and of the lines of a long description.
const LINE_LEN: usize = 32;
const LONG_LINE_LEN: usize = 38;
/// Bytes from which a description counts as long.
const LONG_DESCRIPTION: usize = 76;
/// Lines that are drawn at most; descriptions hold a name of any length.
const MAX_LINES: usize = 4;

/// Draws any text as a plain square code.
pub fn render(text: &str) -> Result<String, QrError> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)?;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PLAIN_EDGE} {PLAIN_EDGE}"><rect width="{PLAIN_EDGE}" height="{PLAIN_EDGE}" fill="#ffffff"/>"##
    );
    push_modules(&mut svg, &code, PLAIN_BORDER, PLAIN_BORDER, PLAIN_EDGE - 2.0 * PLAIN_BORDER);
    svg.push_str("</svg>");
    Ok(svg)
}

/// Draws a code on a card with a badge and a description.
pub fn render_card(card: &Card<'_>) -> Result<String, QrError> {
    let code = QrCode::encode_text(card.code, QrCodeEcc::Medium)?;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CARD_WIDTH} {CARD_HEIGHT}"><rect x="2" y="2" width="511" height="626" rx="40" fill="#f2f2f2" stroke="#c6c6c6" stroke-width="2"/>"##
    );
    push_modules(&mut svg, &code, (CARD_WIDTH - CARD_CODE_EDGE) / 2.0, CARD_CODE_TOP, CARD_CODE_EDGE);
    push_badge(&mut svg, &card.badge);
    push_description(&mut svg, card.description);
    svg.push_str("</svg>");
    Ok(svg)
}

/// One path of unit squares, scaled to `edge`.
fn push_modules(svg: &mut String, code: &QrCode, left: f32, top: f32, edge: f32) {
    let scale = edge / code.size() as f32;
    let _ = write!(
        svg,
        r##"<path transform="translate({left} {top}) scale({scale})" fill="#000000" shape-rendering="crispEdges" d=""##
    );
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                let _ = write!(svg, "M{x},{y}h1v1h-1z");
            }
        }
    }
    svg.push_str("\"/>");
}

fn push_badge(svg: &mut String, badge: &Badge<'_>) {
    let (x, y) = (CARD_WIDTH / 2.0, CARD_CODE_TOP + CARD_CODE_EDGE / 2.0);
    let radius = BADGE_EDGE / 2.0;
    let _ = write!(svg, r##"<circle cx="{x}" cy="{y}" r="{}" fill="#f2f2f2"/>"##, radius + BADGE_RING);
    match badge {
        Badge::Picture { media_type, bytes } => {
            let _ = write!(
                svg,
                r##"<clipPath id="badge"><circle cx="{x}" cy="{y}" r="{radius}"/></clipPath><image x="{}" y="{}" width="{BADGE_EDGE}" height="{BADGE_EDGE}" preserveAspectRatio="xMidYMid slice" clip-path="url(#badge)" href="data:{};base64,{}"/>"##,
                x - radius,
                y - radius,
                escape(media_type),
                STANDARD.encode(bytes),
            );
        }
        Badge::Letter { name, colour } => {
            let letter: String =
                name.trim().chars().next().map_or("#".to_owned(), |c| c.to_uppercase().collect());
            let _ = write!(
                svg,
                r##"<circle cx="{x}" cy="{y}" r="{radius}" fill="#{:06x}"/><text x="{x}" y="{}" text-anchor="middle" font-family="sans-serif" font-size="{BADGE_FONT}" fill="#ffffff">{}</text>"##,
                colour & 0xff_ff_ff,
                y + BADGE_FONT * 0.36,
                escape(&letter),
            );
        }
    }
}

fn push_description(svg: &mut String, description: &str) {
    let width = if description.len() > LONG_DESCRIPTION { LONG_LINE_LEN } else { LINE_LEN };
    let lines = wrap(description, width);
    // Lines stand on these heights.
    let (size, top) = if lines.len() <= 2 { (27.0, 515.0) } else { (19.0, 505.0) };
    for (index, line) in lines.iter().enumerate() {
        let _ = write!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="middle" font-family="sans-serif" font-weight="bold" font-size="{size}">{}</text>"##,
            CARD_WIDTH / 2.0,
            top + index as f32 * size * 1.2,
            escape(line),
        );
    }
}

/// Breaks at blanks, and inside words that are longer than a line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut len = 0;
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().take(width * MAX_LINES).collect();
        for (index, piece) in chars.chunks(width).enumerate() {
            if len > 0 && (index > 0 || len + 1 + piece.len() > width) {
                lines.push(std::mem::take(&mut current));
                len = 0;
            }
            if len > 0 {
                current.push(' ');
                len += 1;
            }
            current.extend(piece);
            len += piece.len();
        }
        if lines.len() >= MAX_LINES {
            break;
        }
    }
    if len > 0 {
        lines.push(current);
    }
    lines.truncate(MAX_LINES);
    lines
}

/// XML 1.0 allows few control characters; they are left out.
fn escape(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    crate::message::text::view::escape(&text.chars().filter(allowed).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_code_is_a_square_picture() {
        let svg = render("https://i.delta.chat/").unwrap();
        assert!(svg.starts_with("<svg"));
        assert!(svg.contains(r#"viewBox="0 0 512 512""#));
        assert!(svg.contains("M0,0h1v1h-1z"));
        assert!(render("").is_ok());
    }

    #[test]
    fn length_limit_is_the_one_of_level_m() {
        let error = render(&"x".repeat(3000)).unwrap_err();
        assert_eq!(error.to_string(), "Data length = 24020 bits, Max capacity = 18672 bits");
    }

    #[test]
    fn the_ring_keeps_free_what_it_covers_and_the_caption_is_close_to_the_code() {
        let card = |description| {
            let badge = Badge::Letter { name: "Anna", colour: 0 };
            render_card(&Card { code: "https://i.delta.chat/", description, badge }).unwrap()
        };
        let short = card("Scan to chat with Anna");
        assert!(short.contains(r##"r="56.2" fill="#f2f2f2"/>"##), "{short}");
        assert!(short.contains(
            r#"y="515" text-anchor="middle" font-family="sans-serif" font-weight="bold" font-size="27""#
        ));
        let long = card(&"Scan to join group ".repeat(5));
        let lines: Vec<&str> = long.split(r#"<text x="257.5" y=""#).skip(2).collect();
        assert!(lines[0].starts_with("505\"") && lines[1].starts_with("527.8\""), "{long}");
    }

    #[test]
    fn card_shows_the_description_and_not_the_code() {
        let code = "https://i.delta.chat/#FPR&a=alice%40secret.example&n=Alice";
        let card = Card {
            code,
            description: r#"Scan to chat with A "b" <c> & d"#,
            badge: Badge::Letter { name: "äpfel", colour: 0x0012_34ab },
        };
        let svg = render_card(&card).unwrap();
        assert!(svg.starts_with("<svg"));
        assert!(svg.contains("A &quot;b&quot; &lt;c&gt;"));
        assert!(svg.contains("fill=\"#1234ab\"") && svg.contains(">Ä<"));
        assert!(!svg.contains("secret.example") && !svg.contains("alice"));
    }

    #[test]
    fn picture_badges_are_embedded() {
        let badge = Badge::Picture { media_type: "image/png", bytes: b"abc" };
        let svg = render_card(&Card { code: "x", description: "y", badge }).unwrap();
        assert!(svg.contains("data:image/png;base64,YWJj"));
    }

    #[test]
    fn long_words_are_broken_and_lines_bounded() {
        let lines = wrap(&format!("Scan to chat with {}", "w".repeat(500)), LINE_LEN);
        assert_eq!(lines.len(), MAX_LINES);
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_LEN));
        assert_eq!(wrap("Scan to chat with Alice", LINE_LEN), ["Scan to chat with Alice"]);
    }
}
