//! CSV, parsed by the csv module of Python and compared with the objects of `--ndjson`.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Command;

use serde_json::Value;

use crate::common::{enter_namespace, set, sockets, stdout, KNETSTAT};

/// The records of a command line as objects, which the csv module of Python has read.
fn records(arguments: &str) -> Vec<BTreeMap<String, String>> {
    let script = "import csv, io, json, subprocess, sys\n\
        text = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE).stdout.decode()\n\
        print(json.dumps(list(csv.DictReader(io.StringIO(text, newline=''), strict=True))))";
    let mut python = Command::new("python3");
    python.args(["-c", script, KNETSTAT]).args(arguments.split_whitespace());
    let output = python.output().expect("python3");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("objects of texts")
}

fn world() -> Vec<OwnedFd> {
    enter_namespace();
    let listener = TcpListener::bind("[::1]:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connect");
    client.set_nodelay(true).expect("TCP_NODELAY");
    set(&client, 6, 18, 30_000).expect("TCP_USER_TIMEOUT");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    vec![listener.into(), client.into(), udp.into()]
}

/// A number or text of JSON as it is in a field.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[test]
fn the_fields_are_the_members_of_json() {
    let _open = world();
    let (records, rows) = (records("-tu --csv"), sockets("-tu"));
    assert_eq!((records.len(), rows.len()), (4, 4));
    for row in &rows {
        let is_same = |it: &&BTreeMap<String, String>| it["inode"] == text(&row["inode"]);
        let record = records.iter().find(is_same).expect("the same socket");
        for name in ["protocol", "type", "state", "drops", "interface", "uid", "cookie", "netns"] {
            assert_eq!(record[name], text(&row[name]), "{name}");
        }
        assert_eq!(record["recvq"], text(&row["recv_queue"]));
        assert_eq!(record["sendq"], text(&row["send_queue"]));
        for (end, port) in [("local", "sport"), ("remote", "dport")] {
            assert_eq!(record[end], text(&row[end]["address"]), "{end}");
            assert_eq!(record[port], text(&row[end]["port"]), "{port}");
        }
        let keepalive = format!("SO_REUSEADDR={}", row["options"]["SO_REUSEADDR"]);
        assert!(record["options"].split(',').any(|option| option == keepalive), "{record:?}");
        let mut set: Vec<&str> = record["set"].split(',').filter(|it| !it.is_empty()).collect();
        // The table omits an option that repeats another.
        set.retain(|name| !row["set"].as_array().expect("names").iter().any(|it| it == name));
        assert!(set.is_empty(), "{record:?}");
    }
}

#[test]
fn each_chosen_option_has_a_field() {
    let _open = world();
    let options = "nodelay,user_timeout,linger,SO_RCVBUF,rcvtimeo,congestion";
    let text_of = stdout(&format!("-tu --csv --columns inode -O {options}"));
    let header =
        "inode,TCP_NODELAY,TCP_USER_TIMEOUT,SO_LINGER,SO_RCVBUF,SO_RCVTIMEO,TCP_CONGESTION\r\n";
    assert!(text_of.starts_with(header), "{text_of}");
    let records = records(&format!("-tu --csv --columns inode -O {options}"));
    for row in sockets("-tu") {
        let is_same = |it: &&BTreeMap<String, String>| it["inode"] == text(&row["inode"]);
        let record = records.iter().find(is_same).expect("the same socket");
        for name in ["TCP_NODELAY", "TCP_USER_TIMEOUT", "SO_RCVBUF", "TCP_CONGESTION"] {
            assert_eq!(
                record[name],
                text(row["options"].get(name).unwrap_or(&Value::Null)),
                "{name}"
            );
        }
        // A structure is the text of the table.
        assert_eq!((record["SO_LINGER"].as_str(), record["SO_RCVTIMEO"].as_str()), ("off", "0s"));
    }
    assert!(records.iter().any(|record| record["TCP_USER_TIMEOUT"] == "30000"));
    assert!(records.iter().any(|record| record["TCP_NODELAY"].is_empty()), "UDP has none");
    // Every option that TCP can have, and none that it cannot.
    let header = stdout("-tl --csv -O all").lines().next().unwrap_or_default().to_owned();
    assert!(header.contains(",TCP_NODELAY,") && !header.contains(",SCTP_NODELAY"), "{header}");
    // These words choose other options for each socket.
    for words in ["set", "common", "nodelay,set"] {
        assert!(stdout(&format!("-t --csv --columns sport,options -O {words}"))
            .starts_with("sport,options\r\n"));
    }
}

#[test]
fn the_form_is_that_of_rfc_4180() {
    let _open = world();
    let bytes = stdout("-tu --csv -p");
    assert!(bytes.split('\n').rev().skip(1).all(|line| line.ends_with('\r')), "{bytes}");
    assert_eq!(bytes.lines().count(), 5);
    assert_eq!(stdout("-tuH --csv -p").lines().count(), 4, "no header");
    // A field with commas is quoted.
    assert!(bytes.contains("\"SO_REUSEADDR="), "{bytes}");
    let own = std::process::id().to_string();
    let records = records("-tu --csv -p");
    let is_own = |it: &&BTreeMap<String, String>| it["pid"].split(',').any(|pid| pid == own);
    assert_eq!(records.iter().filter(is_own).count(), 3);
    assert!(records.iter().filter(is_own).all(|record| record["owner"] == "process"));
    assert!(records
        .iter()
        .any(|record| record["owner"] == "accept-queue" && record["pid"].is_empty()));
}

/// A path that would end the record or the field.
#[test]
fn bytes_from_outside_are_escaped() {
    enter_namespace();
    let name = "/tmp/knetstat-csv-\"a\",b\r\n\x1b[31m";
    let _ = std::fs::remove_file(name);
    let _socket = std::os::unix::net::UnixDatagram::bind(name).expect("a unix socket");
    let _ = std::fs::remove_file(name);
    let own = std::process::id();
    let records = records(&format!("-x --csv --pid {own} --columns protocol,local"));
    let path = "/tmp/knetstat-csv-\"a\"\\x2cb\\x0d\\x0a\\x1b[31m";
    assert!(records.iter().any(|record| record["local"] == path), "{records:?}");
}

/// A time has its unit in the table only, so that a program reads it as a number.
#[test]
fn times_are_the_numbers_of_json() {
    enter_namespace();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let _client = std::net::TcpStream::connect(address).expect("a connection");
    let arguments = format!("-t --columns dead_after,dead_after_sending dport={}", address.port());
    let (records, rows) = (records(&format!("{arguments} --csv")), sockets(&arguments));
    assert_eq!(records[0]["dead_after"], "never");
    assert!(rows[0]["dead_after_sending"].is_number(), "{rows:?}");
    assert_eq!(records[0]["dead_after_sending"], text(&rows[0]["dead_after_sending"]));
}

/// The table shows the peer of a unix socket without a path in place of the path.
#[test]
fn the_peer_is_no_path_of_its_own() {
    enter_namespace();
    let path = format!("/tmp/knetstat-csv-{}", std::process::id());
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a listener");
    let _client = std::os::unix::net::UnixStream::connect(&path).expect("a connection");
    std::fs::remove_file(&path).expect("the path");
    let own = std::process::id();
    let filter = format!("remote={path}");
    let clients = records(&format!("-x --csv --pid {own} --columns local,remote {filter}"));
    assert_eq!(clients.len(), 1);
    assert_eq!((&*clients[0]["local"], &clients[0]["remote"]), ("", &path));
    let counted = records(&format!("-x --csv --pid {own} --count-by local {filter}"));
    assert_eq!(counted[0]["local"], "");
}
