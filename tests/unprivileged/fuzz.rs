//! Records with the form of real ones and arbitrary content. The decoder does not panic, and the output is
//! complete, well formed and safe for a terminal.
//!
//! The records are generated pseudorandomly, with a seed for each stream, so that a failure can be
//! reproduced: `KNETSTAT_FUZZ_SEED=n` runs one stream, and `KNETSTAT_FUZZ_SECONDS=n` sets the duration. A
//! stream that failed is kept: its seed in [`FOUND`], or its special property as a test in replay.rs. The
//! programs under test are built with overflow checks.

mod expressions;

use std::env;
use std::time::{Duration, Instant};

use crate::records::{self, Stream};
use knetstat::commands::table::pipeline::{self, Ownership};
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::kernel::abi::*;
use knetstat::options::defaults::Defaults;
use knetstat::options::selection::Selection;
use knetstat::output::json::LINES;
use knetstat::output::long::LONG;
use knetstat::output::table::TABLE;
use knetstat::output::Format;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;
use knetstat::record::Records;
use serde_json::Value as Json;

/// Seeds of streams that have failed.
const FOUND: &[u64] = &[];

/// The default duration, and the minimum number of streams.
const USUAL: Duration = Duration::from_secs(4);
const AT_LEAST: u64 = 200;

/// A generator of reproducible pseudorandom numbers: splitmix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Returns a number that arithmetic may mishandle: near the limits of each width, small, or any.
    fn number(&mut self) -> u64 {
        const ENDS: [u64; 9] = [
            0,
            i8::MAX as u64,
            u8::MAX as u64,
            u16::MAX as u64,
            i32::MAX as u64,
            u32::MAX as u64,
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
        ];
        match self.below(4) {
            0 => self.of(&ENDS).wrapping_add(self.next() % 5).wrapping_sub(2),
            1 => self.next() % 300,
            2 => 1 << self.below(64),
            _ => self.next(),
        }
    }

    fn bytes(&mut self, bytes: &mut [u8]) {
        match self.below(5) {
            0 => {}
            1 => bytes.fill(0xff),
            2 => bytes
                .iter_mut()
                .for_each(|byte| *byte = b"tls\0/@ ,|=\x1b\xe2\x80\xae"[usize::from(*byte) % 14]),
            _ => bytes.chunks_mut(8).for_each(|chunk| {
                let length = chunk.len();
                chunk.copy_from_slice(&self.number().to_ne_bytes()[..length]);
            }),
        }
    }
}

/// Adds sections of these types, in the order of the record, if their bit is in `$sections`. The bytes are
/// arbitrary, and each fact is present or absent.
macro_rules! sections {
    ($stream:ident, $random:ident, $sections:ident: $($section:ident = $bit:ident),+ $(,)?) => {$(
        if $sections & section::$bit.0 != 0 {
            let begin = $stream.bytes.len();
            $stream.part(|part: &mut $section| {
                part.has_flags = $random.number() | $random.next();
                part.flags = $random.next();
                part.has_values = $random.number() | $random.next();
                part.values.iter_mut().for_each(|value| *value = $random.number());
            });
            // Bytes other than facts: names, addresses.
            let facts = facts_of(|part: &$section| std::mem::size_of_val(&part.values));
            $random.bytes(&mut $stream.bytes[begin + std::mem::offset_of!($section, values) + facts..]);
        }
    )+};
}

/// Returns the size of a member, computed from a section of zeros.
fn facts_of<T: plain::Plain>(size: impl Fn(&T) -> usize) -> usize {
    let mut stream = Stream::default();
    let mut found = 0;
    stream.part(|part: &mut T| found = size(part));
    found
}

/// Address family, protocol, type, and their sections.
const KINDS: &[(u16, u16, u8, &[section])] = {
    use section as s;
    const IP: section = s::SECTION_IP;
    &[
        (2, 6, 1, &[IP, s::SECTION_TCP, s::SECTION_TLS, s::SECTION_DEAD, s::SECTION_DIAG]),
        (10, 6, 1, &[IP, s::SECTION_IPV6, s::SECTION_TCP, s::SECTION_DEAD, s::SECTION_DIAG]),
        (2, 262, 1, &[IP, s::SECTION_IPV6, s::SECTION_TCP]),
        (10, 262, 1, &[IP, s::SECTION_IPV6, s::SECTION_TCP]),
        (2, 17, 2, &[IP, s::SECTION_UDP]),
        (10, 17, 2, &[IP, s::SECTION_IPV6, s::SECTION_UDP]),
        (2, 1, 3, &[IP, s::SECTION_RAW]),
        (10, 58, 3, &[IP, s::SECTION_IPV6, s::SECTION_RAW]),
        (2, 1, 2, &[IP]),
        (10, 132, 5, &[IP, s::SECTION_IPV6, s::SECTION_SCTP]),
        (1, 0, 1, &[s::SECTION_UNIX]),
        (1, 0, 2, &[s::SECTION_UNIX]),
        (17, 3, 3, &[s::SECTION_PACKET]),
        (44, 0, 3, &[s::SECTION_XDP]),
        (16, 15, 3, &[s::SECTION_NETLINK]),
        (40, 0, 1, &[s::SECTION_VSOCK]),
        (38, 0, 5, &[]),
    ]
};

/// Adds a record, usually with the sections of its family, sometimes with arbitrary ones.
fn add_record(stream: &mut Stream, random: &mut Random) {
    let (family, protocol, kind, usual) = random.of(KINDS);
    let every = (1 << section_number::SECTION_COUNT.0) - 1;
    let common = section::SECTION_SOCKET.0 | section::SECTION_CGROUP.0 | section::SECTION_SOCKMAP.0;
    let mut sections = common | random.of(&[0, section::SECTION_ITEMS.0]);
    sections |= usual.iter().fold(0, |all, one| all | one.0);
    match random.below(12) {
        0 => sections = random.next() as u32 & (every | section::SECTION_ITEMS.0),
        1 => sections = 0,
        _ => {}
    }
    let begin = stream.bytes.len();
    stream.part(|_: &mut record_header| {});
    random.bytes(&mut stream.bytes[begin..]);
    let bytes = stream.bytes.split_off(begin);
    stream.part(|header: &mut record_header| {
        plain::copy_from_bytes(header, &bytes).expect("a header");
        (header.magic, header.sections) = (u32::from_ne_bytes(*b"knst"), sections);
        // The programs only leave out what the run does not read, and here it reads everything.
        header.left_out = 0;
        (header.family, header.protocol, header.socket_type) = (family, protocol, kind);
        (header.state, header.timer) = (random.below(14) as u8, random.below(6) as u8);
        header.traits = random.next() as u16 & 63;
        header.timer_left = random.number() as i32;
        (header.recv_queue, header.send_queue) = (random.number() as u32, random.number() as u32);
    });
    add_sections(stream, random, sections);
    if sections & section::SECTION_ITEMS.0 != 0 {
        add_items(stream, random);
    }
    stream.end();
}

fn add_sections(stream: &mut Stream, random: &mut Random, sections: u32) {
    sections!(stream, random, sections:
        socket_section = SECTION_SOCKET,
        cgroup_section = SECTION_CGROUP,
        sockmap_section = SECTION_SOCKMAP,
        receiver_section = SECTION_RECEIVER,
        ip_section = SECTION_IP,
        ipv6_section = SECTION_IPV6,
        tcp_section = SECTION_TCP,
        udp_section = SECTION_UDP,
        raw_section = SECTION_RAW,
        unix_section = SECTION_UNIX,
        packet_section = SECTION_PACKET,
        xdp_section = SECTION_XDP,
        netlink_section = SECTION_NETLINK,
        vsock_section = SECTION_VSOCK,
        tls_section = SECTION_TLS,
        sctp_section = SECTION_SCTP,
        dead_section = SECTION_DEAD,
        diag_section = SECTION_DIAG,
    );
}

/// Adds items of arbitrary kinds, some of which are too short for their kind.
fn add_items(stream: &mut Stream, random: &mut Random) {
    for _ in 0..random.below(6) {
        let kind = item_kind(random.below(item_kind::ITEM_CUT.0 as usize + 2) as u32);
        if kind == item_kind::ITEM_END {
            continue;
        }
        let length = random.of(&[0, 1, 7, 8, 16, 40, 48, 52, 56, 64, 72, 256, 2048]);
        let mut body = vec![random.next() as u8; length];
        random.bytes(&mut body);
        stream.item(kind, &body);
    }
    stream.item(item_kind::ITEM_END, &[]);
}

/// Returns descriptors that hold some of the sockets.
fn holders(random: &mut Random) -> Stream {
    let mut stream = Stream::default();
    for _ in 0..random.below(5) {
        stream.part(|record: &mut owner_record| {
            record.magic = u32::from_ne_bytes(*b"knso");
            (record.pid, record.fd) = (random.number() as u32, random.number() as u32);
            record.inode = random.number();
            random.bytes(&mut record.command);
        });
    }
    stream
}

/// Returns a configuration with every column and every option in this format.
fn everything(format: Format) -> Config {
    let request = ColumnRequest { chosen: Column::ALL.to_vec(), ..ColumnRequest::default() };
    Config { selection: Selection::all(), ..records::config(format, &request) }
}

/// Returns the stream of a seed, and the descriptors that hold its sockets.
fn made(seed: u64) -> (Stream, Stream) {
    let mut random = Random(seed);
    let mut stream = Stream::default();
    for _ in 0..=random.below(8) {
        add_record(&mut stream, &mut random);
    }
    let holders = holders(&mut random);
    (stream, holders)
}

/// Returns the JSON objects of the stream of a seed.
pub fn objects(seed: u64) -> Vec<Json> {
    let (stream, holders) = made(seed);
    let object = |line: &str| -> Json {
        let object: Json = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}: {line}"));
        assert!(object.is_object(), "seed {seed}: {line}");
        object
    };
    printed(&stream, &holders, &everything(LINES)).lines().map(object).collect()
}

/// Prints the stream of a seed in each format, and checks the output.
fn look_at(seed: u64) {
    objects(seed);
    let (stream, holders) = made(seed);
    for format in [TABLE, LONG] {
        let text = printed(&stream, &holders, &everything(format));
        let is_fit = text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(is_fit, "seed {seed}: {text:?}");
    }
}

fn printed(stream: &Stream, holders: &Stream, config: &Config) -> String {
    let namespaces = records::namespaces(&Defaults::default(), config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let records = Records::new(stream.bytes.as_slice());
    let again = vec![holders.bytes.as_slice(); config.filter.layouts().len()];
    let ownership = Ownership::new(holders.bytes.as_slice(), again);
    let ownership = ownership.expect("whole records");
    pipeline::print(
        records,
        config,
        &namespaces,
        Some(ownership),
        output.as_mut(),
        &Progress::default(),
    )
    .expect("records of the right form");
    output.end().expect("memory");
    drop(output);
    String::from_utf8(bytes).expect("what is printed is UTF-8")
}

/// Returns a number from the environment.
fn asked(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn records_of_any_content() {
    if let Some(seed) = asked("KNETSTAT_FUZZ_SEED") {
        return look_at(seed);
    }
    FOUND.iter().for_each(|seed| look_at(*seed));
    let limit = asked("KNETSTAT_FUZZ_SECONDS").map_or(USUAL, Duration::from_secs);
    let begin = Instant::now();
    let mut wrong = Vec::new();
    let mut seed = 0;
    while (begin.elapsed() < limit || seed < AT_LEAST) && wrong.len() < 5 {
        if std::panic::catch_unwind(|| look_at(seed)).is_err() {
            wrong.push(seed);
        }
        seed += 1;
    }
    assert!(wrong.is_empty(), "KNETSTAT_FUZZ_SEED= one of {wrong:?} shows what is wrong");
}
