//! The style of the cells of a row.

use super::color::{self, Paint};
use crate::options::plan::OptionValue;

/// The style of the cells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wording {
    /// Whether the words of `--short` are used.
    pub short: bool,
    /// Whether options that are set stand out.
    pub color: bool,
    /// Whether it is known which options are set, so that the others have their defaults.
    pub knows_set: bool,
    /// The width that a list of processes may have before it is shortened. `None` if it may have any
    /// width.
    pub processes: Option<usize>,
}

impl Wording {
    /// The colour or type in which an option is printed.
    pub fn paint(&self, shown: &OptionValue) -> Paint {
        match self.color {
            true => color::of_option(shown, self.knows_set),
            false => color::NONE,
        }
    }
}
