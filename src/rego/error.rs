//! What is wrong with policies, with the place.

use std::fmt;
use std::path::PathBuf;

/// A place in a policy or data file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was named or found.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why policies could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or directory cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A policy is wrong.
    #[error("{place}: {message}")]
    Policy {
        /// Where.
        place: Place,
        /// What is wrong there.
        message: String,
    },
    /// The policies are wrong as a whole.
    #[error("the policies cannot be used: {0}")]
    Policies(String),
    /// A data file is wrong.
    #[error("{}: {message}", path.display())]
    Data {
        /// Which one.
        path: PathBuf,
        /// What is wrong, with line and column where they are known.
        message: String,
    },
    /// No policy was found.
    #[error("no file ending in .rego in {0}: name files or directories with policies")]
    NoPolicies(String),
    /// A package that is to be asked has no rule to ask.
    #[error(
        "package `{namespace}` has no rule named deny, violation or warn, so nothing in it would ever \
         be asked; the packages are {found}: set `namespaces`"
    )]
    NothingToAsk {
        /// The package.
        namespace: String,
        /// Those that were loaded.
        found: String,
    },
}

/// What the engine says, taken apart: it quotes the line and puts the place above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) place: Option<Place>,
    pub(super) message: String,
}

impl Complaint {
    /// Out of an error of the engine.
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self::read(&error.to_string())
    }

    /// Out of its text.
    pub(super) fn read(text: &str) -> Self {
        let place = text
            .lines()
            .find_map(|line| line.strip_prefix("--> "))
            .and_then(place);
        let message = text
            .lines()
            .find_map(|line| line.strip_prefix("error: "))
            .or_else(|| text.lines().map(str::trim).find(|line| !line.is_empty()))
            .unwrap_or("unknown error");
        let message = message.trim_end_matches(':');
        Self {
            place,
            message: message.to_owned(),
        }
    }
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.rsplitn(3, ':');
    let column = parts.next()?.trim().parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some(Place {
        file: parts.next()?.to_owned(),
        line,
        column,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn place_and_message_are_found_in_what_the_engine_says() {
        let text = "\n--> c:/p/a.rego:4:7\n  |\n4 |   msg := \n  |       ^\nerror: expecting `}`";
        let complaint = Complaint::read(text);
        assert_eq!(complaint.place.unwrap().to_string(), "c:/p/a.rego:4:7");
        assert_eq!(complaint.message, "expecting `}`");
        let other = Complaint::read("execution exceeded time limit");
        assert_eq!(other.place, None);
        assert_eq!(other.message, "execution exceeded time limit");
    }
}
