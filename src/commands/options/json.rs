//! The explanations of options as a JSON array.

use std::io::{self, Write};

use serde::ser::{SerializeMap, Serializer};
use serde::Serialize;

use super::facts::{self, Host};
use super::words::{self, sentence, Member};
use crate::options::catalogue::CATALOGUE;
use crate::options::kind::ValueKind;
use crate::options::reference::howto::{self, Howto};
use crate::options::reference::sysctls::{self, Sysctl};
use crate::options::reference::topics;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;

/// Writes an array with an object for each of these options.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(to: &mut impl Write, options: Vec<usize>, host: &Host) -> io::Result<()> {
    let entries: Vec<Entry> = options.into_iter().map(|index| entry(index, host)).collect();
    serde_json::to_writer_pretty(&mut *to, &entries)?;
    writeln!(to)
}

/// An option. The names of the members never change.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'static str,
    aliases: &'static [&'static str],
    level: LevelEntry,
    number: i32,
    kind: &'static str,
    unit: Option<&'static str>,
    words: Words,
    members: Vec<MemberEntry>,
    topic: Option<&'static str>,
    topics: Vec<&'static str>,
    getter: bool,
    supported: Option<bool>,
    defaults: Vec<DefaultEntry<'a>>,
    sysctls: Vec<SysctlEntry>,
    help: String,
    set: String,
    howto: Vec<Howto>,
}

#[derive(Serialize)]
struct LevelEntry {
    name: &'static str,
    number: i32,
}

/// The words of an enumeration or of flags: an object from number to word, or null if there are none.
struct Words(Vec<(u32, &'static str)>);

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return to.serialize_none();
        }
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (number, word) in &self.0 {
            map.serialize_entry(&number.to_string(), word)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct MemberEntry {
    name: &'static str,
    kind: &'static str,
    unit: Option<&'static str>,
    words: Words,
}

/// A default, and the sockets that have it.
#[derive(Serialize)]
struct DefaultEntry<'a> {
    value: &'a Value,
    sockets: Vec<&'static str>,
}

#[derive(Serialize)]
struct SysctlEntry {
    name: &'static str,
    value: Option<String>,
    field: Option<usize>,
    member: Option<&'static str>,
    role: &'static str,
    sockets: Vec<&'static str>,
    note: Option<&'static str>,
}

fn entry(index: usize, host: &Host) -> Entry<'_> {
    let option = &CATALOGUE[index];
    let defaults = host.defaults(index).into_iter();
    let sockets = host.sockets(index);
    let topics: Vec<&str> = topics::of(option.name).map(|topic| topic.name).collect();
    Entry {
        name: option.name,
        aliases: option.aliases,
        level: LevelEntry { name: option.level.name, number: option.level.number },
        number: option.number,
        kind: option.kind.word(),
        unit: unit(option.kind),
        words: Words(words::of(option.kind)),
        members: words::members(option).iter().map(member).collect(),
        topic: topics.first().copied(),
        topics,
        getter: option.has_getter,
        supported: host.is_supported(index),
        defaults: defaults
            .map(|(value, kinds)| DefaultEntry { value, sockets: facts::words(&kinds) })
            .collect(),
        sysctls: sysctls::of(option.name).map(|it| sysctl(it, &sockets)).collect(),
        help: sentence(option.help),
        set: option.marker.explanation(),
        howto: howto::of(option.name).collect(),
    }
}

fn unit(kind: ValueKind) -> Option<&'static str> {
    Some(kind.unit()).filter(|unit| !unit.is_empty())
}

fn member(member: &Member) -> MemberEntry {
    MemberEntry {
        name: member.name,
        kind: member.kind.word(),
        unit: unit(member.kind),
        words: Words(words::of(member.kind)),
    }
}

fn sysctl(sysctl: Sysctl, sockets: &[SocketKind]) -> SysctlEntry {
    let sockets: Vec<_> = sockets.iter().copied().filter(|kind| sysctl.is_for(*kind)).collect();
    SysctlEntry {
        name: sysctl.name,
        value: sysctl.value(),
        field: sysctl.field(),
        member: sysctl.member(),
        role: sysctl.role.word(),
        sockets: facts::words(&sockets),
        note: Some(sysctl.note).filter(|note| !note.is_empty()),
    }
}
