//! Several processes on one database: what one of them may do, and what becomes of what another one had.
//!
//! The database tells what is: whose session is there, who led last, what a run was at. These are the
//! decisions that follow from it. Durations are those of the server's clock, but for the patience of one
//! that waits to lead, which nothing depends on but how long nobody leads.

use jiff::SignedDuration;

use super::run::RunState;

/// A process that the server has not heard of for so long has no session any more.
pub const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How long whoever led may take to come back before another one leads.
pub const PATIENCE_TO_LEAD: SignedDuration = SignedDuration::from_secs(5);
/// How long a replica may be without a session before what it has is given up.
pub const MISSING: SignedDuration = SignedDuration::from_secs(15);

/// What a process finds that has lost its session and made a new one, in a transaction that nobody writes
/// beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether its row is there.
    pub is_known: bool,
    /// Whose turn it is to lead: whoever led last.
    pub leader: Option<i64>,
}

/// Whether a process may go on with a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenUp {
    /// It may, as what it was before. If it led, it takes the lock of who leads again.
    AsBefore,
    /// Never: others have gone on without it.
    Fenced,
}

/// Whether a process with this number, which led or not, may go on.
pub const fn take_up(number: i64, led: bool, found: Found) -> TakenUp {
    let still_leads = matches!(found.leader, Some(leader) if leader == number);
    if found.is_known && (still_leads || !led) {
        TakenUp::AsBefore
    } else {
        TakenUp::Fenced
    }
}

/// Who led last, as whoever holds the lock of who leads finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nobody, this process itself, or one that is known no more.
    Nobody,
    /// One whose session is there, without that lock: it does not take itself for the one that leads.
    Present,
    /// One whose session is gone. It may come back and take itself for the one that leads.
    Absent(i64),
}

/// What is to be done by whoever holds the lock of who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// It leads.
    Here,
    /// It leads, and this one is known no more from now on.
    Without(i64),
    /// It lets go of the lock and waits for whoever led.
    NotYet,
}

/// What whoever holds the lock of who leads does, having waited for so long for the one that led.
pub fn lead(before: Before, waited: SignedDuration) -> Lead {
    match before {
        Before::Nobody | Before::Present => Lead::Here,
        Before::Absent(number) if waited >= PATIENCE_TO_LEAD => Lead::Without(number),
        Before::Absent(_) => Lead::NotYet,
    }
}

/// What becomes of a run that has not ended, as whoever leads finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its turn.
    Waits,
    /// The replica that has it is known, and goes on with it.
    GoesOn,
    /// It ends, and the stack is looked at again.
    MadeAgain,
    /// It ends as interrupted, and its stack is held until a person has looked.
    Interrupted,
}

/// What becomes of a run in this state, if the replica that has it is known or not.
pub const fn fate(state: RunState, is_known: bool) -> Fate {
    match state {
        RunState::Queued => Fate::Waits,
        _ if is_known => Fate::GoesOn,
        _ => match state.after_crash() {
            RunState::Interrupted => Fate::Interrupted,
            _ => Fate::MadeAgain,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_unknown_or_led_before_another_one_never_goes_on() {
        let found = |is_known, leader| Found { is_known, leader };
        for led in [false, true] {
            assert_eq!(take_up(3, led, found(false, Some(3))), TakenUp::Fenced);
            assert_eq!(take_up(3, led, found(true, Some(3))), TakenUp::AsBefore);
        }
        assert_eq!(take_up(3, true, found(true, Some(4))), TakenUp::Fenced);
        assert_eq!(take_up(3, true, found(true, None)), TakenUp::Fenced);
        assert_eq!(take_up(3, false, found(true, Some(4))), TakenUp::AsBefore);
    }

    #[test]
    fn only_who_is_absent_is_waited_for_and_then_left_behind() {
        let long = PATIENCE_TO_LEAD;
        assert_eq!(lead(Before::Nobody, SignedDuration::ZERO), Lead::Here);
        assert_eq!(lead(Before::Present, long), Lead::Here);
        assert_eq!(lead(Before::Absent(1), SignedDuration::ZERO), Lead::NotYet);
        assert_eq!(lead(Before::Absent(1), long), Lead::Without(1));
    }

    #[test]
    fn an_apply_is_never_made_again_by_itself() {
        assert_eq!(fate(RunState::Queued, false), Fate::Waits);
        assert_eq!(fate(RunState::Planning, true), Fate::GoesOn);
        assert_eq!(fate(RunState::Planning, false), Fate::MadeAgain);
        assert_eq!(fate(RunState::Applying, true), Fate::GoesOn);
        assert_eq!(fate(RunState::Applying, false), Fate::Interrupted);
        assert_eq!(fate(RunState::Verifying, false), Fate::Interrupted);
    }
}
