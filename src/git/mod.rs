//! Git: from a source to a checkout of one of its commits, to who last changed a line of it and to
//! where that can be seen, without the `git` program (`ssh` is one, where a source is behind it).
//!
//! Everything here blocks: call it from `spawn_blocking`. LFS files are left as their pointers.

mod authors;
mod bare;
mod blame;
mod checkout;
mod difference;
mod failure;
mod fetch;
mod github;
mod gitlinks;
mod mirror;
mod progress;
mod reference;
mod remote;
pub mod settings;
mod ssh;
mod submodule;
mod submodule_url;
mod web;
mod work_tree;

pub use difference::Difference;
pub use fetch::STALL_LIMIT;
pub use mirror::Mirror;
pub use web::permalink;
pub use work_tree::{Head, head_of};
