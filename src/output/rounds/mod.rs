//! Readings that follow one another (`--continuous`): what a round has shown, what has changed since the one before,
//! and how that is written.

pub mod collector;
pub mod compare;
pub mod events;
pub mod round;
pub mod screen;
pub mod stamp;
mod values;
