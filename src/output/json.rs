//! JSON: one array, or the same objects one a line. The man page documents every member; none is
//! ever renamed or retyped.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Output, Row};
use crate::host::Host;
use crate::options::catalogue;
use crate::options::constants;
use crate::options::context::Context;
use crate::options::plan::OptionValue;
use crate::options::value::Value;
use crate::socket::kind::Layout;
use crate::socket::owner::Holder;
use crate::socket::{Endpoint, Master, Names, Socket, Timer, VmEnd};
use crate::text::{escaped, Escaped};

/// Writes JSON.
pub struct Json<W> {
    to: W,
    array: bool,
    empty: bool,
    line: Vec<u8>,
}

impl<W: Write> Json<W> {
    /// One array, an object a line.
    pub fn array(to: W) -> Json<W> {
        Json { to, array: true, empty: true, line: Vec::new() }
    }

    /// One object a line.
    pub fn lines(to: W) -> Json<W> {
        Json { to, array: false, empty: true, line: Vec::new() }
    }
}

impl<W: Write> Output for Json<W> {
    fn begin(&mut self) -> io::Result<()> {
        match self.array {
            true => self.to.write_all(b"["),
            false => Ok(()),
        }
    }

    fn part(&mut self, _: Layout) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        match (self.array, std::mem::replace(&mut self.empty, false)) {
            (true, true) => line.push(b'\n'),
            (true, false) => line.extend_from_slice(b",\n"),
            (false, _) => {}
        }
        serde_json::to_writer(&mut *line, &Head(row))?;
        line.pop(); // the brace, until the options are written too
        write_options(line, row.options)?;
        write_set(line, row);
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
}

/// Writes the member `options`. There are more than a hundred in each object, nearly all of them
/// numbers: these take the short way.
fn write_options(line: &mut Vec<u8>, options: &[OptionValue]) -> io::Result<()> {
    line.extend_from_slice(b",\"options\":{");
    let mut comma: &[u8] = b"\"";
    for OptionValue { option, value, .. } in options {
        line.extend_from_slice(comma);
        line.extend_from_slice(option.name.as_bytes());
        line.extend_from_slice(b"\":");
        match value {
            Value::Int(number) => {
                line.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes())
            }
            Value::Uint64(number) => {
                line.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes())
            }
            value => serde_json::to_writer(&mut *line, value)?,
        }
        comma = b",\"";
    }
    line.push(b'}');
    Ok(())
}

/// Writes the member `set`: null where nobody knows.
fn write_set(line: &mut Vec<u8>, row: &Row) {
    if !row.knows_set && !row.socket.is_mini() {
        line.extend_from_slice(b",\"set\":null");
        return;
    }
    line.extend_from_slice(b",\"set\":[");
    let mut comma: &[u8] = b"\"";
    for shown in row.options.iter().filter(|shown| shown.set) {
        line.extend_from_slice(comma);
        line.extend_from_slice(shown.option.name.as_bytes());
        line.push(b'"');
        comma = b",\"";
    }
    line.push(b']');
}

/// Everything but the options.
struct Head<'a>(&'a Row<'a>);

impl Serialize for Head<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Row { socket, context, .. } = self.0;
        let interface = Interface { index: socket.ifindex, host: context.host() };
        let diag: Vec<&str> =
            socket.diag(context.host().hz).iter().map(|diag| diag.mark()).collect();

        let mut map = to.serialize_map(None)?;
        map.serialize_entry("protocol", socket.word())?;
        map.serialize_entry("type", socket.type_word())?;
        map.serialize_entry("state", socket.state_word())?;
        map.serialize_entry("recv_queue", &socket.recv_queue)?;
        map.serialize_entry("send_queue", &socket.send_queue)?;
        map.serialize_entry("drops", &socket.drops)?;
        write_ends(&mut map, socket, context)?;
        map.serialize_entry("interface", &(socket.ifindex != 0).then_some(interface))?;
        map.serialize_entry("uid", &socket.uid)?;
        map.serialize_entry("inode", &socket.inode)?;
        map.serialize_entry("cookie", &(socket.cookie != 0).then_some(socket.cookie))?;
        map.serialize_entry("netns", &socket.netns)?;
        map.serialize_entry("netns_name", &self.0.netns_name.map(escaped))?;
        map.serialize_entry("master", &socket.master)?;
        if let Some((holders, owner)) = self.0.owner {
            map.serialize_entry("processes", &Processes(holders))?;
            map.serialize_entry("owner", owner.word())?;
        }
        let group = self
            .0
            .reuseport
            .map(|group| Group { group, members: socket.record.header.reuseport_members });
        map.serialize_entry("reuseport", &group)?;
        map.serialize_entry("diag", &diag)?;
        let hz = context.host().hz;
        map.serialize_entry("timer", &socket.timer.map(|timer| Running { timer, hz }))?;
        map.end()
    }
}

/// Writes the members `local` and `remote`, which each family has others in.
fn write_ends<M: SerializeMap>(
    map: &mut M,
    socket: &Socket,
    context: &Context,
) -> Result<(), M::Error> {
    let interface = Interface { index: socket.ifindex, host: context.host() };
    match socket.names {
        Names::Internet { local, remote } => {
            map.serialize_entry("local", &End { endpoint: local, interface })?;
            map.serialize_entry("remote", &End { endpoint: remote, interface })?;
        }
        Names::Unix { path, peer, peer_path } => {
            map.serialize_entry("local", &Path { path, inode: None })?;
            let peer = Path { path: peer_path, inode: Some(peer) };
            map.serialize_entry("remote", &peer)?;
        }
        Names::Packet { ethertype, ifindex } => {
            let interface = (ifindex != 0).then_some(interface);
            map.serialize_entry("local", &Tap { ethertype, interface })?;
            map.serialize_entry("remote", &())?;
        }
        Names::Xdp { ifindex, queue } => {
            let bound = (ifindex != 0).then_some((interface, queue));
            map.serialize_entry("local", &Queue(bound))?;
            map.serialize_entry("remote", &())?;
        }
        Names::Netlink { protocol, portid, peer, peer_group } => {
            let groups = catalogue::named("NETLINK_LIST_MEMBERSHIPS")
                .and_then(|option| option.decode(context));
            map.serialize_entry("local", &Netlink { protocol, portid, groups })?;
            let peer = NetlinkPeer { portid: peer, group: peer_group };
            map.serialize_entry("remote", &peer)?;
        }
        Names::Vm { local, remote } => {
            map.serialize_entry("local", &Vm(local))?;
            map.serialize_entry("remote", &Vm(remote))?;
        }
        Names::Nothing => {
            map.serialize_entry("local", &())?;
            map.serialize_entry("remote", &())?;
        }
    }
    Ok(())
}

impl Serialize for Master {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("inode", &self.inode)?;
        map.serialize_entry("cookie", &(self.cookie != 0).then_some(self.cookie))?;
        map.end()
    }
}

/// The sockets that share a port.
struct Group {
    group: usize,
    members: u32,
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("group", &self.group)?;
        map.serialize_entry("members", &self.members)?;
        map.end()
    }
}

/// An end of a unix socket; of the other end also its socket's inode.
struct Path<'a> {
    path: &'a [u8],
    inode: Option<u64>,
}

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let path = match self.path.split_first() {
            None => None,
            Some((0, name)) => Some(format!("@{}", Escaped(name))),
            Some(_) => Some(Escaped(self.path).to_string()),
        };
        let mut map = to.serialize_map(None)?;
        if let Some(inode) = self.inode {
            map.serialize_entry("inode", &(inode != 0).then_some(inode))?;
        }
        map.serialize_entry("path", &path)?;
        map.end()
    }
}

/// What a packet socket receives, and where.
struct Tap<'a> {
    ethertype: u16,
    interface: Option<Interface<'a>>,
}

impl Serialize for Tap<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("ethertype", &self.ethertype)?;
        map.serialize_entry("interface", &self.interface)?;
        map.end()
    }
}

/// The local end of a netlink socket.
struct Netlink {
    protocol: u16,
    portid: u32,
    groups: Option<Value>,
}

impl Serialize for Netlink {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(3))?;
        match constants::word(constants::NETLINK, self.protocol.into()) {
            Some(word) => map.serialize_entry("protocol", word)?,
            None => map.serialize_entry("protocol", &self.protocol.to_string())?,
        }
        map.serialize_entry("portid", &self.portid)?;
        map.serialize_entry("groups", &self.groups)?;
        map.end()
    }
}

/// The queue of an interface that an XDP socket is bound to.
struct Queue<'a>(Option<(Interface<'a>, u16)>);

impl Serialize for Queue<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("interface", &self.0.map(|(interface, _)| interface))?;
        map.serialize_entry("queue", &self.0.map(|(_, queue)| queue))?;
        map.end()
    }
}

/// Whom a netlink socket is connected to.
struct NetlinkPeer {
    portid: u32,
    group: u32,
}

impl Serialize for NetlinkPeer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("portid", &self.portid)?;
        map.serialize_entry("group", &self.group)?;
        map.end()
    }
}

/// An end of a vsock connection.
struct Vm(VmEnd);

impl Serialize for Vm {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("cid", &self.0.cid)?;
        map.serialize_entry("port", &self.0.port)?;
        map.end()
    }
}

/// The timer that runs.
struct Running {
    timer: Timer,
    hz: u64,
}

impl Serialize for Running {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        map.serialize_entry("kind", self.timer.kind.word())?;
        map.serialize_entry("seconds", &self.timer.seconds(self.hz))?;
        map.serialize_entry("retransmits", &self.timer.retransmits)?;
        map.serialize_entry("probes", &self.timer.probes)?;
        map.end()
    }
}

/// Every descriptor of every process.
struct Processes<'a>(&'a [Holder]);

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(Process))
    }
}

struct Process<'a>(&'a Holder);

impl Serialize for Process<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        map.serialize_entry("pid", &self.0.pid)?;
        map.serialize_entry("command", &escaped(self.0.command.as_bytes()))?;
        map.serialize_entry("fd", &self.0.fd)?;
        map.serialize_entry("nonblock", &self.0.nonblock)?;
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
            // Of one that is gone a packet socket has the number -1.
            None => to.collect_str(&(self.index as i32)),
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
