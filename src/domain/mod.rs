//! The pure core: what things are and how decisions follow from them. Nothing here reads a file,
//! a clock or an environment; time and history are arguments.

pub mod failure;
pub mod ids;
