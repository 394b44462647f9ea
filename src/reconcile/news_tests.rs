//! Who is told of what becomes of an alert.

use jiff::SignedDuration;
use tempfile::TempDir;

use crate::domain::alert::{Alert, AlertKind, Resolution, Sight, Trouble, advance};
use crate::domain::finding::Severity;
use crate::domain::route::{Condition, Route};
use crate::domain::tell::as_told;
use crate::domain::testing::check;
use crate::reconcile::fixture::{Receiver, context};

use super::*;

fn begin() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn route(least: Severity, to: &str) -> Route {
    Route {
        when: Condition {
            severity: Some(least),
            ..Condition::default()
        },
        to: vec![to.to_owned()],
        escalate_to: vec![],
        goes_on: false,
    }
}

/// A stack whose trouble is as bad as the test says.
struct Stack {
    context: Context,
    alert: Option<Alert>,
    _directory: TempDir,
}

impl Stack {
    /// Everything grave goes to one receiver, everything else to another.
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let receiver = Receiver::start().await;
        let names = ["oncall", "team"].map(|name| (name, &receiver));
        let context = context(&directory, &names).await;
        let mut context = std::sync::Arc::into_inner(context).unwrap();
        context.settings.telling.routes = vec![
            route(Severity::High, "oncall"),
            route(Severity::Info, "team"),
        ];
        Self {
            context,
            alert: None,
            _directory: directory,
        }
    }

    /// Who is told of a look; the alert is as it comes back from the database.
    async fn looks(&mut self, severity: Option<Severity>) -> (Option<AlertEvent>, Vec<String>) {
        let context = &self.context;
        let sight = severity.map_or(Sight::Absent(Resolution::PutBack), |severity| {
            Sight::Present(Trouble {
                content: severity.as_str().to_owned(),
                severity,
                parts: BTreeMap::from([(
                    "aws_sqs_queue.jobs".to_owned(),
                    severity.as_str().into(),
                )]),
                cause: None,
            })
        });
        let stack = StackId::new("infra/web");
        let subject = (&stack, AlertKind::Drift);
        let timings = context.settings.telling.timings.at_once();
        let timing = timings.of(AlertKind::Drift, Severity::Critical, SignedDuration::ZERO);
        let known = self.alert.take();
        let moved = advance(known, &sight, subject, &timing, fresh::alert(), begin());
        let (alert, event) = moved.unwrap();
        let mut notice = as_told(&alert, &check(vec![]), &Audience::default(), begin());
        notice.event = event.unwrap_or(notice.event);
        let told = Told {
            news: event.iter().map(|_| notice.clone()).collect(),
            alerts: vec![(alert, notice)],
        };
        let spread = spread(context, &told, begin());
        let conclusion = crate::store::Conclusion {
            alerts: &spread.entries,
            ..crate::store::Conclusion::default()
        };
        context.store.conclude(&conclusion).await.unwrap();
        self.alert = known_of(context, &stack).await;
        let mut names: Vec<String> = spread.news.into_iter().map(|news| news.notifier).collect();
        names.sort();
        (event, names)
    }
}

async fn known_of(context: &Context, stack: &StackId) -> Option<Alert> {
    let known = context.store.alerts_since(stack, begin()).await.unwrap();
    known.into_iter().next()
}

#[tokio::test]
async fn whoever_was_told_of_an_alert_hears_that_it_is_less_and_that_it_is_over() {
    let mut stack = Stack::new().await;
    let opened = stack.looks(Some(Severity::Critical)).await;
    assert_eq!(
        opened,
        (Some(AlertEvent::Opened), vec!["oncall".to_owned()])
    );
    let both = vec!["oncall".to_owned(), "team".to_owned()];
    let less = stack.looks(Some(Severity::Low)).await;
    assert_eq!(less, (Some(AlertEvent::Changed), both.clone()));
    assert_eq!(stack.looks(None).await, (Some(AlertEvent::Resolved), both));
    // What returns begins anew: only whom routes name hears of it.
    let back = stack.looks(Some(Severity::Low)).await;
    assert_eq!(back, (Some(AlertEvent::Opened), vec!["team".to_owned()]));
    let over = stack.looks(None).await;
    assert_eq!(over, (Some(AlertEvent::Resolved), vec!["team".to_owned()]));
}

#[tokio::test]
async fn reminders_go_only_where_routes_say() {
    let mut stack = Stack::new().await;
    stack.looks(Some(Severity::Critical)).await;
    stack.looks(Some(Severity::Low)).await;
    let alert = stack.alert.clone().unwrap();
    let mut notice = as_told(&alert, &check(vec![]), &Audience::default(), begin());
    notice.event = AlertEvent::Reminded;
    let told = Told {
        news: vec![notice.clone()],
        alerts: vec![(alert, notice)],
    };
    let spread = spread(&stack.context, &told, begin());
    let names: Vec<&str> = spread
        .news
        .iter()
        .map(|news| news.notifier.as_str())
        .collect();
    assert_eq!(names, ["team"]);
}
