//! What people say to a request, and what they are told of it.

use jiff::Timestamp;

use crate::domain::alert::AlertKind;
use crate::domain::audit::{Action, NewAudit};
use crate::domain::finding::Severity;
use crate::domain::identity::Identity;
use crate::domain::ids::{AlertId, RequestId, TokenId};
use crate::domain::notice::{Lapse, Notice, RequestLine, RequestNews, RequestNotice};
use crate::domain::request::{Event, Proof, Request, RequestState, Vote};
use crate::domain::requirement::Voter;
use crate::domain::token::TokenState;
use crate::store::{Addressed, Area, Conclusion, StoreError};

use super::command::Refusal;
use super::context::Context;
use super::news;

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Exactly this plan may be applied.
    Approve,
    /// It may not.
    Reject,
    /// Their yes no longer holds.
    Revoke,
}

/// Takes in what somebody says to a request.
pub(super) async fn vote(
    context: &Context,
    id: &RequestId,
    answer: Answer,
    by_whom: &Identity,
    reason: Option<String>,
) -> Result<Request, Refusal> {
    // Whoever revokes a token meanwhile comes before this or after it.
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let request = context.store.request(id).await?;
    let request = request.ok_or(Refusal::UnknownRequest(id.to_string()))?;
    let now = context.now();
    let voter = Voter::from(by_whom);
    let by = voter.name.clone();
    let said = Vote {
        voter: voter.clone(),
        at: now,
        reason: reason.clone(),
        proof: proof(context, by_whom, now).await?,
    };
    let why = reason.clone();
    let (event, told) = match answer {
        Answer::Approve => (Event::Approve(said), RequestNews::Approved { by, reason }),
        Answer::Reject => (Event::Reject(said), RequestNews::Rejected { by, reason }),
        Answer::Revoke => (Event::Revoke(voter.clone()), RequestNews::Revoked { by }),
    };
    let after = request.after(event, now)?;
    let action = Action::RequestAnswered {
        stack: after.stack.clone(),
        request: *id,
        answer: told.as_str(),
        state: after.state.as_str(),
        digest: after.asked.binding.digest.clone(),
        reason: why,
    };
    let entry = NewAudit::asked(now, by_whom, action);
    tracing::info!(
        request = %id,
        stack = after.stack.as_str(),
        by = voter.name,
        state = after.state.as_str(),
        "answered: {}",
        told.as_str()
    );
    Ok(tell(context, &after, told, &[entry], now).await?)
}

/// What shows who somebody is: none of whoever has the operator's token, or if theirs opens nothing any
/// more.
async fn proof(
    context: &Context,
    by: &Identity,
    now: Timestamp,
) -> Result<Option<Proof>, StoreError> {
    let Identity::Person { token, .. } = by else {
        return Ok(None);
    };
    let token = context.store.token(token).await?;
    let active = token.filter(|token| token.state(now) == TokenState::Active);
    Ok(active.map(|token| Proof {
        token: token.id,
        until: token.grant.expires_at,
    }))
}

/// Takes a token back along with every approval that was given with it; false if there is no such token
/// or it is revoked already.
pub(super) async fn revoke_token(
    context: &Context,
    token: &TokenId,
    by: &Identity,
) -> Result<bool, StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    loop {
        let now = context.now();
        let (mut requests, mut news, mut audit) = (Vec::new(), Vec::new(), Vec::new());
        for before in context.store.live_requests().await? {
            let Ok(mut after) = before.after(Event::Withdraw(*token), now) else {
                continue;
            };
            let lapse = Lapsed::of(&before, &after, Lapse::Revoked);
            audit.push(NewAudit::asked(now, by, lapse.action));
            let alert = alert_about(context, &after).await?;
            let notice = notice(&after, lapse.news, alert, now);
            news.extend(addressed(context, &mut after, &[notice], now).await?);
            requests.push(after);
        }
        let follows = Conclusion {
            requests: &requests,
            news: &news,
            audit: &audit,
            ..Conclusion::default()
        };
        match context.store.revoke_token(token, by, now, &follows).await {
            // A look has moved one of the requests in between.
            Err(StoreError::Moved(_)) => {}
            revoked => {
                context.news_bell.notify_one();
                return revoked;
            }
        }
    }
}

/// What is told where votes no longer count.
struct Lapsed {
    action: Action,
    news: RequestNews,
}

impl Lapsed {
    fn of(before: &Request, after: &Request, why: Lapse) -> Self {
        let of = after.lost_since(before);
        let action = Action::ApprovalLapsed {
            stack: after.stack.clone(),
            request: after.id,
            of: of.clone(),
            token: why,
            state: after.state.as_str(),
        };
        let news = RequestNews::Lapsed { by: of, why };
        Self { action, news }
    }
}

/// Does what time alone does to requests: their own is up, or that of the token of somebody who said yes.
/// Who had answered hears of it.
pub(super) async fn expire(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    for request in context.store.due_requests(now).await? {
        match request.after(Event::Pass, now) {
            Ok(after) if !after.state.is_over() => {
                let lapse = Lapsed::of(&request, &after, Lapse::Expired);
                let entry = NewAudit::own(now, lapse.action);
                tell(context, &after, lapse.news, &[entry], now).await?;
            }
            Ok(over) if over.votes.is_empty() => {
                put(context, &over, &[], &[]).await?;
            }
            Ok(over) => {
                tell(context, &over, RequestNews::Expired, &[], now).await?;
            }
            Err(unfit) => tracing::error!("{}: {unfit}", request.id),
        }
    }
    Ok(())
}

/// Ends the request about a stack that is no longer looked at.
pub(super) async fn forget(
    context: &Context,
    stack: &crate::domain::ids::StackId,
) -> Result<(), StoreError> {
    let last = context.store.last_request(stack).await?;
    let Some(request) = last.filter(|request| !request.state.is_over()) else {
        return Ok(());
    };
    let differs = vec!["the stack is no longer in its source".to_owned()];
    match request.after(Event::Void(differs), context.now()) {
        Ok(over) => put(context, &over, &[], &[]).await.map(drop),
        Err(_) => Ok(()),
    }
}

async fn tell(
    context: &Context,
    request: &Request,
    told: RequestNews,
    audit: &[NewAudit],
    now: Timestamp,
) -> Result<Request, StoreError> {
    let alert = alert_about(context, request).await?;
    let notice = notice(request, told, alert, now);
    put(context, request, &[notice], audit).await
}

/// Stores a request with the news of it; gives it as it is stored.
async fn put(
    context: &Context,
    request: &Request,
    notices: &[Notice],
    audit: &[NewAudit],
) -> Result<Request, StoreError> {
    let mut request = request.clone();
    let news = addressed(context, &mut request, notices, context.now()).await?;
    let conclusion = Conclusion {
        requests: std::slice::from_ref(&request),
        news: &news,
        audit,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    if !news.is_empty() {
        context.news_bell.notify_one();
    }
    Ok(request)
}

/// News of a request for everybody whom it concerns.
async fn addressed(
    context: &Context,
    request: &mut Request,
    notices: &[Notice],
    now: Timestamp,
) -> Result<Vec<Addressed>, StoreError> {
    let record = context.store.stack(&request.stack).await?;
    let audience = record.as_ref().map(news::audience).unwrap_or_default();
    let open = context.store.open_alerts(Some(&request.stack)).await?;
    let (requests, whom) = (std::slice::from_mut(request), (open.as_slice(), &audience));
    Ok(news::of_requests(context, requests, notices, whom, now))
}

/// What the alert about the same as a request is about.
fn kind(request: &Request) -> AlertKind {
    match request.asked.check.findings.has_drift() {
        true => AlertKind::Drift,
        false => AlertKind::Pending,
    }
}

/// The open alert that people know of and that is about the same as a request.
pub(super) async fn alert_about(
    context: &Context,
    request: &Request,
) -> Result<Option<AlertId>, StoreError> {
    let open = context.store.open_alerts(Some(&request.stack)).await?;
    let mut open = open.into_iter();
    let same = open.find(|alert| alert.kind == kind(request) && alert.opened_at.is_some());
    Ok(same.map(|alert| alert.id))
}

/// What people are told of a request.
pub(super) fn notice(
    request: &Request,
    told: RequestNews,
    alert: Option<AlertId>,
    now: Timestamp,
) -> Notice {
    let check = request.asked.check.clone();
    let severities = check.findings.resources.iter().map(|f| f.severity);
    let is_over = request.state.is_over();
    Notice::Request(RequestNotice {
        request: RequestLine {
            id: request.id,
            missing: if is_over {
                Vec::new()
            } else {
                request.missing()
            },
            expires_at: request.expires_at,
        },
        alert,
        stack: request.stack.clone(),
        kind: kind(request),
        severity: severities.max().unwrap_or(Severity::Low),
        at: now,
        news: told,
        next: None,
        check,
    })
}

/// Whether enough people have said yes.
pub(super) const fn is_approved(request: &Request) -> bool {
    matches!(request.state, RequestState::Approved)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "vote_tests.rs"]
mod tests;
