//! What really happened, and what the daemons have recorded and told of it, held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::commands::Command;
use super::estate::{Estate, Life, SOURCE, STACKS};

/// A process that has learned that it is fenced is seen to have so much later, in nanoseconds.
const SEEN_LATE: u64 = 1_000_000_000;
/// Clocks are read one after another, in microseconds.
const COARSE: i64 = 50_000;

/// An apply that really began, and the run that it belongs to.
struct Apply<'a> {
    command: &'a Command,
    run: &'a Value,
}

/// Everything that is wrong.
pub(super) fn of(estate: &Estate) -> Vec<String> {
    let commands = estate.commands();
    let applies: Vec<&Command> = commands.iter().filter(|c| c.name == "apply").collect();
    let runs = estate.rows(
        "SELECT runs.id, runs.stack, runs.state, runs.outcome, runs.lease::json->>'home' AS home, \
         intents.decided_at, intents.approver FROM intents JOIN runs ON runs.id = intents.run \
         ORDER BY intents.decided_at",
    );
    let mut wrong = Vec::new();
    let applies = intended(estate, &applies, &runs, &mut wrong);
    one_at_a_time(estate, &applies, &mut wrong);
    approved(&runs, &mut wrong);
    lives(estate, &applies, &mut wrong);
    recorded(estate, &applies, &mut wrong);
    interrupted(estate, &mut wrong);
    told(estate, &mut wrong);
    if let Err(error) = estate.audit() {
        wrong.push(format!("the audit log: {error}"));
    }
    wrong
}

/// How much of everything there was, so that it is seen that something was.
pub(super) fn counted(estate: &Estate) -> String {
    let commands = estate.commands();
    let count = |name| {
        commands
            .iter()
            .filter(|command| command.name == name)
            .count()
    };
    format!(
        "{} plans, {} applies, {} interrupted, {} messages, {} processes, {} of them fenced",
        count("plan"),
        count("apply"),
        estate.count("runs WHERE state = 'interrupted'"),
        estate.receiver.received().len(),
        estate.lives.len(),
        estate
            .lives
            .iter()
            .filter(|life| life.fenced.is_some())
            .count(),
    )
}

/// No apply without an intent that was recorded before.
fn intended<'a>(
    estate: &Estate,
    applies: &[&'a Command],
    runs: &'a [Value],
    wrong: &mut Vec<String>,
) -> Vec<Apply<'a>> {
    let mut free: Vec<&Value> = runs.iter().collect();
    let mut found = Vec::new();
    for command in applies {
        let began = i64::try_from(command.began / 1000).unwrap();
        let fits = |run: &&Value| {
            let decided = estate.unskewed(&command.replica, run["decided_at"].as_i64().unwrap());
            run["stack"] == format!("infra/{}", command.stack)
                && estate.at_home(run["home"].as_str().unwrap()) == Some(&command.replica)
                && decided <= began + COARSE
        };
        match free.iter().rposition(fits) {
            Some(at) => found.push(Apply {
                command,
                run: free.remove(at),
            }),
            None => wrong.push(format!("an apply without an intent: {command:?}")),
        }
    }
    found
}

/// Never two applies of one stack at once, unless a person let it go on in between.
fn one_at_a_time(estate: &Estate, applies: &[Apply<'_>], wrong: &mut Vec<String>) {
    for (at, first) in applies.iter().enumerate() {
        for second in &applies[at + 1..] {
            let (a, b) = (first.command, second.command);
            let is_resumed = |(stack, when): &(String, u64)| {
                let decided = |apply: &Apply<'_>| {
                    let replica = &apply.command.replica;
                    let at = apply.run["decided_at"].as_i64().unwrap();
                    u64::try_from(estate.unskewed(replica, at)).unwrap() * 1000
                };
                let first = decided(first).min(decided(second));
                *stack == a.stack && first < *when && *when < b.began
            };
            if a.stack == b.stack && a.spans(b.began) && !estate.resumed.iter().any(is_resumed) {
                wrong.push(format!("two applies at once: {a:?} and {b:?}"));
            }
        }
    }
}

/// Where people are to be asked, they were, and each yes was good for one apply.
fn approved(runs: &[Value], wrong: &mut Vec<String>) {
    let mut used = BTreeSet::new();
    for run in runs {
        let approver = run["approver"].as_str().unwrap();
        let asks = run["stack"].as_str().unwrap().contains("ask");
        if asks != approver.contains("request") {
            wrong.push(format!("approved by the wrong ones: {run}"));
        }
        if asks && !used.insert(approver) {
            wrong.push(format!("approved once and used twice: {run}"));
        }
    }
}

/// A process ends when it is killed, asked to, or fenced; and one that is fenced ends with an error,
/// and begins no apply before that.
fn lives(estate: &Estate, applies: &[Apply<'_>], wrong: &mut Vec<String>) {
    for life in &estate.lives {
        let Some((ended, status)) = life.ended else {
            if life.fenced.is_some() {
                wrong.push(format!("fenced, and there still: {life:?}"));
            }
            continue;
        };
        let came_too_early = life.last_words.contains("cannot use the database: ");
        let expected = life.killed.is_some() || life.terminated || life.fenced.is_some();
        if !expected && !came_too_early {
            wrong.push(format!(
                "{} ended by itself, {status}:\n{}",
                life.replica, life.last_words
            ));
        }
        let Some(fenced) = life.fenced else {
            if life.terminated && life.killed.is_none() && !status.success() {
                wrong.push(format!(
                    "{} was asked to end: {status}:\n{}",
                    life.replica, life.last_words
                ));
            }
            continue;
        };
        if status.success() {
            wrong.push(format!("fenced, and ended as if nothing was: {life:?}"));
        }
        let late = |apply: &&Apply<'_>| {
            let command = apply.command;
            command.replica == life.replica && (fenced + SEEN_LATE..ended).contains(&command.began)
        };
        for apply in applies.iter().filter(late) {
            wrong.push(format!("fenced, and began {:?}", apply.command));
        }
    }
}

/// A run that was cut off in its apply is interrupted; one that is finished has had its apply's end.
fn recorded(estate: &Estate, applies: &[Apply<'_>], wrong: &mut Vec<String>) {
    for Apply { command, run } in applies {
        let cut_off = |life: &Life| {
            life.replica == command.replica
                && life
                    .killed
                    .is_some_and(|killed| life.began < command.began && command.spans(killed))
        };
        let state = run["state"].as_str().unwrap();
        if estate.lives.iter().any(cut_off) && state != "interrupted" {
            wrong.push(format!("cut off and not interrupted: {command:?}, {run}"));
        }
        if state == "finished" && command.ended.is_none() {
            wrong.push(format!("finished before its end: {command:?}, {run}"));
        }
    }
}

/// What an interrupted run leaves is held until a person lets it go on, and people are told.
fn interrupted(estate: &Estate, wrong: &mut Vec<String>) {
    let runs = estate.rows("SELECT id, stack FROM runs WHERE state = 'interrupted'");
    let held = estate.rows("SELECT id FROM stacks WHERE record::json->>'held' IS NOT NULL");
    let received = estate.receiver.received();
    for run in &runs {
        let stack = run["stack"].as_str().unwrap();
        let is_held = held.iter().any(|record| record["id"] == stack);
        let is_resumed = estate
            .resumed
            .iter()
            .any(|(name, _)| stack.ends_with(name.as_str()));
        if !is_held && !is_resumed {
            wrong.push(format!("interrupted and not held: {run}"));
        }
        let told = received
            .iter()
            .any(|message| message.data["stack"] == stack && message.data["kind"] == "apply");
        if !told {
            wrong.push(format!("interrupted and nobody was told: {run}"));
        }
    }
    // With a full disk nobody can look whether an apply has done what it should.
    let unseen = estate.rows(
        "SELECT stack FROM runs JOIN intents ON runs.id = intents.run \
         WHERE state = 'finished' AND outcome LIKE '%partly_repaired%'",
    );
    let unheard = |record: &&Value| {
        let mut reasons = runs.iter().chain(&unseen);
        !reasons.any(|run| run["stack"] == record["id"])
    };
    for record in held.iter().filter(unheard) {
        wrong.push(format!("held without a reason: {record}"));
    }
}

/// Every message has come; twice only if its sender was lost before it could record that it had.
fn told(estate: &Estate, wrong: &mut Vec<String>) {
    let mut came: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let received = estate.receiver.received();
    for message in &received {
        came.entry(message.id.clone()).or_default().push(message.at);
    }
    for message in estate.rows("SELECT id, state, last_error FROM messages") {
        if !came.contains_key(message["id"].as_str().unwrap()) {
            wrong.push(format!("a message that never came: {message}"));
        }
    }
    for alert in estate.rows("SELECT id, stack, kind FROM alerts WHERE told = 1") {
        if !received
            .iter()
            .any(|message| message.data["alert"] == alert["id"])
        {
            wrong.push(format!("an alert of which nobody was told: {alert}"));
        }
    }
    for (id, times) in came.iter().filter(|(_, times)| times.len() > 1) {
        let (first, last) = (times[0], times[times.len() - 1]);
        let lost = |life: &Life| {
            life.killed
                .is_some_and(|killed| (first..last).contains(&killed))
                || life
                    .fenced
                    .is_some_and(|fenced| fenced >= first && life.began < first)
        };
        if !estate.lives.iter().any(lost) {
            wrong.push(format!("a message that came {} times: {id}", times.len()));
        }
    }
    // A source that cannot be read, as with a full disk, is a trouble of its own.
    let is_known = |stack: &str| {
        stack == SOURCE
            || STACKS
                .iter()
                .any(|known| stack == format!("{SOURCE}/{known}"))
    };
    let stacks = received
        .iter()
        .filter_map(|message| message.data["stack"].as_str());
    if let Some(stack) = stacks.into_iter().find(|stack| !is_known(stack)) {
        wrong.push(format!("a message about {stack}, which there is not"));
    }
}
