//! What happens in the week.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::world::{BUCKET, DATABASE, GROUP, QUEUE, Stack, failure};
use super::{Doing, Week};
use crate::domain::failure::FailureKind;
use crate::domain::ids::StackId;
use crate::reconcile::command::Concern;

/// Something that happens: when, in words, and what it does.
pub(super) type Happening = (&'static str, &'static str, Doing);

fn each(
    week: &mut Week,
    area: &str,
    numbers: impl Iterator<Item = u32>,
    does: impl Fn(&mut Stack),
) {
    for n in numbers {
        does(week.stack(&format!("{area}-{n:02}")));
    }
}

fn one(week: &mut Week, dir: &str, does: impl Fn(&mut Stack)) {
    does(week.stack(dir));
}

/// Somebody opens ports to the world, beside the one that is open to the network.
fn opens(stack: &mut Stack, ports: &[u16]) {
    let rule = |port: u16, cidr: &str| json!({"from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": [cidr]});
    let world = ports.iter().map(|port| rule(*port, "0.0.0.0/0"));
    let rules: Vec<_> = std::iter::once(rule(443, "10.0.0.0/8"))
        .chain(world)
        .collect();
    stack.moves(GROUP, "/ingress", rules.into());
}

/// The estate as Mooring finds it, and then the week.
pub(super) fn story() -> Vec<Happening> {
    use Doing::{Acknowledge, Restart, World};
    vec![
        (
            "Mon 00:00",
            "an old estate: tags of 12 legacy buckets and one queue are not as the code says",
            World(|week| {
                each(week, "legacy/old", 1..=12, |s| {
                    s.moves(BUCKET, "/tags/CostCenter", json!("old"))
                });
                one(week, "legacy/old-30", |s| {
                    s.moves(QUEUE, "/visibility_timeout_seconds", json!(45))
                });
            }),
        ),
        (
            "Mon 09:00",
            "the delay of a queue of apps/api-07 is changed by hand; policy calls that safe to repair",
            World(|week| {
                one(week, "apps/api-07", |s| {
                    s.moves(QUEUE, "/delay_seconds", json!(5))
                });
            }),
        ),
        (
            "Mon 10:00",
            "a blip: data/etl-02 is changed at the top of the hour and put back seven minutes after it was seen",
            World(|week| {
                one(week, "data/etl-02", |s| {
                    s.moves(QUEUE, "/visibility_timeout_seconds", json!(60))
                });
                week.put_back_after("data/etl-02", QUEUE, 7);
            }),
        ),
        (
            "Mon 13:00",
            "web/shop-03 is opened to the world on port 22",
            World(|week| {
                one(week, "web/shop-03", |s| opens(s, &[22]));
            }),
        ),
        (
            "Mon 15:30",
            "ann takes web/shop-03 on",
            Acknowledge {
                concern: || Concern::Stack(StackId::new("infra/web/shop-03")),
                by: "ann",
                hours: 20,
            },
        ),
        (
            "Mon 16:00",
            "somebody opens port 3389 as well",
            World(|week| {
                one(week, "web/shop-03", |s| opens(s, &[22, 3389]));
            }),
        ),
        (
            "Mon 17:30",
            "ann takes it on again",
            Acknowledge {
                concern: || Concern::Stack(StackId::new("infra/web/shop-03")),
                by: "ann",
                hours: 20,
            },
        ),
        (
            "Mon 18:00",
            "both ports are closed by hand",
            World(|week| {
                one(week, "web/shop-03", |s| s.put_back(GROUP));
            }),
        ),
        (
            "Mon 23:10",
            "at night: a database of apps/api-11 gets another class by hand",
            World(|week| {
                one(week, "apps/api-11", |s| {
                    s.moves(DATABASE, "/instance_class", json!("db.t4g.large"))
                });
            }),
        ),
        (
            "Mon 23:40",
            "at night: a database of platform/net-09 is made public",
            World(|week| {
                one(week, "platform/net-09", |s| {
                    s.moves(DATABASE, "/publicly_accessible", json!(true))
                });
            }),
        ),
        (
            "Tue 00:45",
            "the database of platform/net-09 is put back",
            World(|week| {
                one(week, "platform/net-09", |s| s.put_back(DATABASE));
            }),
        ),
        (
            "Tue 10:00",
            "the code of apps/api-11 takes the new class over",
            World(|week| {
                one(week, "apps/api-11", |s| {
                    s.code(DATABASE, "/instance_class", json!("db.t4g.large"))
                });
            }),
        ),
        (
            "Tue 11:00",
            "a tag policy of the organisation retags the buckets of 40 stacks",
            World(|week| {
                each(week, "data/etl", 1..=40, |s| {
                    s.moves(BUCKET, "/tags/CostCenter", json!("9000"))
                });
            }),
        ),
        (
            "Tue 11:20",
            "the daemon is killed and started again",
            Restart,
        ),
        (
            "Tue 15:00",
            "code for apps/api-20 is merged and not applied",
            World(|week| {
                one(week, "apps/api-20", |s| {
                    s.code(QUEUE, "/visibility_timeout_seconds", json!(90))
                });
            }),
        ),
        (
            "Wed 08:00",
            "SMTP is down",
            World(|week| {
                week.receivers.smtp_is_down.store(true, Ordering::SeqCst);
            }),
        ),
        (
            "Wed 08:30",
            "the tags of the 40 stacks are merged into the code",
            World(|week| {
                each(week, "data/etl", 1..=40, |s| {
                    s.code(BUCKET, "/tags/CostCenter", json!("9000"))
                });
            }),
        ),
        (
            "Wed 09:00",
            "a database of apps/api-02 is made public",
            World(|week| {
                one(week, "apps/api-02", |s| {
                    s.moves(DATABASE, "/publicly_accessible", json!(true))
                });
            }),
        ),
        (
            "Wed 10:00",
            "the daemon is stopped and started again",
            Restart,
        ),
        (
            "Wed 11:00",
            "the database of apps/api-02 is put back",
            World(|week| {
                one(week, "apps/api-02", |s| s.put_back(DATABASE));
            }),
        ),
        (
            "Wed 14:00",
            "SMTP is up again",
            World(|week| {
                week.receivers.smtp_is_down.store(false, Ordering::SeqCst);
            }),
        ),
        (
            "Wed 18:00",
            "apps/api-20 is applied",
            World(|week| {
                one(week, "apps/api-20", Stack::apply);
            }),
        ),
        (
            "Thu 02:00",
            "the credentials of all 40 platform stacks expire",
            World(|week| {
                each(week, "platform/net", 1..=40, |s| {
                    s.failing = Some(failure(
                        FailureKind::CredentialsRefused,
                        "ExpiredToken: The security token included in the request is expired",
                        "renew the credentials of Mooring for this account",
                    ))
                });
            }),
        ),
        (
            "Thu 08:15",
            "they are renewed",
            World(|week| {
                each(week, "platform/net", 1..=40, |s| s.failing = None);
            }),
        ),
        (
            "Thu 09:00",
            "something writes the queue of data/etl-05 every four hours, and somebody puts it back each time",
            World(|week| {
                for n in 0..6 {
                    week.flap("data/etl-05", QUEUE, n);
                }
            }),
        ),
        (
            "Thu 12:00",
            "Slack is down",
            World(|week| {
                week.receivers.slack_is_down.store(true, Ordering::SeqCst);
            }),
        ),
        (
            "Thu 13:00",
            "a database of web/shop-15 is made public",
            World(|week| {
                one(week, "web/shop-15", |s| {
                    s.moves(DATABASE, "/publicly_accessible", json!(true))
                });
            }),
        ),
        (
            "Thu 13:40",
            "the daemon is killed and started again",
            Restart,
        ),
        (
            "Thu 16:00",
            "Slack is up again",
            World(|week| {
                week.receivers.slack_is_down.store(false, Ordering::SeqCst);
            }),
        ),
        (
            "Thu 17:00",
            "the database of web/shop-15 is put back",
            World(|week| {
                one(week, "web/shop-15", |s| s.put_back(DATABASE));
            }),
        ),
        (
            "Fri 09:00",
            "Git cannot be reached",
            World(|week| week.git_is_down(true)),
        ),
        (
            "Fri 10:00",
            "Git is back",
            World(|week| week.git_is_down(false)),
        ),
        (
            "Fri 11:00",
            "a repair is contested: something writes the delay of a queue of apps/api-09 again and again",
            World(|week| {
                for hours in [0, 2] {
                    week.later(hours * 60, |week| {
                        one(week, "apps/api-09", |s| {
                            s.moves(QUEUE, "/delay_seconds", json!(7))
                        });
                    });
                }
            }),
        ),
        (
            "Fri 15:00",
            "a script changes the delay of the queues of 30 stacks of web/shop; policy calls that safe to repair",
            World(|week| {
                each(week, "web/shop", 1..=30, |s| {
                    s.moves(QUEUE, "/delay_seconds", json!(3))
                });
            }),
        ),
        (
            "Sat 06:00",
            "the engine of legacy/old-40 hangs: it is not looked at any more",
            World(|week| {
                one(week, "legacy/old-40", |s| s.stuck = true);
            }),
        ),
        (
            "Sun 12:00",
            "legacy/old-40 is looked at again",
            World(|week| {
                one(week, "legacy/old-40", |s| s.stuck = false);
            }),
        ),
    ]
}
