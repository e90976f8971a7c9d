//! JSON: one array, or the same objects one per line. The man page documents every member. Members are
//! never renamed or retyped.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::repeated::Repeated;
use super::{Format, Output, Row};
use crate::options::catalogue::CATALOGUE;
use crate::options::constants;
use crate::options::plan::OptionValue;
use crate::options::short::without_prefix;
use crate::options::value::Value;
use crate::query::cell::{Cell, End, Interface};
use crate::query::cell_text;
use crate::query::column_list::ColumnList;
use crate::query::groups;
use crate::query::key::Key;
use crate::record::fact::Sections;
use crate::socket::holders::{Holder, Task};
use crate::socket::owner::Via;
use crate::socket::{TimeLimit, Timer};
use crate::text::{escaped, is_number, set_apart, Escaped};

/// One array, with one object per line.
pub const ARRAY: Format = Format {
    whole_sockets: true,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, columns, _| Box::new(Json::new(to, columns, true)),
};

/// One object per line.
pub const LINES: Format = Format {
    whole_sockets: true,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, columns, _| Box::new(Json::new(to, columns, false)),
};

struct Json<'a> {
    to: Box<dyn Write + 'a>,
    columns: ColumnList,
    array: bool,
    empty: bool,
    line: Vec<u8>,
    repeated: Repeated,
}

impl<'a> Json<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: ColumnList, array: bool) -> Json<'a> {
        Json { to, columns, array, empty: true, line: Vec::new(), repeated: Repeated::default() }
    }
}

impl Output for Json<'_> {
    fn begin(&mut self) -> io::Result<()> {
        match self.array {
            true => self.to.write_all(b"["),
            false => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        match (self.array, std::mem::replace(&mut self.empty, false)) {
            (true, true) => line.push(b'\n'),
            (true, false) => line.extend_from_slice(b",\n"),
            (false, _) => {}
        }
        let mut before: &[u8] = b"{\"";
        for column in self.columns.of(row.layout()) {
            line.extend_from_slice(before);
            line.extend_from_slice(column.member().as_bytes());
            line.extend_from_slice(b"\":");
            let cell = column.read(row);
            write(line, &cell, &mut self.repeated)?;
            if let Cell::User(_, Some(name)) = &cell {
                line.extend_from_slice(b",\"user\":");
                serde_json::to_writer(&mut *line, &Cell::Bytes(name))?;
            }
            before = b",\"";
        }
        line.push(b'}');
        if !self.array {
            line.push(b'\n');
        }
        self.to.write_all(line)
    }

    fn end(&mut self) -> io::Result<()> {
        if self.array {
            self.to.write_all(if self.empty { b"]\n" } else { b"\n]\n" })?;
        }
        self.to.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Appends a cell. Most of a line consists of options, more than a hundred of them, and nearly all of
/// their values are numbers. To save time, these are written without the serializer.
fn write(line: &mut Vec<u8>, cell: &Cell, repeated: &mut Repeated) -> io::Result<()> {
    match cell {
        Cell::Options(options, _) => write_options(line, options, repeated)?,
        cell => serde_json::to_writer(line, cell)?,
    }
    Ok(())
}

/// The name of a key as a member. A column has the name of its member in the object of a socket, except that
/// lists of processes are texts here, which contain the reason if there is no process.
pub(super) fn member(key: Key) -> String {
    match key {
        Key::Column(column) if column.is_counted_as_text() => column.name().to_owned(),
        Key::Column(column) => column.member().to_owned(),
        Key::Option(index) => CATALOGUE[index].name.to_owned(),
        Key::Versions(ip, _) => without_prefix(CATALOGUE[ip].name).to_owned(),
        Key::Member(index, member) => format!("{}.{member}", CATALOGUE[index].name),
    }
}

/// Appends the value of a key, in the type that it has in the object of a socket, and behind it the member for what the
/// value does not tell. Of the values of several descriptors, each is written once.
pub(super) fn write_key(to: &mut Vec<u8>, row: &Row, key: Key) -> io::Result<()> {
    let option = row.option(key);
    let print = |to: &mut Vec<u8>, cell: &Cell| Ok(serde_json::to_writer(to, cell)?);
    match key {
        Key::Column(column) if column.is_counted_as_text() => {
            let text = cell_text::text(&column.read(row));
            let value = Some(text).filter(|text| !matches!(text.as_str(), "-" | "?"));
            serde_json::to_writer(to, &value)?;
        }
        Key::Column(column) => match groups::distinct(row, column, print)? {
            Some(values) => to.extend([b"[", values.as_slice(), b"]"].concat()),
            None => write(to, &column.read(row), &mut Repeated::default())?,
        },
        Key::Option(_) | Key::Versions(..) => {
            serde_json::to_writer(&mut *to, &option.map(|shown| &shown.value))?;
            if let Some(untold) = option.and_then(|shown| shown.value.untold()) {
                write!(to, ",\"{}{}\":", member(key), untold.suffix())?;
                serde_json::to_writer(to, &untold)?;
            }
        }
        Key::Member(_, member) => {
            serde_json::to_writer(to, &option.and_then(|shown| shown.value.member(member)))?;
        }
    }
    Ok(())
}

fn write_options(
    line: &mut Vec<u8>,
    options: &[OptionValue],
    repeated: &mut Repeated,
) -> io::Result<()> {
    line.push(b'{');
    repeated.write(line, options, write_option)?;
    // Instead of the comma after the last option.
    line.truncate(line.len() - usize::from(!options.is_empty()));
    line.push(b'}');
    Ok(())
}

/// Appends the members of an option, each with a comma behind it.
fn write_option(line: &mut Vec<u8>, shown: &OptionValue) -> io::Result<()> {
    let OptionValue { option, value, .. } = shown;
    line.push(b'"');
    line.extend_from_slice(option.name.as_bytes());
    line.extend_from_slice(b"\":");
    match value {
        Value::Int(number) => {
            line.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        Value::Uint64(number) => {
            line.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        value => serde_json::to_writer(&mut *line, value)?,
    }
    if let Some(untold) = value.untold() {
        write!(line, ",\"{}{}\":", option.name, untold.suffix())?;
        serde_json::to_writer(&mut *line, &untold)?;
    }
    line.push(b',');
    Ok(())
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Absent | Cell::Unknown | Cell::Slot(..) | Cell::SlotOfRegistered(..) => {
                to.serialize_none()
            }
            Cell::Number(number) => to.serialize_u64(*number),
            Cell::Nameless(number) => to.collect_str(number),
            Cell::Flag(flag) => to.serialize_bool(*flag),
            Cell::Word(word) => to.serialize_str(word),
            Cell::Bytes(bytes) => to.collect_str(&Escaped(bytes)),
            Cell::PerHolder(it) => to.collect_seq(it.cells()),
            Cell::Arguments(arguments) => {
                to.collect_seq(arguments.iter().map(|it| Cell::Bytes(it)))
            }
            Cell::User(number, _) | Cell::Port(number, _) => to.serialize_u32(*number),
            Cell::Moment(moment) => to.collect_str(moment),
            Cell::Interface(interface) => interface.serialize(to),
            Cell::End(end) => end.serialize(to),
            Cell::Host(address, None, _) => to.collect_str(address),
            Cell::Host(address, Some(scope), _) => to.collect_str(&format_args!(
                "{address}%{}",
                cell_text::text(&Cell::Interface(*scope))
            )),
            Cell::Netns(inode, _) => to.serialize_u32(*inode),
            Cell::Master(master) => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("inode", &Cell::nonzero(master.inode))?;
                map.serialize_entry("cookie", &Cell::nonzero(master.cookie))?;
                map.end()
            }
            Cell::Container(container) => {
                let mut map = to.serialize_map(Some(3))?;
                map.serialize_entry("runtime", container.runtime)?;
                map.serialize_entry("id", &container.id)?;
                map.serialize_entry("pod", &container.pod)?;
                map.end()
            }
            Cell::Labels(labels) => {
                to.collect_map(labels.iter().map(|(name, value)| (escaped(name), escaped(value))))
            }
            Cell::Sockmaps(sockmaps) if sockmaps.maps.is_empty() => to.serialize_none(),
            Cell::Sockmaps(sockmaps) => {
                let maps = sockmaps.maps.iter().map(|map| {
                    let name = (!map.name.is_empty()).then(|| escaped(map.name.as_bytes()));
                    Some(json!({"id": map.id, "name": name}))
                });
                // A null at the end stands for the maps that did not fit into the record.
                to.collect_seq(maps.chain(sockmaps.cut.then_some(None)))
            }
            Cell::Group(group, members) => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("group", group)?;
                map.serialize_entry("members", members)?;
                map.end()
            }
            Cell::Program(holders, ..) => to.collect_seq(holders.iter().map(Descriptor)),
            Cell::Via(Via::Listener { cookie, .. }, _) => Cell::nonzero(*cookie).serialize(to),
            Cell::Via(Via::Carrier { inode }, _) => Cell::nonzero(*inode).serialize(to),
            Cell::Diag(None) => to.serialize_none(),
            Cell::Diag(Some(diag)) => to.collect_seq(diag.iter().map(|diag| diag.mark())),
            Cell::Timer(None, _) => to.serialize_none(),
            Cell::Timer(Some(timer), hz) => serialize_timer(to, timer, *hz),
            Cell::Time(limit) => serialize_time(to, *limit),
            Cell::Options(options, _) => {
                let mut map = to.serialize_map(None)?;
                for shown in *options {
                    map.serialize_entry(shown.option.name, &shown.value)?;
                    if let Some(untold) = shown.value.untold() {
                        let name = shown.option.name;
                        map.serialize_entry(&format_args!("{name}{}", untold.suffix()), &untold)?;
                    }
                }
                map.end()
            }
            Cell::Set(options) => {
                let set = options.iter().filter(|shown| shown.set);
                to.collect_seq(set.map(|shown| shown.option.name))
            }
        }
    }
}

fn serialize_timer<S: Serializer>(to: S, timer: &Timer, hz: u64) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(4))?;
    map.serialize_entry("kind", timer.kind.word())?;
    map.serialize_entry("seconds", &timer.seconds(hz))?;
    map.serialize_entry("retransmits", &timer.retransmits)?;
    map.serialize_entry("probes", &timer.probes)?;
    map.end()
}

/// Writes seconds, to the millisecond, or a word. In jq(1), a string is larger than any number.
fn serialize_time<S: Serializer>(to: S, limit: TimeLimit) -> Result<S::Ok, S::Error> {
    match limit {
        TimeLimit::Never => to.serialize_str("never"),
        TimeLimit::After(time) if time.subsec_millis() == 0 => to.serialize_u64(time.as_secs()),
        TimeLimit::After(time) => to.serialize_f64(time.as_millis() as f64 / 1000.0),
    }
}

/// A descriptor of a process.
struct Descriptor<'a>(&'a Holder);

impl Serialize for Descriptor<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Holder { task, fd, slot, ring_is_registered, nonblock, .. } = self.0;
        let Task { pid, tid, command, .. } = &**task;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("pid", pid)?;
        if let Some(tid) = tid {
            map.serialize_entry("tid", tid)?;
        }
        map.serialize_entry("command", &Cell::Bytes(command.as_bytes()))?;
        match slot {
            Some(slot) => {
                map.serialize_entry("fd", &())?;
                map.serialize_entry("ring", &(!ring_is_registered).then_some(fd))?;
                if *ring_is_registered {
                    map.serialize_entry("ring_index", fd)?;
                }
                map.serialize_entry("slot", slot)?;
            }
            None => map.serialize_entry("fd", fd)?,
        }
        map.serialize_entry("nonblock", nonblock)?;
        map.end()
    }
}

impl Serialize for Interface {
    /// Writes the name. A name that looks like a number is escaped, because a number stands for an
    /// interface without a known name.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.name {
            Some(name) => {
                let (first, rest) = set_apart(name.as_bytes(), is_number(name.as_bytes()));
                to.collect_str(&format_args!("{first}{}", Escaped(rest)))
            }
            None => to.collect_str(&self.index),
        }
    }
}

impl Serialize for End<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if matches!(self, End::Any) {
            return to.serialize_none();
        }
        let mut map = to.serialize_map(None)?;
        match self {
            End::Any => {}
            End::Internet { endpoint, scope, names } => {
                match endpoint.address {
                    IpAddr::V4(address) => map.serialize_entry("address", &address)?,
                    IpAddr::V6(address) => map.serialize_entry("address", &address)?,
                }
                map.serialize_entry("port", &endpoint.port)?;
                if let Some(scope) = scope {
                    map.serialize_entry("scope", scope)?;
                }
                for (member, name) in [("host", &names.host), ("service", &names.service)] {
                    if let Some(name) = name {
                        map.serialize_entry(member, &Cell::Bytes(name))?;
                    }
                }
            }
            End::Unix { path, .. } => map.serialize_entry("path", &Path(path))?,
            End::UnixPeer { inode, path } => {
                map.serialize_entry("inode", &Cell::nonzero(*inode))?;
                map.serialize_entry("path", &Path(path))?;
            }
            End::Packet { ethertype, interface } => {
                map.serialize_entry("ethertype", ethertype)?;
                map.serialize_entry("interface", interface)?;
            }
            End::Queue(bound) => {
                map.serialize_entry("interface", &bound.map(|(interface, _)| interface))?;
                map.serialize_entry("queue", &bound.map(|(_, queue)| queue))?;
            }
            End::Netlink { protocol, portid, groups } => {
                match constants::word(constants::NETLINK, (*protocol).into()) {
                    Some(word) => map.serialize_entry("protocol", word)?,
                    None => map.serialize_entry("protocol", &protocol.to_string())?,
                }
                map.serialize_entry("portid", portid)?;
                map.serialize_entry("groups", groups)?;
            }
            End::NetlinkPeer { portid, group } => {
                map.serialize_entry("portid", portid)?;
                map.serialize_entry("group", group)?;
            }
            End::Vm(end) => {
                map.serialize_entry("cid", &end.cid)?;
                map.serialize_entry("port", &end.port)?;
            }
        }
        map.end()
    }
}

/// The path of a unix socket. Only an abstract name begins with `@`.
struct Path<'a>(&'a [u8]);

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.split_first() {
            None => to.serialize_none(),
            Some((0, name)) => to.collect_str(&format_args!("@{}", Escaped(name))),
            Some((first, _)) => {
                let (first, rest) = set_apart(self.0, *first == b'@');
                to.collect_str(&format_args!("{first}{}", Escaped(rest)))
            }
        }
    }
}
