//! What has to come together before people's yes to a plan counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// Somebody who votes on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    /// Who it is; two votes of one name are one voter's.
    pub name: String,
    /// Whether they have shown that it is they; else it is what they say.
    pub proven: bool,
    /// The groups they are in.
    pub groups: BTreeSet<String>,
    /// Their addresses, as commits name authors.
    pub emails: BTreeSet<String>,
}

impl From<&Identity> for Voter {
    fn from(identity: &Identity) -> Self {
        match identity {
            Identity::Operator { .. } => Self {
                name: identity.to_string(),
                proven: false,
                groups: BTreeSet::new(),
                emails: BTreeSet::new(),
            },
            Identity::Person {
                name,
                groups,
                emails,
                ..
            } => Self {
                name: name.clone(),
                proven: true,
                groups: groups.clone(),
                emails: emails.clone(),
            },
        }
    }
}

impl Voter {
    /// Whether it is somebody: by name, or by an address that both have.
    fn is(&self, other: &Self) -> bool {
        self.name == other.name || self.is_among(&other.emails)
    }

    /// Whether one of these wrote the code: by address, whatever its letters' case.
    fn is_among(&self, authors: &BTreeSet<String>) -> bool {
        let own = |author: &String| {
            self.emails
                .iter()
                .any(|own| own.eq_ignore_ascii_case(author))
        };
        authors.iter().any(own)
    }
}

/// Whose a plan is: where somebody else is asked for, their yes does not count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Authors<'a> {
    /// The addresses of those who wrote the commit; none if that is not known.
    pub addresses: Option<&'a BTreeSet<String>>,
    /// Who wants to go back to it, if somebody does.
    pub asker: Option<&'a Voter>,
}

/// So many people, from some group, other than who wrote the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// How many people have to say yes.
    pub count: u32,
    /// Each has to be in one of these groups; none is anybody.
    pub groups: BTreeSet<String>,
    /// Nobody who wrote the commit, or wants to go back to it, counts.
    pub not_author: bool,
}

impl Default for Requirement {
    /// One person, whoever it is.
    fn default() -> Self {
        Self {
            count: 1,
            groups: BTreeSet::new(),
            not_author: false,
        }
    }
}

impl Requirement {
    /// Why the yes of somebody does not count for this; none if it does. Where it is not known who
    /// wrote the commit, anybody may have.
    pub fn objection(&self, voter: &Voter, authors: Authors<'_>) -> Option<String> {
        let name = &voter.name;
        // Whoever has one token can say many names.
        let asks = !self.groups.is_empty() || self.not_author || self.count > 1;
        if asks && !voter.proven {
            return Some(format!(
                "{name} is only said to be: a token of one's own is needed here"
            ));
        }
        if !self.groups.is_empty() && self.groups.is_disjoint(&voter.groups) {
            return Some(format!("{name} is not in {}", listed(&self.groups)));
        }
        if self.not_author {
            match authors.addresses {
                None => return Some("who wrote the commit is not known".to_owned()),
                Some(authors) if voter.is_among(authors) => {
                    return Some(format!("{name} wrote the commit"));
                }
                Some(_) => {}
            }
        }
        if let Some(asker) = authors.asker.filter(|_| self.not_author) {
            if !asker.proven {
                return Some(format!(
                    "that {} wants to go back is only said: who it is, is not known",
                    asker.name
                ));
            }
            if voter.is(asker) {
                return Some(format!("{name} wants to go back"));
            }
        }
        if self.not_author && voter.emails.is_empty() {
            return Some(format!(
                "the token of {name} names no address, so that whether they wrote the commit is not \
                 known"
            ));
        }
        None
    }

    /// How many more are needed besides these.
    pub fn missing<'v>(
        &self,
        voters: impl Iterator<Item = &'v Voter>,
        authors: Authors<'_>,
    ) -> u32 {
        let counts = voters.filter(|voter| self.objection(voter, authors).is_none());
        let names: BTreeSet<&str> = counts.map(|voter| voter.name.as_str()).collect();
        let have = u32::try_from(names.len()).unwrap_or(u32::MAX);
        self.count.max(1).saturating_sub(have)
    }

    /// In words, for so many people.
    pub fn words(&self, count: u32, authors: Authors<'_>) -> String {
        let people = if count == 1 { "person" } else { "people" };
        let from = if self.groups.is_empty() {
            String::new()
        } else {
            format!(" of {}", listed(&self.groups))
        };
        let other = match (self.not_author, authors.asker) {
            (true, None) => " who did not write the commit",
            (true, Some(_)) => " who neither wrote the commit nor want to go back to it",
            (false, _) => "",
        };
        format!("{count} {people}{from}{other}")
    }
}

fn listed(groups: &BTreeSet<String>) -> String {
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    names.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn voter(name: &str, groups: &[&str]) -> Voter {
        Voter {
            name: name.to_owned(),
            proven: true,
            groups: set(groups),
            emails: set(&[&format!("{name}@example.com")]),
        }
    }

    #[test]
    fn one_voter_counts_once_however_often_they_say_yes() {
        let two = Requirement {
            count: 2,
            ..Requirement::default()
        };
        let (ann, bob) = (voter("ann", &[]), voter("bob", &[]));
        let nobody = Authors::default();
        assert_eq!(two.missing([&ann, &ann].into_iter(), nobody), 1);
        assert_eq!(two.missing([&ann, &bob].into_iter(), nobody), 0);
    }

    #[test]
    fn a_requirement_of_nobody_is_one_of_somebody() {
        let none = Requirement {
            count: 0,
            ..Requirement::default()
        };
        assert_eq!(none.missing(std::iter::empty(), Authors::default()), 1);
    }

    #[test]
    fn groups_and_authors_are_believed_only_of_those_who_show_who_they_are() {
        let strict = Requirement {
            count: 1,
            groups: set(&["platform"]),
            not_author: true,
        };
        let addresses = set(&["ANN@example.com"]);
        let authors = Authors {
            addresses: Some(&addresses),
            asker: None,
        };
        let says = |voter: &Voter| strict.objection(voter, authors);
        assert_eq!(says(&voter("bob", &["platform"])), None);
        assert!(says(&voter("bob", &["web"])).is_some_and(|why| why.contains("platform")));
        assert!(says(&voter("ann", &["platform"])).is_some_and(|why| why.contains("wrote")));
        let claimed = Voter {
            proven: false,
            ..voter("bob", &["platform"])
        };
        assert!(says(&claimed).is_some());
        let nameless = Voter {
            emails: set(&[]),
            ..voter("bob", &["platform"])
        };
        assert!(says(&nameless).is_some());
        let anybody = Requirement::default();
        assert_eq!(anybody.objection(&claimed, authors), None);
        assert_eq!(anybody.objection(&claimed, Authors::default()), None);
        let unknown = strict.objection(&voter("bob", &["platform"]), Authors::default());
        assert!(unknown.is_some_and(|why| why.contains("not known")));
    }

    #[test]
    fn whoever_wants_to_go_back_is_an_author_too() {
        let other = Requirement {
            not_author: true,
            ..Requirement::default()
        };
        let nobody = set(&[]);
        let says = |asker: &Voter, voter: &Voter| {
            let authors = Authors {
                addresses: Some(&nobody),
                asker: Some(asker),
            };
            other.objection(voter, authors)
        };
        let (ann, bob) = (voter("ann", &[]), voter("bob", &[]));
        assert_eq!(says(&ann, &bob), None);
        assert_eq!(says(&ann, &ann).as_deref(), Some("ann wants to go back"));
        let renamed = Voter {
            name: "ann2".to_owned(),
            ..ann.clone()
        };
        assert!(says(&ann, &renamed).is_some());
        // With the operator's token ann may have said any name.
        let claimed = Voter {
            proven: false,
            ..ann
        };
        assert!(says(&claimed, &bob).is_some());
    }
}
