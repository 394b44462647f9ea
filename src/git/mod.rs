//! Git: from a source to a checkout of one of its commits, without the `git` program.

pub mod settings;
