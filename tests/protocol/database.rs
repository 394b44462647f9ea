//! The server: sessions with their locks, which end by its own clock, and rows. A transaction takes place
//! as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use mooring::domain::replica::{
    Before, Fate, Found, LEASE, Lead, MISSING, TakenUp, fate, lead, take_up,
};
use mooring::domain::run::RunState;

pub type Millis = u64;
pub type Stack = usize;

pub fn duration(millis: Millis) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(millis).unwrap())
}

#[derive(Debug, Clone)]
pub struct Session {
    heard: Millis,
    /// The lock of this number, if it holds it.
    number: Option<i64>,
    /// Whether it holds the lock of who leads.
    leads: bool,
}

#[derive(Debug, Clone)]
struct Row {
    home: usize,
    missing_since: Option<Millis>,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub stack: Stack,
    pub state: RunState,
    pub replica: Option<i64>,
    pub queued_at: Millis,
    /// The digest that may be applied, once that is recorded.
    pub intent: Option<u64>,
    handed_back: bool,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub written_at: Millis,
    pub is_sent: bool,
}

impl Message {
    const fn at(written_at: Millis) -> Self {
        Self {
            written_at,
            is_sent: false,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Database {
    pub now: Millis,
    pub is_up: bool,
    sessions: BTreeMap<u64, Session>,
    last_session: u64,
    replicas: BTreeMap<i64, Row>,
    last_number: i64,
    leader: Option<i64>,
    pub runs: BTreeMap<u64, Run>,
    last_run: u64,
    /// What a person has approved.
    pub approved: BTreeMap<Stack, u64>,
    pub held: BTreeSet<Stack>,
    pub looked: Vec<Millis>,
    /// What people are to be told of a run that applied something.
    pub messages: BTreeMap<u64, Message>,
    /// A session that was stopped in the middle of a transaction: nobody else writes.
    stuck: Option<u64>,
}

/// Why a transaction did not take place.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The session is gone.
    NoSession,
    /// Another one writes.
    Busy,
    /// Others have gone on without this process.
    Fenced,
}

impl Database {
    pub fn new(stacks: usize) -> Self {
        Self {
            is_up: true,
            looked: vec![0; stacks],
            ..Self::default()
        }
    }

    /// Time passes.
    pub fn at(&mut self, now: Millis) {
        self.now = now;
        self.sessions
            .retain(|_, session| duration(now - session.heard) < LEASE);
        self.release();
        let leading = self.sessions.values().filter(|session| session.leads);
        assert!(
            leading.count() <= 1,
            "two sessions hold the lock of who leads"
        );
    }

    fn release(&mut self) {
        let there = self.stuck.is_some_and(|id| self.sessions.contains_key(&id));
        if !there {
            self.stuck = None;
        }
    }

    /// It starts again: every session is gone, and nothing that was committed.
    pub fn ends_all_sessions(&mut self) {
        self.sessions.clear();
        self.release();
    }

    /// The other end of a session was closed.
    pub fn is_closed(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.release();
    }

    pub fn sticks(&mut self, session: u64) {
        if self.stuck.is_none() && self.sessions.contains_key(&session) {
            self.stuck = Some(session);
        }
    }

    /// A process that was stopped goes on, and undoes what it was about.
    pub fn goes_on(&mut self, session: u64) {
        if self.stuck == Some(session) {
            self.stuck = None;
        }
    }

    pub fn connect(&mut self) -> Result<u64, Refused> {
        if !self.is_up {
            return Err(Refused::NoSession);
        }
        self.last_session += 1;
        let session = Session {
            heard: self.now,
            number: None,
            leads: false,
        };
        self.sessions.insert(self.last_session, session);
        Ok(self.last_session)
    }

    /// A statement of this session arrives.
    pub fn hears(&mut self, session: u64) -> Result<(), Refused> {
        let now = self.now;
        let session = self.sessions.get_mut(&session).filter(|_| self.is_up);
        session.ok_or(Refused::NoSession)?.heard = now;
        Ok(())
    }

    /// A transaction that writes begins.
    pub fn begin(&mut self, session: u64) -> Result<(), Refused> {
        self.hears(session)?;
        match self.stuck {
            Some(other) if other != session => Err(Refused::Busy),
            _ => Ok(()),
        }
    }

    fn holds_lock(&self, number: i64) -> bool {
        let mut sessions = self.sessions.values();
        sessions.any(|session| session.number == Some(number))
    }

    /// The number of a session, which has to be that of a replica that is known: whoever is given up must
    /// have no session.
    fn member(&self, session: u64) -> i64 {
        let number = self.sessions[&session].number.unwrap();
        assert!(
            self.replicas.contains_key(&number),
            "replica {number} writes after it was given up"
        );
        number
    }

    pub fn join(&mut self, session: u64, home: usize) -> i64 {
        self.last_number += 1;
        let number = self.last_number;
        self.replicas.retain(|_, row| row.home != home);
        let row = Row {
            home,
            missing_since: None,
        };
        self.replicas.insert(number, row);
        self.sessions.get_mut(&session).unwrap().number = Some(number);
        number
    }

    pub fn take_up(&mut self, session: u64, number: i64, led: bool) -> Result<(), Refused> {
        let found = Found {
            is_known: self.replicas.contains_key(&number),
            leader: self.leader,
        };
        if take_up(number, led, found) == TakenUp::Fenced {
            return Err(Refused::Fenced);
        }
        self.sessions
            .retain(|id, other| *id == session || other.number != Some(number));
        self.release();
        let taken = led && self.sessions.values().any(|other| other.leads);
        if taken || self.holds_lock(number) {
            return Err(Refused::Busy);
        }
        let own = self.sessions.get_mut(&session).unwrap();
        (own.number, own.leads) = (Some(number), led);
        self.replicas.get_mut(&number).unwrap().missing_since = None;
        Ok(())
    }

    /// Tries to lead, having waited for so long; whether it does, and whether nobody does.
    pub fn lead(&mut self, session: u64, waited: SignedDuration) -> (bool, bool) {
        let number = self.member(session);
        let others = self.sessions.iter();
        if others
            .clone()
            .any(|(id, other)| other.leads && *id != session)
        {
            return (false, false);
        }
        let before = match self.leader {
            Some(before) if before != number && self.replicas.contains_key(&before) => {
                match self.holds_lock(before) {
                    true => Before::Present,
                    false => Before::Absent(before),
                }
            }
            _ => Before::Nobody,
        };
        match lead(before, waited) {
            Lead::NotYet => return (false, true),
            Lead::Without(before) => {
                self.replicas.remove(&before);
            }
            Lead::Here => {}
        }
        self.leader = Some(number);
        self.sessions.get_mut(&session).unwrap().leads = true;
        (true, false)
    }

    pub fn reap(&mut self, session: u64) {
        self.member(session);
        let present: BTreeSet<i64> = self.sessions.values().filter_map(|s| s.number).collect();
        let now = self.now;
        for (number, row) in &mut self.replicas {
            row.missing_since = match present.contains(number) {
                true => None,
                false => row.missing_since.or(Some(now)),
            };
        }
        let missing = |row: &Row| row.missing_since.map(|since| duration(now - since));
        self.replicas
            .retain(|_, row| missing(row).is_none_or(|time| time < MISSING));
    }

    pub fn known(&self) -> Vec<i64> {
        self.replicas.keys().copied().collect()
    }

    /// The runs that were handed to a replica and have not come back.
    pub fn handed_to(&self, number: i64) -> Vec<u64> {
        let runs = self.runs.iter();
        let own = runs.filter(|(_, run)| run.replica == Some(number) && !run.handed_back);
        own.map(|(id, _)| *id).collect()
    }

    pub fn enqueue(&mut self, session: u64, stack: Stack) {
        self.member(session);
        self.queue(stack);
    }

    fn queue(&mut self, stack: Stack) {
        if self.is_busy(stack) || self.held.contains(&stack) {
            return;
        }
        self.last_run += 1;
        let run = Run {
            stack,
            state: RunState::Queued,
            replica: None,
            queued_at: self.now,
            intent: None,
            handed_back: false,
        };
        self.runs.insert(self.last_run, run);
    }

    pub fn is_busy(&self, stack: Stack) -> bool {
        let mut runs = self.runs.values();
        runs.any(|run| run.stack == stack && (!run.state.is_over()))
    }

    pub fn hand_out(&mut self, session: u64, id: u64, to: i64) {
        self.member(session);
        let run = self.runs.get_mut(&id).unwrap();
        (run.state, run.replica) = (RunState::Syncing, Some(to));
    }

    /// Settles what replicas had that are known no more.
    pub fn settle(&mut self, session: u64) {
        self.member(session);
        let known = self.known();
        let mut again = Vec::new();
        for (id, run) in self.runs.iter_mut().filter(|(_, run)| !run.state.is_over()) {
            let is_known = run.replica.is_some_and(|number| known.contains(&number));
            match fate(run.state, is_known) {
                Fate::Waits | Fate::GoesOn => {}
                Fate::MadeAgain => {
                    assert_eq!(run.intent, None, "an intent is forgotten");
                    run.state = RunState::Finished;
                    again.push(run.stack);
                }
                Fate::Interrupted => {
                    run.state = RunState::Interrupted;
                    self.held.insert(run.stack);
                    self.messages.insert(*id, Message::at(self.now));
                }
            }
        }
        for stack in again {
            self.queue(stack);
            assert!(
                self.is_busy(stack) || self.held.contains(&stack),
                "a plan that was lost is not made again"
            );
        }
    }

    /// A run of this session's replica takes a step, or has taken it already and nobody heard.
    pub fn step(&mut self, session: u64, id: u64, next: RunState) {
        let number = self.member(session);
        let run = self.runs.get_mut(&id).unwrap();
        assert_eq!(run.replica, Some(number), "a run of another replica");
        if run.state == next {
            return;
        }
        assert!(run.state.may_become(next), "{run:?} becomes {next:?}");
        run.state = next;
        if next == RunState::Finished {
            self.looked[run.stack] = self.now;
            run.handed_back = true;
            if run.intent.is_some() {
                self.messages.entry(id).or_insert(Message::at(self.now));
            }
        }
    }

    /// Records the intent to apply what was approved, if it still is.
    pub fn intend(&mut self, session: u64, id: u64, digest: u64) -> bool {
        let stack = self.runs[&id].stack;
        if self.approved.get(&stack) != Some(&digest) || self.held.contains(&stack) {
            return false;
        }
        let mut others = self.runs.iter();
        let applying = |run: &Run| run.stack == stack && run.state == RunState::Applying;
        assert!(
            !others.any(|(other, run)| *other != id && applying(run)),
            "two intents on stack {stack}"
        );
        self.approved.remove(&stack);
        self.step(session, id, RunState::Applying);
        self.runs.get_mut(&id).unwrap().intent = Some(digest);
        true
    }

    pub fn confirm(&self, session: u64) {
        self.member(session);
    }

    pub fn is_sent(&mut self, session: u64, message: u64) {
        self.member(session);
        self.messages.get_mut(&message).unwrap().is_sent = true;
    }
}
