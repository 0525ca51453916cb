//! The files of a crate, which imports which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::source::{File, Import};

/// Longest chain of re-exports that is followed.
const MAX_HOPS: usize = 16;

/// Imports between the files of one crate. Files are numbered in the order of their paths.
pub struct Graph {
    paths: Vec<String>,
    folders: Vec<String>,
    /// From a file to another, with the names that are used.
    edges: BTreeMap<(usize, usize), BTreeSet<String>>,
}

/// Files that import each other, directly or by way of others of them.
pub struct Circle<'g> {
    graph: &'g Graph,
    files: Vec<usize>,
}

impl Graph {
    /// Finds the imports between `files`; those of tests are left out.
    pub fn of(files: Vec<File>) -> Self {
        let files = without_tests(files);
        let crate_files = Files::new(&files);
        let mut edges: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for (from, file) in files.iter().enumerate() {
            for (to, name) in crate_files.uses(file) {
                if from != to {
                    edges.entry((from, to)).or_default().insert(name);
                }
            }
        }
        let folders = files.iter().map(|file| folder_of(file, &files)).collect();
        Self { paths: files.into_iter().map(|file| file.path).collect(), folders, edges }
    }

    /// All imports as text.
    pub fn edges(&self) -> Vec<String> {
        self.edges.keys().map(|edge| self.edge(*edge)).collect()
    }

    fn edge(&self, (from, to): (usize, usize)) -> String {
        let names = self.edges.get(&(from, to)).into_iter().flatten().cloned().collect::<Vec<_>>();
        format!("{} -> {}: {}", self.paths[from], self.paths[to], names.join(", "))
    }

    /// All largest sets of two and more files in which each reaches each.
    pub fn circles(&self) -> Vec<Circle<'_>> {
        let reached: Vec<BTreeSet<usize>> = (0..self.paths.len()).map(|file| self.reached(file)).collect();
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for file in 0..self.paths.len() {
            let files: Vec<usize> =
                reached[file].iter().copied().filter(|other| reached[*other].contains(&file)).collect();
            if files.len() > 1 && done.insert(files.clone()) {
                circles.push(Circle { graph: self, files });
            }
        }
        circles
    }

    fn reached(&self, from: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for ((_, to), _) in self.edges.range((file, 0)..=(file, usize::MAX)) {
                if reached.insert(*to) {
                    open.push(*to);
                }
            }
        }
        reached
    }
}

impl Circle<'_> {
    /// Its files.
    pub fn files(&self) -> &[usize] {
        &self.files
    }

    /// The folders in which they lie.
    pub fn folders(&self) -> Vec<&str> {
        let folders: BTreeSet<&str> =
            self.files.iter().map(|file| self.graph.folders[*file].as_str()).collect();
        folders.into_iter().collect()
    }
}

impl fmt::Display for Circle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (from, to) in self.graph.edges.keys() {
            if self.files.contains(from) && self.files.contains(to) {
                writeln!(f, "  {}", self.graph.edge((*from, *to)))?;
            }
        }
        Ok(())
    }
}

/// `a.rs` with a folder `a/` lies in that folder, as `a/mod.rs` would.
fn folder_of(file: &File, files: &[File]) -> String {
    let own = file.path.strip_suffix(".rs").unwrap_or(&file.path);
    let has_folder = files.iter().any(|other| other.path.starts_with(&format!("{own}/")));
    let folder = if has_folder { Some(own) } else { file.path.rsplit_once('/').map(|(folder, _)| folder) };
    folder.unwrap_or("the root").to_owned()
}

/// Drops the modules that only tests compile, with all below them.
fn without_tests(files: Vec<File>) -> Vec<File> {
    let mut tests: Vec<Vec<String>> = Vec::new();
    for file in &files {
        tests.extend(
            file.tests.iter().map(|name| [file.module.as_slice(), std::slice::from_ref(name)].concat()),
        );
    }
    let is_test = |file: &File| tests.iter().any(|test| file.module.starts_with(test));
    files.into_iter().filter(|file| !is_test(file)).collect()
}

/// The files of a crate by module.
struct Files<'f> {
    files: &'f [File],
    by_module: HashMap<&'f [String], usize>,
}

impl<'f> Files<'f> {
    fn new(files: &'f [File]) -> Self {
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.as_slice(), at)).collect();
        Self { files, by_module }
    }

    /// The files that `file` takes names from, with the names.
    fn uses(&self, file: &File) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for import in &file.imported {
            // A name that is only handed on ties nothing: who uses it is followed to where it is defined.
            if !import.handed_on || file.words.contains(&import.name) {
                let path = self.absolute(file, &import.path);
                found.extend(path.and_then(|path| self.definition(&path, MAX_HOPS)));
            }
        }
        for path in &file.paths {
            found.extend(self.absolute(file, path).and_then(|path| self.definition(&path, MAX_HOPS)));
        }
        for path in &file.globs {
            found.extend(self.absolute(file, path).and_then(|path| self.glob(file, &path)));
        }
        found
    }

    /// All names of a module that is not below: from there they can only be meant for use.
    fn glob(&self, file: &File, path: &[String]) -> Option<(usize, String)> {
        let at = *self.by_module.get(path)?;
        (!self.files[at].module.starts_with(&file.module)).then(|| (at, "*".to_owned()))
    }

    /// A path as seen from the root of the crate; `None` if it leads into another crate or to a local type.
    fn absolute(&self, file: &File, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => file.module.clone(),
            "super" => file.module.split_last()?.1.to_vec(),
            name => return self.relative(file, name, rest),
        };
        let mut start = start;
        let mut rest = rest;
        while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
            start.pop();
            rest = after;
        }
        Some([start.as_slice(), rest].concat())
    }

    fn relative(&self, file: &File, name: &str, rest: &[String]) -> Option<Vec<String>> {
        if file.children.iter().any(|child| child == name) {
            return Some([file.module.as_slice(), &[name.to_owned()], rest].concat());
        }
        // An import that begins with its own name comes from another crate.
        let known =
            |import: &&Import| import.name == name && import.path.first().is_some_and(|first| first != name);
        let import = file.imported.iter().find(known)?;
        Some([self.absolute(file, &import.path)?.as_slice(), rest].concat())
    }

    /// The file that defines what a path names, and the name. A module alone is nothing that is used.
    fn definition(&self, path: &[String], hops: usize) -> Option<(usize, String)> {
        let known = (0..=path.len()).rev().find(|len| self.by_module.contains_key(&path[..*len]))?;
        let at = *self.by_module.get(&path[..known])?;
        let file = &self.files[at];
        let (name, rest) = path[known..].split_first()?;
        if !file.defined.contains(name) && hops > 0 {
            if let Some(import) = file.imported.iter().find(|import| import.name == *name) {
                let target = self.absolute(file, &import.path)?;
                return self.definition(&[target.as_slice(), rest].concat(), hops - 1);
            }
            for glob in &file.globs {
                let found = self.absolute(file, glob).and_then(|target| {
                    let found = self.definition(&[target.as_slice(), &path[known..]].concat(), hops - 1)?;
                    self.files[found.0].defined.contains(&found.1).then_some(found)
                });
                if found.is_some() {
                    return found;
                }
            }
        }
        Some((at, name.clone()))
    }
}
