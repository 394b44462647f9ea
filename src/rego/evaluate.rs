//! Asks every rule about one plan.

use std::time::{Duration, Instant};

use regorus::Value;
use serde_json::json;

use crate::domain::opinion::{Opinion, PolicyFailure, PolicyFailureKind, Remark, RuleName};

use super::bounded::Lost;
use super::engine::Compiled;
use super::load::Policies;
use super::rules::{Asked, Meaning};
use super::{Question, answer, value};

impl Policies {
    /// What the policies say of a plan. It blocks, for little more than [`super::settings::Limits`]
    /// allows. The same question gets the same answer, word for word.
    pub fn evaluate(&self, question: &Question<'_>) -> Opinion {
        let told = json!({"mooring": {
            "findings": question.findings,
            "stack": question.stack,
            "decision_mode": question.mode,
        }});
        let most = self.limits.input_bytes;
        let read = |what: &str, json| {
            value::read(json, most)
                .map_err(|unfit| format!("{what} cannot be given to them: {unfit}"))
        };
        let values = read("the plan", question.plan)
            .and_then(|input| Ok((input, read("what Mooring found", &told)?)));
        let (input, told) = match values {
            Ok(values) => values,
            Err(message) => return Opinion::failed(PolicyFailureKind::Input, message),
        };
        // Such a time is centuries away.
        let now = i64::try_from(question.now.as_nanosecond()).unwrap_or(i64::MAX);
        let (policies, time) = (self.clone(), self.limits.time);
        let asked = self.threads.run(time, move || {
            let mut asking = Asking {
                policies: &policies,
                began: Instant::now(),
                opinion: Opinion::default(),
            };
            asking.all(&input, &told, now);
            asking.opinion.sorted()
        });
        asked.unwrap_or_else(|lost| match lost {
            Lost::TimedOut => Opinion::failed(PolicyFailureKind::TimedOut, too_long(time)),
            Lost::Busy => Opinion::failed(
                PolicyFailureKind::Busy,
                "too many evaluations that ran out of time have still not ended",
            ),
            Lost::Crashed => {
                Opinion::failed(PolicyFailureKind::Crashed, "the evaluation broke down")
            }
        })
    }
}

fn too_long(time: Duration) -> String {
    format!("no end within {} ms", time.as_millis())
}

struct Asking<'a> {
    policies: &'a Policies,
    began: Instant,
    opinion: Opinion,
}

impl Asking<'_> {
    fn all(&mut self, input: &Value, told: &Value, now: i64) {
        let policies = self.policies;
        let compiled = &policies.compiled;
        let mut lenient = self.prepare(&compiled.lenient, input, told, now);
        let mut strict = match &compiled.strict {
            Some(compiled) => self.prepare(compiled, input, told, now),
            None => None,
        };
        for rule in policies.asked.iter() {
            let compiled = match rule.meaning {
                Meaning::Safe => &mut strict,
                Meaning::Denies | Meaning::Warns => &mut lenient,
            };
            if let Some(compiled) = compiled {
                self.one(rule, compiled);
            }
        }
    }

    fn prepare(
        &mut self,
        compiled: &Compiled,
        input: &Value,
        told: &Value,
        now: i64,
    ) -> Option<Compiled> {
        let mut compiled = compiled.clone();
        compiled.give(input.clone());
        let ready = compiled
            .tell(told.clone())
            .and_then(|()| compiled.set_time(now));
        match ready {
            Ok(()) => Some(compiled),
            Err(message) => {
                self.fail(None, PolicyFailureKind::Evaluation, message);
                None
            }
        }
    }

    fn one(&mut self, rule: &Asked, compiled: &mut Compiled) {
        let time = self.policies.limits.time;
        let left = time.saturating_sub(self.began.elapsed());
        let name = Some(rule.name.clone());
        if left.is_zero() {
            return self.fail(name, PolicyFailureKind::TimedOut, too_long(time));
        }
        let value = match compiled.value(&rule.path, left) {
            Ok(value) => value,
            Err(_) if self.began.elapsed() >= time => {
                return self.fail(name, PolicyFailureKind::TimedOut, too_long(time));
            }
            Err(message) => return self.fail(name, PolicyFailureKind::Evaluation, message),
        };
        let wrong = if rule.meaning == Meaning::Safe {
            let (mut safe, wrong) = answer::addresses(&value, &rule.name.rule);
            self.opinion.safe.append(&mut safe);
            wrong
        } else {
            let (messages, wrong) = answer::messages(&value, &rule.name.rule);
            let remarks = messages.into_iter().map(|message| Remark {
                rule: rule.name.clone(),
                message,
            });
            match rule.meaning {
                Meaning::Warns => self.opinion.warnings.extend(remarks),
                Meaning::Denies | Meaning::Safe => self.opinion.denials.extend(remarks),
            }
            wrong
        };
        if let Some(message) = wrong {
            self.fail(name, PolicyFailureKind::WrongResult, message);
        }
    }

    fn fail(&mut self, rule: Option<RuleName>, kind: PolicyFailureKind, message: String) {
        self.opinion.failures.push(PolicyFailure {
            rule,
            kind,
            message,
        });
    }
}
