//! Mooring keeps Terraform-managed infrastructure where Git says it should be.
//!
//! # Flow
//!
//! commit → checkout → saved plan → findings → decision → action → record → people
//!
//! [`reconcile::sources`] follows Git, [`reconcile::driver`] knows what is due, and
//! [`reconcile::pass`] takes one stack through all of it: [`git`] makes the checkout, [`terraform`]
//! the saved plan, [`plan_json`] reads it without its secrets, [`domain::classify`] finds what is not
//! as it should be, [`domain::policy`] decides, [`reconcile::act`] applies (the only place where
//! something is changed) and [`reconcile::conclude`] remembers and tells. `mooring check` shares the
//! middle of it, [`reconcile::look`].
//!
//! # Modules
//!
//! | module | turns | may import |
//! |---|---|---|
//! | [`domain`] | plans into findings, findings into decisions, looks into alerts; pure | nothing of ours |
//! | [`secret`] | a named place into a secret, text into masked text | nothing of ours |
//! | [`aws`] | certificates and proxies into what requests are sent with | nothing of ours |
//! | [`git`] | a source into a commit, a commit into a checkout | `domain`, `secret` |
//! | [`discover`] | a tree into stacks and what each reads elsewhere | `domain` |
//! | [`terraform`] | a checkout into a saved plan, an approved plan into an apply | `domain`, `secret` |
//! | [`plan_json`] | bytes into a plan without secrets | `domain`, `secret` |
//! | [`rego`] | policies in Rego and a plan into an opinion | `domain`, `secret` |
//! | [`store`] | domain values into rows and back | `domain` |
//! | [`artifacts`] | bytes of a run into kept copies, a state into a sealed snapshot | `domain`, `secret`, `aws` |
//! | [`statewatch`] | a backend's settings into a glance at the object that holds the state | `domain`, `secret`, `aws` |
//! | [`notify`] | notices into mails, chat posts, incidents, issues and webhook calls | `domain`, `secret` |
//! | [`telemetry`] | events into log lines, counts into metrics | `domain` |
//! | [`reconcile`] | all of the above into a reconciliation | `domain`, `secret`, adapters |
//! | [`report`] | looks into text, JSON and Markdown | `domain` |
//! | [`config`] | a file into validated settings, or errors with a place and a remedy | `domain`, `secret`, settings |
//! | [`api`] | HTTP requests into calls of [`reconcile::handle`] | `domain`, `secret`, `reconcile`, `report`, `telemetry` |
//! | [`cli`] | arguments into calls, results into output and exit codes | all |
//! | [`app`] | settings into a running daemon | all |
//!
//! Adapters ([`git`] to [`telemetry`]) never import each other, and nothing below imports a surface.
//!
//! # Invariants, in brief
//!
//! 1. Only an [`ApprovedPlan`](domain::approval::ApprovedPlan) can be applied, and what is applied is
//!    the saved plan file.
//! 2. An approval binds the exact changes, the state and everything the plan was made from; all of it
//!    is taken again before the apply.
//! 3. An automatic apply needs every change of the plan to be allowed.
//! 4. Nothing irreversible is ever automatic, nor anything while a
//!    [`Guard`](domain::policy::Guard) stands.
//! 5. Decision and intent are stored before Terraform starts; an apply that was cut off is not
//!    repeated until a person has looked.
//! 6. The state is copied before every apply, and the copy is read back first.
//! 7. After every apply the stack is planned again.
//! 8. What moved where no configuration looks outlives every apply, in the [`domain::ledger`].
//! 9. An error, an incomplete plan or an old look is never in sync, and resolves no alert of drift.
//! 10. A plan counts only if the state stood still; what newly turns bad is looked at twice.
//! 11. One apply per state at a time; no lock is released but our own of a process that is dead.
//! 12. An apply is not cut short: one interrupt, a grace period, and only then something harder.
//! 13. What a plan marks sensitive is masked before anything is stored or shown.
//! 14. What people are to be told is stored together with the reason to tell it.
//! 15. Repeating a pass changes nothing and says nothing.
//!
//! `ARCHITECTURE.md` has the whole of it: states, tables, storage, and the file that upholds each
//! invariant.

pub mod api;
pub mod app;
pub mod artifacts;
pub mod aws;
pub mod cli;
pub mod config;
pub mod discover;
pub mod domain;
pub mod git;
pub mod notify;
pub mod plan_json;
pub mod reconcile;
pub mod rego;
pub mod report;
pub mod secret;
pub mod statewatch;
pub mod store;
pub mod telemetry;
pub mod terraform;
