//! Who is at the keyboard, as far as the system says so.

/// The name that was given, or the one the environment has, or that of the user id, or its number.
pub(super) fn person(given: Option<String>) -> String {
    let environment = |name| std::env::var(name).ok();
    let passwd = || std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    who(
        given,
        environment,
        rustix::process::getuid().as_raw(),
        passwd,
    )
}

fn who(
    given: Option<String>,
    environment: impl Fn(&'static str) -> Option<String>,
    uid: u32,
    passwd: impl Fn() -> String,
) -> String {
    let said = |name: &String| !name.trim().is_empty();
    if let Some(given) = given {
        return given;
    }
    let known = ["USER", "LOGNAME"].into_iter();
    let mut known = known.filter_map(environment).filter(said);
    known
        .next()
        .or_else(|| named(uid, &passwd()))
        .unwrap_or_else(|| format!("uid {uid}"))
}

/// The name of a user id in a file like `/etc/passwd`.
fn named(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse::<u32>().ok()?;
        (id == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(given: Option<&str>, environment: &[(&str, &str)], uid: u32) -> String {
        let environment = |name: &'static str| {
            let mut found = environment.iter().filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        let passwd =
            || "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh".to_owned();
        who(given.map(str::to_owned), environment, uid, passwd)
    }

    #[test]
    fn whoever_says_who_they_are_is_believed_and_else_the_system_is_asked() {
        let both = [("USER", "bea"), ("LOGNAME", "carl")];
        assert_eq!(told(Some("dora"), &both, 1000), "dora");
        assert_eq!(told(None, &both, 1000), "bea");
        assert_eq!(
            told(None, &[("USER", ""), ("LOGNAME", "carl")], 1000),
            "carl"
        );
        assert_eq!(told(None, &[], 1000), "ann");
        assert_eq!(told(None, &[], 4711), "uid 4711");
    }
}
