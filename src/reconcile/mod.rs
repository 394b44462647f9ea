//! The driver and the pass: what happens to a stack, in order.

pub mod settings;
