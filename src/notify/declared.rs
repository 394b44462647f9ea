//! Where something is declared and who last changed that, in words.

use jiff::Timestamp;

use crate::domain::place::{BlockPlace, Declared, LastChange};

use super::line::{Line, Spot};
use super::words::{clean, cut};

/// Longer paths are cut in the middle.
const LONGEST_PLACE: usize = 120;
/// Longer first lines of messages of commits are cut.
const LONGEST_SUBJECT: usize = 50;
const LONGEST_NAME: usize = 40;
/// Longer links are left out.
const LONGEST_LINK: usize = 500;

/// `live/web/main.tf:12 · last changed by Ann, 3 days ago (a1b2c3d4e5 "Open the port")`.
pub(super) fn line(declared: &Declared, now: Timestamp) -> Line {
    let changed = declared.changed.as_ref();
    Line::of_spot(Spot {
        place: place(&declared.place),
        link: declared
            .link
            .clone()
            .filter(|link| link.len() <= LONGEST_LINK),
        rest: changed.map_or_else(String::new, |change| {
            format!(" · last changed by {}", who(change, now))
        }),
    })
}

/// `live/web/main.tf:12`.
pub(super) fn place(place: &BlockPlace) -> String {
    let text = format!("{}:{}", clean(&place.file), place.first);
    cut(&text, LONGEST_PLACE)
}

fn who(change: &LastChange, now: Timestamp) -> String {
    let author = cut(&clean(&change.author), LONGEST_NAME);
    let subject = cut(&clean(&change.subject), LONGEST_SUBJECT);
    let subject = match subject.as_str() {
        "" => String::new(),
        subject => format!(" \"{subject}\""),
    };
    let commit = change.commit.short();
    format!("{author}, {} ({commit}{subject})", ago(change.at, now))
}

/// How long ago, in the largest unit.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins();
    let units = [
        (minutes / (365 * 1440), "year"),
        (minutes / (30 * 1440), "month"),
        (minutes / 1440, "day"),
        (minutes / 60, "hour"),
        (minutes, "minute"),
    ];
    match units.iter().find(|(count, _)| *count > 0) {
        Some((1, unit)) => format!("1 {unit} ago"),
        Some((count, unit)) => format!("{count} {unit}s ago"),
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use crate::domain::ids::CommitId;

    use super::*;

    fn declared(author: &str, subject: &str) -> Declared {
        Declared {
            place: BlockPlace {
                file: "live/web/main.tf".to_owned(),
                first: 12,
                last: 30,
            },
            link: None,
            changed: Some(LastChange {
                author: author.to_owned(),
                at: Timestamp::UNIX_EPOCH,
                commit: CommitId::new("a1b2c3d4e5f60718"),
                subject: subject.to_owned(),
            }),
        }
    }

    #[test]
    fn a_place_says_who_and_when_and_why() {
        let later = Timestamp::from_second(3 * 86_400 + 5).unwrap();
        let told = |author, subject| line(&declared(author, subject), later).to_string();
        assert_eq!(
            told("Ann", "Open the port"),
            "live/web/main.tf:12 · last changed by Ann, 3 days ago (a1b2c3d4e5 \"Open the port\")"
        );
        assert_eq!(
            told("A\nnn\u{202e}", ""),
            "live/web/main.tf:12 · last changed by A nn, 3 days ago (a1b2c3d4e5)"
        );
        assert!(told(&"a".repeat(900), &"b".repeat(900)).chars().count() < 220);
    }

    #[test]
    fn ages_have_one_unit() {
        let told = |seconds| {
            ago(
                Timestamp::UNIX_EPOCH,
                Timestamp::from_second(seconds).unwrap(),
            )
        };
        for (seconds, words) in [
            (-100, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (64 * 86_400, "2 months ago"),
            (800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(told(seconds), words);
        }
    }
}
