//! A week in the life of two hundred stacks on a paused clock: what people were told, as one log.

mod receivers;
#[allow(
    clippy::semicolon_if_nothing_returned,
    reason = "what happens reads better without"
)]
mod story;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Time as Clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::alert::Acknowledgement;
use crate::domain::audit::verify;
use crate::domain::compose::Limit;
use crate::domain::confirm::Confirmation;
use crate::domain::failure::FailureKind;
use crate::domain::finding::{FindingAction, Severity};
use crate::domain::hours::Hours;
use crate::domain::identity::Identity;
use crate::domain::ids::SourceName;
use crate::domain::pattern::{NamePattern, PathPattern};
use crate::domain::policy::{
    Conditions, Decision, DecisionKind, Effect, Facts, Policy, PolicyMode, Rule,
};
use crate::domain::route::{Condition, Route};
use crate::domain::run::{Outcome, Run, RunState, Trigger};
use crate::domain::schedule::Schedule;
use crate::domain::selection::Selection;
use crate::domain::source::SourceRecord;
use crate::domain::stack::Repair;
use crate::notify::settings::{
    ChannelSettings, NotifierSettings, NotifySettings, SmtpAuth, SmtpSettings, SmtpTls, Value,
};
use crate::secret::SecretSource;
use crate::store::{AuditFilter, Conclusion, Paging};

use super::command::Concern;
use super::conclude::{Ending, conclude};
use super::context::Context;
use super::outbox::{Carrier, attend};
use super::pass::decided;
use super::record::record_of;
use super::settings::{MannerSettings, PolicySettings, Settings, StackSettings, TellingSettings};
use super::step::{Next, finish};
use super::time::Time;
use super::{acknowledge, clock, composer, fixture, fresh, overdue, source_alert, summary};
use receivers::{Delivered, Receivers};
use world::Stack;

/// What a happening does.
enum Doing {
    /// Something in the world.
    World(fn(&mut Week)),
    /// A person takes the troubles of a stack or a cause on for some hours.
    Acknowledge {
        concern: fn() -> Concern,
        by: &'static str,
        hours: i64,
    },
    /// The daemon is gone, and another starts.
    Restart,
}

/// The Monday on which the week begins.
const BEGIN: &str = "2026-06-01T00:00:00Z";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Something that is yet to happen in the world.
type Later = Box<dyn Fn(&mut Week)>;

/// An estate, the daemon that looks after it, and those whom it tells.
struct Week {
    directory: tempfile::TempDir,
    context: Arc<Context>,
    receivers: Receivers,
    stacks: Vec<Stack>,
    due: BTreeMap<usize, Timestamp>,
    source: SourceRecord,
    /// When the daemon has something to do next.
    busy_at: Option<Timestamp>,
    /// What is yet to happen in the world besides the story.
    later: Vec<(Timestamp, Later)>,
    /// What happened in the world, for the log.
    happened: Vec<(Timestamp, String)>,
}

/// Every two hours; where little happens every six.
fn schedule(dir: &str) -> Schedule {
    let quiet = dir.starts_with("legacy") || dir.starts_with("platform");
    let expression = if quiet { "0 */6 * * *" } else { "0 */2 * * *" };
    Schedule::parse(expression, "UTC", SignedDuration::from_mins(20), begin()).unwrap()
}

fn begin() -> Timestamp {
    BEGIN.parse().unwrap()
}

fn stack_settings(dir: &str) -> StackSettings {
    StackSettings {
        schedule: schedule(dir),
        policy: PolicySettings {
            policy: Policy {
                mode: PolicyMode::Heal,
                safe: vec![Rule {
                    name: "delays".to_owned(),
                    when: Conditions {
                        types: vec![NamePattern::parse("aws_sqs_queue").unwrap()],
                        actions: vec![FindingAction::Update],
                        attributes: vec![PathPattern::parse("delay_seconds").unwrap()],
                        ..Conditions::default()
                    },
                    effect: Effect::Safe,
                }],
                ..Policy::default()
            },
            ..PolicySettings::default()
        },
        ..fixture::stack_settings()
    }
}

fn notify(directory: &Path, receivers: &Receivers) -> NotifySettings {
    let slack = NotifierSettings {
        name: "oncall".to_owned(),
        channel: ChannelSettings {
            channel: "slack",
            values: [(
                "webhook_url",
                Value::Secret(SecretSource::File(directory.join("slack"))),
            )]
            .into_iter()
            .collect(),
        },
    };
    let mail = |name: &str| NotifierSettings {
        name: name.to_owned(),
        channel: ChannelSettings {
            channel: "email",
            values: [("to", Value::Texts(vec![format!("{name}@example.com")]))]
                .into_iter()
                .collect(),
        },
    };
    NotifySettings {
        notifiers: vec![slack, mail("team"), mail("lead"), mail("web")],
        smtp: Some(SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: receivers.smtp_port,
            from: "mooring@example.com".to_owned(),
            tls: SmtpTls::None,
            auth: SmtpAuth::Password,
            credentials: None,
        }),
        ..NotifySettings::default()
    }
}

/// On call hears of what is grave, and at night only of what is critical; the lead when nobody takes
/// it on; those who own the shop of their own stacks; the team of everything.
fn telling() -> TellingSettings {
    let to = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let which = Selection {
        owners: vec![NamePattern::parse("@acme/web").unwrap()],
        ..Selection::default()
    };
    TellingSettings {
        routes: vec![
            Route {
                when: Condition {
                    which,
                    ..Condition::default()
                },
                to: to(&["web"]),
                escalate_to: Vec::new(),
                goes_on: true,
            },
            Route {
                when: Condition {
                    severity: Some(Severity::High),
                    ..Condition::default()
                },
                to: to(&["oncall", "team"]),
                escalate_to: to(&["lead"]),
                goes_on: false,
            },
            Route {
                when: Condition::default(),
                to: to(&["team"]),
                escalate_to: Vec::new(),
                goes_on: false,
            },
        ],
        manners: BTreeMap::from([(
            "oncall".to_owned(),
            MannerSettings {
                quiet: Some(Hours {
                    days: Vec::new(),
                    from: Clock::constant(22, 0, 0, 0),
                    to: Clock::constant(7, 0, 0, 0),
                    zone: TimeZone::UTC,
                }),
                limit: Some(Limit {
                    messages: 10,
                    within: SignedDuration::from_hours(1),
                }),
            },
        )]),
        ..TellingSettings::default()
    }
}

/// A daemon that starts on what an earlier one left in the directory.
async fn daemon(directory: &Path, receivers: &Receivers) -> Arc<Context> {
    let settings = Settings {
        telling: telling(),
        ..fixture::settings(directory, notify(directory, receivers))
    };
    let context = fixture::daemon(settings, Time::Paused(receivers.now.clone())).await;
    clock::reckon(&context).await.unwrap();
    context
}

impl Week {
    async fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let receivers = Receivers::start(begin()).await;
        std::fs::write(directory.path().join("slack"), receivers.slack.uri()).unwrap();
        let context = daemon(directory.path(), &receivers).await;
        let mut stacks = Vec::new();
        for (area, owners) in [
            ("apps/api", vec![]),
            ("data/etl", vec![]),
            ("legacy/old", vec![]),
            ("platform/net", vec![]),
            ("web/shop", vec!["@acme/web".to_owned()]),
        ] {
            for n in 1..=40 {
                let dir = format!("{area}-{n:02}");
                let settings = stack_settings(&dir);
                stacks.push(Stack::new(dir, owners.clone(), settings));
            }
        }
        let first = |(index, stack): (usize, &Stack)| Some((index, stack.scheduled(begin())?));
        Self {
            due: stacks.iter().enumerate().filter_map(first).collect(),
            source: SourceRecord::new(SourceName::new("infra")),
            busy_at: None,
            later: Vec::new(),
            happened: Vec::new(),
            directory,
            context,
            receivers,
            stacks,
        }
    }

    fn stack(&mut self, dir: &str) -> &mut Stack {
        let mut stacks = self.stacks.iter_mut();
        stacks.find(|stack| stack.tracked.dir == dir).unwrap()
    }

    /// So many minutes from now.
    fn later(&mut self, minutes: i64, does: impl Fn(&mut Self) + 'static) {
        let at = self.now() + MINUTE * i32::try_from(minutes).unwrap();
        self.later.push((at, Box::new(does)));
    }

    /// Somebody puts an object back so many minutes after the next look at its stack.
    fn put_back_after(&mut self, dir: &'static str, address: &'static str, minutes: i64) {
        let index = self
            .stacks
            .iter()
            .position(|s| s.tracked.dir == dir)
            .unwrap();
        let wait = self.due[&index].duration_since(self.now()).as_mins();
        self.later(wait + minutes, move |week| {
            week.stack(dir).put_back(address);
        });
    }

    /// The n-th time that something writes a queue, and that somebody puts it back.
    fn flap(&mut self, dir: &'static str, address: &'static str, n: i64) {
        self.later(n * 240, move |week| {
            let timeout = serde_json::json!(77);
            week.stack(dir)
                .moves(address, "/visibility_timeout_seconds", timeout);
        });
        self.later(n * 240 + 130, move |week| week.stack(dir).put_back(address));
    }

    fn git_is_down(&mut self, down: bool) {
        let failure = world::failure(
            FailureKind::RepositoryUnreachable,
            "cannot fetch https://git.example.com/infra.git: connection refused",
            "is the server up?",
        );
        self.source.failure = down.then_some(failure);
        self.source.failures = u32::from(down) * 5;
    }

    fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// The daemon is stopped, or killed, and another starts.
    async fn restart(&mut self) {
        self.context = daemon(self.directory.path(), &self.receivers).await;
    }

    /// Everything that happens within one minute.
    async fn minute(&mut self) {
        let now = self.now();
        let due: Vec<usize> = self
            .due
            .iter()
            .filter(|(index, at)| **at <= now && !self.stacks[**index].stuck)
            .map(|(index, _)| *index)
            .collect();
        for index in due {
            let scheduled = self.stacks[index].scheduled(now).unwrap();
            let next = match self.look(index).await {
                Next::Rest => scheduled,
                Next::LookAgain => now + MINUTE,
                Next::LookAt(at) => at.min(scheduled),
            };
            self.due.insert(index, next);
        }
        source_alert::tell(&self.context, &self.source)
            .await
            .unwrap();
        if now.as_second() % 3600 == 0 {
            overdue::round(&self.context).await.unwrap();
        }
        let ticks = clock::strike(&self.context, now).await.unwrap();
        let composes = composer::round(&self.context, now).await.unwrap();
        let mut delivers = None;
        for notifier in ["lead", "oncall", "team", "web"] {
            let mut carrier = Carrier::of(&self.context, notifier, now).await.unwrap();
            let next = loop {
                let next = attend(&self.context, &mut carrier, now).await.unwrap();
                if next.is_none_or(|next| next > now) {
                    break next;
                }
            };
            delivers = [delivers, next].into_iter().flatten().min();
        }
        let looks = self
            .due
            .iter()
            .filter(|(index, _)| !self.stacks[**index].stuck);
        let looks = looks.map(|(_, at)| *at).min();
        let later = self.later.iter().map(|(at, _)| *at).min();
        let next = [ticks, composes, delivers, looks, later]
            .into_iter()
            .flatten();
        self.busy_at = next.min();
    }

    /// A look as a pass makes it, with a plan that is made up and an apply that is pretended.
    async fn look(&mut self, index: usize) -> Next {
        let context = &self.context;
        let stack = &mut self.stacks[index];
        let tracked = stack.tracked.clone();
        let (now, commit) = (context.now(), stack.commit());
        let mut run = Run::queued(fresh::run(), tracked.id.clone(), Trigger::Schedule, now);
        run.commit = Some(commit.clone());
        for state in [RunState::Syncing, RunState::Planning, RunState::Deciding] {
            run.step(state, now).unwrap();
        }
        let mut record = record_of(context, &tracked).await.unwrap();
        let seen_at = record.last.as_ref().and_then(|last| last.commit.clone());
        let code_moved = seen_at.is_some_and(|seen| seen != commit);
        let unmoved_since = record
            .in_sync_commit
            .clone()
            .filter(|since| *since == commit);
        let known = crate::domain::history::History {
            drifting: record.drifting.clone(),
            unmoved_since,
        };
        let ledger = context.store.ledger(&tracked.id).await.unwrap();
        let seen = stack.look(&context.key, ledger, &known, now);
        let facts = Facts {
            now,
            ..Facts::default()
        };
        let (check, confirmation, _) =
            decided(&tracked, &mut record, &seen, &commit, (facts, false));
        if confirmation == Confirmation::Again {
            let verdict = check.verdict;
            finish(&mut run, Outcome::Unconfirmed { verdict }, now);
            let seen_once = Conclusion {
                run: Some(&run),
                stack: Some(&record),
                ledger: Some((&tracked.id, &seen.ledger)),
                ..Conclusion::default()
            };
            context.store.conclude(&seen_once).await.unwrap();
            return Next::LookAgain;
        }
        let mut ending = Ending {
            code_moved,
            ..Ending::looked(check, seen)
        };
        if ending.check.decision.kind == DecisionKind::Apply {
            let repaired = crate::domain::content::drifted(&ending.check)
                .map(|attribute| Repair { attribute, at: now });
            record.repairs.extend(repaired.collect::<Vec<_>>());
            stack.apply();
            let after = stack.look(&context.key, ending.ledger, &known, now);
            let before = ending.check;
            let mut check = super::sight::check_of(&tracked, &after, &commit);
            check.decision = Decision::new(DecisionKind::Nothing);
            ending = Ending {
                repaired: Some(before),
                ..Ending::looked(check, after)
            };
            ending.outcome = Outcome::Repaired;
        }
        conclude(context, &tracked, run, record, ending)
            .await
            .unwrap()
    }
}

fn weekday(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%a %H:%M").to_string()
}

async fn live_through() -> Week {
    let mut week = Week::begin().await;
    let mut story = story::story().into_iter().peekable();
    let end = begin() + SignedDuration::from_hours(7 * 24);
    while week.now() < end {
        let now = week.now();
        let mut told = false;
        while let Some((_, words, does)) = story.next_if(|(at, ..)| weekday(now) == *at) {
            told = true;
            week.happened.push((now, words.to_owned()));
            match does {
                Doing::World(does) => does(&mut week),
                Doing::Restart => week.restart().await,
                Doing::Acknowledge { concern, by, hours } => {
                    let acknowledgement = Acknowledgement {
                        by: by.to_owned(),
                        at: now,
                        until: Some(now + SignedDuration::from_hours(hours)),
                        reason: None,
                    };
                    acknowledge::acknowledge(
                        &week.context,
                        &concern(),
                        &acknowledgement,
                        &Identity::Operator {
                            claims: Some(by.to_owned()),
                        },
                        now,
                    )
                    .await
                    .unwrap();
                }
            }
        }
        let idle = week.busy_at.is_some_and(|at| at > now);
        if idle && now.as_second() % 3600 != 0 && !told {
            *week.receivers.now.lock().unwrap() = now + MINUTE;
            continue;
        }
        let mut later = std::mem::take(&mut week.later);
        let ready: Vec<_> = later.extract_if(.., |(at, _)| *at <= now).collect();
        week.later.extend(later);
        for (_, does) in ready {
            does(&mut week);
        }
        week.minute().await;
        if weekday(now) == "Mon 06:00" {
            let source = SourceName::new("infra");
            summary::first_sight(&week.context, &source).await.unwrap();
        }
        *week.receivers.now.lock().unwrap() = now + MINUTE;
    }
    assert!(story.next().is_none(), "the whole story was told");
    week
}

/// What happened and what was said, in the order of time: what several receivers were told at one
/// time stands there once, with what the mail says first.
fn log(week: &Week) -> String {
    let mut entries: Vec<(Timestamp, String)> = week
        .happened
        .iter()
        .map(|(at, words)| (*at, format!("{}  ** {words}", weekday(*at))))
        .collect();
    let mut conversations = Vec::new();
    let mut messages: BTreeMap<(Timestamp, String), Vec<Delivered>> = BTreeMap::new();
    let mut order = Vec::new();
    for message in week.receivers.log.lock().unwrap().iter() {
        let same = (message.at, message.title.clone());
        if !messages.contains_key(&same) {
            order.push(same.clone());
        }
        messages.entry(same).or_default().push(message.clone());
    }
    for (at, title) in order {
        let mut same = messages.remove(&(at, title.clone())).unwrap();
        same.sort_by_key(|message| message.to.clone());
        let to: Vec<&str> = same.iter().map(|message| message.to.as_str()).collect();
        let thread = same.iter().find_map(|message| message.thread.clone());
        let thread = thread.map_or_else(String::new, |thread| {
            let known = conversations.iter().position(|known| *known == thread);
            let number = known.unwrap_or_else(|| {
                conversations.push(thread);
                conversations.len() - 1
            });
            format!(" (conversation {})", number + 1)
        });
        let mut text = format!("{}  {}{thread}\n       {title}", weekday(at), to.join(", "));
        // Slack's form last: a mail says what matters in its first lines.
        let fullest = same.iter().find(|message| message.to != "slack");
        for line in &fullest.unwrap_or(&same[0]).lines {
            text.push_str(&format!("\n         {line}"));
        }
        entries.push((at, text));
    }
    entries.sort_by_key(|(at, _)| *at);
    let texts: Vec<String> = entries.into_iter().map(|(_, text)| text).collect();
    texts.join("\n\n")
}

/// No message came twice.
fn nothing_twice(week: &Week) {
    let mut seen = BTreeSet::new();
    for message in week.receivers.log.lock().unwrap().iter() {
        let told = match &message.id {
            Some(id) => (message.to.clone(), id.clone()),
            None => (
                message.to.clone(),
                format!("{} {:?}", message.title, message.lines),
            ),
        };
        assert!(seen.insert(told), "told twice: {message:?}");
    }
}

/// Whoever took an alert on is in the audit log.
async fn acknowledged(week: &Week) {
    let store = &week.context.store;
    let filter = AuditFilter::default();
    let entries = store.audit(&filter, Paging::After(0), 1000).await.unwrap();
    verify(&entries, None).unwrap();
    let told: Vec<(String, String, bool)> = entries
        .iter()
        .filter(|entry| entry.action == "alert_acknowledged")
        .map(|entry| {
            let stack = entry.stack().unwrap().to_string();
            (entry.who(), stack, entry.details["until"].is_string())
        })
        .collect();
    let ann = (
        "ann (claimed)".to_owned(),
        "infra/web/shop-03".to_owned(),
        true,
    );
    assert_eq!(told, [ann.clone(), ann]);
}

#[tokio::test]
async fn a_week_of_messages() {
    let week = live_through().await;
    nothing_twice(&week);
    acknowledged(&week).await;
    insta::assert_snapshot!(log(&week));
}
