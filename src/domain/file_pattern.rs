//! Patterns for variable files, of which each file that matches is a stack: `envs/*.tfvars`.

/// Endings of files with values of variables.
const ENDINGS: [&str; 2] = [".tfvars", ".tfvars.json"];

/// A path relative to a directory with one `*` in it, which stands for a name without `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    written: String,
    star: usize,
}

/// Why a text is no such pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilePattern {
    /// Nothing tells the files apart.
    #[error("no `*` says what tells the files apart")]
    NoStar,
    /// There is more than one.
    #[error("a pattern for variable files has one `*`, and no other signs for patterns")]
    Special,
    /// It begins at the root of the machine.
    #[error("this path leads out of the repository")]
    Absolute,
    /// It goes down and up again.
    #[error("this path goes up after it went down")]
    Detour,
    /// No file that it matches holds variables.
    #[error("this matches no variable files")]
    Ending,
}

impl BadFilePattern {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NoStar | Self::Special => {
                "write one `*` where the name stands, for example `envs/*.tfvars` or \
                 `envs/*/main.tfvars`"
            }
            Self::Absolute => "write it relative to the stack's directory",
            Self::Detour => "write each `..` at the beginning, for example `../../envs/*.tfvars`",
            Self::Ending => "let it end in `.tfvars` or `.tfvars.json`",
        }
    }
}

impl FilePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, BadFilePattern> {
        if text.starts_with('/') {
            return Err(BadFilePattern::Absolute);
        }
        let star = text.find('*').ok_or(BadFilePattern::NoStar)?;
        if text.matches('*').count() > 1 || text.contains(['?', '[', ']', '{', '}', '\\']) {
            return Err(BadFilePattern::Special);
        }
        let mut parts = text
            .split('/')
            .skip_while(|part| matches!(*part, "." | ".."));
        if parts.any(|part| part == "..") {
            return Err(BadFilePattern::Detour);
        }
        if !ENDINGS.iter().any(|ending| text.ends_with(ending)) {
            return Err(BadFilePattern::Ending);
        }
        Ok(Self {
            written: text.to_owned(),
            star,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The path of the file with this name.
    pub fn file(&self, name: &str) -> String {
        let (before, after) = self.around();
        format!("{before}{name}{after}")
    }

    /// The directory in which names are looked for.
    pub fn directory(&self) -> &str {
        let (before, _) = self.around();
        before
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }

    /// What lies below an entry of that directory that has a name; none if the entry is the file.
    pub fn below(&self) -> Option<&str> {
        let (_, after) = self.around();
        after.split_once('/').map(|(_, below)| below)
    }

    /// The name in an entry of that directory; none if the entry is another.
    pub fn name_in<'e>(&self, entry: &'e str) -> Option<&'e str> {
        let (before, after) = self.around();
        let before = before.rsplit_once('/').map_or(before, |(_, before)| before);
        let after = after.split_once('/').map_or(after, |(after, _)| after);
        let name = entry.strip_prefix(before)?.strip_suffix(after)?;
        (!name.is_empty()).then_some(name)
    }

    fn around(&self) -> (&str, &str) {
        let (before, rest) = self.written.split_at_checked(self.star).unwrap_or_default();
        (before, rest.strip_prefix('*').unwrap_or_default())
    }
}

/// Where a file that is named relative to a directory is in the tree; none if that is outside.
pub fn in_tree(dir: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| *part != ".").collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!file.starts_with('/')).then(|| parts.join("/"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_says_where_names_are_and_what_they_are() {
        let pattern = FilePattern::parse("../../envs/eu-*.tfvars").unwrap();
        assert_eq!(pattern.directory(), "../../envs");
        assert_eq!(pattern.name_in("eu-prod.tfvars"), Some("prod"));
        for other in ["eu-.tfvars", "us-prod.tfvars", "eu-prod.tfvars.bak"] {
            assert_eq!(pattern.name_in(other), None, "{other}");
        }
        assert_eq!(pattern.file("prod"), "../../envs/eu-prod.tfvars");
        assert_eq!(pattern.below(), None);
        let deep = FilePattern::parse("envs/*/main.tfvars").unwrap();
        assert_eq!(
            (deep.directory(), deep.below()),
            ("envs", Some("main.tfvars"))
        );
        assert_eq!(deep.name_in("prod"), Some("prod"));
        assert_eq!(deep.file("prod"), "envs/prod/main.tfvars");
        let own = FilePattern::parse("*.tfvars.json").unwrap();
        assert_eq!(
            (own.directory(), own.name_in("a.tfvars.json")),
            ("", Some("a"))
        );
    }

    #[test]
    fn what_could_mean_something_else_is_no_pattern() {
        let bad = |text: &str| FilePattern::parse(text).unwrap_err();
        assert_eq!(bad("/etc/*.tfvars"), BadFilePattern::Absolute);
        assert_eq!(bad("envs/prod.tfvars"), BadFilePattern::NoStar);
        for several in [
            "**/*.tfvars",
            "*/*.tfvars",
            "{a,b}/*.tfvars",
            "[ab]*.tfvars",
        ] {
            assert_eq!(bad(several), BadFilePattern::Special, "{several}");
        }
        assert_eq!(bad("envs/../../*.tfvars"), BadFilePattern::Detour);
        assert_eq!(bad("envs/*/../x.tfvars"), BadFilePattern::Detour);
        assert_eq!(bad("envs/*"), BadFilePattern::Ending);
    }

    #[test]
    fn a_path_stays_in_the_tree_or_is_none() {
        assert_eq!(
            in_tree("live/web", "../x.tfvars").as_deref(),
            Some("live/x.tfvars")
        );
        assert_eq!(in_tree(".", "./x").as_deref(), Some("x"));
        assert_eq!(in_tree("live", "../../x"), None);
        assert_eq!(in_tree("live", "/x"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_a_pattern_that_finds_its_own_files_or_none(
            text in "[a-c./*?{}é]{0,10}(\\.tfvars)?", name in "[a-cé.]{1,4}",
        ) {
            if let Ok(pattern) = FilePattern::parse(&text) {
                let file = pattern.file(&name);
                let rest = match pattern.directory() {
                    "" => file.trim_start_matches('/'),
                    directory => file.strip_prefix(directory).and_then(|file| file.strip_prefix('/')).unwrap(),
                };
                let entry = rest.split('/').next().unwrap();
                prop_assert_eq!(pattern.name_in(entry), Some(name.as_str()));
            }
        }
    }
}
