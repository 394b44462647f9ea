//! Making values fit a line: how wide a text is, how much of each value is shown, and of lists only
//! what differs.

use unicode_width::UnicodeWidthChar;

use crate::domain::value::Value;

/// A value keeps at least this much of itself.
pub(super) const SHORTEST_VALUE: usize = 8;

/// Columns that a text takes on a terminal, never fewer: wide characters take two.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    match c {
        // It makes the sign before it an emoji, which is wide.
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}

/// The text, in at most `room` columns, cut in the middle: ends tell values apart.
pub(super) fn cut(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let head = kept.div_ceil(2);
    let start = within(text.chars(), head);
    let end = within(text.chars().rev(), kept - head);
    let end: String = end.chars().rev().collect();
    format!("{start}…{end}")
}

fn within(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|c| {
            used += width(*c);
            used <= room
        })
        .collect()
}

/// The text with spaces up to `room` columns.
pub(super) fn pad(text: &str, room: usize) -> String {
    let missing = room.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// The text in lines of at most `room` columns, broken at spaces; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let size = columns(word);
        if used > 0 && used + 1 + size > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += size;
    }
    lines.push(line);
    lines
}

/// How much of each value fits if all of them are to fit into the room; short ones leave their
/// part to the others. Without limit if all fit as they are.
pub(super) fn share(mut room: usize, mut lengths: Vec<usize>) -> usize {
    lengths.sort_unstable();
    let mut left = lengths.len();
    for length in lengths {
        let share = room / left.max(1);
        if length > share {
            return share.max(SHORTEST_VALUE);
        }
        room -= length;
        left -= 1;
    }
    usize::MAX
}

/// The items of a list; null is an empty one.
pub(super) fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        Value::Null => Some(&[]),
        _ => None,
    }
}

/// Items of the first list only, of the second only, and how many they share.
pub(super) fn difference<'a>(
    from: &'a [Value],
    to: &'a [Value],
) -> (Vec<&'a Value>, Vec<&'a Value>, usize) {
    let mut new: Vec<&Value> = to.iter().collect();
    let mut gone = Vec::new();
    for item in from {
        match new.iter().position(|other| *other == item) {
            Some(place) => {
                new.remove(place);
            }
            None => gone.push(item),
        }
    }
    let same = from.len() - gone.len();
    (gone, new, same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_leave_their_part_to_long_ones() {
        assert_eq!(share(30, vec![10, 10, 10]), usize::MAX);
        assert_eq!(share(30, vec![4, 92, 92]), 13);
        assert_eq!(share(5, vec![50, 50]), SHORTEST_VALUE);
    }

    #[test]
    fn lists_differ_by_items_wherever_they_stand() {
        let list = |text: &str| -> Vec<Value> {
            text.chars().map(|c| Value::String(c.to_string())).collect()
        };
        let (from, to) = (list("aab"), list("bca"));
        let (gone, new, same) = difference(&from, &to);
        assert_eq!(gone, [&Value::String("a".into())]);
        assert_eq!(new, [&Value::String("c".into())]);
        assert_eq!(same, 2);
    }

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(cut("0123456789", 10), "0123456789");
        assert_eq!(cut("0123456789", 7), "012…789");
        assert_eq!(cut("0123456789", 1), "…");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("港口⚠️a"), 7);
        assert_eq!(cut("港口港口港口", 7), "港…口");
        assert_eq!(cut("港口港口港口", 8), "港口…口");
        assert_eq!(pad("港", 4), "港  ");
        for room in 1..14 {
            assert!(columns(&cut("港a口b港c口d🚢e", room)) <= room, "{room}");
        }
    }
}
