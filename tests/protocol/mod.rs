//! How several replicas share a database, in a simulation that chance drives and that can be repeated:
//! the decisions are those of the product (`mooring::domain::replica`), all else is made up.
//!
//! `MOORING_SEEDS=100000 MOORING_FIRST_SEED=7 cargo nextest run protocol` tries more of them, or others.

mod chance;
mod database;
mod replica;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mooring::domain::replica::PATIENCE_TO_LEAD;

use self::database::Database;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_fails_nothing_is_applied_twice_or_forgotten() {
    let first = number("MOORING_FIRST_SEED").unwrap_or(1);
    let count = number("MOORING_SEEDS").unwrap_or(1_500);
    let mut met = world::Met::default();
    for seed in first..first.saturating_add(count) {
        match catch_unwind(AssertUnwindSafe(|| world::history(seed))) {
            Ok(one) => met.add(one),
            Err(cause) => {
                eprintln!("MOORING_FIRST_SEED={seed} MOORING_SEEDS=1 repeats it");
                resume_unwind(cause);
            }
        }
    }
    eprintln!("{met:?}");
    if count >= 1_000 {
        assert!(met.applies > count && met.interrupted > count / 10 && met.doubled > 0);
    }
}

#[test]
fn who_has_come_to_lead_without_hearing_of_it_is_not_given_up_while_it_is_there() {
    let mut database = Database::new(1);
    let session = database.connect().unwrap();
    let number = database.join(session, 0);
    let no_wait = jiff::SignedDuration::ZERO;
    assert_eq!(database.lead(session, no_wait), (true, false));
    // The answer is lost, and the session with it.
    database.is_closed(session);
    let session = database.connect().unwrap();
    database.take_up(session, number, false).unwrap();
    let other = database.connect().unwrap();
    database.join(other, 1);
    assert_eq!(database.lead(other, PATIENCE_TO_LEAD), (true, false));
    database.confirm(session);
    assert_eq!(database.lead(session, PATIENCE_TO_LEAD), (false, false));
}
