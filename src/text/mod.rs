//! Text: names and bytes from outside, breaking into lines, and suggestions for a mistyped word.

mod apart;
mod escape;
mod fold;
mod moment;
mod name;
pub mod suggest;
pub mod units;

pub use apart::{is_number, set_apart, unescaped, First, EMPTY};
pub use escape::{escaped, Escaped, Part, Word};
pub use fold::fold;
pub use moment::Moment;
pub use name::Name;
