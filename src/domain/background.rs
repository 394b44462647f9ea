//! What is known of findings besides what their plan says: it is found out once and goes on from look
//! to look.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::content::counts;
use super::finding::Finding;
use super::ids::Address;
use super::ledger::LedgerEntry;
use super::stack::StackRecord;

/// Places are looked up for at most so many findings of a look; messages list fewer.
const MOST_LOOKED_UP: usize = 20;

/// Takes over what earlier looks know of the findings of this one. `record` does not know of this
/// look yet, `ledger` does. Gives back, the gravest first, the addresses whose place is yet to be
/// looked up: those that are new, differ in another way than before, or stand in another commit.
pub fn remember(
    check: &mut StackCheck,
    record: &StackRecord,
    ledger: &[LedgerEntry],
    now: Timestamp,
) -> Vec<Address> {
    let last = record.last.as_ref();
    let findings = last.map_or([].as_slice(), |last| &last.findings.resources);
    let known: BTreeMap<_, &Finding> = findings.iter().map(|f| (key(f), f)).collect();
    let same_commit = last.is_some_and(|last| last.commit == check.commit);
    let mut sought = Vec::new();
    for finding in &mut check.findings.resources {
        let before = known.get(&key(finding)).copied();
        finding.background.since = Some(since(finding, before, record, ledger, now));
        // Another commit may have the block elsewhere, and by another hand.
        let before = before.filter(|before| same_commit && same_difference(before, finding));
        let declared = before.and_then(|before| before.background.declared.clone());
        let nowhere = declared.is_none() && before.is_some();
        if declared.is_none() && !nowhere && finding.suppressed.is_none() && counts(finding) {
            sought.push((finding.severity, finding.address.clone()));
        }
        finding.background.declared = declared;
    }
    sought.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let sought = sought.into_iter().map(|(_, address)| address);
    sought.take(MOST_LOOKED_UP).collect()
}

fn key(finding: &Finding) -> (Address, Option<String>) {
    (finding.address.clone(), finding.deposed.clone())
}

fn same_difference(one: &Finding, other: &Finding) -> bool {
    one.action == other.action && one.attributes == other.attributes
}

/// A look that failed has no findings, so the memory of drift and the ledger are asked as well.
fn since(
    finding: &Finding,
    before: Option<&Finding>,
    record: &StackRecord,
    ledger: &[LedgerEntry],
    now: Timestamp,
) -> Timestamp {
    let drifting = finding.attributes.iter().filter_map(|attribute| {
        let seen = record.drifting.get(&AttributeKey::of(finding, attribute));
        seen.map(|seen| seen.since)
    });
    let unenforced = ledger
        .iter()
        .filter(|entry| entry.address == finding.address && finding.deposed.is_none())
        .map(|entry| entry.first_seen_at);
    let before = before.and_then(|before| before.background.since);
    drifting
        .chain(unenforced)
        .chain(before)
        .min()
        .unwrap_or(now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::finding::{Severity, Verdict};
    use super::super::ids::{CommitId, SourceName, StackId};
    use super::super::place::{BlockPlace, Declared};
    use super::super::testing::{check, drift};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record() -> StackRecord {
        StackRecord::new(
            StackId::new("infra/a"),
            SourceName::new("infra"),
            "a".to_owned(),
            "default".to_owned(),
            BTreeMap::new(),
            at(1),
        )
    }

    fn declared(line: u32) -> Option<Declared> {
        Some(Declared {
            place: BlockPlace {
                file: "main.tf".to_owned(),
                first: line,
                last: line,
            },
            link: None,
            changed: None,
        })
    }

    fn look(values: &[(&str, &str)]) -> StackCheck {
        let findings = values.iter().map(|(name, real)| drift(name, "p", real));
        let mut check = check(findings.collect());
        check.commit = Some(CommitId::new("c1"));
        check
    }

    #[test]
    fn a_place_is_looked_up_once_and_again_when_the_difference_is_another() {
        let mut record = record();
        let mut first = look(&[("t.a", "x"), ("t.b", "x")]);
        assert_eq!(remember(&mut first, &record, &[], at(10)).len(), 2);
        first.findings.resources[0].background.declared = declared(3);
        record.observe(first, at(10));

        let mut same = look(&[("t.a", "x"), ("t.b", "x"), ("t.c", "x")]);
        let sought = remember(&mut same, &record, &[], at(20));
        assert_eq!(
            sought,
            [Address::new("t.c")],
            "what was nowhere stays there"
        );
        let of = |check: &StackCheck, n: usize| check.findings.resources[n].background.clone();
        assert_eq!(of(&same, 0).declared, declared(3));
        assert_eq!(of(&same, 0).since, Some(at(10)));
        assert_eq!(of(&same, 2).since, Some(at(20)));

        let mut other = look(&[("t.a", "y")]);
        let sought = remember(&mut other, &record, &[], at(20));
        assert_eq!(sought, [Address::new("t.a")]);
        assert_eq!(of(&other, 0).declared, None);
        assert_eq!(of(&other, 0).since, Some(at(10)));

        let mut moved = look(&[("t.a", "x"), ("t.b", "x")]);
        moved.commit = Some(CommitId::new("c2"));
        let sought = remember(&mut moved, &record, &[], at(20));
        assert_eq!(sought.len(), 2, "another commit may have it elsewhere");
    }

    #[test]
    fn a_failed_look_in_between_makes_nothing_younger() {
        let mut record = record();
        record.observe(look(&[("t.a", "x")]), at(10));
        let mut failed = look(&[]);
        failed.verdict = Verdict::Failed;
        record.observe(failed, at(20));
        let mut again = look(&[("t.a", "x")]);
        remember(&mut again, &record, &[], at(30));
        assert_eq!(again.findings.resources[0].background.since, Some(at(10)));
    }

    #[test]
    fn the_gravest_come_first_and_noise_never() {
        let names: Vec<String> = (0..30).map(|n| format!("t.x{n}")).collect();
        let values: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        let mut check = look(&values);
        check.findings.resources[29].severity = Severity::Critical;
        check.findings.resources[0].suppressed = Some("noise".to_owned());
        let sought = remember(&mut check, &record(), &[], at(1));
        assert_eq!(sought.len(), MOST_LOOKED_UP);
        assert_eq!(sought[0], Address::new("t.x29"));
        assert!(!sought.contains(&Address::new("t.x0")));
    }
}
