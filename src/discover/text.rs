//! Facts from a file that does not parse: what its lines look like.

use super::Mark;
use super::facts::{Base, Facts, PathUse};
use super::paths;

/// Guesses line by line, in HCL and in JSON; rather too much than too little.
pub(super) fn facts(text: &str) -> Facts {
    let mut facts = Facts::default();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let word_end = line
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '{' | '=' | ':'))
            .unwrap_or(line.len());
        let (word, rest) = line.split_at(word_end);
        let rest = rest.trim_start();
        match word {
            "backend" if rest.starts_with('"') => facts.mark(Mark::Backend {
                kind: rest.split('"').nth(1).unwrap_or_default().to_owned(),
            }),
            "cloud" if rest.starts_with('{') => facts.mark(Mark::Cloud),
            "provider" if rest.starts_with('"') => facts.mark(Mark::Provider),
            "resource" if rest.starts_with('"') => facts.mark(Mark::Resource),
            "module" if rest.starts_with('"') => facts.mark(Mark::Module),
            "source" if rest.starts_with('=') => {
                if let Some(source) = rest.split('"').nth(1).filter(|text| text.starts_with('.')) {
                    facts.call(source);
                }
            }
            "" => json_key(line, &mut facts),
            _ => {}
        }
        for quoted in line.split('"').skip(1).step_by(2) {
            path(quoted, &mut facts);
        }
    }
    facts
}

fn json_key(line: &str, facts: &mut Facts) {
    let mut quoted = line.split('"').skip(1).step_by(2);
    match quoted.next() {
        Some("backend") => facts.mark(Mark::Backend {
            kind: quoted.next().unwrap_or_default().to_owned(),
        }),
        Some("cloud") => facts.mark(Mark::Cloud),
        Some("provider") => facts.mark(Mark::Provider),
        Some("resource") => facts.mark(Mark::Resource),
        Some("source") => {
            if let Some(source) = quoted.next().filter(|text| text.starts_with('.')) {
                facts.call(source);
            }
        }
        _ => {}
    }
}

fn path(quoted: &str, facts: &mut Facts) {
    let (base, path) = [
        ("${path.module}/", Base::Module),
        ("${path.root}/", Base::Root),
        ("${path.cwd}/", Base::Root),
    ]
    .into_iter()
    .find_map(|(start, base)| Some((base, quoted.strip_prefix(start)?)))
    .unwrap_or((Base::Either, quoted));
    let path = path
        .split_once("${")
        .map_or(path, |(constant, _)| paths::directory_part(constant));
    if paths::leads_out(path) {
        facts.paths.insert(PathUse {
            base,
            path: path.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_calls_and_paths_are_guessed() {
        let found = facts(
            "terraform {\n  backend \"s3\" {\n# resource \"x\"\nmodule \"m\" {\n  source   = \"../m\"\n\
             x = file(\"${path.module}/../y/${var.z}.json\")",
        );
        assert_eq!(
            found.mark,
            Some(Mark::Backend {
                kind: "s3".to_owned()
            })
        );
        assert!(found.calls.contains("../m"));
        assert!(found.paths.contains(&PathUse {
            base: Base::Module,
            path: "../y".to_owned()
        }));
        assert_eq!(facts("\"provider\": {").mark, Some(Mark::Provider));
        assert_eq!(facts("resources = 1\nprovider_x \"y\"").mark, None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "(?s).{0,200}") {
            facts(&text);
        }
    }
}
