//! Streams of records without a kernel: how they are read, and what happens if they are damaged.
//!
//! The streams are built in records.rs, not recorded, so that they follow changes of the record. The
//! expected output is written out here.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufReader, Read};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common;
use crate::records::{self, flags, values, Stream, HZ, LISTENER};
use knetstat::commands::table::pipeline::Ownership;
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::error::Error;
use knetstat::kernel::abi::*;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::defaults::{Answer, Answers, Defaults};
use knetstat::options::kind::ValueKind;
use knetstat::options::selection::Selection;
use knetstat::options::text::Text;
use knetstat::options::value::Value;
use knetstat::output::json::{ARRAY, LINES};
use knetstat::output::table::TABLE;
use knetstat::output::Format;
use knetstat::query::column_list::{ColumnList, ColumnRequest};
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::record::Records;
use knetstat::socket::holders::Owners;
use knetstat::socket::kind::SocketKind;
use serde_json::{json, Value as Json};

/// Returns defaults in which these options are off.
fn defaults() -> Defaults {
    let answers: Answers = CATALOGUE
        .iter()
        .map(|option| match option.name {
            "SO_REUSEADDR" | "SO_KEEPALIVE" | "SO_BROADCAST" | "TCP_NODELAY"
            | "TCP_USER_TIMEOUT" => Answer::Value(Value::Int(0)),
            "SO_RXQ_OVFL" => Answer::Absent,
            _ => Answer::Unasked,
        })
        .collect();
    Defaults::with(SocketKind::ALL.map(|_| Some(answers.clone())))
}

fn config(format: Format) -> Config {
    let filter = records::tcp_and_udp();
    Config { filter, ..records::config(format, &ColumnRequest::default()) }
}

/// The columns of `-e`, without a header, in colour.
fn extended() -> Config {
    let request = ColumnRequest { extended: true, ..ColumnRequest::default() };
    let mut config = Config { columns: ColumnList::for_table(&request), ..config(TABLE) };
    (config.style.header, config.style.color) = (false, true);
    config
}

/// Returns the output for a stream, and the error if there is one.
fn print(source: impl Read, config: &Config, defaults: &Defaults) -> (String, Option<String>) {
    let namespaces = records::namespaces(defaults, config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let records = Records::new(BufReader::new(source));
    let result = knetstat::commands::table::pipeline::print(
        records,
        config,
        &namespaces,
        records::nobody(),
        output.as_mut(),
        &Progress::default(),
    );
    let result = result.and_then(|_| output.end().map_err(Error::Output));
    drop(output);
    let text = String::from_utf8(bytes).expect("what is printed is UTF-8");
    (text, result.err().map(|error| error.to_string()))
}

/// Returns the output for a complete stream.
fn print_whole(source: impl Read, format: Format) -> String {
    let (text, error) = print(source, &config(format), &defaults());
    assert_eq!(error, None);
    text
}

#[test]
fn table() {
    let expected = "\
Proto Recv-Q Send-Q Local Address           Foreign Address         State       Diag Options
tcp        0    244 127.0.0.1:5432          0.0.0.0:*               LISTEN           \
SO_REUSEADDR=1,SO_KEEPALIVE=0,TCP_NODELAY=0,SO_LINGER=5s
tcp6      17   4096 ::ffff:10.0.0.1:443     ::ffff:10.0.0.2:50000   ESTABLISHED >|   \
SO_REUSEADDR=0,SO_KEEPALIVE=1,TCP_NODELAY=1,SO_RCVTIMEO=1.5s,TCP_KEEPIDLE=60s,\
TCP_USER_TIMEOUT=30000ms,TCP_CONGESTION=a\\x20b\\x2cc\\x1b
tcp        0      0 10.0.0.1:8080           10.0.0.2:40000          TIME_WAIT
udp        0      0 0.0.0.0:5353            0.0.0.0:*               UNCONN           \
SO_REUSEADDR=1,SO_BROADCAST=1,IP_ADD_MEMBERSHIP=224.0.0.251%2+10.1.1.1+10.1.1.2+...|...
udp6       0      0 fe80::1%2:5353          ff02::fb%2:5353         ESTABLISHED      \
SO_REUSEADDR=0,IPV6_JOIN_GROUP=ff02::fb%2-fe80::7,IPV6_JOIN_ANYCAST=fe80::%2
";
    assert_eq!(print_whole(records::some().bytes.as_slice(), TABLE), expected);
}

#[test]
fn extended_table_in_colour_without_header() {
    let (text, _) = print(records::some().bytes.as_slice(), &extended(), &defaults());
    let first = text.lines().next().unwrap_or_default();
    let expected = "tcp        0    244 127.0.0.1:5432          0.0.0.0:*               \
\x1b[32mLISTEN\x1b[0m      104        31337      -           \
\x1b[1mSO_REUSEADDR=1\x1b[0m,\x1b[2mSO_KEEPALIVE=0\x1b[0m,\x1b[2mTCP_NODELAY=0\x1b[0m,\
\x1b[1mSO_LINGER=5s\x1b[0m";
    assert_eq!(first, expected);
}

#[test]
fn json() {
    let expected = r#"{"protocol":"tcp","type":"stream","state":"LISTEN","recv_queue":0,"send_queue":244,"drops":0,"local":{"address":"127.0.0.1","port":5432},"remote":{"address":"0.0.0.0","port":0},"interface":null,"uid":104,"inode":31337,"cookie":77,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[],"timer":null,"options":{"SO_REUSEADDR":1,"SO_KEEPALIVE":0,"SO_LINGER":{"l_onoff":1,"l_linger":5},"SO_COOKIE":77,"TCP_NODELAY":0,"TCP_DEFER_ACCEPT":3,"TCP_ULP":"","IP_TOS":0,"IP_OPTIONS":""},"set":["SO_REUSEADDR","SO_LINGER"]}
{"protocol":"tcp6","type":"stream","state":"ESTABLISHED","recv_queue":17,"send_queue":4096,"drops":3,"local":{"address":"::ffff:10.0.0.1","port":443},"remote":{"address":"::ffff:10.0.0.2","port":50000},"interface":"9","uid":0,"inode":31338,"cookie":4294967296,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[">|"],"timer":null,"options":{"SO_REUSEADDR":0,"SO_KEEPALIVE":1,"SO_RCVTIMEO":{"tv_sec":1,"tv_usec":500000},"SO_MAX_PACING_RATE":18446744073709551615,"SO_COOKIE":4294967296,"TCP_NODELAY":1,"TCP_KEEPIDLE":60,"TCP_USER_TIMEOUT":30000,"TCP_CONGESTION":"a b,c\\x1b","TCP_ULP":"","IP_OPTIONS":"","IPV6_V6ONLY":0,"IPV6_JOIN_ANYCAST":[],"IPV6_HOPOPTS":"","IPV6_RTHDRDSTOPTS":"","IPV6_RTHDR":"","IPV6_DSTOPTS":""},"set":["SO_KEEPALIVE","SO_RCVTIMEO","TCP_NODELAY","TCP_KEEPIDLE","TCP_USER_TIMEOUT","TCP_CONGESTION"]}
{"protocol":"tcp","type":"stream","state":"TIME_WAIT","recv_queue":0,"send_queue":0,"drops":null,"local":{"address":"10.0.0.1","port":8080},"remote":{"address":"10.0.0.2","port":40000},"interface":null,"uid":null,"inode":null,"cookie":78,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[],"timer":null,"options":{},"set":[]}
{"protocol":"udp","type":"dgram","state":"UNCONN","recv_queue":0,"send_queue":0,"drops":0,"local":{"address":"0.0.0.0","port":5353},"remote":{"address":"0.0.0.0","port":0},"interface":null,"uid":0,"inode":31339,"cookie":79,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[],"timer":null,"options":{"SO_REUSEADDR":1,"SO_BROADCAST":1,"SO_COOKIE":79,"UDP_SEGMENT":0,"IP_ADD_MEMBERSHIP":[{"imr_multiaddr":"224.0.0.251","imr_address":"0.0.0.0","imr_ifindex":2,"mode":"include","sources":["10.1.1.1","10.1.1.2"],"cut":true,"more":true}],"IP_OPTIONS":"94040000"},"set":["SO_REUSEADDR","SO_BROADCAST","IP_ADD_MEMBERSHIP"]}
{"protocol":"udp6","type":"dgram","state":"ESTABLISHED","recv_queue":0,"send_queue":0,"drops":0,"local":{"address":"fe80::1","port":5353,"scope":"2"},"remote":{"address":"ff02::fb","port":5353,"scope":"2"},"interface":"2","uid":0,"inode":31340,"cookie":80,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[],"timer":null,"options":{"SO_REUSEADDR":0,"SO_COOKIE":80,"IP_ADD_MEMBERSHIP":[],"IP_OPTIONS":"","IPV6_JOIN_GROUP":[{"ipv6mr_multiaddr":"ff02::fb","ipv6mr_interface":2,"mode":"exclude","sources":["fe80::7"]}],"IPV6_JOIN_ANYCAST":[{"ipv6mr_acaddr":"fe80::","ipv6mr_ifindex":2}],"IPV6_HOPOPTS":"0000050200000100","IPV6_RTHDRDSTOPTS":"0000010400000000","IPV6_RTHDR":"0000000000000000","IPV6_DSTOPTS":"0000010400000000"},"set":["IPV6_JOIN_GROUP","IPV6_JOIN_ANYCAST"]}
"#;
    let lines = print_whole(records::some().bytes.as_slice(), LINES);
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    assert_eq!(lines, expected);
    let array = print_whole(records::some().bytes.as_slice(), ARRAY);
    assert_eq!(array, format!("[\n{}\n]\n", expected.trim_end().replace('\n', ",\n")));
}

#[test]
fn keys() {
    let stream = records::speaker();
    let config = |format| Config { filter: Filter::default(), ..config(format) };
    let (table, error) = print(stream.bytes.as_slice(), &config(TABLE), &defaults());
    assert_eq!(error, None);
    let rows_of_table = table.lines().filter(|line| line.starts_with("tcp6"));
    let options = rows_of_table.map(|line| line.split(' ').next_back().unwrap_or_default());
    let expected = [
        "TCP_MD5SIG=10.0.0.1/32|2001:db8::/32%2|0.0.0.0/0%0|...",
        "TCP_AO_ADD_KEY=::/0+sndid:1+rcvid:255",
    ];
    assert_eq!(options.collect::<Vec<_>>(), expected);
    let (lines, _) = print(stream.bytes.as_slice(), &config(LINES), &defaults());
    let rows: Vec<Json> = rows(&lines).collect();
    let md5 = json!([
        {"tcpm_addr": "10.0.0.1", "tcpm_prefixlen": 32, "tcpm_ifindex": null},
        {"tcpm_addr": "2001:db8::", "tcpm_prefixlen": 32, "tcpm_ifindex": 2},
        {"tcpm_addr": "0.0.0.0", "tcpm_prefixlen": 0, "tcpm_ifindex": 0, "more": true},
    ]);
    let ao = json!([{"addr": "::", "prefix": 0, "ifindex": null, "sndid": 1, "rcvid": 255}]);
    for (row, option, keys) in [(&rows[0], "TCP_MD5SIG", md5), (&rows[1], "TCP_AO_ADD_KEY", ao)] {
        assert_eq!(row["options"][option], json!(1));
        assert_eq!(row["options"][format!("{option}_prefixes")], keys);
        assert_eq!(row["set"], json!([option]));
    }
    assert_eq!(rows[0]["options"]["TCP_AO_ADD_KEY"], json!(0));
    assert_eq!(rows[0]["options"].get("TCP_AO_ADD_KEY_prefixes"), None);
}

#[test]
fn a_packet_socket() {
    let stream = records::sniffer();
    let everything = |format| {
        let config = Config { filter: Filter::default(), ..config(format) };
        let (text, error) = print(stream.bytes.as_slice(), &config, &defaults());
        assert_eq!(error, None);
        text
    };
    let table = everything(TABLE);
    let expected =
        "packet      0      0 arp:2                   *                       UNCONN           \
SO_TYPE=DGRAM,PACKET_ADD_MEMBERSHIP=PROMISC%2*2|MULTICAST:01:00:5e:00:00:fb%2|...,\
PACKET_FANOUT=id:7|LB|FLAG_DEFRAG";
    assert_eq!(table.lines().nth(1), Some(expected), "{table}");
    let expected = r#"{"protocol":"packet","type":"dgram","state":"UNCONN","recv_queue":0,"send_queue":0,"drops":0,"local":{"ethertype":2054,"interface":"2"},"remote":null,"interface":"2","uid":0,"inode":null,"cookie":90,"netns":4026531840,"netns_name":null,"master":null,"reuseport":null,"diag":[],"timer":null,"options":{"SO_TYPE":2,"SO_COOKIE":90,"PACKET_ADD_MEMBERSHIP":[{"mr_ifindex":2,"mr_type":1,"mr_alen":0,"mr_address":"","count":2},{"mr_ifindex":2,"mr_type":0,"mr_alen":6,"mr_address":"01:00:5e:00:00:fb","count":1,"more":true}],"PACKET_FANOUT":2147549191,"PACKET_AUXDATA":1},"set":["PACKET_ADD_MEMBERSHIP","PACKET_FANOUT"]}"#;
    assert_eq!(everything(LINES).trim_end(), expected);
}

#[test]
fn without_new_sockets_nobody_knows_what_is_set() {
    let unknown = Defaults::default();
    let stream = records::some();
    let (text, error) = print(stream.bytes.as_slice(), &config(LINES), &unknown);
    assert_eq!(error, None);
    assert_eq!(rows(&text).count(), stream.ends.len());
    for row in rows(&text) {
        // A mini-socket has no options, so none counts as set.
        let expected = if row["state"] == "TIME_WAIT" { Json::Array(vec![]) } else { Json::Null };
        assert_eq!(row["set"], expected, "{row}");
    }
}

/// Whether an option is set is decided in two ways: from the raw facts if only set options are shown, and
/// from the value if all are shown.
#[test]
fn what_is_set_does_not_depend_on_what_is_shown() {
    let defaults = defaults();
    let mut only_set = config(LINES);
    only_set.selection = Selection::parse(["set"]).expect("a word of -O");
    let (mut compared, mut set_options) = (0, 0);
    for seed in 0..2_000 {
        let mut random = Random(seed);
        let mut bytes = if seed % 2 == 0 { records::some() } else { records::everything() }.bytes;
        hurt(&mut bytes, &mut random);
        let (all, all_error) = print(bytes.as_slice(), &config(LINES), &defaults);
        let (set, set_error) = print(bytes.as_slice(), &only_set, &defaults);
        assert_eq!(set_error, all_error, "seed {seed}");
        let [all, set] = [all, set].map(|text| rows(&text).collect::<Vec<Json>>());
        assert_eq!(set.len(), all.len(), "seed {seed}");
        for (all, set) in all.iter().zip(&set) {
            assert_eq!(set["set"], all["set"], "seed {seed}");
            let shown = set["options"].as_object().expect("an object").keys();
            let shown = shown.filter(|name| common::is_option(name)).count();
            assert_eq!(Some(shown), set["set"].as_array().map(Vec::len), "seed {seed}");
            compared += 1;
            set_options += shown;
        }
    }
    assert!(compared > 4_000 && set_options > 20_000, "{set_options} options of {compared} rows");
}

/// Sets each number of each record to the limits of its range. Arithmetic on it must not overflow, unless
/// it wraps on purpose.
#[test]
fn no_number_is_too_large() {
    const EXTREMES: [u64; 4] = [u64::MAX, 1 << 63, u64::MAX >> 1, 0];
    let defaults = Defaults::with(
        SocketKind::ALL.map(|_| Some(vec![Answer::Value(Value::Int(1)); CATALOGUE.len()])),
    );
    let config = records::config(LINES, &ColumnRequest::default());
    let stream = records::everything();
    let mut printed = 0;
    for extreme in EXTREMES {
        for at in (0..stream.bytes.len()).step_by(8) {
            let mut bytes = stream.bytes.clone();
            bytes[at..at + 8].copy_from_slice(&extreme.to_ne_bytes());
            printed += print(bytes.as_slice(), &config, &defaults).0.len();
        }
    }
    assert!(printed > 0);
}

#[test]
fn a_record_of_a_protocol_from_the_future_is_passed_over() {
    let mut stream = Stream::default();
    for (protocol, family) in [(records::TCP, 99), (132, records::INET)] {
        stream.header(&[], |header| (header.protocol, header.family) = (protocol, family));
    }
    assert_eq!(print_whole(stream.bytes.as_slice(), LINES), "");
    assert_eq!(print_whole(stream.bytes.as_slice(), ARRAY), "[]\n");
}

#[test]
fn sctp_sockets() {
    let common = r#""SCTP_NODELAY":1,"SCTP_RTOINFO":{"srto_initial":3000,"srto_max":60000,"srto_min":1000},"SCTP_ASSOCINFO":{"sasoc_asocmaxrxt":10,"sasoc_number_peer_destinations":2,"sasoc_peer_rwnd":106496,"sasoc_local_rwnd":4000000000,"sasoc_cookie_life":60000},"SCTP_PEER_ADDR_PARAMS":{"spp_hbinterval":30000,"spp_pathmaxrxt":5,"spp_pathmtu":1500,"spp_sackdelay":200,"spp_flags":809,"spp_ipv6_flowlabel":4660,"spp_dscp":184},"SCTP_DELAYED_SACK":{"sack_delay":200,"sack_freq":2},"SCTP_DEFAULT_PRINFO":{"pr_value":700,"pr_policy":16},"SCTP_ECN_SUPPORTED":1,"SCTP_REMOTE_UDP_ENCAPS_PORT":9899,"SCTP_PLPMTUD_PROBE_INTERVAL":5000"#;
    let common: Json = serde_json::from_str(&format!("{{{common}}}")).expect("an object");
    let mut config = config(LINES);
    config.filter = Filter::default();
    let (text, error) = print(records::sctp().bytes.as_slice(), &config, &Defaults::default());
    assert_eq!(error, None);
    let rows: Vec<Json> = rows(&text).collect();
    assert_eq!(rows.len(), 2, "{text}");
    for (row, state) in rows.iter().zip(["ESTABLISHED", "CLOSE"]) {
        assert_eq!((&row["protocol"], &row["state"]), (&"sctp".into(), &state.into()));
        for (name, value) in common.as_object().expect("an object") {
            assert_eq!(&row["options"][name], value, "{name}");
        }
        let events = row["options"]["SCTP_EVENTS"].as_object().expect("an object");
        let on = events.iter().filter(|(_, on)| **on == 1).map(|(name, _)| name.as_str());
        let expected =
            ["sctp_association_event", "sctp_data_io_event", "sctp_send_failure_event_event"];
        assert_eq!(on.collect::<std::collections::BTreeSet<_>>(), expected.into());
        assert_eq!(events.len(), 14);
    }
    // The scheduler of an association is unknown.
    assert!(rows[0]["options"].get("SCTP_STREAM_SCHEDULER").is_none());
    assert_eq!(rows[1]["options"]["SCTP_STREAM_SCHEDULER"], 2);

    let table = records::config(TABLE, &ColumnRequest::default());
    let table = Config { filter: config.filter, selection: config.selection, ..table };
    let (text, _) = print(records::sctp().bytes.as_slice(), &table, &Defaults::default());
    for words in [
        "SCTP_RTOINFO=srto_initial:3000ms|srto_max:60000ms|srto_min:1000ms,",
        "|spp_flags:HB_ENABLE+PMTUD_ENABLE+SACKDELAY_ENABLE+IPV6_FLOWLABEL+DSCP|",
        "SCTP_EVENTS=sctp_data_io_event|sctp_association_event|sctp_send_failure_event_event,",
        "SCTP_DEFAULT_PRINFO=pr_value:700|pr_policy:TTL,",
        "SCTP_STREAM_SCHEDULER=RR,",
        "SCTP_PLPMTUD_PROBE_INTERVAL=5000ms",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn every_fact_of_every_option_is_shown() {
    let config = Config { filter: Filter::default(), ..config(LINES) };
    let (text, error) = print(records::everything().bytes.as_slice(), &config, &defaults());
    assert_eq!(error, None);
    let is_shown = |name| rows(&text).any(|row| row["options"].get(name).is_some());
    let hidden = CATALOGUE.iter().map(|option| option.name).filter(|name| !is_shown(*name));
    assert_eq!(hidden.collect::<Vec<_>>(), NOT_IN_EVERYTHING);
}

/// The first requires the name of an interface, and defaults() contains the second as absent. The others
/// are options of raw sockets, of which there are none.
const NOT_IN_EVERYTHING: [&str; 5] =
    ["SO_BINDTODEVICE", "SO_RXQ_OVFL", "ICMP_FILTER", "ICMPV6_FILTER", "IPV6_CHECKSUM"];

#[test]
fn a_list_that_was_cut_says_so() {
    let stream = records::everything();
    let text = records::printed(&stream, LINES, &ColumnRequest::default());
    let netlink = rows(&text).find(|row| row["protocol"] == "netlink").expect("a netlink socket");
    let groups = serde_json::json!([1, 32, 33, null]);
    assert_eq!(netlink["options"]["NETLINK_LIST_MEMBERSHIPS"], groups);
    assert_eq!(netlink["local"]["groups"], groups);
    let table = records::printed(&stream, TABLE, &ColumnRequest::default());
    assert!(table.contains(",NETLINK_LIST_MEMBERSHIPS=1|32|33|...,"), "{table}");
}

/// Returns a TLS connection with these facts as a JSON row.
fn with_tls(fill: impl FnOnce(&mut tls_section)) -> Json {
    let mut stream = Stream::default();
    stream.header(&[section::SECTION_SOCKET, section::SECTION_TLS], |header| {
        (header.protocol, header.state, header.family) =
            (records::TCP, records::ESTABLISHED, records::INET);
    });
    stream.part(|_: &mut socket_section| {});
    stream.part(fill);
    let text = print_whole(stream.bytes.as_slice(), LINES);
    let row = rows(&text).next();
    row.expect("a row")
}

/// The numbers of include/uapi/linux/tls.h.
const TLS_1_2: u64 = 0x303;
const TLS_1_3: u64 = 0x304;
const AES_GCM_256: u64 = 52;
const CHACHA20_POLY1305: u64 = 54;

#[test]
fn tls_of_both_directions() {
    let row = with_tls(|tls| {
        flags!(tls, TLS_flag::TLS_TX_ZEROCOPY_RO = 1, TLS_flag::TLS_RX_EXPECT_NO_PAD = 1);
        values!(tls, TLS_value::TLS_RX_EXPECT_NO_PAD__version = TLS_1_3);
        values!(tls, TLS_value::TLS_TX = AES_GCM_256, TLS_value::TLS_TX__version = TLS_1_3);
        values!(tls, TLS_value::TLS_TX__mode = 2, TLS_value::TLS_TX_MAX_PAYLOAD_LEN = 4096);
        values!(tls, TLS_value::TLS_RX = AES_GCM_256, TLS_value::TLS_RX__version = TLS_1_3);
        values!(tls, TLS_value::TLS_RX__mode = 1);
    });
    let options = &row["options"];
    let direction = |mode| json!({"version": 0x304, "cipher_type": 52, "mode": mode});
    assert_eq!(options["TLS_TX"], direction("hw"));
    assert_eq!(options["TLS_RX"], direction("sw"));
    assert_eq!(options["TLS_TX_ZEROCOPY_RO"], 1);
    assert_eq!(options["TLS_RX_EXPECT_NO_PAD"], 1);
    assert_eq!(options["TLS_TX_MAX_PAYLOAD_LEN"], 4096);
    let set = [
        "TLS_TX",
        "TLS_RX",
        "TLS_TX_ZEROCOPY_RO",
        "TLS_RX_EXPECT_NO_PAD",
        "TLS_TX_MAX_PAYLOAD_LEN",
    ];
    assert_eq!(row["set"], json!(set));
}

/// getsockopt(2) fails with EBUSY for a direction without keys, and with EINVAL if TLS_RX_EXPECT_NO_PAD
/// does not apply.
#[test]
fn tls_of_one_direction() {
    let row = with_tls(|tls| {
        flags!(tls, TLS_flag::TLS_TX_ZEROCOPY_RO = 0, TLS_flag::TLS_RX_EXPECT_NO_PAD = 0);
        values!(tls, TLS_value::TLS_RX_EXPECT_NO_PAD__version = TLS_1_2);
        values!(tls, TLS_value::TLS_TX = CHACHA20_POLY1305, TLS_value::TLS_TX__version = TLS_1_2);
        values!(tls, TLS_value::TLS_TX__mode = 1, TLS_value::TLS_TX_MAX_PAYLOAD_LEN = 16384);
        values!(tls, TLS_value::TLS_RX = 0, TLS_value::TLS_RX__version = 0);
        values!(tls, TLS_value::TLS_RX__mode = 0);
    });
    let shown = json!({"version": 0x303, "cipher_type": 54, "mode": "sw"});
    assert_eq!(
        row["options"],
        json!({"TLS_TX": shown, "TLS_TX_ZEROCOPY_RO": 0, "TLS_TX_MAX_PAYLOAD_LEN": 16384})
    );
    assert_eq!(row["set"], json!(["TLS_TX"]));
}

#[test]
fn tls_in_words() {
    let text = |version, cipher, mode| {
        Text(&Value::Tls { version, cipher, mode }, ValueKind::Tls).to_string()
    };
    assert_eq!(text(0x303, 51, 1), "1.2|aes-gcm-128|sw");
    assert_eq!(text(0x304, 57, 3), "1.3|aria-gcm-128|hw-record");
    assert_eq!(text(0x305, 99, 4), "773|99|4", "what is not known here is a number");
}

/// Returns the record of an MPTCP socket with these traits as a JSON row.
fn mptcp(traits: socket_trait, fill: impl FnOnce(&mut tcp_section)) -> Json {
    const MPTCP: u16 = 262;
    let mut stream = Stream::default();
    stream.header(&[section::SECTION_SOCKET, section::SECTION_TCP], |header| {
        (header.protocol, header.state, header.family) =
            (MPTCP, records::ESTABLISHED, records::INET);
        header.traits = traits.0 as u16;
    });
    let type_at = std::mem::offset_of!(record_header, socket_type);
    stream.bytes[type_at] = 1;
    stream.part(|_: &mut socket_section| {});
    stream.part(fill);
    let mut config = config(LINES);
    config.filter = Filter::default();
    let (text, error) = print(stream.bytes.as_slice(), &config, &defaults());
    assert_eq!(error, None);
    let row = rows(&text).next();
    row.expect("a row")
}

/// MPTCP stores these times in seconds, TCP in jiffies.
#[test]
fn the_clock_of_mptcp() {
    let fill = |is_mptcp: u64, time| {
        move |tcp: &mut tcp_section| {
            tcp.has_flags |= 1 << TCP_flag::TCP_IS_MPTCP.0;
            tcp.flags |= is_mptcp << TCP_flag::TCP_IS_MPTCP.0;
            values!(tcp, TCP_value::TCP_KEEPIDLE = time, TCP_value::TCP_KEEPINTVL = 0);
            values!(tcp, TCP_value::TCP_KEEPINTVL__sysctl = 75 * HZ);
        }
    };
    let rows = [
        mptcp(socket_trait::TRAIT_SOCKET, fill(1, 60)),
        mptcp(socket_trait::TRAIT_FALLBACK, fill(0, 60 * HZ)),
    ];
    for row in rows {
        assert_eq!(row["protocol"], "mptcp");
        assert_eq!(row["options"]["TCP_KEEPIDLE"], 60, "{row}");
        assert_eq!(row["options"]["TCP_KEEPINTVL"], 75, "{row}");
    }
}

/// Without a subflow, TCP_ULP cannot be queried.
#[test]
fn mptcp_without_a_subflow() {
    let with = |ulp: &'static [u8]| {
        mptcp(socket_trait::TRAIT_SOCKET, move |tcp: &mut tcp_section| {
            flags!(tcp, TCP_flag::TCP_IS_MPTCP = 1);
            tcp.ulp[..ulp.len()].copy_from_slice(ulp);
        })
    };
    assert_eq!(with(b"mptcp")["options"]["TCP_ULP"], "mptcp");
    assert_eq!(with(b"")["options"].get("TCP_ULP"), None);
}

fn rows(text: &str) -> impl Iterator<Item = Json> + '_ {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
}

// Reads

/// A source that returns so many bytes at a time, or fails.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    /// The errors before each piece.
    interruptions: VecDeque<io::ErrorKind>,
}

impl<'a> Pieces<'a> {
    fn new(bytes: &'a [u8], size: usize) -> Pieces<'a> {
        Pieces { bytes, size, interruptions: VecDeque::new() }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(kind) = self.interruptions.pop_front() {
            return Err(kind.into());
        }
        let size = self.size.min(buffer.len()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.bytes = rest;
        Ok(size)
    }
}

#[test]
fn where_reads_cut_makes_no_difference() {
    let stream = many(20);
    let whole = print_whole(stream.bytes.as_slice(), LINES);
    assert_eq!(whole.lines().count(), 20 * stream.ends.len());
    for size in [1, 7, 8, 95, 96, 97, 1000, 4096, 32_768, 1_000_000] {
        assert_eq!(print_whole(Pieces::new(&stream.bytes, size), LINES), whole, "{size}");
    }
}

/// Returns the same sockets several times.
fn many(times: usize) -> Stream {
    let mut stream = records::some();
    stream.bytes = stream.bytes.repeat(times);
    stream
}

#[test]
fn a_stream_longer_than_the_buffer() {
    let times = 4000;
    let stream = many(times);
    assert!(stream.bytes.len() > 4 << 20);
    let text = print_whole(stream.bytes.as_slice(), TABLE);
    assert_eq!(text.lines().count(), 1 + times * stream.ends.len());
}

#[test]
fn interruptions_are_no_errors() {
    let stream = records::some();
    let whole = print_whole(stream.bytes.as_slice(), LINES);
    assert_eq!(whole.lines().count(), stream.ends.len());
    let mut source = Pieces::new(&stream.bytes, 100);
    source.interruptions = [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock].repeat(3).into();
    assert_eq!(print_whole(source, LINES), whole);
}

#[test]
fn a_failing_read_is_an_error_and_leaves_the_array_open() {
    let stream = records::some();
    let first = stream.bytes[..stream.ends[0]].to_vec();
    let mut source = Pieces::new(&[], 1);
    source.interruptions = [io::ErrorKind::PermissionDenied].into();
    let (text, error) = print(first.as_slice().chain(source), &config(ARRAY), &defaults());
    let error = error.expect("the read failed");
    assert!(error.starts_with("cannot read the sockets from the kernel: "), "{error}");
    assert!(text.starts_with("[\n{\"protocol\":\"tcp\"") && text.ends_with('}'), "{text}");
}

// Damage

#[test]
fn a_cut_stream_gives_the_whole_records_and_then_an_error() {
    let stream = records::some();
    let (config, defaults) = (config(ARRAY), defaults());
    for length in 0..=stream.bytes.len() {
        let (text, error) = print(&stream.bytes[..length], &config, &defaults);
        let whole = stream.ends.iter().filter(|end| **end <= length).count();
        assert_eq!(text.matches("\"protocol\"").count(), whole, "{length} bytes");
        let end = whole.checked_sub(1).map_or(0, |last| stream.ends[last]);
        if end == length {
            assert_eq!(error, None, "{length} bytes");
            assert!(text.ends_with("]\n"), "{length} bytes");
        } else {
            let expected = format!(
                "the kernel's stream of sockets ends in the middle of a record, at byte {end}"
            );
            assert_eq!(error, Some(expected), "{length} bytes");
            assert!(!text.ends_with("]\n"), "{length} bytes: the array is left open");
        }
    }
}

#[test]
fn damage_is_named_with_its_place() {
    let stream = records::some();
    let at = stream.ends[1];
    let damaged = |change: fn(&mut [u8])| {
        let mut bytes = stream.bytes.clone();
        change(&mut bytes[at..]);
        let (text, error) = print(bytes.as_slice(), &config(LINES), &defaults());
        assert_eq!(text.lines().count(), 2, "the records before the damage");
        error.expect("the damage is noticed")
    };
    let begin = format!("the kernel's stream of sockets is damaged at byte {at}: ");
    assert_eq!(damaged(|bytes| bytes[0] ^= 1), format!("{begin}no record begins here"));
    assert_eq!(
        damaged(|bytes| bytes[7] ^= 0x20),
        format!("{begin}a record has a section that does not exist")
    );
}

#[test]
fn a_record_without_an_end_is_given_up() {
    let header = {
        let mut stream = Stream::default();
        stream.header(&[section::SECTION_ITEMS], |_| {});
        stream.bytes
    };
    let item = {
        let mut stream = Stream::default();
        stream.item(item_kind::ITEM_CUT, &[]);
        stream.bytes
    };
    let endless = header.as_slice().chain(Repeat(&item));
    let (_, error) = print(endless, &config(LINES), &defaults());
    let error = error.expect("the stream never ends");
    assert!(error.contains("damaged at byte 0"), "{error}");
}

/// Repeats the same bytes without end.
struct Repeat<'a>(&'a [u8]);

impl Read for Repeat<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len() - buffer.len() % self.0.len();
        buffer[..length].chunks_exact_mut(self.0.len()).for_each(|to| to.copy_from_slice(self.0));
        Ok(length)
    }
}

#[test]
fn an_item_longer_than_a_record_is_damage() {
    let mut stream = Stream::default();
    stream.header(&[section::SECTION_ITEMS], |_| {});
    stream.part(|item: &mut item_header| item.length = u32::MAX);
    let (_, error) = print(stream.bytes.as_slice(), &config(LINES), &defaults());
    let error = error.expect("no record is so long");
    assert!(error.ends_with("a record is longer than the kernel can write one"), "{error}");
}

#[test]
fn random_damage_never_panics_hangs_or_takes_memory() {
    finishes_in_time(|| damage(&records::some(), 8_000));
}

#[test]
fn random_damage_where_every_option_is_shown() {
    finishes_in_time(|| damage(&records::everything(), 1_500));
}

/// Runs a test on its own thread, so that an endless loop is reported as a failure.
fn finishes_in_time(test: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        done.send(()).expect("somebody waits");
    });
    // The test takes some seconds, and much longer on a busy machine.
    match wait.recv_timeout(Duration::from_secs(300)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a damaged stream makes it hang"),
        _ => thread.join().expect("no damaged stream makes it panic"),
    }
}

/// Damages the stream in many ways, and asserts that the output is well formed.
fn damage(stream: &Stream, times: u64) {
    let defaults = defaults();
    let forms = [config(LINES), extended()];
    let (mut printed, mut noticed) = ([0, 0], 0);
    for seed in 0..times {
        let mut random = Random(seed);
        let mut bytes = stream.bytes.clone();
        for _ in 0..=random.below(3) {
            hurt(&mut bytes, &mut random);
        }
        let form = random.below(2);
        let config = &forms[form];
        let (text, error) = print(bytes.as_slice(), config, &defaults);
        printed[form] += text.lines().count() as u64;
        noticed += u64::from(error.is_some());
        assert!(text.len() < 1 << 20, "seed {seed}: {} bytes of output", text.len());
        let known = |error: &str| error.starts_with("the kernel's stream of sockets ");
        assert!(error.as_deref().is_none_or(known), "seed {seed}: {error:?}");
        match config.format.whole_sockets {
            true => assert!(rows(&text).all(|row| row.is_object()), "seed {seed}"),
            false => assert!(is_fit_for_a_terminal(&text), "seed {seed}: {text:?}"),
        }
    }
    assert!(printed.iter().all(|lines| *lines > times / 2), "{printed:?} lines");
    assert!((1..times).contains(&noticed), "{noticed} of {times} damages were noticed");
    let peak = peak_memory();
    assert!(peak < 512 << 10, "{peak} KiB");
}

/// Changes, removes or repeats some bytes.
fn hurt(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len().max(1));
    let end = bytes.len().min(at + 1 + random.below(64));
    match random.below(6) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        2 => bytes[at..end].fill(0xff),
        3 => bytes.truncate(at),
        _ => bytes[at..end].iter_mut().take(8).for_each(|byte| *byte = random.next() as u8),
    }
}

/// Whether a text contains no control characters except newlines and colour sequences.
fn is_fit_for_a_terminal(text: &str) -> bool {
    let text = common::without_color(text);
    text.chars().all(|c| c == '\n' || !c.is_control())
}

/// Returns the peak memory of this process in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).map(str::parse);
    number.expect("a VmHWM line").expect("a number")
}

/// A generator of reproducible pseudorandom numbers: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        let mut x = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

// Holders

/// Returns descriptors of some processes, a record each.
fn descriptors(count: u32) -> Stream {
    let mut stream = Stream::default();
    for n in 0..count {
        stream.part(|record: &mut owner_record| {
            record.magic = u32::from_ne_bytes(*b"knso");
            (record.pid, record.fd) = (100 + n % 7, n);
            record.flags = if n % 2 == 0 { 0 } else { 0o4000 };
            // Some are descriptors of the sockets in records::some(), several of the same socket.
            record.inode = LISTENER + u64::from(n % 5);
            record.command = [b'a' + (n % 7) as u8; 16];
        });
        stream.end();
    }
    stream
}

/// Returns the holders in their order, or the error.
fn owners(source: impl Read) -> Result<String, String> {
    let all = |owners: Owners| format!("{:?}", owners.all());
    Owners::read(source).map(all).map_err(|error| error.to_string())
}

/// Returns the number of descriptors among the holders.
fn holders(owners: &str) -> usize {
    owners.matches("Holder {").count()
}

/// Returns the usual sockets with the trait that a process can hold them.
fn accepted() -> Stream {
    let mut stream = records::some();
    let begins = std::iter::once(0).chain(stream.ends.iter().copied());
    for begin in begins.take(stream.ends.len()).collect::<Vec<_>>() {
        let traits = begin + std::mem::offset_of!(record_header, traits);
        let bytes = (socket_trait::TRAIT_SOCKET.0 as u16).to_ne_bytes();
        stream.bytes[traits..traits + 2].copy_from_slice(&bytes);
    }
    stream
}

/// Returns the output for these sockets and holders.
fn print_owned(first: &[u8], second: &[u8], format: Format) -> (String, Option<String>) {
    let request = ColumnRequest { programs: true, ..ColumnRequest::default() };
    print_owned_as(first, second, &records::config(format, &request))
}

fn print_owned_as(first: &[u8], second: &[u8], config: &Config) -> (String, Option<String>) {
    let namespaces = records::namespaces(&defaults(), config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let stream = accepted();
    let result = Ownership::new(first, vec![second]).and_then(|ownership| {
        let records = Records::new(stream.bytes.as_slice());
        knetstat::commands::table::pipeline::print(
            records,
            config,
            &namespaces,
            Some(ownership),
            output.as_mut(),
            &Progress::default(),
        )?;
        output.end().map_err(Error::Output)
    });
    drop(output);
    let text = String::from_utf8(bytes).expect("what is printed is UTF-8");
    (text, result.err().map(|error| error.to_string()))
}

/// Returns the number of rows of records with these identities, inodes and ports, from walks that may return
/// a socket twice and from those that do not.
fn rows_of(sightings: &[(u64, u64, u32)], last_comes_once: bool) -> usize {
    let mut stream = Stream::default();
    for (number, (identity, inode, port)) in sightings.iter().enumerate() {
        let begin = stream.bytes.len();
        stream.header(&[section::SECTION_SOCKET], |header| {
            (header.protocol, header.state, header.family) = (records::UDP, records::CLOSE, 2);
            (header.identity, header.inode, header.local_port) = (*identity, *inode, *port);
        });
        stream.part(|_: &mut socket_section| {});
        if !last_comes_once || number + 1 < sightings.len() {
            let traits = begin + std::mem::offset_of!(record_header, traits);
            stream.bytes[traits..traits + 2].fill(0);
        }
    }
    rows(&print_whole(stream.bytes.as_slice(), LINES)).count()
}

#[test]
fn a_socket_that_is_read_twice_is_shown_once() {
    for last_comes_once in [false, true] {
        let count = |sightings| rows_of(sightings, last_comes_once);
        assert_eq!(count(&[(1, 5, 80), (1, 5, 80)]), 1);
        assert_eq!(count(&[(1, 5, 0), (1, 5, 80)]), 1, "bound meanwhile");
        assert_eq!(count(&[(1, 0, 80), (1, 5, 80)]), 1, "accepted meanwhile");
        assert_eq!(count(&[(1, 5, 80), (1, 0, 80)]), 1, "closed meanwhile");
        assert_eq!(count(&[(1, 0, 80), (1, 0, 80)]), 1, "not accepted");
        assert_eq!(count(&[(1, 5, 80), (2, 6, 80)]), 2);
        assert_eq!(count(&[(1, 0, 80), (2, 0, 80)]), 2);
        // The kernel may open another socket where it has freed one.
        assert_eq!(count(&[(1, 5, 80), (1, 6, 80)]), 2);
        assert_eq!(count(&[(1, 5, 80), (1, 0, 81)]), 2);
        assert_eq!(count(&[(1, 0, 80), (1, 0, 81)]), 2);
        assert_eq!(count(&[(1, 5, 80), (1, 6, 80), (1, 6, 80)]), 2);
    }
}

/// A walk may find a unix socket again that is bound meanwhile, because its name decides where it is.
#[test]
fn a_unix_socket_that_is_bound_while_it_is_read_is_shown_once() {
    let mut stream = Stream::default();
    for (inode, name) in [(5, ""), (6, ""), (7, "x"), (5, "a")] {
        let sections = [section::SECTION_SOCKET, section::SECTION_UNIX];
        stream.header(&sections, |header| {
            (header.state, header.family) = (records::CLOSE, records::UNIX);
            (header.identity, header.inode) = (inode, inode);
        });
        stream.part(|_: &mut socket_section| {});
        stream.part(|unix: &mut unix_section| {
            unix.path_length = name.len() as u16;
            unix.path[..name.len()].copy_from_slice(name.as_bytes());
        });
    }
    let config = Config { filter: Filter::default(), ..config(LINES) };
    let (text, error) = print(stream.bytes.as_slice(), &config, &defaults());
    assert_eq!(error, None);
    let inodes: Vec<_> = rows(&text).map(|row| row["inode"].clone()).collect();
    assert_eq!(inodes, [5, 6, 7]);
}

/// If this kernel does not report the holders of sockets, a filter by process matches no socket.
#[test]
fn without_owners_nobody_is_the_process_that_was_asked_for() {
    let mut config = config(LINES);
    let all = accepted();
    let (text, error) = print(all.bytes.as_slice(), &config, &defaults());
    assert_eq!((rows(&text).count(), error), (all.ends.len(), None));
    let held = Expression::parse("pid = 812").expect("an expression");
    config.filter = Filter::new([true; SocketKind::ALL.len()], false, held);
    let (text, error) = print(all.bytes.as_slice(), &config, &defaults());
    assert_eq!((text.as_str(), error), ("", None));
}

/// Returns a descriptor of a process.
fn descriptor(pid: u32, inode: u64) -> Stream {
    let mut stream = Stream::default();
    stream.part(|record: &mut owner_record| {
        record.magic = u32::from_ne_bytes(*b"knso");
        (record.pid, record.fd, record.inode) = (pid, 3, inode);
    });
    stream
}

/// The first read finds no holder. Each section with deferred rows has its own second read, even if the
/// section before it had one.
#[test]
fn each_section_has_a_second_look() {
    let mut stream = accepted();
    stream.header(&[section::SECTION_SOCKET, section::SECTION_UNIX], |header| {
        (header.family, header.inode) = (1, 500);
        header.traits = socket_trait::TRAIT_SOCKET.0 as u16;
    });
    stream.part(|_: &mut socket_section| {});
    stream.part(|_: &mut unix_section| {});
    stream.end();
    let (ends, unix) = (descriptor(8, LISTENER), descriptor(9, 500));

    let request = ColumnRequest { programs: true, ..ColumnRequest::default() };
    let config = records::config(LINES, &request);
    assert_eq!(config.filter.layouts().len(), 2);
    let namespaces = records::namespaces(&defaults(), &config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let again = vec![unix.bytes.as_slice(), ends.bytes.as_slice()];
    let ownership = Ownership::new(&[][..], again).expect("whole records");
    let records = Records::new(stream.bytes.as_slice());
    let print = knetstat::commands::table::pipeline::print;
    print(records, &config, &namespaces, Some(ownership), output.as_mut(), &Progress::default())
        .expect("whole records");
    drop(output);

    let text = String::from_utf8(bytes).expect("what is printed is UTF-8");
    let owners: Vec<(Json, Json, Json)> = rows(&text)
        .map(|row| (row["inode"].clone(), row["owner"].clone(), row["processes"][0]["pid"].clone()))
        .filter(|(_, owner, _)| *owner == "process")
        .collect();
    let expected = [(LISTENER, 8), (500, 9)]
        .map(|(inode, pid)| (Json::from(inode), Json::from("process"), Json::from(pid)));
    assert_eq!(owners, expected, "{text}");
}

#[test]
fn holders_are_shown_in_the_order_of_their_numbers() {
    let mut stream = Stream::default();
    for (pid, fd, flags) in [(9, 3, 0), (8, 5, 0o4000), (8, 4, 0o2), (8, 5, 0o4000)] {
        stream.part(|record: &mut owner_record| {
            record.magic = u32::from_ne_bytes(*b"knso");
            (record.pid, record.fd, record.flags, record.inode) = (pid, fd, flags, LISTENER);
            record.command[..5].copy_from_slice(b"a\x1b\xff\0b");
        });
    }
    let (text, error) = print_owned(&stream.bytes, &[], LINES);
    assert_eq!(error, None);
    let row = rows(&text).next().expect("the listener");
    let expected = serde_json::json!([
        {"pid": 8, "command": "a\\x1b\\xff", "fd": 4, "nonblock": false},
        {"pid": 8, "command": "a\\x1b\\xff", "fd": 5, "nonblock": true},
        {"pid": 9, "command": "a\\x1b\\xff", "fd": 3, "nonblock": false},
    ]);
    assert_eq!(row["processes"], expected, "a descriptor that came twice is one");
    assert_eq!(row["owner"], "process");
}

#[test]
fn where_reads_of_owners_cut_makes_no_difference() {
    let stream = descriptors(700);
    let whole = owners(stream.bytes.as_slice());
    assert_eq!(whole.as_ref().map(|owners| holders(owners)), Ok(700));
    let record = stream.ends[0];
    for size in [1, 7, 8, record - 1, record, record + 1, 1000, 4096, 32_767, 1_000_000] {
        assert_eq!(owners(Pieces::new(&stream.bytes, size)), whole, "{size}");
    }
    assert_eq!(owners(io::empty()).map(|owners| holders(&owners)), Ok(0));
}

#[test]
fn more_owners_than_the_buffer_has_room_for() {
    let count = 30_000;
    let stream = descriptors(count);
    assert!(stream.bytes.len() > 1 << 20);
    let found = owners(Pieces::new(&stream.bytes, 300_001)).expect("whole records");
    assert_eq!(holders(&found), count as usize);
}

#[test]
fn interruptions_of_the_walk_for_owners_are_no_errors() {
    let stream = descriptors(20);
    let whole = owners(stream.bytes.as_slice());
    assert_eq!(whole.as_ref().map(|owners| holders(owners)), Ok(20));
    let mut source = Pieces::new(&stream.bytes, 100);
    source.interruptions = [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock].repeat(3).into();
    assert_eq!(owners(source), whole);

    // In the middle of a record, and at the end of the stream.
    let (begin, end) = stream.bytes.split_at(stream.ends[0] + 9);
    let pause = || {
        let mut source = Pieces::new(&[], 1);
        source.interruptions = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted].into();
        source
    };
    let mut middle = Pieces::new(end, 33);
    middle.interruptions = [io::ErrorKind::WouldBlock].into();
    let source = begin.chain(middle).chain(pause());
    assert_eq!(owners(source), whole);

    let mut source = Pieces::new(&stream.bytes, 100);
    source.interruptions = [io::ErrorKind::PermissionDenied].into();
    let error = owners(source).expect_err("the source fails");
    assert!(error.starts_with("cannot read the sockets from the kernel: "), "{error}");
}

#[test]
fn a_cut_stream_of_owners_is_an_error() {
    let stream = descriptors(5);
    for length in 0..=stream.bytes.len() {
        let whole = stream.ends.iter().rfind(|end| **end <= length).copied().unwrap_or(0);
        let error = owners(&stream.bytes[..length]).err();
        let expected = (whole != length).then(|| {
            format!(
                "the kernel's stream of sockets ends in the middle of a record, at byte {whole}"
            )
        });
        assert_eq!(error, expected, "{length} bytes");
    }
}

#[test]
fn damaged_owners_are_named_with_their_place() {
    let stream = descriptors(5);
    for (number, end) in stream.ends.iter().enumerate() {
        let begin = end - stream.ends[0];
        for bit in 0..32 {
            let mut bytes = stream.bytes.clone();
            bytes[begin + bit / 8] ^= 1 << (bit % 8);
            let expected = format!(
                "the kernel's stream of sockets is damaged at byte {begin}: no record begins here"
            );
            assert_eq!(owners(bytes.as_slice()), Err(expected), "record {number}, bit {bit}");
        }
    }
    // A socket record is not a descriptor record.
    let error = owners(records::some().bytes.as_slice()).expect_err("the other magic number");
    assert!(error.contains("damaged at byte 0"), "{error}");
}

#[test]
fn a_damaged_second_walk_is_an_error_too() {
    // No process holds any of the sockets, so the second read is required.
    let damaged = descriptors(1).bytes;
    for (first, second) in [(&damaged[..9], &[][..]), (&[][..], &damaged[..9])] {
        let (text, error) = print_owned(first, second, ARRAY);
        let error = error.expect("the damage is noticed");
        assert!(error.ends_with("ends in the middle of a record, at byte 0"), "{error}");
        assert!(!text.ends_with("]\n"), "the array is left open: {text}");
    }
    // The first read explains every socket, so the second is not made.
    let mut all = Stream::default();
    for inode in LISTENER..LISTENER + 4 {
        all.part(|record: &mut owner_record| {
            record.magic = u32::from_ne_bytes(*b"knso");
            (record.pid, record.fd, record.inode) = (1, 1, inode);
        });
    }
    let (text, error) = print_owned(&all.bytes, &damaged[..9], LINES);
    assert_eq!(error, None);
    assert_eq!(rows(&text).filter(|row| row["owner"] == "process").count(), 4);
}

#[test]
fn the_second_walk_finds_what_the_first_did_not() {
    let all = descriptors(5);
    let (text, error) = print_owned(&all.bytes[..all.ends[0]], &all.bytes, LINES);
    assert_eq!(error, None);
    let of = |cookie: u64| {
        let mut rows = rows(&text).filter(|row| row["cookie"] == cookie);
        let row = rows.next().expect("a row");
        assert!(rows.next().is_none(), "one row");
        (row["owner"].clone(), row["processes"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(rows(&text).count(), records::some().ends.len());
    assert_eq!(of(77), ("process".into(), 1));
    assert_eq!(of(78), ("time-wait".into(), 0));
    assert_eq!(of(79), ("process".into(), 1));
    assert_eq!(of(80), ("process".into(), 1));
}

#[test]
fn random_damage_of_owners_never_panics_hangs_or_takes_memory() {
    finishes_in_time(|| {
        let stream = descriptors(40);
        let (mut printed, mut noticed) = (0, 0);
        for seed in 0..1_000 {
            let mut random = Random(seed);
            let mut bytes = stream.bytes.clone();
            for _ in 0..=random.below(3) {
                hurt(&mut bytes, &mut random);
            }
            // Output after undetected damage is well formed.
            let format = [LINES, TABLE][random.below(2)];
            let (text, error) = print_owned(&bytes, &bytes, format);
            printed += text.lines().count();
            noticed += usize::from(error.is_some());
            let known = |error: &str| error.starts_with("the kernel's stream of sockets ");
            assert!(error.as_deref().is_none_or(known), "seed {seed}: {error:?}");
            match format.whole_sockets {
                true => assert!(rows(&text).all(|row| row.is_object()), "seed {seed}"),
                false => assert!(is_fit_for_a_terminal(&text), "seed {seed}: {text:?}"),
            }
            // Without any valid bytes.
            bytes.iter_mut().for_each(|byte| *byte = random.next() as u8);
            let error = owners(Pieces::new(&bytes, 1 + random.below(4096))).err();
            assert_eq!(error.is_none(), bytes.is_empty(), "seed {seed}");
        }
        assert!(printed > 0 && (1..1_000).contains(&noticed), "{printed} lines, {noticed} errors");
    });
}
