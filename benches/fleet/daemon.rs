//! A daemon over a repository of many stacks, and what it costs.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ticks of the kernel's accounts in a second; every Linux has it so.
const TICKS: u64 = 100;

/// How often a daemon is asked how far it is: its answers count as its work.
const POLL: Duration = Duration::from_secs(1);

/// A running daemon; killed with this value.
pub(crate) struct Daemon {
    child: Child,
    address: String,
}

/// What the kernel says of a process by itself, without its children.
#[derive(Clone, Copy, Default)]
pub(crate) struct Account {
    pub(crate) cpu: Duration,
    /// Resident memory and its peak, in bytes.
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

impl Daemon {
    /// Starts the daemon; `schedule` is that of every stack.
    pub(crate) fn start(dir: &Path, schedule: &str, jobs: usize) -> io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let text = format!(
            "data_dir: {dir}/data\njobs: {jobs}\nschedule: \"{schedule}\"\njitter: 0s\nengine: {dir}/bin/terraform\n\
             api: {{ listen: \"{address}\", token_file: {dir}/token }}\n\
             sources:\n  - {{ name: infra, path: {dir}/repository, poll: 1s }}\n",
            dir = dir.display()
        );
        fs::write(dir.join("mooring.yaml"), text)?;
        fs::write(dir.join("token"), "a-token-for-the-benchmark")?;
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["-q", "serve", "--config"])
            .arg(dir.join("mooring.yaml"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(dir.join("log"))?)
            .spawn()?;
        let daemon = Self { child, address };
        daemon.until("it answers", || daemon.get("/healthz").is_ok())?;
        Ok(daemon)
    }

    /// What it has used by now.
    pub(crate) fn account(&self) -> io::Result<Account> {
        let dir = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = fs::read_to_string(dir.join("stat"))?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |at: usize| -> u64 { fields.get(at).and_then(|f| f.parse().ok()).unwrap_or(0) };
        let status = fs::read_to_string(dir.join("status"))?;
        let bytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse().ok());
            kib.unwrap_or(0_u64) << 10
        };
        Ok(Account {
            cpu: Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS),
            resident: bytes("VmRSS:"),
            peak: bytes("VmHWM:"),
        })
    }

    /// A number from its metrics, added up over labels.
    pub(crate) fn metric(&self, name: &str) -> io::Result<f64> {
        let text = self.get("/metrics")?;
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        Ok(lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }

    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) -> io::Result<Duration> {
        let began = Instant::now();
        while !holds() {
            if began.elapsed() > Duration::from_secs(1800) {
                return Err(io::Error::other(format!(
                    "half an hour, and not yet: {what}"
                )));
            }
            std::thread::sleep(POLL);
        }
        Ok(began.elapsed())
    }

    /// The body of an answer.
    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer \
             a-token-for-the-benchmark\r\n\r\n"
        )?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut body = String::new();
        reader.read_to_string(&mut body)?;
        Ok(body)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
