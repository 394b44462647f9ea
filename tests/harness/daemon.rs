//! A real `mooring serve` against a lab.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::lab::tail;
use super::{Lab, Repository, eventually, free_port};

/// The token of the API.
const TOKEN: &str = "an-api-token-for-tests";
/// How long something that needs a few runs may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// A running daemon; killed with this value if it was not stopped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    config: PathBuf,
    server: String,
    token_file: PathBuf,
}

impl Daemon {
    /// The configuration of a daemon that follows a repository of a lab and tells its mail and
    /// webhook servers; `more` is put at the end.
    pub fn configuration(lab: &Lab, repository: &Repository, more: &str) -> String {
        let dir = lab.path().display();
        std::fs::write(
            lab.path().join("slack-url"),
            format!("{}/slack/oncall", lab.field("webhook")),
        )
        .unwrap();
        std::fs::write(
            lab.path().join("hook-url"),
            format!("{}/hook/x", lab.field("webhook")),
        )
        .unwrap();
        let env: String = lab
            .environment()
            .iter()
            .filter(|(name, _)| name != "AWS_SECRET_ACCESS_KEY")
            .map(|(name, value)| format!("  {name}: {value:?}\n"))
            .collect();
        std::fs::write(lab.path().join("aws-secret"), "test").unwrap();
        format!(
            r#"data_dir: {dir}/data
ca_file: {ca}
jobs: 2
schedule: "0 0 1 1 *"
api: {{ listen: "127.0.0.1:{port}", token_file: {dir}/api-token }}
alerts: {{ persist: {{ medium: 0s, low: 0s }}, group_wait: 0s, group_interval: 1s }}
sources:
  - name: infra
    url: {url}
    ref: main
    username: {user}
    token_file: {token}
    poll: 1s
notify:
  - name: oncall
    slack: {{ webhook_url_file: {dir}/slack-url }}
  - name: hook
    webhook: {{ url_file: {dir}/hook-url }}
  - name: team
    email: {{ to: [platform@example.com] }}
smtp:
  host: {smtp_host}
  port: {smtp_port}
  from: mooring@example.com
  tls: starttls
  username: {smtp_user}
  password_file: {smtp_password}
env:
{env}  AWS_SECRET_ACCESS_KEY: {{ file: {dir}/aws-secret }}
{more}"#,
            ca = lab.field("ca"),
            port = free_port(),
            url = repository.url,
            user = lab.field("git_user"),
            token = lab.field("git_token_file"),
            smtp_host = lab.field("smtp.host"),
            smtp_port = lab.field("smtp.port"),
            smtp_user = lab.field("smtp.username"),
            smtp_password = lab.field("smtp.password_file"),
        )
    }

    /// Starts a daemon and waits until it answers.
    pub fn start(lab: &Lab, configuration: &str) -> Self {
        Self::start_in(lab.path(), configuration)
    }

    /// Starts a daemon that needs no lab, with all that is its own in a directory.
    pub fn start_in(dir: &Path, configuration: &str) -> Self {
        let config = dir.join("mooring.yaml");
        std::fs::write(&config, configuration).unwrap();
        std::fs::write(dir.join("api-token"), TOKEN).unwrap();
        let mut daemon = Self::spawn(dir, &config);
        daemon.wait_until_up();
        daemon
    }

    /// Starts a daemon again with the configuration it had.
    pub fn restart(lab: &Lab) -> Self {
        let mut daemon = Self::spawn(lab.path(), &lab.path().join("mooring.yaml"));
        daemon.wait_until_up();
        daemon
    }

    /// The same, if it is killed before it answers.
    pub fn restart_in_vain(lab: &Lab) -> Self {
        Self::spawn(lab.path(), &lab.path().join("mooring.yaml"))
    }

    fn spawn(dir: &Path, config: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap();
        let listen = text
            .split("listen: \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let log = dir.join("mooring.log");
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["serve", "--config"])
            .arg(config)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", dir)
            .env("MOORING_LOG", "info,mooring=debug")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            child,
            log,
            config: config.to_owned(),
            server: format!("http://{listen}"),
            token_file: dir.join("api-token"),
        }
    }

    fn wait_until_up(&mut self) {
        let url = format!("{}/healthz", self.server);
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .build()
            .unwrap();
        for _ in 0..300 {
            if http
                .get(&url)
                .send()
                .is_ok_and(|answer| answer.status().is_success())
            {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the daemon ended: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the daemon does not answer: {}", self.log());
    }

    /// The whole log, of all daemons of this lab.
    pub fn whole_log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.log)
    }

    /// The address of the API.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        self.config.as_ref()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The command line against it, with the operator's token.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
        command
            .args(arguments)
            .env("MOORING_SERVER", &self.server)
            .env("MOORING_TOKEN_FILE", &self.token_file)
            .env("MOORING_CONFIG", &self.config)
            .env("USER", "ann");
        command
    }

    /// Runs the command line against it, which refuses; gives its standard error.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs the command line against it; gives its standard output.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {errors}\n{}",
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks the API for JSON below `/api/v1/`.
    pub fn get(&self, path: &str) -> Value {
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .build()
            .unwrap();
        let answer = http
            .get(format!("{}/api/v1/{path}", self.server))
            .bearer_auth(TOKEN)
            .send();
        serde_json::from_str(&answer.unwrap().text().unwrap()).unwrap()
    }

    /// A stack as the API lists it; null if there is none.
    pub fn stack(&self, id: &str) -> Value {
        let stacks = self.get("stacks");
        let mut stacks = stacks["stacks"].as_array().unwrap().clone().into_iter();
        stacks
            .find(|stack| stack["stack"] == id)
            .unwrap_or_default()
    }

    /// Has a stack planned and waits until the run, and the confirmation it may ask for, has ended;
    /// gives the stack.
    pub fn planned(&self, id: &str) -> Value {
        self.cli(&["plan", id]);
        self.settled(id);
        self.stack(id)
    }

    /// Asks for a plan; whether the daemon takes it up.
    pub fn ask_for_plan(&self, id: &str) -> bool {
        let http = reqwest::blocking::Client::builder().no_proxy().build();
        let path = id.replace('/', "%2F");
        let answer = http
            .unwrap()
            .post(format!("{}/api/v1/stacks/{path}/plan", self.server))
            .bearer_auth(TOKEN)
            .send();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The same as `planned`, from a daemon that may not know the stack yet.
    pub fn planned_once_known(&self, id: &str) -> Value {
        let what = format!("{id} can be planned");
        self.eventually(&what, || self.ask_for_plan(id).then_some(()));
        self.settled(id);
        self.stack(id)
    }

    /// The runs of a stack, newest first.
    pub fn runs(&self, id: &str) -> Vec<Value> {
        let runs = self.get(&format!("runs?limit=500&stack={id}"));
        runs["runs"].as_array().unwrap().clone()
    }

    /// A source as the API lists it; null if there is none.
    pub fn source(&self, name: &str) -> Value {
        let stacks = self.get("stacks");
        let mut sources = stacks["sources"].as_array().unwrap().clone().into_iter();
        sources
            .find(|source| source["name"] == name)
            .unwrap_or_default()
    }

    /// Whether `/healthz` says that it is alive.
    pub fn is_healthy(&self) -> bool {
        let http = reqwest::blocking::Client::builder().no_proxy().build();
        let answer = http.unwrap().get(format!("{}/healthz", self.server)).send();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until every message has been delivered and recorded.
    pub fn all_told(&self) {
        let http = reqwest::blocking::Client::builder().no_proxy().build();
        let http = http.unwrap();
        self.eventually("every message has left", || {
            let metrics = http.get(format!("{}/metrics", self.server)).send();
            let text = metrics.unwrap().text().unwrap();
            text.lines()
                .any(|line| line == "mooring_outbox_waiting 0")
                .then_some(())
        });
    }

    /// Waits until no run of a stack is open and none waits for confirmation.
    pub fn settled(&self, id: &str) {
        self.eventually(&format!("{id} is settled"), || {
            let runs = self.get(&format!("runs?limit=500&stack={id}"));
            let runs = runs["runs"].as_array().unwrap();
            let over = runs
                .iter()
                .all(|r| r["state"] == "finished" || r["state"] == "interrupted");
            let newest = runs.first().map(|run| run["outcome"]["kind"].clone());
            (over && newest.is_some_and(|kind| kind != "unconfirmed")).then_some(())
        });
    }

    /// Waits for a verdict; gives the stack.
    pub fn wait_for_verdict(&self, id: &str, verdict: &str) -> Value {
        self.eventually(&format!("{id} is {verdict}"), || {
            let stack = self.stack(id);
            (stack["verdict"] == verdict).then_some(stack)
        })
    }

    /// Waits for something, and shows the log if it never comes.
    pub fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            let in_time = std::time::Instant::now() < deadline;
            assert!(in_time, "waited in vain: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(self) -> ExitStatus {
        self.terminate();
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        eventually("the daemon stops", Duration::from_secs(60), || {
            self.child.try_wait().unwrap()
        })
    }

    /// Waits until somebody else has killed it.
    pub fn killed(mut self, point: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let in_time = std::time::Instant::now() < deadline;
            assert!(in_time, "not killed {point}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(9), "{point}: {status}\n{}", self.log());
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
