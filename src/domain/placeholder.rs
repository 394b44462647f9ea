//! `{name}` in settings that are for several stacks: what tells one of them from the others.

/// What stands for the name.
pub const NAME: &str = "{name}";

/// The text with the name in its places.
pub fn fill(template: &str, name: &str) -> String {
    template.replace(NAME, name)
}

/// The name that makes this text of the template; none if no name does, or any.
pub fn name_in<'t>(template: &str, text: &'t str) -> Option<&'t str> {
    let places = template.matches(NAME).count();
    let rest = template.len().checked_sub(places * NAME.len())?;
    let length = text.len().checked_sub(rest)?.checked_div(places)?;
    let begin = template.find(NAME)?;
    let name = text.get(begin..begin.checked_add(length)?)?;
    (!name.is_empty() && fill(template, name) == text).then_some(name)
}

/// Whether the name stands in it.
pub fn has_name(text: &str) -> bool {
    text.contains(NAME)
}

/// Something in braces that looks as if it stood for something, and is not the name.
pub fn unknown(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(begin) = rest.find('{') {
        rest = rest.get(begin + 1..)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-. ".contains(c)))?;
        let word = rest.get(..end)?;
        let closed = rest.get(end..)?.starts_with('}');
        if closed && word.trim() != "" && word != "name" {
            return Some(word);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_that_was_filled_in_is_found_again(
            before in "[a-z/.]{0,4}", between in "[a-z/.]{0,4}", after in "[a-z/.]{0,4}",
            twice in any::<bool>(), name in "[a-zé0-9-]{1,6}",
        ) {
            let template = match twice {
                true => format!("{before}{NAME}{between}{NAME}{after}"),
                false => format!("{before}{NAME}{after}"),
            };
            let filled = fill(&template, &name);
            prop_assert_eq!(name_in(&template, &filled), Some(name.as_str()));
        }

        #[test]
        fn nothing_is_found_that_would_not_make_the_text(template in "\\PC{0,12}", text in "\\PC{0,12}") {
            if let Some(name) = name_in(&template, &text) {
                prop_assert_eq!(fill(&template, name), text);
            }
            let _any = unknown(&template);
        }
    }

    #[test]
    fn only_what_looks_like_a_placeholder_is_taken_for_one() {
        assert_eq!(unknown("envs/{env}.tfvars"), Some("env"));
        assert_eq!(unknown("{name}-{Name}"), Some("Name"));
        for fine in ["{name}", "plain", "{}", "{\"a\":1}", "{a,b}", "a}b{", "{é}"] {
            assert_eq!(unknown(fine), None, "{fine}");
        }
        assert_eq!(name_in("fixed", "fixed"), None);
        assert_eq!(name_in("a-{name}", "a-"), None);
    }
}
