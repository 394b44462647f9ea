mod requests;

use std::collections::BTreeMap;

use jiff::civil::time;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::domain::alert::{Acknowledgement, AlertKind, Trouble};
use crate::domain::audience::Audience;
use crate::domain::cause::Cause;
use crate::domain::finding::Finding;
use crate::domain::ids::{RunId, StackId};
use crate::domain::notice::RepairNotice;
use crate::domain::testing;

const MANNER: Manner = Manner {
    each: false,
    wait: SignedDuration::from_secs(30),
    interval: SignedDuration::from_mins(5),
    quiet: None,
    limit: None,
};

fn second(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn night() -> Hours {
    Hours {
        days: Vec::new(),
        from: time(22, 0, 0, 0),
        to: time(7, 0, 0, 0),
        zone: TimeZone::UTC,
    }
}

/// News of an alert that is called by a number.
fn news(
    id: u128,
    alert: u8,
    event: AlertEvent,
    cause: &str,
    severity: Severity,
    at: i64,
) -> Envelope {
    let notice = AlertNotice {
        alert: AlertId::from_uuid(uuid::Uuid::from_u128(alert.into())),
        event,
        kind: AlertKind::Failed,
        stack: StackId::new(format!("infra/{alert}")),
        severity,
        at: second(at),
        looked_at: None,
        opened_at: second(at),
        since: None,
        detail: None,
        resolution: None,
        news: Vec::new(),
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: (!cause.is_empty()).then(|| Cause {
            key: cause.to_owned(),
            words: format!("because of {cause}"),
        }),
        request: None,
        trouble: Some(Trouble {
            content: "as ever".to_owned(),
            severity,
            parts: BTreeMap::new(),
            cause: None,
        }),
        audience: Audience::default(),
        check: testing::check(Vec::new()),
    };
    Envelope {
        id: EnvelopeId::from_uuid(uuid::Uuid::from_u128(id)),
        notice: Notice::Alert(notice),
        at: second(at),
    }
}

fn opened(alert: u8, cause: &str, at: i64) -> Envelope {
    news(
        alert.into(),
        alert,
        AlertEvent::Opened,
        cause,
        Severity::High,
        at,
    )
}

/// A repair of the delay of a stack's queue; `left` is what is still there.
fn repaired(n: u8, path: &str, left: Vec<Finding>, at: i64) -> Envelope {
    let notice = RepairNotice {
        run: RunId::from_uuid(uuid::Uuid::from_u128(n.into())),
        stack: StackId::new(format!("infra/{n}")),
        at: second(at),
        before: testing::check(vec![testing::drift("aws_sqs_queue.jobs", path, "7")]),
        after: testing::check(left),
    };
    Envelope {
        id: EnvelopeId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 10_000)),
        notice: Notice::Repaired(notice),
        at: second(at),
    }
}

/// A receiver over time: what it was sent, in a line each.
struct Receiver {
    manner: Manner,
    waiting: Vec<Envelope>,
    desk: Desk,
    sent: Vec<(i64, Composed)>,
    silent: Vec<EnvelopeId>,
}

impl Receiver {
    fn new(manner: Manner) -> Self {
        Self {
            manner,
            waiting: Vec::new(),
            desk: Desk::default(),
            sent: Vec::new(),
            silent: Vec::new(),
        }
    }

    fn at(&mut self, now: i64, news: Vec<Envelope>) {
        self.waiting.extend(news);
        let composition = compose(&self.waiting, self.desk.clone(), &self.manner, second(now));
        self.desk = composition.desk;
        self.waiting
            .retain(|waiting| !composition.silent.contains(&waiting.id));
        self.silent.extend(composition.silent);
        for message in composition.messages {
            self.waiting
                .retain(|waiting| !message.envelopes.contains(&waiting.id));
            self.sent.push((now, message));
        }
        assert!(composition.next.is_none_or(|next| next > second(now)));
    }

    /// Lets time pass until nothing waits, or for so long.
    fn wait(&mut self, from: i64, until: i64) {
        for now in (from..until).step_by(10) {
            self.at(now, Vec::new());
        }
    }

    fn lines(&self) -> Vec<String> {
        let line = |(at, message): &(i64, Composed)| match &message.notice {
            Notice::Alert(alert) => format!("{at} {} {}", alert.event.as_str(), alert.stack),
            Notice::Group(group) => format!(
                "{at} {} in {} stacks, {} of {} open, {}",
                group.event.as_str(),
                group.members.len(),
                group.open,
                group.total,
                group.cause
            ),
            Notice::Digest(digest) => {
                let lines: Vec<String> = digest
                    .lines
                    .iter()
                    .map(|line| match &line.stack {
                        Some(stack) => format!("{} {stack}", line.event),
                        None => format!("{} {}", line.event, line.text),
                    })
                    .collect();
                format!(
                    "{at} {:?}: {}; {} came and went",
                    digest.reason,
                    lines.join(", "),
                    digest.came_and_went
                )
            }
            Notice::Repaired(repair) => format!("{at} repaired {}", repair.stack),
            Notice::Repairs(repairs) => format!(
                "{at} repaired {} stacks, first {}: {}",
                repairs.members.len(),
                repairs.example.stack,
                repairs.cause
            ),
            other => format!("{at} {other:?}"),
        };
        self.sent.iter().map(line).collect()
    }
}

#[test]
fn what_has_one_cause_is_one_message_and_ends_as_one() {
    let mut receiver = Receiver::new(MANNER);
    for alert in 0..40 {
        receiver.at(
            i64::from(alert) / 4,
            vec![opened(alert, "api", i64::from(alert) / 4)],
        );
    }
    receiver.wait(10, 400);
    // One more, later; then all end.
    receiver.at(400, vec![opened(40, "api", 400)]);
    receiver.wait(400, 1000);
    let over = (0..=40).map(|alert| {
        let id = 1000 + u128::from(alert);
        news(id, alert, AlertEvent::Resolved, "api", Severity::High, 1000)
    });
    receiver.at(1000, over.collect());
    receiver.wait(1000, 2000);
    assert_eq!(
        receiver.lines(),
        [
            "30 opened in 40 stacks, 40 of 40 open, because of api",
            "430 opened in 1 stacks, 41 of 41 open, because of api",
            "1030 resolved in 41 stacks, 0 of 41 open, because of api",
        ]
    );
}

#[test]
fn two_of_one_cause_are_two_messages_and_a_trickle_is_held_together() {
    let mut receiver = Receiver::new(MANNER);
    for alert in 0..6 {
        let at = i64::from(alert) * 40;
        receiver.wait(at - 30, at);
        receiver.at(at, vec![opened(alert, "tags", at)]);
    }
    receiver.wait(200, 1000);
    assert_eq!(
        receiver.lines(),
        [
            "30 opened infra/0",
            "70 opened infra/1",
            "110 opened in 1 stacks, 3 of 3 open, because of tags",
            "410 opened in 3 stacks, 6 of 6 open, because of tags",
        ]
    );
}

#[test]
fn a_cause_that_creeps_through_an_estate_is_a_few_messages() {
    let mut receiver = Receiver::new(MANNER);
    let minutes = |n: i64| n * 60;
    for alert in 0..60 {
        let at = minutes(3 * i64::from(alert));
        receiver.wait(at - minutes(3), at);
        receiver.at(at, vec![opened(alert, "tags", at)]);
    }
    receiver.wait(minutes(177), minutes(300));
    // It goes as it came, and two more come and go between two messages.
    for alert in 0..60 {
        let at = minutes(300 + 3 * i64::from(alert));
        receiver.wait(at - minutes(3), at);
        let mut all = Vec::new();
        if alert == 30 {
            for (n, other) in [60, 61].into_iter().enumerate() {
                let id = 5000 + 2 * n as u128;
                let over = AlertEvent::Resolved;
                all.push(news(
                    id,
                    other,
                    AlertEvent::Opened,
                    "tags",
                    Severity::High,
                    at,
                ));
                all.push(news(id + 1, other, over, "tags", Severity::High, at));
            }
        }
        let id = 1000 + u128::from(alert);
        all.push(news(
            id,
            alert,
            AlertEvent::Resolved,
            "tags",
            Severity::High,
            at,
        ));
        receiver.at(at, all);
    }
    receiver.wait(minutes(477), minutes(900));
    assert_eq!(
        receiver.lines(),
        [
            "30 opened infra/0",
            "210 opened infra/1",
            "390 opened in 1 stacks, 3 of 3 open, because of tags",
            "690 opened in 1 stacks, 4 of 4 open, because of tags",
            "1290 opened in 4 stacks, 8 of 8 open, because of tags",
            "2490 opened in 6 stacks, 14 of 14 open, because of tags",
            "4890 opened in 14 stacks, 28 of 28 open, because of tags",
            "9690 opened in 26 stacks, 54 of 54 open, because of tags",
            "18030 resolved infra/0",
            "18210 resolved infra/1",
            "19290 opened in 6 stacks, 58 of 60 open, because of tags",
            "28620 resolved in 60 stacks, 0 of 62 open, because of tags",
        ]
    );
}

#[test]
fn quiet_hours_hold_back_what_is_not_critical() {
    let mut receiver = Receiver::new(Manner {
        quiet: Some(night()),
        ..MANNER
    });
    let hour = |hour: i64| hour * 3600;
    receiver.at(
        hour(1),
        vec![
            opened(1, "", hour(1)),
            opened(2, "", hour(1)),
            opened(3, "", hour(1)),
        ],
    );
    let over = news(9, 1, AlertEvent::Resolved, "", Severity::High, hour(2));
    receiver.at(hour(2), vec![over]);
    let grave = news(10, 4, AlertEvent::Opened, "", Severity::Critical, hour(3));
    receiver.at(hour(3), vec![grave]);
    receiver.at(hour(7), Vec::new());
    assert_eq!(
        receiver.lines(),
        [
            "10800 opened infra/4",
            "25200 QuietHours: opened infra/2, opened infra/3; 1 came and went",
        ]
    );
}

#[test]
fn what_becomes_critical_at_night_is_told_at_once_and_its_beginning_not_after_its_end() {
    let mut receiver = Receiver::new(Manner {
        quiet: Some(night()),
        ..MANNER
    });
    let hour = |hour: i64| hour * 3600;
    let event = |id, alert, event, severity, at| news(id, alert, event, "api", severity, hour(at));
    use AlertEvent::{Changed, Opened, Resolved};
    use Severity::{Critical, Medium};
    // One that was told by day, so that its cause is known, and one of the night.
    receiver.at(hour(-4), vec![event(1, 1, Opened, Medium, -4)]);
    receiver.wait(hour(-4), hour(-4) + 60);
    receiver.at(
        hour(0),
        vec![
            event(2, 1, Changed, Medium, 0),
            event(3, 2, Opened, Medium, 0),
        ],
    );
    receiver.at(
        hour(2),
        vec![
            event(4, 1, Changed, Critical, 2),
            event(5, 2, Changed, Critical, 2),
        ],
    );
    receiver.at(hour(3), vec![event(6, 2, Resolved, Critical, 3)]);
    receiver.wait(hour(3), hour(8));
    assert_eq!(
        receiver.lines(),
        [
            "-14370 opened infra/1",
            "7200 changed infra/1",
            "7200 opened infra/2",
            "10800 resolved infra/2",
        ]
    );
}

fn critical(alert: u8, at: i64) -> Envelope {
    let (event, severity) = (AlertEvent::Opened, Severity::Critical);
    news(alert.into(), alert, event, "public", severity, at)
}

#[test]
fn what_is_critical_is_one_message_if_it_is_there_at_once_and_never_waits() {
    let mut receiver = Receiver::new(MANNER);
    receiver.at(0, (0..40).map(|alert| critical(alert, 0)).collect());
    receiver.at(5, vec![critical(40, 5)]);
    receiver.at(7, vec![critical(41, 7), critical(42, 7)]);
    let over = (0..=42).map(|alert| {
        let (event, severity) = (AlertEvent::Resolved, Severity::Critical);
        news(
            1000 + u128::from(alert),
            alert,
            event,
            "public",
            severity,
            60,
        )
    });
    receiver.at(60, over.collect());
    assert_eq!(
        receiver.lines(),
        [
            "0 opened in 40 stacks, 40 of 40 open, because of public",
            "5 opened in 1 stacks, 41 of 41 open, because of public",
            "7 opened in 2 stacks, 43 of 43 open, because of public",
            "60 resolved in 43 stacks, 0 of 43 open, because of public",
        ]
    );
}

#[test]
fn what_is_critical_one_by_one_is_told_at_once_and_the_third_names_how_many() {
    let mut receiver = Receiver::new(MANNER);
    for alert in 0..4 {
        let at = i64::from(alert);
        receiver.at(at, vec![critical(alert, at)]);
    }
    assert_eq!(
        receiver.lines(),
        [
            "0 opened infra/0",
            "1 opened infra/1",
            "2 opened in 1 stacks, 3 of 3 open, because of public",
            "3 opened in 1 stacks, 4 of 4 open, because of public",
        ]
    );
}

#[test]
fn what_becomes_critical_does_not_wait_behind_its_own_beginning() {
    let mut receiver = Receiver::new(MANNER);
    receiver.at(0, (0..3).map(|alert| opened(alert, "api", 0)).collect());
    receiver.wait(10, 100);
    receiver.at(100, vec![opened(3, "api", 100), opened(4, "api", 100)]);
    let (event, severity) = (AlertEvent::Changed, Severity::Critical);
    receiver.at(110, vec![news(50, 3, event, "api", severity, 110)]);
    // Another trouble than the one with which it was told.
    receiver.at(120, vec![news(51, 0, event, "public", severity, 120)]);
    receiver.wait(130, 1000);
    assert_eq!(
        receiver.lines(),
        [
            "30 opened in 3 stacks, 3 of 3 open, because of api",
            "110 opened in 1 stacks, 4 of 4 open, because of api",
            "120 changed infra/0",
            "330 opened in 1 stacks, 5 of 5 open, because of api",
        ]
    );
}

/// Three with one cause were told of together; the first of them is over, as it was or known to
/// somebody, and there again before that is told.
fn back_again(ended: impl Fn(&mut AlertNotice), back: impl Fn(&mut AlertNotice)) -> Receiver {
    let mut receiver = Receiver::new(MANNER);
    receiver.at(0, (0..3).map(|alert| opened(alert, "api", 0)).collect());
    receiver.wait(10, 400);
    let with = |mut envelope: Envelope, change: &dyn Fn(&mut AlertNotice)| {
        if let Notice::Alert(alert) = &mut envelope.notice {
            change(alert);
        }
        envelope
    };
    let (over, severity) = (AlertEvent::Resolved, Severity::High);
    let end = news(100, 0, over, "api", severity, 400);
    receiver.at(400, vec![with(end, &ended)]);
    let begin = news(101, 0, AlertEvent::Opened, "api", severity, 700);
    receiver.at(700, vec![with(begin, &back)]);
    receiver.wait(710, 3000);
    assert!(receiver.waiting.is_empty());
    receiver
}

#[test]
fn what_came_back_before_its_end_was_told_is_no_news() {
    let mut receiver = back_again(|_| {}, |_| {});
    assert_eq!(receiver.silent.len(), 2);
    let over = (0..3).map(|alert| {
        let (event, severity) = (AlertEvent::Resolved, Severity::High);
        news(200 + u128::from(alert), alert, event, "api", severity, 3000)
    });
    receiver.at(3000, over.collect());
    receiver.wait(3000, 3100);
    assert_eq!(
        receiver.lines(),
        [
            "30 opened in 3 stacks, 3 of 3 open, because of api",
            "3030 resolved in 3 stacks, 0 of 3 open, because of api",
        ]
    );
}

#[test]
fn what_came_back_as_another_trouble_has_changed() {
    let other = |alert: &mut AlertNotice| {
        if let Some(trouble) = &mut alert.trouble {
            trouble.content = "another".to_owned();
            trouble.parts = BTreeMap::from([("aws_x.a".to_owned(), "1".to_owned())]);
        }
    };
    let receiver = back_again(|_| {}, other);
    assert_eq!(receiver.silent, []);
    assert_eq!(
        receiver.lines(),
        [
            "30 opened in 3 stacks, 3 of 3 open, because of api",
            "730 changed in 1 stacks, 3 of 3 open, because of api",
        ]
    );
    let (_, last) = receiver.sent.last().unwrap();
    let Notice::Group(group) = &last.notice else {
        panic!("{last:?}");
    };
    assert_eq!(group.example.news, ["new: aws_x.a"]);
    assert_eq!(last.envelopes.len(), 2);
}

#[test]
fn whoever_had_taken_on_what_came_back_hears_that_nobody_has_it() {
    let known = |alert: &mut AlertNotice| {
        alert.acknowledged = Some(Acknowledgement {
            by: "ann".to_owned(),
            at: second(300),
            until: None,
            reason: None,
        });
    };
    let receiver = back_again(known, |_| {});
    assert_eq!(
        receiver.lines(),
        [
            "30 opened in 3 stacks, 3 of 3 open, because of api",
            "730 changed in 1 stacks, 3 of 3 open, because of api",
        ]
    );
}

#[test]
fn a_cause_that_was_silent_for_long_is_news_again() {
    let mut receiver = Receiver::new(MANNER);
    let minutes = |n: i64| n * 60;
    for alert in 0..20 {
        let at = minutes(10 * i64::from(alert));
        receiver.wait(at - minutes(10), at);
        receiver.at(at, vec![opened(alert, "api", at)]);
    }
    receiver.wait(minutes(190), minutes(600));
    let over = (0..19).map(|alert| {
        let id = 1000 + u128::from(alert);
        news(
            id,
            alert,
            AlertEvent::Resolved,
            "api",
            Severity::High,
            minutes(600),
        )
    });
    receiver.at(minutes(600), over.collect());
    receiver.wait(minutes(600), minutes(1000));
    let before = receiver.sent.len();
    // One is left. Twenty days later others come, over ten minutes.
    let later = minutes(20 * 24 * 60);
    for n in 0..10 {
        let at = later + minutes(n);
        let alert = u8::try_from(50 + n).unwrap();
        let id = 5000 + u128::from(alert);
        let new = news(id, alert, AlertEvent::Opened, "api", Severity::High, at);
        receiver.at(at, vec![new]);
        receiver.wait(at, at + 60);
    }
    receiver.wait(later + minutes(10), later + minutes(60));
    let lines = receiver.lines().split_off(before);
    assert_eq!(
        lines,
        [
            "1728030 opened in 1 stacks, 2 of 21 open, because of api",
            "1728330 opened in 5 stacks, 7 of 26 open, because of api",
            "1728930 opened in 4 stacks, 11 of 30 open, because of api",
        ]
    );
}

#[test]
fn a_limit_is_kept_and_says_what_it_left_out() {
    let mut receiver = Receiver::new(Manner {
        limit: Some(Limit {
            messages: 3,
            within: SignedDuration::from_hours(1),
        }),
        ..MANNER
    });
    receiver.at(0, (0..10).map(|alert| opened(alert, "", 0)).collect());
    receiver.at(
        60,
        vec![
            opened(10, "", 60),
            news(99, 11, AlertEvent::Opened, "", Severity::Critical, 60),
        ],
    );
    receiver.wait(60, 3700);
    assert_eq!(
        receiver.lines(),
        [
            "0 opened infra/0",
            "0 opened infra/1",
            "0 RateLimit: opened infra/2, opened infra/3, opened infra/4, opened infra/5, \
             opened infra/6, opened infra/7, opened infra/8, opened infra/9; 0 came and went",
            "60 opened infra/11",
            "3600 opened infra/10",
        ]
    );
}

#[test]
fn a_machine_gets_each_piece_at_once() {
    let mut receiver = Receiver::new(Manner {
        each: true,
        ..MANNER
    });
    receiver.at(0, (0..5).map(|alert| opened(alert, "api", 0)).collect());
    assert_eq!(receiver.sent.len(), 5);
}

#[test]
fn repairs_that_are_alike_are_one_message_from_three_on() {
    let mut receiver = Receiver::new(MANNER);
    for n in 0..20 {
        let at = i64::from(n);
        receiver.at(at, vec![repaired(n, "delay_seconds", Vec::new(), at)]);
    }
    receiver.at(20, vec![repaired(20, "policy", Vec::new(), 20)]);
    receiver.wait(20, 100);
    // Two, long after.
    let later = 5 * 3600;
    receiver.at(
        later,
        vec![
            repaired(30, "delay_seconds", Vec::new(), later),
            repaired(31, "delay_seconds", Vec::new(), later),
        ],
    );
    receiver.wait(later, later + 100);
    assert_eq!(
        receiver.lines(),
        [
            "30 repaired 20 stacks, first infra/0: delay_seconds of aws_sqs_queue",
            "50 repaired infra/20",
            "18030 repaired infra/30",
            "18030 repaired infra/31",
        ]
    );
}

#[test]
fn a_repair_that_is_made_in_stack_after_stack_is_a_few_messages() {
    let mut receiver = Receiver::new(MANNER);
    for n in 0..40 {
        let at = i64::from(n) * 40;
        receiver.wait(at - 30, at);
        receiver.at(at, vec![repaired(n, "delay_seconds", Vec::new(), at)]);
    }
    receiver.wait(1560, 9000);
    assert_eq!(
        receiver.lines(),
        [
            "30 repaired infra/0",
            "70 repaired infra/1",
            "110 repaired infra/2",
            "410 repaired 8 stacks, first infra/10: delay_seconds of aws_sqs_queue",
            "1010 repaired 15 stacks, first infra/11: delay_seconds of aws_sqs_queue",
            "2210 repaired 14 stacks, first infra/26: delay_seconds of aws_sqs_queue",
        ]
    );
}

#[test]
fn a_repair_after_which_something_is_left_is_told_by_itself_and_at_once() {
    let mut receiver = Receiver::new(MANNER);
    let left = || vec![testing::drift("aws_sqs_queue.jobs", "policy", "x")];
    let mut all: Vec<Envelope> = (0..3)
        .map(|n| repaired(n, "delay_seconds", Vec::new(), 0))
        .collect();
    all.push(repaired(3, "delay_seconds", left(), 0));
    receiver.at(0, all);
    receiver.wait(0, 100);
    assert_eq!(
        receiver.lines(),
        [
            "0 repaired infra/3",
            "30 repaired 3 stacks, first infra/0: delay_seconds of aws_sqs_queue",
        ]
    );
}

#[test]
fn repairs_of_the_night_are_a_line_if_they_are_alike() {
    let mut receiver = Receiver::new(Manner {
        quiet: Some(night()),
        ..MANNER
    });
    let mut all: Vec<Envelope> = (0..3)
        .map(|n| repaired(n, "delay_seconds", Vec::new(), 3600))
        .collect();
    all.push(repaired(3, "policy", Vec::new(), 3600));
    receiver.at(3600, all);
    receiver.at(7 * 3600, Vec::new());
    assert_eq!(
        receiver.lines(),
        [
            "25200 QuietHours: repaired 3 stacks: delay_seconds of aws_sqs_queue, \
             repaired infra/3; 0 came and went",
        ]
    );
}

/// Lives of alerts: (whether it comes back each time, cause, severity, seconds between its events).
fn lives() -> impl Strategy<Value = Vec<(bool, u8, bool, Vec<i64>)>> {
    proptest::collection::vec(
        (
            any::<bool>(),
            0_u8..3,
            any::<bool>(),
            proptest::collection::vec(1_i64..900, 2..5),
        ),
        1..25,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(lives in lives(), quiet in any::<bool>(), limit in proptest::option::of(1_usize..6)) {
        let mut manner = MANNER;
        if quiet {
            manner.quiet = Some(Hours { days: Vec::new(), from: time(0, 5, 0, 0), to: time(0, 20, 0, 0), zone: TimeZone::UTC });
        }
        manner.limit = limit.map(|messages| Limit { messages, within: SignedDuration::from_mins(10) });
        let mut all = Vec::new();
        for (alert, (returns, cause, grave, pauses)) in lives.iter().enumerate() {
            let alert = u8::try_from(alert).unwrap();
            let mut at = 0;
            for (n, pause) in pauses.iter().enumerate() {
                at += pause;
                let event = if *returns {
                    if n % 2 == 0 { AlertEvent::Opened } else { AlertEvent::Resolved }
                } else if n == 0 { AlertEvent::Opened } else if n + 1 == pauses.len() { AlertEvent::Resolved } else { AlertEvent::Changed };
                let severity = if *grave { Severity::Critical } else { Severity::Low };
                let cause = if *cause == 0 { String::new() } else { format!("c{cause}") };
                all.push((at, news(0, alert, event, &cause, severity, at)));
            }
        }
        all.sort_by_key(|(at, _)| *at);
        for (n, (_, envelope)) in all.iter_mut().enumerate() {
            envelope.id = EnvelopeId::from_uuid(uuid::Uuid::from_u128(n as u128 + 1));
        }
        let mut receiver = Receiver::new(manner);
        for (at, envelope) in &all {
            receiver.at(*at, vec![envelope.clone()]);
        }
        receiver.wait(3600, 3600 + 24 * 3600);
        prop_assert!(receiver.waiting.is_empty());
        let used: Vec<EnvelopeId> = receiver.sent.iter().flat_map(|(_, m)| m.envelopes.clone()).collect();
        prop_assert_eq!(used.len() + receiver.silent.len(), all.len());
        let mut last: BTreeMap<AlertId, EnvelopeId> = BTreeMap::new();
        for id in &used {
            let (_, envelope) = all.iter().find(|(_, e)| e.id == *id).unwrap();
            let alert = alert_of(&envelope.notice).unwrap().alert;
            prop_assert!(last.insert(alert, *id).is_none_or(|before| before < *id));
        }
        if let Some(limit) = limit {
            for (at, _) in &receiver.sent {
                let few = receiver.sent.iter().filter(|(other, m)| {
                    (at - 599..=*at).contains(other) && m.notice.severity() != Severity::Critical
                });
                prop_assert!(few.count() <= limit);
            }
        }
    }
}
