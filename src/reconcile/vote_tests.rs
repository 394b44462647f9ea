//! What becomes of what people said, and who hears of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::domain::alert::{Alert, Sight, Trouble, advance};
use crate::domain::approval::ApprovedPlan;
use crate::domain::binding::Binding;
use crate::domain::identity::{Scope, Scopes};
use crate::domain::ids::{ChangeDigest, Fingerprint, StackId};
use crate::domain::request::Asked;
use crate::domain::requirement::Requirement;
use crate::domain::route::{Condition, Route};
use crate::domain::testing::{check, drift};
use crate::domain::token::Grant;
use crate::reconcile::fixture::{Clock, Receiver, context, operator};
use crate::reconcile::handle::Handle;
use crate::reconcile::time::Time;
use crate::reconcile::{fresh, tokens};
use crate::store::{AlertEntry, AuditFilter, Paging};

use super::*;

fn begin() -> Timestamp {
    "2026-11-28T08:00:00Z".parse().unwrap()
}

fn later(minutes: i64) -> Timestamp {
    begin()
        .checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

fn binding() -> Binding {
    Binding {
        stack: StackId::new("infra/a"),
        digest: ChangeDigest::new("d"),
        lineage: "l".into(),
        serial: 4,
        commit: None,
        inputs: Fingerprint::new("i"),
    }
}

/// A daemon that has asked about one plan, and has two receivers.
struct Daemon {
    context: Context,
    clock: Clock,
    request: RequestId,
    _directory: TempDir,
}

impl Daemon {
    async fn asks(count: u32) -> Self {
        let directory = TempDir::new().unwrap();
        let receiver = Receiver::start().await;
        let context = context(&directory, &[("team", &receiver), ("other", &receiver)]).await;
        let mut context = Arc::into_inner(context).unwrap();
        let clock = Arc::new(Mutex::new(begin()));
        context.time = Time::Paused(clock.clone());
        let look = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        let requirement = Requirement {
            count,
            groups: BTreeSet::new(),
            not_author: false,
        };
        let authors = Some(BTreeSet::new());
        let asked = Asked::new(fresh::run(), binding(), vec![requirement], authors, &look);
        let (id, stack) = (fresh::request(), StackId::new("infra/a"));
        let day = SignedDuration::from_hours(24);
        let request = Request::new(id, stack, asked, day, begin());
        put(&context, &request, &[], &[]).await.unwrap();
        Self {
            context,
            clock,
            request: id,
            _directory: directory,
        }
    }

    /// Somebody with a token of their own, which lasts so many minutes.
    async fn person(&self, name: &str, minutes: i64) -> (TokenId, Identity) {
        let grant = Grant {
            name: name.to_owned(),
            groups: BTreeSet::new(),
            emails: BTreeSet::new(),
            scopes: [Scope::Approve].into_iter().collect::<Scopes>(),
            expires_at: later(minutes),
        };
        let made = tokens::create(&self.context, grant, &operator()).await;
        let (token, _) = made.unwrap();
        (token.id, token.identity())
    }

    async fn approved_by(&self, by: &Identity) -> Result<Request, Refusal> {
        vote(&self.context, &self.request, Answer::Approve, by, None).await
    }

    async fn at(&self, minutes: i64) {
        *self.clock.lock().unwrap() = later(minutes);
        expire(&self.context, later(minutes)).await.unwrap();
    }

    async fn stored(&self) -> Request {
        let request = self.context.store.request(&self.request).await.unwrap();
        request.unwrap()
    }

    /// What happened to the request, as a receiver heard of it.
    async fn heard(&self, notifier: &str) -> Vec<&'static str> {
        let (news, _) = self.context.store.waiting_news(notifier).await.unwrap();
        let words = news.iter().filter_map(|envelope| match &envelope.notice {
            Notice::Request(notice) => Some(notice.news.as_str()),
            _ => None,
        });
        words.collect()
    }

    async fn recorded(&self, word: &str) -> Vec<serde_json::Value> {
        let filter = AuditFilter::default();
        let log = self.context.store.audit(&filter, Paging::After(0), 100);
        let entries = log.await.unwrap().into_iter();
        let told = entries.filter(|entry| entry.action == word);
        told.map(|entry| entry.details).collect()
    }
}

#[tokio::test]
async fn what_was_approved_with_a_token_that_is_revoked_is_no_longer_approved() {
    let daemon = Daemon::asks(2).await;
    let (_, ann) = daemon.person("ann", 60).await;
    let (lost, bob) = daemon.person("bob", 60).await;
    daemon.approved_by(&ann).await.unwrap();
    let approved = daemon.approved_by(&bob).await.unwrap();
    assert!(approved.is_live(begin()));

    tokens::revoke(&daemon.context, &lost, &operator())
        .await
        .unwrap();
    let after = daemon.stored().await;
    assert_eq!(after.state, RequestState::Open);
    assert_eq!(after.approvers(), ["ann"]);
    let heard = daemon.heard("team").await;
    assert_eq!(heard, ["approved", "approved", "lapsed"]);
    let recorded = daemon.recorded("approval_lapsed").await;
    let expected = serde_json::json!({"of": ["bob"], "token": "revoked", "state": "open"});
    assert_eq!(recorded, [expected]);

    // Who was asked for their token before it was revoked comes too late as well.
    let refused = daemon.approved_by(&bob).await.unwrap_err();
    assert!(matches!(refused, Refusal::Unfit(_)), "{refused}");
    let (_, again) = daemon.person("bob", 60).await;
    let approved = daemon.approved_by(&again).await.unwrap();
    assert!(approved.is_live(begin()));
}

#[tokio::test]
async fn a_vote_counts_no_longer_than_the_token_that_it_was_given_with() {
    let daemon = Daemon::asks(1).await;
    let (_, ann) = daemon.person("ann", 60).await;
    let approved = daemon.approved_by(&ann).await.unwrap();
    assert!(approved.is_live(later(59)));
    // Nothing is applied on the strength of it even before anybody has noticed.
    assert!(!approved.is_live(later(60)));
    assert_eq!(
        ApprovedPlan::by_people(&approved, binding(), later(60)),
        None
    );

    daemon.at(59).await;
    assert_eq!(daemon.stored().await, approved);
    daemon.at(60).await;
    let after = daemon.stored().await;
    assert_eq!(after.state, RequestState::Open);
    assert_eq!(after.votes, []);
    assert_eq!(daemon.heard("team").await, ["approved", "lapsed"]);
    assert_eq!(
        daemon.recorded("approval_lapsed").await[0]["token"],
        "expired"
    );
}

#[tokio::test]
async fn what_the_operator_approved_stands_whatever_becomes_of_tokens() {
    let daemon = Daemon::asks(1).await;
    let (token, _) = daemon.person("ann", 60).await;
    daemon.approved_by(&operator()).await.unwrap();
    tokens::revoke(&daemon.context, &token, &operator())
        .await
        .unwrap();
    daemon.at(60).await;
    assert!(daemon.stored().await.is_live(later(60)));
}

fn opened(context: &Context) -> Alert {
    let stack = StackId::new("infra/a");
    let trouble = Trouble {
        content: "a".to_owned(),
        severity: Severity::Critical,
        parts: BTreeMap::new(),
        cause: None,
    };
    let timings = context.settings.telling.timings.at_once();
    let timing = timings.of(AlertKind::Drift, Severity::Critical, SignedDuration::ZERO);
    let (sight, subject) = (Sight::Present(trouble), (&stack, AlertKind::Drift));
    let moved = advance(None, &sight, subject, &timing, fresh::alert(), begin());
    moved.unwrap().0
}

fn everything_to(notifier: &str) -> Route {
    Route {
        when: Condition::default(),
        to: vec![notifier.to_owned()],
        escalate_to: Vec::new(),
        goes_on: false,
    }
}

#[tokio::test]
async fn whoever_heard_of_a_request_hears_how_it_ends_wherever_routes_lead_by_then() {
    let mut daemon = Daemon::asks(2).await;
    daemon.context.settings.telling.routes = vec![everything_to("team")];
    daemon.approved_by(&operator()).await.unwrap_err();
    let (_, ann) = daemon.person("ann", 10_000).await;
    daemon.approved_by(&ann).await.unwrap();
    daemon.context.settings.telling.routes = vec![everything_to("other")];
    daemon.at(24 * 60).await;
    assert_eq!(daemon.stored().await.state, RequestState::Expired);
    assert_eq!(daemon.heard("team").await, ["approved", "expired"]);
    assert_eq!(daemon.heard("other").await, ["expired"]);
}

#[tokio::test]
async fn whoever_heard_of_a_request_by_its_alert_hears_how_it_ends() {
    let mut daemon = Daemon::asks(2).await;
    let told = Alert {
        told_to: BTreeSet::from(["team".to_owned(), "gone".to_owned()]),
        ..opened(&daemon.context)
    };
    let alert = AlertEntry {
        alert: told,
        notice: None,
        due: None,
    };
    let conclusion = Conclusion {
        alerts: std::slice::from_ref(&alert),
        ..Conclusion::default()
    };
    daemon.context.store.conclude(&conclusion).await.unwrap();
    daemon.context.settings.telling.routes = vec![everything_to("other")];
    let (_, ann) = daemon.person("ann", 60).await;
    daemon.approved_by(&ann).await.unwrap();
    for notifier in ["team", "other"] {
        assert_eq!(daemon.heard(notifier).await, ["approved"], "{notifier}");
    }
    assert!(daemon.heard("gone").await.is_empty());
}

#[tokio::test]
async fn whoever_voted_gets_no_error_where_only_what_follows_fails() {
    let daemon = Daemon::asks(1).await;
    let (_, ann) = daemon.person("ann", 60).await;
    let (commands, inbox) = mpsc::channel(1);
    drop(inbox);
    let handle = Handle::new(Arc::new(daemon.context), commands);
    let answered = handle.answer(&daemon.request, Answer::Approve, &ann, None);
    assert!(is_approved(&answered.await.unwrap()));
}
