//! Settings of some stacks.

use super::super::at::At;
use super::super::error::quoted;
use super::super::stack::Stack;
use super::super::syntax::nearest;
use super::super::written::Configuration;
use super::environment::{is_secret_name, is_secret_text};
use super::values::Steps;
use super::{Checks, Timing};
use crate::domain::pattern::StackPattern;
use crate::reconcile::settings::{StackOverrides, StackRule};

impl Checks<'_> {
    pub(super) fn stacks(&mut self, written: &Configuration, general: Timing) -> Vec<StackRule> {
        let sources: Vec<&str> = written.sources.iter().map(|s| s.name.as_str()).collect();
        let mut rules = Vec::with_capacity(written.stacks.len());
        for stack in &written.stacks {
            self.names_a_source(&stack.pattern, &sources);
            rules.extend(self.stack(stack, general, &sources));
        }
        rules
    }

    fn stack(&mut self, written: &Stack, general: Timing, sources: &[&str]) -> Option<StackRule> {
        let timed =
            written.schedule.is_some() || written.timezone.is_some() || written.jitter.is_some();
        let schedule = timed.then(|| {
            let timing = Timing {
                schedule: written.schedule.as_ref().or(general.schedule),
                timezone: written.timezone.as_ref().or(general.timezone),
                jitter: written.jitter.as_ref().or(general.jitter),
            };
            let jitter = self.jitter(timing.jitter);
            self.schedule(timing, jitter)
        });
        let identity = self.identity(written);
        let labels = written.labels.iter();
        let overrides = StackOverrides {
            workspace: identity.workspace,
            var_files: written.var_files.as_deref().map(|files| self.texts(files)),
            backend_config: written
                .backend_config
                .as_deref()
                .map(|entries| self.backend_config(entries)),
            plan_env: self.environment(&written.env),
            apply_env: self.environment(&written.apply_env),
            engine: self.engine(written.engine.as_ref()),
            schedule: schedule.flatten(),
            timeouts: self.timeouts(written.timeouts.as_ref()),
            labels: labels
                .map(|(key, value)| (key.clone(), value.to_string()))
                .collect(),
            watch: written.watch.as_deref().map(|paths| self.watch(paths)),
            adaptive: self.adaptive(written.adaptive.as_ref()),
            state_watch: self.state_watch(written.state_watch.as_ref()),
            after: written
                .after
                .as_deref()
                .map(|stacks| self.after(stacks, sources)),
            policy: written
                .policy
                .as_ref()
                .map(|policy| {
                    self.stack_policy(policy, written.timezone.as_ref().or(general.timezone))
                })
                .unwrap_or_default(),
            disabled: written.disabled,
        };
        Some(StackRule {
            pattern: self.matcher(&written.pattern, Steps::WithinDirectory)?,
            name: identity.name,
            for_each: identity.for_each,
            overrides,
        })
    }

    /// A rule that matches nothing is silent, and it may be the one that holds something back.
    fn names_a_source(&mut self, pattern: &At<String>, sources: &[&str]) {
        let first = pattern.split('/').next().unwrap_or("");
        let literal = !first.contains(['*', '?', '[', ']', '{', '}', '\\']);
        if literal && !sources.is_empty() && !sources.contains(&first) {
            self.problem(
                pattern,
                format!(
                    "no source is called {}, so this matches no stack",
                    quoted(first)
                ),
                match nearest(first, sources.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "patterns begin with a source's name, or with `*/` for all".to_owned(),
                },
            );
        }
    }

    fn after(&mut self, written: &[At<String>], sources: &[&str]) -> Vec<StackPattern> {
        let mut patterns = Vec::with_capacity(written.len());
        for pattern in written {
            if self.glob(pattern, Steps::WithinDirectory).is_some() {
                self.names_a_source(pattern, sources);
                patterns.extend(StackPattern::parse(pattern));
            }
        }
        patterns
    }

    pub(super) fn workspace(&mut self, written: &At<String>) -> String {
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/\\?#%".contains(c);
        if written.is_empty() || written.starts_with('-') || written.contains(bad) {
            self.problem(
                written,
                "this is no name of a workspace",
                "write it as `terraform workspace list` shows it",
            );
        }
        written.to_string()
    }

    fn backend_config(&mut self, written: &[At<String>]) -> Vec<String> {
        for entry in written {
            let secret = entry.split_once('=').is_some_and(|(key, value)| {
                is_secret_name(key.trim()) || is_secret_text(value.trim())
            });
            if secret {
                self.problem(
                    entry,
                    "this backend setting is a credential: it would stand in the process list",
                    "pass it by the backend's own environment variable, from a file: \
                     `env: { AWS_SECRET_ACCESS_KEY: { file: … } }`",
                );
            }
        }
        self.texts(written)
    }

    pub(super) fn watch(&mut self, written: &[At<String>]) -> Vec<String> {
        for path in written {
            if path.starts_with('/') || path.split('/').any(|part| part == "..") {
                self.problem(
                    path,
                    "this path leads out of the repository",
                    "write it relative to the repository's root",
                );
            }
        }
        self.texts(written)
    }
}
