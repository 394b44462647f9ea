//! Plain text in lines of 72 columns. Values are never broken: somebody may copy them.

use unicode_width::UnicodeWidthStr;

/// What still fits into 80 when somebody answers and it is quoted a few times.
const COLUMNS: usize = 72;

/// The text with `first` before its first line and `rest` before the others.
pub(super) fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut holds_word = false;
    for word in words(text) {
        let fits = line.width() + 1 + word.width() <= COLUMNS;
        if holds_word && fits {
            line.push(' ');
        } else if holds_word {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = rest.to_owned();
        }
        line.push_str(word);
        holds_word = true;
    }
    lines + line.trim_end()
}

/// Words as far as a line may be broken between them: what stands in quotes or brackets is one, as
/// long as it is closed.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..) {
        let length = word_length(rest);
        let Some(word) = rest.get(..length) else {
            break;
        };
        if !word.is_empty() {
            words.push(word);
        }
        // The space after it.
        start += length + 1;
    }
    words
}

fn word_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut first_space = None;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && !quoted => return at,
            ' ' if first_space.is_none() => first_space = Some(at),
            _ => {}
        }
    }
    if depth == 0 && !quoted {
        text.len()
    } else {
        first_space.unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_between_words_and_never_within_values() {
        let value = "\"a value of several words that is longer than any line should be, really\"";
        let text = format!(
            "It was {value} and nobody knows why it is so, or whether it has to be, or until when."
        );
        let wrapped = wrap(&text, "- ", "  ");
        assert_eq!(
            wrapped,
            format!(
                "- It was\n  {value}\n  and nobody knows why it is so, or whether it has to be, or \
                 until when."
            )
        );
        assert_eq!(wrap("a [b c", "", ""), "a [b c");
        assert_eq!(wrap("", "- ", "  "), "-");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-z\"\\[\\]{} é日]{0,300}") {
            let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(joined(&wrap(&text, "", "")), joined(&text));
        }

        #[test]
        fn short_words_make_short_lines(text in "[a-z ]{0,500}") {
            prop_assume!(text.split(' ').all(|word| word.len() < 70));
            for line in wrap(&text, "- ", "  ").lines() {
                prop_assert!(line.len() <= COLUMNS, "{}", line);
            }
        }
    }
}
