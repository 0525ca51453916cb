//! One source file: which module it is, what it defines, imports and names.

use std::io;
use std::path::Path;

use super::tokens::{self, Token};

/// What one source file says about others.
#[derive(Debug, Default)]
pub struct File {
    /// Path below `src/`.
    pub path: String,
    /// Module path; empty at the root of a crate.
    pub module: Vec<String>,
    /// Names of items.
    pub defined: Vec<String>,
    /// Child modules that have a file of their own.
    pub children: Vec<String>,
    /// Child modules that only tests compile.
    pub tests: Vec<String>,
    /// What `use` brings in.
    pub imported: Vec<Import>,
    /// Modules of which `use` brings in all names.
    pub globs: Vec<Vec<String>>,
    /// Paths of two and more segments in the code.
    pub paths: Vec<Vec<String>>,
    /// All single words, to tell a re-export from a use.
    pub words: std::collections::HashSet<String>,
}

/// A name that `use` brings in.
#[derive(Debug)]
pub struct Import {
    /// The name here; `_` for a trait without name.
    pub name: String,
    /// The path it stands for.
    pub path: Vec<String>,
    /// It is `pub`: other files may take it from here.
    pub handed_on: bool,
}

/// All files of a crate that are part of its library or programs.
pub fn files_of(folder: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    let src = folder.join("src");
    let mut open = vec![src.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.push(File::read(&format!("src/{name}"), &std::fs::read_to_string(&path)?));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

impl File {
    /// Reads the text of the file `src/…`.
    pub fn read(path: &str, text: &str) -> Self {
        let path = path.strip_prefix("src/").unwrap_or(path).to_owned();
        let module = module_of(&path);
        let (tokens, tests) = tokens::without_tests(tokens::read(text));
        let mut file = Self { path, module, tests, ..Self::default() };
        file.take(&tokens);
        file
    }

    fn take(&mut self, tokens: &[Token]) {
        let mut at = 0;
        while at < tokens.len() {
            let Some(word) = tokens[at].word() else {
                at += 1;
                continue;
            };
            let next = tokens.get(at + 1).and_then(Token::word);
            match (word, next) {
                ("use", _) => {
                    let before = tokens[..at].last();
                    let handed_on = before.is_some_and(|token| token.word() == Some("pub") || token.is(')'));
                    at = self.take_use(tokens, at + 1, handed_on);
                }
                ("mod", Some(name)) => {
                    if tokens.get(at + 2).is_some_and(|token| token.is(';')) {
                        self.children.push(name.to_owned());
                    }
                    at += 2;
                }
                ("struct" | "enum" | "trait" | "type" | "const" | "static" | "fn" | "union", Some(name)) => {
                    self.defined.push(name.to_owned());
                    at += 2;
                }
                _ => at = self.take_path(tokens, at),
            }
        }
    }

    /// A path in the code, such as `messages::load`; single words are only remembered.
    fn take_path(&mut self, tokens: &[Token], start: usize) -> usize {
        let mut segments = vec![word_at(tokens, start)];
        let mut at = start + 1;
        while tokens.get(at) == Some(&Token::Path)
            && let Some(word) = tokens.get(at + 1).and_then(Token::word)
        {
            segments.push(word.to_owned());
            at += 2;
        }
        // After a dot or a closing angle bracket it is a member, not a path from here.
        let is_member = start > 0 && matches!(&tokens[start - 1], Token::Sign('.') | Token::Path);
        if !is_member {
            self.words.insert(segments[0].clone());
            if segments.len() > 1 {
                self.paths.push(segments);
            }
        }
        at
    }

    /// The tree of a `use`, up to its semicolon.
    fn take_use(&mut self, tokens: &[Token], start: usize, handed_on: bool) -> usize {
        let length = tokens[start..].iter().position(|token| token.is(';')).unwrap_or(tokens.len() - start);
        let before = self.imported.len();
        self.take_tree(&tokens[start..start + length], &mut 0, &[]);
        self.imported[before..].iter_mut().for_each(|import| import.handed_on = handed_on);
        start + length + 1
    }

    fn take_tree(&mut self, tree: &[Token], at: &mut usize, prefix: &[String]) {
        let mut path = prefix.to_vec();
        while let Some(token) = tree.get(*at) {
            *at += 1;
            match token {
                Token::Word(word) if word == "as" => {
                    let name = tree.get(*at).and_then(Token::word).unwrap_or("_").to_owned();
                    *at += 1;
                    self.import(name, path);
                    return;
                }
                Token::Word(word) => path.push(word.clone()),
                Token::Path => {}
                Token::Sign('*') => {
                    self.globs.push(path);
                    return;
                }
                Token::Sign('{') => {
                    while tree.get(*at).is_some_and(|token| !token.is('}')) {
                        self.take_tree(tree, at, &path);
                        *at += usize::from(tree.get(*at).is_some_and(|token| token.is(',')));
                    }
                    *at += 1;
                    return;
                }
                Token::Sign(_) => {
                    // A comma or the closing brace of the list this tree stands in.
                    *at -= 1;
                    break;
                }
            }
        }
        let name = path.last().cloned().unwrap_or_default();
        self.import(name, path);
    }

    fn import(&mut self, name: String, mut path: Vec<String>) {
        let mut name = name;
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
            if name == "self" {
                name = path.last().cloned().unwrap_or_default();
            }
        }
        self.imported.push(Import { name, path, handed_on: false });
    }
}

fn word_at(tokens: &[Token], at: usize) -> String {
    tokens.get(at).and_then(Token::word).unwrap_or_default().to_owned()
}

/// `a/mod.rs` and `a.rs` are module `a`; the roots of libraries and programs are the module without name.
fn module_of(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let is_root = module.len() == 1 && matches!(module[0].as_str(), "lib" | "main");
    if is_root || module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}
