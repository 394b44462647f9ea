//! One pass over one stack, in order: sync → plan → read → decide → act → verify → tell.

use std::time::Instant;

use crate::domain::attribute_key::AttributeKey;
use crate::domain::check::StackCheck;
use crate::domain::confirm::Confirmation;
use crate::domain::failure::FailureKind;
use crate::domain::guard::{Seen, contested, guards, held_off_until};
use crate::domain::ids::CommitId;
use crate::domain::policy::{By, DecisionKind, Facts, Guard, Reason, decide, ignore};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::StackRecord;
use crate::store::{Conclusion, StoreError};
use crate::terraform::Backend;

use super::act;
use super::asking::{self, Asking};
use super::attempt::Attempt;
use super::conclude::{Ending, conclude, conclude_run};
use super::context::Context;
use super::facts::{facts, keep_decision, of_stack};
use super::habits::Habit;
use super::history::{code_moved, history};
use super::look::{Sighting, failed};
use super::opinion::opinion;
use super::orders::unready;
use super::prepare::prepare;
use super::record::record_of;
use super::resolve::Tracked;
use super::sight::{check_of, see};
use super::step::{Next, duration, finish, step};
use super::{rollback, state_watch};

/// Takes a run that was started through the whole pass. An error is the store's: nothing else escapes.
pub async fn pass(
    context: &Context,
    tracked: &Tracked,
    mut run: Run,
    commit: &CommitId,
) -> Result<Next, StoreError> {
    if let Some(request) = rollback::approved(context, tracked).await?
        && let (Some(rollback), Some(commit)) = (
            request.asked.rollback.clone(),
            request.asked.binding.commit.clone(),
        )
    {
        return rollback::pass(context, tracked, run, rollback, &commit, Some(request)).await;
    }
    let began = Instant::now();
    let mut record = record_of(context, tracked).await?;
    let commit = &asking::commit_of(context, tracked, commit).await?;
    run.commit = Some(commit.clone());
    let prepared = prepare(context, tracked, commit).await;
    step(context, &mut run, RunState::Planning).await?;
    let seen = match &prepared {
        Ok(workdir) => {
            let history = history(context, tracked, &record, commit).await;
            let before = state_watch::before_look(context, tracked).await;
            let seen = see(
                context,
                tracked,
                workdir,
                false,
                &history,
                &context.stop.plans,
            )
            .await?;
            if let Ok(seen) = &seen {
                let moved = state_watch::after_look(context, &record, before, seen).await?;
                run.state_moved.clone_from(&moved);
                record.state_moved = moved.or(record.state_moved);
            }
            seen
        }
        Err(failure) => Ok(failed(
            failure.clone(),
            context.store.ledger(&tracked.id).await?,
        )),
    };
    let seen = match seen {
        Ok(seen) => seen,
        Err(busy) => {
            tracing::info!("{busy}");
            // Somebody applies: the stack is not quiet.
            if record.quiet_since.take().is_some() {
                context.habits.know(&tracked.id, Habit::of(&record));
                context.store.save_stack(&record).await?;
            }
            conclude_run(context, &mut run, Outcome::Busy).await?;
            let waiting = record.doubt.unconfirmed.is_some();
            return Ok(if waiting { Next::LookAgain } else { Next::Rest });
        }
    };
    if context.stop.plans.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    if let Ok(workdir) = &prepared {
        let wall = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let spent = workdir.meter.spent();
        record.cost = Some(context.costs.saw(&tracked.id, spent, wall));
        // Without a plan init may not have come so far.
        if seen.plan.is_some() {
            record.providers = workdir.locked_providers().or(record.providers);
        }
    }
    if seen.failure.as_ref().map(|failure| failure.kind) == Some(FailureKind::Throttled) {
        context.costs.throttled(&tracked.id);
    }
    step(context, &mut run, RunState::Deciding).await?;
    let opinion = match &prepared {
        Ok(workdir) => {
            let check = check_of(tracked, &seen, commit);
            opinion(context, tracked, workdir, &seen, &check).await
        }
        Err(_) => None,
    };
    // Policies that were cut off in the middle have not answered: that is no reason to tell anybody.
    if context.stop.plans.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    let known = Facts {
        opinion,
        ..facts(context, tracked, &record, commit).await?
    };
    let backend = seen.plan.as_ref().map(|plan| &plan.backend);
    let here_only = context.store.is_shared() && backend.is_some_and(Backend::is_here_only);
    let (mut check, confirmation, mut known) =
        decided(tracked, &mut record, &seen, commit, (known, here_only));
    if check.decision.kind == DecisionKind::Apply {
        known
            .needed
            .extend(unready(context, tracked, check.verdict).await?);
        let policy = &tracked.settings.policy.policy;
        check.decision = decide(check.verdict, &check.findings, policy, &known);
    }
    context.orders.hold(&tracked.id, &known.needed);
    tracing::info!(
        verdict = check.verdict.as_str(),
        decision = check.decision.kind.as_str(),
        findings = check.findings.resources.len(),
        failure = check.failure.as_ref().map(|f| f.kind.as_str()),
        "looked"
    );
    if confirmation == Confirmation::Again {
        // What was seen once and is absorbed by an apply elsewhere before the second look must not
        // be forgotten, so the ledger is kept even now.
        let verdict = check.verdict;
        record.quiet_since = None;
        context.habits.know(&tracked.id, Habit::of(&record));
        finish(&mut run, Outcome::Unconfirmed { verdict }, context.now());
        let seen_once = Conclusion {
            run: Some(&run),
            stack: Some(&record),
            ledger: Some((&tracked.id, &seen.ledger)),
            ..Conclusion::default()
        };
        context.store.conclude(&seen_once).await?;
        return Ok(Next::LookAgain);
    }
    keep_decision(context, tracked, &run, &check, known).await?;
    let mut asking = Asking::default();
    if let Ok(workdir) = prepared {
        let attempt = Attempt {
            context,
            tracked,
            workdir,
            commit,
        };
        asking = asking::ask(&attempt, &run, &record, &check, &seen).await?;
        let granted = asking
            .granted(context)
            .filter(|request| request.asked.rollback.is_none())
            .filter(|_| check.decision.kind == DecisionKind::Ask && !check.decision.waits());
        if check.decision.kind == DecisionKind::Apply || granted.is_some() {
            return act::act(attempt, run, record, check, seen, (asking, granted)).await;
        }
    }
    let ending = Ending {
        code_moved: code_moved(context, tracked, &record, commit).await,
        asking,
        ..Ending::looked(check, seen)
    };
    conclude(context, tracked, run, record, ending).await
}

/// Decides; also tells what it was decided from.
pub(super) fn decided(
    tracked: &Tracked,
    record: &mut StackRecord,
    seen: &Sighting,
    commit: &CommitId,
    (known, here_only): (Facts, bool),
) -> (StackCheck, Confirmation, Facts) {
    let now = known.now;
    let mut check = check_of(tracked, seen, commit);
    let settings = &tracked.settings.policy;
    let policy = &settings.policy;
    let mut facts = of_stack(tracked, known);
    ignore(&mut check.findings, policy, &facts);
    let confirmation = record.doubt.weigh(record.last.as_ref(), &check);
    let state = seen.plan.as_ref().and_then(|plan| plan.state.as_ref());
    let look = Seen {
        check: &check,
        state,
        empty: seen.plan.as_ref().is_none_or(|plan| plan.empty),
        locks: seen.plan.as_ref().is_some_and(|plan| plan.backend.locks),
        here_only,
        confirmation,
        hold_off: policy.hold_off(duration(settings.hold_off)),
        contest: policy.contested,
    };
    facts.guards = guards(record, &look, now);
    facts.contested = contested(record, &look, now);
    facts.held_off_until = held_off_until(record, &look, now);
    facts.state_stood = state.is_some() && state == record.in_sync_state.as_ref();
    check.decision = decide(check.verdict, &check.findings, policy, &facts);
    if confirmation == Confirmation::Unstable {
        let names = record.doubt.unstable.iter().map(AttributeKey::as_str);
        let named = names.map(|name| {
            let text = format!("{name} differs from plan to plan");
            Reason::plan(By::Guard(Guard::Unstable), text)
        });
        check.decision.reasons.extend(named);
    }
    (check, confirmation, facts)
}
