//! Data in other people's syntax: nothing in a value may act on a terminal or become markup.

use crate::domain::visible::visible;

/// Text for a terminal: control characters and those that reorder or hide text are spelt out.
pub fn terminal(text: &str) -> String {
    visible(text)
}

/// Text for XML: as for a terminal, without the two characters that no document may hold.
pub(super) fn xml(text: &str) -> String {
    let mut safe = terminal(text);
    if safe.contains(['\u{fffe}', '\u{ffff}']) {
        safe = safe.replace('\u{fffe}', "\\u{fffe}");
        safe = safe.replace('\u{ffff}', "\\u{ffff}");
    }
    safe
}

/// A Markdown code span: nothing within it is markup. In a table, see [`cell`].
pub(super) fn code(text: &str) -> String {
    let text = terminal(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Markdown for a cell of a table.
pub(super) fn cell(markdown: &str) -> String {
    markdown.replace('|', "\\|")
}

/// A fenced Markdown block.
pub(super) fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(terminal).collect();
    let text = lines.join("\n");
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{fence}text\n{text}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text in HTML, on one line.
pub(super) fn html(text: &str) -> String {
    markup(&terminal(text))
}

/// Text in HTML or XML, between tags or in an attribute in double quotes.
pub(super) fn markup(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Running text in Markdown, without markup, links or mentions of its own, wherever it stands.
pub(super) fn prose(text: &str) -> String {
    let text = terminal(text.trim());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // What would begin a list.
    let begins = match text.as_bytes().get(digits) {
        Some(b'-') if digits == 0 => Some(digits),
        Some(b'.') if digits > 0 => Some(digits),
        _ => None,
    };
    let mut safe = String::with_capacity(text.len());
    for (place, c) in text.char_indices() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '~' | '!' | '+' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            c if begins == Some(place) => {
                safe.push('\\');
                safe.push(c);
            }
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '@' => safe.push_str("&#64;"),
            c => safe.push(c),
        }
    }
    safe.replace("://", ":&#47;&#47;")
        .replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_acts_on_a_terminal() {
        assert_eq!(
            terminal("a\u{1b}[31m\u{202e}\u{9b}b\tc\u{7f}é"),
            "a\\u{1b}[31m\\u{202e}\\u{9b}b\\tc\\u{7f}é"
        );
    }

    #[test]
    fn no_value_leaves_its_code_span() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(cell(&code("`<b>|")), "`` `<b>\\| ``");
        assert_eq!(code("x\n\n# y"), "`x\\n\\n# y`");
        assert_eq!(block("```\nx"), "````text\n```\nx\n````");
    }

    #[test]
    fn prose_has_no_markup_of_its_own() {
        assert_eq!(
            prose("*a* <b> @c https://d [e](f) tags_all"),
            "\\*a\\* &lt;b&gt; &#64;c https:&#47;&#47;d \\[e\\]\\(f\\) tags\\_all"
        );
        assert_eq!(prose(" - a - 1."), "\\- a - 1.");
        assert_eq!(prose("12. a"), "12\\. a");
    }
}
