//! The sockmaps of a socket.

use crate::record::fact::{value, Fact};
use crate::record::Record;
use crate::text::Name;

/// The facts from which they are read.
pub const FACTS: [Fact; 1] = [value!(SOCKMAP SOCKMAP__count)];

/// The BPF maps of type sockmap or sockhash that a socket is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockmaps {
    pub maps: Vec<Sockmap>,
    /// Whether the socket is in more maps than a record can hold.
    pub cut: bool,
}

/// A sockmap or a sockhash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockmap {
    pub id: u32,
    /// Empty if it has none.
    pub name: Name,
}

/// The maps that the socket of this record is in. `None`: they are unknown.
pub(super) fn of(record: &Record) -> Option<Sockmaps> {
    let count = FACTS[0].of(record)? as usize;
    let section = record.sockmap()?;
    let maps = section.ids.iter().zip(&section.names).take(count);
    let maps = maps.map(|(id, name)| Sockmap { id: *id, name: Name::new(name) }).collect();
    Some(Sockmaps { maps, cut: count > section.ids.len() })
}
