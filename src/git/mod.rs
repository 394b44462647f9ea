//! Git: from a source to a checkout of one of its commits, to who last changed a line of it and to
//! where that can be seen, without the `git` program.
//!
//! Everything here blocks: call it from `spawn_blocking`. Submodules are left as empty places and
//! LFS files as their pointers; neither is followed.

mod authors;
mod blame;
mod checkout;
mod failure;
mod fetch;
mod mirror;
mod progress;
mod reference;
mod remote;
pub mod settings;
mod web;
mod work_tree;

pub use fetch::STALL_LIMIT;
pub use mirror::Mirror;
pub use web::permalink;
pub use work_tree::{Head, head_of};
