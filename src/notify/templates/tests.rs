//! Templates of one's own: what is refused, what they can do, and what they cannot.

use insta::assert_snapshot;
use minijinja::value::ValueKind;

use super::super::samples;
use super::*;
use crate::domain::notice::Notice;

struct Directory(tempfile::TempDir);

impl Directory {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    fn read(&self) -> Result<Templates, Vec<TemplateError>> {
        Templates::read(self.0.path())
    }

    /// The errors, without the place of this directory.
    fn errors(&self) -> String {
        let place = format!("{}/", self.0.path().display());
        let errors = self.read().expect_err("refused");
        let lines = errors.iter().map(|e| format!("{e} ({})", e.remedy()));
        lines.collect::<Vec<_>>().join("\n").replace(&place, "")
    }
}

fn mail(templates: Templates, notice: &Notice) -> super::super::render::Mail {
    let renderer = Renderer::new(templates).unwrap();
    let data = Data::new(&content(notice), notice, "team", &TimeZone::UTC);
    renderer.mail(&data).unwrap()
}

#[test]
fn each_file_stands_in_for_its_part_alone() {
    let dir = Directory::with(&[("subject.txt", "{{ severity }} in {{ stack or 'many' }}\n")]);
    let own = mail(dir.read().unwrap(), &samples::drift());
    let built_in = mail(Templates::default(), &samples::drift());
    assert_eq!(own.subject.trim(), "high in infra/live/web@prod");
    assert_eq!((own.text, own.html), (built_in.text, built_in.html));
}

#[test]
fn a_template_can_extend_the_built_in_one() {
    let dir = Directory::with(&[
        (
            "mail.html",
            "{% extends 'mail.html' %}{% block bottom %}Ask <b>{{ receiver }}</b>{% endblock %}",
        ),
        (
            "mail.txt",
            "{% extends 'mail.txt' %}{% block top %}To you:\n{% endblock %}",
        ),
    ]);
    let own = mail(dir.read().unwrap(), &samples::drift());
    assert!(own.html.contains("Ask <b>team</b>"), "{}", own.html);
    assert!(!own.html.contains("Sent by Mooring"));
    assert!(
        own.html.contains("&lt;b&gt;*hacked*"),
        "what it extends is escaped"
    );
    assert!(own.text.starts_with("To you:\n"), "{}", own.text);
}

#[test]
fn what_a_template_prints_into_html_is_escaped() {
    let dir = Directory::with(&[(
        "mail.html",
        "{% for s in sections %}{{ s.items }}{% endfor %} .",
    )]);
    let own = mail(dir.read().unwrap(), &samples::drift());
    assert!(!own.html.contains("<b>*hacked*"), "{}", own.html);
}

#[test]
fn mistakes_are_told_with_file_and_line() {
    let dir = Directory::with(&[
        (
            "mail.html",
            "<p>\n{{ headline }}\n{{ sections[0].titel }}</p>",
        ),
        ("mail.txt", "{% for fact in facts %}\n{{ fact }}\n"),
        ("subject.txt", "{# nothing #}\n"),
        ("mail.htm", ""),
    ]);
    assert_snapshot!(dir.errors());
}

#[test]
fn a_directory_has_to_hold_templates() {
    assert_snapshot!(Directory::with(&[(".gitkeep", ""), ("mail.txt~", "")])
        .read()
        .expect_err("refused")
        .iter()
        .map(|error| error.remedy())
        .collect::<String>(), @"the files are called subject.txt, mail.txt, mail.html; any of them may be left out");
    let gone = Templates::read(Path::new("/nonexistent/templates")).expect_err("refused");
    assert!(gone[0].to_string().contains("No such file"), "{gone:?}");
    let large = " ".repeat(300 * 1024);
    let errors = Directory::with(&[("mail.txt", &large)]).errors();
    assert!(errors.contains("larger than 256 KiB"), "{errors}");
}

#[test]
fn a_template_can_neither_run_for_ever_nor_fill_the_memory() {
    for endless in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}x",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in range(9999) %}{{ headline * 999 }}{% endfor %}",
    ] {
        let errors = Directory::with(&[("mail.txt", endless)]).errors();
        assert!(errors.contains("mail.txt:1:"), "{errors}");
    }
}

#[test]
fn a_template_reads_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "hunter22").unwrap();
    for how in ["include", "import"] {
        let end = if how == "import" { " as x" } else { "" };
        let text = format!("{{% {how} '{}'{end} %}}x", secret.display());
        let errors = Directory::with(&[("mail.txt", &text)]).errors();
        assert!(errors.contains("template not found"), "{errors}");
        assert!(!errors.contains("hunter22"));
    }
}

#[test]
fn nothing_masked_is_there_to_be_printed() {
    let dir = Directory::with(&[("mail.txt", "{{ debug() }}{{ sections }}{{ brief }}")]);
    let own = mail(dir.read().unwrap(), &samples::drift());
    assert!(own.text.contains("the value is sensitive and not shown"));
    for fingerprint in ["\"aa\"", "\"bb\"", "fingerprint"] {
        assert!(!own.text.contains(fingerprint), "{}", own.text);
    }
}

#[test]
fn a_template_that_fails_later_is_replaced_by_the_built_in_one() {
    let dir = Directory::with(&[(
        "mail.txt",
        "{% if facts | length > 9 %}{{ facts[99].x }}{% endif %}mine",
    )]);
    let templates = dir.read().expect("no sample has so many facts");
    let renderer = Renderer::new(templates).unwrap();
    let notice = samples::drift();
    let mut words = content(&notice);
    let mail = renderer
        .mail(&Data::new(&words, &notice, "team", &TimeZone::UTC))
        .unwrap();
    assert_eq!(mail.text, "mine");
    words.facts = vec!["a fact".to_owned(); 10];
    let mail = renderer
        .mail(&Data::new(&words, &notice, "team", &TimeZone::UTC))
        .unwrap();
    assert!(mail.text.contains("a fact\na fact"), "{}", mail.text);
}

/// Names of everything in the context, however deep.
fn names(value: &minijinja::Value, found: &mut std::collections::BTreeSet<String>) {
    match value.kind() {
        ValueKind::Map => {
            for key in value.try_iter().unwrap() {
                found.insert(key.to_string());
                names(&value.get_item(&key).unwrap(), found);
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            value
                .try_iter()
                .unwrap()
                .for_each(|item| names(&item, found));
        }
        _ => {}
    }
}

#[test]
fn everything_that_a_template_can_use_is_documented() {
    let mut found = std::collections::BTreeSet::new();
    for notice in samples::all() {
        names(
            Data::new(&content(&notice), &notice, "team", &TimeZone::UTC).value(),
            &mut found,
        );
    }
    assert!(found.len() > 20, "{found:?}");
    for name in found {
        assert!(
            ABOUT.contains(&format!("`{name}`")),
            "`{name}` is not in about.md"
        );
    }
}
