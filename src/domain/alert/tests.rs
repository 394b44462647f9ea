use proptest::prelude::*;

use super::*;

const AT_ONCE: Timing = Timing {
    persist: SignedDuration::ZERO,
    looks: 1,
    remind: None,
    escalate: None,
};

fn hours(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn trouble(parts: &[(&str, &str)], severity: Severity) -> Trouble {
    let parts: BTreeMap<String, String> = parts
        .iter()
        .map(|&(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect();
    Trouble {
        content: format!("{parts:?}"),
        severity,
        parts,
        cause: None,
    }
}

fn drift() -> Trouble {
    trouble(&[("a", "1")], Severity::High)
}

/// One alert over time, as a daemon would keep it.
#[derive(Default)]
struct Life(Option<Alert>);

impl Life {
    fn look(&mut self, sight: &Sight, timing: &Timing, now: Timestamp) -> Option<AlertEvent> {
        let stack = StackId::new("s");
        let subject = (&stack, AlertKind::Drift);
        let id = AlertId::from_uuid(uuid::Uuid::nil());
        let (alert, event) = advance(self.0.clone(), sight, subject, timing, id, now)?;
        self.0 = Some(alert);
        event
    }

    fn tick(&mut self, timing: &Timing, now: Timestamp) -> Option<AlertEvent> {
        let (alert, event) = tick(self.0.clone()?, timing, now)?;
        self.0 = Some(alert);
        Some(event)
    }

    fn acknowledge(&mut self, until: Option<Timestamp>, now: Timestamp) {
        let acknowledgement = Acknowledgement {
            by: "kim".to_owned(),
            at: now,
            until,
            reason: None,
        };
        let (alert, _) = self.0.clone().unwrap().acknowledge(acknowledgement);
        self.0 = Some(alert);
    }
}

#[test]
fn a_trouble_that_does_not_stay_is_no_news() {
    let timing = Timing {
        persist: SignedDuration::from_hours(2),
        ..AT_ONCE
    };
    let mut life = Life::default();
    let present = Sight::Present(drift());
    assert_eq!(life.look(&present, &timing, hours(0)), None);
    assert_eq!(life.tick(&timing, hours(1)), None);
    let over = Sight::Absent(Resolution::PutBack);
    assert_eq!(life.look(&over, &timing, hours(1)), None);
    assert!(life.0.as_ref().unwrap().is_over());
    assert_eq!(life.look(&present, &timing, hours(3)), None);
    assert_eq!(life.tick(&timing, hours(5)), None, "a look comes first");
    assert_eq!(
        life.look(&present, &timing, hours(5)),
        Some(AlertEvent::Opened)
    );
    assert_eq!(
        life.look(&over, &timing, hours(6)),
        Some(AlertEvent::Resolved)
    );
}

#[test]
fn a_trouble_that_nobody_looks_at_again_is_told_all_the_same() {
    let timing = Timing {
        persist: SignedDuration::from_hours(2),
        ..AT_ONCE
    };
    let mut life = Life::default();
    assert_eq!(life.look(&Sight::Present(drift()), &timing, hours(0)), None);
    assert_eq!(life.0.as_ref().unwrap().opens_at(&timing), Some(hours(2)));
    let unseen = hours(2) + TOLD_UNSEEN_AFTER;
    assert_eq!(
        life.tick(&timing, unseen - SignedDuration::from_secs(1)),
        None
    );
    assert_eq!(life.tick(&timing, unseen), Some(AlertEvent::Opened));
}

#[test]
fn a_failure_is_told_after_so_many_looks() {
    let timing = Timing {
        looks: 3,
        ..AT_ONCE
    };
    let mut life = Life::default();
    let present = Sight::Present(drift());
    assert_eq!(life.look(&present, &timing, hours(0)), None);
    assert_eq!(life.tick(&timing, hours(100)), None);
    assert_eq!(life.look(&present, &timing, hours(1)), None);
    assert_eq!(
        life.look(&present, &timing, hours(2)),
        Some(AlertEvent::Opened)
    );
    assert_eq!(life.look(&present, &timing, hours(3)), None);
}

#[test]
fn people_are_reminded_and_others_told_until_somebody_takes_it_on() {
    let timing = Timing {
        remind: Some(SignedDuration::from_hours(4)),
        escalate: Some(SignedDuration::from_hours(1)),
        ..AT_ONCE
    };
    let mut life = Life::default();
    let present = Sight::Present(drift());
    assert_eq!(
        life.look(&present, &timing, hours(0)),
        Some(AlertEvent::Opened)
    );
    assert_eq!(life.tick(&timing, hours(1)), Some(AlertEvent::Escalated));
    assert_eq!(life.tick(&timing, hours(2)), None);
    assert_eq!(life.tick(&timing, hours(5)), Some(AlertEvent::Reminded));
    life.acknowledge(Some(hours(20)), hours(6));
    assert_eq!(life.tick(&timing, hours(19)), None);
    assert_eq!(life.tick(&timing, hours(20)), Some(AlertEvent::Reminded));
    life.acknowledge(None, hours(21));
    assert_eq!(life.tick(&timing, hours(1000)), None);
}

#[test]
fn an_acknowledgement_holds_until_the_trouble_grows() {
    let mut life = Life::default();
    life.look(
        &Sight::Present(trouble(&[("a", "1"), ("b", "1")], Severity::Low)),
        &AT_ONCE,
        hours(0),
    );
    life.acknowledge(None, hours(1));
    let smaller = Sight::Present(trouble(&[("a", "1")], Severity::Low));
    assert_eq!(life.look(&smaller, &AT_ONCE, hours(2)), None);
    assert!(life.0.as_ref().unwrap().acknowledged.is_some());
    let grown = Sight::Present(trouble(&[("a", "1"), ("c", "1")], Severity::Low));
    assert_eq!(
        life.look(&grown, &AT_ONCE, hours(3)),
        Some(AlertEvent::Changed)
    );
    assert!(life.0.as_ref().unwrap().acknowledged.is_none());
}

#[test]
fn what_comes_and_goes_is_told_over_only_when_it_stays_away() {
    let mut life = Life::default();
    let (present, over) = (Sight::Present(drift()), Sight::Absent(Resolution::PutBack));
    let mut told = Vec::new();
    for hour in 0..20 {
        let sight = if hour % 2 == 0 { &present } else { &over };
        told.extend(life.look(sight, &AT_ONCE, hours(hour)));
        told.extend(life.tick(&AT_ONCE, hours(hour)));
    }
    use AlertEvent::{Opened, Resolved};
    assert_eq!(told, [Opened, Resolved, Opened, Resolved, Opened]);
    assert_eq!(life.tick(&AT_ONCE, hours(24)), None);
    assert_eq!(life.tick(&AT_ONCE, hours(25)), Some(Resolved));
    let first = life.0.clone().unwrap();
    assert_eq!(life.look(&present, &AT_ONCE, hours(100)), Some(Opened));
    assert!(life.0.unwrap().returns.is_empty() && first.comes_and_goes(hours(20)));
}

#[test]
fn others_are_called_when_nobody_had_it_for_long_enough() {
    let timing = Timing {
        escalate: Some(SignedDuration::from_hours(1)),
        ..AT_ONCE
    };
    let mut life = Life::default();
    let present = |parts: &[(&str, &str)]| Sight::Present(trouble(parts, Severity::High));
    life.look(&present(&[("a", "1")]), &timing, hours(0));
    life.acknowledge(None, hours(0));
    // It grows long after it was opened: whoever had it has an hour again.
    let grown = present(&[("a", "1"), ("b", "1")]);
    let event = life.look(&grown, &timing, hours(5));
    assert_eq!(event, Some(AlertEvent::Changed));
    assert_eq!(life.tick(&timing, hours(5)), None);
    assert_eq!(life.tick(&timing, hours(6)), Some(AlertEvent::Escalated));

    let mut life = Life::default();
    life.look(&present(&[("a", "1")]), &timing, hours(0));
    life.acknowledge(Some(hours(3)), hours(0));
    assert_eq!(life.tick(&timing, hours(3)), Some(AlertEvent::Reminded));
    assert_eq!(life.tick(&timing, hours(3)), None);
    assert_eq!(life.tick(&timing, hours(4)), Some(AlertEvent::Escalated));
}

#[test]
fn what_is_young_is_not_called_for_along_with_others() {
    let timing = Timing {
        escalate: Some(SignedDuration::from_hours(4)),
        remind: Some(SignedDuration::from_hours(24)),
        ..AT_ONCE
    };
    let mut life = Life::default();
    life.look(&Sight::Present(drift()), &timing, hours(0));
    let alert = life.0.unwrap();
    let joins = |event, hour| along(alert.clone(), event, &timing, hours(hour)).is_some();
    assert!(!joins(AlertEvent::Escalated, 1) && joins(AlertEvent::Escalated, 2));
    assert!(!joins(AlertEvent::Reminded, 11) && joins(AlertEvent::Reminded, 12));
    assert!(!joins(AlertEvent::Changed, 30));
}

#[test]
fn what_is_new_is_said() {
    let before = trouble(&[("a", "1"), ("b", "1"), ("c", "1")], Severity::Low);
    let now = trouble(&[("a", "2"), ("c", "1"), ("d", "1")], Severity::Low);
    assert_eq!(
        news(&before.parts, &now.parts),
        ["changed: a", "new: d", "no longer: b"]
    );
}

fn sight() -> impl Strategy<Value = Sight> {
    prop_oneof![
        4 => (0u8..3).prop_map(|n| Sight::Present(trouble(&[("a", &n.to_string())], Severity::High))),
        3 => Just(Sight::Absent(Resolution::PutBack)),
        1 => Just(Sight::Unseen),
    ]
}

proptest! {
    #[test]
    fn a_look_speaks_of_changed_content_only(
        sights in proptest::collection::vec((sight(), 1_i64..40), 0..60),
        persist in 0_i64..3,
    ) {
        let timing = Timing { persist: SignedDuration::from_hours(persist), ..AT_ONCE };
        let (mut life, mut now) = (Life::default(), 0);
        let mut told: Option<String> = None;
        for (sight, pause) in sights {
            now += pause;
            for step in 0..2 {
                let event = if step == 0 {
                    life.tick(&timing, hours(now))
                } else {
                    life.look(&sight, &timing, hours(now))
                };
                let Some(event) = event else { continue };
                let alert = life.0.as_ref().unwrap();
                match event {
                    AlertEvent::Opened => prop_assert!(told.is_none()),
                    AlertEvent::Changed => prop_assert_ne!(told.as_ref(), Some(&alert.trouble.content)),
                    AlertEvent::Resolved => prop_assert!(told.is_some()),
                    _ => prop_assert!(false, "nobody asked for {event:?}"),
                }
                told = (event != AlertEvent::Resolved).then(|| alert.trouble.content.clone());
            }
            if let (Sight::Present(trouble), Some(told)) = (&sight, &told) {
                prop_assert_eq!(told, &trouble.content);
            }
        }
    }

    #[test]
    fn time_alone_never_opens_what_is_over_and_always_ends_waiting(
        waits in proptest::collection::vec(1_i64..100, 1..40),
        remind in proptest::option::of(1_i64..50),
        escalate in proptest::option::of(1_i64..50),
    ) {
        let timing = Timing {
            remind: remind.map(SignedDuration::from_hours),
            escalate: escalate.map(SignedDuration::from_hours),
            ..AT_ONCE
        };
        let mut life = Life::default();
        life.look(&Sight::Present(drift()), &timing, hours(0));
        let (mut now, mut escalations) = (0, 0);
        for wait in waits {
            now += wait;
            while let Some(event) = life.tick(&timing, hours(now)) {
                escalations += usize::from(event == AlertEvent::Escalated);
                let next = life.0.as_ref().unwrap().next_tick(&timing);
                prop_assert!(next.is_none_or(|next| next > hours(now)) || escalations == 0
                    || event == AlertEvent::Escalated || event == AlertEvent::Reminded);
            }
            prop_assert!(escalations <= 1);
            let next = life.0.as_ref().unwrap().next_tick(&timing);
            prop_assert!(next.is_none_or(|next| next > hours(now)));
        }
    }
}
