//! Sets of columns, by their indexes in the table of columns.

/// A set of columns, empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnSet(u64);

impl ColumnSet {
    /// Adds the column with this index, which must be less than 64.
    pub fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    /// Whether the set contains the column with this index.
    pub fn has(self, place: usize) -> bool {
        self.0 >> place & 1 != 0
    }
}
