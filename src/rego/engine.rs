//! The engine with policies in it, and what it says in terms of the files.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};

use super::error::{Complaint, LoadError, Place};
use super::functions;
use super::lenient::Rewritten;
use super::source::{Dialect, Source};

/// Steps of the engine between two looks at the clock.
const STEPS: NonZeroU32 = NonZeroU32::MIN.saturating_add(15);

/// What a builtin that fails does to the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtins {
    /// Makes the expression undefined, as OPA and conftest have it.
    Undefined,
    /// Breaks the evaluation off.
    Fail,
}

/// Policies that are ready to be evaluated. A clone is cheap and shares what was compiled.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    engine: Engine,
    files: Arc<HashMap<String, Rewritten>>,
}

impl Compiled {
    /// Compiles sources that were checked, with their data.
    pub(super) fn new(
        sources: &[Source],
        data: &[Value],
        builtins: Builtins,
    ) -> Result<Self, LoadError> {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(builtins == Builtins::Fail);
        // Else `print` writes to standard error.
        engine.set_gather_prints(true);
        functions::add(&mut engine).map_err(LoadError::Policies)?;
        let mut files = HashMap::new();
        for source in sources {
            engine.set_rego_v0(source.dialect == Dialect::V0);
            let mut rewritten = Rewritten::of(source);
            let add = |engine: &mut Engine, rewritten: &Rewritten| {
                engine.add_policy(source.file.clone(), rewritten.text.clone())
            };
            if add(&mut engine, &rewritten).is_err() {
                // A line can have become too long, or an expression too deep.
                rewritten = Rewritten::untouched(source);
                add(&mut engine, &rewritten)
                    .map_err(|error| Complaint::of(error).into_error(&source.file))?;
            }
            files.insert(source.file.clone(), rewritten);
        }
        for data in data {
            engine
                .add_data(data.clone())
                .map_err(|error| LoadError::Policies(error.to_string()))?;
        }
        let mut compiled = Self {
            engine,
            files: Arc::new(files),
        };
        // Any query makes the engine look for what is unsafe or contradicts itself.
        if let Err(error) = compiled.engine.eval_query("true".to_owned(), false) {
            let complaint = compiled.complaint(&error);
            return Err(match complaint.place {
                Some(place) => LoadError::Policy {
                    place,
                    message: complaint.message,
                },
                None => LoadError::Policies(complaint.message),
            });
        }
        Ok(compiled)
    }

    /// Adds to the data.
    pub(super) fn tell(&mut self, data: Value) -> Result<(), String> {
        self.engine.add_data(data).map_err(|e| self.text(&e))
    }

    /// Sets the input.
    pub(super) fn give(&mut self, input: Value) {
        self.engine.set_input(input);
    }

    /// Sets the time; once only.
    pub(super) fn set_time(&mut self, nanoseconds: i64) -> Result<(), String> {
        functions::add_time(&mut self.engine, nanoseconds)
    }

    /// The value of a rule, if it is found within this time.
    pub(super) fn value(&mut self, path: &str, time: Duration) -> Result<Value, String> {
        self.engine
            .set_execution_timer_config(ExecutionTimerConfig {
                limit: time,
                check_interval: STEPS,
            });
        let value = self.engine.eval_rule(path.to_owned());
        let refused = functions::refused();
        match (value, refused) {
            (Ok(_), Some(refused)) => Err(refused),
            (Ok(value), None) => Ok(value),
            (Err(error), _) => Err(self.text(&error)),
        }
    }

    /// What `print` said since the last time.
    pub(super) fn prints(&mut self) -> Vec<String> {
        self.engine.take_prints().unwrap_or_default()
    }

    fn text(&self, error: &dyn fmt::Display) -> String {
        let complaint = self.complaint(error);
        match complaint.place {
            Some(place) => format!("{place}: {}", complaint.message),
            None => complaint.message,
        }
    }

    /// With the column that the file has there.
    fn complaint(&self, error: &dyn fmt::Display) -> Complaint {
        let mut complaint = Complaint::of(error);
        complaint.message = complaint.message.replace("mooring_internal.", "");
        if let Some(Place { file, line, column }) = &mut complaint.place
            && let Some(rewritten) = self.files.get(file)
        {
            *column = rewritten.column(*line, *column);
        }
        complaint
    }
}
