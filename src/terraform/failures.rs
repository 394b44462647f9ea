//! From what an engine said to a kind, a message without secrets and a hint: one table.

use crate::domain::failure::{Failure, FailureKind};
use crate::secret::{Masker, without_url_credentials};

use super::diagnostics::Diagnostic;

/// How much of a message is kept.
const MESSAGE_LINES: usize = 40;
const MESSAGE_BYTES: usize = 4096;

/// Said by init before or after the real reason.
const PREAMBLE: &str = "encountered problems during initiali";

/// What the system says when there is no room left.
const DISK_FULL: &[&str] = &["no space left on device", "disk quota exceeded"];

enum Rule {
    /// All of these occur in the summary or detail.
    Anywhere(FailureKind, &'static [&'static str]),
    /// One of these occurs in the summary or detail.
    AnyOf(FailureKind, &'static [&'static str]),
    /// The summary starts with one of these.
    Summary(FailureKind, &'static [&'static str]),
}

use FailureKind as K;

/// Texts of Terraform and OpenTofu, in lower case and with single spaces, in order of precedence.
const RULES: &[Rule] = &[
    Rule::AnyOf(K::OutOfDisk, DISK_FULL),
    Rule::Summary(
        K::StalePlan,
        &[
            "saved plan is stale",
            "saved plan does not match the given state",
        ],
    ),
    Rule::Anywhere(K::Locked, &["error acquiring the state lock", "lock info"]),
    Rule::Summary(K::IncompletePlan, &["cannot apply incomplete plan"]),
    Rule::Summary(
        K::MissingVariable,
        &[
            "no value for required variable",
            "failed to read variables file",
        ],
    ),
    Rule::Anywhere(
        K::UnknownWorkspace,
        &["the currently selected workspace", "does not exist"],
    ),
    Rule::Summary(
        K::EngineMissing,
        &[
            "unsupported terraform core version",
            "unsupported opentofu core version",
        ],
    ),
    Rule::AnyOf(K::EngineMissing, &["state snapshot was created by"]),
    Rule::AnyOf(
        K::Unsupported,
        &[
            "hcp terraform or terraform enterprise initialization required",
            "cloud backend initialization required",
            "terraform cloud initialization required",
            "saving a generated plan is currently not supported",
            "required token could not be found",
            "operation not supported",
        ],
    ),
    Rule::Summary(
        K::ModuleMissing,
        &[
            "module not installed",
            "module not found",
            "module source has changed",
            "module version requirements have changed",
            "unreadable module directory",
            "failed to download module",
            "could not download module",
            "error accessing remote module registry",
            "unresolvable module version",
            "failed to retrieve available versions",
        ],
    ),
    Rule::AnyOf(
        K::ProviderMissing,
        &[
            "required plugins are not installed",
            "inconsistent dependency lock file",
            "provider dependency changes detected",
            "failed to query available provider packages",
            "could not retrieve the list of available versions for provider",
            "failed to resolve provider packages",
            "failed to install provider",
            "error while installing",
            "incompatible provider version",
            "could not load plugin",
            "failed to load plugin schemas",
            "failed to instantiate provider",
        ],
    ),
    Rule::AnyOf(
        K::NotInitialised,
        &[
            "backend initialization required",
            "backend configuration changed",
            "backend type changed",
            "is required by the backend",
            "missing region value",
            "is not set in the backend",
        ],
    ),
    Rule::AnyOf(
        K::Throttled,
        &[
            "throttling",
            "throttled",
            "rate exceeded",
            "requestlimitexceeded",
            "toomanyrequests",
            "too many requests",
            "ratelimitexceeded",
            "rate limit exceeded",
            "slowdown: please reduce your request rate",
            "quota exceeded for quota metric",
            "statuscode: 429",
            "status code: 429",
            "status code 429",
            "error 429",
        ],
    ),
    Rule::AnyOf(
        K::CredentialsRefused,
        &[
            "no valid credential sources",
            "no credentials",
            "could not find default credentials",
            "invalidclienttokenid",
            "signaturedoesnotmatch",
            "expiredtoken",
            "security token included in the request",
            "accessdenied",
            "access denied",
            "authfailure",
            "authenticationfailed",
            "authorizationfailed",
            "unauthorizedoperation",
            "is not authorized to perform",
            "invalid_grant",
            "unauthenticated",
            "insufficient authentication",
            "password authentication failed",
            "statuscode: 401",
            "statuscode: 403",
            "status code: 401",
            "status code: 403",
            "status code 401",
            "status code 403",
            "statuscode=401",
            "statuscode=403",
            "error 401",
            "error 403",
            "401 unauthorized",
            "403 forbidden",
        ],
    ),
    Rule::AnyOf(
        K::BackendUnreachable,
        &[
            "connection refused",
            "connection reset by peer",
            "no such host",
            "temporary failure in name resolution",
            "server misbehaving",
            "network is unreachable",
            "no route to host",
            "dial tcp",
            "i/o timeout",
            "tls handshake",
            "tls: failed to verify",
            "x509:",
            "context deadline exceeded",
            "status code: 503",
            "statuscode: 503",
            "503 service unavailable",
            "failed to request discovery document",
            "failed to get existing workspaces",
            "error loading state",
            "error refreshing state",
            "failed to load state",
        ],
    ),
    Rule::AnyOf(K::Locked, &["error acquiring the state lock"]),
    Rule::AnyOf(
        K::TerraformError,
        &[
            "postcondition failed",
            "precondition failed",
            "condition failed",
        ],
    ),
    Rule::Summary(
        K::InvalidConfiguration,
        &[
            "invalid ",
            "unsupported ",
            "argument or block definition required",
            "reference to undeclared",
            "missing required argument",
            "missing name for",
            "missing newline after",
            "missing attribute",
            "extraneous label",
            "duplicate ",
            "unclosed configuration block",
            "attribute redefined",
            "incorrect attribute value type",
            "error in function call",
            "call to unknown function",
            "variables not allowed",
            "no configuration files",
            "value for undeclared variable",
            "cycle:",
        ],
    ),
];

/// The rank of a rule that no rule matched.
const UNRANKED: usize = RULES.len();

/// The kind of a diagnostic and its place in the order of precedence.
fn classify(diagnostic: &Diagnostic) -> (usize, FailureKind) {
    let flat = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let summary = flat(&diagnostic.summary);
    let whole = format!("{summary} {}", flat(&diagnostic.detail));
    let by_text = RULES
        .iter()
        .enumerate()
        .find_map(|(rank, rule)| match rule {
            Rule::Anywhere(kind, all) => all
                .iter()
                .all(|t| whole.contains(t))
                .then_some((rank, *kind)),
            Rule::AnyOf(kind, any) => any
                .iter()
                .any(|t| whole.contains(t))
                .then_some((rank, *kind)),
            Rule::Summary(kind, any) => {
                let hit = any.iter().any(|text| summary.starts_with(text));
                hit.then_some((rank, *kind))
            }
        });
    by_text.unwrap_or_else(|| {
        let in_the_code = diagnostic.place.is_some() && diagnostic.address.is_none();
        if in_the_code {
            (UNRANKED, K::InvalidConfiguration)
        } else {
            (UNRANKED, K::TerraformError)
        }
    })
}

/// The failure that these errors amount to; `text` serves where the engine gave no diagnostics,
/// `step` names the command and how it ended.
pub(super) fn failure(errors: &[Diagnostic], text: &str, step: &str, masker: &Masker) -> Failure {
    let mut errors: Vec<Diagnostic> = errors
        .iter()
        .cloned()
        .chain(Diagnostic::errors_in_text(text))
        .collect();
    if errors.len() > 1 && errors.iter().any(|error| !is_preamble(error)) {
        errors.retain(|error| !is_preamble(error));
    }
    if let Some(line) = text.lines().find(|line| is_disk_full(line)) {
        // Said outside any diagnostic, for example by a provider on its way down.
        errors.push(Diagnostic {
            is_error: true,
            summary: line.trim().to_owned(),
            ..Diagnostic::default()
        });
    }
    let main = errors.iter().min_by_key(|error| classify(error).0);
    let (kind, message) = match main {
        Some(main) => {
            let kind = classify(main).1;
            (kind, message(main, errors.len() - 1, masker))
        }
        None => {
            let bare = Diagnostic {
                summary: step.to_owned(),
                detail: last_lines(text),
                ..Diagnostic::default()
            };
            let (rank, kind) = classify(&bare);
            let kind = if rank == UNRANKED {
                K::TerraformError
            } else {
                kind
            };
            (kind, message(&bare, 0, masker))
        }
    };
    Failure::new(kind, message, hint(kind))
}

fn is_disk_full(line: &str) -> bool {
    let line = line.to_lowercase();
    DISK_FULL.iter().any(|text| line.contains(text))
}

fn is_preamble(diagnostic: &Diagnostic) -> bool {
    diagnostic.summary.contains(PREAMBLE)
}

/// A warning in one line.
pub(super) fn warning(diagnostic: &Diagnostic, masker: &Masker) -> String {
    let detail = diagnostic.detail.lines().next().unwrap_or_default();
    let line = if detail.is_empty() {
        diagnostic.summary.clone()
    } else {
        format!("{}: {detail}", diagnostic.summary)
    };
    cut(&without_secrets(&line, masker))
}

/// What people may see of what an engine said: no known secret and no credential in a URL (a
/// module's source, the address of an http backend), which nobody may have declared a secret. Cut
/// to length only afterwards, or a piece of a secret would stay.
pub(super) fn without_secrets(text: &str, masker: &Masker) -> String {
    without_url_credentials(&masker.mask(text))
}

fn message(main: &Diagnostic, others: usize, masker: &Masker) -> String {
    let mut text = main.summary.trim().to_owned();
    if !main.detail.trim().is_empty() {
        text.push('\n');
        text.push_str(main.detail.trim());
    }
    let mut text = cut(&without_secrets(&text, masker));
    let at = [main.address.as_deref(), main.place.as_deref()];
    let at: Vec<&str> = at.into_iter().flatten().collect();
    if !at.is_empty() {
        let at = without_secrets(&at.join(", "), masker);
        text.push_str(&format!("\n({at})"));
    }
    if others > 0 {
        let noun = if others == 1 { "error" } else { "errors" };
        text.push_str(&format!("\n(and {others} more {noun})"));
    }
    text
}

/// The first lines and bytes, whole characters only.
fn cut(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take(MESSAGE_LINES).collect();
    let mut kept = lines.join("\n");
    if kept.len() > MESSAGE_BYTES {
        kept.truncate(kept.floor_char_boundary(MESSAGE_BYTES));
        kept.push('…');
    }
    kept
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(MESSAGE_LINES / 2);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// What to do next about a failure of this kind.
pub(super) const fn hint(kind: FailureKind) -> &'static str {
    match kind {
        K::EngineMissing => {
            "Install a version of Terraform or OpenTofu that suits this configuration and its \
             state, or name its path as the engine."
        }
        K::Locked => {
            "Wait until the operation named in the lock info has ended. If its process is known to \
             be dead, release the lock with `force-unlock` and its ID."
        }
        K::StalePlan => {
            "The state has changed since the plan was made: plan again and decide on the new plan."
        }
        K::NotInitialised => {
            "Run `init` with the backend settings of this stack, or give Mooring its \
             backend configuration."
        }
        K::ProviderMissing => {
            "Check that the provider can be downloaded from here (registry, mirror, proxy) and that \
             the lock file lists it for this platform, then run `init`."
        }
        K::ModuleMissing => {
            "Check the module's source and that it can be fetched from here (network, credentials, \
             the `git` program), then run `init`."
        }
        K::BackendUnreachable => {
            "Check that the address answers from this machine (network, DNS, proxy, certificates) \
             and try again."
        }
        K::Throttled => {
            "Ask the API less often: a budget (`budgets` in the configuration) limits how many stacks \
             are looked at at once and how many begin in a while."
        }
        K::CredentialsRefused => {
            "Give this stack credentials that are valid and allowed to read what it manages and its \
             state."
        }
        K::InvalidConfiguration => "Correct the configuration at the place named.",
        K::MissingVariable => {
            "Give the variable a value: a variable file of this stack or TF_VAR_<name> in its \
             environment."
        }
        K::UnknownWorkspace => {
            "Correct the workspace's name, or create it with `workspace new`; Mooring never creates \
             one."
        }
        K::OutOfDisk => "Free space on the disk that is named or that holds the temporary files.",
        K::TimedOut => {
            "Find out what it waited for; if the time is simply needed, raise the time limit of \
             this step."
        }
        K::LocalState => {
            "Keep the state in a remote backend, or let Mooring use the directory that holds it."
        }
        K::Unsupported => {
            "Mooring runs Terraform itself and needs plain runs: a state backend without remote \
             execution, and a file system that can lock."
        }
        K::IncompletePlan => "Correct what made the plan fail, then plan again.",
        K::UnreadablePlan => "Plan again with a supported version; encrypted plans cannot be read.",
        K::OutputTooLarge => "Split the stack, or look for a value that has grown out of bounds.",
        K::Interrupted => "Nothing is wrong with the stack; it will be looked at again.",
        _ => "Run the same command by hand in the stack's directory to see the whole output.",
    }
}

/// A failure whose hint is the usual one of its kind.
pub(super) fn plain(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure::new(kind, message, hint(kind))
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
