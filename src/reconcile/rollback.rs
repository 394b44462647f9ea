//! The way back: a plan at an earlier commit, which people are asked about like about any other, and
//! which is applied once they have said yes.

use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::Verdict;
use crate::domain::ids::CommitId;
use crate::domain::notice::{Notice, RequestNews};
use crate::domain::pause::{Pause, Scope};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::request::{Request, Rollback};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::StackRecord;
use crate::git::Mirror;
use crate::store::{Conclusion, StoreError};

use super::act;
use super::asking::{self, Asking};
use super::attempt::Attempt;
use super::command::Refusal;
use super::conclude::conclude_run;
use super::context::Context;
use super::history::history;
use super::look::Sighting;
use super::pass::record_of;
use super::prepare::{location, prepare};
use super::resolve::Tracked;
use super::sight::{check_of, see};
use super::step::{Next, finish, step};
use super::{news, vote};

/// The commit that somebody means, which has to be one that the source once was at.
pub(super) async fn commit_named(
    context: &Context,
    tracked: &Tracked,
    name: &str,
) -> Result<CommitId, Refusal> {
    let refused = |failure: Failure| Refusal::NoSuchCommit(failure.message);
    let head = context.heads.get(&tracked.source);
    let head = head.ok_or_else(|| Refusal::NoSuchCommit("the source has not been read".into()))?;
    let location = location(context, tracked).map_err(refused)?;
    let path = context.layout.mirror(&tracked.source);
    let ca = context.settings.ca_file.clone();
    let name = name.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        Mirror::open(&path, &location, ca.as_deref())?.commit_before(&name, &head)
    });
    found
        .await
        .map_err(|error| Refusal::NoSuchCommit(error.to_string()))?
        .map_err(refused)
}

/// The rollback of a stack that people have approved.
pub(super) async fn approved(
    context: &Context,
    tracked: &Tracked,
) -> Result<Option<Request>, StoreError> {
    let known = context.store.last_request(&tracked.id).await?;
    let is_it = |r: &Request| r.asked.rollback.is_some() && r.is_live(context.now());
    Ok(known.filter(is_it))
}

/// Plans the stack at an earlier commit and asks people about that, or carries out what they
/// approved. What is seen is remembered only once it is applied: it is not how the stack is to be.
pub(super) async fn pass(
    context: &Context,
    tracked: &Tracked,
    mut run: Run,
    rollback: Rollback,
    commit: &CommitId,
    approved: Option<Request>,
) -> Result<Next, StoreError> {
    let record = record_of(context, tracked).await?;
    run.commit = Some(commit.clone());
    step(context, &mut run, RunState::Syncing).await?;
    let prepared = prepare(context, tracked, commit).await;
    step(context, &mut run, RunState::Planning).await?;
    let workdir = match prepared {
        Ok(workdir) => workdir,
        Err(failure) => return failed(context, run, failure).await,
    };
    let known = history(context, tracked, &record, commit).await;
    let stop = &context.stop.plans;
    let seen = match see(context, tracked, &workdir, true, &known, stop).await? {
        Ok(seen) => seen,
        Err(busy) => return failed(context, run, busy).await,
    };
    if stop.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    step(context, &mut run, RunState::Deciding).await?;
    let mut check = check_of(tracked, &seen, commit);
    if let Some(failure) = check.failure.clone() {
        return failed(context, run, failure).await;
    }
    check.decision = decision(&record, &check, &rollback, commit);
    let attempt = Attempt {
        context,
        tracked,
        workdir,
        commit,
    };
    match approved {
        Some(request) => carry_out(attempt, run, record, check, seen, request).await,
        None => propose(&attempt, run, &record, check, &seen, rollback).await,
    }
}

/// A way back is never gone by itself; what forbids every apply forbids this one.
fn decision(
    record: &StackRecord,
    check: &StackCheck,
    rollback: &Rollback,
    commit: &CommitId,
) -> Decision {
    let (kind, reason) = match (&record.held, check.verdict) {
        (Some(held), _) => (
            DecisionKind::Refuse,
            format!("{held}; look at the stack and say `mooring resume` first"),
        ),
        (None, Verdict::InSync) => (
            DecisionKind::Nothing,
            format!("the stack is as {} wants it already", commit.short()),
        ),
        _ => (
            DecisionKind::Ask,
            format!(
                "{} wants it back as it was at {}",
                rollback.by,
                commit.short()
            ),
        ),
    };
    let why = rollback.reason.iter().cloned();
    Decision {
        kind,
        reasons: std::iter::once(reason).chain(why).collect(),
    }
}

async fn failed(context: &Context, mut run: Run, failure: Failure) -> Result<Next, StoreError> {
    conclude_run(context, &mut run, Outcome::Failed { failure }).await?;
    Ok(Next::LookAgain)
}

async fn propose(
    attempt: &Attempt<'_>,
    mut run: Run,
    record: &StackRecord,
    check: StackCheck,
    seen: &Sighting,
    rollback: Rollback,
) -> Result<Next, StoreError> {
    let Attempt {
        context, tracked, ..
    } = attempt;
    let asking = asking::propose(attempt, &run, record, &check, seen, rollback).await?;
    let Some(request) = &asking.stands else {
        let failure = Failure::new(
            FailureKind::Unsupported,
            check.decision.reasons.join("; "),
            "nothing was changed",
        );
        let outcome = match check.decision.kind {
            DecisionKind::Nothing => Outcome::Checked {
                verdict: check.verdict,
            },
            _ => Outcome::Failed { failure },
        };
        conclude_run(context, &mut run, outcome).await?;
        return Ok(Next::LookAgain);
    };
    let now = context.now();
    let verdict = check.verdict;
    finish(&mut run, Outcome::Checked { verdict }, now);
    let asked = vote::notice(request, RequestNews::Asked, None, now);
    let notices: Vec<Notice> = asking.news.iter().cloned().chain([asked]).collect();
    let audience = news::audience(record);
    let told = notices.iter();
    let news: Vec<_> = told
        .flat_map(|notice| news::of_stack(context, notice, &audience, now))
        .collect();
    let conclusion = Conclusion {
        run: Some(&run),
        ledger: Some((&tracked.id, &seen.ledger)),
        requests: &asking.changed,
        news: &news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    // The checkout is at another commit: the stack is looked at as it is to be.
    Ok(Next::LookAgain)
}

async fn carry_out(
    attempt: Attempt<'_>,
    mut run: Run,
    record: StackRecord,
    check: StackCheck,
    seen: Sighting,
    request: Request,
) -> Result<Next, StoreError> {
    let (context, tracked, commit) = (attempt.context, attempt.tracked, attempt.commit);
    if let Some(pause) = context
        .pauses
        .of(&tracked.id, &tracked.source, context.now())
    {
        tracing::warn!("not applied: {}", pause.words());
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::LookAgain);
    }
    let asking = asking::answered(&attempt, &check, &seen, request).await;
    let Some(request) = asking.granted(context) else {
        return void(context, run, &record, asking).await;
    };
    act::act(attempt, run.clone(), record, check, seen, asking).await?;
    let applied = context.store.run(&run.id).await?;
    let outcome = applied.and_then(|run| run.outcome);
    if matches!(outcome, Some(Outcome::Repaired | Outcome::PartlyRepaired)) {
        // Nothing merged is applied over it before somebody says that the code is right again.
        let pause = Pause {
            scope: Scope::Stack(tracked.id.clone()),
            by: request.approvers().join(", "),
            reason: Some(format!("it was rolled back to {}", commit.short())),
            at: context.now(),
            until: None,
        };
        if let Err(error) = context.pauses.pause(pause) {
            tracing::error!("the pause after a rollback cannot be kept: {error}");
        }
    }
    Ok(Next::LookAgain)
}

async fn void(
    context: &Context,
    mut run: Run,
    record: &StackRecord,
    asking: Asking,
) -> Result<Next, StoreError> {
    let now = context.now();
    finish(&mut run, Outcome::Cancelled, now);
    let audience = news::audience(record);
    let told = asking.news.iter();
    let news: Vec<_> = told
        .flat_map(|notice| news::of_stack(context, notice, &audience, now))
        .collect();
    let conclusion = Conclusion {
        run: Some(&run),
        requests: &asking.changed,
        news: &news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(Next::LookAgain)
}
