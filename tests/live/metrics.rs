//! Metrics: `--metrics`, read by the parsers of the Prometheus client for Python, and compared with the counts of
//! `--count-by` and the rows of `--ndjson`.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{enter_namespace, knetstat, same, set, sockets, stdout};

const SOL_SOCKET: i32 = 1;
const SO_KEEPALIVE: i32 = 9;
const SO_RCVBUF: i32 = 8;
const IPPROTO_TCP: i32 = 6;
const TCP_KEEPIDLE: i32 = 4;

/// Parses the text as OpenMetrics and in the older format of node_exporter's textfile collector. Writes each sample as a
/// list: metric, type, labels, value.
const SCRIPT: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as new
from prometheus_client.parser import text_string_to_metric_families as old
text = sys.stdin.read()
read = lambda parse: [[it.name, of.type, it.labels, it.value] for of in parse(text) for it in of.samples]
samples = read(new)
assert samples == read(old), "the two formats differ"
json.dump(samples, sys.stdout)
"#;

type Labels = BTreeMap<String, String>;

/// A sample: its metric, its labels, and the count.
fn parse(text: &str) -> Result<Vec<(String, Labels, u64)>, String> {
    let mut python = Command::new("/usr/bin/python3");
    let python = python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.stderr(Stdio::piped()).spawn().expect("python3(1)");
    python.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = python.wait_with_output().expect("its output");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let samples: Vec<(String, String, Labels, f64)> =
        serde_json::from_slice(&output.stdout).expect("a list");
    Ok(samples
        .into_iter()
        .map(|(name, kind, labels, value)| {
            assert_eq!(kind, "gauge", "{name}");
            (name, labels, value as u64)
        })
        .collect())
}

fn metrics(arguments: &str) -> Vec<(String, Labels, u64)> {
    let text = stdout(&format!("{arguments} --metrics"));
    assert!(text.ends_with("# EOF\n"), "{text}");
    parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn world() -> Vec<OwnedFd> {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let connect = |_| TcpStream::connect(address).expect("a connection");
    let clients: Vec<TcpStream> = (0..4).map(connect).collect();
    for (n, client) in clients.iter().enumerate().skip(1) {
        set(client, SOL_SOCKET, SO_KEEPALIVE, 1).expect("keepalive");
        set(client, IPPROTO_TCP, TCP_KEEPIDLE, 60 * (1 + n as i32 / 3)).expect("keepidle");
    }
    set(&clients[0], SOL_SOCKET, SO_RCVBUF, 50_000).expect("rcvbuf");
    let accept = |_| listener.accept().expect("a connection").0;
    let accepted: Vec<TcpStream> = (0..4).map(accept).collect();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let streams = clients.into_iter().chain(accepted).map(OwnedFd::from);
    streams.chain([listener.into(), udp.into()]).collect()
}

/// The samples of a metric with this value of a label, as the values of another one with their counts.
fn by(samples: &[(String, Labels, u64)], with: (&str, &str), label: &str) -> BTreeMap<String, u64> {
    let found =
        samples.iter().filter(|(_, labels, _)| labels.get(with.0).is_some_and(|it| it == with.1));
    found.map(|(_, labels, count)| (labels[label].clone(), *count)).collect()
}

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(value, count)| (value.to_owned(), count)).collect()
}

#[test]
fn protocols_states_and_options() {
    let _open = world();
    let samples = metrics("-tu");
    let (sockets, options): (Vec<_>, Vec<_>) =
        samples.into_iter().partition(|(name, ..)| name == "knetstat_sockets");
    let states = counts([("ESTABLISHED", 8), ("LISTEN", 1)]);
    assert_eq!(by(&sockets, ("protocol", "tcp"), "state"), states);
    assert_eq!(by(&sockets, ("protocol", "udp"), "state"), counts([("UNCONN", 1)]));

    assert!(options.iter().all(|(name, ..)| name == "knetstat_socket_options"));
    let tcp: Vec<_> =
        options.iter().filter(|(_, labels, _)| labels["protocol"] == "tcp").cloned().collect();
    let of = |option| by(&tcp, ("option", option), "value");
    assert_eq!(of("SO_KEEPALIVE"), counts([("0", 6), ("1", 3)]));
    assert_eq!(of("TCP_KEEPIDLE"), counts([("60", 2), ("120", 1)]));
    assert_eq!(of("TCP_NODELAY"), counts([("0", 9)]));

    // The kernel adjusts the sizes of all others.
    let all = metrics("-t -O all");
    assert_eq!(by(&all, ("option", "SO_RCVBUF"), "value"), counts([("100000", 1), ("default", 8)]));
    assert_eq!(
        by(&all, ("option", "TCP_KEEPIDLE"), "value"),
        counts([("60", 2), ("120", 1), ("default", 6)])
    );
}

/// The text of a value of JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The groups of `--count-by`, each with the values of its keys.
fn groups(arguments: &str, keys: &str) -> Vec<(Vec<String>, u64)> {
    let lines = stdout(&format!("{arguments} --count-by {keys} --ndjson"));
    let group = |line: &str| {
        let group: serde_json::Map<String, Value> = serde_json::from_str(line).expect("an object");
        let value = |key: &str| {
            let member = group.iter().find(|(name, _)| name.to_lowercase() == key);
            text(member.expect("a member").1)
        };
        (keys.split(',').map(value).collect(), group["count"].as_u64().expect("a number"))
    };
    lines.lines().map(group).collect()
}

/// Asserts that the samples are the groups of `--count-by`, and returns them.
fn same_groups(arguments: &str, keys: &str) -> Vec<(Vec<String>, u64)> {
    let of_samples = || {
        let sample = |(name, labels, count): (String, Labels, u64)| {
            assert_eq!(name, "knetstat_sockets");
            let label = |key: &str| labels[&key.replace('.', "_")].clone();
            (keys.split(',').map(label).collect(), count)
        };
        let samples = metrics(&format!("{arguments} --count-by {keys}"));
        samples.into_iter().map(sample).collect::<Vec<_>>()
    };
    same(keys, || {
        let mut both = [of_samples(), groups(arguments, keys)];
        both.iter_mut().for_each(|groups| groups.sort());
        both
    })
}

#[test]
fn keys_are_the_groups_of_count_by() {
    let _open = world();
    for keys in [
        "state",
        "protocol,state,so_keepalive",
        "command,owner,tcp_keepidle",
        "type,so_linger.l_linger",
    ] {
        assert!(!same_groups("-tu", keys).is_empty(), "{keys}");
    }
}

#[test]
fn nothing_is_counted_twice_or_lost() {
    let _open = world();
    let rows = sockets("-tuxw0 --unbound --netlink");
    let samples = metrics("-tuxw0 --unbound --netlink");
    let sum =
        |metric| samples.iter().filter(|(name, ..)| name == metric).map(|it| it.2).sum::<u64>();
    assert_eq!(sum("knetstat_sockets"), rows.len() as u64);
    // An option of a socket is one sample.
    let samples = metrics("-t -O tcp_nodelay,so_rcvbuf,so_linger");
    let options = samples.iter().filter(|(name, ..)| name == "knetstat_socket_options");
    assert_eq!(options.map(|it| it.2).sum::<u64>(), 3 * 9);
}

#[test]
fn any_text_is_a_label() {
    let _open = world();
    let script = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n\
                  open('/proc/self/comm', 'wb').write(b'a\"b\\\\c\\nd')\nprint(flush=True)\ninput()";
    let mut child = Command::new("python3");
    let child = child.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().expect("it starts");
    let mut line = [0];
    std::io::Read::read(child.stdout.as_mut().expect("a pipe"), &mut line).expect("a line");
    let found = same_groups("-t", "command");
    drop(child.stdin.take());
    child.wait().expect("a child");
    assert!(found.iter().any(|(it, _)| it[0].starts_with("a\"b")), "{found:?}");
}

/// No sockets are no samples, and an output that ends too early is no metrics.
#[test]
fn nothing_and_a_part() {
    enter_namespace();
    assert_eq!(metrics("-t"), []);
    let _open = world();
    let text = stdout("-t --metrics");
    assert!(parse(text.strip_suffix("# EOF\n").expect("an end")).is_err());
}

#[test]
fn keys_without_bounds_are_refused() {
    for key in [
        "remote",
        "local",
        "sport",
        "pid",
        "program",
        "inode",
        "cookie",
        "recvq",
        "container",
        "netns_name",
        "timer",
        "so_rcvbuf",
        "so_cookie",
        "so_peercred.pid",
        "ip_add_membership",
        "so_linger",
    ] {
        let output = knetstat(["-t", "--metrics", "--count-by", key]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{key}: {message}");
        assert!(message.contains(&format!("'{key}'")) && message.lines().count() == 1, "{message}");
        assert!(output.stdout.is_empty());
    }
}
