//! The table: netstat's columns, then the module's Diag and Options.
//!
//! Rows are written as they come: a column is as wide as netstat makes it, and a longer value pushes
//! its line. It is never cut.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use super::{Output, Row};
use crate::host::Host;
use crate::options::constants;
use crate::options::kind::ValueKind;
use crate::options::plan::OptionValue;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::socket::kind::Layout;
use crate::socket::owner::{Holder, Owner};
use crate::socket::{Endpoint, Names, Socket, Timer, VmEnd};
use crate::text::Word;

const BOLD: &[u8] = b"\x1b[1m";
const PLAIN: &[u8] = b"\x1b[0m";

/// What the table is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// A first line with the names of the columns.
    pub header: bool,
    /// How wide the first column is: the longest word for a kind that can come.
    pub protocol: usize,
    /// The network namespace.
    pub netns: bool,
    /// The user, the inode, and with whom it shares its port.
    pub extended: bool,
    /// The processes.
    pub programs: bool,
    /// The timer that runs.
    pub timers: bool,
    /// What is set stands out.
    pub color: bool,
}

/// Writes the table.
pub struct Table<W> {
    to: W,
    columns: Columns,
    line: Line,
    /// Nothing was written yet.
    first: bool,
}

impl<W: Write> Table<W> {
    /// Writes to `to`.
    pub fn new(to: W, columns: Columns) -> Table<W> {
        Table { to, columns, line: Line::default(), first: true }
    }

    /// Writes the options, joined by commas.
    fn options(&mut self, options: &[OptionValue]) -> io::Result<()> {
        let mut comma = "";
        for OptionValue { option, value, set } in options {
            let bytes = &mut self.line.bytes;
            let highlight = self.columns.color && *set;
            bytes.extend_from_slice(comma.as_bytes());
            bytes.extend_from_slice(if highlight { BOLD } else { b"" });
            bytes.extend_from_slice(option.name.as_bytes());
            bytes.push(b'=');
            match (value, option.kind) {
                // Most values are such; they are worth a shorter way.
                (Value::Int(number @ 0..=9), ValueKind::Bool) => bytes.push(b'0' + *number as u8),
                _ => write!(bytes, "{}", Text(value, option.kind))?,
            }
            bytes.extend_from_slice(if highlight { PLAIN } else { b"" });
            comma = ",";
        }
        Ok(())
    }
}

impl<W: Write> Output for Table<W> {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn part(&mut self, layout: Layout) -> io::Result<()> {
        let first = std::mem::replace(&mut self.first, false);
        if !self.columns.header {
            return Ok(());
        }
        let line = &mut self.line;
        if !first {
            line.write(&mut self.to)?;
        }
        line.text("Proto", self.columns.protocol);
        line.text("Recv-Q", 6);
        line.text("Send-Q", 6);
        match layout {
            Layout::Unix => {
                line.text("Type", 9);
                line.text("State", 13);
                line.text("I-Node", 8);
                line.text("Peer", 8);
                line.text("Path", 40);
            }
            Layout::Ends => {
                line.text("Local Address", 23);
                line.text("Foreign Address", 23);
                line.text("State", 11);
            }
        }
        if self.columns.netns {
            line.text("Netns", 12);
        }
        if self.columns.extended {
            line.text("User", 10);
            if layout != Layout::Unix {
                line.text("Inode", 10);
                line.text("Group", 6);
            }
        }
        if self.columns.programs {
            line.text("PID/Program name", 20);
        }
        if layout == Layout::Ends {
            if self.columns.timers {
                line.text("Timer", 23);
            }
            line.text("Diag", 4);
        }
        line.text("Options", 0);
        self.line.write(&mut self.to)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let Row { socket, context, options, .. } = row;
        let mut number = itoa::Buffer::new();
        let line = &mut self.line;
        line.text(socket.word(), self.columns.protocol);
        line.number(socket.recv_queue.into(), 6);
        line.number(socket.send_queue.into(), 6);
        names(line, socket, context.host())?;
        let layout = socket.kind.family().layout();
        if self.columns.netns {
            match row.netns_name {
                Some(name) => line.text(&Word(name).to_string(), 12),
                None => line.text(number.format(socket.netns), 12),
            }
        }
        if self.columns.extended {
            line.text(number.format(socket.uid), 10);
            if layout != Layout::Unix {
                line.text(number.format(socket.inode), 10);
                line.text(&group(row), 6);
            }
        }
        if let Some((holders, owner)) = row.owner {
            line.text(&programs(holders, owner), 20);
        }
        if layout == Layout::Ends {
            if self.columns.timers {
                line.text(&timer(socket.timer, context.host().hz), 23);
            }
            line.text(socket.diag(context.host().hz).map_or("", |diag| diag.mark()), 4);
        }
        if !options.is_empty() {
            self.line.fill();
            self.options(options)?;
        }
        self.line.write(&mut self.to)
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Adds the columns that name a socket: its two ends and its state, or what a unix socket has instead.
fn names(line: &mut Line, socket: &Socket, host: &Host) -> io::Result<()> {
    let mut number = itoa::Buffer::new();
    match socket.names {
        Names::Internet { local, remote } => {
            line.place(&Place { endpoint: local, socket, host }, 23)?;
            line.place(&Place { endpoint: remote, socket, host }, 23)?;
        }
        Names::Unix { path, peer, peer_path } => {
            line.text(socket.type_word(), 9);
            line.text(socket.state_word(), 13);
            line.text(number.format(socket.inode), 8);
            line.text(if peer == 0 { "-" } else { number.format(peer) }, 8);
            line.text(&paths(path, peer_path), 40);
            return Ok(());
        }
        Names::Packet { ethertype, ifindex } => line.ends(&tap(ethertype, ifindex, host), "*"),
        Names::Xdp { ifindex, queue } => line.ends(&queue_of(ifindex, queue, host), "*"),
        Names::Netlink { protocol, portid, peer, .. } => {
            let peer = if peer == 0 { "*" } else { number.format(peer) };
            line.ends(&netlink(protocol, portid), peer);
        }
        Names::Vm { local, remote } => line.ends(&vm(local), &vm(remote)),
        Names::Nothing => line.ends("-", "-"),
    }
    line.text(socket.state_word(), 11);
    Ok(())
}

/// The name of a unix socket, and that of its peer behind an arrow where only the peer has one: so
/// the row of a client tells whose client it is.
fn paths(path: &[u8], peer_path: &[u8]) -> String {
    match (path.is_empty(), peer_path.is_empty()) {
        (false, _) => named(path),
        (true, false) => format!("->{}", named(peer_path)),
        (true, true) => "-".into(),
    }
}

fn named(path: &[u8]) -> String {
    match path.split_first() {
        Some((0, name)) => format!("@{}", Word(name)),
        _ => Word(path).to_string(),
    }
}

/// What a packet socket receives, and where, as ss writes it: `ip:eth0`.
fn tap(ethertype: u16, ifindex: i32, host: &Host) -> String {
    let ethertype = match (ethertype, constants::word(constants::ETHERTYPES, ethertype.into())) {
        (0, _) => "-".into(),
        (_, Some(word)) => word.to_owned(),
        (number, None) => format!("{number:#06x}"),
    };
    match ifindex {
        0 => format!("{ethertype}:*"),
        _ => format!("{ethertype}:{}", interface(ifindex, host)),
    }
}

/// The queue of an interface that an XDP socket is bound to: `eth0:3`.
fn queue_of(ifindex: u32, queue: u16, host: &Host) -> String {
    match ifindex {
        0 => "*:*".into(),
        _ => format!("{}:{queue}", interface(ifindex as i32, host)),
    }
}

/// An interface by name; where it has none any more, by its number.
fn interface(index: i32, host: &Host) -> String {
    match host.interface(index as u32) {
        Some(name) => Word(name.as_bytes()).to_string(),
        None => index.to_string(),
    }
}

/// A netlink socket: its protocol, in words where there are such, and its number.
fn netlink(protocol: u16, portid: u32) -> String {
    let number = if portid == 0 { "*".into() } else { portid.to_string() };
    match constants::word(constants::NETLINK, protocol.into()) {
        Some(word) => format!("{word}:{number}"),
        None => format!("{protocol}:{number}"),
    }
}

/// An end of a vsock connection.
fn vm(end: VmEnd) -> String {
    let number = |number: u32| if number == u32::MAX { "*".into() } else { number.to_string() };
    format!("{}:{}", number(end.cid), number(end.port))
}

/// The processes as netstat writes them, joined by commas, each once; without any, the reason.
fn programs(holders: &[Holder], owner: Owner) -> String {
    let mut text = String::new();
    let mut last = None;
    for holder in holders.iter().filter(|holder| last.replace(holder.pid) != Some(holder.pid)) {
        let comma = if text.is_empty() { "" } else { "," };
        let command = Word(holder.command.as_bytes());
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{}/{command}", holder.pid);
    }
    match (owner, text.is_empty()) {
        (Owner::Process, _) => text,
        (owner, true) => format!("({})", owner.word()),
        (owner, false) => format!("{text}({})", owner.word()),
    }
}

/// The group of sockets that share a port, and how many they are.
fn group(row: &Row) -> String {
    match row.reuseport {
        None => "-".into(),
        Some(group) => format!("{group}/{}", row.socket.record.header.reuseport_members),
    }
}

/// The timer as netstat writes it: how long it still runs, retransmits, unanswered probes.
fn timer(timer: Option<Timer>, hz: u64) -> String {
    match timer {
        None => "off (0.00/0/0)".into(),
        Some(timer) => {
            let (word, seconds) = (timer.kind.netstat_word(), timer.seconds(hz));
            format!("{word} ({seconds:.2}/{}/{})", timer.retransmits, timer.probes)
        }
    }
}

/// A line on its way.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// Blanks that are due as soon as something follows: no line ends with one.
    blanks: usize,
}

impl Line {
    /// Adds a column that is as wide as this or as its text, and a blank.
    fn text(&mut self, text: &str, width: usize) {
        if text.is_empty() {
            self.blanks += width + 1;
        } else {
            self.fill();
            self.bytes.extend_from_slice(text.as_bytes());
            self.blanks = width.saturating_sub(text.len()) + 1;
        }
    }

    /// Adds a column with a number at its right.
    fn number(&mut self, number: u64, width: usize) {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(number);
        self.blanks += width.saturating_sub(text.len());
        self.text(text, 0);
    }

    /// Adds the columns of the two ends, where these are no addresses.
    fn ends(&mut self, local: &str, remote: &str) {
        self.text(local, 23);
        self.text(remote, 23);
    }

    /// Adds a column with an address and a port.
    fn place(&mut self, place: &Place, width: usize) -> io::Result<()> {
        self.fill();
        let begin = self.bytes.len();
        match place.endpoint.address {
            // The formatter of the standard library takes five times as long.
            IpAddr::V4(address) => {
                let mut dot: &[u8] = b"";
                for octet in address.octets() {
                    self.bytes.extend_from_slice(dot);
                    self.bytes.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                    dot = b".";
                }
            }
            IpAddr::V6(address) => write!(self.bytes, "{address}{}", place.scope())?,
        }
        self.bytes.push(b':');
        match place.endpoint.port {
            0 => self.bytes.push(b'*'),
            port => self.bytes.extend_from_slice(itoa::Buffer::new().format(port).as_bytes()),
        }
        self.blanks = width.saturating_sub(self.bytes.len() - begin) + 1;
        Ok(())
    }

    /// Writes the blanks that are due.
    fn fill(&mut self) {
        let blanks = std::mem::take(&mut self.blanks);
        self.bytes.resize(self.bytes.len() + blanks, b' ');
    }

    /// Writes the line out and begins the next.
    fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.bytes.push(b'\n');
        let result = to.write_all(&self.bytes);
        self.bytes.clear();
        self.blanks = 0;
        result
    }
}

/// An address and a port as netstat writes them: `127.0.0.1:22`, `:::*`. A link-local address has
/// its interface, without which it means nothing.
struct Place<'a> {
    endpoint: Endpoint,
    socket: &'a Socket<'a>,
    host: &'a Host,
}

impl Place<'_> {
    /// The interface behind a link-local address, after a `%`.
    fn scope(&self) -> String {
        let index = self.socket.ifindex;
        if index == 0 || !self.endpoint.is_link_local() {
            return String::new();
        }
        match self.host.interface(index) {
            Some(name) => format!("%{}", Word(name.as_bytes())),
            None => format!("%{index}"),
        }
    }
}
