//! QR codes as text for terminals.

use qrcodegen::{DataTooLong, QrCode, QrCodeEcc};

/// Light modules around the code that scanners need (ISO/IEC 18004 asks for four; two suffice on a dark screen).
const QUIET_ZONE: i32 = 2;

/// Draws `text` with two modules a character cell: light modules are drawn, dark ones left to the dark background.
/// Every line ends with a line feed.
pub(super) fn render(text: &str) -> Result<String, DataTooLong> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low)?;
    let light = |x: i32, y: i32| !code.get_module(x, y);
    let range = -QUIET_ZONE..code.size() + QUIET_ZONE;
    let mut out = String::new();
    for y in range.clone().step_by(2) {
        for x in range.clone() {
            // Below the last row there is only the terminal.
            let below = y + 1 < range.end && light(x, y + 1);
            out.push(match (light(x, y), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_all_modules_with_their_border() {
        let text = "https://example.org";
        let drawn = render(text).unwrap();
        let size = QrCode::encode_text(text, QrCodeEcc::Low).unwrap().size() as usize + 4;
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), size.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == size));
        assert!(lines[0].chars().all(|c| c == '█'));
        // The upper left finder pattern: a dark ring begins right after the border.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ "), "{}", lines[1]);
    }

    #[test]
    fn too_much_text_is_refused() {
        assert!(render(&"x".repeat(3000)).is_err());
    }
}
