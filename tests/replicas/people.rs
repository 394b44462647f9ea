//! What people do who live with the replicas.

use std::process::Command;

use serde_json::Value;

use super::commands::now;
use super::deck::Dice;
use super::estate::{Estate, STACKS};
use super::world::{TOKEN, git};

impl Estate {
    /// Somebody changes some things by hand, and commits something beside each, so that it is looked at.
    /// What is applied meanwhile is not so often that Git has always moved on.
    pub(super) fn drift(&mut self, dice: &mut Dice) {
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
    pub(super) fn addresses(&self) -> Vec<String> {
        let seats = self.seats.iter().filter(|seat| seat.trouble.is_none());
        let processes = seats.filter_map(|seat| seat.process.as_ref());
        processes
            .filter_map(|(process, _)| process.address())
            .collect()
    }

    /// A person approves of all that is asked.
    pub(super) fn vote(&self) {
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

    /// What somebody answers, as JSON.
    pub(super) fn get(&self, address: &str, path: &str) -> Option<Value> {
        serde_json::from_str(&self.text(address, path)?).ok()
    }

    /// What somebody answers; nothing if it is no.
    pub(super) fn text(&self, address: &str, path: &str) -> Option<String> {
        let url = format!("http://{address}/api/v1/{path}");
        let answer = self.http.get(url).bearer_auth(TOKEN).send().ok()?;
        answer.error_for_status().ok()?.text().ok()
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
            .env("MOORING_TOKEN", TOKEN)
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
}
