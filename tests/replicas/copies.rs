//! Where replicas share a store, what one of them has kept of a run is had from any other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::estate::Estate;

/// Until what is kept is in the store.
const CARRIED: Duration = Duration::from_secs(60);

/// The names of what was kept, and what it says.
type Copies = BTreeMap<String, String>;

/// Everything that is wrong with what runs have left.
pub(super) fn of(estate: &Estate) -> Vec<String> {
    let deadline = Instant::now() + CARRIED;
    let mut wrong = Vec::new();
    let mut keepers = BTreeSet::new();
    let runs = "SELECT id, lease::json->>'home' AS home FROM runs WHERE state = 'finished'";
    for run in estate.rows(runs) {
        let id = run["id"].as_str().unwrap();
        loop {
            let kept = seen_by_all(estate, id);
            let first = kept.first().and_then(|(_, copies)| copies.as_ref());
            if first.is_some() && kept.iter().all(|(_, copies)| copies.as_ref() == first) {
                if first.is_some_and(|copies| !copies.is_empty()) {
                    keepers.extend(run["home"].as_str().map(str::to_owned));
                }
                break;
            }
            if Instant::now() > deadline {
                wrong.push(format!("of {run} not all have the same: {kept:?}"));
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    if keepers.len() < 2 {
        wrong.push(format!("only these have kept something: {keepers:?}"));
    }
    wrong
}

/// What each replica has of a run; nothing if it does not say.
fn seen_by_all(estate: &Estate, run: &str) -> Vec<(String, Option<Copies>)> {
    let path = format!("runs/{run}/artifacts");
    let seen = |address: &str| {
        let list = estate.get(address, &path)?;
        let copies = list["artifacts"].as_array()?.iter().map(|artifact| {
            let name = artifact["name"].as_str()?;
            let copy = estate.text(address, &format!("{path}/{name}"))?;
            Some((name.to_owned(), copy))
        });
        copies.collect()
    };
    let all = estate.addresses().into_iter();
    all.map(|address| {
        let copies = seen(&address);
        (address, copies)
    })
    .collect()
}
