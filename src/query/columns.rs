//! THE TABLE of columns, one line for each: its name, where it is shown, what must be collected for it, and
//! how it is read from a row. All outputs take their columns from here.

use crate::host::cgroups::Cgroup;
use crate::host::processes::{Found, Process, Processes};
use crate::host::resolver::Resolver;
use crate::options::context::Context;
use crate::options::dead_after;
use crate::query::cell::{Behind, Cell, PerHolder};
use crate::query::layout::Layout;
use crate::query::row::Row;
use crate::record::fact::{sections, Fact, Sections};
use crate::socket::holders::Holder;
use crate::socket::owner::{self, Claim, Owner, Via};
use crate::socket::peer::Peer;
use crate::socket::receiver::KernelUser;
use crate::socket::{cgroup, diag, kind, sockmap, TimeLimit};
use crate::text::suggest;

/// The heading of a column in a layout of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    pub title: &'static str,
    /// The width in terminal columns. 0 for a list, which ends the line. A longer value is never truncated.
    /// It moves the rest of its line.
    pub width: usize,
    /// Whether values are right-aligned.
    pub right: bool,
}

/// What must be collected before a column can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Only the header of the record, and the names of the socket.
    Nothing,
    /// The options to show.
    Options,
    /// The file descriptors that hold the socket.
    Holders,
    /// The socket at the other end.
    Peer,
    /// The file descriptors that hold the socket at the other end.
    PeerHolders,
    /// These facts of its record.
    Facts(&'static [Fact]),
}

/// The type of the values in a column. Any of them may be absent.
#[derive(Clone, Copy, Debug)]
pub enum ColumnType {
    Number,
    /// A number of bytes.
    Bytes,
    Port,
    /// The number of a user.
    User,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    State,
    /// Text that is not under control of knetstat.
    Text,
    Interface,
    /// One end of a socket, in a form that depends on the family.
    Address,
    /// The IP address of one end.
    Host,
    /// Named members with values of their own.
    Object,
    /// The time until a timer expires, with other members.
    Timer,
    /// A number, a text, on or off, a point in time, or the number of a user, for each descriptor.
    Numbers,
    Texts,
    Switches,
    Moments,
    Users,
    /// The names of options.
    OptionNames,
    /// An object that is compared by its texts.
    Texted,
    List,
    /// Seconds, or `never`, which is longer than any number of seconds.
    Time,
}

impl ColumnType {
    /// The word for the type in the manual page.
    pub fn word(self) -> &'static str {
        match self {
            ColumnType::Number | ColumnType::Bytes | ColumnType::Port | ColumnType::User => {
                "number"
            }
            ColumnType::Word(_) | ColumnType::State => "word",
            ColumnType::Text | ColumnType::Interface | ColumnType::Host => "text",
            ColumnType::Address => "address",
            ColumnType::Object | ColumnType::Timer | ColumnType::Texted => "object",
            ColumnType::Numbers
            | ColumnType::Texts
            | ColumnType::OptionNames
            | ColumnType::Switches
            | ColumnType::Moments
            | ColumnType::Users
            | ColumnType::List => "list",
            ColumnType::Time => "time",
        }
    }
}

/// The member of a JSON object that contains the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JsonMember {
    /// Present unless `--columns` chooses other columns.
    Default(&'static str),
    /// Only present if `--columns` chooses it, with the name of the column.
    Chosen,
}

/// A line of the table.
struct ColumnSpec {
    name: &'static str,
    member: JsonMember,
    /// The headings by layout. `None` if the layout does not have the column.
    headings: [Option<Heading>; Layout::ALL.len()],
    needs: Needs,
    column_type: ColumnType,
    read: for<'a> fn(&'a Row<'a>) -> Cell<'a>,
    help: &'static str,
}

macro_rules! columns {
    ($($id:ident = $name:literal, $member:expr, $headings:expr, $needs:ident $(($facts:expr))?, $type:ident $(($words:expr))?, $read:expr, $help:literal;)*) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column {
            $($id,)*
        }

        impl Column {
            /// Every column, in the order of the members of a JSON object.
            pub const ALL: [Column; [$(Column::$id),*].len()] = [$(Column::$id),*];
        }

        static SPECS: [ColumnSpec; Column::ALL.len()] = [$(ColumnSpec {
            name: $name,
            member: $member,
            headings: $headings,
            needs: Needs::$needs $(($facts))?,
            column_type: ColumnType::$type $(($words))?,
            read: $read,
            help: $help,
        },)*];
    };
}

// Members of a JSON object that are `default` appear in this order. The order of the table's columns is in
// query/column_list.rs.
#[rustfmt::skip]
columns! {
    Protocol = "protocol", default("protocol"), both(left("Proto", 5)), Nothing, Word(kind::words), |row| Cell::Word(row.socket.word()), "Protocol, as in /proc/net";
    Type = "type", default("type"), both(left("Type", 9)), Nothing, Word(kind::type_words), |row| Cell::Word(row.socket.type_word()), "Type of the socket, as in socket(2)";
    State = "state", default("state"), each(left("State", 11), left("State", 13)), Nothing, State, |row| Cell::Word(row.socket.state_word()), "State, in netstat's words, and UNCONN of ss";
    Recvq = "recvq", default("recv_queue"), both(right("Recv-Q", 6)), Nothing, Bytes, |row| Cell::Number(row.socket.recv_queue.into()), "Bytes not read by the process yet (except for TCP and unix sockets: memory with such data), or connections not accepted yet";
    Sendq = "sendq", default("send_queue"), both(right("Send-Q", 6)), Nothing, Bytes, |row| Cell::Number(row.socket.send_queue.into()), "Bytes not acknowledged by the peer yet (except for TCP: memory with data not sent or received yet), or the backlog limit";
    Drops = "drops", default("drops"), both(right("Drops", 5)), Nothing, Number, |row| number(row.socket.drops), "Packets dropped by the socket";
    Local = "local", default("local"), each(left("Local Address", 23), left("Path", 40)), Nothing, Address, |row| Cell::local(row), "Local address and port, or path";
    Saddr = "saddr", JsonMember::Chosen, ends(left("Saddr", 15)), Nothing, Host, |row| Cell::host(row, |(local, _)| local), "Local address without the port";
    Sport = "sport", JsonMember::Chosen, ends(right("Sport", 5)), Nothing, Port, |row| port(row, |(local, _)| local), "Local port";
    Remote = "remote", default("remote"), each(left("Foreign Address", 23), left("Peer Path", 40)), Nothing, Address, |row| Cell::remote(row), "Remote address and port, or path of the peer";
    Daddr = "daddr", JsonMember::Chosen, ends(left("Daddr", 15)), Nothing, Host, |row| Cell::host(row, |(_, remote)| remote), "Remote address without the port";
    Dport = "dport", JsonMember::Chosen, ends(right("Dport", 5)), Nothing, Port, |row| port(row, |(_, remote)| remote), "Remote port";
    Peer = "peer", default("peer"), each(left("Peer", 10), left("Peer", 8)), Peer, Number, |row| by_peer(row, |claim| Cell::nonzero(claim.inode)), "Inode of the socket at the other end, if that is on this host";
    Interface = "interface", default("interface"), ends(left("Interface", 10)), Nothing, Interface, |row| Cell::interface(row), "Interface that the socket is bound to";
    Uid = "uid", default("uid"), both(left("User", 10)), Nothing, User, user, "Number of the user that created the socket";
    Inode = "inode", default("inode"), each(left("Inode", 10), left("I-Node", 8)), Nothing, Number, |row| Cell::nonzero(row.socket.inode), "Inode number";
    Cookie = "cookie", default("cookie"), both(left("Cookie", 10)), Nothing, Number, |row| Cell::nonzero(row.socket.cookie), "Cookie: a number that identifies the socket until the next boot, once a process has asked for it";
    Netns = "netns", default("netns"), both(left("Netns", 12)), Nothing, Number, netns, "Network namespace";
    NetnsName = "netns_name", default("netns_name"), both(left("Netns Name", 12)), Nothing, Text, netns_name, "Name of the network namespace: that of ip-netns(8), else of the container in it";
    Master = "master", default("master"), ends(left("Master", 10)), Nothing, Object, |row| row.socket.master.map_or(Cell::Absent, Cell::Master), "MPTCP socket that a TCP subflow belongs to";
    Program = "program", default("processes"), both(left("PID/Program name", 20)), Holders, List, program, "Processes that hold the socket, or the reason why there is none";
    Pid = "pid", JsonMember::Chosen, both(left("PID", 7)), Holders, Numbers, |row| per_holder(row, pid), "Process of each descriptor";
    Command = "command", JsonMember::Chosen, both(left("Command", 15)), Holders, Texts, |row| per_holder(row, command), "Process name of each descriptor";
    Cmdline = "cmdline", JsonMember::Chosen, both(left("Cmdline", 30)), Holders, Texts, |row| per_holder(row, |holder, processes| by_process(processes.of(holder), |it| Cell::Arguments(it.arguments))), "Arguments of the process of each descriptor";
    Started = "started", JsonMember::Chosen, both(left("Started", 24)), Holders, Moments, |row| per_holder(row, start), "When the process of each descriptor began";
    ProcessUser = "process_user", JsonMember::Chosen, both(left("Process User", 12)), Holders, Users, |row| per_holder(row, process_user), "Effective user of the process of each descriptor";
    Tid = "tid", JsonMember::Chosen, both(left("TID", 7)), Holders, Numbers, |row| per_holder(row, |holder, _| number(holder.task.tid)), "Thread that has the descriptor, if it does not share those of its process";
    Fd = "fd", JsonMember::Chosen, both(left("FD", 4)), Holders, Numbers, |row| per_holder(row, descriptor), "Number of each descriptor, or its place in an io_uring";
    Ring = "ring", JsonMember::Chosen, both(left("Ring", 4)), Holders, Numbers, |row| per_holder(row, |holder, _| number(holder.slot.filter(|_| !holder.ring_is_registered).map(|_| holder.fd))), "Descriptor of the io_uring with which the socket is registered";
    Slot = "slot", JsonMember::Chosen, both(left("Slot", 4)), Holders, Numbers, |row| per_holder(row, |holder, _| number(holder.slot)), "Slot of the socket in that io_uring";
    Nonblock = "nonblock", JsonMember::Chosen, both(left("Nonblock", 8)), Holders, Switches, |row| per_holder(row, |holder, _| Cell::Flag(holder.nonblock)), "Whether each descriptor has O_NONBLOCK";
    Owner = "owner", default("owner"), both(left("Owner", 12)), Holders, Word(owner::words), |row| holders(row, |_, owner| owner_cell(owner)), "'process', or the reason why no process holds the socket";
    KernelUser = "kernel_user", default("kernel_user"), both(left("Kernel User", 16)), Holders, Text, kernel_user, "Part of the kernel that uses a socket of the kernel: module, or function";
    Listener = "listener", default("listener"), both(left("Listener", 20)), Holders, Text, |row| listener(row, Cell::Via), "Listening socket of a connection that waits to be accepted, or of a connection request: its processes, in JSON its cookie";
    ListenerInode = "listener_inode", default("listener_inode"), both(left("Listener Inode", 14)), Holders, Number, |row| listener(row, |via, _| Cell::nonzero(via.inode())), "Inode number of that listening socket";
    ListenerProgram = "listener_program", default("listener_processes"), both(left("Listener PID/Program", 20)), Holders, List, |row| listener(row, processes), "Processes that hold that listening socket";
    Carrier = "carrier", default("carrier"), both(left("Carrier", 20)), Holders, Text, |row| carrier(row, Cell::Via), "Unix socket whose message the socket is in: its processes, in JSON its inode number";
    CarrierProgram = "carrier_program", default("carrier_processes"), both(left("Carrier PID/Program", 20)), Holders, List, |row| carrier(row, processes), "Processes that hold that unix socket";
    PeerProgram = "peer_program", default("peer_processes"), both(left("Peer PID/Program", 20)), PeerHolders, List, peer_program, "Processes that hold the socket at the other end, or the reason why there is none";
    PeerPid = "peer_pid", JsonMember::Chosen, both(left("Peer PID", 8)), PeerHolders, Numbers, |row| per_peer_holder(row, pid), "Process of each descriptor of the socket at the other end";
    PeerCommand = "peer_command", JsonMember::Chosen, both(left("Peer Command", 15)), PeerHolders, Texts, |row| per_peer_holder(row, command), "Process name of each descriptor of the socket at the other end";
    PeerOwner = "peer_owner", default("peer_owner"), both(left("Peer Owner", 12)), PeerHolders, Word(owner::words), |row| peer_holders(row, |_, owner| owner_cell(owner)), "'process', or the reason why no process holds the socket at the other end";
    Cgroup = "cgroup", JsonMember::Chosen, both(left("Cgroup", 30)), Facts(&cgroup::FACTS), Text, |row| by_cgroup(row, Cell::Nameless, |cgroup| Cell::Bytes(&cgroup.path)), "Control group that the socket was created in";
    Unit = "unit", JsonMember::Chosen, both(left("Unit", 20)), Facts(&cgroup::FACTS), Text, |row| by_cgroup(row, nothing_known, |cgroup| optional(cgroup.unit.as_deref(), Cell::Bytes)), "Unit of systemd(1) that the control group belongs to, such as a service";
    Container = "container", JsonMember::Chosen, both(left("Container", 24)), Facts(&cgroup::FACTS), Texted, |row| by_cgroup(row, nothing_known, |cgroup| optional(cgroup.container.as_ref(), Cell::Container)), "Container that the control group belongs to: runtime and ID";
    Sockmap = "sockmap", JsonMember::Chosen, both(left("Sockmap", 20)), Facts(&sockmap::FACTS), Texts, sockmaps, "BPF maps of type sockmap or sockhash that the socket is in";
    Xattrs = "xattrs", JsonMember::Chosen, both(left("Xattrs", 20)), Holders, Texted, xattrs, "Extended attributes of the socket that programs have set, such as systemd (Linux 7.0)";
    Group = "group", default("reuseport"), ends(left("Group", 6)), Nothing, Object, group, "SO_REUSEPORT group that shares the port, and its size";
    Diag = "diag", default("diag"), ends(left("Diag", 4)), Facts(&diag::FACTS), List, |row| Cell::Diag(row.socket.diag(row.context.host().hz)), "Why an established TCP connection makes no progress";
    Timer = "timer", default("timer"), ends(left("Timer", 23)), Nothing, Timer, |row| Cell::Timer(row.socket.timer, row.context.host().hz), "Running timer of the connection";
    DeadAfter = "dead_after", JsonMember::Chosen, ends(right("Dead-After", 10)), Facts(dead_after::IDLE), Time, |row| time(row, dead_after::idle), "When the kernel gives up a connection that is idle if its peer is gone";
    DeadAfterSending = "dead_after_sending", JsonMember::Chosen, ends(right("Dead-Sending", 12)), Facts(dead_after::SENDING), Time, |row| time(row, dead_after::sending), "When the kernel gives up a connection that sends if its peer is gone";
    Options = "options", default("options"), both(left("Options", 0)), Options, Object, |row| Cell::Options(row.options, row.is_partial), "Socket options that -O selects";
    Set = "set", default("set"), both(left("Set", 0)), Options, OptionNames, set, "Names of the shown options that are set";
}

const fn default(member: &'static str) -> JsonMember {
    JsonMember::Default(member)
}

const fn left(title: &'static str, width: usize) -> Heading {
    Heading { title, width, right: false }
}

const fn right(title: &'static str, width: usize) -> Heading {
    Heading { title, width, right: true }
}

const fn both(heading: Heading) -> [Option<Heading>; 2] {
    [Some(heading), Some(heading)]
}

const fn each(ends: Heading, unix: Heading) -> [Option<Heading>; 2] {
    [Some(ends), Some(unix)]
}

const fn ends(heading: Heading) -> [Option<Heading>; 2] {
    [Some(heading), None]
}

fn port<'a>(row: &'a Row<'a>, choose: fn((u32, u32)) -> u32) -> Cell<'a> {
    row.socket.ports().map_or(Cell::Absent, |ports| {
        let port = choose(ports);
        let known = u16::try_from(port).ok().zip(row.resolver);
        let service = |(port, it): (u16, &Resolver)| it.service(row.socket.kind.family(), port);
        Cell::Port(port, known.and_then(service))
    })
}

fn user<'a>(row: &'a Row<'a>) -> Cell<'a> {
    let name = |uid| row.resolver.and_then(|it| it.user(uid));
    row.socket.uid.map_or(Cell::Absent, |uid| Cell::User(uid, name(uid)))
}

fn number<'a>(number: Option<u32>) -> Cell<'a> {
    number.map_or(Cell::Absent, |number| Cell::Number(number.into()))
}

fn time<'a>(row: &'a Row<'a>, limit: fn(&Context) -> Option<TimeLimit>) -> Cell<'a> {
    limit(&row.context).map_or(Cell::Absent, Cell::Time)
}

/// The inode number of a namespace is never 0.
fn netns<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.socket.netns {
        0 => Cell::Absent,
        netns => Cell::Netns(netns, row.netns_name),
    }
}

fn netns_name<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.netns_name {
        Some(name) => Cell::Bytes(name),
        None if row.knows_netns_names => Cell::Absent,
        None => Cell::Unknown,
    }
}

fn holders<'a>(row: &'a Row<'a>, cell: fn(&'a [Holder], Owner) -> Cell<'a>) -> Cell<'a> {
    row.holders.of_socket.map_or(Cell::Absent, |(holders, owner)| cell(holders, owner))
}

fn program<'a>(row: &'a Row<'a>) -> Cell<'a> {
    let behind = match (row.holders.of_via, row.socket.kernel_user()) {
        (Some((holders, _)), _) => Behind::Processes(holders),
        (None, KernelUser::Is(user)) => Behind::Kernel(user),
        (None, _) => Behind::Nothing,
    };
    let found = row.holders.of_socket;
    found.map_or(Cell::Absent, |(holders, owner)| Cell::Program(holders, owner, behind))
}

fn kernel_user<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.socket.kernel_user() {
        KernelUser::None => Cell::Absent,
        KernelUser::Unknown => Cell::Unknown,
        KernelUser::Is(user) => Cell::Bytes(user),
    }
}

fn listener<'a>(row: &'a Row<'a>, cell: fn(Via, &'a [Holder]) -> Cell<'a>) -> Cell<'a> {
    match row.holders.of_via {
        Some((holders, via @ Via::Listener { .. })) => cell(via, holders),
        _ => Cell::Absent,
    }
}

fn carrier<'a>(row: &'a Row<'a>, cell: fn(Via, &'a [Holder]) -> Cell<'a>) -> Cell<'a> {
    match row.holders.of_via {
        // It waits to be accepted, and its listener is not known.
        Some(([], Via::Carrier { inode: 0 })) => Cell::Unknown,
        Some((holders, via @ Via::Carrier { .. })) => cell(via, holders),
        _ => Cell::Absent,
    }
}

fn processes<'a>(via: Via, holders: &'a [Holder]) -> Cell<'a> {
    match holders {
        _ if via.is_in_flight() => Cell::Program(&[], Owner::InFlight, Behind::Processes(holders)),
        [] => Cell::Program(holders, Owner::Unknown, Behind::Nothing),
        _ => Cell::Program(holders, Owner::Process, Behind::Nothing),
    }
}

fn owner_cell<'a>(owner: Owner) -> Cell<'a> {
    match owner {
        Owner::Unknown => Cell::Absent,
        owner => Cell::Word(owner.word()),
    }
}

fn descriptor<'h>(holder: &'h Holder, _: &'h Processes) -> Cell<'h> {
    match holder.slot {
        Some(slot) if holder.ring_is_registered => Cell::SlotOfRegistered(holder.fd, slot),
        Some(slot) => Cell::Slot(holder.fd, slot),
        None => Cell::Number(holder.fd.into()),
    }
}

/// Reads a value of each descriptor.
type ReadHolder = for<'h> fn(&'h Holder, &'h Processes) -> Cell<'h>;

fn per_holder<'a>(row: &'a Row<'a>, read: ReadHolder) -> Cell<'a> {
    per_descriptor(row, row.holders.of_socket, read)
}

fn per_peer_holder<'a>(row: &'a Row<'a>, read: ReadHolder) -> Cell<'a> {
    by_peer(row, |_| per_descriptor(row, row.holders.of_peer, read))
}

fn per_descriptor<'a>(
    row: &'a Row<'a>,
    found: Option<(&'a [Holder], Owner)>,
    read: ReadHolder,
) -> Cell<'a> {
    let processes = row.processes;
    found.map_or(Cell::Absent, |(holders, _)| {
        Cell::PerHolder(PerHolder { holders, processes, read })
    })
}

fn pid<'h>(holder: &'h Holder, _: &'h Processes) -> Cell<'h> {
    Cell::Number(holder.task.pid.into())
}

fn command<'h>(holder: &'h Holder, _: &'h Processes) -> Cell<'h> {
    Cell::Bytes(holder.task.command.as_bytes())
}

fn start<'h>(holder: &'h Holder, processes: &'h Processes) -> Cell<'h> {
    processes.start_of(holder).map_or(Cell::Unknown, Cell::Moment)
}

fn process_user<'h>(holder: &'h Holder, processes: &'h Processes) -> Cell<'h> {
    by_process(processes.of(holder), |it| Cell::User(it.uid, processes.user_name(it.uid)))
}

fn by_process<'h>(found: Found, read: impl Fn(Process) -> Cell<'h>) -> Cell<'h> {
    match found {
        Found::Process(process) => read(process),
        Found::Ended => Cell::Absent,
        Found::Unknown => Cell::Unknown,
    }
}

/// What is read from the socket at the other end.
fn by_peer<'a>(row: &'a Row<'a>, read: impl FnOnce(Claim) -> Cell<'a>) -> Cell<'a> {
    match row.peer {
        Peer::None => Cell::Absent,
        Peer::Unknown => Cell::Unknown,
        Peer::Is(claim) => read(claim),
    }
}

fn peer_holders<'a>(row: &'a Row<'a>, cell: fn(&'a [Holder], Owner) -> Cell<'a>) -> Cell<'a> {
    let found = row.holders.of_peer;
    by_peer(row, |_| found.map_or(Cell::Absent, |(holders, owner)| cell(holders, owner)))
}

fn peer_program<'a>(row: &'a Row<'a>) -> Cell<'a> {
    let of_via = row.holders.of_peers_via;
    let behind = of_via.map_or(Behind::Nothing, |(holders, _)| Behind::Processes(holders));
    let found = row.holders.of_peer;
    let program = |(holders, owner)| Cell::Program(holders, owner, behind);
    by_peer(row, |_| found.map_or(Cell::Absent, program))
}

/// What is read from the control group of the socket. Of a group that was removed, only the number is known.
fn by_cgroup<'a>(
    row: &'a Row<'a>,
    removed: fn(u64) -> Cell<'a>,
    read: fn(&'a Cgroup) -> Cell<'a>,
) -> Cell<'a> {
    match row.socket.cgroup() {
        None => Cell::Unknown,
        Some(0) => Cell::Absent,
        Some(number) => row.cgroups.of(number).map_or_else(|| removed(number), read),
    }
}

fn sockmaps<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.socket.sockmaps() {
        None => Cell::Unknown,
        Some(sockmaps) => Cell::Sockmaps(sockmaps),
    }
}

/// A socket has no inode before it is accepted, and after its process has closed it.
fn xattrs<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.socket.inode {
        0 => Cell::Absent,
        _ if !row.labels.exist() => Cell::Absent,
        inode => row.labels.of(inode).map_or(Cell::Unknown, Cell::Labels),
    }
}

fn nothing_known<'a>(_: u64) -> Cell<'a> {
    Cell::Unknown
}

fn optional<'a, T>(value: Option<T>, cell: fn(T) -> Cell<'a>) -> Cell<'a> {
    value.map_or(Cell::Absent, cell)
}

fn group<'a>(row: &'a Row<'a>) -> Cell<'a> {
    let members = row.socket.record.header.reuseport_members;
    row.reuseport.map_or(Cell::Absent, |group| Cell::Group(group, members))
}

/// A mini-socket has no options, so that none is set.
fn set<'a>(row: &'a Row<'a>) -> Cell<'a> {
    match row.knows_set || row.socket.is_mini() {
        true => Cell::Set(row.options),
        false => Cell::Unknown,
    }
}

impl Column {
    fn spec(self) -> &'static ColumnSpec {
        &SPECS[self as usize]
    }

    /// The name in `--columns`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The name of the member in a JSON object.
    pub fn member(self) -> &'static str {
        match self.spec().member {
            JsonMember::Default(member) => member,
            JsonMember::Chosen => self.spec().name,
        }
    }

    /// Whether a JSON object contains the column unless `--columns` chooses other columns.
    pub fn is_default_member(self) -> bool {
        matches!(self.spec().member, JsonMember::Default(_))
    }

    /// The heading in a layout of the table. `None` if the layout does not have the column.
    pub fn heading(self, layout: Layout) -> Option<Heading> {
        self.spec().headings[layout as usize]
    }

    /// What must be collected for the column.
    pub fn needs(self) -> Needs {
        self.spec().needs
    }

    /// Whether the column is read from the socket at the other end.
    pub fn is_of_peer(self) -> bool {
        matches!(self.needs(), Needs::Peer | Needs::PeerHolders)
    }

    /// The sections of records that the column is read from. Those of the options to show are not among them.
    pub fn sections(self) -> Sections {
        match self.needs() {
            Needs::Nothing | Needs::Options | Needs::Peer => Sections::default(),
            Needs::Holders | Needs::PeerHolders => sections(owner::FACTS),
            Needs::Facts(facts) => sections(facts),
        }
    }

    /// Whether the value is that of a socket that leads to processes where none holds this one.
    pub fn is_of_via(self) -> bool {
        self.is_of_listener() || matches!(self, Column::Carrier | Column::CarrierProgram)
    }

    /// Whether the value is that of the listener of a connection that waits.
    pub fn is_of_listener(self) -> bool {
        use Column::{Listener, ListenerInode, ListenerProgram};
        matches!(self, Listener | ListenerInode | ListenerProgram)
    }

    /// Whether the column is a list of processes with the reason if there is none, or their names. A count of it has
    /// that text in JSON.
    pub fn is_counted_as_text(self) -> bool {
        use Column::{Carrier, CarrierProgram, Listener, ListenerProgram, PeerProgram, Program};
        matches!(
            self,
            Program | PeerProgram | Listener | ListenerProgram | Carrier | CarrierProgram
        )
    }

    /// Whether the values are those of the descriptors that hold the socket or, if [`Column::is_of_peer`], the socket
    /// at the other end.
    pub fn is_of_holders(self) -> bool {
        use Column::{KernelUser, Owner, PeerOwner, Xattrs};
        let is_of_socket =
            matches!(self, Owner | KernelUser | Xattrs | PeerOwner) || self.is_of_via();
        matches!(self.needs(), Needs::Holders | Needs::PeerHolders) && !is_of_socket
    }

    /// The type of the values.
    pub fn column_type(self) -> ColumnType {
        self.spec().column_type
    }

    /// What the column shows, in a phrase.
    pub fn help(self) -> &'static str {
        self.spec().help
    }

    /// Reads the value for one row.
    pub fn read<'a>(self, row: &'a Row<'a>) -> Cell<'a> {
        // A process that holds the socket is known even if the other owners are not.
        match self != Column::Owner && row.lost.has(self as usize) {
            true => Cell::Absent,
            false => (self.spec().read)(row),
        }
    }

    /// The words that select the column: its name, its JSON member and its titles.
    fn words(self) -> impl Iterator<Item = &'static str> {
        let titles = Layout::ALL.into_iter().filter_map(move |layout| self.heading(layout));
        [self.name(), self.member()].into_iter().chain(titles.map(|heading| heading.title))
    }
}

/// Parses the name, the JSON member or the title of a column, in any case, with or without `-`, `_` and
/// blanks. A prefix is accepted if only one column has it.
///
/// # Errors
///
/// If the word is empty, or matches no column or several, a sentence that suggests the nearest names.
pub fn parse(word: &str) -> Result<Column, String> {
    if word.trim().is_empty() {
        return Err("empty word (name at least one column)".into());
    }
    let wanted = bare(word);
    if wanted.is_empty() {
        return Err(unknown(word));
    }
    if let Some(column) = exact(word) {
        return Ok(column);
    }
    let begins = |other: &str| bare(other).starts_with(&wanted);
    // A prefix of a name takes precedence over a prefix of a title or a member.
    let mut near: Vec<Column> = Column::ALL.into_iter().filter(|it| begins(it.name())).collect();
    if near.is_empty() {
        near = Column::ALL.into_iter().filter(|column| column.words().any(begins)).collect();
    }
    match near[..] {
        [column] => Ok(column),
        [] => Err(unknown(word)),
        _ => {
            let names: Vec<&str> = near.iter().map(|column| column.name()).collect();
            Err(suggest::ambiguous("column", word, &names))
        }
    }
}

/// The column with this name, JSON member or title, in any case and with or without punctuation.
pub fn exact(word: &str) -> Option<Column> {
    let wanted = bare(word);
    Column::ALL.into_iter().find(|column| column.words().any(|word| bare(word) == wanted))
}

fn unknown(word: &str) -> String {
    suggest::unknown("column", word, Column::ALL.iter().map(|column| column.name()))
}

/// The form in which words are compared: only letters and digits, in lower case.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_column_selects_it() {
        for column in Column::ALL {
            for word in column.words().flat_map(|word| [word.to_owned(), word.to_uppercase()]) {
                let found = parse(&word);
                // `Group` in the table is the member `reuseport`. No two columns share a word.
                assert_eq!(found, Ok(column), "{word}");
            }
        }
    }

    #[test]
    fn prefixes_and_spellings() {
        for (word, column) in [
            ("proto", Column::Protocol),
            ("Recv-Q", Column::Recvq),
            ("recv_q", Column::Recvq),
            ("recvqueue", Column::Recvq),
            ("foreign", Column::Remote),
            ("path", Column::Local),
            ("user", Column::Uid),
            ("I-Node", Column::Inode),
            ("pid", Column::Pid),
            ("processes", Column::Program),
            ("netns", Column::Netns),
            ("netns-n", Column::NetnsName),
        ] {
            assert_eq!(parse(word), Ok(column), "{word}");
        }
    }

    #[test]
    fn wrong_and_ambiguous_words() {
        for (word, near) in [
            ("lokal", "local"),
            ("recvqq", "recvq"),
            ("st", "state"),
            ("pe", "peer, peer_program, peer_pid"),
            ("re", "recvq or remote"),
            ("co", "cookie, command or container"),
        ] {
            match parse(word) {
                Ok(column) => assert_eq!(column.name(), near, "{word}"),
                Err(error) => assert!(error.contains(near), "{word}: {error}"),
            }
        }
        assert!(parse("re").is_err_and(|error| error.starts_with("ambiguous column 're'")));
        assert!(parse("zzz").is_err_and(|error| error.contains("options or set")));
        assert!(parse("").is_err() && parse("*").is_err_and(|error| error.contains("(expected ")));
        assert!(parse("q\x1b").is_err_and(|error| !error.contains('\x1b')));
    }
}
