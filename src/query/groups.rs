//! Groups of equal values, and how often each occurs. Memory grows with the groups.

use std::collections::HashMap;
use std::io;

use crate::query::cell::Cell;
use crate::query::columns::Column;
use crate::query::datum;
use crate::query::row::Row;

/// The number of occurrences of each value. A value is the bytes that are printed for it.
#[derive(Clone, Debug, Default)]
pub struct Groups(HashMap<Vec<u8>, u64>);

impl Groups {
    /// Counts a value.
    pub fn add(&mut self, value: &[u8]) {
        match self.0.get_mut(value) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(value.to_vec(), 1)),
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values with their counts: the largest count first, equal counts in the order of the values.
    pub fn largest_first(&self) -> Vec<(&[u8], u64)> {
        let mut groups: Vec<(&[u8], u64)> =
            self.0.iter().map(|(value, count)| (value.as_slice(), *count)).collect();
        groups.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        groups
    }
}

/// The values of a column that has one for each descriptor as they are printed, each once, in ascending order, joined by
/// commas. `None` for any other column, and if no descriptor holds the socket. Two processes of one command count as one
/// holder of their socket then.
///
/// # Errors
///
/// Those of `print`, which appends a value.
pub fn distinct(
    row: &Row,
    column: Column,
    print: impl Fn(&mut Vec<u8>, &Cell) -> io::Result<()>,
) -> io::Result<Option<Vec<u8>>> {
    let Cell::PerHolder(it) = column.read(row) else { return Ok(None) };
    if it.holders.is_empty() {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(it.holders.len());
    for cell in it.cells() {
        let mut printed = Vec::new();
        print(&mut printed, &cell)?;
        // Places in an io_uring are printed, but are no numbers to compare.
        values.push((datum::of_cell(cell), printed));
    }
    values.sort();
    values.dedup_by(|(_, one), (_, other)| one == other);
    let printed: Vec<Vec<u8>> = values.into_iter().map(|(_, printed)| printed).collect();
    Ok(Some(printed.join(&b',')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_group_is_first_and_ties_are_in_order() {
        let mut groups = Groups::default();
        ["b", "c", "a", "c", ""].iter().for_each(|value| groups.add(value.as_bytes()));
        let expected: [(&[u8], u64); 4] = [(b"c", 2), (b"", 1), (b"a", 1), (b"b", 1)];
        assert_eq!(groups.largest_first(), expected);
    }
}
