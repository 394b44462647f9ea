//! Source files, told apart into code, and what is no code: comments, literals and tests.

use std::path::{Path, PathBuf};

/// A file of `src`.
pub(super) struct Source {
    /// Relative to `src`.
    pub(super) file: PathBuf,
    /// As written.
    pub(super) text: String,
    /// Its module path, empty for the library's root.
    pub(super) module: Vec<String>,
    /// Whether it is only there for tests.
    pub(super) is_test: bool,
    /// The text with comments and literals blanked.
    code: String,
    /// The same without tests.
    live: String,
}

/// A path of this crate that a file names.
pub(super) struct Import {
    /// From 1.
    pub(super) line: usize,
    /// Without `crate`.
    pub(super) path: Vec<String>,
}

/// Every file of `src`.
pub(super) fn sources(root: &Path) -> Vec<Source> {
    let src = root.join("src");
    let walk = walkdir::WalkDir::new(&src).sort_by_file_name();
    let files: Vec<PathBuf> = walk
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    let mut sources: Vec<Source> = files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            Source::new(path.strip_prefix(&src).unwrap().to_owned(), text, false)
        })
        .collect();
    let tests: Vec<Vec<String>> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test = tests.iter().any(|test| source.module.starts_with(test));
    }
    assert!(
        sources.iter().any(|s| s.is_test),
        "test files are told apart"
    );
    assert!(sources.len() > 100, "the sources are found");
    sources
}

impl Source {
    pub(super) fn new(file: PathBuf, text: String, is_test: bool) -> Self {
        let code = without_literals(&text);
        let live = without_tests(&code);
        let mut module: Vec<String> = file
            .with_extension("")
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if module
            .last()
            .is_some_and(|name| name == "mod" || name == "lib")
        {
            module.pop();
        }
        Self {
            file,
            text,
            module,
            is_test,
            code,
            live,
        }
    }

    /// Whether it belongs to a top-level module and is no test.
    pub(super) fn is_in(&self, module: &str) -> bool {
        self.module.first().is_some_and(|first| first == module)
    }

    /// Every path of this crate that is named in it, in tests too.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut found = Vec::new();
        for start in ["crate::", "mooring::"] {
            for (at, _) in self.code.match_indices(start) {
                let part_of_longer =
                    self.code[..at].ends_with(|c: char| is_name(c) || c == ':' || c == '$');
                if !part_of_longer {
                    self.add(at, &self.code[at + start.len()..], &mut found);
                }
            }
        }
        if !self.is_test {
            let up = "super::".repeat(self.module.len());
            for (at, _) in self.live.match_indices(&up).filter(|_| !up.is_empty()) {
                let rest = &self.live[at + up.len()..];
                if !self.live[..at].ends_with("super::") && !rest.starts_with("super::") {
                    self.add(at, rest, &mut found);
                }
            }
        }
        found.sort_by_key(|import| import.line);
        found
    }

    fn add(&self, at: usize, tree: &str, found: &mut Vec<Import>) {
        let line = self.code[..at].matches('\n').count() + 1;
        let mut paths = Vec::new();
        expand(&mut tree.chars().peekable(), &[], &mut paths);
        found.extend(paths.into_iter().map(|path| Import { line, path }));
    }

    /// Lines, tests apart, that contain one of the texts outside comments and literals.
    pub(super) fn lines_with(&self, texts: &[&str]) -> Vec<String> {
        let live = if self.is_test { "" } else { &self.live };
        let lines = live.lines().zip(self.text.lines()).enumerate();
        let found = lines.filter(|(_, (code, _))| texts.iter().any(|text| code.contains(text)));
        found
            .map(|(number, (_, line))| {
                format!(
                    "src/{}:{}: {}",
                    self.file.display(),
                    number + 1,
                    line.trim()
                )
            })
            .collect()
    }

    /// The module paths of files that this one includes for tests only.
    fn test_modules(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for (at, mark) in self.code.match_indices(TEST) {
            let item = after_attributes(&self.code, at + mark.len());
            let rest = self.code[item..].trim_start_matches("pub(crate) ");
            let Some((name, _)) = rest.strip_prefix("mod ").and_then(|r| r.split_once(';')) else {
                continue;
            };
            let attributes = &self.text[at..item];
            let named = attributes
                .split_once("path = \"")
                .and_then(|(_, r)| r.split_once(".rs\""));
            let (mut module, name) = match named {
                Some((file, _)) => (self.module[..self.module.len() - 1].to_vec(), file),
                None => (self.module.clone(), name),
            };
            module.push(name.to_owned());
            found.push(module);
        }
        found
    }
}

const TEST: &str = "#[cfg(test)]";

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths of a tree such as `a::{b, c::d as e}`.
fn expand(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    stem: &[String],
    paths: &mut Vec<Vec<String>>,
) {
    let mut path = stem.to_vec();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next_if_eq(&'{').is_some() {
            loop {
                expand(chars, &path, paths);
                while chars.next_if(|c| *c != ',' && *c != '}').is_some() {}
                if chars.next() != Some(',') {
                    return;
                }
            }
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| is_name(*c)) {
            name.push(c);
        }
        if !name.is_empty() {
            path.push(name);
        }
        if chars.next_if_eq(&':').is_none() {
            break;
        }
        if chars.next_if_eq(&':').is_none() {
            break;
        }
    }
    if path.len() > stem.len() {
        paths.push(path);
    }
}

/// Blanks comments, strings and characters; lines and byte positions stay.
fn without_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, out.ends_with(is_name));
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = |b: u8| if b == b'\n' { '\n' } else { ' ' };
            out.extend(rest.bytes().take(length).map(blank));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that a text starts with; 0 if there is none.
fn literal(text: &str, in_name: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if !in_name && text.starts_with(['r', 'b']) {
        let open = text.trim_start_matches(['r', 'b']);
        let hashes = open.len() - open.trim_start_matches('#').len();
        let prefix = text.len() - open.len();
        if text[..prefix].contains('r') && prefix <= 2 && open[hashes..].starts_with('"') {
            let start = prefix + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let end = text[start..].find(&close);
            return end.map_or(text.len(), |end| start + end + close.len());
        }
    }
    let quoted = |quote: char| {
        let mut chars = text.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == '\\' {
                chars.next();
            } else if c == quote {
                return at + 1;
            }
        }
        text.len()
    };
    let mut next = text.chars().skip(1);
    match (text.chars().next(), next.next(), next.next()) {
        (Some('"'), ..) => quoted('"'),
        // Everything else after such a mark is a lifetime.
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => quoted('\''),
        _ => 0,
    }
}

/// Blanks every item that is marked as a test.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for (at, _) in code.match_indices(TEST) {
        let item = after_attributes(code, at);
        let mut depth = 0;
        let length = code[item..].find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && (c == ';' || c == '}')
        });
        let end = length.map_or(code.len(), |length| item + length + 1);
        let blank = code[at..end]
            .bytes()
            .map(|b| if b == b'\n' { '\n' } else { ' ' });
        out.replace_range(at..end, &blank.collect::<String>());
    }
    out
}

/// Where the item begins that attributes stand before.
fn after_attributes(code: &str, mut at: usize) -> usize {
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        match code[at..].starts_with("#[").then(|| code[at..].find(']')) {
            Some(Some(end)) => at += end + 1,
            _ => return at,
        }
    }
}
