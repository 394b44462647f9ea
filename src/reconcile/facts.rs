//! What decisions depend on besides the look itself: history, Git and what was applied lately.

use jiff::Timestamp;

use crate::domain::check::StackCheck;
use crate::domain::finding::Verdict;
use crate::domain::ids::{CommitId, StackId};
use crate::domain::policy::{
    Applies, ApplyLimit, CodeSince, Decided, DecisionKind, Facts, Inputs, PolicyMode, not_now,
};
use crate::domain::run::Run;
use crate::domain::stack::StackRecord;
use crate::store::StoreError;

use super::context::Context;
use super::history::code_since;
use super::orders::applied_before;
use super::resolve::Tracked;

/// Brings together what policy has to know; what only the look tells is added to it.
pub(super) async fn facts(
    context: &Context,
    tracked: &Tracked,
    record: &StackRecord,
    commit: &CommitId,
) -> Result<Facts, StoreError> {
    let code = match tracked.settings.policy.policy.furthest() {
        PolicyMode::Sync => code_since(context, tracked, record, commit).await,
        PolicyMode::Observe | PolicyMode::Heal => CodeSince::Unknown,
    };
    Ok(Facts {
        code,
        ..of_now(context, tracked).await?
    })
}

/// What keeps anything from being applied now, whoever said yes to it: pauses, freezes, windows,
/// limits, and what the stack needs and is being applied. None if nothing does.
pub(super) async fn waits(
    context: &Context,
    tracked: &Tracked,
) -> Result<Option<String>, StoreError> {
    let facts = of_now(context, tracked).await?;
    Ok(not_now(&tracked.settings.policy.policy, &facts))
}

/// The time, and what was applied or paused until then.
async fn of_now(context: &Context, tracked: &Tracked) -> Result<Facts, StoreError> {
    context.pauses.refresh(&context.store).await?;
    let now = context.now();
    let policy = &tracked.settings.policy.policy;
    let stack = policy.stack_limits().map(|(limit, _)| limit);
    let stack = stack.reduce(ApplyLimit::over_both);
    let fleet = policy.limits.fleet;
    Ok(Facts {
        now,
        applies: Applies {
            stack: applies(context, stack, Some(&tracked.id), now).await?,
            fleet: applies(context, fleet, None, now).await?,
        },
        paused: context.pauses.of(&tracked.id, &tracked.source, now),
        needed: applied_before(context, &tracked.id).await?,
        ..Facts::default()
    })
}

/// Adds what the stack is to what is known of it.
pub(super) fn of_stack(tracked: &Tracked, known: Facts) -> Facts {
    Facts {
        stack: Some(tracked.id.clone()),
        source: Some(tracked.source.clone()),
        dir: tracked.dir.clone(),
        labels: tracked.settings.labels.clone(),
        ..known
    }
}

/// Keeps what was decided, and from what, so that people can ask why. That all is well needs no
/// explanation.
pub(super) async fn keep_decision(
    context: &Context,
    tracked: &Tracked,
    run: &Run,
    check: &StackCheck,
    facts: Facts,
) -> Result<(), StoreError> {
    if check.verdict == Verdict::InSync && check.decision.kind == DecisionKind::Nothing {
        return Ok(());
    }
    let decided = Decided {
        run: run.id,
        stack: run.stack.clone(),
        at: facts.now,
        inputs: Inputs {
            verdict: check.verdict,
            findings: check.findings.clone(),
            facts,
            repository: tracked.settings.policy.policy.repository.clone(),
        },
        decision: check.decision.clone(),
    };
    context.store.save_decision(&decided).await
}

/// As many of the newest applies as a limit asks for.
async fn applies(
    context: &Context,
    limit: Option<ApplyLimit>,
    stack: Option<&StackId>,
    now: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let Some(limit) = limit else {
        return Ok(Vec::new());
    };
    let since = now.checked_sub(limit.within).unwrap_or(Timestamp::MIN);
    let most = u32::try_from(limit.applies).unwrap_or(u32::MAX);
    context.store.applies(stack, since, most).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::fixture::{paused, tracked};
    use super::*;
    use crate::domain::pause::{Pause, Pauses, Scope};

    #[tokio::test]
    async fn what_another_process_paused_waits_and_what_cannot_be_asked_is_not_applied() {
        let directory = tempfile::tempdir().unwrap();
        let (context, _) = paused(directory.path(), Timestamp::UNIX_EPOCH).await;
        assert_eq!(waits(&context, &tracked()).await.unwrap(), None);
        let elsewhere = Pause {
            scope: Scope::All,
            by: "ann".to_owned(),
            reason: None,
            at: Timestamp::UNIX_EPOCH,
            until: None,
        };
        let thrown = Pauses::default().with(elsewhere);
        context.store.pause(&thrown).await.unwrap();
        let why = waits(&context, &tracked()).await.unwrap();
        assert_eq!(why.as_deref(), Some("everything is paused by ann"));
        context.store.end_pause(&Scope::All).await.unwrap();
        assert_eq!(waits(&context, &tracked()).await.unwrap(), None);
        context.store.close().await;
        waits(&context, &tracked()).await.unwrap_err();
    }
}
