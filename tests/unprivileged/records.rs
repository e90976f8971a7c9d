//! Streams of records in the format of the BPF programs (bpf/record.h), without a kernel.
//!
//! They are built from the generated types, so that they follow changes of the record or of the list of
//! options. Recorded files would become outdated.

use std::io;
use std::mem::{align_of, size_of};

use knetstat::commands::table::namespaces::{Namespace, Namespaces};
use knetstat::commands::table::pipeline::Ownership;
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::host::netns::Scope;
use knetstat::host::Host;
use knetstat::kernel::abi::*;
use knetstat::options::defaults::Defaults;
use knetstat::options::selection::Selection;
use knetstat::output::{Format, Style};
use knetstat::query::column_list::{ColumnList, ColumnRequest};
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::record::Records;
use knetstat::socket::kind::{Family, SocketKind};
use plain::Plain;

/// The clock frequency of the host of the streams.
pub const HZ: u64 = 250;

pub const TCP: u16 = 6;
pub const UDP: u16 = 17;
pub const SCTP: u16 = 132;
pub const UNIX: u16 = 1;
pub const NETLINK: u16 = 16;
pub const VSOCK: u16 = 40;
pub const INET: u16 = 2;
pub const INET6: u16 = 10;
pub const PACKET: u16 = 17;
pub const XDP: u16 = 44;

/// include/net/tcp_states.h
pub const ESTABLISHED: u8 = 1;
pub const TIME_WAIT: u8 = 6;
pub const CLOSE: u8 = 7;
pub const LISTEN: u8 = 10;

/// `flags!(section, TCP_flag::TCP_NODELAY = 1)`: marks the flags as present, with these values.
macro_rules! flags {
    ($to:expr, $($flag:path = $on:literal),+) => {{$(
        $to.has_flags |= 1 << $flag.0;
        $to.flags |= $on << $flag.0;
    )+}};
}

/// `values!(section, TCP_value::TCP_KEEPIDLE = 60 * HZ)`: the same for values.
macro_rules! values {
    ($to:expr, $($value:path = $number:expr),+) => {{$(
        $to.has_values |= 1 << $value.0;
        $to.values[$value.0 as usize] = $number;
    )+}};
}

#[allow(unused_imports)] // not every test builds its own records
pub(crate) use {flags, values};

/// Fills in every fact.
macro_rules! every_fact {
    ($to:expr) => {{
        $to.has_flags = u64::MAX;
        $to.flags = u64::MAX;
        $to.has_values = u64::MAX;
        $to.values.iter_mut().zip(1..).for_each(|(to, n)| *to = n);
    }};
}

/// The bytes of some records, and the offset of the end of each.
#[derive(Default)]
pub struct Stream {
    pub bytes: Vec<u8>,
    pub ends: Vec<usize>,
}

impl Stream {
    /// Adds a struct.
    pub fn part<T: Plain>(&mut self, fill: impl FnOnce(&mut T)) {
        let mut room = vec![0; size_of::<T>() + align_of::<T>()];
        let begin = room.as_ptr().align_offset(align_of::<T>());
        let bytes = &mut room[begin..begin + size_of::<T>()];
        fill(plain::from_mut_bytes(bytes).expect("there is room, and it is aligned"));
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a header, with an identity that no other has. The sections must follow.
    pub fn header(&mut self, sections: &[section], fill: impl FnOnce(&mut record_header)) {
        let identity = self.bytes.len() as u64 + 1;
        self.part(|header: &mut record_header| {
            header.magic = u32::from_ne_bytes(*b"knst");
            header.sections = sections.iter().fold(0, |all, one| all | one.0);
            header.netns = 4_026_531_840;
            header.identity = identity;
            fill(header);
            header.socket_type = if matches!(header.protocol, TCP | SCTP) { 1 } else { 2 };
            header.traits |= socket_trait::TRAIT_ONCE.0 as u16;
        });
    }

    /// Adds an item with these bytes.
    pub fn item(&mut self, kind: item_kind, body: &[u8]) {
        self.part(|header: &mut item_header| {
            header.kind = kind.0;
            header.length = body.len() as u32;
        });
        self.bytes.extend_from_slice(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    /// Adds a group membership, with the concatenated addresses of its sources.
    pub fn membership(
        &mut self,
        kind: item_kind,
        sources: &[u8],
        fill: impl FnOnce(&mut membership_item),
    ) {
        let mut body = Stream::default();
        body.part(fill);
        body.bytes.extend_from_slice(sources);
        self.item(kind, &body.bytes);
    }

    /// Adds a membership of a packet socket.
    pub fn packet_membership(&mut self, fill: impl FnOnce(&mut packet_membership_item)) {
        let mut body = Stream::default();
        body.part(fill);
        self.item(item_kind::ITEM_PACKET_MEMBERSHIP, &body.bytes);
    }

    /// Adds a key of a TCP socket.
    fn key(&mut self, kind: item_kind, fill: impl FnOnce(&mut key_item)) {
        let mut body = Stream::default();
        body.part(fill);
        self.item(kind, &body.bytes);
    }

    /// Ends a record.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Returns the default filter.
pub fn tcp_and_udp() -> Filter {
    let wanted = |kind: SocketKind| matches!(kind.family(), Family::Tcp | Family::Udp);
    Filter::new(SocketKind::ALL.map(wanted), false, Expression::everything())
}

/// Returns a namespace with these defaults.
pub fn namespaces(defaults: &Defaults, config: &Config) -> Namespaces {
    let (defaults, host) = (defaults.clone(), Host::with(HZ, Some(2), None));
    Namespaces::one(Namespace { defaults, host, filter: config.filter.clone() })
}

/// A table without colour, as in a pipe.
pub const PLAIN: Style = Style {
    header: true,
    protocol_width: 5,
    color: false,
    short: false,
    names: false,
    tables: [true; 4],
    terminal: None,
};

/// Returns the default configuration for this format and these columns.
pub fn config(format: Format, request: &ColumnRequest) -> Config {
    Config {
        pids: Vec::new(),
        netns_names_are_optional: false,
        keys: Vec::new(),
        asked: Selection::default(),
        sort: Vec::new(),
        quiet: false,
        wait: None,
        rounds: None,
        pager: false,
        resolve: false,
        resolver: None,
        lost: knetstat::query::lost::Lost::default(),
        scope: Scope::Own,
        filter: Filter::default(),
        interfaces: Vec::new(),
        selection: match format.whole_sockets {
            true => Selection::all(),
            false => Selection::common(),
        },
        columns: match format.whole_sockets {
            true => ColumnList::for_objects(request),
            false => ColumnList::for_table(request),
        },
        format,
        style: PLAIN,
        kernel_filter: true,
        walks: true,
        owners_are_optional: false,
        pins: None,
    }
}

/// Prints complete records without defaults of new sockets. A process holds the listener of [`some`].
pub fn printed(stream: &Stream, format: Format, request: &ColumnRequest) -> String {
    printed_as(stream, &Config { selection: Selection::all(), ..config(format, request) })
}

/// Prints complete records with this configuration.
pub fn printed_as(stream: &Stream, config: &Config) -> String {
    let namespaces = namespaces(&Defaults::default(), config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let records = Records::new(stream.bytes.as_slice());
    let mut holder = Stream::default();
    holder.part(|record: &mut owner_record| {
        record.magic = u32::from_ne_bytes(*b"knso");
        (record.pid, record.fd, record.inode) = (812, 3, LISTENER);
        record.command[..4].copy_from_slice(b"sshd");
    });
    // A thread has registered it with an io_uring.
    holder.part(|record: &mut owner_record| {
        record.magic = u32::from_ne_bytes(*b"knso");
        (record.pid, record.tid, record.fd, record.slot) = (812, 815, 5, 4);
        record.inode = LISTENER;
        record.command[..4].copy_from_slice(b"sshd");
    });
    // Another one, with an io_uring that has no descriptor any more.
    holder.part(|record: &mut owner_record| {
        record.magic = u32::from_ne_bytes(*b"knso");
        (record.pid, record.tid, record.fd, record.slot) = (812, 816, 0, 5);
        (record.inode, record.ring_is_registered) = (LISTENER, 1);
        record.command[..4].copy_from_slice(b"sshd");
    });
    let ownership = Ownership::new(holder.bytes.as_slice(), vec![&[][..]]).expect("whole records");
    knetstat::commands::table::pipeline::print(
        records,
        config,
        &namespaces,
        Some(ownership),
        output.as_mut(),
        &Progress::default(),
    )
    .expect("whole records");
    output.end().expect("memory");
    drop(output);
    String::from_utf8(bytes).expect("what is printed is UTF-8")
}

/// For streams that are printed without processes.
pub fn nobody() -> Option<Ownership<io::Empty>> {
    None
}

/// Returns an address field of a record that begins with these bytes.
pub fn address(bytes: &[u8]) -> [u8; 16] {
    let mut address = [0; 16];
    address[..bytes.len()].copy_from_slice(bytes);
    address
}

/// The inode of the listener of [`some`]. Those of the other sockets are the next numbers.
pub const LISTENER: u64 = 31_337;

/// Returns records with all sections and every option.
pub fn all() -> [Stream; 6] {
    [some(), everything(), speaker(), sniffer(), sctp(), raw()]
}

/// Returns a few sockets with a few options each. replay.rs has the expected output.
pub fn some() -> Stream {
    let mut stream = Stream::default();
    listener(&mut stream);
    connection(&mut stream);
    time_wait(&mut stream);
    multicast_receiver(&mut stream);
    extended(&mut stream);
    stream
}

const TCP_SECTIONS: [section; 3] =
    [section::SECTION_SOCKET, section::SECTION_IP, section::SECTION_TCP];
const UDP_SECTIONS: [section; 4] =
    [section::SECTION_SOCKET, section::SECTION_IP, section::SECTION_UDP, section::SECTION_ITEMS];

fn listener(stream: &mut Stream) {
    stream.header(&TCP_SECTIONS, |header| {
        (header.protocol, header.state, header.family) = (TCP, LISTEN, INET);
        header.local_address = address(&[127, 0, 0, 1]);
        header.local_port = 5432;
        header.send_queue = 244;
        header.uid = 104;
        header.inode = LISTENER;
        header.cookie = 77;
    });
    stream.part(|socket: &mut socket_section| {
        flags!(socket, SOCKET_flag::SO_KEEPALIVE = 0, SOCKET_flag::SO_LINGER = 1);
        values!(socket, SOCKET_value::SO_REUSEADDR = 1);
        values!(socket, SOCKET_value::SO_LINGER__jiffies = 5 * HZ);
    });
    stream.part(|ip: &mut ip_section| {
        lists(ip);
        values!(ip, IP_value::IP_TOS = 0);
    });
    stream.part(|tcp: &mut tcp_section| {
        flags!(tcp, TCP_flag::TCP_NODELAY = 0);
        values!(tcp, TCP_value::TCP_DEFER_ACCEPT = 2);
    });
    stream.end();
}

fn connection(stream: &mut Stream) {
    let [socket, ip, tcp] = TCP_SECTIONS;
    let sections = [socket, ip, section::SECTION_IPV6, tcp, section::SECTION_DIAG];
    stream.header(&sections, |header| {
        (header.protocol, header.state, header.family) = (TCP, ESTABLISHED, INET6);
        let mapped = |last| address(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, last]);
        (header.local_address, header.remote_address) = (mapped(1), mapped(2));
        (header.local_port, header.remote_port) = (443, 50_000);
        (header.recv_queue, header.send_queue, header.drops) = (17, 4096, 3);
        header.ifindex = 9;
        header.inode = LISTENER + 1;
        header.cookie = u64::from(u32::MAX) + 1;
    });
    stream.part(|socket: &mut socket_section| {
        flags!(socket, SOCKET_flag::SO_KEEPALIVE = 1);
        values!(socket, SOCKET_value::SO_REUSEADDR = 0);
        values!(socket, SOCKET_value::SO_RCVTIMEO = HZ * 3 / 2);
        values!(socket, SOCKET_value::SO_MAX_PACING_RATE = u64::MAX);
    });
    stream.part(lists);
    stream.part(|ipv6: &mut ipv6_section| {
        lists6(ipv6);
        flags!(ipv6, IPV6_flag::IPV6_V6ONLY = 0);
    });
    stream.part(|tcp: &mut tcp_section| {
        flags!(tcp, TCP_flag::TCP_NODELAY = 1, TCP_flag::TCP_CONGESTION__set = 1);
        values!(tcp, TCP_value::TCP_KEEPIDLE = 60 * HZ, TCP_value::TCP_USER_TIMEOUT = 30_000);
        tcp.congestion = address(b"a b,c\x1b");
    });
    stream.part(|diag: &mut diag_section| {
        values!(diag, DIAG_value::DIAG__send_window = 0);
        values!(diag, DIAG_value::DIAG__receive_window = 65_535);
    });
    stream.end();
}

/// Adds a mini-socket, which consists of a header only.
fn time_wait(stream: &mut Stream) {
    stream.header(&[], |header| {
        (header.protocol, header.state, header.family) = (TCP, TIME_WAIT, INET);
        header.local_address = address(&[10, 0, 0, 1]);
        header.remote_address = address(&[10, 0, 0, 2]);
        (header.local_port, header.remote_port) = (8080, 40_000);
        header.cookie = 78;
    });
    stream.end();
}

fn multicast_receiver(stream: &mut Stream) {
    stream.header(&UDP_SECTIONS, |header| {
        (header.protocol, header.state, header.family) = (UDP, CLOSE, INET);
        header.local_port = 5353;
        header.inode = LISTENER + 2;
        header.cookie = 79;
    });
    stream.part(|socket: &mut socket_section| {
        flags!(socket, SOCKET_flag::SO_BROADCAST = 1);
        values!(socket, SOCKET_value::SO_REUSEADDR = 1);
    });
    stream.part(lists);
    stream.part(|udp: &mut udp_section| values!(udp, UDP_value::UDP_SEGMENT = 0));
    let sources = [10, 1, 1, 1, 10, 1, 1, 2];
    stream.membership(item_kind::ITEM_IP_MEMBERSHIP, &sources, |item| {
        item.group = address(&[224, 0, 0, 251]);
        (item.ifindex, item.mode, item.sources) = (2, 1, 900);
    });
    stream.item(item_kind::ITEM_CUT, &[]);
    stream.item(item_kind::ITEM_IP_OPTIONS, &ip_options());
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
}

/// Marks the lists and blobs of IPv4 as known.
fn lists(ip: &mut ip_section) {
    flags!(ip, IP_flag::IP_ADD_MEMBERSHIP = 1, IP_flag::IP_OPTIONS = 1);
}

/// Marks the lists and blobs of IPv6 as known.
fn lists6(ipv6: &mut ipv6_section) {
    flags!(ipv6, IPV6_flag::IPV6_JOIN_GROUP = 1, IPV6_flag::IPV6_JOIN_ANYCAST = 1);
    flags!(ipv6, IPV6_flag::IPV6_HOPOPTS = 1, IPV6_flag::IPV6_RTHDRDSTOPTS = 1);
    flags!(ipv6, IPV6_flag::IPV6_RTHDR = 1, IPV6_flag::IPV6_DSTOPTS = 1);
}

/// Returns a router alert.
fn ip_options() -> Vec<u8> {
    let mut stream = Stream::default();
    stream.part(|item: &mut ip_options_item| {
        item.data[..4].copy_from_slice(&[0x94, 4, 0, 0]);
        item.optlen = 4;
    });
    stream.bytes
}

/// Adds all IPv6 items.
fn extended(stream: &mut Stream) {
    let [socket, ip, udp, items] = UDP_SECTIONS;
    stream.header(&[socket, ip, section::SECTION_IPV6, udp, items], |header| {
        (header.protocol, header.state, header.family) = (UDP, ESTABLISHED, INET6);
        header.local_address = address(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        header.remote_address = address(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb]);
        (header.local_port, header.remote_port) = (5353, 5353);
        header.ifindex = 2;
        header.inode = LISTENER + 3;
        header.cookie = 80;
    });
    stream.part(|socket: &mut socket_section| values!(socket, SOCKET_value::SO_REUSEADDR = 0));
    stream.part(lists);
    stream.part(lists6);
    stream.part(|_: &mut udp_section| {});
    stream.item(item_kind::ITEM_IPV6_HOPOPTS, &[0, 0, 5, 2, 0, 0, 1, 0]);
    stream.item(item_kind::ITEM_IPV6_RTHDRDSTOPTS, &[0, 0, 1, 4, 0, 0, 0, 0]);
    stream.item(item_kind::ITEM_IPV6_RTHDR, &[0, 0, 0, 0, 0, 0, 0, 0]);
    stream.item(item_kind::ITEM_IPV6_DSTOPTS, &[0, 0, 1, 4, 0, 0, 0, 0]);
    let source = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    stream.membership(item_kind::ITEM_IPV6_MEMBERSHIP, &source, |item| {
        item.group = address(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb]);
        (item.ifindex, item.sources) = (2, 1);
    });
    stream.membership(item_kind::ITEM_IPV6_ANYCAST, &[], |item| {
        item.group = address(&[0xfe, 0x80]);
        item.ifindex = 2;
    });
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
}

/// Returns the sockets of a BGP speaker: a listener with keys for more peers than fit a record, and a
/// connection with TCP-AO keys.
pub fn speaker() -> Stream {
    let [md5, ao] = [item_kind::ITEM_TCP_MD5_KEY, item_kind::ITEM_TCP_AO_KEY];
    let mut stream = Stream::default();
    let begin = |stream: &mut Stream, state, key| {
        let sections = [section::SECTION_SOCKET, section::SECTION_TCP, section::SECTION_ITEMS];
        stream.header(&sections, |header| {
            (header.protocol, header.state, header.family) = (TCP, state, INET6);
            (header.local_port, header.cookie) = (179, 90);
        });
        stream.part(|_: &mut socket_section| {});
        stream.part(|tcp: &mut tcp_section| {
            flags!(tcp, TCP_flag::TCP_MD5SIG = 0, TCP_flag::TCP_AO_ADD_KEY = 0);
            tcp.flags |= 1u64 << key;
        });
    };
    begin(&mut stream, LISTEN, TCP_flag::TCP_MD5SIG.0);
    stream.key(md5, |key| {
        key.address = address(&[10, 0, 0, 1]);
        (key.family, key.prefix_length, key.ifindex) = (INET as u8, 32, -1);
    });
    stream.key(md5, |key| {
        key.address = address(&[0x20, 1, 0xd, 0xb8]);
        (key.family, key.prefix_length, key.ifindex) = (INET6 as u8, 32, 2);
    });
    stream.key(md5, |key| (key.family, key.prefix_length) = (INET as u8, 0));
    stream.item(item_kind::ITEM_CUT, &[]);
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
    begin(&mut stream, ESTABLISHED, TCP_flag::TCP_AO_ADD_KEY.0);
    stream.key(ao, |key| {
        (key.family, key.prefix_length, key.ifindex) = (INET6 as u8, 0, -1);
        (key.send_id, key.receive_id) = (1, 255);
    });
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
    stream
}

/// Returns a packet socket with a ring, and with more memberships than fit a record.
pub fn sniffer() -> Stream {
    let mut stream = Stream::default();
    let sections = [section::SECTION_SOCKET, section::SECTION_PACKET, section::SECTION_ITEMS];
    stream.header(&sections, |header| (header.family, header.cookie) = (PACKET, 90));
    stream.part(|socket: &mut socket_section| values!(socket, SOCKET_value::SO_TYPE = 2));
    stream.part(|packet: &mut packet_section| {
        flags!(packet, PACKET_flag::PACKET_ADD_MEMBERSHIP = 1);
        flags!(packet, PACKET_flag::PACKET_FANOUT__joined = 1, PACKET_flag::PACKET_AUXDATA = 1);
        values!(packet, PACKET_value::PACKET_FANOUT = 7, PACKET_value::PACKET_FANOUT__type = 1);
        values!(packet, PACKET_value::PACKET_FANOUT__flags = 0x80);
        (packet.ifindex, packet.ethertype, packet.bound_known) = (2, 0x0806u16.to_be(), 1);
    });
    stream.packet_membership(|item| (item.ifindex, item.r#type, item.count) = (2, 1, 2));
    stream.packet_membership(|item| {
        (item.ifindex, item.count, item.length) = (2, 1, 6);
        item.address[..6].copy_from_slice(&[1, 0, 0x5e, 0, 0, 0xfb]);
    });
    stream.item(item_kind::ITEM_CUT, &[]);
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
    stream
}

/// Returns an SCTP socket with an association and one without. The times of the association are in jiffies,
/// except the life of its cookie, which is in nanoseconds.
pub fn sctp() -> Stream {
    let mut stream = Stream::default();
    for (state, second) in [(ESTABLISHED, HZ), (CLOSE, 1_000)] {
        stream.header(&[section::SECTION_SCTP], |header| {
            (header.protocol, header.state, header.family) = (SCTP, state, INET);
            header.local_address = address(&[127, 0, 0, 1]);
            header.local_port = 2905;
        });
        stream.part(|sctp: &mut sctp_section| {
            let associated = u64::from(state == ESTABLISHED);
            sctp.has_flags |= 1 << SCTP_flag::SCTP_STATUS__association.0;
            sctp.flags |= associated << SCTP_flag::SCTP_STATUS__association.0;
            flags!(sctp, SCTP_flag::SCTP_NODELAY = 1, SCTP_flag::SCTP_ECN_SUPPORTED = 1);
            values!(
                sctp,
                SCTP_value::SCTP_RTOINFO__initial = 3 * second,
                SCTP_value::SCTP_RTOINFO__max = 60 * second,
                SCTP_value::SCTP_RTOINFO__min = second,
                SCTP_value::SCTP_ASSOCINFO__asocmaxrxt = 10,
                SCTP_value::SCTP_ASSOCINFO__destinations = 2,
                SCTP_value::SCTP_ASSOCINFO__peer_rwnd = 106_496,
                SCTP_value::SCTP_ASSOCINFO__local_rwnd = 4_000_000_000,
                SCTP_value::SCTP_ASSOCINFO__cookie_life =
                    if associated == 1 { 60_000_000_000 } else { 60_000 },
                SCTP_value::SCTP_PEER_ADDR_PARAMS__hbinterval = 30 * second,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__pathmaxrxt = 5,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__pathmtu = 1500,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__sackdelay = second / 5,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__flags = 0x29,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__flowlabel = 0x10_1234,
                SCTP_value::SCTP_PEER_ADDR_PARAMS__dscp = 0xb9,
                SCTP_value::SCTP_DELAYED_SACK__freq = 2,
                SCTP_value::SCTP_EVENTS = 0x2003,
                SCTP_value::SCTP_DEFAULT_SEND_PARAM__flags = 0x11,
                SCTP_value::SCTP_DEFAULT_SEND_PARAM__timetolive = 700,
                SCTP_value::SCTP_STREAM_SCHEDULER = 2,
                SCTP_value::SCTP_REMOTE_UDP_ENCAPS_PORT = u16::to_be(9899).into(),
                SCTP_value::SCTP_PLPMTUD_PROBE_INTERVAL = 5 * second
            );
        });
        stream.end();
    }
    stream
}

/// Returns an ICMPv6 socket with every option of raw sockets.
pub fn raw() -> Stream {
    const ICMPV6: u16 = 58;
    let mut stream = Stream::default();
    stream.header(&[section::SECTION_SOCKET, section::SECTION_RAW], |header| {
        (header.family, header.protocol, header.cookie) = (INET6, ICMPV6, 87);
    });
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|raw: &mut raw_section| every_fact!(raw));
    stream.end();
    stream
}

/// Returns two sockets with every option of TCP and UDP, and sockets of the other families. One of them
/// shares its port.
pub fn everything() -> Stream {
    let mut stream = Stream::default();
    let [socket, ip, tcp] = TCP_SECTIONS;
    let [.., udp, items] = UDP_SECTIONS;
    for (protocol, transport) in [(TCP, tcp), (UDP, udp)] {
        let [tls, dead, diag] = match protocol {
            TCP => [section::SECTION_TLS, section::SECTION_DEAD, section::SECTION_DIAG],
            _ => [transport; 3],
        };
        let sections = [socket, ip, section::SECTION_IPV6, transport, tls, dead, diag, items];
        stream.header(&sections, |header| {
            (header.protocol, header.state, header.family) = (protocol, ESTABLISHED, INET6);
            (header.cookie, header.local_port) = (81, 9);
            header.traits = socket_trait::TRAIT_SUBFLOW.0 as u16;
            (header.timer, header.timer_left) = (timer::TIMER_RETRANSMIT.0 as u8, 50);
        });
        stream.part(|socket: &mut socket_section| every_fact!(socket));
        stream.part(|ip: &mut ip_section| every_fact!(ip));
        stream.part(|ipv6: &mut ipv6_section| every_fact!(ipv6));
        match protocol {
            TCP => {
                stream.part(|tcp: &mut tcp_section| {
                    every_fact!(tcp);
                    tcp.congestion = address(b"cubic");
                });
                stream.part(|tls: &mut tls_section| {
                    every_fact!(tls);
                    // Only for TLS 1.3 that is decrypted in software.
                    values!(tls, TLS_value::TLS_RX_EXPECT_NO_PAD__version = 0x304);
                    values!(tls, TLS_value::TLS_RX__mode = 1);
                });
                stream.part(|dead: &mut dead_section| {
                    every_fact!(dead);
                    // The window is closed, so that nothing can be under way.
                    values!(dead, DEAD_value::DEAD_AFTER__packets = 0);
                });
                stream.part(|diag: &mut diag_section| {
                    every_fact!(diag);
                    values!(diag, DIAG_value::DIAG__send_window = 0);
                });
            }
            _ => stream.part(|udp: &mut udp_section| every_fact!(udp)),
        }
        stream.item(item_kind::ITEM_IP_OPTIONS, &ip_options());
        for kind in [item_kind::ITEM_IP_MEMBERSHIP, item_kind::ITEM_IPV6_MEMBERSHIP] {
            stream.membership(kind, &[7; 16], |item| item.sources = 4);
        }
        stream.membership(item_kind::ITEM_IPV6_ANYCAST, &[], |_| {});
        stream.item(item_kind::ITEM_END, &[]);
        stream.end();
    }
    stream.header(&[section::SECTION_SCTP], |header| {
        (header.protocol, header.state, header.family) = (SCTP, CLOSE, INET);
    });
    stream.part(|sctp: &mut sctp_section| {
        every_fact!(sctp);
        // Without an association, because fewer options are known with one.
        sctp.flags &= !(1 << SCTP_flag::SCTP_STATUS__association.0);
    });
    stream.end();
    stream.header(&[socket, section::SECTION_UNIX], |header| {
        (header.family, header.cookie, header.reuseport_group) = (UNIX, 82, 1);
    });
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|unix: &mut unix_section| {
        every_fact!(unix);
        unix.path_length = 4;
        unix.path[..4].copy_from_slice(b"/run");
    });
    stream.end();
    packet_and_xdp(&mut stream);
    let netlink = [socket, section::SECTION_NETLINK, items];
    stream.header(&netlink, |header| (header.family, header.cookie) = (NETLINK, 83));
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|netlink: &mut netlink_section| {
        every_fact!(netlink);
        (netlink.portid, netlink.dst_portid, netlink.dst_group) = (812, 813, 2);
    });
    stream.item(item_kind::ITEM_NETLINK_GROUPS, &0x1_8000_0001u64.to_ne_bytes());
    stream.item(item_kind::ITEM_CUT, &[]);
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
    let vsock = [socket, section::SECTION_VSOCK];
    stream.header(&vsock, |header| (header.family, header.cookie) = (VSOCK, 84));
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|vsock: &mut vsock_section| every_fact!(vsock));
    stream.end();
    stream
}

fn packet_and_xdp(stream: &mut Stream) {
    let (socket, items) = (section::SECTION_SOCKET, section::SECTION_ITEMS);
    stream.header(&[socket, section::SECTION_PACKET, items], |header| {
        (header.family, header.cookie) = (PACKET, 85);
    });
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|packet: &mut packet_section| {
        every_fact!(packet);
        values!(packet, PACKET_value::PACKET_VERSION = 2);
        packet.bound_known = 1;
    });
    stream.packet_membership(|item| item.count = 1);
    stream.item(item_kind::ITEM_END, &[]);
    stream.end();
    stream.header(&[socket, section::SECTION_XDP], |header| {
        (header.family, header.cookie) = (XDP, 86);
    });
    stream.part(|socket: &mut socket_section| every_fact!(socket));
    stream.part(|xdp: &mut xdp_section| {
        every_fact!(xdp);
        (xdp.ifindex, xdp.queue, xdp.bound_known) = (2, 3, 1);
    });
    stream.end();
}
