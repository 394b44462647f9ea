//! One process: it joins, leads or stands by, hands runs out, takes them through, and delivers.

use std::collections::BTreeMap;

use mooring::domain::run::RunState;

use super::database::{Database, Millis, Refused, Stack, duration};
use super::world::World;

/// What a process is among those that share the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It takes through what it is given, and waits to lead.
    Waiting,
    /// It leads.
    Leading,
    /// Others have gone on without it.
    Fenced,
}

impl Standing {
    /// Whether it may begin a run that it was given.
    const fn may_begin(self) -> bool {
        matches!(self, Self::Waiting | Self::Leading)
    }

    /// Whether it says which runs there are, who has them, and when they are lost.
    const fn may_drive(self) -> bool {
        matches!(self, Self::Leading)
    }
}

/// How often each stack is looked at.
pub const PERIOD: Millis = 30_000;

/// The way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Well,
    /// Nothing arrives at either end.
    Cut,
    /// What is sent arrives, and no answer comes back.
    Deaf,
}

#[derive(Debug, Clone, Copy)]
enum Task {
    Begin,
    Planning { until: Millis },
    Intend { digest: u64 },
    Intended { digest: u64, since: Millis },
    Applying,
    Conclude,
}

#[derive(Debug, Clone, Copy)]
enum Sending {
    Confirm,
    Send { confirmed_at: Millis },
    Record,
}

#[derive(Debug)]
pub struct Replica {
    home: usize,
    pub is_up: bool,
    pub stopped_until: Millis,
    pub starts_at: Millis,
    pub wakes_at: Millis,
    pub link: Link,
    /// How far its clock is ahead of the server's, and by how many thousandths it is too fast.
    ahead: u64,
    fast: u64,
    pub number: Option<i64>,
    pub session: Option<u64>,
    standing: Standing,
    vacant_since: Option<Millis>,
    tasks: BTreeMap<u64, Task>,
    sending: Option<(u64, Sending)>,
    /// A run that is about to be handed to a replica that was there when it was last looked.
    handing: Option<(u64, i64)>,
}

impl Replica {
    pub fn new(home: usize, world: &mut World) -> Self {
        Self {
            home,
            is_up: true,
            stopped_until: 0,
            starts_at: 0,
            wakes_at: world.chance.below(5_000),
            link: Link::Well,
            ahead: world.chance.below(5_000),
            fast: world.chance.below(50),
            number: None,
            session: None,
            standing: Standing::Waiting,
            vacant_since: None,
            tasks: BTreeMap::new(),
            sending: None,
            handing: None,
        }
    }

    /// Everything that it had in memory is gone.
    pub fn ends(&mut self, world: &mut World, starts_at: Millis) {
        if let (Some(session), Link::Well) = (self.session, self.link) {
            world.database.is_closed(session);
        }
        (self.is_up, self.starts_at) = (false, starts_at);
        (self.number, self.session) = (None, None);
        (self.standing, self.vacant_since) = (Standing::Waiting, None);
        self.tasks.clear();
        (self.sending, self.handing) = (None, None);
    }

    pub fn home(&self) -> usize {
        self.home
    }

    fn clock(&self, now: Millis) -> Millis {
        now + self.ahead + now * self.fast / 1000
    }

    /// Does one thing, whichever is its turn.
    pub fn wakes(&mut self, world: &mut World) {
        if self.standing == Standing::Fenced {
            let applies = world.is_applying(self.home);
            if !applies {
                self.ends(world, world.now() + 2_000);
            }
            return;
        }
        if self.session.is_none() && self.connect(world).is_err() {
            return;
        }
        let _told = match (world.chance.below(8), self.standing.may_drive()) {
            (0, false) => self.tries_to_lead(world),
            (0, true) => self.transact(world, Database::reap),
            (1, true) => self.transact(world, Database::settle),
            (2, true) => self.schedules(world),
            (3, true) => self.hands_out(world),
            (4, true) => self.delivers(world),
            _ => self.works(world),
        };
    }

    /// Joins, or takes up what it was before.
    fn connect(&mut self, world: &mut World) -> Result<(), Refused> {
        if self.link != Link::Well {
            return Err(Refused::NoSession);
        }
        let session = world.database.connect()?;
        self.session = Some(session);
        let (home, led) = (self.home, self.standing == Standing::Leading);
        let done = match self.number {
            None => {
                let joined = self.transact(world, |database, own| database.join(own, home));
                joined.map(|number| self.number = Some(number))
            }
            Some(number) => {
                let taken = |database: &mut Database, own| database.take_up(own, number, led);
                self.transact(world, taken).and_then(|taken| taken)
            }
        };
        if done == Err(Refused::Fenced) {
            self.standing = Standing::Fenced;
        }
        if done.is_err() && self.session.take().is_some() {
            world.database.is_closed(session);
        }
        done
    }

    /// A transaction, which may be lost on its way, or its answer.
    fn transact<T>(
        &mut self,
        world: &mut World,
        work: impl FnOnce(&mut Database, u64) -> T,
    ) -> Result<T, Refused> {
        let session = self.session.ok_or(Refused::NoSession)?;
        let (before, after) = (world.is_lost(), world.is_lost());
        if self.link == Link::Cut || before {
            self.session = None;
            return Err(Refused::NoSession);
        }
        match world.database.begin(session) {
            Err(Refused::Busy) => return Err(Refused::Busy),
            Err(other) => {
                self.session = None;
                return Err(other);
            }
            Ok(()) => {}
        }
        let done = work(&mut world.database, session);
        if self.link == Link::Deaf || after {
            self.session = None;
            return Err(Refused::NoSession);
        }
        Ok(done)
    }

    fn tries_to_lead(&mut self, world: &mut World) -> Result<(), Refused> {
        let now = self.clock(world.now());
        let waited = duration(self.vacant_since.map_or(0, |since| now - since));
        let (leads, vacant) = self.transact(world, |database, own| database.lead(own, waited))?;
        match (leads, vacant) {
            (true, _) => self.standing = Standing::Leading,
            (false, true) => {
                self.vacant_since.get_or_insert(now);
            }
            (false, false) => self.vacant_since = None,
        }
        Ok(())
    }

    fn schedules(&mut self, world: &mut World) -> Result<(), Refused> {
        let now = self.clock(world.now());
        let due = |looked: Millis| now.saturating_sub(looked) >= PERIOD;
        let looked = world.database.looked.iter().enumerate();
        let stacks: Vec<Stack> = looked.filter(|(_, at)| due(**at)).map(|(s, _)| s).collect();
        self.transact(world, |database, own| {
            for stack in stacks {
                database.enqueue(own, stack);
            }
        })
    }

    fn hands_out(&mut self, world: &mut World) -> Result<(), Refused> {
        let Some((run, to)) = self.handing.take() else {
            let runs = world.database.runs.iter();
            let queued = runs.filter(|(_, run)| run.state == RunState::Queued);
            let queued: Vec<u64> = queued.map(|(id, _)| *id).collect();
            let known = world.database.known();
            let both = world.chance.pick(&queued).zip(world.chance.pick(&known));
            self.handing = both;
            return Ok(());
        };
        if world.database.runs.get(&run).map(|run| run.state) != Some(RunState::Queued) {
            return Ok(());
        }
        self.transact(world, |database, own| database.hand_out(own, run, to))
    }

    fn delivers(&mut self, world: &mut World) -> Result<(), Refused> {
        let Some((message, sending)) = self.sending else {
            let messages = world.database.messages.iter();
            let waiting = messages
                .filter(|(_, message)| !message.is_sent)
                .map(|(id, _)| *id);
            let waiting: Vec<u64> = waiting.collect();
            self.sending = world.chance.pick(&waiting).map(|id| (id, Sending::Confirm));
            return Ok(());
        };
        let next = match sending {
            Sending::Confirm => {
                self.transact(world, |database, own| database.confirm(own))?;
                let confirmed_at = world.now();
                Some(Sending::Send { confirmed_at })
            }
            Sending::Send { confirmed_at } => {
                world.is_one_of_them(self.number.unwrap(), confirmed_at);
                world.accepts(message, self.number.unwrap(), confirmed_at);
                Some(Sending::Record)
            }
            Sending::Record => {
                self.transact(world, |database, own| database.is_sent(own, message))?;
                None
            }
        };
        self.sending = next.map(|next| (message, next));
        Ok(())
    }

    fn works(&mut self, world: &mut World) -> Result<(), Refused> {
        if self.standing.may_begin() {
            for run in world.database.handed_to(self.number.unwrap()) {
                self.tasks.entry(run).or_insert(Task::Begin);
            }
        }
        let tasks: Vec<u64> = self.tasks.keys().copied().collect();
        let Some(id) = world.chance.pick(&tasks) else {
            return self.transact(world, |_, _| ());
        };
        let next = self.step(world, id, self.tasks[&id])?;
        match next {
            Some(next) => self.tasks.insert(id, next),
            None => self.tasks.remove(&id),
        };
        Ok(())
    }

    fn step(&mut self, world: &mut World, id: u64, task: Task) -> Result<Option<Task>, Refused> {
        let to =
            |next: RunState| move |database: &mut Database, own: u64| database.step(own, id, next);
        Ok(Some(match task {
            Task::Begin => {
                self.transact(world, to(RunState::Planning))?;
                let until = world.now() + world.chance.between(500, 8_000);
                Task::Planning { until }
            }
            Task::Planning { until } if world.now() < until => {
                self.transact(world, |_, _| ())?;
                task
            }
            Task::Planning { .. } => {
                let stack = world.database.runs[&id].stack;
                let digest = world.digests[stack];
                self.transact(world, to(RunState::Deciding))?;
                match world.database.approved.get(&stack) == Some(&digest) {
                    true => Task::Intend { digest },
                    false => Task::Conclude,
                }
            }
            Task::Intend { digest } => {
                let intend = |database: &mut Database, own| database.intend(own, id, digest);
                match self.transact(world, intend) {
                    Ok(true) => Task::Intended {
                        digest,
                        since: world.now(),
                    },
                    Err(Refused::Busy) => task,
                    // Whoever does not know whether it is recorded does not begin.
                    Ok(false) | Err(_) => Task::Conclude,
                }
            }
            Task::Intended { digest, since } => {
                world.is_one_of_them(self.number.unwrap(), since);
                world.applies(self.home, id, digest, since);
                Task::Applying
            }
            Task::Applying if world.is_applied(id) => Task::Conclude,
            Task::Applying => {
                self.transact(world, |_, _| ())?;
                task
            }
            Task::Conclude => {
                self.transact(world, to(RunState::Finished))?;
                return Ok(None);
            }
        }))
    }
}
