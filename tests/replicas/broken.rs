//! Replicas that are broken on purpose, and what must hold all the same.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::commands::now;
use super::copies;
use super::deck::{Dice, Trouble, Victim, deck};
use super::estate::{Estate, STACKS};
use super::machine::Machine;
use super::network::Network;
use super::site::Site;
use super::verdict;

const REPLICAS: usize = 3;
/// After this nothing is put off any more.
const ROUND: Duration = Duration::from_secs(75);
/// Once all is well every stack is looked at within its schedule, which is a minute, what is queued
/// before it, and the time until another one leads; and what is found there is repaired. On a machine
/// that is too busy for that it takes longer.
const WELL_AGAIN: Duration = Duration::from_secs(300);

#[test]
fn whatever_breaks_nothing_is_applied_twice_lost_or_told_wrongly() {
    breaks_processes(
        "whatever_breaks_nothing_is_applied_twice_lost_or_told_wrongly",
        1,
    );
}

#[test]
fn whatever_breaks_in_another_order_nothing_is_applied_twice_lost_or_told_wrongly() {
    breaks_processes(
        "whatever_breaks_in_another_order_nothing_is_applied_twice_lost_or_told_wrongly",
        2,
    );
}

fn breaks_processes(test: &str, seed: u64) {
    if let Some(machine) = Machine::start(&format!("replicas::broken::{test}")) {
        breaks(machine, seed, 1);
    }
}

#[test]
#[ignore = "takes as long as one likes; tests/replicas/soak.sh runs it"]
fn soak() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|number| number.parse().unwrap())
    };
    let seed = number("MOORING_BROKEN_SEED").unwrap_or_else(now);
    let rounds = number("MOORING_BROKEN_ROUNDS").unwrap_or(1);
    let site = if std::env::var_os("MOORING_BROKEN_CONTAINERS").is_some() {
        Network::start("soak")
    } else {
        Machine::start("soak")
    };
    breaks(site.unwrap(), seed, usize::try_from(rounds).unwrap());
}

#[test]
fn what_people_were_asked_stays_asked_when_another_replica_leads() {
    let test = "replicas::broken::what_people_were_asked_stays_asked_when_another_replica_leads";
    let Some(machine) = Machine::start(test) else {
        return;
    };
    let mut dice = Dice::of(1);
    let mut estate = Estate::start(machine, 2, &mut dice);
    assert_eq!(well_again(&mut estate, &mut dice), [""; 0]);
    estate.votes = false;
    estate.drifts(&["ask0"]);
    let asked = "requests WHERE stack = 'infra/ask0'";
    until(&mut estate, &mut dice, |estate| estate.count(asked) == 1);
    let leader = "SELECT home FROM replicas JOIN leadership ON number = replica";
    let home = estate.rows(leader)[0]["home"].clone();
    let since = i64::try_from(now() / 1000).unwrap();
    assert!(estate.breaks(Trouble::Terminated, Victim::Leader, &mut dice));
    let looked = format!(
        "runs WHERE stack = 'infra/ask0' AND state = 'finished' AND queued_at > {since} \
         AND lease::json->>'home' <> '{}'",
        home.as_str().unwrap()
    );
    until(&mut estate, &mut dice, |estate| estate.count(&looked) > 0);
    assert_eq!(estate.count(asked), 1);
}

fn until(estate: &mut Estate, dice: &mut Dice, holds: impl Fn(&Estate) -> bool) {
    let deadline = Instant::now() + WELL_AGAIN;
    while !holds(estate) {
        assert!(Instant::now() < deadline, "{}", estate.story.join("\n"));
        estate.pass(dice, false);
    }
}

/// In each round everything breaks once, then all is well again and it is judged what happened.
pub(super) fn breaks(site: Box<dyn Site>, seed: u64, rounds: usize) {
    eprintln!("seed {seed}, rounds {rounds}");
    let mut dice = Dice::of(seed);
    let again = format!(
        "{}MOORING_BROKEN_SEED={seed} MOORING_BROKEN_ROUNDS={rounds} tests/replicas/soak.sh",
        site.told_soak()
    );
    let mut estate = Estate::start(site, REPLICAS, &mut dice);
    let mut wrong = well_again(&mut estate, &mut dice);
    for round in 0..rounds {
        if !wrong.is_empty() {
            break;
        }
        estate.tell(&format!("round {round}"));
        let mut cards = VecDeque::from(deck(&mut dice));
        cards.retain(|card| card.trouble != Trouble::DiskFull || estate.has_small_disk());
        let enough = Instant::now() + ROUND;
        while let Some(card) = cards.pop_front() {
            let next = Instant::now() + card.pause;
            while Instant::now() < next {
                estate.pass(&mut dice, true);
            }
            let broke = estate.breaks(card.trouble, card.victim, &mut dice);
            // Who is in trouble already is not troubled more: somebody is later.
            if !broke && Instant::now() < enough {
                cards.push_back(card);
            }
        }
        while !estate.is_well() {
            estate.pass(&mut dice, true);
        }
        estate.tell("all is well again");
        wrong = well_again(&mut estate, &mut dice);
        wrong.extend(verdict::of(&estate));
        if estate.shares_a_store() {
            wrong.extend(copies::of(&estate));
        }
        estate.resume();
    }
    if !wrong.is_empty() {
        estate.keep();
        panic!(
            "seed {seed}, round by round:\n{}\n\nwrong:\n{}\n\nin {}\nagain: {again}",
            estate.story.join("\n"),
            wrong.join("\n"),
            estate.path().display()
        );
    }
    eprintln!("{}", verdict::counted(&estate));
}

/// Waits until everything is as it should be; says what is not, if that takes too long.
fn well_again(estate: &mut Estate, dice: &mut Dice) -> Vec<String> {
    let (since, deadline) = (now(), Instant::now() + WELL_AGAIN);
    loop {
        for _ in 0..5 {
            estate.pass(dice, false);
        }
        match unsettled(estate, since) {
            None => return Vec::new(),
            Some(what) if Instant::now() > deadline => {
                return vec![format!("{WELL_AGAIN:?} after all was well: {what}")];
            }
            Some(_) => {}
        }
    }
}

/// What is not as it should be yet.
fn unsettled(estate: &Estate, since: u64) -> Option<String> {
    if !estate.is_well() {
        return Some("a replica is gone".to_owned());
    }
    let commands = estate.commands();
    let is_looked_at = |stack: &&&str| {
        let mut plans = commands.iter().filter(|command| command.name == "plan");
        plans.any(|plan| plan.stack == **stack && plan.began >= since && plan.ended.is_some())
    };
    if let Some(stack) = STACKS.iter().find(|stack| !is_looked_at(stack)) {
        return Some(format!("{stack} was not looked at"));
    }
    // What its schedule has begun since then is under way at any time.
    let before = since / 1000;
    let open = format!("runs.state NOT IN ('finished', 'interrupted') AND queued_at < {before}");
    let nothing = [
        &format!("runs WHERE {open}"),
        &format!("handed JOIN runs ON runs.id = handed.run WHERE queued_at < {before}"),
        "envelopes",
        "messages WHERE state = 'waiting'",
    ];
    for from in nothing {
        let count = estate.count(from);
        if count > 0 {
            return Some(format!("{count} of {from}"));
        }
    }
    let records = estate.rows(
        "SELECT id, record::json->>'held' AS held, record::json->'last'->>'verdict' AS verdict FROM stacks",
    );
    STACKS.iter().find_map(|stack| {
        let Some(record) = records
            .iter()
            .find(|record| record["id"] == format!("infra/{stack}"))
        else {
            return Some(format!("{stack} is not known"));
        };
        let drifted = estate.path().join("drifted").join(stack).exists();
        let well = record["held"].is_string() || (!drifted && record["verdict"] == "in_sync");
        (!well).then(|| format!("{stack} drifted: {drifted}, {record}"))
    })
}
