//! CSV as RFC 4180 defines it: a header, then a record for each socket. Every record has the same fields, so
//! that a missing value is an empty field.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};

use super::{json, Format, Output, Row, Style};
use crate::options::catalogue::CATALOGUE;
use crate::options::plan::OptionValue;
use crate::options::value::Value;
use crate::query::cell::{Cell, End};
use crate::query::cell_text;
use crate::query::column_list::ColumnList;
use crate::query::columns::Column;
use crate::query::groups;
use crate::query::key::Key;
use crate::record::fact::Sections;

/// A record for each socket.
pub const CSV: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, columns, style| Box::new(Csv::new(to, &columns, style)),
};

/// A writer of records whose lines end as RFC 4180 demands.
pub(super) struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> Writer<W> {
        Writer(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to))
    }

    pub(super) fn record<T: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        self.0.write_record(fields).map_err(cause)
    }

    fn field(&mut self, field: &[u8]) -> io::Result<()> {
        self.0.write_field(field).map_err(cause)
    }

    fn end_record(&mut self) -> io::Result<()> {
        self.0.write_record(None::<&[u8]>).map_err(cause)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The system's error, which tells a closed pipe from a full disk.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

struct Csv<'a> {
    to: Writer<Box<dyn Write + 'a>>,
    fields: Vec<Field>,
    header: bool,
    field: Vec<u8>,
}

/// A field of a record.
#[derive(Clone, Copy)]
enum Field {
    Key(Key),
    /// The name of the number in this column, which is the field before.
    Name(Column),
}

impl Field {
    /// The name in the header.
    fn title(self) -> String {
        match self {
            Field::Key(key) => name(key),
            Field::Name(column) => name_field(column).unwrap_or_default().to_owned(),
        }
    }
}

/// The name of the field with the name of the number in this column, if it can have one.
fn name_field(column: Column) -> Option<&'static str> {
    match column {
        Column::Local => Some("local_host"),
        Column::Saddr => Some("saddr_host"),
        Column::Sport => Some("local_service"),
        Column::Remote => Some("remote_host"),
        Column::Daddr => Some("daddr_host"),
        Column::Dport => Some("remote_service"),
        Column::Uid => Some("user"),
        _ => None,
    }
}

impl<'a> Csv<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: &ColumnList, style: Style) -> Csv<'a> {
        let with_name = |key: &Key| {
            let name = match key {
                Key::Column(it) if style.names && name_field(*it).is_some() => Some(*it),
                _ => None,
            };
            [Field::Key(*key)].into_iter().chain(name.map(Field::Name))
        };
        let fields = columns.keys().iter().flat_map(with_name).collect();
        Csv { to: Writer::new(to), fields, header: style.header, field: Vec::new() }
    }
}

impl Output for Csv<'_> {
    fn begin(&mut self) -> io::Result<()> {
        match self.header && !self.fields.is_empty() {
            true => self.to.record(self.fields.iter().map(|field| field.title())),
            false => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        // The options of a row are in the order of their fields. Some are absent.
        let mut options = row.options.iter().peekable();
        for field in &self.fields {
            self.field.clear();
            match field {
                Field::Key(Key::Column(column)) => write_cell(&mut self.field, &column.read(row))?,
                Field::Name(column) => write_name(&mut self.field, &column.read(row))?,
                Field::Key(key) => {
                    let is_asked = |shown: &&OptionValue| {
                        key.options().any(|it| std::ptr::eq(&CATALOGUE[it], shown.option))
                    };
                    if let Some(shown) = options.next_if(is_asked) {
                        write_option(&mut self.field, shown)?;
                    }
                }
            }
            self.to.field(&self.field)?;
        }
        self.to.end_record()
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn end_incomplete(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The name of a key in the header: that of the column in `--columns`, or the constant of the option.
pub(super) fn name(key: Key) -> String {
    match key {
        Key::Column(column) => column.name().to_owned(),
        key => json::member(key),
    }
}

/// Appends the field of a key whose options are asked for. Of the values of several descriptors, each is
/// written once. Here, no other field has the port of an address.
pub(super) fn write_key(to: &mut Vec<u8>, row: &Row, key: Key) -> io::Result<()> {
    let option = row.option(key);
    let print = |to: &mut Vec<u8>, cell: &Cell| cell_text::write(to, cell, false);
    match key {
        Key::Column(column) => match groups::distinct(row, column, print)? {
            // No descriptor has a value.
            Some(values) if values == b"-" => Ok(()),
            Some(values) => {
                to.extend(values);
                Ok(())
            }
            None => match column.read(row) {
                end @ Cell::End(End::Internet { .. } | End::Vm(_)) => {
                    cell_text::write(to, &end, false)
                }
                cell => write_cell(to, &cell),
            },
        },
        Key::Option(_) | Key::Versions(..) => {
            option.map_or(Ok(()), |shown| write_option(to, shown))
        }
        Key::Member(_, member) => match option.and_then(|shown| shown.value.member(member)) {
            Some(number) => write!(to, "{number}"),
            None => Ok(()),
        },
    }
}

/// Appends a cell: a number or text as in JSON, and the text of the table for a list or a structure. The
/// address of a socket with ports has no port, which has a column of its own.
fn write_cell(to: &mut Vec<u8>, cell: &Cell) -> io::Result<()> {
    match cell {
        Cell::Absent | Cell::Unknown | Cell::Timer(None, _) => {}
        Cell::PerHolder(it) if it.holders.is_empty() => {}
        Cell::Labels(labels) if labels.is_empty() => {}
        Cell::Sockmaps(sockmaps) if sockmaps.maps.is_empty() => {}
        Cell::Set(options) if !options.iter().any(|shown| shown.set) => {}
        Cell::Bytes(_) | Cell::Interface(_) | Cell::Host(..) | Cell::Time(_) => {
            write_json_text(to, cell)?
        }
        Cell::User(number, _) | Cell::Port(number, _) => write!(to, "{number}")?,
        Cell::Netns(inode, _) => write!(to, "{inode}")?,
        Cell::Container(it) => write!(to, "{}:{}", it.runtime, it.id)?,
        Cell::Master(master) if master.inode == 0 => {}
        Cell::End(End::Internet { endpoint, scope: None, .. }) => {
            write!(to, "{}", endpoint.address)?
        }
        Cell::End(End::Internet { endpoint, scope: Some(scope), .. }) => {
            write!(to, "{}%", endpoint.address)?;
            write_json_text(to, &Cell::Interface(*scope))?;
        }
        Cell::End(End::Vm(end)) => write!(to, "{}", end.cid)?,
        // The path of the peer is in its own field.
        Cell::End(End::Unix { path: [], .. } | End::UnixPeer { path: [], .. } | End::Any) => {}
        Cell::Program(..) => {
            let text = cell_text::text(cell);
            to.extend_from_slice(if text == "-" { b"" } else { text.as_bytes() });
        }
        cell => cell_text::write(to, cell, false)?,
    }
    Ok(())
}

/// Appends the name of the number in a cell, if it is known.
fn write_name(to: &mut Vec<u8>, cell: &Cell) -> io::Result<()> {
    let name = match cell {
        Cell::End(End::Internet { names, .. }) => &names.host,
        Cell::User(_, name) | Cell::Port(_, name) | Cell::Host(_, _, name) => name,
        _ => &None,
    };
    name.as_ref().map_or(Ok(()), |name| write_json_text(to, &Cell::Bytes(name)))
}

/// Appends the value of an option: a number or text as in JSON, and the text of the table for a list or a
/// structure.
pub(super) fn write_option(to: &mut Vec<u8>, shown: &OptionValue) -> io::Result<()> {
    match &shown.value {
        Value::Int(number) => write!(to, "{number}"),
        Value::Uint64(_)
        | Value::Wordless(_)
        | Value::Name(_)
        | Value::Interface(_)
        | Value::Multicast { .. }
        | Value::Blob(_)
        | Value::Keys(_)
        | Value::Fanout { .. } => write_json_text(to, &shown.value),
        Value::Linger { .. }
        | Value::Timeval { .. }
        | Value::Timestamping { .. }
        | Value::Txtime { .. }
        | Value::PortRange { .. }
        | Value::Program(_)
        | Value::Pktinfo { .. }
        | Value::Tls { .. }
        | Value::Struct(_)
        | Value::Memberships(_)
        | Value::PacketMemberships(_)
        | Value::Groups(_) => cell_text::value_to(to, shown),
    }
}

/// Appends a number or a text as in JSON, but without its quotes. The text is escaped already, only JSON's
/// own escapes are removed.
fn write_json_text(to: &mut Vec<u8>, value: &impl serde::Serialize) -> io::Result<()> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(text) => to.extend_from_slice(text.as_bytes()),
        value => write!(to, "{value}")?,
    }
    Ok(())
}
