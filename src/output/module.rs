//! The text of the knetstat kernel module (`--module`): the tables that its files /proc/net/tcpstat, tcp6stat, udpstat
//! and udp6stat contain, byte for byte. bpf/module.bpf.c prints the same from the kernel.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Format, Output, Row, Style};
use crate::options::module::{self, KINDS};
use crate::record::fact::{sections, Sections};
use crate::socket::kind::{Family, SocketKind};
use crate::socket::state::State;
use crate::socket::{diag, Endpoint};

/// The tables of the module, one after the other.
pub const MODULE: Format = Format {
    whole_sockets: false,
    has_sections: false,
    has_blocks: false,
    explains: false,
    sections: read_sections,
    open: |to, _, style| Box::new(Module::new(to, style)),
};

const TCP_HEADER: &str =
    "Recv-Q Send-Q Local Address           Foreign Address         Stat Diag Options\n";
const UDP_HEADER: &str = "Recv-Q Send-Q Local Address           Foreign Address         Options\n";

/// The width of an address with its port.
const ADDRESS_WIDTH: usize = 23;

fn read_sections() -> Sections {
    module::read_sections() | sections(&diag::FACTS)
}

struct Module<'a> {
    to: Box<dyn Write + 'a>,
    header: bool,
    tables: Vec<Table>,
    /// The address that is being written.
    address: String,
}

/// A table. The first is written as it is read. The others are kept until it is complete, because sockets of both
/// versions of IP alternate.
struct Table {
    kind: SocketKind,
    kept: Vec<u8>,
}

impl<'a> Module<'a> {
    fn new(to: Box<dyn Write + 'a>, style: Style) -> Module<'a> {
        let shown = KINDS.into_iter().zip(style.tables).filter(|(_, is_shown)| *is_shown);
        let tables = shown.map(|(kind, _)| Table { kind, kept: Vec::new() }).collect();
        Module { to, header: style.header, tables, address: String::new() }
    }
}

impl Output for Module<'_> {
    fn begin(&mut self) -> io::Result<()> {
        for table in self.tables.iter_mut().filter(|_| self.header) {
            let header = match table.kind.family() {
                Family::Udp => UDP_HEADER,
                _ => TCP_HEADER,
            };
            table.kept.extend_from_slice(header.as_bytes());
        }
        self.tables.first_mut().map_or(Ok(()), |first| first.write_kept(&mut self.to))
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let index = self.tables.iter().position(|table| table.kind == row.socket.kind);
        let Some(index) = index else { return Ok(()) };
        let table = &mut self.tables[index];
        write_row(&mut table.kept, row, &mut self.address)?;
        match index {
            0 => table.write_kept(&mut self.to),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.tables.iter_mut().try_for_each(|table| table.write_kept(&mut self.to))?;
        self.to.flush()
    }

    fn end_incomplete(&mut self) -> io::Result<()> {
        self.end()
    }
}

impl Table {
    fn write_kept(&mut self, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.kept)?;
        self.kept.clear();
        Ok(())
    }
}

/// Appends a line. `address` is memory for an address.
fn write_row(to: &mut Vec<u8>, row: &Row, address: &mut String) -> io::Result<()> {
    let socket = row.socket;
    let send_queue = match socket.state {
        // The module does not have the limit of the backlog.
        State::Listen => 0,
        _ => socket.send_queue,
    };
    write!(to, "{:6} {send_queue:6} ", socket.recv_queue)?;
    if let Some((local, remote)) = socket.ends() {
        write_end(to, local, address)?;
        write_end(to, remote, address)?;
    }
    let (record, hz) = (&socket.record, row.context.host().hz);
    if socket.kind.family() == Family::Udp {
        module::write_udp(to, record, hz)?;
    } else {
        write!(to, "{} ", word(socket.state))?;
        if !socket.is_mini() {
            let mark = socket.diag(hz).flatten().map_or("", |diag| diag.mark());
            write!(to, "{mark:4} ")?;
            module::write_tcp(to, record, hz)?;
        }
    }
    to.push(b'\n');
    Ok(())
}

/// Appends an address with its port, and at least one blank.
fn write_end(to: &mut Vec<u8>, end: Endpoint, address: &mut String) -> io::Result<()> {
    use std::fmt::Write;
    address.clear();
    let written = match end.address {
        IpAddr::V6(it) => write_ipv6(address, it),
        IpAddr::V4(it) => write!(address, "{it}"),
    };
    let port = match end.port {
        0 => write!(address, ":*"),
        port => write!(address, ":{port}"),
    };
    written.and(port).map_err(io::Error::other)?;
    io::Write::write_fmt(to, format_args!("{address:ADDRESS_WIDTH$} "))
}

/// Appends an address as the kernel prints it: lib/vsprintf.c, ip6_compressed_string(). Unlike the standard library,
/// the kernel prints the last 32 bits of an ISATAP address (RFC 5214, 6.1) as an IPv4 address.
fn write_ipv6(to: &mut String, address: Ipv6Addr) -> std::fmt::Result {
    use std::fmt::Write;
    let mut words = address.segments();
    if words[4] | 0x0200 != 0x0200 || words[5] != 0x5efe {
        return write!(to, "{address}");
    }
    let [.., a, b, c, d] = address.octets();
    // Two words that are not zero, which do not change how the others are written.
    words[6..].fill(1);
    write!(to, "{}", Ipv6Addr::from(words))?;
    to.truncate(to.len() - "1:1".len());
    write!(to, "{}", Ipv4Addr::new(a, b, c, d))
}

/// The four letters of the module for a state.
fn word(state: State) -> &'static str {
    match state {
        State::Established => "ESTB",
        State::SynSent => "SYNS",
        State::SynRecv => "SYNR",
        State::FinWait1 => "FNW1",
        State::FinWait2 => "FNW2",
        State::TimeWait => "TIMW",
        State::Close => "CLSD",
        State::CloseWait => "CLSW",
        State::LastAck => "LACK",
        State::Listen => "LSTN",
        State::Closing => "CLSG",
        State::Unconnected | State::Unknown => "NONE",
    }
}

#[cfg(test)]
mod tests {
    use super::write_ipv6;

    #[test]
    fn the_end_of_an_isatap_address_is_an_ipv4_address() {
        for (address, text) in [
            ("fe80::5efe:a00:1", "fe80::5efe:10.0.0.1"),
            ("2001:db8::200:5efe:c000:201", "2001:db8::200:5efe:192.0.2.1"),
            ("::5efe:0:0", "::5efe:0.0.0.0"),
            ("1:0:2:0:0:5efe:1:1", "1:0:2::5efe:0.1.0.1"),
            ("fe80::201:5efe:a00:1", "fe80::201:5efe:a00:1"),
            ("::ffff:a00:1", "::ffff:10.0.0.1"),
            ("::a00:1", "::a00:1"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ] {
            let mut written = String::new();
            write_ipv6(&mut written, address.parse().unwrap()).unwrap();
            assert_eq!(written, text);
        }
    }
}
