//! What a key yields for a socket, in the form in which it is compared, sorted and grouped.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write;
use std::net::IpAddr;

use crate::options::catalogue::CATALOGUE;
use crate::options::entries::entries;
use crate::options::kind::ValueKind;
use crate::options::plan::OptionValue;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::query::cell::{Behind, Cell, End, Interface};
use crate::query::cell_text;
use crate::query::columns::Column;
use crate::query::key::Key;
use crate::query::row::Row;
use crate::socket::holders::{Holder, Task};
use crate::socket::owner::Owner;
use crate::socket::{Endpoint, TimeLimit};
use crate::text::{unescaped, Moment, Name};

/// A value of a column or an option. Data of different variants are not equal. Their order is that of the
/// variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum<'a> {
    /// The socket has no value, or it is not known.
    Nothing,
    /// The value is that the option is off, where it would be a time or a program otherwise.
    Off,
    Number(i128),
    /// In microseconds.
    Time(i128),
    Moment(Moment),
    Text(Cow<'a, [u8]>),
    Address(IpAddr, u16),
    /// Larger than every number and every time.
    Never,
    /// A datum for each descriptor or each entry of a list, which may be empty.
    List(Vec<Datum<'a>>),
}

impl<'a> Datum<'a> {
    fn text(text: &'a [u8]) -> Datum<'a> {
        Datum::Text(Cow::Borrowed(text))
    }

    fn bytes(text: Vec<u8>) -> Datum<'a> {
        Datum::Text(Cow::Owned(text))
    }

    /// The values of descriptors, if one has any.
    fn of_descriptors(cells: impl Iterator<Item = Cell<'a>>) -> Datum<'a> {
        let data: Vec<Datum> = cells.map(of_cell).collect();
        match data.iter().all(|datum| *datum == Datum::Nothing) {
            true => Datum::Nothing,
            false => Datum::List(data),
        }
    }

    /// Whether there is no value, or a list without entries.
    pub fn is_empty(&self) -> bool {
        match self {
            Datum::Nothing => true,
            Datum::List(data) => data.iter().all(Datum::is_empty),
            _ => false,
        }
    }

    /// The same value without borrowing from the socket.
    pub fn into_owned(self) -> Datum<'static> {
        match self {
            Datum::Nothing => Datum::Nothing,
            Datum::Off => Datum::Off,
            Datum::Number(number) => Datum::Number(number),
            Datum::Time(time) => Datum::Time(time),
            Datum::Moment(moment) => Datum::Moment(moment),
            Datum::Text(text) => Datum::Text(Cow::Owned(text.into_owned())),
            Datum::Address(address, port) => Datum::Address(address, port),
            Datum::Never => Datum::Never,
            Datum::List(data) => Datum::List(data.into_iter().map(Datum::into_owned).collect()),
        }
    }

    /// The order for sorting: ascending, with missing values and empty lists at the end in either direction.
    pub fn cmp_for_sorting(&self, other: &Datum, descending: bool) -> Ordering {
        match (self.is_empty(), other.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ if descending => other.cmp(self),
            _ => self.cmp(other),
        }
    }
}

impl PartialOrd for Datum<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Datum<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Datum::Number(a), Datum::Number(b)) | (Datum::Time(a), Datum::Time(b)) => a.cmp(b),
            (Datum::Moment(a), Datum::Moment(b)) => a.cmp(b),
            (Datum::Text(a), Datum::Text(b)) => a.cmp(b),
            (Datum::Address(a, port), Datum::Address(b, other)) => (a, port).cmp(&(b, other)),
            (Datum::List(a), Datum::List(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Datum<'_> {
    fn rank(&self) -> u8 {
        match self {
            Datum::Nothing => 0,
            Datum::Off => 1,
            Datum::Number(_) => 2,
            Datum::Time(_) => 3,
            Datum::Moment(_) => 4,
            Datum::Text(_) => 5,
            Datum::Address(..) => 6,
            Datum::Never => 7,
            Datum::List(_) => 8,
        }
    }
}

impl<'a> Row<'a> {
    /// What the key yields for this socket. The options of keys must be among [`Row::asked`].
    pub fn datum(&'a self, key: Key) -> Datum<'a> {
        match (key, self.option(key)) {
            (Key::Column(column), _) => of_cell(column.read(self)),
            (_, None) => Datum::Nothing,
            (Key::Member(_, member), Some(it)) => {
                let number = it.value.member(member);
                number.map_or(Datum::Nothing, |number| Datum::Number(number.into()))
            }
            (_, Some(it)) => of_value(&it.value, it.option.kind),
        }
    }

    /// Whether the value has entries that are unknown, because they are not in the record or cannot be told.
    pub fn is_cut(&self, key: Key) -> bool {
        match key {
            Key::Column(Column::Options) => self.is_partial,
            Key::Column(Column::Sockmap) => self.socket.sockmaps().is_some_and(|it| it.cut),
            key => self.option(key).is_some_and(|it| it.value.is_cut()),
        }
    }

    /// The option that a key asks for, with its value.
    pub fn option(&self, key: Key) -> Option<&'a OptionValue> {
        let find = |index: usize| {
            let option = &CATALOGUE[index];
            self.asked.iter().find(|asked| std::ptr::eq(asked.option, option))
        };
        match key {
            Key::Column(_) => None,
            Key::Option(index) | Key::Member(index, _) => find(index),
            Key::Versions(ip, ipv6) => find(ipv6).or_else(|| find(ip)),
        }
    }

    /// Appends what the key yields as the table prints it, or a dash if there is no value.
    pub fn write_text(&self, key: Key, to: &mut Vec<u8>) {
        let member = |name| self.option(key).and_then(|it| it.value.member(name));
        // Writing to a `Vec` does not fail.
        let _ = match (key, self.option(key)) {
            (Key::Column(column), _) => cell_text::write(to, &column.read(self), false),
            (Key::Member(_, name), _) => match member(name) {
                Some(number) => write!(to, "{number}"),
                None => cell_text::write(to, &Cell::Absent, false),
            },
            (_, Some(shown)) => cell_text::value_to(to, shown),
            (_, None) => cell_text::write(to, &Cell::Absent, false),
        };
    }
}

/// The value of a cell.
pub(super) fn of_cell<'a>(cell: Cell<'a>) -> Datum<'a> {
    match cell {
        Cell::Absent | Cell::Unknown | Cell::Timer(None, _) | Cell::Diag(None) => Datum::Nothing,
        // A descriptor of that number is another file.
        Cell::Slot(..) | Cell::SlotOfRegistered(..) => Datum::Nothing,
        Cell::Options([], true) => Datum::Nothing,
        Cell::Options([], false) | Cell::Diag(Some(None)) => Datum::List(Vec::new()),
        Cell::Number(number) => Datum::Number(number.into()),
        Cell::Nameless(number) => Datum::Text(Cow::Owned(number.to_string().into_bytes())),
        Cell::Flag(flag) => Datum::Number(flag.into()),
        Cell::Word(word) => Datum::text(word.as_bytes()),
        Cell::Bytes(bytes) => Datum::text(bytes),
        Cell::PerHolder(it) => Datum::of_descriptors(it.cells()),
        Cell::Arguments(arguments) if arguments.is_empty() => Datum::List(Vec::new()),
        // As `ps -ef` prints them.
        Cell::Arguments(arguments) => Datum::Text(Cow::Owned(arguments.join(&b' '))),
        Cell::User(number, _) | Cell::Port(number, _) => Datum::Number(number.into()),
        Cell::Moment(moment) => Datum::Moment(moment),
        Cell::Interface(Interface { index, name }) => of_interface(name, index.into()),
        Cell::Host(address, ..) => Datum::Address(address, 0),
        Cell::End(End::Internet { endpoint: Endpoint { address, port }, .. }) => {
            Datum::Address(address, port)
        }
        Cell::End(End::Unix { path: b"", .. } | End::UnixPeer { path: b"", .. }) => Datum::Nothing,
        // An abstract name begins with a zero byte, which no file name contains.
        Cell::End(End::Unix { path, .. } | End::UnixPeer { path, .. }) => Datum::text(path),
        Cell::Netns(inode, _) => Datum::Number(inode.into()),
        Cell::Master(master) => of_cell(Cell::nonzero(master.inode)),
        // As it is printed, and each part of it.
        Cell::Container(it) => {
            let printed = it.word().into_bytes();
            let parts = [it.runtime, &it.id, it.short_id()].into_iter().chain(it.pod.as_deref());
            let parts = parts.map(|part| Datum::text(part.as_bytes()));
            Datum::List([Datum::Text(Cow::Owned(printed))].into_iter().chain(parts).collect())
        }
        Cell::Via(via, []) => of_cell(Cell::Nameless(via.inode())),
        Cell::Via(_, holders) => of_processes(&cell_text::processes(holders, None), holders),
        Cell::Program([], Owner::Unknown, _) => Datum::Nothing,
        Cell::Program(holders, owner, behind) => {
            let printed = cell_text::program(holders, owner, behind, None);
            match behind {
                Behind::Processes(of_via) if holders.is_empty() => of_processes(&printed, of_via),
                _ => of_processes(&printed, holders),
            }
        }
        Cell::Labels(labels) => {
            let texts = labels.iter().map(cell_text::label_text);
            Datum::List(texts.map(Datum::bytes).collect())
        }
        // As it is printed, and the name alone.
        Cell::Sockmaps(sockmaps) => {
            let texts = sockmaps.maps.iter().flat_map(|map| {
                let name = Some(map.name.as_bytes().to_vec()).filter(|name| !name.is_empty());
                [Some(cell_text::sockmap_text(map)), name].into_iter().flatten()
            });
            Datum::List(texts.map(Datum::bytes).collect())
        }
        Cell::Group(group, _) => Datum::Number(group as i128),
        Cell::Timer(Some(timer), hz) => Datum::Time((timer.seconds(hz) * 1e6) as i128),
        // As it is printed.
        Cell::Time(TimeLimit::After(time)) => Datum::Time(time.as_millis() as i128 * 1000),
        Cell::Time(TimeLimit::Never) => Datum::Never,
        Cell::Set(options) => {
            let set = options.iter().filter(|shown| shown.set);
            Datum::List(set.map(|shown| Datum::text(shown.option.name.as_bytes())).collect())
        }
        cell @ (Cell::End(_) | Cell::Diag(_) | Cell::Options(..)) => {
            let mut text = Vec::new();
            let _ = cell_text::write(&mut text, &cell, false);
            Datum::Text(Cow::Owned(text))
        }
    }
}

/// Processes: as they are printed, and the parts of each, without escapes. A thread is one of its process.
fn of_processes<'a>(printed: &str, holders: &[Holder]) -> Datum<'a> {
    let parts = holders.iter().flat_map(|Holder { task, .. }| {
        let printed = |tid| unescaped(&cell_text::task(&Task { tid, ..**task }));
        let pid = task.pid.to_string().into_bytes();
        let of_thread = task.tid.map(|_| printed(task.tid));
        let parts = [printed(None), pid, task.command.as_bytes().to_vec()];
        parts.into_iter().chain(of_thread)
    });
    Datum::List([unescaped(printed)].into_iter().chain(parts).map(Datum::bytes).collect())
}

/// An interface, which has a name and an index. It may have lost its name.
fn of_interface<'a>(name: Option<Name>, index: i128) -> Datum<'a> {
    let name = name.map(|name| Datum::Text(Cow::Owned(name.as_bytes().to_vec())));
    Datum::List(name.into_iter().chain([Datum::Number(index)]).collect())
}

/// The microseconds in a unit of time.
pub fn microseconds_in(kind: ValueKind) -> Option<i128> {
    match kind {
        ValueKind::Seconds | ValueKind::Linger | ValueKind::Timeval => Some(1_000_000),
        ValueKind::Milliseconds => Some(1000),
        ValueKind::Microseconds => Some(1),
        _ => None,
    }
}

fn of_value(value: &Value, kind: ValueKind) -> Datum<'_> {
    let number = |number: i128| match microseconds_in(kind) {
        Some(unit) => Datum::Time(number * unit),
        None => Datum::Number(number),
    };
    match value {
        Value::Int(it) => number((*it).into()),
        Value::Uint64(u64::MAX) if kind == ValueKind::Rate => Datum::Never,
        Value::Uint64(it) => Datum::Number((*it).into()),
        Value::Wordless(it) => Datum::Number((*it).into()),
        Value::Linger { on: true, seconds } => number((*seconds).into()),
        Value::Timeval { seconds, microseconds } => {
            Datum::Time(i128::from(*seconds) * 1_000_000 + i128::from(*microseconds))
        }
        Value::Linger { on: false, .. } | Value::Txtime { on: false, .. } => Datum::Off,
        Value::Name(name) => Datum::Text(Cow::Owned(name.as_bytes().to_vec())),
        Value::Interface(it) => {
            of_interface(Some(it.name).filter(|name| !name.is_empty()), it.index.into())
        }
        Value::Timestamping { flags, .. } => Datum::Number((*flags).into()),
        Value::Groups(groups) => {
            let numbers = groups.numbers.iter().map(|number| Datum::Number((*number).into()));
            Datum::List(numbers.collect())
        }
        value => {
            let printed = Datum::bytes(Text(value, kind).to_string().into_bytes());
            match entries(value) {
                Some(entries) if entries.is_empty() && value.is_empty() => Datum::List(Vec::new()),
                // As it is printed, and each entry.
                Some(entries) => {
                    let entries = entries.into_iter().map(|it| Datum::bytes(it.into_bytes()));
                    Datum::List([printed].into_iter().chain(entries).collect())
                }
                None => printed,
            }
        }
    }
}
