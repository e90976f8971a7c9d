//! Counts: `--count-by` and `--summary`, compared with /proc/net and with the rows of `--ndjson`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use serde_json::{json, Value};
use socket2::{Domain, Socket, Type};

use crate::common::scene::proc_rows;
use crate::common::{enter_namespace, ip, same, set, set_bytes, sockets, stdout, without_color};

const SOL_SOCKET: i32 = 1;
const SO_KEEPALIVE: i32 = 9;

/// Listening and connected sockets. Three have keepalive.
fn world() -> Vec<OwnedFd> {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let clients: Vec<TcpStream> =
        (0..4).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    clients[..3].iter().for_each(|it| set(it, SOL_SOCKET, SO_KEEPALIVE, 1).expect("keepalive"));
    let accepted: Vec<TcpStream> =
        (0..4).map(|_| listener.accept().expect("a connection").0).collect();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let streams = clients.into_iter().chain(accepted).map(OwnedFd::from);
    streams.chain([listener.into(), udp.into()]).collect()
}

fn groups(arguments: &str) -> Vec<Value> {
    let text = stdout(&format!("{arguments} --ndjson"));
    text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn counts(groups: &[Value]) -> Vec<u64> {
    groups.iter().map(|group| group["count"].as_u64().expect("a number")).collect()
}

#[test]
fn groups_are_those_of_proc() {
    let _open = world();
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in proc_rows() {
        *expected.entry((row.protocol, row.state)).or_default() += 1;
    }
    assert_eq!(expected[&("tcp".to_owned(), "ESTABLISHED".to_owned())], 8);
    let found = groups("-tu --count-by protocol,state");
    let key = |it: &Value, name: &str| it[name].as_str().expect("a word").to_owned();
    let found_counts = counts(&found);
    assert!(found_counts.is_sorted_by(|a, b| a >= b), "the largest is first: {found:?}");
    let found: BTreeMap<_, _> =
        found.iter().map(|it| (key(it, "protocol"), key(it, "state"))).zip(found_counts).collect();
    assert_eq!(found, expected);
}

/// Every group is the rows whose members are equal.
#[test]
fn groups_are_those_of_the_rows() {
    let _open = world();
    let rows = sockets("-tup");
    let member = |row: &Value, name: &str| match name.chars().next() {
        Some('S' | 'T') => row["options"].get(name).cloned().unwrap_or_default(),
        _ => row[name].clone(),
    };
    for (keys, names) in [
        ("so_keepalive", &["SO_KEEPALIVE"][..]),
        ("nodelay,state", &["TCP_NODELAY", "state"]),
        ("recvq,uid,interface", &["recv_queue", "uid", "interface"]),
        ("owner,type", &["owner", "type"]),
        ("local", &["local"]),
    ] {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            let values: Vec<Value> = names.iter().map(|name| member(row, name)).collect();
            *expected.entry(Value::from(values).to_string()).or_default() += 1;
        }
        let groups = groups(&format!("-tu --count-by {keys}"));
        let found: BTreeMap<String, u64> = groups
            .iter()
            .map(|group| {
                let values: Vec<Value> = names.iter().map(|name| group[*name].clone()).collect();
                Value::from(values).to_string()
            })
            .zip(counts(&groups))
            .collect();
        assert_eq!(found, expected, "{keys}");
        assert_eq!(counts(&groups).iter().sum::<u64>(), rows.len() as u64, "{keys}");
    }
}

#[test]
fn a_command_counts_once_for_a_socket() {
    let open = world();
    let _copy = open[0].try_clone().expect("another descriptor");
    let groups = groups("-t --count-by command,keepalive");
    let command = std::fs::read_to_string("/proc/self/comm").expect("comm");
    let own = Value::from(command.trim_end());
    // A child of another test holds the sockets, too, until it calls execve(2), with the name of that test or with ours.
    let of_own = |keepalive: u64| -> u64 {
        let is_own = |group: &&Value| {
            group["command"].as_array().is_some_and(|names| names.contains(&own))
                && group["SO_KEEPALIVE"] == keepalive
        };
        counts(&groups.iter().filter(is_own).cloned().collect::<Vec<_>>()).iter().sum()
    };
    assert_eq!((of_own(1), of_own(0)), (3, 6), "{groups:?}");
}

#[test]
fn the_forms_agree() {
    let _open = world();
    let text = stdout("-t --count-by state,keepalive");
    let expected = "\
Count  State        SO_KEEPALIVE
    5  ESTABLISHED  0
    3  ESTABLISHED  1
    1  LISTEN       0
";
    assert_eq!(text, expected);
    let rows = expected.lines().skip(1).map(|line| format!("{}\n", line.trim_start()));
    assert_eq!(stdout("-tH --count-by state,keepalive"), rows.collect::<String>());
    let csv = "\
count,state,SO_KEEPALIVE\r\n5,ESTABLISHED,0\r\n3,ESTABLISHED,1\r\n1,LISTEN,0\r\n";
    assert_eq!(stdout("-t --csv --count-by state,keepalive"), csv);
    let array: Vec<Value> =
        serde_json::from_str(&stdout("-tJ --count-by state,keepalive")).unwrap();
    assert_eq!(array, groups("-t --count-by state,keepalive"));
    assert_eq!(array[0].to_string(), r#"{"SO_KEEPALIVE":0,"count":5,"state":"ESTABLISHED"}"#);
    // A missing value: UDP has no TCP_NODELAY.
    assert_eq!(stdout("-uH --count-by nodelay"), "1  -\n");
    assert_eq!(groups("-u --count-by nodelay")[0]["TCP_NODELAY"], Value::Null);
    assert_eq!(stdout("-uH --csv --count-by nodelay"), "1,\r\n");
    assert_eq!(groups("-u --count-by so_linger.l_onoff")[0]["SO_LINGER.l_onoff"], 0);
    // No thread has the descriptor for itself.
    assert_eq!(stdout("-uH --csv --count-by tid"), "1,\r\n");
}

/// IP_MULTICAST_IF by index, which getsockopt(2) does not report. CSV has only what it reports.
#[test]
fn a_value_that_getsockopt_does_not_report_is_a_group() {
    enter_namespace();
    let sockets = [0; 3].map(|_: i32| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket"));
    let by_index = [[0; 8], [0, 0, 0, 0, 1, 0, 0, 0]].concat();
    set_bytes(&sockets[0], 0, 32, &by_index[4..]).expect("IP_MULTICAST_IF");
    let found = groups("-u --count-by ip_multicast_if");
    assert_eq!(
        found,
        [
            json!({"count": 2, "IP_MULTICAST_IF": "0.0.0.0"}),
            json!({"count": 1, "IP_MULTICAST_IF": "0.0.0.0", "IP_MULTICAST_IF_ifindex": 1})
        ]
    );
    let table = stdout("-uH --count-by ip_multicast_if");
    let rows: Vec<Vec<&str>> = table.lines().map(|it| it.split_whitespace().collect()).collect();
    assert_eq!(rows, [["2", "0.0.0.0"], ["1", "0.0.0.0%lo"]]);
    assert_eq!(stdout("-uH --csv --count-by ip_multicast_if"), "3,0.0.0.0\r\n");
    let by_other_index = [[0; 8], [0, 0, 0, 0, 77, 0, 0, 0]].concat();
    ip("link add m0 index 77 type veth peer name m1");
    set_bytes(&sockets[1], 0, 32, &by_other_index[4..]).expect("IP_MULTICAST_IF");
    let summary: Value = serde_json::from_str(&stdout("-u --summary -J")).expect("an object");
    let values = json!([
        {"value": "0.0.0.0", "ifindex": 1, "count": 1}, {"value": "0.0.0.0", "ifindex": 77, "count": 1}
    ]);
    let options = summary["options"].as_array().expect("options");
    let found = options.iter().find(|it| it["option"] == "IP_MULTICAST_IF").expect("it is set");
    assert_eq!(found["values"], values);
}

/// A socket is in a group of the same size in every form. An address without its port would join the groups of
/// all clients.
#[test]
fn addresses_are_counted_with_their_ports_in_every_form() {
    let _open = world();
    for key in ["local", "remote"] {
        let mut expected = counts(&groups(&format!("-tu --count-by {key}")));
        expected.sort_unstable();
        assert!(expected.len() > 2, "the clients have ports of their own: {expected:?}");
        let first = |line: &str| line.trim().split([' ', ',']).next().map(str::to_owned);
        for form in ["-tuH", "-tuH --csv"] {
            let text = stdout(&format!("{form} --count-by {key}"));
            let numbers = text.lines().filter_map(first).map(|it| it.parse().expect("a number"));
            let mut found: Vec<u64> = numbers.collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{form} {key}");
        }
    }
}

/// The addresses of clients without their ports, compared with /proc/net.
#[test]
fn addresses_without_ports() {
    enter_namespace();
    let [listener, listener6] =
        ["127.0.0.1:7000", "[::1]:7000"].map(|it| TcpListener::bind(it).expect("a listener"));
    let clients: Vec<OwnedFd> = [2, 2, 3, 2, 3]
        .map(|n| connect_from(&format!("127.0.0.{n}:0"), &listener))
        .into_iter()
        .chain([connect_from("[::1]:0", &listener6)])
        .collect();
    for (key, is_local) in [("saddr", true), ("daddr", false)] {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for row in proc_rows() {
            let end = if is_local { row.local } else { row.remote };
            *expected.entry(end.0.to_string()).or_default() += 1;
        }
        assert!(expected.len() >= 4, "{expected:?}");
        let groups = groups(&format!("-tu --count-by {key}"));
        let name = |group: &Value| group[key].as_str().expect("an address").to_owned();
        let found: BTreeMap<String, u64> = groups.iter().map(name).zip(counts(&groups)).collect();
        assert_eq!(found, expected, "{key}");
        // Each of them is a value of the expression, and so is its network.
        for (address, count) in &expected {
            let length = if address.contains(':') { 128 } else { 32 };
            for value in [address.clone(), format!("{address}/{length}"), format!("'{address}'")] {
                let rows = sockets(&format!("-tu --columns {key} {key}={value}"));
                assert_eq!(rows.len() as u64, *count, "{key}={value}");
                assert!(rows.iter().all(|row| row[key] == **address), "{rows:?}");
            }
        }
    }
    let rows = |arguments: &str| stdout(&format!("-tH --sort daddr --columns daddr {arguments}"));
    assert_eq!(rows("sport=7000 daddr~*.3"), "127.0.0.3\n127.0.0.3\n");
    assert_eq!(
        rows("sport=7000 state=established daddr!=127.0.0.2"),
        "127.0.0.3\n127.0.0.3\n::1\n"
    );
    assert_eq!(clients.len(), 6);
}

fn connect_from(address: &str, listener: &TcpListener) -> OwnedFd {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.bind(&address.into()).expect("bind");
    let server = listener.local_addr().expect("an address");
    socket.connect(&server.into()).expect("connect");
    socket.into()
}

#[test]
fn nothing_matches() {
    enter_namespace();
    // The header is that of what was asked for.
    assert_eq!(stdout("-t protocol=unix --columns state"), "State\n");
    assert_eq!(stdout("-t protocol=unix"), stdout("-t --port 1"));
    assert_eq!(stdout("-x protocol=tcp"), stdout("-x inode=1"));
    assert_eq!(stdout("-tx protocol=udp"), stdout("-tx inode=1"));
    assert_eq!(stdout("-t --count-by state"), "Count  State\n");
    assert_eq!(stdout("-tJ --count-by state"), "[]\n");
    assert_eq!(stdout("-t --ndjson --count-by state"), "");
    assert_eq!(stdout("-t --csv --count-by state"), "count,state\r\n");
    assert_eq!(stdout("-ts"), "0 sockets\n");
    let object: Value = serde_json::from_str(&stdout("-tsJ")).expect("an object");
    assert_eq!(object, serde_json::json!({"sockets": 0, "states": [], "options": []}));
}

// Summary

#[test]
fn the_summary_is_that_of_the_rows() {
    let open = world();
    // A process that another test starts has its descriptors for a moment.
    let summary = same("the summary as an object and as a line", || {
        ["-tusJ", "-tus --ndjson"]
            .map(|it| serde_json::from_str::<Value>(&stdout(it)).expect("an object"))
    });
    assert_eq!(summary["sockets"], open.len());
    let states = summary["states"].as_array().expect("an array");
    let of_proc = proc_rows();
    assert_eq!(states.len(), 3, "{states:?}");
    for state in states {
        let is_same = |row: &&crate::common::scene::Row| {
            state["protocol"] == row.protocol && state["state"] == row.state
        };
        assert_eq!(state["count"], of_proc.iter().filter(is_same).count(), "{state}");
    }
    // What the rows say is set.
    let mut set_on: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in sockets("-tu") {
        for name in row["set"].as_array().expect("an array") {
            let name = name.as_str().expect("a name");
            let value = row["options"][name].to_string();
            *set_on.entry(name.to_owned()).or_default().entry(value).or_default() += 1;
        }
    }
    assert_eq!(set_on["SO_KEEPALIVE"], BTreeMap::from([("1".to_owned(), 3)]));
    let command = std::fs::read_to_string("/proc/self/comm").expect("comm");
    for option in summary["options"].as_array().expect("an array") {
        let values = option["values"].as_array().expect("an array");
        let values =
            values.iter().map(|it| (it["value"].to_string(), it["count"].as_u64().unwrap()));
        let name = option["option"].as_str().expect("a name");
        assert_eq!(set_on[name], values.collect(), "{name}");
        assert_eq!(option["count"], set_on[name].values().sum::<u64>(), "{name}");
        let programs = option["programs"].as_array().expect("an array");
        let is_own = |it: &&Value| it["command"] == command.trim_end();
        assert_eq!(programs.iter().find(is_own).expect("this program")["count"], option["count"]);
    }
}

#[test]
fn the_summary_as_text() {
    let _open = world();
    let text = stdout("-ts");
    assert!(
        text.starts_with("9 sockets\n\nCount  Proto  State\n    8  tcp    ESTABLISHED\n"),
        "{text}"
    );
    let command = std::fs::read_to_string("/proc/self/comm").expect("comm");
    // A program that another test starts also holds the sockets until it is executed.
    let keepalive = format!("    3  SO_KEEPALIVE  1       {}", command.trim_end());
    assert!(text.contains(&keepalive), "{text}");
    for columns in [80, 120, 200] {
        let text = without_color(&crate::common::on_a_terminal(columns, "-ts", &[]));
        assert!(text.lines().all(|line| line.len() <= columns.into()), "{columns}: {text}");
    }
    let chosen = stdout("-tsH -O keepalive");
    assert!(chosen.contains("SO_KEEPALIVE") && !chosen.contains("SO_REUSEADDR"), "{chosen}");
}
