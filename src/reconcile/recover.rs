//! What a run that was cut off leaves behind. A plan is simply made again; an apply never is: the
//! stack is held until a person has looked.

use jiff::SignedDuration;

use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Findings, Verdict};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::StackRecord;
use crate::domain::tell::{Situation, tell};
use crate::store::{Conclusion, StoreError};

use super::conclude::conclude_run;
use super::context::Context;
use super::{fresh, news};

/// Settles every run that an earlier process left open, and gives back those to be made (again).
pub async fn recover(context: &Context) -> Result<Vec<Run>, StoreError> {
    let mut again = Vec::new();
    for run in context.store.unfinished_runs().await? {
        if run.state == RunState::Queued {
            again.push(run);
            continue;
        }
        let fresh = Run::queued(fresh::run(), run.stack.clone(), run.trigger, context.now());
        settle(context, run, "Mooring was stopped in the middle of it").await?;
        if context.store.enqueue(&fresh).await? {
            again.push(fresh);
        }
    }
    Ok(again)
}

/// Ends a run that was cut off.
pub async fn settle(context: &Context, mut run: Run, why: &str) -> Result<(), StoreError> {
    match run.state.after_crash() {
        RunState::Interrupted => hold(context, run, why).await,
        _ => {
            tracing::info!(run = %run.id, stack = run.stack.as_str(), "cut off: {why}");
            let failure = Failure::new(
                FailureKind::Interrupted,
                why,
                "nothing was changed; the stack is looked at again",
            );
            conclude_run(context, &mut run, Outcome::Failed { failure }).await
        }
    }
}

async fn hold(context: &Context, mut run: Run, why: &str) -> Result<(), StoreError> {
    let now = context.now();
    tracing::error!(run = %run.id, stack = run.stack.as_str(), "an apply was cut off: {why}");
    if let Err(invalid) = run.step(RunState::Interrupted, now) {
        tracing::error!("{invalid}");
    }
    let intent = context.store.intent(&run.id).await?;
    let snapshot = intent.map(|intent| format!("; the state before it is in {}", intent.snapshot));
    let log = context.layout.apply_log(&run.stack, &run.id);
    let log = log
        .exists()
        .then(|| format!(" and what Terraform said in {}", log.display()));
    let reason = format!(
        "the apply of run {} was cut off: {why}{}{}",
        run.id,
        snapshot.unwrap_or_default(),
        log.unwrap_or_default()
    );
    let _one_at_a_time = context.telling.lock().await;
    let Some(record) = context.store.stack(&run.stack).await? else {
        return context.store.save_run(&run).await;
    };
    let record = StackRecord {
        held: Some(reason),
        ..record
    };
    let check = record.last.clone().unwrap_or_else(|| unseen(&record));
    let audience = news::audience(&record);
    let timings = context.settings.telling.timings.at_once();
    let situation = Situation {
        record: &record,
        check: &check,
        repaired: false,
        code_moved: false,
        pending_after: SignedDuration::MAX,
        timings: &timings,
        audience: &audience,
    };
    let known = news::known(context, &record.id).await?;
    let told = tell(&situation, &known, fresh::alert, now);
    let news = news::of_alerts(context, &told.news, now);
    let entries = news::entries(context, &told);
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&record),
        alerts: &entries,
        news: &news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}

/// A stack that has not been looked at, as a look.
pub fn unseen(record: &StackRecord) -> StackCheck {
    StackCheck {
        stack: Some(record.id.clone()),
        workspace: record.workspace.clone(),
        commit: None,
        dirty: false,
        verdict: Verdict::Unknown,
        terraform_version: None,
        duration_ms: 0,
        failure: None,
        digest: None,
        recipe: None,
        findings: Findings::default(),
        decision: Decision::because(DecisionKind::Refuse, "the stack has not been looked at"),
    }
}
