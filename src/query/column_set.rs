//! Columns by their places in the table of columns.

/// A set of columns; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnSet(u64);

impl ColumnSet {
    /// Adds the column with this place in the table, which has fewer than 64.
    pub fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    /// Whether the column with this place is there.
    pub fn has(self, place: usize) -> bool {
        self.0 >> place & 1 != 0
    }
}
