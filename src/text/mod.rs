//! Text: names and bytes from outside, and what to answer a wrong word.

mod escape;
mod name;
pub mod suggest;

pub use escape::{escaped, Escaped, Word};
pub use name::Name;
