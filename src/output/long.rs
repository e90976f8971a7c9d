//! The blocks of `--long`, as pfiles(1) of illumos has them: a socket with its processes and its other end, then each
//! option on its line, with where its value comes from, and sentences about what it means.

use std::io::{self, Write};

use super::wording::Wording;
use super::{color, Format, Output, Row, Style};
use crate::host::processes::Found;
use crate::options::meaning::{self, Subject};
use crate::options::origin;
use crate::options::plan::OptionValue;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::query::cell::{Cell, End};
use crate::query::cell_text;
use crate::query::column_list::ColumnList;
use crate::query::columns::Column;
use crate::query::layout::Layout;
use crate::record::fact::Sections;
use crate::socket::owner::{Holder, Owner};
use crate::socket::peer::Peer;
use crate::socket::state::State;

use crate::socket::{Diag, Timer, TimerKind};
use crate::text::fold;

/// The width of a line that is not written to a terminal.
const COLUMNS: usize = 80;
/// The positions of the facts, of the options, and of the texts below an option.
const FACTS: usize = 14;
const OPTIONS: usize = 4;
const BELOW: usize = 8;
/// The narrowest text beside a value that continues at its own position.
const NARROWEST: usize = 20;
/// The widest value that is filled with blanks up to the next column.
const WIDEST: usize = 14;

/// A block for each socket. The sentences may depend on any section of a record.
pub const LONG: Format = Format {
    whole_sockets: true,
    has_sections: false,
    has_blocks: true,
    explains: true,
    sections: || Sections::ALL,
    open: |to, columns, style| Box::new(Long::new(to, columns, style)),
};

struct Long<'a> {
    to: Box<dyn Write + 'a>,
    columns: ColumnList,
    style: Style,
    is_first: bool,
}

impl<'a> Long<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: ColumnList, style: Style) -> Long<'a> {
        Long { to, columns, style, is_first: true }
    }
}

impl Output for Long<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        let mut block = Block { text: String::new(), style: self.style };
        if !std::mem::replace(&mut self.is_first, false) {
            block.text.push('\n');
        }
        block.title(row);
        block.facts(row, |column| self.columns.of(row.layout()).contains(&column));
        block.options(row);
        self.to.write_all(block.text.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The block of a socket.
struct Block {
    text: String,
    style: Style,
}

impl Block {
    /// Appends a text, whose lines after the first are indented. `painted` is the part of it that has a colour.
    fn lines(&mut self, text: &str, indent: usize, painted: (&str, color::Paint)) {
        for (n, line) in fold(text, self.columns(), indent).into_iter().enumerate() {
            match line.split_once(painted.0) {
                Some((before, after)) if n == 0 && !painted.1.is_empty() => {
                    let mut inner = Vec::new();
                    color::paint(&mut inner, painted.1, |to| to.extend(painted.0.bytes()));
                    self.text += before;
                    self.text += &String::from_utf8_lossy(&inner);
                    self.text += after;
                }
                _ => self.text += &line,
            }
            self.text.push('\n');
        }
    }

    /// Appends a fact below its name.
    fn fact(&mut self, name: &str, text: &str) {
        self.lines(&format!("  {name:<width$}{text}", width = FACTS - 2), FACTS, ("", color::NONE));
    }

    /// The line that identifies the socket: its protocol and its ends.
    fn title(&mut self, row: &Row) {
        let mut title = row.socket.word().to_owned();
        if !matches!(row.layout(), Layout::Ends) {
            title = format!("{title} {}", row.socket.type_word());
        }
        title += &match Column::Local.read(row) {
            Cell::End(End::Unix { path: b"", peer: b"" }) => " unnamed".into(),
            local => format!(" {}", cell_text::text(&local)),
        };
        let remote = Column::Remote.read(row);
        if is_connected(&remote) {
            title += &format!(" -> {}", cell_text::text(&remote));
        }
        self.lines(&title, OPTIONS, ("", color::NONE));
    }

    fn facts(&mut self, row: &Row, has: impl Fn(Column) -> bool) {
        self.state(row);
        self.fact("queues", &queues(row));
        if let Some(timer) = row.socket.timer {
            self.fact("timer", &timer_text(&timer, row.context.host().hz));
        }
        self.fact("socket", &identity(row));
        self.processes(row);
        for (name, column) in [
            ("unit", Column::Unit),
            ("container", Column::Container),
            ("sockmap", Column::Sockmap),
            ("xattrs", Column::Xattrs),
        ] {
            match column.read(row) {
                Cell::Absent => {}
                cell if has(column) => self.fact(name, &cell_text::text(&cell)),
                _ => {}
            }
        }
        self.peer(row);
    }

    fn state(&mut self, row: &Row) {
        let word = text_of(Column::State, row);
        let diag = match Column::Diag.read(row) {
            Cell::Diag(Some(diag)) => format!(", {}: {}", diag.mark(), stall(diag)),
            _ => String::new(),
        };
        let paint = match self.style.color {
            true => color::of_state(row.socket.state),
            false => color::NONE,
        };
        let text = format!("  {:<width$}{word}{diag}", "state", width = FACTS - 2);
        self.lines(&text, FACTS, (&word, paint));
    }

    /// The descriptors that hold the socket, one on each line, or why there are none.
    fn processes(&mut self, row: &Row) {
        match row.holders.of_socket {
            // Pins may be without processes.
            None => self.fact("process", "unknown"),
            Some(([], _)) => self.fact("process", &text_of(Column::Program, row)),
            Some((holders, _)) => {
                holders.iter().for_each(|it| self.fact("process", &holder_text(it, row)))
            }
        }
    }

    fn peer(&mut self, row: &Row) {
        let claim = match row.peer {
            Peer::None => return,
            Peer::Unknown => {
                return self.fact(
                    "peer",
                    "not known: one of several sockets, or one that was opened meanwhile",
                )
            }
            Peer::Is(claim) => claim,
        };
        let inode = match claim.inode {
            0 => String::new(),
            inode => format!("inode {inode}, "),
        };
        match row.holders.of_peer {
            None | Some(([], Owner::Unknown)) => {
                self.fact("peer", &format!("{inode}process unknown"))
            }
            Some(([], owner)) => self.fact("peer", &format!("{inode}({})", owner.word())),
            Some((holders, _)) => holders
                .iter()
                .for_each(|it| self.fact("peer", &format!("{inode}{}", holder_text(it, row)))),
        }
    }

    /// The options, aligned with each other.
    fn options(&mut self, row: &Row) {
        if row.socket.is_mini() {
            return self
                .fact("options", "none: the kernel keeps only a part of the socket in this state");
        }
        if row.options.is_empty() && !row.is_partial {
            return self.fact("options", "none of those that -O selects");
        }
        self.fact("options", "");
        let names = row.options.iter().map(|shown| shown.option.name.len()).max();
        let values = row.options.iter().map(|shown| value_text(shown).chars().count());
        let values = values.filter(|width| *width <= WIDEST).max().unwrap_or_default();
        for shown in row.options {
            self.option(shown, row, (names.unwrap_or_default(), values));
        }
        if row.is_partial {
            self.lines("    ? others may be set", OPTIONS, ("", color::NONE));
        }
    }

    fn option(&mut self, shown: &OptionValue, row: &Row, (names, values): (usize, usize)) {
        let (name, value) = (shown.option.name, value_text(shown));
        let origin = origin::of(shown, row.socket.kind, row.answers, row.context.host());
        let wording = Wording {
            short: false,
            color: self.style.color,
            knows_set: row.knows_set,
            processes: None,
        };
        let painted = format!("{name:<names$}  {value}");
        let blanks = values.saturating_sub(value.chars().count()) + 2;
        let line = format!("    {painted}{:blanks$}{origin}", "");
        let sources = origin.sources().iter().map(ToString::to_string);
        // Beside the word if there is room.
        let all = sources.clone().fold(line.clone(), |text, source| format!("{text}, {source}"));
        let fits = all.chars().count() <= self.columns();
        let line = if fits { all } else { line };
        let origin_at = OPTIONS + names + values + 4;
        let is_narrow = self.columns() < origin_at + NARROWEST;
        let indent = if is_narrow { BELOW + 2 } else { origin_at };
        self.lines(&line, indent, (&painted, wording.paint(shown)));
        sources.filter(|_| !fits).for_each(|source| self.below(&source));
        let subject =
            Subject { shown, context: row.context, kind: row.socket.kind, state: row.socket.state };
        meaning::of(&subject).for_each(|sentence| self.below(&sentence));
    }

    /// Appends a text below an option.
    fn below(&mut self, text: &str) {
        self.lines(&format!("{:BELOW$}{text}", ""), BELOW + 2, ("", color::NONE));
    }

    /// The width that lines have to fit.
    fn columns(&self) -> usize {
        self.style.terminal.unwrap_or(COLUMNS)
    }
}

fn text_of(column: Column, row: &Row) -> String {
    cell_text::text(&column.read(row))
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

/// The value with its unit, unless the text of the value has one.
fn value_text(OptionValue { option, value, .. }: &OptionValue) -> String {
    let text = Text(value, option.kind).to_string();
    let unit = match (option.kind.unit(), value) {
        ("bytes", Value::Int(1)) => "byte",
        ("bytes", _) => "bytes",
        ("bytes per second", Value::Uint64(rate)) if *rate != u64::MAX => "bytes/s",
        _ => "",
    };
    match (text.as_str(), unit) {
        ("", _) => "-".into(),
        (_, "") => text,
        _ => format!("{text} {unit}"),
    }
}

fn queues(row: &Row) -> String {
    let (receive, send) = (row.socket.recv_queue, row.socket.send_queue);
    let text = match row.socket.state {
        State::Listen => format!("{receive} connections to be accepted, backlog {send}"),
        _ => format!("{receive} bytes to be read, {send} bytes to be sent or acknowledged"),
    };
    match row.socket.drops {
        None | Some(0) => text,
        Some(drops) => format!("{text}, packets dropped: {drops}"),
    }
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
    let mut parts = Vec::new();
    let mut add = |name: &str, cell: &Cell| match cell {
        Cell::Absent => {}
        cell => parts.push(format!("{name} {}", cell_text::text(cell))),
    };
    add("inode", &Column::Inode.read(row));
    if let Cell::Number(uid) = Column::Uid.read(row) {
        let uid = uid as u32;
        add("user", &Cell::User(uid, row.processes.user_name(uid)));
    }
    add("cookie", &Column::Cookie.read(row));
    add("network namespace", &Column::Netns.read(row));
    add("interface", &Column::Interface.read(row));
    add("subflow of", &Column::Master.read(row));
    add("SO_REUSEPORT group", &Column::Group.read(row));
    match parts.is_empty() {
        true => "-".into(),
        false => parts.join(", "),
    }
}

/// A descriptor: `812/sshd, fd 3, user root, O_NONBLOCK`.
fn holder_text(holder: &Holder, row: &Row) -> String {
    let mut text = cell_text::processes(&[*holder], None);
    text += &match holder.slot {
        Some(slot) => format!(", io_uring {}, slot {slot}", holder.fd),
        None => format!(", fd {}", holder.fd),
    };
    if let Found::Process(process) = row.processes.of(holder) {
        let user = Cell::User(process.uid, row.processes.user_name(process.uid));
        text += &format!(", user {}", cell_text::text(&user));
    }
    text + if holder.nonblock { ", O_NONBLOCK" } else { "" }
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
