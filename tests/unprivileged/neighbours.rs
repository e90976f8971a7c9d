//! A row is the same whatever rows come before it, although the program reads and writes anew only the options whose facts
//! have changed.

use std::mem::offset_of;

use crate::common::say;
use crate::fuzz::Random;
use crate::records::{self, flags, values, Stream, CLOSE, INET6, LISTEN, TCP};
use knetstat::commands::table::pipeline;
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::kernel::abi::*;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::defaults::{Answer, Defaults};
use knetstat::options::selection::Selection;
use knetstat::options::value::Value;
use knetstat::output::json::LINES;
use knetstat::output::long::LONG;
use knetstat::output::table::TABLE;
use knetstat::output::{Format, Style};
use knetstat::query::column_list::ColumnRequest;
use knetstat::record::Records;
use knetstat::socket::kind::SocketKind;

/// The records of each sequence, and of how many their text is compared.
const LENGTH: usize = 400;

/// Members of the header that options depend on, or that differ from socket to socket, with bytes to put there.
const MEMBERS: [(usize, &[&[u8]]); 8] = {
    const ADDRESSES: &[&[u8]] = &[&[0; 16], &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1], &[0x20; 16]];
    const NUMBERS: &[&[u8]] = &[&0u32.to_ne_bytes(), &BACKLOG.to_ne_bytes(), &[9; 4]];
    [
        (offset_of!(record_header, state), &[&[records::ESTABLISHED], &[CLOSE], &[LISTEN]]),
        (offset_of!(record_header, traits), &[&[0; 2], &[1; 2], &[0xff; 2]]),
        (offset_of!(record_header, local_address), ADDRESSES),
        (offset_of!(record_header, remote_address), ADDRESSES),
        (offset_of!(record_header, cookie), &[&[0; 8], &[1; 8]]),
        (offset_of!(record_header, ifindex), NUMBERS),
        (offset_of!(record_header, send_queue), NUMBERS),
        (offset_of!(record_header, timer_left), NUMBERS),
    ]
};

/// The backlog of [`listener`].
const BACKLOG: u32 = 5;

/// Returns a listener with options that count as set by rules which look at its header.
fn listener() -> Stream {
    let mut stream = Stream::default();
    let sections = [section::SECTION_SOCKET, section::SECTION_IP, section::SECTION_IPV6];
    stream.header(&[&sections[..], &[section::SECTION_TCP]].concat(), |header| {
        (header.protocol, header.state, header.family) = (TCP, LISTEN, INET6);
        (header.send_queue, header.ifindex) = (BACKLOG, 2);
    });
    stream.part(|socket: &mut socket_section| {
        values!(socket, SOCKET_value::SO_BINDTOIFINDEX = 2, SOCKET_value::SO_MARK = 7);
    });
    stream.part(|_: &mut ip_section| {});
    stream.part(|ipv6: &mut ipv6_section| flags!(ipv6, IPV6_flag::IPV6_V6ONLY = 0));
    stream.part(|tcp: &mut tcp_section| {
        flags!(tcp, TCP_flag::TCP_WINDOW_CLAMP__connected = 0, TCP_flag::SO_MARK__accepted = 1);
        values!(tcp, TCP_value::TCP_FASTOPEN = u64::from(BACKLOG));
        values!(tcp, TCP_value::TCP_FASTOPEN__sysctl = 0x402);
        values!(tcp, TCP_value::TCP_WINDOW_CLAMP = 3);
    });
    stream.end();
    stream
}

/// Changes a few bits of a record, most often in the values of options. Its form may be wrong then.
fn change(record: &mut [u8], random: &mut Random) {
    const HEADER: usize = size_of::<record_header>();
    for _ in 0..random.below(4) {
        if random.below(3) == 0 {
            let (at, all) = random.of(&MEMBERS);
            let bytes = random.of(all);
            record[at..at + bytes.len()].copy_from_slice(bytes);
        } else if record.len() > HEADER {
            let at = HEADER + random.below(record.len() - HEADER);
            record[at] ^= 1 << random.below(8);
        }
    }
}

/// Gives a record what only one socket has.
fn identify(record: &mut [u8], number: usize) {
    let members = [
        (offset_of!(record_header, identity), number + 1),
        (offset_of!(record_header, inode), number + 1),
        (offset_of!(record_header, reuseport_group), 0),
    ];
    for (at, number) in members {
        record[at..at + 8].copy_from_slice(&(number as u64).to_ne_bytes());
    }
}

/// Returns the text of records, or `None` if there is an error.
fn text(bytes: &[u8], config: &Config, defaults: &Defaults) -> Option<String> {
    let namespaces = records::namespaces(defaults, config);
    let mut text = Vec::new();
    let mut output = config.format.open(&mut text, &config.columns, config.style);
    let (records, nobody) = (Records::new(bytes), records::nobody());
    let progress = Progress::default();
    pipeline::print(records, config, &namespaces, nobody, output.as_mut(), &progress).ok()?;
    drop(output);
    Some(String::from_utf8(text).expect("UTF-8"))
}

/// Compares the text of a sequence of changed records with that of each record alone. Returns how many there were.
fn compare(streams: &[Stream], config: &Config, defaults: &Defaults, random: &mut Random) -> usize {
    let (mut all, mut expected, mut count) = (Vec::new(), Vec::new(), 0);
    let mut last = Vec::new();
    while count < LENGTH {
        // Most often another change of the record before, as of sockets that have nearly everything in common.
        if last.is_empty() || random.below(8) == 0 {
            let stream = &streams[random.below(streams.len())];
            let n = random.below(stream.ends.len());
            let begin = if n == 0 { 0 } else { stream.ends[n - 1] };
            last = stream.bytes[begin..stream.ends[n]].to_vec();
        }
        let mut record = last.clone();
        change(&mut record, random);
        identify(&mut record, count);
        if let Some(alone) = text(&record, config, defaults) {
            all.extend_from_slice(&record);
            expected.push(alone);
            count += 1;
            if random.below(2) == 0 {
                last = record;
            }
        }
    }
    let together = text(&all, config, defaults).expect("records that are right alone");
    let mut rest = together.as_str();
    for (n, alone) in expected.iter().enumerate() {
        // Blocks are set apart by an empty line.
        rest = rest.strip_prefix('\n').unwrap_or(rest);
        rest = rest.strip_prefix(alone.as_str()).unwrap_or_else(|| {
            panic!("row {n} alone:\n{alone}\nand after others:\n{}", &rest[..rest.len().min(4000)])
        });
    }
    assert_eq!(rest, "");
    count
}

#[test]
fn a_row_is_the_same_after_any_other() {
    let streams: Vec<Stream> = records::all().into_iter().chain([listener()]).collect();
    let answers = vec![Answer::Value(Value::Int(1)); CATALOGUE.len()];
    let known = Defaults::with(SocketKind::ALL.map(|_| Some(answers.clone())));
    let config = |format: Format, selection| {
        let style = Style { header: false, ..records::PLAIN };
        Config { selection, style, ..records::config(format, &ColumnRequest::default()) }
    };
    let configs = [
        config(LINES, Selection::all()),
        config(TABLE, Selection::all()),
        config(TABLE, Selection::common()),
        config(LONG, Selection::all()),
    ];
    let mut count = 0;
    for seed in 0..3 {
        for config in &configs {
            for defaults in [&known, &Defaults::default()] {
                count += compare(&streams, config, defaults, &mut Random(seed));
            }
        }
    }
    assert!(count >= 9_000, "only {count} rows");
    say(&format!("neighbours: {count} rows are the same after others"));
}
