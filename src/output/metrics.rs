//! Counts of sockets as metrics (`--metrics`), in the OpenMetrics text format, version 1.0.0, which Prometheus reads, also
//! through the textfile collector of its node_exporter:
//! <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>
//!
//! Each combination of labels is a time series, which a monitoring system keeps for weeks. Keys with a new value for each
//! connection or process are refused: [`refusal`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{csv, json, Format, Output, Row};
use crate::options::catalogue::CATALOGUE;
use crate::options::kind::ValueKind;
use crate::options::plan::OptionValue;
use crate::options::set::Marker;
use crate::options::spec::OptionSpec;
use crate::query::column_list::ColumnList;
use crate::query::columns::Column;
use crate::query::key::Key;
use crate::record::fact::Sections;

/// Metrics of the keys or, without any, of protocols, states and options.
pub const METRICS: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, columns, _| Box::new(Metrics::new(to, columns)),
};

/// The metric of all sockets: its name and its help.
const SOCKETS: (&str, &str) = ("knetstat_sockets", "Number of sockets with these labels");

/// The metric of the options of sockets.
const OPTIONS: (&str, &str) = (
    "knetstat_socket_options",
    "Number of sockets that have the option, by its value. A number that is not set counts as default",
);

/// Why a key cannot be a label, as the end of a sentence. `None` if it can.
pub fn refusal(key: Key) -> Option<&'static str> {
    use Column::*;
    match key {
        Key::Column(
            Protocol | Type | State | Interface | Uid | Command | ProcessUser | Nonblock | Owner
            | KernelUser | PeerCommand | PeerOwner | Unit | Diag,
        ) => None,
        Key::Column(_) => Some("has new values all the time, and each would be a time series"),
        Key::Option(index) | Key::Versions(index, _) => refusal_of_option(&CATALOGUE[index]),
        Key::Member(index, _) => match CATALOGUE[index].kind {
            ValueKind::Linger | ValueKind::Timeval => None,
            _ => Some("is a part of a value that is not bounded"),
        },
    }
}

fn refusal_of_option(option: &OptionSpec) -> Option<&'static str> {
    match option.marker {
        Marker::Never => {
            Some("has values that the kernel chooses, and each would be a time series")
        }
        _ if option.kind == ValueKind::Bytes => {
            Some("has sizes that the kernel adjusts, and each would be a time series")
        }
        _ if is_simple(option.kind) => None,
        _ => Some("is a structure or a list, each of which would be a time series"),
    }
}

/// Whether values are single numbers or words. Programs set a number to few different values.
fn is_simple(kind: ValueKind) -> bool {
    use ValueKind::*;
    matches!(
        kind,
        Bool | Int
            | Uint
            | Uint64
            | Mask
            | Bytes
            | Seconds
            | Milliseconds
            | Microseconds
            | Rate
            | Ifindex
            | IfindexNetworkOrder
            | Enum(_)
            | Flags(_)
            | Name
    )
}

/// The sockets of a metric by the labels, which are written as they are printed.
type Series = BTreeMap<Vec<u8>, u64>;

struct Metrics<'a> {
    to: Box<dyn Write + 'a>,
    /// The keys of the sockets, each with its label.
    keys: Vec<(Key, String)>,
    /// Whether the options are counted, because no keys were chosen.
    has_options: bool,
    sockets: Series,
    options: Series,
    /// Memory for the labels of a socket.
    labels: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Metrics<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: ColumnList) -> Metrics<'a> {
        let usual = [Key::Column(Column::Protocol), Key::Column(Column::State)];
        let has_options = columns.keys().is_empty();
        let keys = if has_options { &usual } else { columns.keys() };
        Metrics {
            to,
            keys: keys.iter().map(|key| (*key, label(*key))).collect(),
            has_options,
            sockets: Series::new(),
            options: Series::new(),
            labels: Vec::new(),
            value: Vec::new(),
        }
    }

    fn count_socket(&mut self, row: &Row) -> io::Result<()> {
        self.labels.clear();
        for (key, label) in &self.keys {
            self.value.clear();
            csv::write_key(&mut self.value, row, *key)?;
            add_label(&mut self.labels, label, &self.value);
        }
        count(&mut self.sockets, &self.labels);
        Ok(())
    }

    fn count_option(&mut self, row: &Row, shown: &OptionValue) -> io::Result<()> {
        self.labels.clear();
        add_label(&mut self.labels, "protocol", row.socket.word().as_bytes());
        add_label(&mut self.labels, "option", shown.option.name.as_bytes());
        self.value.clear();
        match value_word(row, shown) {
            Some(word) => self.value.extend_from_slice(word.as_bytes()),
            None => csv::write_option(&mut self.value, shown)?,
        }
        add_label(&mut self.labels, "value", &self.value);
        count(&mut self.options, &self.labels);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        write_metric(&mut self.to, SOCKETS, &self.sockets)?;
        if self.has_options {
            write_metric(&mut self.to, OPTIONS, &self.options)?;
        }
        Ok(())
    }
}

impl Output for Metrics<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.count_socket(row)?;
        match self.has_options {
            true => row.options.iter().try_for_each(|shown| self.count_option(row, shown)),
            false => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.write()?;
        self.to.write_all(b"# EOF\n")?;
        self.to.flush()
    }

    /// Leaves out the end, without which a parser refuses the text.
    fn end_incomplete(&mut self) -> io::Result<()> {
        self.write()?;
        self.to.flush()
    }
}

/// The word in place of a value that is not bounded. Nothing is set to few values by default: sizes that the kernel adjusts,
/// for example, are different in each socket.
fn value_word(row: &Row, shown: &OptionValue) -> Option<&'static str> {
    use ValueKind::{Bool, Enum, Flags, Name};
    match (shown.option.kind, shown.set) {
        (Bool | Enum(_) | Flags(_) | Name, _) => None,
        (_, false) if !row.knows_set => Some("unknown"),
        (_, false) => Some("default"),
        (kind, true) if is_simple(kind) => None,
        (_, true) => Some("set"),
    }
}

/// The name of a key as a label: `so_linger_l_linger`.
fn label(key: Key) -> String {
    json::member(key).to_lowercase().replace('.', "_")
}

/// Appends a label. Where the text of a value has an escape already, its backslash is escaped here.
fn add_label(labels: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !labels.is_empty() {
        labels.push(b',');
    }
    labels.extend_from_slice(name.as_bytes());
    labels.extend_from_slice(b"=\"");
    for byte in value {
        match byte {
            b'"' | b'\\' => labels.extend_from_slice(&[b'\\', *byte]),
            b'\n' => labels.extend_from_slice(b"\\n"),
            byte => labels.push(*byte),
        }
    }
    labels.push(b'"');
}

fn count(series: &mut Series, labels: &[u8]) {
    match series.get_mut(labels) {
        Some(count) => *count += 1,
        None => drop(series.insert(labels.to_vec(), 1)),
    }
}

/// Writes a metric with its series, in the order of their labels.
fn write_metric(to: &mut dyn Write, (name, help): (&str, &str), series: &Series) -> io::Result<()> {
    writeln!(to, "# HELP {name} {help}.\n# TYPE {name} gauge")?;
    for (labels, count) in series {
        write!(to, "{name}{{")?;
        to.write_all(labels)?;
        writeln!(to, "}} {count}")?;
    }
    Ok(())
}
