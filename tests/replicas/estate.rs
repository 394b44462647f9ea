//! Several replicas with all that they need, and people who live with them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::commands::{self, now};
use super::deck::{Dice, Trouble, Victim};
use super::engine;
use super::proxy::Proxy;
use super::receiver::Receiver;
use super::replica::Replica;
use crate::harness::Postgres;

/// Those that policy repairs, and those of which people are asked.
pub(super) const STACKS: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "s5", "ask0", "ask1"];
/// Their source.
pub(super) const SOURCE: &str = "infra";
const TOKEN: &str = "a-token-for-the-tests";
const DATABASE: &str = "m";

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

/// Where a replica is at home, whatever becomes of its process.
pub(super) struct Seat {
    pub(super) name: String,
    dir: PathBuf,
    env: Vec<(String, String)>,
    proxy: Proxy,
    process: Option<(Replica, usize)>,
    again: Option<Instant>,
    /// What happens to it, and until when.
    pub(super) trouble: Option<(Trouble, Instant)>,
    has_small_disk: bool,
}

pub(super) struct Estate {
    pub(super) server: Postgres,
    pub(super) seats: Vec<Seat>,
    pub(super) lives: Vec<Life>,
    /// When which stack was resumed by a person.
    pub(super) resumed: Vec<(String, u64)>,
    /// What happened, for people.
    pub(super) story: Vec<String>,
    pub(super) receiver: Receiver,
    dir: Option<tempfile::TempDir>,
    path: PathBuf,
    configuration: String,
    database_back: Option<Instant>,
    /// By how many seconds the clock of the last one is wrong.
    skew: i64,
    http: reqwest::blocking::Client,
    next_drift: Instant,
    next_vote: Instant,
    /// Whether people answer when they are asked.
    pub(super) votes: bool,
    commits: usize,
    began: Instant,
}

impl Estate {
    /// Starts so many replicas; none, said loudly, without PostgreSQL.
    pub(super) fn start(test: &str, replicas: usize, dice: &mut Dice) -> Option<Self> {
        let server = Postgres::start(test)?;
        let url = server.database(DATABASE);
        let dir = tempfile::Builder::new()
            .prefix("mooring-broken-")
            .tempdir()
            .unwrap();
        let path = dir.path().canonicalize().unwrap();
        let receiver = Receiver::start();
        engine::install(&path);
        repository(&path);
        std::fs::write(path.join("token"), TOKEN).unwrap();
        std::fs::write(path.join("hook"), receiver.url()).unwrap();
        let seats = (0..replicas).map(|at| seat(&path, at, &url)).collect();
        let mut estate = Self {
            configuration: configuration(&path),
            server,
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
        estate.fill_small_disk();
        for seat in 0..replicas {
            key(&estate.seats[seat].dir);
            estate.start_replica(seat);
        }
        Some(estate)
    }

    /// The clock of the last one is wrong by minutes, where that can be made.
    fn skew(&mut self, dice: &mut Dice) {
        let Some(library) = faketime() else {
            eprintln!("SKIPPED: no clock is skewed: libfaketime is not installed");
            return;
        };
        self.skew = dice.of_these(&[-240, -60, 45]);
        let by = format!("{:+}", self.skew);
        self.tell(&format!("the clock of the last one is off by {by} s"));
        let seat = self.seats.last_mut().unwrap();
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        seat.env.push(set("LD_PRELOAD", library.to_str().unwrap()));
        seat.env.push(set("FAKETIME", &by));
        seat.env.push(set("FAKETIME_DONT_FAKE_MONOTONIC", "1"));
        seat.env.push(set("NO_FAKE_STAT", "1"));
    }

    /// The disk of the first one is small, where that can be made.
    fn fill_small_disk(&mut self) {
        let seat = &mut self.seats[0];
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs"])
            .arg(seat.dir.join("data"))
            .output();
        seat.has_small_disk = mounted.is_ok_and(|mounted| mounted.status.success());
        if !seat.has_small_disk {
            eprintln!("SKIPPED: no disk is full: mounting a tmpfs is not allowed here");
        }
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
        serde_json::from_str(&self.server.sql(DATABASE, &all)).unwrap()
    }

    pub(super) fn count(&self, from: &str) -> usize {
        let counted = self
            .server
            .sql(DATABASE, &format!("SELECT COUNT(*) FROM {from}"));
        counted.parse().unwrap()
    }

    fn start_replica(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let life = self.lives.len();
        let replica = Replica::start(&seat.dir, &self.configuration, &seat.env);
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
            self.server.run();
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
            self.server.stop();
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
            Trouble::CutOff => seat.proxy.cut(),
            Trouble::Reset => seat.proxy.reset(),
            Trouble::DiskFull => {
                let ballast = std::fs::File::create(seat.dir.join("data/ballast"));
                let mut ballast = ballast.unwrap();
                while std::io::Write::write_all(&mut ballast, &[1; 4096]).is_ok() {}
            }
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
            Trouble::CutOff => seat.proxy.mend(),
            Trouble::DiskFull => std::fs::remove_file(seat.dir.join("data/ballast")).unwrap(),
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

    /// Somebody changes some things by hand, and commits something beside each, so that it is looked at.
    /// What is applied meanwhile is not so often that Git has always moved on.
    fn drift(&mut self, dice: &mut Dice) {
        let stacks: Vec<&str> = (0..3).map(|_| dice.of_these(&STACKS)).collect();
        self.drifts(&stacks);
    }

    /// The same of these.
    pub(super) fn drifts(&mut self, stacks: &[&str]) {
        self.commits += 1;
        let text = format!("# {}\n", self.commits);
        for stack in stacks {
            std::fs::write(self.path.join("drifted").join(stack), "").unwrap();
            std::fs::write(self.path.join("repo").join(stack).join("main.tf"), &text).unwrap();
        }
        git(&self.path, &["commit", "-q", "-a", "-m", "x"]);
    }

    /// Where somebody answers who is neither cut off nor stands still.
    fn addresses(&self) -> Vec<String> {
        let seats = self.seats.iter().filter(|seat| seat.trouble.is_none());
        let processes = seats.filter_map(|seat| seat.process.as_ref());
        processes
            .filter_map(|(process, _)| process.address())
            .collect()
    }

    /// A person approves of all that is asked.
    fn vote(&self) {
        for address in self.addresses() {
            let list = self.get(&address, "requests");
            let waiting = list.as_ref().and_then(|list| list["requests"].as_array());
            for request in waiting.into_iter().flatten() {
                let id = request["id"].as_str().unwrap_or_default();
                self.post(&address, &format!("requests/{id}/approve?by=ann"));
            }
        }
    }

    /// A person has looked at what is held, and lets it go on; not before its apply has ended.
    pub(super) fn resume(&mut self) {
        let held = self.rows("SELECT id FROM stacks WHERE record::json->>'held' IS NOT NULL");
        for row in held {
            let id = row["id"].as_str().unwrap().to_owned();
            let stack = id.trim_start_matches("infra/").to_owned();
            let commands = self.commands();
            let mut applies = commands.iter().filter(|command| command.name == "apply");
            if applies.any(|apply| apply.stack == stack && apply.spans(now())) {
                continue;
            }
            let path = format!("stacks/{}/resume?by=ann", id.replace('/', "%2F"));
            if self
                .addresses()
                .iter()
                .any(|address| self.post(address, &path))
            {
                self.resumed.push((stack, now()));
            }
        }
    }

    fn get(&self, address: &str, path: &str) -> Option<Value> {
        let url = format!("http://{address}/api/v1/{path}");
        let answer = self.http.get(url).bearer_auth(TOKEN).send().ok()?;
        serde_json::from_str(&answer.text().ok()?).ok()
    }

    fn post(&self, address: &str, path: &str) -> bool {
        let url = format!("http://{address}/api/v1/{path}");
        let answer = self.http.post(url).bearer_auth(TOKEN).send();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// What the command line says of the audit log, asked of whoever answers.
    pub(super) fn audit(&self) -> Result<String, String> {
        let address = self.addresses().pop().ok_or("nobody answers")?;
        let output = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["audit", "verify", "--server", &format!("http://{address}")])
            .env("MOORING_TOKEN_FILE", self.path.join("token"))
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
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
        for seat in &mut self.seats {
            seat.process = None;
            if seat.has_small_disk {
                let _gone = Command::new("umount")
                    .arg("-l")
                    .arg(seat.dir.join("data"))
                    .status();
            }
        }
    }
}

fn seat(world: &Path, at: usize, url: &str) -> Seat {
    let name = format!("r{at}");
    let dir = world.join("replicas").join(&name);
    std::fs::create_dir_all(dir.join("data")).unwrap();
    let (before, after) = url.rsplit_once(':').unwrap();
    let (port, database) = after.split_once('/').unwrap();
    let proxy = Proxy::to(port.parse().unwrap());
    let url = format!("{before}:{}/{database}", proxy.port());
    std::fs::write(dir.join("url"), url).unwrap();
    Seat {
        name,
        dir,
        env: Vec::new(),
        proxy,
        process: None,
        again: None,
        trouble: None,
        has_small_disk: false,
    }
}

/// All replicas of an installation have the same key: digests that one makes mean something to another.
fn key(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("data/installation.key");
    std::fs::write(&path, [7; 32]).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn configuration(world: &Path) -> String {
    let dir = world.display();
    format!(
        r#"data_dir: data
jobs: 2
jitter: 0s
schedule: "* * * * *"
engine: {dir}/engine
shutdown_grace: 20s
api: {{ listen: "127.0.0.1:0", token_file: {dir}/token }}
store: {{ postgres_url_file: url }}
alerts: {{ persist: {{ medium: 0s, low: 0s }}, group_wait: 0s, group_interval: 1s }}
notify: [{{ name: hook, webhook: {{ url_file: {dir}/hook }} }}]
policy:
  mode: heal
  confirm_after: 1s
  contested: {{ times: 1000, within: 1h }}
  limits: {{ stack: {{ applies: 1000, within: 1h }}, fleet: {{ applies: 1000, within: 1h }} }}
  rules: [{{ name: asked, effect: ask, stacks: ["infra/ask*"] }}]
  safe: [{{ type: aws_s3_bucket, attributes: [tags] }}]
sources: [{{ name: {SOURCE}, path: {dir}/repo, poll: 1s }}]
"#
    )
}

fn repository(world: &Path) {
    for stack in STACKS {
        let dir = world.join("repo").join(stack);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("main.tf"), "# 0\n").unwrap();
        let backend = "terraform {\n  backend \"gcs\" {}\n}\n";
        std::fs::write(dir.join("backend.tf"), backend).unwrap();
        std::fs::write(dir.join("name"), format!("{stack}\n")).unwrap();
    }
    git(world, &["init", "-q", "-b", "main"]);
    git(world, &["add", "-A"]);
    git(world, &["commit", "-q", "-m", "x"]);
}

fn git(world: &Path, arguments: &[&str]) {
    let settings = [
        "user.name=a",
        "user.email=a@b",
        "commit.gpgsign=false",
        "gc.auto=0",
    ];
    let git = Command::new("git")
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args(arguments)
        .current_dir(world.join("repo"))
        .status();
    assert!(git.unwrap().success());
}

fn faketime() -> Option<PathBuf> {
    let directories = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut libraries = directories.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.is_file())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
