//! Which known names somebody may have meant.

/// So many are named at most.
const MOST: usize = 3;
/// Longer words are not compared.
const LONGEST: usize = 256;

/// The known names that are like the one asked for, the likest first: those that hold it whole, or if
/// there are none, those in which few letters are others.
pub fn near<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let asked = asked.trim_matches('/').to_lowercase();
    if asked.is_empty() || asked.len() > LONGEST {
        return Vec::new();
    }
    let limit = (asked.chars().count() / 4).max(1);
    let (mut whole, mut alike) = (Vec::new(), Vec::new());
    for name in known {
        let other = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&asked, &other);
        if other.contains(&asked) {
            whole.push((distance, name));
        } else if distance <= limit {
            alike.push((distance, name));
        }
    }
    let mut like = if whole.is_empty() { alike } else { whole };
    like.sort_unstable();
    like.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACKS: [&str; 5] = [
        "infra/live/api@prod",
        "infra/live/web",
        "infra/live/web@prod",
        "infra/live/web@test",
        "infra/live/webhooks",
    ];

    #[test]
    fn a_slip_of_the_fingers_and_a_name_without_its_source_are_understood() {
        assert_eq!(near("infra/live/wbe", STACKS), ["infra/live/web"]);
        assert_eq!(near("live/api", STACKS), ["infra/live/api@prod"]);
        assert_eq!(near("Infra/Live/API@prod", STACKS), ["infra/live/api@prod"]);
        assert_eq!(
            near("infra/live/web", STACKS),
            [
                "infra/live/web",
                "infra/live/web@prod",
                "infra/live/web@test"
            ]
        );
    }

    #[test]
    fn what_is_like_nothing_is_near_nothing() {
        assert!(near("billing/reports", STACKS).is_empty());
        assert!(near("", STACKS).is_empty());
        assert!(near(&"x".repeat(5000), STACKS).is_empty());
    }
}
