//! Cells as text, in the words of netstat(8) where it has such a column. Only the timer and the
//! arguments of a process contain blanks.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use unicode_width::UnicodeWidthStr;

use crate::host::labels::Labels;
use crate::options::constants;
use crate::options::kind::ValueKind;
use crate::options::plan::OptionValue;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::query::cell::{Behind, Cell, End, Interface, PerHolder};
use crate::socket::holders::{Holder, Task};
use crate::socket::owner::{self, Owner};
use crate::socket::sockmap::{Sockmap, Sockmaps};
use crate::socket::{TimeLimit, Timer};
use crate::text::{is_number, set_apart, Word, EMPTY};

/// Appends the text of a cell, which may be empty. `short`: addresses are written so that they cannot be
/// misread, as in `--short`.
///
/// # Errors
///
/// None, because writing to a `Vec` does not fail.
pub fn write(to: &mut Vec<u8>, cell: &Cell, short: bool) -> io::Result<()> {
    match cell {
        Cell::Absent => to.push(b'-'),
        Cell::Unknown => to.push(b'?'),
        Cell::Number(number) | Cell::Nameless(number) => number_to(to, *number),
        Cell::Slot(ring, slot) => write!(to, "ring{ring}/slot{slot}")?,
        Cell::SlotOfRegistered(index, slot) => write!(to, "ring[{index}]/slot{slot}")?,
        Cell::Flag(flag) => to.push(b'0' + u8::from(*flag)),
        Cell::Word(word) => to.extend_from_slice(word.as_bytes()),
        Cell::Bytes(b"") => to.extend_from_slice(EMPTY.as_bytes()),
        Cell::Bytes(bytes) => name_to(to, bytes, is_dash(bytes) || is_empty_mark(bytes))?,
        Cell::PerHolder(it) => per_holder(to, *it, short)?,
        Cell::Arguments(arguments) => arguments_to(to, arguments)?,
        Cell::User(_, Some(name)) => name_to(to, name, is_number(name) || is_dash(name))?,
        Cell::Port(_, Some(name)) => write!(to, "{}", Word(name))?,
        Cell::User(number, None) | Cell::Port(number, None) => number_to(to, (*number).into()),
        Cell::Moment(moment) => write!(to, "{moment}")?,
        Cell::Interface(interface) => interface_to(to, interface)?,
        Cell::End(end) => end_to(to, end, short)?,
        Cell::Host(_, _, Some(name)) => write!(to, "{}", Word(name))?,
        Cell::Host(address, scope, None) => address_to(to, *address, scope.as_ref(), short)?,
        Cell::Netns(_, Some(name)) => name_to(to, name, is_number(name))?,
        Cell::Netns(inode, None) => number_to(to, (*inode).into()),
        Cell::Master(master) => write(to, &Cell::nonzero(master.inode), short)?,
        Cell::Container(it) => to.extend(it.word().into_bytes()),
        Cell::Labels(labels) => labels_to(to, labels)?,
        Cell::Sockmaps(sockmaps) => sockmaps_to(to, sockmaps)?,
        Cell::Group(group, members) => write!(to, "{group}/{members}")?,
        Cell::Program(holders, owner, behind) => {
            to.extend(program(holders, *owner, *behind, None).into_bytes())
        }
        Cell::Via(via, []) => number_to(to, via.inode()),
        Cell::Via(_, holders) => to.extend(processes(holders, None).into_bytes()),
        Cell::Diag(Some(Some(diag))) => to.extend_from_slice(diag.mark().as_bytes()),
        Cell::Diag(_) => {}
        Cell::Timer(timer, hz) => timer_to(to, timer.as_ref(), *hz)?,
        Cell::Time(limit) => time_to(to, *limit)?,
        Cell::Options(options, is_partial) => options_to(to, options, *is_partial)?,
        Cell::Set(options) => set(to, options),
    }
    Ok(())
}

/// The text of a cell, as [`write()`] appends it.
pub fn text(cell: &Cell) -> String {
    let mut text = Vec::new();
    // Writing to a `Vec` does not fail.
    let _ = write(&mut text, cell, false);
    String::from_utf8_lossy(&text).into_owned()
}

fn number_to(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the values of all descriptors, joined by commas, so that the values of several columns
/// correspond.
fn per_holder(to: &mut Vec<u8>, per_holder: PerHolder, short: bool) -> io::Result<()> {
    if per_holder.holders.is_empty() {
        to.push(b'-');
    }
    for (n, cell) in per_holder.cells().enumerate() {
        if n > 0 {
            to.push(b',');
        }
        write(to, &cell, short)?;
    }
    Ok(())
}

/// Appends the labels as `user.name=value`, joined by commas.
fn labels_to(to: &mut Vec<u8>, labels: &Labels) -> io::Result<()> {
    if labels.is_empty() {
        to.push(b'-');
    }
    for (n, label) in labels.iter().enumerate() {
        to.extend_from_slice(if n > 0 { b"," } else { b"" });
        write!(to, "{}", Word(&label_text(label)))?;
    }
    Ok(())
}

/// Appends the maps as `ID/name`, joined by commas. `...` stands for maps that are not in the record.
fn sockmaps_to(to: &mut Vec<u8>, sockmaps: &Sockmaps) -> io::Result<()> {
    to.extend_from_slice(if sockmaps.maps.is_empty() { b"-" } else { b"" });
    for (n, map) in sockmaps.maps.iter().enumerate() {
        to.extend_from_slice(if n > 0 { b"," } else { b"" });
        write!(to, "{}", Word(&sockmap_text(map)))?;
    }
    to.extend_from_slice(if sockmaps.cut { b",..." } else { b"" });
    Ok(())
}

/// A map as `ID/name`, not escaped, or without the name if it has none.
pub(super) fn sockmap_text(map: &Sockmap) -> Vec<u8> {
    let mut text = map.id.to_string().into_bytes();
    if !map.name.is_empty() {
        text.push(b'/');
        text.extend_from_slice(map.name.as_bytes());
    }
    text
}

/// A label as `user.name=value`, not escaped.
pub(super) fn label_text((name, value): &(Vec<u8>, Vec<u8>)) -> Vec<u8> {
    [name.as_slice(), value].join(&b'=')
}

/// Appends the arguments, joined by blanks. Those within an argument are escaped.
fn arguments_to(to: &mut Vec<u8>, arguments: &[Vec<u8>]) -> io::Result<()> {
    match arguments {
        [] => to.push(b'-'),
        [single] => write(to, &Cell::Bytes(single), false)?,
        several => {
            for (n, argument) in several.iter().enumerate() {
                to.extend_from_slice(if n > 0 { b" " } else { b"" });
                match argument.is_empty() {
                    true => to.extend_from_slice(EMPTY.as_bytes()),
                    false => name_to(to, argument, is_empty_mark(argument))?,
                }
            }
        }
    }
    Ok(())
}

/// Appends a name from outside. If the name looks like a mark, or like the text that replaces a missing
/// name, its first character is escaped.
fn name_to(to: &mut Vec<u8>, name: &[u8], is_mark: bool) -> io::Result<()> {
    let (first, rest) = set_apart(name, is_mark);
    write!(to, "{first}{}", Word(rest))
}

/// Appends an interface by name, or by index if the name is unknown.
fn interface_to(to: &mut Vec<u8>, interface: &Interface) -> io::Result<()> {
    match interface.name {
        Some(name) => {
            let name = name.as_bytes();
            name_to(to, name, is_number(name) || matches!(name, b"-" | b"*"))
        }
        None => write!(to, "{}", interface.index),
    }
}

fn end_to(to: &mut Vec<u8>, end: &End, short: bool) -> io::Result<()> {
    match end {
        End::Any => to.push(b'*'),
        End::Internet { endpoint, scope, names } => {
            match &names.host {
                Some(name) => write!(to, "{}", Word(name))?,
                None => address_to(to, endpoint.address, scope.as_ref(), short)?,
            }
            to.push(b':');
            match &names.service {
                Some(name) => write!(to, "{}", Word(name))?,
                None => number_or_any(to, endpoint.port.into(), 0),
            }
        }
        End::Unix { path, peer } if path.is_empty() && !peer.is_empty() => {
            to.extend_from_slice(b"->");
            path_to(to, peer)?;
        }
        End::Unix { path, .. } | End::UnixPeer { path, .. } => path_to(to, path)?,
        End::Packet { ethertype, interface } => packet(to, *ethertype, interface.as_ref())?,
        End::Queue(None) => to.extend_from_slice(b"*:*"),
        End::Queue(Some((interface, queue))) => {
            interface_to(to, interface)?;
            write!(to, ":{queue}")?;
        }
        End::Netlink { protocol, portid, .. } => {
            match constants::word(constants::NETLINK, (*protocol).into()) {
                Some(word) => write!(to, "{word}:")?,
                None => write!(to, "{protocol}:")?,
            }
            number_or_any(to, *portid, 0);
        }
        End::NetlinkPeer { portid, .. } => number_or_any(to, *portid, 0),
        End::Vm(end) => {
            number_or_any(to, end.cid, u32::MAX);
            to.push(b':');
            number_or_any(to, end.port, u32::MAX);
        }
    }
    Ok(())
}

fn number_or_any(to: &mut Vec<u8>, number: u32, any: u32) {
    match number == any {
        true => to.push(b'*'),
        false => number_to(to, number.into()),
    }
}

/// Appends an address as netstat writes it before a port: `127.0.0.1`, `::`, `fe80::1%eth0`. The short forms are `*` for
/// any address, and `[fe80::1%eth0]`.
fn address_to(
    to: &mut Vec<u8>,
    address: IpAddr,
    scope: Option<&Interface>,
    short: bool,
) -> io::Result<()> {
    match address {
        address if short && address.is_unspecified() => to.push(b'*'),
        IpAddr::V4(address) => ipv4_to(to, address),
        IpAddr::V6(address) => {
            to.extend_from_slice(if short { b"[" } else { b"" });
            write!(to, "{address}")?;
            if let Some(scope) = scope {
                to.push(b'%');
                interface_to(to, scope)?;
            }
            to.extend_from_slice(if short { b"]" } else { b"" });
        }
    }
    Ok(())
}

/// The formatter of the standard library takes five times as long.
fn ipv4_to(to: &mut Vec<u8>, address: Ipv4Addr) {
    let mut dot: &[u8] = b"";
    for octet in address.octets() {
        to.extend_from_slice(dot);
        to.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
        dot = b".";
    }
}

/// Appends the path of a unix socket. An abstract name begins with `@`. The first character of a file
/// name is escaped if the name looks abstract, missing, or like the path of the peer.
fn path_to(to: &mut Vec<u8>, path: &[u8]) -> io::Result<()> {
    match path.split_first() {
        None => to.push(b'-'),
        Some((0, name)) => write!(to, "@{}", Word(name))?,
        Some(_) => {
            let is_mark = path == b"-" || path.starts_with(b"@") || path.starts_with(b"->");
            name_to(to, path, is_mark)?;
        }
    }
    Ok(())
}

/// Appends the protocol and the interface that a packet socket receives from, as ss writes them:
/// `ip:eth0`.
fn packet(to: &mut Vec<u8>, ethertype: u16, interface: Option<&Interface>) -> io::Result<()> {
    match (ethertype, constants::word(constants::ETHERTYPES, ethertype.into())) {
        (0, _) => to.push(b'-'),
        (_, Some(word)) => to.extend_from_slice(word.as_bytes()),
        (number, None) => write!(to, "{number:#06x}")?,
    }
    to.push(b':');
    match interface {
        None => to.push(b'*'),
        Some(interface) => interface_to(to, interface)?,
    }
    Ok(())
}

/// Returns the processes that hold a socket, or the reason why there is none: `812/nginx`, `(orphan)`. The processes of
/// its MPTCP socket, or of the socket that leads to processes, stand before the word for that: `812/nginx(subflow)`,
/// `812/nginx(accept-queue)`, `812/nginx(in-flight)`. So does the part of the kernel that uses the socket:
/// `vxlan(tunnel)`.
pub fn program(holders: &[Holder], owner: Owner, behind: Behind, room: Option<usize>) -> String {
    let text = match behind {
        Behind::Processes(of_via) if holders.is_empty() => processes(of_via, room),
        Behind::Kernel(user) if holders.is_empty() => Word(user).to_string(),
        _ => processes(holders, room),
    };
    match owner {
        Owner::Process => text,
        Owner::Unknown => owner.word().into(),
        owner => format!("{text}({})", owner.word()),
    }
}

/// Returns processes as netstat writes them, each once, joined by commas; with the thread, `812:815/nginx`, if it has
/// descriptors of its own. A list that is too long becomes the first
/// process and the number of others: `25011/nginx,+2`.
pub fn processes(holders: &[Holder], room: Option<usize>) -> String {
    let mut text = String::with_capacity(32);
    let (mut count, mut first, mut last) = (0, 0, None);
    for Holder { task, .. } in holders {
        if last.replace((task.pid, task.tid)) == Some((task.pid, task.tid)) {
            continue;
        }
        task_to(&mut text, task);
        text.push(',');
        count += 1;
        first = if count == 1 { text.len() } else { first };
    }
    text.pop();
    if room.is_some_and(|room| count > 1 && text.width() > room) {
        text.truncate(first);
        text += &format!("+{}", count - 1);
    }
    text
}

/// Returns one of them: `812/nginx`, `812:815/nginx`.
pub fn task(task: &Task) -> String {
    let mut text = String::new();
    task_to(&mut text, task);
    text
}

fn task_to(text: &mut String, task: &Task) {
    let mut digits = itoa::Buffer::new();
    *text += digits.format(task.pid);
    if let Some(tid) = task.tid {
        text.push(':');
        *text += digits.format(tid);
    }
    text.push('/');
    command_to(text, task.command.as_bytes());
}

/// The command of a process, escaped where it ends like one of the words that [`program`] puts behind it or looks like
/// an empty name.
pub fn command(name: &[u8]) -> String {
    let mut text = String::new();
    command_to(&mut text, name);
    text
}

fn command_to(text: &mut String, name: &[u8]) {
    if name.is_empty() {
        text.push_str(EMPTY);
        return;
    }
    // Writing to a string cannot fail.
    let _ = match before_owner(name) {
        Some(begin) => write!(text, "{}\\x28{}", Word(begin), Word(&name[begin.len() + 1..])),
        None => {
            let (first, rest) = set_apart(name, is_empty_mark(name));
            write!(text, "{first}{}", Word(rest))
        }
    };
}

/// The part of a name before such a word in parentheses, if the name ends in one. A name that is nothing but any of the
/// words for an owner looks like the reason why there is no process.
fn before_owner(name: &[u8]) -> Option<&[u8]> {
    let name = name.strip_suffix(b")")?;
    let behind =
        [Owner::Subflow, Owner::AcceptQueue, Owner::Request, Owner::InFlight].map(Owner::word);
    owner::words().into_iter().find_map(|word| {
        let begin = name.strip_suffix(word.as_bytes())?.strip_suffix(b"(")?;
        (begin.is_empty() || behind.contains(&word)).then_some(begin)
    })
}

/// Whether a name looks like the text for no value, or for an unknown one.
fn is_dash(name: &[u8]) -> bool {
    matches!(name, b"-" | b"?")
}

/// Whether a name looks like the text for an empty name.
fn is_empty_mark(name: &[u8]) -> bool {
    name == EMPTY.as_bytes()
}

/// The timer as netstat writes it: seconds until it expires, retransmits, unanswered probes.
fn timer_to(to: &mut Vec<u8>, timer: Option<&Timer>, hz: u64) -> io::Result<()> {
    match timer {
        None => to.write_all(b"off (0.00/0/0)"),
        Some(timer) => {
            let (word, seconds) = (timer.kind.netstat_word(), timer.seconds(hz));
            write!(to, "{word} ({seconds:.2}/{}/{})", timer.retransmits, timer.probes)
        }
    }
}

/// Appends the seconds, with no more than the necessary decimals, and at most three: `7875s`, `924.6s`.
fn time_to(to: &mut Vec<u8>, limit: TimeLimit) -> io::Result<()> {
    let TimeLimit::After(time) = limit else { return to.write_all(b"never") };
    number_to(to, time.as_secs());
    if time.subsec_millis() > 0 {
        let decimals = format!(".{:03}", time.subsec_millis());
        to.extend_from_slice(decimals.trim_end_matches('0').as_bytes());
    }
    to.write_all(b"s")
}

/// Appends the options, joined by commas, and a question mark if some may be missing.
fn options_to(to: &mut Vec<u8>, options: &[OptionValue], is_partial: bool) -> io::Result<()> {
    for (n, shown) in options.iter().enumerate() {
        to.extend_from_slice(if n > 0 { b"," } else { b"" });
        option_to(to, shown)?;
    }
    if is_partial {
        to.extend_from_slice(if options.is_empty() { b"?" } else { b",?" });
    }
    Ok(())
}

/// Appends an option as `NAME=value`.
///
/// # Errors
///
/// As [`write()`].
pub fn option_to(to: &mut Vec<u8>, shown: &OptionValue) -> io::Result<()> {
    to.extend_from_slice(shown.option.name.as_bytes());
    to.push(b'=');
    value_to(to, shown)
}

/// Appends the value of an option.
///
/// # Errors
///
/// As [`write()`].
pub fn value_to(
    to: &mut Vec<u8>,
    OptionValue { option, value, .. }: &OptionValue,
) -> io::Result<()> {
    match (value, option.kind) {
        // Most values are of this kind, so they have a faster path.
        (Value::Int(number @ 0..=9), ValueKind::Bool) => to.push(b'0' + *number as u8),
        _ => write!(to, "{}", Text(value, option.kind))?,
    }
    Ok(())
}

/// Appends the names of the options that are set, joined by commas, or a dash.
fn set(to: &mut Vec<u8>, options: &[OptionValue]) {
    let set: Vec<&str> =
        options.iter().filter(|shown| shown.set).map(|shown| shown.option.name).collect();
    match set.is_empty() {
        true => to.push(b'-'),
        false => to.extend_from_slice(set.join(",").as_bytes()),
    }
}
