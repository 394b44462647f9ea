//! `TF_CLI_ARGS*`: arguments that the engine takes from its environment.

use crate::domain::failure::{Failure, FailureKind};

use super::environment::Environment;

/// Flags that make a plan look at less than the whole stack, plan something else than reaching the
/// desired state, or write elsewhere.
const REFUSED: [&str; 10] = [
    "target",
    "target-file",
    "exclude",
    "exclude-file",
    "replace",
    "destroy",
    "refresh-only",
    "out",
    "generate-config-out",
    "state-out",
];

/// Refuses an environment whose `TF_CLI_ARGS*` narrow or redirect a plan: nobody could say of such
/// a plan that the stack is in sync.
pub fn refuse_targeting(env: &Environment) -> Result<(), Failure> {
    for (name, value) in env.iter() {
        let name = name.to_string_lossy();
        if !name.starts_with("TF_CLI_ARGS") {
            continue;
        }
        let value = value.to_string_lossy();
        if let Some(word) = words(&value).into_iter().find(|word| is_refused(word)) {
            let flag = word.split('=').next().unwrap_or(&word).to_owned();
            return Err(Failure::new(
                FailureKind::Unsupported,
                format!("{name} contains {flag}, so a plan would not say how the whole stack is"),
                format!("Remove {flag} from {name} (or unset the variable) and try again."),
            ));
        }
    }
    Ok(())
}

fn is_refused(word: &str) -> bool {
    let Some(flag) = word.strip_prefix('-') else {
        return false;
    };
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let blind =
        name == "refresh" && !matches!(value, "" | "1" | "t" | "T" | "true" | "TRUE" | "True");
    blind || REFUSED.contains(&name)
}

/// Splits as the engine does: at white space, with quotes and backslashes taken off.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                if let Some(next) = chars.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn verdict(name: &str, value: &str) -> Result<(), Failure> {
        let mut env = Environment::default();
        env.set(name, value);
        refuse_targeting(&env)
    }

    #[test]
    fn narrowing_arguments_are_refused_however_they_are_written() {
        for value in [
            "-target=aws_vpc.a",
            "-no-color --target aws_vpc.a",
            "'-target=a.b'",
            r#"-tar"get=a.b""#,
            "-replace=a.b",
            "-destroy",
            "-refresh=false",
            "-refresh-only",
            "-out=x",
        ] {
            let failure = verdict("TF_CLI_ARGS_plan", value).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unsupported, "{value}");
            assert!(failure.message.contains("TF_CLI_ARGS_plan"));
        }
    }

    #[test]
    fn harmless_arguments_pass() {
        for value in [
            "",
            "-parallelism=3 -var 'a=-target'",
            "-refresh=true",
            "-var-file=-x",
        ] {
            assert_eq!(verdict("TF_CLI_ARGS", value), Ok(()), "{value}");
        }
        assert_eq!(verdict("OTHER", "-target=x"), Ok(()));
    }
}
