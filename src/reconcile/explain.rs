//! `explain`: findings and decision from a plan that somebody else made. For JSON nothing is run.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::check::StackCheck;
use crate::domain::classify::classify;
use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Findings, PlanExit, verdict};
use crate::domain::opinion::Opinion;
use crate::domain::plan::{Plan, PlannedAction};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::plan_json::{ReadError, Reader, Reading, Schema};
use crate::terraform::{Environment, Limits, Machine, PlanFile, Workdir};

use super::layout::random_key;
use super::local::find_engine;
use super::opinion::{Asked, changes, gathered};
use super::replay::Judging;
use super::shown::{Wanted, shown};

/// What reads a saved plan file.
#[derive(Debug)]
pub struct Engined<'a> {
    /// `terraform`, `tofu` or a path; none means whichever there is.
    pub engine: Option<&'a str>,
    /// Time limit.
    pub limit: Duration,
    /// Stops it.
    pub cancel: CancellationToken,
}

/// How a plan is read and judged.
#[derive(Debug, Default)]
pub struct Explaining {
    /// What the provider's schema says.
    pub schema: Schema,
    /// How what is found is judged.
    pub judging: Judging,
}

/// Explains the output of `terraform show -json` as it comes.
pub fn from_stream(mut source: impl Read, how: &Explaining) -> Result<StackCheck, Failure> {
    let key = key()?;
    let reader = Reader::new(&key).with_schema(&how.schema);
    let Some(asked) = how.judging.asked(None, Timestamp::now()) else {
        let reading = reader.read_from(source)?;
        return Ok(decided(
            explained(&reading, &how.judging),
            &how.judging,
            None,
        ));
    };
    let bytes = gathered(&mut source).map_err(ReadError::Io)?;
    let reading = reader.read_from(bytes.as_slice().chain(source))?;
    Ok(asking(&reading, &how.judging, asked, &bytes))
}

/// Explains the output of `terraform show -json` in a file.
pub fn from_file(path: &Path, how: &Explaining) -> Result<StackCheck, Failure> {
    let key = key()?;
    let reader = Reader::new(&key).with_schema(&how.schema);
    let reading = reader.read_file(path)?;
    let Some(asked) = how.judging.asked(None, Timestamp::now()) else {
        return Ok(decided(
            explained(&reading, &how.judging),
            &how.judging,
            None,
        ));
    };
    let mut file = File::open(path).map_err(ReadError::Io)?;
    let bytes = gathered(&mut file).map_err(ReadError::Io)?;
    Ok(asking(&reading, &how.judging, asked, &bytes))
}

fn asking(reading: &Reading, judging: &Judging, asked: Asked, bytes: &[u8]) -> StackCheck {
    let check = explained(reading, judging);
    let opinion = changes(&check).then(|| asked.about(bytes, &reading.masker, &check));
    decided(check, judging, opinion)
}

fn key() -> Result<DigestKey, Failure> {
    random_key().map(DigestKey::new).map_err(|error| {
        Failure::new(
            FailureKind::Internal,
            format!("no random bytes: {error}"),
            "make /dev/urandom readable",
        )
    })
}

/// Explains a saved plan file with the engine that made it. Terraform needs the providers that the
/// plan was made with, so it runs in the current directory.
pub async fn from_plan_file(
    file: &Path,
    engined: &Engined<'_>,
    judging: &Judging,
) -> Result<StackCheck, Failure> {
    let internal = |error: std::io::Error| {
        Failure::new(
            FailureKind::Internal,
            error.to_string(),
            "run it in the stack's directory",
        )
    };
    let env = Environment::inherited();
    let engine = find_engine(engined.engine, &env, &engined.cancel).await?;
    let scratch = tempfile::tempdir().map_err(internal)?;
    let workdir = Workdir {
        dir: std::env::current_dir().map_err(internal)?,
        engine,
        env,
        workspace: None,
        var_files: Vec::new(),
        backend_config: Vec::new(),
        scratch: scratch.path().to_owned(),
        limits: Limits {
            init: engined.limit,
            plan: engined.limit,
            apply: engined.limit,
            grace: Duration::from_secs(10),
        },
        runtime: Machine::read().go_runtime(1),
        plugins: None,
        meter: Arc::default(),
    };
    let file = PlanFile::open_existing(file);
    let wanted = Wanted {
        key: &key()?,
        keep: BTreeSet::new(),
        schemas: scratch.path(),
    };
    let reading = shown(&workdir, &file, &wanted, &engined.cancel).await?;
    let check = explained(&reading, judging);
    let opinion = match judging.asked(None, Timestamp::now()) {
        Some(asked) => {
            let shown = (&workdir, &file);
            let asking = asked.about_plan(shown, &reading.masker, &check, &engined.cancel);
            asking.await
        }
        None => None,
    };
    Ok(decided(check, judging, opinion))
}

fn decided(mut check: StackCheck, judging: &Judging, opinion: Option<Opinion>) -> StackCheck {
    let (verdict, findings) = (check.verdict, &mut check.findings);
    check.decision = judging.decide(verdict, findings, None, opinion, Timestamp::now());
    check
}

/// What a plan says, before it is decided.
fn explained(reading: &Reading, judging: &Judging) -> StackCheck {
    for warning in &reading.warnings {
        tracing::warn!("{warning}");
    }
    let plan = &reading.plan;
    // Without what the configuration wants, nothing can be said about where a difference comes from.
    let findings = if plan.refresh_only {
        Findings::default()
    } else {
        classify(plan, judging.rules())
    };
    let verdict = verdict(exit_of(plan), plan.errored, plan.complete, &findings);
    let incomplete = plan.errored || !plan.complete;
    let (message, hint) = if plan.refresh_only {
        (
            "the plan was made with -refresh-only: it says nothing about what the configuration wants",
            "plan without -refresh-only; such a plan also shows what changed outside Terraform",
        )
    } else {
        (
            "the plan failed midway or leaves something out: what it lists is only a part",
            "plan again and look at its errors",
        )
    };
    StackCheck {
        stack: None,
        workspace: DEFAULT_WORKSPACE.to_owned(),
        commit: None,
        dirty: false,
        verdict,
        terraform_version: plan.terraform_version.clone(),
        duration_ms: 0,
        failure: incomplete.then(|| Failure::new(FailureKind::IncompletePlan, message, hint)),
        digest: None,
        recipe: None,
        findings,
        decision: Decision::new(DecisionKind::Refuse),
    }
}

/// What `plan -detailed-exitcode` must have said.
fn exit_of(plan: &Plan) -> PlanExit {
    let changes = plan.changes.iter().any(|change| {
        let moved = change
            .previous_address
            .as_ref()
            .is_some_and(|from| from != &change.address);
        moved || change.importing.is_some() || change.action != PlannedAction::NoOp
    });
    if plan.errored {
        PlanExit::Failed
    } else if changes || !plan.outputs.is_empty() || plan.invocations > 0 {
        PlanExit::Changes
    } else {
        PlanExit::NoChanges
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::finding::Verdict;

    /// What Terraform 1.11 writes for one resource, less what does not matter here.
    fn plan(more: &serde_json::Value) -> StackCheck {
        let resource = json!({"address": "terraform_data.a", "mode": "managed",
            "type": "terraform_data", "values": {"input": "x"}, "sensitive_values": {}});
        let mut plan = json!({
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "planned_values": {"root_module": {}},
            "prior_state": {"values": {"root_module": {"child_modules": [{"resources": [resource]}]}}},
            "complete": true,
            "errored": false,
        });
        plan.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        from_stream(plan.to_string().as_bytes(), &Explaining::default()).unwrap()
    }

    fn change(action: &str) -> serde_json::Value {
        json!({"address": "terraform_data.a", "mode": "managed", "type": "terraform_data",
            "change": {"actions": [action], "before": {"input": "x"}, "after": null}})
    }

    #[test]
    fn a_refresh_only_plan_is_never_in_sync() {
        let gone = json!({"prior_state": null});
        let with = |mut more: serde_json::Value| {
            let fields = more.as_object_mut().unwrap();
            fields.extend(gone.as_object().unwrap().clone());
            more
        };
        let declared = |resource: serde_json::Value| json!({"root_module": {"module_calls": {"m": {"module": {"resources": [resource]}}}}});
        for more in [
            json!({"applyable": false}),
            json!({"applyable": true, "resource_drift": [change("update")]}),
            with(json!({"configuration": declared(json!({"mode": "managed"}))})),
            with(json!({"applyable": true, "resource_drift": [change("delete")]})),
        ] {
            let check = plan(&more);
            assert_eq!(check.verdict, Verdict::Failed, "{more}");
            let failure = check.failure.unwrap();
            assert_eq!(failure.kind, FailureKind::IncompletePlan);
            assert!(failure.message.contains("-refresh-only"), "{failure}");
            assert!(check.findings.resources.is_empty());
        }
        let repeated = json!({"mode": "managed", "count_expression": {"constant_value": 0}});
        for more in [
            json!({"resource_changes": [change("no-op")]}),
            with(json!({"configuration": declared(json!({"mode": "data"}))})),
            with(json!({"configuration": declared(repeated)})),
            with(json!({"applyable": false, "resource_drift": [change("delete")]})),
        ] {
            assert!(plan(&more).failure.is_none(), "{more}");
        }
    }
}
