//! Several daemons on one PostgreSQL database: they share the work, and none that is killed, stopped or
//! cut off loses or doubles anything.
//!
//! `broken` breaks them on purpose, as a seed says, and `verdict` judges what really happened by two
//! witnesses that are no part of them: the log of the engine, and what a receiver of messages got.

mod broken;
mod commands;
mod deck;
mod engine;
mod estate;
mod proxy;
mod real;
mod receiver;
mod replica;
mod sharing;
mod verdict;
