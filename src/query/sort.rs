//! The order of rows: the keys of `--sort`.

use std::cmp::Ordering;

use crate::query::datum::Datum;
use crate::query::key::Key;
use crate::query::row::Row;
use crate::text::escaped;

/// A key that rows are sorted by, and the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    pub key: Key,
    pub descending: bool,
}

impl SortKey {
    /// Parses a name of [`Key::parse`]. A minus before it reverses the order.
    ///
    /// # Errors
    ///
    /// If there is no such name, or several, a sentence that suggests the nearest names.
    pub fn parse(word: &str) -> Result<SortKey, String> {
        let word = word.trim();
        let (descending, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
        if name.starts_with('-') {
            let word = escaped(word.as_bytes());
            let hint = "one minus before a name sorts in descending order";
            return Err(format!("unknown name '{word}' ({hint})"));
        }
        Ok(SortKey { key: Key::parse_in_list(name)?, descending })
    }
}

/// The data by which a row is sorted, one for each key.
pub fn data(keys: &[SortKey], row: &Row) -> Vec<Datum<'static>> {
    keys.iter().map(|it| row.datum(it.key).into_owned()).collect()
}

/// Compares the data of two rows. The first key that differs decides. Missing values are last in both
/// directions.
pub fn compare(keys: &[SortKey], a: &[Datum], b: &[Datum]) -> Ordering {
    let each = keys.iter().zip(a.iter().zip(b));
    each.map(|(key, (a, b))| a.cmp_for_sorting(b, key.descending))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_reverses_the_order() {
        let parse = |word| SortKey::parse(word).map(|it| (it.key.to_string(), it.descending));
        assert_eq!(parse("-rcvbuf"), Ok(("so_rcvbuf".into(), true)));
        assert_eq!(parse("dport"), Ok(("dport".into(), false)));
        for word in ["-", "", " "] {
            assert!(parse(word).is_err_and(|error| error.contains("empty word")), "{word:?}");
        }
        assert!(parse("--dport").is_err());
    }

    #[test]
    fn missing_values_are_last_in_both_directions() {
        for descending in [false, true] {
            let keys = [SortKey { key: Key::Option(0), descending }];
            let mut rows =
                [Datum::Nothing, Datum::Number(1), Datum::Number(2)].map(|datum| vec![datum]);
            rows.sort_by(|a, b| compare(&keys, a, b));
            assert_eq!(rows[2], [Datum::Nothing]);
            assert_eq!(rows[0] == [Datum::Number(2)], descending);
        }
    }
}
