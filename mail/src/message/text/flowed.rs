//! `format=flowed` (RFC 3676), which other programs send.

/// Joins flowed lines. `delsp` tells that the blank before a soft line end is no part of the text.
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut joining = false;
    for (index, line) in text.split('\n').enumerate() {
        let mut line = line;
        if joining {
            line = line.trim_start_matches('>');
        } else if index > 0 {
            out.push('\n');
        }
        line = line.strip_prefix(' ').unwrap_or(line);
        joining = line.ends_with(' ');
        if joining && delsp {
            line = &line[..line.len() - 1];
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_line_ends_are_joined() {
        assert_eq!(unflow("Long \nquote.", false), "Long quote.");
        assert_eq!(unflow("Long \n> quote.", false), "Long quote.");
        assert_eq!(unflow("Long \nquote.", true), "Longquote.");
        assert_eq!(unflow("hard\n stuffed\n  two", false), "hard\nstuffed\n two");
    }
}
