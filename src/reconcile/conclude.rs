//! The end of a pass: what was seen is remembered, alerts move, messages go into the outbox. All in
//! one transaction.

use jiff::{SignedDuration, Timestamp};

use crate::artifacts::{ArtifactId, ArtifactName, Shelf};
use crate::domain::alert::{AlertEvent, AlertKind, Resolution, tick};
use crate::domain::audit::{Action, NewAudit};
use crate::domain::cadence::quiet_since;
use crate::domain::check::StackCheck;
use crate::domain::finding::Verdict;
use crate::domain::ids::RunId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::notice::{AlertNotice, Notice, RepairNotice};
use crate::domain::run::{Outcome, Run, RunState, Trigger};
use crate::domain::stack::{StackRecord, StateIdentity};
use crate::domain::tell::{Situation, as_told, tell};
use crate::store::{Area, Conclusion, StoreError};
use crate::telemetry::metrics;

use super::asking::Asking;
use super::context::Context;
use super::habits::Habit;
use super::look::Sighting;
use super::news::Spread;
use super::resolve::Tracked;
use super::step::{Next, advance, duration, finish};
use super::{background, baseline, fresh, news};

/// How a pass ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The stack as seen last.
    pub check: StackCheck,
    /// Unenforced findings to remember.
    pub ledger: Vec<LedgerEntry>,
    /// The state as seen last.
    pub state: Option<StateIdentity>,
    /// Which state that is.
    pub backend: Option<String>,
    /// Whether an apply was cut off.
    pub interrupted: bool,
    /// The run's outcome.
    pub outcome: Outcome,
    /// The stack as it was before Mooring repaired it.
    pub repaired: Option<StackCheck>,
    /// Whether what it reads in Git differs from the last look.
    pub code_moved: bool,
    /// What people are asked about it.
    pub asking: Asking,
}

impl Ending {
    /// The stack was looked at and nothing was changed.
    pub fn looked(check: StackCheck, seen: Sighting) -> Self {
        let outcome = match &check.failure {
            Some(failure) if check.verdict == Verdict::Failed => Outcome::Failed {
                failure: failure.clone(),
            },
            _ => Outcome::Checked {
                verdict: check.verdict,
            },
        };
        Self {
            check,
            ledger: seen.ledger,
            backend: seen.plan.as_ref().map(|plan| plan.backend.identity.clone()),
            state: seen.plan.and_then(|plan| plan.state),
            interrupted: false,
            outcome,
            repaired: None,
            code_moved: false,
            asking: Asking::default(),
        }
    }
}

/// Ends a run that saw nothing new to remember.
pub async fn conclude_run(
    context: &Context,
    run: &mut Run,
    outcome: Outcome,
) -> Result<(), StoreError> {
    finish(run, outcome, context.now());
    context.store.save_run(run).await
}

/// Ends a run that looked at its stack; says when it is to be looked at next.
pub async fn conclude(
    context: &Context,
    tracked: &Tracked,
    mut run: Run,
    mut record: StackRecord,
    ending: Ending,
) -> Result<Next, StoreError> {
    let now = context.now();
    let Ending {
        mut check,
        ledger,
        state,
        backend,
        interrupted,
        outcome,
        mut repaired,
        code_moved,
        mut asking,
    } = ending;
    for check in [Some(&mut check), repaired.as_mut()].into_iter().flatten() {
        background::add(context, tracked, &record, &ledger, check).await;
    }
    record.observe(check.clone(), now);
    record.observe_state(state);
    record.backend = backend.or(record.backend);
    // Only a scheduled look that found what the one before it found tells that nothing happens.
    let touched = run.trigger != Trigger::Schedule
        || run.state != RunState::Deciding
        || run.state_moved.is_some()
        || code_moved;
    record.quiet_since = quiet_since(record.quiet_since, &check, touched, now);
    context.habits.know(&record.id, Habit::of(&record));
    let audit = end_of_apply(&run, &outcome, interrupted, now);
    if interrupted {
        advance(&mut run, RunState::Interrupted, now);
        run.outcome = Some(outcome);
    } else {
        finish(&mut run, outcome, now);
    }
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let known = news::known(context, &record.id).await?;
    let audience = news::audience(&record);
    let baseline_is_told = baseline::is_told(context, &tracked.source).await?;
    let timings = if baseline_is_told {
        context.settings.telling.timings
    } else {
        context.settings.telling.timings.at_once()
    };
    let situation = Situation {
        record: &record,
        check: &check,
        repaired: repaired.is_some(),
        code_moved,
        pending_after: match asking.line() {
            // Whoever is asked hears of it now.
            Some(_) => SignedDuration::ZERO,
            None => duration(tracked.settings.policy.pending_after),
        },
        timings: &timings,
        audience: &audience,
    };
    let mut told = tell(&situation, &known, fresh::alert, now);
    told.ask(&asking.line());
    let repair = repaired.and_then(|before| repair(&told.news, run.id, before, &check, now));
    let moved = !told.news.is_empty();
    if !baseline_is_told {
        told.open_silently(now);
    }
    let Spread { entries, mut news } = news::spread(context, &told, now);
    let whom = (known.as_slice(), &audience);
    let of_requests = news::of_requests(context, &mut asking.changed, &asking.news, whom, now);
    news.extend(of_requests);
    if let Some(repair) = &repair {
        news.extend(news::of_stack(context, repair, &audience, now));
    }
    // A trouble that stays the same would fill the disk with copies of itself. Kept first: once the
    // alert is stored nobody would come back for it.
    if moved {
        match serde_json::to_vec_pretty(&check) {
            Ok(bytes) => {
                keep(context, run.id, ArtifactName::CHECK, bytes).await;
            }
            Err(error) => tracing::warn!("the look of run {} has no JSON form: {error}", run.id),
        }
    }
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&record),
        ledger: Some((&record.id, &ledger)),
        alerts: &entries,
        news: &news,
        requests: &asking.changed,
        memory: None,
        audit: audit.as_slice(),
    };
    context.store.conclude(&conclusion).await?;
    if !news.is_empty() {
        context.news_bell.notify_one();
    }
    let still = known
        .into_iter()
        .filter(|alert| told.alerts.iter().all(|(moved, _)| moved.id != alert.id));
    let open = told.alerts.iter().map(|(alert, _)| alert.clone());
    let wanted = open.chain(still).filter_map(|alert| {
        let notice = as_told(&alert, &check, &audience, now);
        let timing = news::timing(context, &alert, &notice);
        match alert.wants_look_at(&timing)? {
            at if at > now => Some(at),
            // This look was it: the one after what time does next to the alert.
            _ => {
                let (then, _) = tick(alert.clone(), &timing, alert.next_tick(&timing)?)?;
                then.wants_look_at(&timing)
            }
        }
    });
    // What would be done later is decided again when it may be.
    let wanted = wanted.chain(check.decision.not_before);
    let wanted = wanted.filter(|at| *at > now).min();
    Ok(wanted.map_or(Next::Rest, Next::LookAt))
}

/// What the audit log tells of the end of a run: only that of an apply.
fn end_of_apply(
    run: &Run,
    outcome: &Outcome,
    interrupted: bool,
    now: Timestamp,
) -> Option<NewAudit> {
    if run.state != RunState::Verifying {
        return None;
    }
    let (stack, run) = (run.stack.clone(), run.id);
    let action = match outcome {
        Outcome::Failed { failure } if interrupted => Action::ApplyInterrupted {
            stack,
            run,
            why: failure.message.clone(),
        },
        outcome => Action::ApplyEnded {
            stack,
            run,
            outcome: outcome.clone(),
        },
    };
    Some(NewAudit::own(now, action))
}

/// A repair speaks for itself unless it ends an alert that people know of.
fn repair(
    news: &[AlertNotice],
    run: RunId,
    before: StackCheck,
    after: &StackCheck,
    now: Timestamp,
) -> Option<Notice> {
    let ends_alert = news.iter().any(|alert| {
        alert.kind == AlertKind::Drift
            && alert.event == AlertEvent::Resolved
            && alert.resolution == Some(Resolution::Repaired)
    });
    let stack = after.stack.clone().filter(|_| !ends_alert)?;
    Some(Notice::Repaired(RepairNotice {
        run,
        stack,
        at: now,
        before,
        after: after.clone(),
    }))
}

/// Keeps a copy of something of a run or report. That it cannot be kept delays nothing and is only
/// logged; says whether it is.
pub async fn keep(
    context: &Context,
    shelf: impl Into<Shelf>,
    name: ArtifactName,
    bytes: Vec<u8>,
) -> bool {
    let artifact = ArtifactId::new(shelf, name);
    match context.artifacts.put(artifact.clone(), bytes).await {
        Ok(dropped) => {
            metrics::artifacts_dropped(dropped.len());
            for lost in dropped {
                tracing::error!("too many artifacts wait to be uploaded: {lost} is lost");
            }
            true
        }
        Err(error) => {
            tracing::warn!("cannot keep {artifact}: {error}. {}", error.hint());
            false
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::failure::{Failure, FailureKind};
    use crate::domain::ids::StackId;

    fn ended(steps: &[RunState], outcome: &Outcome, interrupted: bool) -> Option<String> {
        let now = Timestamp::UNIX_EPOCH;
        let stack = StackId::new("infra/a");
        let mut run = Run::queued(fresh::run(), stack, Trigger::Schedule, now);
        for step in steps {
            run.step(*step, now).unwrap();
        }
        let told = end_of_apply(&run, outcome, interrupted, now)?;
        Some(told.action.word().to_owned())
    }

    #[test]
    fn only_the_end_of_an_apply_is_told_and_a_cut_off_one_for_what_it_is() {
        use RunState::{Applying, Deciding, Planning, Syncing, Verifying};
        let applied = [Syncing, Planning, Deciding, Applying, Verifying];
        let failure = Failure::new(FailureKind::Interrupted, "killed", "look");
        let failed = Outcome::Failed { failure };
        assert_eq!(ended(&applied[..3], &failed, false), None);
        for outcome in [&Outcome::Repaired, &Outcome::PartlyRepaired, &failed] {
            let told = ended(&applied, outcome, false);
            assert_eq!(told.as_deref(), Some("apply_ended"));
        }
        let told = ended(&applied, &failed, true);
        assert_eq!(told.as_deref(), Some("apply_interrupted"));
    }
}
