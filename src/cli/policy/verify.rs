//! `mooring policy verify`: the tests that people write for their policies in Rego.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::config::load;
use crate::rego::settings::RegoSettings;
use crate::rego::{LoadError, Policies, Trial, TrialOutcome};
use crate::report::terminal;

use super::super::error::CliError;
use super::super::output::print;

/// A test failed or broke off.
const FAILED: u8 = 1;

/// Arguments of `policy verify`.
#[derive(Debug, Args)]
pub(in super::super) struct VerifyArgs {
    /// Files and directories of policies and their tests.
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    policies: Vec<PathBuf>,
    /// JSON and YAML files for `data`, and directories of them.
    #[arg(long, value_name = "PATH", requires = "policies")]
    data: Vec<PathBuf>,
    /// The policies and data of this configuration instead.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// `mooring policy verify`.
pub(in super::super) fn verify(args: VerifyArgs) -> Result<u8, CliError> {
    let settings = match &args.config {
        Some(file) => load(file)?.rego.ok_or_else(|| CliError::Usage {
            message: format!("{} has no policies in Rego", file.display()),
            hint: "name them below policy.rego, or name files instead of --config".to_owned(),
        })?,
        None => RegoSettings {
            data: args.data,
            ..RegoSettings::new(args.policies)
        },
    };
    let wrong = |error: LoadError| CliError::Usage {
        message: error.to_string(),
        hint: "mend the policy".to_owned(),
    };
    let policies = Policies::load(&settings).map_err(wrong)?;
    let trials = policies.test(Timestamp::now()).map_err(wrong)?;
    if trials.is_empty() {
        return Err(CliError::Usage {
            message: "there are no tests".to_owned(),
            hint: "write rules whose names begin with `test_`, in files that end in _test.rego"
                .to_owned(),
        });
    }
    print(&told(&trials))?;
    let well =
        |trial: &Trial| matches!(trial.outcome, TrialOutcome::Passed | TrialOutcome::Skipped);
    Ok(if trials.iter().all(well) { 0 } else { FAILED })
}

fn told(trials: &[Trial]) -> String {
    let mut out = String::new();
    for trial in trials {
        let (word, why) = match &trial.outcome {
            TrialOutcome::Passed => ("pass", None),
            TrialOutcome::Failed => ("FAIL", None),
            TrialOutcome::Skipped => ("skip", None),
            TrialOutcome::Broken(why) => ("FAIL", Some(why)),
        };
        let name = terminal(&trial.name.to_string());
        out.push_str(&format!(
            "{word}  {name}  {}\n",
            terminal(&trial.place.to_string())
        ));
        for line in why.into_iter().chain(&trial.prints) {
            out.push_str(&format!("      {}\n", terminal(line)));
        }
    }
    let count = |wanted: fn(&TrialOutcome) -> bool| {
        trials.iter().filter(|trial| wanted(&trial.outcome)).count()
    };
    let failed = count(|o| matches!(o, TrialOutcome::Failed | TrialOutcome::Broken(_)));
    let skipped = count(|o| matches!(o, TrialOutcome::Skipped));
    let skipped = match skipped {
        0 => String::new(),
        some => format!(", {some} skipped"),
    };
    out + &format!("{} tests, {failed} failed{skipped}\n", trials.len())
}
