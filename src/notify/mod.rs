//! Channels to people: one file each, and the rendering of notices into their forms.

pub mod settings;
