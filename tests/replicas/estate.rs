//! Several replicas with all that they need, and people who live with them.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::commands::{self, now};
use super::deck::{Dice, Trouble, Victim};
use super::receiver::Receiver;
use super::seat::Seat;
use super::site::Site;
use super::{engine, world};

/// Those that policy repairs, and those of which people are asked.
pub(super) const STACKS: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "s5", "ask0", "ask1"];
/// Their source.
pub(super) const SOURCE: &str = "infra";

/// What became of a process.
#[derive(Debug)]
pub(super) struct Life {
    /// Its replica.
    pub(super) replica: String,
    pub(super) began: u64,
    /// When it was seen to have learned that others have gone on without it.
    pub(super) fenced: Option<u64>,
    pub(super) ended: Option<(u64, ExitStatus)>,
    /// When it was killed.
    pub(super) killed: Option<u64>,
    /// Whether it was asked to end.
    pub(super) terminated: bool,
    /// The end of its log.
    pub(super) last_words: String,
}

pub(super) struct Estate {
    site: Box<dyn Site>,
    pub(super) seats: Vec<Seat>,
    pub(super) lives: Vec<Life>,
    /// When which stack was resumed by a person.
    pub(super) resumed: Vec<(String, u64)>,
    /// What happened, for people.
    pub(super) story: Vec<String>,
    pub(super) receiver: Receiver,
    dir: Option<tempfile::TempDir>,
    pub(super) path: PathBuf,
    configuration: String,
    database_back: Option<Instant>,
    /// By how many seconds the clock of the last one is wrong.
    skew: i64,
    pub(super) http: reqwest::blocking::Client,
    next_drift: Instant,
    next_vote: Instant,
    /// Whether people answer when they are asked.
    pub(super) votes: bool,
    pub(super) commits: usize,
    began: Instant,
}

impl Estate {
    /// Starts so many replicas.
    pub(super) fn start(mut site: Box<dyn Site>, replicas: usize, dice: &mut Dice) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("mooring-broken-")
            .tempdir()
            .unwrap();
        let path = dir.path().canonicalize().unwrap();
        let receiver = Receiver::start(site.host());
        engine::install(&path);
        for shared in ["commands", "drifted"] {
            site.give(&path.join(shared));
        }
        world::repository(&path);
        std::fs::write(path.join("hook"), receiver.url()).unwrap();
        let mut seats: Vec<Seat> = (0..replicas).map(|at| Seat::new(&path, at)).collect();
        seats[0].make_disk_small();
        let dirs: Vec<PathBuf> = seats.iter().map(|seat| seat.dir.clone()).collect();
        let told = site.furnish(&path, &dirs);
        let mut estate = Self {
            configuration: world::configuration(&path, &told),
            site,
            seats,
            lives: Vec::new(),
            resumed: Vec::new(),
            story: Vec::new(),
            receiver,
            dir: Some(dir),
            path,
            database_back: None,
            skew: 0,
            http: reqwest::blocking::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(2))
                .build()
                .unwrap(),
            next_drift: Instant::now(),
            next_vote: Instant::now(),
            votes: true,
            commits: 0,
            began: Instant::now(),
        };
        if replicas > 2 {
            estate.skew(dice);
        }
        for seat in 0..replicas {
            estate.start_replica(seat);
        }
        estate
    }

    /// The clock of the last one is wrong by minutes, where that can be made.
    fn skew(&mut self, dice: &mut Dice) {
        self.skew = dice.of_these(&[-240, -60, 45]);
        if !self.seats.last_mut().unwrap().skew(self.skew) {
            self.skew = 0;
            return;
        }
        self.tell(&format!(
            "the clock of the last one is off by {:+} s",
            self.skew
        ));
    }

    /// What a replica takes a moment for, as the engine has it, both in microseconds.
    pub(super) fn unskewed(&self, replica: &str, at: i64) -> i64 {
        let is_last = self.seats.last().is_some_and(|seat| seat.name == replica);
        if is_last {
            at - self.skew * 1_000_000
        } else {
            at
        }
    }

    /// Whether what runs leave goes to a store that all replicas have.
    pub(super) fn shares_a_store(&self) -> bool {
        self.site.has_store()
    }

    /// Whether a disk can be full here.
    pub(super) fn has_small_disk(&self) -> bool {
        self.seats.iter().any(|seat| seat.has_small_disk)
    }

    pub(super) fn tell(&mut self, what: &str) {
        let line = format!("{:7.1} {what}", self.began.elapsed().as_secs_f32());
        eprintln!("{line}");
        self.story.push(line);
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves everything where it is, for whoever looks for what went wrong.
    pub(super) fn keep(&mut self) {
        if let Some(dir) = self.dir.take() {
            let _kept = dir.keep();
        }
    }

    pub(super) fn commands(&self) -> Vec<commands::Command> {
        commands::read(&self.path.join("commands"))
    }

    /// What the database says, as JSON.
    pub(super) fn rows(&self, query: &str) -> Vec<Value> {
        let all = format!("SELECT COALESCE(json_agg(t), '[]') FROM ({query}) t");
        serde_json::from_str(&self.site.sql(&all)).unwrap()
    }

    pub(super) fn count(&self, from: &str) -> usize {
        let counted = self.site.sql(&format!("SELECT COUNT(*) FROM {from}"));
        counted.parse().unwrap()
    }

    fn start_replica(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let life = self.lives.len();
        let replica = self
            .site
            .start(at, &seat.dir, &self.configuration, &seat.env);
        seat.process = Some((replica, life));
        seat.again = None;
        self.lives.push(Life {
            replica: seat.name.clone(),
            began: now(),
            fenced: None,
            ended: None,
            killed: None,
            terminated: false,
            last_words: String::new(),
        });
    }

    /// Lets a moment pass: whoever has ended is started again soon, what lasts ends in time, and the
    /// world drifts if it is to.
    pub(super) fn pass(&mut self, dice: &mut Dice, drifts: bool) {
        std::thread::sleep(Duration::from_millis(100));
        for at in 0..self.seats.len() {
            self.attend(at, dice);
        }
        if self
            .database_back
            .is_some_and(|back| Instant::now() >= back)
        {
            self.database_back = None;
            self.site.run_database();
            self.tell("the database server is back");
        }
        if drifts && Instant::now() >= self.next_drift {
            self.drift(dice);
            self.next_drift = Instant::now() + dice.between(6_000, 10_000);
        }
        if self.votes && Instant::now() >= self.next_vote {
            self.vote();
            self.next_vote = Instant::now() + Duration::from_secs(1);
        }
    }

    fn attend(&mut self, at: usize, dice: &mut Dice) {
        let seat = &mut self.seats[at];
        if let Some((process, life)) = &mut seat.process {
            let life = &mut self.lives[*life];
            if life.fenced.is_none() && process.is_fenced() {
                life.fenced = Some(now());
            }
            if let Some(status) = process.ended() {
                life.ended = Some((now(), status));
                life.last_words = tail(&process.log());
                let told = format!(
                    "{} has ended: {status}, fenced: {:?}",
                    seat.name,
                    life.fenced.is_some()
                );
                seat.process = None;
                seat.again = Some(Instant::now() + dice.between(500, 5_000));
                self.tell(&told);
            }
        }
        let seat = &self.seats[at];
        if seat
            .trouble
            .is_some_and(|(_, until)| Instant::now() >= until)
        {
            self.mend(at);
        }
        let seat = &self.seats[at];
        if seat.trouble.is_none() && seat.again.is_some_and(|again| Instant::now() >= again) {
            self.start_replica(at);
        }
    }

    /// Something breaks; false if there is nobody for it.
    pub(super) fn breaks(&mut self, trouble: Trouble, victim: Victim, dice: &mut Dice) -> bool {
        let lasts = trouble.lasts(dice);
        if trouble == Trouble::DatabaseRestarts {
            self.tell("the database server stops");
            self.site.stop_database();
            self.database_back = Some(Instant::now() + lasts);
            return true;
        }
        let Some(at) = self.victim(trouble, victim, dice) else {
            return false;
        };
        let told = format!(
            "{} ({victim:?}): {trouble:?} for {lasts:?}",
            self.seats[at].name
        );
        self.tell(&told);
        let seat = &mut self.seats[at];
        seat.trouble = Some((trouble, Instant::now() + lasts));
        let Some((process, life)) = &mut seat.process else {
            return false;
        };
        match trouble {
            Trouble::Killed => {
                process.signal(Signal::KILL);
                self.lives[*life].killed = Some(now());
            }
            Trouble::Terminated => {
                process.signal(Signal::TERM);
                self.lives[*life].terminated = true;
            }
            Trouble::Naps | Trouble::Frozen => process.signal(Signal::STOP),
            Trouble::CutOff => self.site.cut(at),
            Trouble::Reset => self.site.reset(at),
            Trouble::DiskFull => seat.fill_disk(),
            Trouble::DatabaseRestarts => {}
        }
        true
    }

    fn victim(&self, trouble: Trouble, victim: Victim, dice: &mut Dice) -> Option<usize> {
        let able = |at: &usize| {
            let seat = &self.seats[*at];
            seat.trouble.is_none()
                && seat.process.is_some()
                && (trouble != Trouble::DiskFull || seat.has_small_disk)
        };
        let able: Vec<usize> = (0..self.seats.len()).filter(able).collect();
        let wanted = match victim {
            Victim::Leader => self.leader(),
            Victim::Applier => self.applier(),
            Victim::Any => None,
        };
        let wanted = wanted.filter(|at| able.contains(at));
        wanted.or_else(|| (!able.is_empty()).then(|| dice.of_these(&able)))
    }

    fn leader(&self) -> Option<usize> {
        self.seats.iter().position(|seat| {
            let process = seat.process.as_ref();
            process.is_some_and(|(process, life)| {
                process.leads() && self.lives[*life].fenced.is_none()
            })
        })
    }

    fn applier(&self) -> Option<usize> {
        let at = now();
        let commands = self.commands();
        let applies = commands.iter().rev();
        let apply = applies
            .filter(|command| command.name == "apply")
            .find(|apply| apply.spans(at))?;
        self.seats
            .iter()
            .position(|seat| seat.name == apply.replica)
    }

    /// What happens to a replica is over.
    fn mend(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let Some((trouble, _)) = seat.trouble.take() else {
            return;
        };
        match trouble {
            Trouble::Naps | Trouble::Frozen => {
                if let Some((process, _)) = &seat.process {
                    process.signal(Signal::CONT);
                }
            }
            Trouble::CutOff => self.site.mend(at),
            Trouble::DiskFull => seat.clear_disk(),
            Trouble::Killed | Trouble::Terminated | Trouble::Reset | Trouble::DatabaseRestarts => {}
        }
        let told = format!("{}: {trouble:?} is over", seat.name);
        self.tell(&told);
    }

    /// Whether everything is well, as far as it can be seen from outside.
    pub(super) fn is_well(&self) -> bool {
        let well = |seat: &Seat| {
            let process = seat.process.as_ref();
            let lives = process.is_some_and(|(_, life)| self.lives[*life].fenced.is_none());
            lives && seat.trouble.is_none()
        };
        self.database_back.is_none() && self.seats.iter().all(well)
    }

    /// The name of a replica, by the name that its directory has.
    pub(super) fn at_home(&self, home: &str) -> Option<&str> {
        let lives_there = |seat: &&Seat| {
            let known = std::fs::read_to_string(seat.dir.join("data/home"));
            known.is_ok_and(|known| known.trim() == home)
        };
        self.seats
            .iter()
            .find(lives_there)
            .map(|seat| seat.name.as_str())
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        // The site goes with their containers, and the world with their disks.
        self.seats.clear();
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
