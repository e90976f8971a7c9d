//! The JSON Schema of rows: a validator accepts every row of the streams in records.rs, and rejects wrong
//! rows.

use crate::common::validator::{accepts, closed, errors};
use crate::common::{is_option, stdout};
use crate::fuzz;
use crate::records::{self, Stream};
use knetstat::options::catalogue::CATALOGUE;
use knetstat::output::json::LINES;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;
use serde_json::{json, Value as Json};

fn printed_schema() -> Json {
    serde_json::from_str(&stdout("schema")).expect("one JSON value")
}

fn recorded() -> [Stream; 5] {
    [
        records::some(),
        records::everything(),
        records::speaker(),
        records::sniffer(),
        records::sctp(),
    ]
}

/// Returns the JSON objects of all these streams.
fn objects(request: &ColumnRequest) -> Vec<Json> {
    let texts = recorded().map(|stream| records::printed(&stream, LINES, request));
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn usual() -> ColumnRequest {
    ColumnRequest { programs: true, ..ColumnRequest::default() }
}

fn all_columns() -> ColumnRequest {
    ColumnRequest { chosen: Column::ALL.to_vec(), ..ColumnRequest::default() }
}

#[test]
fn recorded_sockets_follow_it() {
    let schema = printed_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for request in [usual(), all_columns(), ColumnRequest::default()] {
        let objects = objects(&request);
        assert!(objects.len() > 12, "only {} objects", objects.len());
        accepts(&schema, &objects);
        accepts(&closed(&schema), &objects);
    }
}

/// Options that are smaller in the kernel than the numbers in records. No kernel can write the values of
/// the generated records.
const SMALLER_IN_THE_KERNEL: [&str; 14] = [
    // Bits, bytes, and packet sizes.
    "IP_IPSEC_POLICY",
    "IPV6_IPSEC_POLICY",
    "IP_TTL",
    "TCP_MAXSEG",
    "UDP_ENCAP",
    "SCTP_STREAM_SCHEDULER",
    // An error number, and times that the kernel limits to minutes.
    "SO_ERROR",
    "TCP_LINGER2",
    "TCP_DELACK_MAX_US",
    "TCP_RTO_MAX_MS",
    "TCP_RTO_MIN_US",
    // Counters and sizes that never come near 64 bits.
    "PACKET_ROLLOVER_STATS",
    "XDP_STATISTICS",
    "XDP_UMEM_REG",
];

#[test]
fn sockets_of_any_content_follow_it() {
    let objects: Vec<Json> = (0..60).flat_map(fuzz::objects).collect();
    let wrong = errors(&closed(&printed_schema()), &objects).concat();
    let is_possible = |error: &&String| {
        let option = error.strip_prefix("options/").unwrap_or_default();
        let option = option.split(['/', ':']).next().unwrap_or_default();
        !SMALLER_IN_THE_KERNEL.contains(&option)
    };
    let wrong: Vec<&String> = wrong.iter().filter(is_possible).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_column_and_option_is_described() {
    let schema = printed_schema();
    let described = |schema: &Json, name: &str| {
        let text = schema["properties"][name]["description"].as_str();
        assert!(text.is_some_and(|text| !text.is_empty()), "{name}");
    };
    for column in Column::ALL {
        described(&schema, column.member());
        let text = &schema["properties"][column.member()]["description"];
        assert_eq!(text, column.help(), "{column:?}");
    }
    let options = &schema["properties"]["options"];
    for option in CATALOGUE {
        described(options, option.name);
    }
    let members = options["properties"].as_object().expect("members");
    let beside = members.keys().filter(|name| !is_option(name)).count();
    assert_eq!(members.len(), CATALOGUE.len() + beside);
    assert_eq!(beside, 3, "{members:?}");
}

/// Asserts that every member of the objects that a schema describes has a description.
fn is_described(schema: &Json) {
    let members = schema["properties"].as_object();
    for (name, member) in members.into_iter().flatten() {
        assert!(member["description"].is_string(), "{name}: {member}");
        is_described(member);
    }
    schema.get("items").into_iter().for_each(is_described);
    schema["anyOf"].as_array().into_iter().flatten().for_each(is_described);
}

#[test]
fn members_of_members_are_described() {
    let mut schema = printed_schema();
    // The members of structures have the names in the manual pages of the options.
    let members = schema["properties"].as_object_mut().expect("members");
    members.remove("options").expect("options");
    is_described(&schema);
}

#[test]
fn an_archive_says_when_and_where() {
    let schema = closed(&printed_schema());
    let mut object = objects(&usual()).remove(0);
    object["time"] = json!("2026-11-26T01:02:03.456Z");
    object["host"] = json!("db1");
    object["schema"] = json!(1);
    accepts(&schema, &[object]);
}

#[test]
fn a_member_of_a_newer_version_is_accepted() {
    let schema = printed_schema();
    let mut object = objects(&usual()).remove(0);
    object["fresh"] = json!({"any": 1});
    object["local"]["fresh"] = json!("text");
    object["options"]["SO_FRESH"] = json!(1);
    object["protocol"] = json!("fresh");
    object["state"] = json!("FRESH");
    accepts(&schema, std::slice::from_ref(&object));
    assert!(!errors(&closed(&schema), &[object])[0].is_empty(), "the closed schema is closed");
}

/// Returns a valid object with a wrong value at this path.
fn with(object: &Json, path: &str, value: Json) -> Json {
    let mut object = object.clone();
    let (parent, name) = path.rsplit_once('/').expect("a path");
    let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("no {path}"));
    match parent {
        Json::Array(values) => values[name.parse::<usize>().expect("an index")] = value,
        parent => parent[name] = value,
    }
    object
}

#[test]
fn wrong_objects_are_refused() {
    let schema = printed_schema();
    let objects = objects(&usual());
    let found = |path: &str| {
        let found = objects.iter().find(|object| object.pointer(path).is_some());
        found.unwrap_or_else(|| panic!("no {path} in the streams"))
    };
    // A listener with options and a process, a socket with keys, a socket with a path, and a packet socket.
    let tcp = found("/processes/0");
    let speaker = found("/options/TCP_MD5SIG_prefixes/0");
    let unix = found("/local/path");
    let sniffer = found("/options/PACKET_ADD_MEMBERSHIP/1");
    let wrong = [
        json!(null),
        json!([]),
        with(tcp, "/protocol", json!(null)),
        with(tcp, "/protocol", json!(6)),
        with(tcp, "/type", json!(null)),
        with(tcp, "/state", json!(10)),
        with(tcp, "/recv_queue", json!("0")),
        with(tcp, "/recv_queue", json!(-1)),
        with(tcp, "/send_queue", json!(null)),
        with(tcp, "/drops", json!(1.5)),
        with(tcp, "/local", json!("127.0.0.1:5432")),
        with(tcp, "/local", json!({})),
        with(tcp, "/local/port", json!(65_536)),
        with(tcp, "/local/port", json!("5432")),
        with(tcp, "/local/address", json!(null)),
        with(tcp, "/uid", json!("postgres")),
        with(tcp, "/inode", json!(-1)),
        with(tcp, "/interface", json!(2)),
        with(tcp, "/processes", json!(null)),
        with(tcp, "/processes/0/pid", json!("812")),
        with(tcp, "/processes/0/nonblock", json!(1)),
        with(tcp, "/processes/0", json!({"pid": 812})),
        with(tcp, "/owner", json!(null)),
        with(tcp, "/diag", json!(["<<"])),
        with(tcp, "/diag", json!(null)),
        with(tcp, "/timer", json!("off")),
        with(tcp, "/timer", json!({"kind": "probe"})),
        with(tcp, "/reuseport", json!(1)),
        with(tcp, "/options", json!([])),
        with(tcp, "/options", json!(null)),
        with(tcp, "/options/SO_KEEPALIVE", json!(true)),
        with(tcp, "/options/SO_KEEPALIVE", json!(2)),
        with(tcp, "/options/SO_REUSEADDR", json!("FORCE")),
        with(tcp, "/options/SO_LINGER", json!(5)),
        with(tcp, "/options/SO_LINGER", json!({"l_onoff": 1})),
        with(tcp, "/options/SO_LINGER/l_linger", json!(1u64 << 31)),
        with(tcp, "/options/TCP_DEFER_ACCEPT", json!(0.5)),
        with(tcp, "/options/TCP_CONGESTION", json!(1)),
        with(tcp, "/options/IP_LOCAL_PORT_RANGE", json!({"lo": 1, "hi": 65_536})),
        with(tcp, "/options/SO_GET_FILTER", json!({"kind": "other"})),
        with(tcp, "/options/IP_OPTIONS", json!("9")),
        with(tcp, "/set", json!("SO_REUSEADDR")),
        with(tcp, "/set", json!([1])),
        with(tcp, "/time", json!(1_700_000_000)),
        with(tcp, "/time", json!("2026-11-26 01:02:03+01:00")),
        with(tcp, "/host", json!("")),
        with(tcp, "/schema", json!(2)),
        with(unix, "/local/path", json!(7)),
        with(unix, "/remote/inode", json!("7")),
        with(speaker, "/options/TCP_MD5SIG_prefixes", json!(1)),
        with(speaker, "/options/TCP_MD5SIG_prefixes/0/tcpm_prefixlen", json!(256)),
        with(speaker, "/options/TCP_MD5SIG_prefixes/0", json!({"tcpm_addr": "10.0.0.1"})),
        with(sniffer, "/options/PACKET_ADD_MEMBERSHIP/0/mr_type", json!("PROMISC")),
        with(sniffer, "/options/PACKET_ADD_MEMBERSHIP/1/more", json!(false)),
        with(sniffer, "/local/ethertype", json!("arp")),
    ];
    for (object, errors) in wrong.iter().zip(errors(&schema, &wrong)) {
        assert!(!errors.is_empty(), "accepted: {object}");
    }
}
