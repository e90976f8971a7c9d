//! How the cells of a row are worded.

use super::color::{self, Paint};
use crate::options::plan::OptionValue;

/// How the cells of a row are worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wording {
    /// In the words of `--short`.
    pub short: bool,
    /// Options that are set stand out.
    pub color: bool,
    /// Whether it is known which options are set, so that the others have their defaults.
    pub knows_set: bool,
    /// How wide a list of processes may be before only the first is named; none: however long it is.
    pub processes: Option<usize>,
}

impl Wording {
    /// The type that an option is printed in.
    pub fn paint(&self, shown: &OptionValue) -> Paint {
        match self.color {
            true => color::of_option(shown, self.knows_set),
            false => color::NONE,
        }
    }
}
