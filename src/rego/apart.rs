//! Policies in a process of their own, which has so much memory and no more: what a policy can do to
//! its process, it does not do to the daemon.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::domain::opinion::{Opinion, PolicyFailureKind};
use crate::domain::policy::PolicyMode;

use super::error::LoadError;
use super::load::{Policies, Texts};
use super::settings::Limits;
use super::{Question, StackFacts};

/// The program that runs now, even if another file has taken its place meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// The command of this program that reads a question and answers it.
const WORKER: &str = "policy-worker";
/// How much longer the whole may take than the policies: to start, to read and to compile.
const START: Duration = Duration::from_secs(10);
/// A longer answer is none, in bytes.
const LONGEST_ANSWER: u64 = 64 << 20;

#[derive(Serialize)]
struct Asked<'a> {
    texts: &'a Texts,
    limits: Limits,
    plan: &'a Json,
    findings: &'a Json,
    stack: &'a StackFacts,
    mode: PolicyMode,
    now: Timestamp,
}

#[derive(Deserialize)]
struct Heard {
    texts: Texts,
    limits: Limits,
    plan: Json,
    findings: Json,
    stack: StackFacts,
    mode: PolicyMode,
    now: Timestamp,
}

/// What the process does: reads a question with its policies, and writes the opinion.
///
/// # Errors
/// If the question cannot be read, or the opinion not be written.
pub fn work(question: impl Read, mut opinion: impl Write) -> std::io::Result<()> {
    let heard: Heard = serde_json::from_reader(std::io::BufReader::new(question))?;
    let answer = match Policies::of(heard.texts, heard.limits) {
        Ok(policies) => policies.evaluate(&Question {
            plan: &heard.plan,
            findings: &heard.findings,
            stack: &heard.stack,
            mode: heard.mode,
            now: heard.now,
        }),
        Err(error) => crashed(&error),
    };
    serde_json::to_writer(&mut opinion, &answer)?;
    opinion.flush()
}

fn crashed(error: &LoadError) -> Opinion {
    Opinion::failed(PolicyFailureKind::Crashed, error.to_string())
}

impl Policies {
    /// As [`Self::evaluate`], in a process of its own that is ended when its time is up and that gets
    /// no more memory than [`Limits::memory_bytes`]. It blocks.
    pub fn evaluate_apart(&self, question: &Question<'_>) -> Opinion {
        let asked = Asked {
            texts: &self.texts,
            limits: self.limits,
            plan: question.plan,
            findings: question.findings,
            stack: question.stack,
            mode: question.mode,
            now: question.now,
        };
        let broken = |cause: std::io::Error| {
            Opinion::failed(
                PolicyFailureKind::Crashed,
                format!("the evaluator cannot be run: {cause}"),
            )
        };
        match serde_json::to_vec(&asked) {
            Ok(bytes) => self.in_a_process(bytes).unwrap_or_else(broken),
            Err(error) => broken(error.into()),
        }
    }

    fn in_a_process(&self, question: Vec<u8>) -> std::io::Result<Opinion> {
        let mut command = Command::new(THIS_PROGRAM);
        command
            .arg(WORKER)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut worker = Worker(command.spawn()?);
        // It waits for its question, so it has done nothing yet.
        worker.limit(self.limits.memory_bytes)?;
        let pipes = (worker.0.stdin.take(), worker.0.stdout.take());
        let (Some(mut stdin), Some(stdout)) = pipes else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        // One that ends early says so by its answer, or by having none.
        std::thread::spawn(move || stdin.write_all(&question));
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            let read = stdout.take(LONGEST_ANSWER).read_to_end(&mut answer);
            let _ = sender.send(read.map(|_| answer));
        });
        let time = self.limits.time;
        let Ok(answer) = receiver.recv_timeout(time + START) else {
            let message = format!("no end within {} ms", time.as_millis());
            return Ok(Opinion::failed(PolicyFailureKind::TimedOut, message));
        };
        Ok(serde_json::from_slice(&answer?).unwrap_or_else(|_| {
            let most = self.limits.memory_bytes >> 20;
            let message = format!("the evaluation broke down, or needed more than {most} MiB");
            Opinion::failed(PolicyFailureKind::Crashed, message)
        }))
    }
}

/// The process; it ends with this value.
struct Worker(Child);

impl Worker {
    fn limit(&self, memory: u64) -> std::io::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(std::io::ErrorKind::NotFound)?;
        for (resource, most) in [(Resource::Data, memory), (Resource::Core, 0)] {
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            prlimit(Some(pid), resource, limit)?;
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
