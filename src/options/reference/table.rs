//! Tables of text: one record on each line, with fields separated by tabs. Empty lines and lines that begin
//! with `#` are ignored.

/// The records of a table with N fields. Lines with another number of fields are left out. The tests of each
/// table assert that there are none.
pub fn records<const N: usize>(
    table: &'static str,
) -> impl Iterator<Item = [&'static str; N]> + Clone {
    lines(table).filter_map(|line| {
        let mut fields = line.split('\t');
        let mut record = [""; N];
        for field in &mut record {
            *field = fields.next()?;
        }
        fields.next().is_none().then_some(record)
    })
}

/// The lines that are records.
pub fn lines(table: &'static str) -> impl Iterator<Item = &'static str> + Clone {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_another_form_are_left_out() {
        let table = "# of two fields\n\na\tb\nc\nd\te\tf\ng\t\n";
        assert_eq!(records::<2>(table).collect::<Vec<_>>(), [["a", "b"], ["g", ""]]);
        assert_eq!(lines(table).count(), 4);
    }
}
