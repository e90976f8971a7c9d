//! The first lines of a block: what identifies the socket, its state, its processes and its other end.

use super::lines::Lines;
use crate::host::processes::Found;
use crate::output::color;
use crate::query::cell::{Cell, End};
use crate::query::cell_text;
use crate::query::columns::Column;
use crate::query::layout::Layout;
use crate::query::row::Row;
use crate::socket::holders::Holder;
use crate::socket::kind::Family;
use crate::socket::owner::{Owner, Via};
use crate::socket::peer::Peer;
use crate::socket::state::State;
use crate::socket::{Diag, Timer, TimerKind};

/// Columns that are shown as they are, if the socket has them.
const COLUMNS: [Column; 4] = [Column::Unit, Column::Container, Column::Sockmap, Column::Xattrs];

/// Adds the facts of a socket.
pub fn write(lines: &mut Lines, row: &Row) {
    lines.add(&title(row), 4);
    write_state(lines, row);
    lines.add_fact("queues", &queues(row));
    if let Cell::Timer(Some(timer), hz) = Column::Timer.read(row) {
        lines.add_fact("timer", &timer_text(&timer, hz));
    }
    lines.add_fact("socket", &identity(row));
    write_processes(lines, row);
    write_via(lines, row);
    for column in COLUMNS {
        match column.read(row) {
            Cell::Absent => {}
            Cell::Sockmaps(sockmaps) if sockmaps.maps.is_empty() => {}
            cell => lines.add_fact(column.name(), &cell_text::text(&cell)),
        }
    }
    write_peer(lines, row);
}

/// The protocol and the ends of the socket.
fn title(row: &Row) -> String {
    let mut title = row.socket.word().to_owned();
    if row.layout() == Layout::Unix {
        title += &format!(" {}", row.socket.type_word());
    }
    title += &match Column::Local.read(row) {
        Cell::End(End::Unix { path: b"", .. }) => " unnamed".into(),
        local => format!(" {}", cell_text::text(&local)),
    };
    match Column::Remote.read(row) {
        remote if is_connected(&remote) => title + " -> " + &cell_text::text(&remote),
        _ => title,
    }
}

/// Whether the remote end is one, rather than any or none.
fn is_connected(remote: &Cell) -> bool {
    match remote {
        Cell::End(End::Internet { endpoint, .. }) => {
            endpoint.port != 0 || !endpoint.address.is_unspecified()
        }
        Cell::End(End::UnixPeer { path, .. }) => !path.is_empty(),
        Cell::End(End::NetlinkPeer { portid, .. }) => *portid != 0,
        Cell::End(End::Vm(end)) => end.cid != u32::MAX || end.port != u32::MAX,
        _ => false,
    }
}

fn write_state(lines: &mut Lines, row: &Row) {
    let word = cell_text::text(&Column::State.read(row));
    let text = match Column::Diag.read(row) {
        Cell::Diag(Some(Some(diag))) => format!("{word}, {}: {}", diag.mark(), stall(diag)),
        _ => word.clone(),
    };
    lines.add_painted_fact("state", &text, &word, color::of_state(row.socket.state));
}

/// Why an established connection makes no progress.
fn stall(diag: Diag) -> &'static str {
    match diag {
        Diag::PeerWindowZero => "the window of the peer is 0",
        Diag::OwnWindowZero => "the window of this socket is 0",
        Diag::BothWindowsZero => "the windows of both sides are 0",
        Diag::Unacknowledged => {
            "data is unacknowledged, and the last acknowledgment came more than a second ago"
        }
    }
}

fn queues(row: &Row) -> String {
    let (receive, send) = (Column::Recvq.read(row), Column::Sendq.read(row));
    let text = match row.socket.state {
        State::Listen => {
            let backlog = cell_text::text(&send);
            format!("{} to be accepted, backlog {backlog}", counted(&receive, "connection"))
        }
        _ => {
            let [unread, unsent] = of_queues(row);
            format!("{} {unread}, {} {unsent}", counted(&receive, "byte"), counted(&send, "byte"))
        }
    };
    match Column::Drops.read(row) {
        Cell::Number(drops) if drops > 0 => format!("{text}, packets dropped: {drops}"),
        _ => text,
    }
}

/// What the bytes of the queues are. Only TCP counts those of the data in both: `bpf/` has the members of the kernel.
fn of_queues(row: &Row) -> [&'static str; 2] {
    const UNRECEIVED: &str = "of memory with data to be received";
    match row.socket.kind.family() {
        Family::Tcp => ["to be read", "to be sent or acknowledged"],
        Family::Unix if row.socket.type_word() == "dgram" => {
            ["to be read in the first datagram", UNRECEIVED]
        }
        Family::Unix => ["to be read", UNRECEIVED],
        _ => ["of memory with data to be read", "of memory with data to be sent"],
    }
}

/// A number of things. A number that the kernel does not have is a dash.
fn counted(number: &Cell, thing: &str) -> String {
    let plural = if matches!(number, Cell::Number(1)) { "" } else { "s" };
    format!("{} {thing}{plural}", cell_text::text(number))
}

fn timer_text(timer: &Timer, hz: u64) -> String {
    let what = match timer.kind {
        TimerKind::Retransmit => "retransmission",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "end of the connection",
        TimerKind::Probe => "probe of the window",
        TimerKind::DelayedAck => "delayed acknowledgment",
    };
    let mut text = format!("{what} in {:.2} s", timer.seconds(hz));
    if timer.retransmits > 0 {
        text += &format!(", retransmissions: {}", timer.retransmits);
    }
    if timer.probes > 0 {
        text += &format!(", unanswered probes: {}", timer.probes);
    }
    text
}

/// What identifies the socket, besides its ends.
fn identity(row: &Row) -> String {
    let user = match Column::Uid.read(row) {
        // By name, as the users of processes, whether or not hosts and services have names.
        Cell::User(uid, None) => Cell::User(uid, row.processes.user_name(uid)),
        cell => cell,
    };
    let parts = [
        ("inode", Column::Inode.read(row)),
        ("user", user),
        ("cookie", Column::Cookie.read(row)),
        ("network namespace", Column::Netns.read(row)),
        ("interface", Column::Interface.read(row)),
        ("SO_REUSEPORT group", Column::Group.read(row)),
    ];
    let known = parts.iter().filter(|(_, cell)| !matches!(cell, Cell::Absent));
    let texts = known.map(|(name, cell)| format!("{name} {}", cell_text::text(cell)));
    texts.chain(master(row)).collect::<Vec<_>>().join(", ")
}

/// The MPTCP connection of a subflow.
fn master(row: &Row) -> Option<String> {
    let Cell::Master(master) = Column::Master.read(row) else { return None };
    Some(match master.inode {
        0 => "subflow of an MPTCP connection that was not accepted".into(),
        // The kernel gives the first subflow of an accepted connection the inode of that.
        inode if inode == row.socket.inode => "subflow of the MPTCP socket with this inode".into(),
        inode => format!("subflow of {inode}"),
    })
}

/// Adds the descriptors that hold the socket, one on each line, or why there are none.
fn write_processes(lines: &mut Lines, row: &Row) {
    match row.holders.of_socket {
        // Pins may be without processes.
        None => lines.add_fact("process", "unknown"),
        Some(([], _)) => lines.add_fact("process", &cell_text::text(&Column::Program.read(row))),
        Some((holders, _)) => {
            holders.iter().for_each(|it| lines.add_fact("process", &holder_text(it, row)))
        }
    }
}

/// The same of the socket that leads to processes where none holds this one.
fn write_via(lines: &mut Lines, row: &Row) {
    let Some((holders, via)) = row.holders.of_via else { return };
    let name = match via {
        Via::Listener { .. } => "listener",
        Via::Carrier { .. } => "carrier",
    };
    let inode = format!("inode {}", via.inode());
    match holders {
        // It waits to be accepted itself, or is held in another PID namespace.
        [] if via.inode() == 0 => {}
        [] => lines.add_fact(name, &inode),
        _ if via.is_in_flight() => {
            let processes = cell_text::text(&Column::ListenerProgram.read(row));
            lines.add_fact(name, &format!("{inode}, {processes}"));
        }
        _ => holders
            .iter()
            .for_each(|it| lines.add_fact(name, &format!("{inode}, {}", holder_text(it, row)))),
    }
}

/// The same of the socket at the other end, if that is on this host.
fn write_peer(lines: &mut Lines, row: &Row) {
    const SEVERAL: &str = "unknown: one of several sockets, or one that was opened meanwhile";
    let claim = match row.peer {
        Peer::None => return,
        Peer::Unknown => return lines.add_fact("peer", SEVERAL),
        Peer::Is(claim) => claim,
    };
    let inode = match claim.inode {
        0 => String::new(),
        inode => format!("inode {inode}, "),
    };
    match row.holders.of_peer {
        None | Some(([], Owner::Unknown)) => {
            lines.add_fact("peer", &format!("{inode}process unknown"))
        }
        Some(([], _)) => {
            let program = cell_text::text(&Column::PeerProgram.read(row));
            lines.add_fact("peer", &format!("{inode}{program}"));
        }
        Some((holders, _)) => holders
            .iter()
            .for_each(|it| lines.add_fact("peer", &format!("{inode}{}", holder_text(it, row)))),
    }
}

/// A descriptor: `812/sshd, fd 3, user root, O_NONBLOCK`.
fn holder_text(holder: &Holder, row: &Row) -> String {
    let mut text = cell_text::task(&holder.task);
    text += &match holder.slot {
        Some(slot) if holder.ring_is_registered => {
            format!(", registered io_uring {}, slot {slot}", holder.fd)
        }
        Some(slot) => format!(", io_uring {}, slot {slot}", holder.fd),
        None => format!(", fd {}", holder.fd),
    };
    if let Found::Process(process) = row.processes.of(holder) {
        let user = Cell::User(process.uid, row.processes.user_name(process.uid));
        text += &format!(", user {}", cell_text::text(&user));
    }
    text + if holder.nonblock { ", O_NONBLOCK" } else { "" }
}
