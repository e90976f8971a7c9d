//! JSON: one array, or the same objects one a line. The man page documents every member; none is
//! ever renamed or retyped.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::{CompactFormatter, Serializer as JsonSerializer};

use super::{Output, Row};
use crate::host::Host;
use crate::plan::Shown;
use crate::socket::Endpoint;
use crate::value::Escaped;

/// Writes JSON.
pub struct Json<W> {
    to: W,
    array: bool,
    empty: bool,
}

impl<W: Write> Json<W> {
    /// One array, an object a line.
    pub fn array(to: W) -> Json<W> {
        Json { to, array: true, empty: true }
    }

    /// One object a line.
    pub fn lines(to: W) -> Json<W> {
        Json { to, array: false, empty: true }
    }
}

impl<W: Write> Output for Json<W> {
    fn begin(&mut self) -> io::Result<()> {
        match self.array {
            true => self.to.write_all(b"["),
            false => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        match (self.array, std::mem::replace(&mut self.empty, false)) {
            (true, true) => self.to.write_all(b"\n")?,
            (true, false) => self.to.write_all(b",\n")?,
            (false, _) => {}
        }
        let mut serializer = JsonSerializer::with_formatter(&mut self.to, CompactFormatter);
        row.serialize(&mut serializer).map_err(io::Error::from)?;
        match self.array {
            true => Ok(()),
            false => self.to.write_all(b"\n"),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.array {
            self.to.write_all(if self.empty { b"]\n" } else { b"\n]\n" })?;
        }
        self.to.flush()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Row { socket, facts, options, knows_set } = self;
        let interface = Interface { index: socket.ifindex, host: facts.host };
        let end = |endpoint| End { endpoint, interface };
        let diag: Vec<&str> = socket.diag(facts).iter().map(|diag| diag.mark()).collect();
        let set = (*knows_set || socket.is_mini()).then_some(Set(options));

        let mut map = to.serialize_map(None)?;
        map.serialize_entry("protocol", socket.kind.word())?;
        map.serialize_entry("type", socket.kind.type_word())?;
        map.serialize_entry("state", socket.state.word())?;
        map.serialize_entry("recv_queue", &socket.recv_queue)?;
        map.serialize_entry("send_queue", &socket.send_queue)?;
        map.serialize_entry("drops", &socket.drops)?;
        map.serialize_entry("local", &end(socket.local))?;
        map.serialize_entry("remote", &end(socket.remote))?;
        map.serialize_entry("interface", &(socket.ifindex != 0).then_some(interface))?;
        map.serialize_entry("uid", &socket.uid)?;
        map.serialize_entry("inode", &socket.inode)?;
        map.serialize_entry("cookie", &(socket.cookie != 0).then_some(socket.cookie))?;
        map.serialize_entry("netns", &socket.netns)?;
        map.serialize_entry("diag", &diag)?;
        map.serialize_entry("options", &Options(options))?;
        map.serialize_entry("set", &set)?;
        map.end()
    }
}

/// The bound interface, by name; where it has none any more, by its number.
#[derive(Clone, Copy)]
struct Interface<'a> {
    index: u32,
    host: &'a Host,
}

impl Serialize for Interface<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.host.interface(self.index) {
            Some(name) => to.collect_str(&Escaped(name.as_bytes())),
            None => to.collect_str(&self.index),
        }
    }
}

struct End<'a> {
    endpoint: Endpoint,
    interface: Interface<'a>,
}

impl Serialize for End<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self.endpoint.address {
            IpAddr::V4(address) => map.serialize_entry("address", &address)?,
            IpAddr::V6(address) => map.serialize_entry("address", &address)?,
        }
        map.serialize_entry("port", &self.endpoint.port)?;
        if self.endpoint.is_link_local() && self.interface.index != 0 {
            map.serialize_entry("scope", &self.interface)?;
        }
        map.end()
    }
}

struct Options<'a>(&'a [Shown]);

impl Serialize for Options<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|shown| (shown.option.name, &shown.value)))
    }
}

struct Set<'a>(&'a [Shown]);

impl Serialize for Set<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(None)?;
        for shown in self.0.iter().filter(|shown| shown.set) {
            seq.serialize_element(shown.option.name)?;
        }
        seq.end()
    }
}
