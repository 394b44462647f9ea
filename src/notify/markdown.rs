//! Notices as Markdown for GitHub and GitLab. Nothing that comes from elsewhere formats text, calls
//! anybody, or refers to another issue.

use super::chat::code;
use super::content::Content;
use super::section::Item;
use super::words::cut;

/// Characters after which these services look for a name or a number to refer to.
const REFERRING: [char; 6] = ['@', '#', '!', '~', '%', '$'];

/// Text in which nothing is markup. A name right after `@` would be called even behind a backslash,
/// so something without width stands between them.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;\u{200b}"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_ascii_punctuation() && !matches!(c, ',' | '.' | ':' | ';' | '/' | '\'') => {
                // GitHub and GitLab read `:name:` and `GH-1` too; a picture or a link is no harm.
                escaped.extend(['\\', c]);
                if REFERRING.contains(&c) {
                    escaped.push('\u{200b}');
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// All that a notice says, in at most `longest` characters; an entry is never torn apart.
pub(super) fn whole(content: &Content, longest: usize) -> String {
    let mut text = brief(content);
    let mut left_out = false;
    let mut push = |part: String| {
        left_out |= text.chars().count() + part.chars().count() + 40 > longest;
        if !left_out {
            text.push_str(&part);
        }
    };
    for section in &content.sections {
        push(format!("\n**{}**\n\n", escape(section.title)));
        for item in &section.items {
            push(entry(item));
        }
        if let Some(more) = &section.more {
            push(format!("- {}\n", escape(more)));
        }
    }
    if left_out {
        text.push_str("\n… this is not all of it\n");
    }
    text
}

/// Where, what, how bad, and since when.
pub(super) fn brief(content: &Content) -> String {
    let mut text = format!("**{}**\n\n", escape(&cut(&content.headline, 500)));
    for fact in &content.facts {
        text.push_str(&format!("- {}\n", escape(&cut(fact, 500))));
    }
    text
}

fn entry(item: &Item) -> String {
    let mut text = format!("- {}\n", item.head(code, escape));
    let link = |place: &str, to: &str| format!("[{}]({to})", escape(place));
    for line in &item.lines {
        text.push_str(&format!("  - {}\n", line.form(code, escape, link)));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::content::content;
    use super::super::samples;
    use super::*;

    #[test]
    fn drift_in_markdown() {
        insta::assert_snapshot!(whole(&content(&samples::drift()), 60_000));
    }

    #[test]
    fn nothing_in_a_text_calls_anybody_or_refers_to_anything() {
        let hostile = "@acme/team fixes #12 **bold** <img src=x> [a](b) !3 ~bug `x` &1 /close";
        let shown = escape(hostile);
        for sign in ["@acme", "#12", "<img", "!3", "~bug", "&1", "&amp;1"] {
            assert!(!shown.contains(sign), "{shown}");
        }
        let parser = pulldown_cmark::Parser::new(&shown);
        let text: String = parser
            .map(|event| match event {
                pulldown_cmark::Event::Text(text) => text.to_string(),
                pulldown_cmark::Event::Start(pulldown_cmark::Tag::Paragraph)
                | pulldown_cmark::Event::End(pulldown_cmark::TagEnd::Paragraph) => String::new(),
                other => panic!("{other:?} in {shown}"),
            })
            .collect();
        assert_eq!(text.replace('\u{200b}', ""), hostile);
    }

    #[test]
    fn a_long_notice_is_cut_between_entries() {
        let text = whole(&content(&samples::drift()), 600);
        assert!(text.chars().count() <= 600, "{text}");
        assert!(text.ends_with("… this is not all of it\n"), "{text}");
    }
}
