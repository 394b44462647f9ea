//! What there is besides the processes: the server, applies, receivers of messages, people, and faults.

use std::collections::BTreeMap;

use mooring::domain::run::RunState;

use super::chance::Chance;
use super::database::{Database, Millis, Stack};
use super::replica::{Link, PERIOD, Replica};

const STACKS: usize = 4;
const STORM: Millis = 60_000;
/// After so long with one replica that is well, everything is as it should be again.
const CALM: Millis = 150_000;
/// How old a look, a run or a message may be then.
const LIMIT: Millis = PERIOD + 45_000;
const LEASE: Millis = 15_000;

#[derive(Debug)]
struct Apply {
    home: usize,
    run: u64,
    stack: Stack,
    started_at: Millis,
    ends_at: Millis,
}

#[derive(Debug)]
pub struct World {
    pub chance: Chance,
    pub database: Database,
    /// What an apply of each stack would do now.
    pub digests: Vec<u64>,
    applies: Vec<Apply>,
    resumed_at: Vec<Millis>,
    accepted: BTreeMap<u64, Vec<i64>>,
    storms: bool,
    pub met: Met,
}

/// What came about: a simulation in which nothing happens proves nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Met {
    pub applies: u64,
    pub interrupted: u64,
    pub doubled: u64,
}

impl Met {
    pub fn add(&mut self, other: Self) {
        self.applies += other.applies;
        self.interrupted += other.interrupted;
        self.doubled += other.doubled;
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            database: Database::new(STACKS),
            digests: vec![1; STACKS],
            applies: Vec::new(),
            resumed_at: vec![0; STACKS],
            accepted: BTreeMap::new(),
            storms: true,
            met: Met::default(),
        }
    }

    pub fn now(&self) -> Millis {
        self.database.now
    }

    pub fn is_lost(&mut self) -> bool {
        self.storms && self.chance.one_in(60)
    }

    /// Terraform begins, which was recorded a while ago.
    pub fn applies(&mut self, home: usize, run: u64, digest: u64, since: Millis) {
        let stack = self.database.runs[&run].stack;
        assert_eq!(
            self.database.runs[&run].intent,
            Some(digest),
            "an apply without an intent"
        );
        let now = self.now();
        for other in &self.applies {
            assert!(
                other.stack != stack
                    || other.ends_at <= now
                    || self.resumed_at[stack] > other.started_at.min(since),
                "two applies at once on stack {stack}: {other:?} and run {run}"
            );
        }
        let apply = Apply {
            home,
            run,
            stack,
            started_at: now,
            ends_at: now + self.chance.between(1_000, 20_000),
        };
        self.applies.push(apply);
        self.met.applies += 1;
    }

    pub fn is_applied(&self, run: u64) -> bool {
        let mut applies = self.applies.iter();
        !applies.any(|apply| apply.run == run && apply.ends_at > self.now())
    }

    pub fn is_applying(&self, home: usize) -> bool {
        let mut applies = self.applies.iter();
        applies.any(|apply| apply.home == home && apply.ends_at > self.now())
    }

    /// Whoever does what cannot be undone has just seen that nobody has gone on without it, unless it was
    /// stopped in between.
    pub fn is_one_of_them(&self, number: i64, since: Millis) {
        let stopped = self.now() - since >= LEASE;
        assert!(
            stopped || self.database.known().contains(&number),
            "{number} acts after it was given up"
        );
    }

    /// A receiver takes a message. One that was recorded as sent comes again only from a sender that was
    /// lost in the middle of it.
    pub fn accepts(&mut self, message: u64, from: i64, confirmed_at: Millis) {
        let before = self.accepted.entry(message).or_default();
        assert!(!before.contains(&from), "{from} sends {message} twice");
        if !before.is_empty() {
            self.met.doubled += 1;
            let recorded = self.database.messages[&message].is_sent;
            assert!(
                !recorded || self.database.now - confirmed_at >= LEASE,
                "{message} was recorded and is sent again"
            );
        }
        before.push(from);
    }

    /// People and the real objects do what they do.
    fn moves(&mut self) {
        let stack = self.chance.pick(&[0, 1, 2, 3]).unwrap();
        match self.chance.below(40) {
            0 => self.digests[stack] += 1,
            1..=4 => {
                let digest = self.digests[stack];
                self.database.approved.insert(stack, digest);
            }
            5 => {
                self.database.approved.remove(&stack);
            }
            6 if self.database.held.remove(&stack) => {
                self.resumed_at[stack] = self.now();
            }
            _ => {}
        }
    }

    fn strikes(&mut self, replica: &mut Replica) {
        let now = self.now();
        let long = self.chance.between(1_000, 60_000);
        match self.chance.below(100) {
            0 => self.kills(replica, now + long / 2),
            1 => self.stops(replica, now + long),
            // For less than the server waits.
            2 => self.stops(replica, now + long.min(5_000 + long / 6)),
            3 => replica.link = Link::Cut,
            4 => replica.link = Link::Deaf,
            5..=14 => replica.link = Link::Well,
            15 if self.chance.one_in(4) => self.database.ends_all_sessions(),
            16 => self.database.is_up = !self.chance.one_in(4),
            17..=30 => self.database.is_up = true,
            _ => {}
        }
    }

    fn kills(&mut self, replica: &mut Replica, starts_at: Millis) {
        let now = self.now();
        // Terraform dies with it, or goes on alone.
        if self.chance.one_in(2) {
            let own = self.applies.iter_mut();
            for apply in own.filter(|apply| apply.home == replica.home()) {
                apply.ends_at = apply.ends_at.min(now);
            }
        }
        replica.ends(self, starts_at);
    }

    fn stops(&mut self, replica: &mut Replica, until: Millis) {
        replica.stopped_until = until;
        if let Some(session) = replica.session
            && self.chance.one_in(3)
        {
            self.database.sticks(session);
        }
    }

    /// One replica and the database are well from now on; the others are what chance makes them.
    fn calms(&mut self, replicas: &mut [Replica]) {
        let now = self.now();
        let all: Vec<usize> = (0..replicas.len()).collect();
        let well = self.chance.pick(&all).unwrap();
        self.storms = false;
        self.database.is_up = true;
        for (index, replica) in replicas.iter_mut().enumerate() {
            let never = now + 10 * CALM;
            match (index == well, self.chance.below(5)) {
                (true, _) | (false, 0) => {
                    replica.link = Link::Well;
                    replica.stopped_until = replica.stopped_until.min(now);
                    replica.starts_at = replica.starts_at.min(now);
                }
                (false, 1) => self.kills(replica, never),
                (false, 2) => self.stops(replica, never),
                (false, 3) => replica.link = Link::Cut,
                (false, _) => replica.link = Link::Deaf,
            }
        }
    }

    /// What holds after a calm.
    fn is_in_order(&self) {
        let now = self.now();
        for (stack, looked) in self.database.looked.iter().enumerate() {
            let held = self.database.held.contains(&stack);
            assert!(
                held || now - looked <= LIMIT,
                "stack {stack} is not looked at"
            );
        }
        for run in self.database.runs.values() {
            let old = now - run.queued_at > LIMIT;
            assert!(run.state.is_over() || !old, "a run never ends: {run:?}");
        }
        for (id, message) in &self.database.messages {
            let old = now - message.written_at > LIMIT;
            assert!(message.is_sent || !old, "message {id} is not sent");
            let accepted = self.accepted.contains_key(id);
            assert!(!message.is_sent || accepted, "message {id} is lost");
        }
    }

    /// What is long over is counted and forgotten.
    fn forgets(&mut self) {
        let now = self.now();
        let (applies, met) = (&self.applies, &mut self.met);
        self.database.runs.retain(|id, run| {
            let busy = applies
                .iter()
                .any(|apply| apply.run == *id && apply.ends_at > now);
            let keep = busy || !run.state.is_over() || now - run.queued_at < 4 * CALM;
            met.interrupted += u64::from(!keep && run.state == RunState::Interrupted);
            keep
        });
        self.applies.retain(|apply| apply.ends_at > now);
    }
}

/// The history that follows from a seed.
pub fn history(seed: u64) -> Met {
    let mut world = World::new(seed);
    let count = 3 + usize::try_from(world.chance.below(3)).unwrap();
    let mut replicas: Vec<Replica> = (0..count)
        .map(|home| Replica::new(home, &mut world))
        .collect();
    for _ in 0..2 {
        world.storms = true;
        passes(&mut world, &mut replicas, STORM);
        world.calms(&mut replicas);
        passes(&mut world, &mut replicas, CALM);
        world.is_in_order();
        for replica in &mut replicas {
            replica.starts_at = replica.starts_at.min(world.now());
            replica.stopped_until = replica.stopped_until.min(world.now());
        }
    }
    world.met.interrupted += world
        .database
        .runs
        .values()
        .filter(|run| run.state == RunState::Interrupted)
        .count() as u64;
    world.met
}

fn passes(world: &mut World, replicas: &mut [Replica], time: Millis) {
    let end = world.now() + time;
    while world.now() < end {
        let next = replicas.iter().map(|replica| replica.wakes_at).min();
        let now = next.unwrap_or(end).max(world.now());
        world.database.at(now);
        for replica in replicas
            .iter_mut()
            .filter(|replica| replica.wakes_at <= now)
        {
            let pause = world.chance.between(50, 400);
            replica.wakes_at = now + pause;
            if world.storms {
                world.moves();
                world.strikes(replica);
            }
            if now < replica.stopped_until {
                continue;
            }
            if let Some(session) = replica.session {
                world.database.goes_on(session);
            }
            match replica.is_up {
                true => replica.wakes(world),
                false => replica.is_up = now >= replica.starts_at,
            }
        }
        if world.chance.one_in(500) {
            world.forgets();
        }
    }
}
