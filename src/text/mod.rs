//! Words for people.

pub mod suggest;
