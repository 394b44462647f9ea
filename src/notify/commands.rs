//! What can be typed about a stack, as a shell and the configuration take it.

use std::borrow::Cow;

use crate::domain::check::StackCheck;
use crate::domain::finding::{AttributeChange, Finding, FindingAction, Origin, Severity, Subject};
use crate::domain::ids::StackId;
use crate::domain::notice::RequestLine;
use crate::domain::place::Recipe;
pub(super) use crate::domain::shell::quoted;
use crate::domain::stack::DEFAULT_WORKSPACE;

use super::concern::UNENFORCED_FROM;
use super::section::Item;

/// How long a trouble is taken on for, if the reader has no other wish.
const ACKNOWLEDGED_FOR: &str = "8h";

/// Where to type commands about a stack.
pub(super) struct Place<'a> {
    stack: Cow<'a, str>,
    /// In words, for example `live/web of infra (workspace prod)`.
    pub(super) directory: String,
    /// The repository that the recipe is about.
    source: &'a str,
    recipe: Option<&'a Recipe>,
}

impl<'a> Place<'a> {
    /// The place of a stack, read from its identity, and how it was planned.
    pub(super) fn of(stack: &'a StackId, check: &'a StackCheck) -> Self {
        let id = stack.as_str();
        let workspace = check.workspace.as_str();
        let path = id.rsplit_once('#').map_or(id, |(path, _)| path);
        let path = path
            .strip_suffix(workspace)
            .and_then(|path| path.strip_suffix('@'))
            .unwrap_or(path);
        let place = match path.split_once('/') {
            Some((source, "" | ".")) => format!("the root of {source}"),
            Some((source, dir)) => format!("{dir} of {source}"),
            None => path.to_owned(),
        };
        let directory = if workspace == DEFAULT_WORKSPACE {
            place
        } else {
            format!("{place} (workspace {workspace})")
        };
        Self {
            stack: quoted(id),
            directory,
            source: path.split_once('/').map_or(path, |(source, _)| source),
            recipe: check.recipe.as_ref(),
        }
    }

    /// What to do by running Terraform on the stack: the commands if they are known, else where.
    pub(super) fn terraform(&self, what: &str, verb: &str) -> Item {
        let Some(recipe) = self.recipe else {
            return Item::sentence(format!("{what}: terraform {verb} in {}.", self.directory));
        };
        if !recipe.complete {
            return Item::sentence(format!(
                "{what}: {} {verb} in {}, with the variables and backend settings that Mooring \
                 has for it.",
                recipe.engine, self.directory
            ));
        }
        let mut item = Item::sentence(format!("{what}, in a clone of {}:", self.source));
        for command in commands(recipe, verb) {
            item = item.with_command(command);
        }
        item
    }

    pub(super) fn show(&self) -> Item {
        Item::sentence("See all of it:").with_command(format!("mooring show {}", self.stack))
    }

    pub(super) fn acknowledge(&self) -> Item {
        let command = format!("mooring ack {} --for {ACKNOWLEDGED_FOR}", self.stack);
        Item::sentence("Take it on, so that nobody is reminded meanwhile:").with_command(command)
    }

    pub(super) fn look_again(&self) -> Item {
        Item::sentence("Have it looked at again:")
            .with_command(format!("mooring plan {}", self.stack))
    }

    /// Yes or no to a plan, by the id of the request, which stands for that plan alone.
    pub(super) fn decide(request: &RequestLine) -> Vec<Item> {
        let id = request.id.short();
        if request.missing.is_empty() {
            let sentence = "It is approved. Take it back before it is applied:";
            return vec![Item::sentence(sentence).with_command(format!("mooring reject {id}"))];
        }
        vec![
            Item::sentence("Have exactly this plan applied:")
                .with_command(format!("mooring approve {id}")),
            Item::sentence("Or have it left alone:")
                .with_command(format!("mooring reject {id} --reason '…'")),
        ]
    }

    pub(super) fn resume(&self) -> Item {
        let command = format!("mooring resume {}", self.stack);
        Item::sentence("When all is well, let repairs go on:").with_command(command)
    }
}

/// Terraform on a stack as Mooring calls it, from the root of the repository. A backend that is told
/// where the state is at `init` alone has to be told so first.
fn commands(recipe: &Recipe, verb: &str) -> Vec<String> {
    let mut program = String::new();
    if let Some(workspace) = &recipe.workspace {
        program.push_str(&format!("TF_WORKSPACE={} ", quoted(workspace)));
    }
    program.push_str(&quoted(&recipe.engine));
    if !matches!(recipe.dir.as_str(), "." | "") {
        program.push_str(&format!(" {}", quoted(&format!("-chdir={}", recipe.dir))));
    }
    let call = |verb: &str, option: &str, values: &[String]| {
        let values = values.iter();
        let values = values.map(|value| format!(" {}", quoted(&format!("{option}={value}"))));
        format!("{program} {verb}{}", values.collect::<String>())
    };
    let mut commands = Vec::new();
    if !recipe.backend_config.is_empty() {
        commands.push(call("init", "-backend-config", &recipe.backend_config));
    }
    commands.push(call(verb, "-var-file", &recipe.var_files));
    commands
}

/// Takes on what has this cause, in every stack.
pub(super) fn acknowledge_cause(key: &str) -> Item {
    let command = format!(
        "mooring ack --cause {} --for {ACKNOWLEDGED_FOR}",
        quoted(key)
    );
    Item::sentence("Take all of it on, so that nobody is reminded meanwhile:").with_command(command)
}

/// How to hear less of a finding, by a line of the configuration. Nobody is told how to silence what
/// is grave or about a secret.
pub(super) fn hear_less(findings: &[&Finding]) -> Option<Item> {
    let plain = |finding: &&&Finding| {
        let secret = finding.attributes.iter().any(AttributeChange::sensitive);
        finding.severity <= UNENFORCED_FROM && !secret
    };
    findings
        .iter()
        .filter(plain)
        .find_map(|finding| rule(finding))
}

fn rule(finding: &Finding) -> Option<Item> {
    let mut attributes = finding.attributes.iter();
    let paths: Option<Vec<String>> = attributes.by_ref().map(|a| pattern(&a.subject)).collect();
    let paths = paths.filter(|paths| !paths.is_empty() && paths.len() <= 3)?;
    let what = format!(
        "type: {}, attributes: [{}]",
        finding.resource_type,
        paths.join(", ")
    );
    let noise = finding.action == FindingAction::None && finding.origin == Origin::Unenforced;
    let (text, line) = if noise {
        (
            "To hear no more of this, under policy.noise in mooring.yaml:",
            format!("- {{ {what}, reason: \"…\" }}"),
        )
    } else if finding.is_drift() && finding.severity > Severity::Info {
        (
            "To rate this lower, under policy.severities in mooring.yaml:",
            format!("- {{ {what}, severity: info }}"),
        )
    } else {
        return None;
    };
    Some(Item::labelled(&finding.address, text).with_command(line))
}

/// A pattern for this attribute alone, as YAML takes it; none if it has signs that mean something in
/// patterns.
fn pattern(subject: &Subject) -> Option<String> {
    let Subject::Attribute(path) = subject else {
        return None;
    };
    let path = path.to_string();
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if path.chars().all(letters) {
        return Some(path);
    }
    let special = |c: char| c.is_control() || "*?[]{}\\'".contains(c);
    (!path.contains(special)).then(|| format!("'{path}'"))
}

#[cfg(test)]
mod tests {
    use crate::domain::testing::{check, drift, finding};

    use super::*;

    fn directory(id: &str, workspace: &str) -> String {
        let mut check = check(Vec::new());
        check.workspace = workspace.to_owned();
        Place::of(&StackId::new(id), &check).directory
    }

    #[test]
    fn a_place_is_read_from_a_stacks_identity() {
        for (id, workspace, words) in [
            ("infra/live/web", "default", "live/web of infra"),
            (
                "infra/live/web@prod",
                "prod",
                "live/web of infra (workspace prod)",
            ),
            (
                "infra/a@b@prod#blue",
                "prod",
                "a@b of infra (workspace prod)",
            ),
            ("infra/.", "default", "the root of infra"),
            (".", "default", "."),
        ] {
            assert_eq!(directory(id, workspace), words);
        }
    }

    #[test]
    fn a_command_can_be_pasted_whatever_a_directory_is_called() {
        assert_eq!(quoted("infra/live/web@prod"), "infra/live/web@prod");
        assert_eq!(
            quoted("infra/a b;rm -rf 'x'"),
            r"'infra/a b;rm -rf '\''x'\'''"
        );
        assert_eq!(quoted("infra/a#b"), "'infra/a#b'");
    }

    fn recipe() -> Recipe {
        Recipe {
            engine: "terraform".to_owned(),
            dir: ".".to_owned(),
            workspace: None,
            var_files: Vec::new(),
            backend_config: Vec::new(),
            complete: true,
        }
    }

    #[test]
    fn terraform_is_called_as_mooring_calls_it() {
        assert_eq!(commands(&recipe(), "apply"), ["terraform apply"]);
        let whole = Recipe {
            engine: "tofu".to_owned(),
            dir: "live/my web".to_owned(),
            workspace: Some("prod".to_owned()),
            var_files: vec!["prod.tfvars".to_owned(), "../all;x.tfvars".to_owned()],
            backend_config: vec!["prod.hcl".to_owned()],
            complete: true,
        };
        assert_eq!(
            commands(&whole, "apply"),
            [
                "TF_WORKSPACE=prod tofu '-chdir=live/my web' init -backend-config=prod.hcl",
                "TF_WORKSPACE=prod tofu '-chdir=live/my web' apply -var-file=prod.tfvars \
                 '-var-file=../all;x.tfvars'",
            ]
        );
    }

    /// Without its backend settings it would be a plan of another state.
    #[test]
    fn what_is_not_all_is_no_command() {
        let mut check = check(Vec::new());
        check.recipe = Some(Recipe {
            complete: false,
            ..recipe()
        });
        let stack = StackId::new("infra/live/web");
        let item = Place::of(&stack, &check).terraform("Put it back", "apply");
        assert_eq!(
            item.text,
            "Put it back: terraform apply in live/web of infra, with the variables and backend \
             settings that Mooring has for it."
        );
        assert!(item.lines.is_empty());
    }

    /// A backtick becomes another character in chats, and then a quote ends where it should not.
    #[test]
    fn what_cannot_be_shown_as_it_is_typed_is_not_shown() {
        for dir in ["a`touch x`", "a\nb", "a\u{202e}b", &"long/".repeat(200)] {
            let check = check(Vec::new());
            let stack = StackId::new(format!("infra/{dir}"));
            let item = Place::of(&stack, &check).show();
            let line = item.lines[0].to_string();
            assert_eq!(
                line,
                "(a name in this command cannot be shown as it has to be typed)"
            );
        }
    }

    #[test]
    fn a_place_without_a_recipe_is_named_in_words() {
        let check = check(Vec::new());
        let stack = StackId::new("infra/live/web");
        let item = Place::of(&stack, &check).terraform("Put it back", "apply");
        assert_eq!(
            item.text,
            "Put it back: terraform apply in live/web of infra."
        );
        assert!(item.lines.is_empty());
    }

    fn silenced(finding: &Finding) -> Option<String> {
        let item = hear_less(&[finding])?;
        item.lines.first().map(ToString::to_string)
    }

    #[test]
    fn what_is_not_grave_can_be_silenced() {
        let unenforced = finding("aws_x.a", "size", Origin::Unenforced, ["1", "2", "2"]);
        assert_eq!(
            silenced(&unenforced).as_deref(),
            Some("- { type: aws_x, attributes: [size], reason: \"…\" }")
        );
        let mut drifted = drift("aws_x.a", "tags.Env", "x");
        assert_eq!(
            silenced(&drifted).as_deref(),
            Some("- { type: aws_x, attributes: [tags.Env], severity: info }")
        );
        drifted.severity = Severity::High;
        assert_eq!(silenced(&drifted), None);
        let odd = drift("aws_x.a", "tags.a*b", "x");
        assert_eq!(silenced(&odd), None, "a pattern would mean more than it");
        let quoted = drift("aws_x.a", "tags.a b:c", "x");
        assert!(silenced(&quoted).is_some_and(|line| line.contains("['tags.a b:c']")));
    }
}
