//! Where policies are, which of them count, and how far they may go.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of policies in Rego.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegoSettings {
    /// Files of policies, and directories of them with what is below (conftest's `--policy`).
    pub policies: Vec<PathBuf>,
    /// JSON and YAML files for the `data` document, and directories of them (conftest's `--data`).
    pub data: Vec<PathBuf>,
    /// The packages whose rules count. Package `mooring` always does.
    pub namespaces: Namespaces,
    /// How far an evaluation may go.
    pub limits: Limits,
}

impl RegoSettings {
    /// Policies as conftest would run them by default.
    pub fn new(policies: Vec<PathBuf>) -> Self {
        Self {
            policies,
            data: Vec::new(),
            namespaces: Namespaces::default(),
            limits: Limits::default(),
        }
    }
}

/// Packages whose rules count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespaces {
    /// Every package that was loaded (conftest's `--all-namespaces`).
    All,
    /// These, written without `data.` (conftest's `--namespace`).
    Named(Vec<String>),
}

impl Default for Namespaces {
    /// `main`, as in conftest.
    fn default() -> Self {
        Self::Named(vec!["main".to_owned()])
    }
}

/// How far an evaluation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time for all rules over one plan; in tests of policies, for each test.
    pub time: Duration,
    /// Size of what a policy is given, in bytes, roughly as JSON. In memory it is about five times
    /// as large.
    pub input_bytes: usize,
    /// Memory of the process in which they are evaluated, in bytes.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(5),
            input_bytes: 32 << 20,
            memory_bytes: 1 << 30,
        }
    }
}
