//! Making values fit a line: how much of each is shown, and of lists only what differs.

use crate::domain::value::Value;

/// A value keeps at least this much of itself.
pub(super) const SHORTEST_VALUE: usize = 8;

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
}
