//! Reports of a made-up week: one in which much happened, and one in which nothing did.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::alert::AlertKind;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::{SourceName, StackId};
use crate::domain::notice::{Notice, ReportNotice};
use crate::domain::pattern::NamePattern;
use crate::domain::posture::{
    Acknowledgement, AlertCounts, AlertSeen, Filter, FixedBy, Input, Posture, RunSeen, Saw,
    StackNow, Window,
};
use crate::domain::report::ReportId;
use crate::domain::selection::Selection;

const NAME: &str = "fleet-weekly";
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A week that ends at a time.
struct Week<'a> {
    end: Timestamp,
    source: &'a str,
}

impl Week<'_> {
    /// So many hours before its end.
    fn ago(&self, hours: i64) -> Timestamp {
        let ago = self.end.checked_sub(SignedDuration::from_hours(hours));
        ago.unwrap_or(self.end)
    }

    fn stack(&self, dir: &str, owner: &str, verdict: Verdict) -> StackNow {
        StackNow {
            id: StackId::new(format!("{}/{dir}", self.source)),
            source: SourceName::new(self.source),
            dir: dir.to_owned(),
            labels: BTreeMap::from([("tier".to_owned(), "prod".to_owned())]),
            owners: vec![owner.to_owned()],
            tracked: true,
            verdict,
            since: Some(self.ago(120)),
            severity: None,
            checked_at: Some(self.ago(1)),
            contested: Vec::new(),
            suppressed: Vec::new(),
            ignored: Vec::new(),
            headline: None,
        }
    }

    fn alert(&self, dir: &str, kind: AlertKind, severity: Severity, opened: i64) -> AlertSeen {
        AlertSeen {
            stack: StackId::new(format!("{}/{dir}", self.source)),
            kind,
            severity,
            opened_at: self.ago(opened),
            since: None,
            resolved: None,
            acknowledged: None,
        }
    }

    fn run(&self, dir: &str, begun: i64, saw: Saw) -> RunSeen {
        let started_at = self.ago(begun);
        let took = SignedDuration::from_mins(2);
        RunSeen {
            stack: StackId::new(format!("{}/{dir}", self.source)),
            started_at,
            ended_at: started_at.checked_add(took).unwrap_or(started_at),
            saw,
        }
    }

    fn eventful(&self) -> Input {
        let resolved = |hours, by| Some((self.ago(hours), by));
        Input {
            alerts: vec![
                self.alert("live/db", AlertKind::Drift, Severity::Critical, 50),
                self.alert("live/queue", AlertKind::Pending, Severity::Medium, 400),
                self.alert("live/edge", AlertKind::Failed, Severity::High, 20),
                AlertSeen {
                    acknowledged: Some(Acknowledgement {
                        by: "robin".to_owned(),
                        until: Some(self.ago(-30)),
                        reason: Some("the new runtime is being tried".to_owned()),
                    }),
                    ..self.alert("live/queue", AlertKind::Drift, Severity::Low, 90)
                },
                AlertSeen {
                    resolved: resolved(130, FixedBy::Mooring),
                    ..self.alert("live/web@prod", AlertKind::Drift, Severity::High, 132)
                },
                AlertSeen {
                    resolved: resolved(70, FixedBy::Outside),
                    ..self.alert("live/web@prod", AlertKind::Drift, Severity::Medium, 100)
                },
                AlertSeen {
                    resolved: resolved(10, FixedBy::Code),
                    ..self.alert("live/stage", AlertKind::Pending, Severity::Low, 200)
                },
            ],
            runs: vec![
                self.run("live/db", 51, Saw::Verdict(Verdict::InSync)),
                self.run("live/db", 50, Saw::Verdict(Verdict::Drifted)),
                self.run("live/web@prod", 130, Saw::Repair),
            ],
            ..self.with(vec![
                StackNow {
                    since: Some(self.ago(50)),
                    severity: Some(Severity::Critical),
                    headline: Some("aws_db_instance.main (drift) and 2 more".to_owned()),
                    ..self.stack("live/db", "data", Verdict::Drifted)
                },
                StackNow {
                    contested: vec!["aws_s3_bucket.logs tags.Env".to_owned()],
                    suppressed: vec![(
                        "aws_ecs_service.web".to_owned(),
                        "desired_count is set by <b>autoscaling</b> & *more*".to_owned(),
                    )],
                    ..self.stack("live/web@prod", "platform", Verdict::InSync)
                },
                StackNow {
                    severity: Some(Severity::Medium),
                    headline: Some("aws_sqs_queue.jobs (pending)".to_owned()),
                    ..self.stack("live/queue", "platform", Verdict::DriftedAndPending)
                },
                StackNow {
                    since: Some(self.ago(20)),
                    severity: Some(Severity::High),
                    headline: Some("credentials_refused: the backend refused them".to_owned()),
                    ..self.stack("live/edge", "platform", Verdict::Failed)
                },
                StackNow {
                    checked_at: Some(self.ago(60)),
                    headline: Some("not checked recently".to_owned()),
                    ..self.stack("live/legacy", "data", Verdict::Unknown)
                },
                self.stack("live/stage", "platform", Verdict::InSync),
            ])
        }
    }

    fn with(&self, stacks: Vec<StackNow>) -> Input {
        Input {
            made_at: self.end,
            window: Window::before(self.end, WEEK),
            known_from: None,
            filter: Filter::default(),
            stacks,
            alerts: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn report(&self, about: Option<&str>, input: &Input, before: AlertCounts) -> Notice {
        Notice::Report(ReportNotice {
            id: ReportId::new(self.end, NAME, about, 0),
            name: NAME.to_owned(),
            about: about.map(str::to_owned),
            posture: Box::new(Posture::of(input)),
            before: Some(before),
            kept: true,
        })
    }
}

/// The posture after a week in which much happened.
pub(super) fn report(end: Timestamp, source: &str) -> Notice {
    let week = Week { end, source };
    let before = AlertCounts {
        open_before: 1,
        opened: 3,
        resolved: 2,
        open: 2,
        repairs: 1,
    };
    week.report(None, &week.eventful(), before)
}

/// The posture of one owner after a week in which nothing happened.
pub(super) fn calm(end: Timestamp, source: &str) -> Notice {
    let week = Week { end, source };
    let stacks = ["live/web@prod", "live/stage"];
    let stacks = stacks.map(|dir| week.stack(dir, "platform", Verdict::InSync));
    let input = Input {
        filter: Filter {
            which: Selection {
                owners: vec![NamePattern::exactly("platform")],
                ..Selection::default()
            },
            severity: None,
        },
        ..week.with(stacks.to_vec())
    };
    week.report(Some("platform"), &input, AlertCounts::default())
}
