//! The options of a block, each on its line: its value, where that comes from, and sentences about it.

use super::lines::Lines;
use crate::options::meaning::{self, Subject};
use crate::options::origin;
use crate::options::plan::OptionValue;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::output::color;
use crate::query::row::Row;

/// The position of the options.
const AT: usize = 4;
/// The widest value that is filled with blanks up to the next column.
const WIDEST: usize = 14;

/// Adds the options of a socket, aligned with each other.
pub fn write(lines: &mut Lines, row: &Row) {
    if row.socket.is_mini() {
        let why = "none: the kernel keeps only a part of the socket in this state";
        return lines.add_fact("options", why);
    }
    if row.options.is_empty() && !row.is_partial {
        return lines.add_fact("options", "none of those that -O selects");
    }
    lines.add_fact("options", "");
    let names = row.options.iter().map(|shown| shown.option.name.len());
    let values = row.options.iter().map(|shown| value_text(shown).chars().count());
    let values = values.filter(|width| *width <= WIDEST);
    let widths = (names.max().unwrap_or_default(), values.max().unwrap_or_default());
    row.options.iter().for_each(|shown| write_option(lines, shown, row, widths));
    if row.is_partial {
        lines.add("    ? others may be set", AT);
    }
}

/// Adds an option. `names` and `values` are the widths of these columns.
fn write_option(
    lines: &mut Lines,
    shown: &OptionValue,
    row: &Row,
    (names, values): (usize, usize),
) {
    let origin = origin::of(shown, row.socket.kind, row.answers, row.context.host());
    let value = value_text(shown);
    let blanks = values.saturating_sub(value.chars().count()) + 2;
    let name_and_value = format!("{:<names$}  {value}", shown.option.name);
    let line = format!("{:AT$}{name_and_value}{:blanks$}{origin}", "", "");
    let sources: Vec<String> = origin.sources().iter().map(ToString::to_string).collect();
    // Beside the word if there is room.
    let whole = sources.iter().fold(line.clone(), |text, source| format!("{text}, {source}"));
    let is_beside = whole.chars().count() <= lines.columns();
    let paint = color::of_option(shown, row.knows_set);
    let line = if is_beside { whole } else { line };
    lines.add_painted(&line, AT + names + values + 4, &name_and_value, paint);
    sources.iter().filter(|_| !is_beside).for_each(|source| lines.add_below(source));
    let (kind, state) = (row.socket.kind, row.socket.state);
    let subject = Subject { shown, context: row.context, kind, state };
    meaning::of(&subject).for_each(|sentence| lines.add_below(&sentence));
}

/// The value with its unit, unless the text of the value has one.
fn value_text(OptionValue { option, value, .. }: &OptionValue) -> String {
    let text = Text(value, option.kind).to_string();
    let unit = match (option.kind.unit(), value) {
        ("bytes", Value::Int(1)) => "byte",
        ("bytes", _) => "bytes",
        ("bytes per second", Value::Uint64(rate)) if *rate != u64::MAX => "bytes/s",
        _ => "",
    };
    match (text.as_str(), unit) {
        ("", _) => "-".into(),
        (_, "") => text,
        _ => format!("{text} {unit}"),
    }
}
