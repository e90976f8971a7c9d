//! Counts of sockets by the values of keys (`--count-by`), the largest first. Values that are printed alike
//! are one group.

use std::io::{self, Write};

use super::{csv, json, list, Format, Output, Row, Style};
use crate::query::cell::Cell;
use crate::query::cell_text;
use crate::query::column_list::ColumnList;
use crate::query::groups::{self, Groups};
use crate::query::key::Key;
use crate::query::layout::Layout;
use crate::record::fact::Sections;

/// Aligned columns.
pub const TABLE: Format = format(|to, columns, style| open(to, columns, style, Form::Text));

/// One JSON array, with one object per line.
pub const ARRAY: Format = format(|to, columns, style| open(to, columns, style, Form::Array));

/// One JSON object per line.
pub const LINES: Format = format(|to, columns, style| open(to, columns, style, Form::Lines));

/// CSV.
pub const CSV: Format = format(|to, columns, style| open(to, columns, style, Form::Csv));

const fn format(
    open: for<'a> fn(Box<dyn Write + 'a>, ColumnList, Style) -> Box<dyn Output + 'a>,
) -> Format {
    Format {
        whole_sockets: false,
        has_sections: false,
        has_blocks: false,
        explains: false,
        sections: Sections::default,
        open,
    }
}

/// The form in which groups are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Array,
    Lines,
    Csv,
}

fn open<'a>(
    to: Box<dyn Write + 'a>,
    columns: ColumnList,
    style: Style,
    form: Form,
) -> Box<dyn Output + 'a> {
    let keys = columns.keys().to_vec();
    Box::new(Counts { to, keys, form, style, groups: Groups::default(), values: Vec::new() })
}

struct Counts<'a> {
    to: Box<dyn Write + 'a>,
    keys: Vec<Key>,
    form: Form,
    style: Style,
    /// Each group is the values of its keys as they are printed, with [`BETWEEN`] between two of them.
    groups: Groups,
    /// The values of the current socket.
    values: Vec<u8>,
}

/// The byte between two values. Every control character in a value is escaped.
const BETWEEN: u8 = 0;

impl Output for Counts<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.values.clear();
        for (n, key) in self.keys.iter().enumerate() {
            if n > 0 {
                self.values.push(BETWEEN);
            }
            match self.form {
                Form::Text => write_text(&mut self.values, row, *key)?,
                Form::Array | Form::Lines => json::write_key(&mut self.values, row, *key)?,
                Form::Csv => csv::write_key(&mut self.values, row, *key)?,
            }
        }
        self.groups.add(&self.values);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.write()?;
        if self.form == Form::Array {
            self.to.write_all(if self.groups.is_empty() { b"]\n" } else { b"\n]\n" })?;
        }
        self.to.flush()
    }

    fn end_incomplete(&mut self) -> io::Result<()> {
        self.write()?;
        self.to.flush()
    }
}

impl Counts<'_> {
    fn write(&mut self) -> io::Result<()> {
        match self.form {
            Form::Text => self.write_table(),
            Form::Array => self.write_objects("[", ",\n", "\n", ""),
            Form::Lines => self.write_objects("", "", "", "\n"),
            Form::Csv => self.write_csv(),
        }
    }

    fn write_table(&mut self) -> io::Result<()> {
        let header = self.style.header.then(|| {
            let titles = self.keys.iter().map(|key| title(*key));
            ["Count".to_owned()].into_iter().chain(titles).collect()
        });
        let groups = self.groups.largest_first();
        let record = |(values, count): &(&[u8], u64)| {
            let values = values.split(|byte| *byte == BETWEEN).map(String::from_utf8_lossy);
            [count.to_string()].into_iter().chain(values.map(Into::into)).collect()
        };
        let records = header.into_iter().chain(groups.iter().map(record)).collect();
        list::write(&mut self.to, records)
    }

    /// Writes an object for each group. `first` precedes the first object, `between` every other one, and
    /// then `before` each of them.
    fn write_objects(
        &mut self,
        begin: &str,
        between: &str,
        before: &str,
        after: &str,
    ) -> io::Result<()> {
        let members: Vec<String> = self.keys.iter().map(|key| json::member(*key)).collect();
        self.to.write_all(begin.as_bytes())?;
        for (n, (values, count)) in self.groups.largest_first().into_iter().enumerate() {
            let before = if n > 0 && !between.is_empty() { between } else { before };
            write!(self.to, "{before}{{\"count\":{count}")?;
            for (member, value) in members.iter().zip(values.split(|byte| *byte == BETWEEN)) {
                write!(self.to, ",\"{member}\":")?;
                self.to.write_all(value)?;
            }
            write!(self.to, "}}{after}")?;
        }
        Ok(())
    }

    fn write_csv(&mut self) -> io::Result<()> {
        let mut writer = csv::Writer::new(&mut self.to);
        if self.style.header {
            let names = self.keys.iter().map(|key| csv::name(*key));
            writer.record(["count".to_owned()].into_iter().chain(names))?;
        }
        for (values, count) in self.groups.largest_first() {
            let count = count.to_string();
            let values = values.split(|byte| *byte == BETWEEN);
            writer.record([count.as_bytes()].into_iter().chain(values))?;
        }
        writer.flush()
    }
}

/// The title of a key: that of the column in the table, or the constant of the option.
fn title(key: Key) -> String {
    let heading = |column: crate::query::columns::Column| {
        Layout::ALL.into_iter().find_map(|layout| column.heading(layout))
    };
    match key {
        Key::Column(column) => heading(column).map_or(column.name(), |it| it.title).to_owned(),
        key => json::member(key),
    }
}

/// Appends the value of a key as the table prints it. Of the values of several descriptors, each is written
/// once. An empty text is written as a dash.
fn write_text(to: &mut Vec<u8>, row: &Row, key: Key) -> io::Result<()> {
    let before = to.len();
    let print = |to: &mut Vec<u8>, cell: &Cell| cell_text::write(to, cell, false);
    let values = match key {
        Key::Column(column) => groups::distinct(row, column, print)?,
        Key::Option(_) | Key::Versions(..) | Key::Member(..) => None,
    };
    match values {
        None => row.write_text(key, to),
        Some(values) => to.extend(values),
    }
    if to.len() == before {
        to.push(b'-');
    }
    Ok(())
}
