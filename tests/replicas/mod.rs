//! Several daemons on one PostgreSQL database: they share the work, and none that is killed, stopped or
//! cut off loses or doubles anything.
//!
//! `broken` breaks them on purpose, as a seed says, and `verdict` judges what really happened by two
//! witnesses that are no part of them: the log of the engine, and what a receiver of messages got. They are
//! processes of this machine (`machine`), or containers on a network of their own (`network`).

mod broken;
mod commands;
mod compose;
mod containers;
mod copies;
mod deck;
mod engine;
mod estate;
mod machine;
mod network;
mod people;
mod proxy;
mod real;
mod receiver;
mod replica;
mod seat;
mod sharing;
mod site;
mod store;
mod verdict;
mod world;
