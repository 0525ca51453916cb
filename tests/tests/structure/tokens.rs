//! Rust source as a list of words and signs. Comments and texts are dropped, and so is what only tests compile.

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An identifier or keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other character.
    Sign(char),
}

impl Token {
    /// The identifier, if it is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this character.
    pub fn is(&self, sign: char) -> bool {
        *self == Token::Sign(sign)
    }
}

/// The tokens of `text` without comments and literals.
pub fn read(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        if c == '/' && next == '/' {
            at = position(&chars, at, |c| c == '\n');
        } else if c == '/' && next == '*' {
            at = after_block_comment(&chars, at + 2);
        } else if c == '"' {
            at = after_text(&chars, at + 1);
        } else if c == '\'' {
            at = after_quote(&chars, at);
        } else if c == ':' && next == ':' {
            tokens.push(Token::Path);
            at += 2;
        } else if c == '_' || c.is_alphanumeric() {
            let end = position(&chars, at, |c| c != '_' && !c.is_alphanumeric());
            let word: String = chars[at..end].iter().collect();
            at = match raw_text(&chars, end, &word) {
                Some(after) => after,
                None => {
                    tokens.push(Token::Word(word));
                    end
                }
            };
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            at += 1;
        }
    }
    tokens
}

fn position(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |at| from + at)
}

fn after_block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 1;
    while at < chars.len() && depth > 0 {
        match (chars[at], chars.get(at + 1)) {
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
            }
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    at
}

fn after_text(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// A character literal is skipped; of a lifetime only the quote.
fn after_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => position(chars, at + 3, |c| c == '\'') + 1,
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

/// Where a text with the prefix `word` (`b`, `r`, `br`, `c`…) ends. `None` if there is no such text.
fn raw_text(chars: &[char], at: usize, word: &str) -> Option<usize> {
    if !matches!(word, "r" | "b" | "c" | "br" | "cr") {
        return None;
    }
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return (word == "b" && chars.get(at) == Some(&'\'')).then(|| after_quote(chars, at));
    }
    if !word.contains('r') {
        return (hashes == 0).then(|| after_text(chars, at + 1));
    }
    let mut from = at + hashes + 1;
    loop {
        let quote = position(chars, from, |c| c == '"');
        let closing =
            chars[(quote + 1).min(chars.len())..].iter().take(hashes).take_while(|c| **c == '#').count();
        if quote >= chars.len() || closing == hashes {
            return Some((quote + 1 + hashes).min(chars.len()));
        }
        from = quote + 1;
    }
}

/// Splits off what only tests compile: the rest, and the names of the modules that are tests.
pub fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    let mut kept = Vec::new();
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            let end = end_of_item(&tokens, at);
            let item = &tokens[at..end];
            let named = item.windows(2).find(|pair| pair[0].word() == Some("mod"));
            modules.extend(named.and_then(|pair| pair[1].word()).map(str::to_owned));
            at = end;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, modules)
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    let words = ["cfg", "test"].map(|word| Token::Word(word.to_owned()));
    let [cfg, test] = &words;
    let sign = Token::Sign;
    tokens.starts_with(&[sign('#'), sign('['), cfg.clone(), sign('('), test.clone(), sign(')'), sign(']')])
}

/// The end of the item whose first attribute is at `at`: its semicolon, or the brace that closes its body.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.is('#')) {
        at = after_group(tokens, at + 1, '[', ']');
    }
    while at < tokens.len() {
        if tokens[at].is(';') {
            return at + 1;
        }
        if tokens[at].is('{') {
            let end = after_group(tokens, at, '{', '}');
            return end + usize::from(tokens.get(end).is_some_and(|token| token.is(';')));
        }
        at += 1;
    }
    at
}

fn after_group(tokens: &[Token], mut at: usize, open: char, close: char) -> usize {
    let mut depth = 0;
    while at < tokens.len() {
        depth += i32::from(tokens[at].is(open)) - i32::from(tokens[at].is(close));
        at += 1;
        if depth <= 0 {
            break;
        }
    }
    at
}
