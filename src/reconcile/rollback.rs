//! The way back: a plan at an earlier commit, which people are asked about like about any other, and
//! which is applied once they have said yes.

use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::Verdict;
use crate::domain::ids::CommitId;
use crate::domain::notice::RequestNews;
use crate::domain::policy::{
    Approvable, Decision, DecisionKind, Demand, Facts, Policy, PolicyMode, Reason, demand, heard,
};
use crate::domain::request::{Request, Rollback};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::StackRecord;
use crate::store::{Conclusion, StoreError};

use super::act;
use super::asking::{self, Asking};
use super::attempt::Attempt;
use super::command::Refusal;
use super::conclude::conclude_run;
use super::context::Context;
use super::facts::{of_stack, waits};
use super::history::{compared, history};
use super::look::Sighting;
use super::mirrors::mirror;
use super::opinion::opinion;
use super::prepare::prepare;
use super::record::record_of;
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
    let mirror = mirror(context, &tracked.source).map_err(refused)?;
    let (name, at) = (name.to_owned(), head.clone());
    let found = tokio::task::spawn_blocking(move || mirror.commit_before(&name, &head));
    let found = found
        .await
        .map_err(|error| Refusal::NoSuchCommit(error.to_string()))?
        .map_err(refused)?;
    if compared(context, tracked, &found, &at).await == Some(false) {
        return Err(Refusal::NoSuchCommit(format!(
            "what the stack reads is the same at {} as it is now: there is nothing to go back to",
            found.short()
        )));
    }
    Ok(found)
}

/// The rollback of a stack that people have approved, unless nothing may be applied to it now.
pub(super) async fn approved(
    context: &Context,
    tracked: &Tracked,
) -> Result<Option<Request>, StoreError> {
    let now = context.now();
    let known = context.store.last_request(&tracked.id).await?;
    let is_it = |r: &Request| r.asked.rollback.is_some() && r.is_live(now);
    let Some(approved) = known.filter(is_it) else {
        return Ok(None);
    };
    Ok(match waits(context, tracked).await? {
        Some(why) => {
            tracing::info!("not rolled back yet: {why}");
            None
        }
        None => Some(approved),
    })
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
    let prepared = prepare(context, tracked, commit).await;
    step(context, &mut run, RunState::Planning).await?;
    let workdir = match prepared {
        Ok(workdir) => workdir,
        Err(failure) => return failed(context, run, &record, approved, failure).await,
    };
    let known = history(context, tracked, &record, commit).await;
    let stop = &context.stop.plans;
    let seen = match see(context, tracked, &workdir, true, &known, stop).await? {
        Ok(seen) => seen,
        Err(busy) => return failed(context, run, &record, approved, busy).await,
    };
    if stop.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    step(context, &mut run, RunState::Deciding).await?;
    let mut check = check_of(tracked, &seen, commit);
    if let Some(failure) = check.failure.clone() {
        return failed(context, run, &record, approved, failure).await;
    }
    let now = Facts {
        now: context.now(),
        ..Facts::default()
    };
    let said = opinion(context, tracked, &workdir, &seen, &check).await;
    if stop.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    let policy = &tracked.settings.policy.policy;
    let demand = demand(&check.findings, policy, &of_stack(tracked, now));
    check.decision = decision(policy, &record, &check, (&rollback, commit), demand);
    if check.decision.kind == DecisionKind::Ask {
        let against = said.iter().flat_map(heard);
        check.decision.reasons.extend(against);
    }
    if check.decision.kind == DecisionKind::Ask
        && let Some(why) = waits(context, tracked).await?
    {
        let text = format!("it waits until it may, also once it is approved: {why}");
        check.decision.reasons.push(Reason::from(text));
    }
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

/// A way back is never gone by itself; what forbids every apply forbids this one, and whose yes rules ask
/// for is asked here too.
fn decision(
    policy: &Policy,
    record: &StackRecord,
    check: &StackCheck,
    (rollback, commit): (&Rollback, &CommitId),
    demand: Demand,
) -> Decision {
    let is_known = rollback.asker.as_ref().is_some_and(|asker| asker.proven);
    let (kind, reason) = match (&record.held, check.verdict) {
        (Some(held), _) => (
            DecisionKind::Refuse,
            format!("{held}; look at the stack and say `mooring resume` first"),
        ),
        (None, _) if policy.furthest() == PolicyMode::Observe => (
            DecisionKind::Refuse,
            "mode is observe: Mooring applies nothing here".to_owned(),
        ),
        (None, _) if policy.shadow => (
            DecisionKind::Refuse,
            "policy is in shadow: Mooring applies nothing here".to_owned(),
        ),
        (None, Verdict::InSync) => (
            DecisionKind::Nothing,
            format!("the stack is as {} wants it already", commit.short()),
        ),
        _ if !demand.refusals.is_empty() => {
            return Decision {
                reasons: demand.refusals,
                ..Decision::new(DecisionKind::Refuse)
            };
        }
        _ if demand.requirement.not_author && !is_known => (
            DecisionKind::Refuse,
            format!(
                "policy asks for the yes of somebody else, and that {} wants it back is only said: \
                 whoever does needs a token of their own",
                rollback.by
            ),
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
    let approvable = match kind {
        DecisionKind::Ask => Approvable::Yes,
        _ => Approvable::NotAsked,
    };
    Decision {
        reasons: std::iter::once(reason)
            .chain(why)
            .map(Reason::from)
            .collect(),
        approvable,
        requirement: demand.requirement,
        ..Decision::new(kind)
    }
}

/// It cannot be planned: what was approved is void, and somebody has to want it anew.
async fn failed(
    context: &Context,
    mut run: Run,
    record: &StackRecord,
    approved: Option<Request>,
    failure: Failure,
) -> Result<Next, StoreError> {
    let why = format!("it cannot be planned: {}", failure.message);
    finish(&mut run, Outcome::Failed { failure }, context.now());
    let asking = approved.map(|request| Asking::voided(context, &request, vec![why]));
    settle(context, &run, record, asking.unwrap_or_default()).await?;
    Ok(Next::LookAgain)
}

/// The end of a run with what people are told of it. What a plan at another commit shows of unenforced
/// changes is not remembered.
async fn settle(
    context: &Context,
    run: &Run,
    record: &StackRecord,
    mut asking: Asking,
) -> Result<(), StoreError> {
    let now = context.now();
    let audience = news::audience(record);
    let open = context.store.open_alerts(Some(&record.id)).await?;
    let whom = (open.as_slice(), &audience);
    let news = news::of_requests(context, &mut asking.changed, &asking.news, whom, now);
    let conclusion = Conclusion {
        run: Some(run),
        requests: &asking.changed,
        news: &news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}

async fn propose(
    attempt: &Attempt<'_>,
    mut run: Run,
    record: &StackRecord,
    check: StackCheck,
    seen: &Sighting,
    rollback: Rollback,
) -> Result<Next, StoreError> {
    let context = attempt.context;
    let asking = asking::propose(attempt, &run, record, &check, seen, rollback).await?;
    let Some(request) = &asking.stands else {
        let reasons = check.decision.reasons.iter();
        let texts: Vec<&str> = reasons.map(|reason| reason.text.as_str()).collect();
        let failure = Failure::new(
            FailureKind::Unsupported,
            texts.join("; "),
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
    let asked = vote::notice(request, RequestNews::Asked, None, context.now());
    let verdict = check.verdict;
    finish(&mut run, Outcome::Checked { verdict }, context.now());
    let mut asking = asking;
    asking.news.push(asked);
    settle(context, &run, record, asking).await?;
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
    let context = attempt.context;
    let asking = asking::answered(&attempt, &check, &seen, request).await;
    let Some(request) = asking.granted(context) else {
        finish(&mut run, Outcome::Cancelled, context.now());
        settle(context, &run, &record, asking).await?;
        return Ok(Next::LookAgain);
    };
    let (id, known) = (request.id, record.clone());
    let grant = (asking, Some(request));
    act::act(attempt, run.clone(), record, check, seen, grant).await?;
    // What cannot be applied is not tried again and again: somebody has to want it anew.
    let run = context.store.run(&run.id).await?.unwrap_or(run);
    let unused = context.store.request(&id).await?;
    let unused = unused.filter(|request| !request.state.is_over());
    if let (Some(Outcome::Failed { failure }), Some(request)) = (&run.outcome, unused) {
        let why = format!("it cannot be applied: {}", failure.message);
        let asking = Asking::voided(context, &request, vec![why]);
        settle(context, &run, &known, asking).await?;
    }
    Ok(Next::LookAgain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::{SourceName, StackId};
    use crate::domain::policy::{Conditions, Effect, Requirement, Rule};
    use crate::domain::requirement::Voter;
    use crate::domain::testing::{check, pending};

    fn asked_by(proven: bool) -> Rollback {
        Rollback {
            by: "ann".to_owned(),
            reason: None,
            asker: Some(Voter {
                name: "ann".to_owned(),
                proven,
                groups: ["platform".to_owned()].into(),
                emails: ["ann@example.com".to_owned()].into(),
            }),
        }
    }

    /// What is decided of a way back that one rule is about.
    fn decided(effect: Effect, rollback: &Rollback) -> Decision {
        decided_under(&policy(effect), rollback)
    }

    fn policy(effect: Effect) -> Policy {
        Policy {
            mode: PolicyMode::Heal,
            rules: vec![Rule {
                name: "tags".to_owned(),
                when: Conditions::default(),
                effect,
            }],
            ..Policy::default()
        }
    }

    fn decided_under(policy: &Policy, rollback: &Rollback) -> Decision {
        let (id, source) = (StackId::new("infra/a"), SourceName::new("infra"));
        let (dir, workspace) = ("a".to_owned(), "default".to_owned());
        let record = StackRecord::new(
            id,
            source,
            dir,
            workspace,
            BTreeMap::new(),
            Timestamp::UNIX_EPOCH,
        );
        let look = check(vec![pending("aws_sqs_queue.jobs", "tags.Env", "new")]);
        let demand = demand(&look.findings, policy, &Facts::default());
        let back = (rollback, &CommitId::new("0123456789abcdef"));
        decision(policy, &record, &look, back, demand)
    }

    #[test]
    fn a_way_back_needs_whose_yes_rules_ask_for() {
        let requirement = Requirement {
            count: 2,
            groups: vec![vec!["platform".to_owned()]],
            not_author: true,
        };
        let asks = || Effect::Ask(requirement.clone());
        let decision = decided(asks(), &asked_by(true));
        assert!(decision.is_approvable());
        assert_eq!(decision.requirement, requirement);
        // Who asks is not to approve it, so it has to be known who asks.
        let claimed = decided(asks(), &asked_by(false));
        assert_eq!(claimed.kind, DecisionKind::Refuse);
        assert!(claimed.reasons[0].text.contains("token of their own"));
        let safe = decided(Effect::Safe, &asked_by(false));
        assert_eq!(safe.requirement, Requirement::default());
        assert!(safe.is_approvable());
    }

    #[test]
    fn in_shadow_there_is_no_way_back() {
        let shadow = Policy {
            shadow: true,
            ..policy(Effect::Safe)
        };
        let refused = decided_under(&shadow, &asked_by(true));
        assert_eq!(refused.kind, DecisionKind::Refuse);
        assert!(!refused.is_approvable());
    }

    #[test]
    fn what_a_rule_refuses_is_no_way_back_either() {
        let refused = decided(Effect::Refuse, &asked_by(true));
        assert_eq!(refused.kind, DecisionKind::Refuse);
        assert!(!refused.is_approvable());
        assert!(refused.reasons[0].text.contains("rule tags refuses"));
    }
}
