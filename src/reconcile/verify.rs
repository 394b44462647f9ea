//! After an apply the stack is planned again, and what is seen then is what counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::check::StackCheck;
use crate::domain::content::drifted;
use crate::domain::failure::FailureKind;
use crate::domain::finding::Verdict;
use crate::domain::guard::is_recent;
use crate::domain::history::{History, drifting};
use crate::domain::ids::Address;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::{Repair, StackRecord, StateIdentity};
use crate::store::StoreError;
use crate::telemetry::metrics::{self, ApplyOutcome};
use crate::terraform::Applied;

use super::asking::Asking;
use super::attempt::{Attempt, postponed};
use super::conclude::{Ending, conclude};
use super::context::Context;
use super::look::{Sighting, failed};
use super::resolve::Tracked;
use super::sight::{check_of, see};
use super::step::{Next, advance, is_benign};
use super::{persist, state_watch};

/// How an apply ended.
pub(super) struct CameTo {
    /// As whoever watched it says.
    pub(super) applied: Applied,
    /// What it left behind, if it was cut off.
    pub(super) aftermath: Option<String>,
    /// The state that it began with.
    pub(super) state: Option<StateIdentity>,
}

/// Plans again after the apply: what was to be repaired must be gone.
pub(super) async fn verify(
    attempt: &Attempt<'_>,
    mut run: Run,
    mut record: StackRecord,
    before: StackCheck,
    came_to: CameTo,
) -> Result<Next, StoreError> {
    let CameTo {
        applied,
        aftermath,
        state,
    } = came_to;
    let Attempt {
        context,
        tracked,
        commit,
        ..
    } = attempt;
    advance(&mut run, RunState::Verifying, context.now());
    persist::save(context, &run).await?;
    let seen = see_repaired(attempt, &before).await?;
    let mut after = check_of(tracked, &seen, commit);
    let interrupted = matches!(applied, Applied::Interrupted(_));
    let trouble = match applied {
        Applied::Done => None,
        Applied::Failed(failure) | Applied::Interrupted(failure) => Some(failure),
    };
    let now = context.now();
    let tried: Vec<_> = drifted(&before).collect();
    let all_gone = after.verdict != Verdict::Failed && is_done(&before, &after);
    let nothing_done = trouble
        .as_ref()
        .is_some_and(|failure| is_benign(failure.kind));
    if !nothing_done {
        let repairs = tried
            .into_iter()
            .map(|attribute| Repair { attribute, at: now });
        let contest = tracked.settings.policy.policy.contested;
        record
            .repairs
            .retain(|repair| is_recent(repair, &contest, now));
        record.repairs.extend(repairs);
    }
    let outcome = match &trouble {
        Some(failure) => Outcome::Failed {
            failure: failure.clone(),
        },
        None if all_gone => Outcome::Repaired,
        None => Outcome::PartlyRepaired,
    };
    metrics::apply_ended(match (&outcome, interrupted) {
        (_, true) => ApplyOutcome::Interrupted,
        (Outcome::Repaired, _) => ApplyOutcome::Repaired,
        (Outcome::PartlyRepaired, _) => ApplyOutcome::PartlyRepaired,
        _ => ApplyOutcome::Failed,
    });
    let unseen = after.failure.as_ref().map(|failure| failure.kind);
    record.held = match &trouble {
        Some(failure) if !nothing_done => Some(aftermath.unwrap_or_else(|| {
            format!(
                "the apply of run {} did not end well: {}",
                run.id, failure.message
            )
        })),
        None if after.verdict == Verdict::Failed && unseen != Some(FailureKind::Busy) => {
            Some(format!(
                "after the apply of run {} the stack cannot be planned",
                run.id
            ))
        }
        _ => None,
    };
    after.decision = match &trouble {
        Some(failure) => postponed(failure),
        None => settled(&after, all_gone),
    };
    let moved = trouble.is_some_and(|failure| failure.kind == FailureKind::StalePlan);
    let again = moved || unseen == Some(FailureKind::Busy);
    let ending = Ending {
        repaired: trouble_free(&outcome).then_some(before),
        code_moved: false,
        asking: Asking::default(),
        outcome,
        interrupted,
        backend: seen.plan.as_ref().map(|plan| plan.backend.identity.clone()),
        state: seen
            .plan
            .as_ref()
            .and_then(|plan| plan.state.clone())
            .or(state),
        ledger: seen.ledger,
        check: after,
    };
    let next = concluded(context, tracked, (&run, &record), &ending).await?;
    Ok(if again { Next::LookAgain } else { next })
}

/// Ends a run that has applied something, however long the database is away.
async fn concluded(
    context: &Context,
    tracked: &Tracked,
    (run, record): (&Run, &StackRecord),
    ending: &Ending,
) -> Result<Next, StoreError> {
    loop {
        let ended = conclude(
            context,
            tracked,
            run.clone(),
            record.clone(),
            ending.clone(),
        );
        let error = match ended.await {
            Ok(next) => return Ok(next),
            Err(error) => error,
        };
        persist::there_again(context, error).await?;
        // Only the answer may have got lost.
        let known = context.store.run(&run.id).await;
        if matches!(known, Ok(Some(run)) if run.state.is_over()) {
            return Ok(Next::LookAgain);
        }
    }
}

const fn trouble_free(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Repaired | Outcome::PartlyRepaired)
}

/// Looks until what was to be repaired is gone, twice at most: a provider may show the world late, and
/// somebody else may just be writing the state.
async fn see_repaired(attempt: &Attempt<'_>, before: &StackCheck) -> Result<Sighting, StoreError> {
    let Attempt {
        context,
        tracked,
        workdir,
        commit,
    } = attempt;
    let stop = &context.stop.applies;
    state_watch::after_apply(context, tracked).await?;
    let history = History {
        drifting: drifting(before, &BTreeMap::new(), context.now()),
        unmoved_since: None,
    };
    let first = see(context, tracked, workdir, true, &history, stop).await?;
    if let Ok(seen) = first {
        let after = check_of(tracked, &seen, commit);
        if after.verdict != Verdict::Failed && is_done(before, &after) {
            return Ok(seen);
        }
    }
    let wait = tokio::time::sleep(tracked.settings.policy.confirm_after);
    let _stopped = stop.run_until_cancelled(wait).await;
    Ok(
        match see(context, tracked, workdir, true, &history, stop).await? {
            Ok(seen) => seen,
            Err(busy) => failed(busy, context.store.ledger(&tracked.id).await?),
        },
    )
}

/// Whether nothing of what was to be applied is still planned.
fn is_done(before: &StackCheck, after: &StackCheck) -> bool {
    let left: BTreeSet<_> = drifted(after).collect();
    let waits = |check: &StackCheck| -> BTreeSet<Address> {
        let findings = check.findings.resources.iter();
        let waiting = findings.filter(|finding| finding.is_pending());
        waiting.map(|finding| finding.address.clone()).collect()
    };
    !drifted(before).any(|key| left.contains(&key)) && waits(before).is_disjoint(&waits(after))
}

fn settled(after: &StackCheck, all_gone: bool) -> Decision {
    let quiet = all_gone && after.verdict == Verdict::InSync;
    let reason = match (quiet, all_gone) {
        (true, _) => "repaired, and another plan shows that it is gone",
        (false, true) => "repaired; what is left is not for Mooring to change",
        (false, false) => "another plan after the repair still shows some of it",
    };
    let kind = if quiet {
        DecisionKind::Nothing
    } else {
        DecisionKind::Alert
    };
    Decision::because(kind, reason)
}
