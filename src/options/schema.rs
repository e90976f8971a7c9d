//! The JSON Schema of the values that `json.rs` writes. It is derived from the kinds in the catalogue, so
//! that a new option has a schema without further work.

use serde_json::{json, Map, Value as Json};

use crate::options::constants::Words;
use crate::options::keys::Keys;
use crate::options::kind::{StructLayout, StructMember, ValueKind};
use crate::options::layouts;
use crate::options::spec::OptionSpec;
use crate::options::value::Untold;

/// The members of an option in the object of options, with their schemas: the value, and what getsockopt(2)
/// does not report of it.
pub fn members(option: &OptionSpec) -> Vec<(String, Json)> {
    let text = format!("{}{}", option.help, terms(option.kind));
    let mut members = vec![(option.name.to_owned(), about(value(option.kind), &text))];
    if let Some((suffix, schema)) = beside(option.kind) {
        let text = format!("beside {}, what getsockopt(2) does not report", option.name);
        members.push((format!("{}{suffix}", option.name), about(schema, &text)));
    }
    members
}

/// Adds a description to a schema.
pub fn about(mut schema: Json, text: &str) -> Json {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert("description".into(), text.into());
    }
    schema
}

/// The schema of an object with these members, all of which are required.
pub fn object(members: &[(&str, Json)]) -> Json {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let members = members.iter().map(|(name, schema)| (name.to_string(), schema.clone()));
    let members: Map<String, Json> = members.collect();
    json!({"type": "object", "properties": members, "required": names})
}

/// Adds an optional member to the schema of an object.
pub fn with_optional(mut object: Json, name: &str, schema: Json) -> Json {
    object["properties"][name] = schema;
    object
}

/// The schema of a number from 0 to a limit.
pub fn up_to(limit: impl Into<u64>) -> Json {
    json!({"type": "integer", "minimum": 0, "maximum": limit.into()})
}

/// The schema of a list.
pub fn list(items: Json) -> Json {
    json!({"type": "array", "items": items})
}

/// A schema that also accepts null.
pub fn or_null(mut schema: Json) -> Json {
    match schema.get("type").cloned() {
        Some(word) => schema["type"] = json!([word, "null"]),
        None => schema = json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema
}

fn i32_number() -> Json {
    json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX})
}

fn u16_number() -> Json {
    up_to(u16::MAX)
}

fn u32_number() -> Json {
    up_to(u32::MAX)
}

/// The schema of a value. Numbers are limited only by the kernel's type, even if they have words, because a
/// newer kernel may have more.
fn value(kind: ValueKind) -> Json {
    match kind {
        ValueKind::Bool | ValueKind::Keys => up_to(1u64),
        ValueKind::Int | ValueKind::Seconds => i32_number(),
        ValueKind::Uint
        | ValueKind::Mask
        | ValueKind::Bytes
        | ValueKind::Milliseconds
        | ValueKind::Microseconds
        | ValueKind::Ifindex
        | ValueKind::IfindexNetworkOrder
        | ValueKind::Errno
        | ValueKind::Flags(_)
        | ValueKind::Fanout => u32_number(),
        ValueKind::Uint64 | ValueKind::Rate => up_to(u64::MAX),
        ValueKind::PortNetworkOrder => u16_number(),
        ValueKind::Enum(words) => enumeration(words),
        ValueKind::Name => json!({"type": "string"}),
        ValueKind::Multicast => json!({"type": "string", "format": "ipv4"}),
        ValueKind::Linger => object(&[("l_onoff", up_to(1u64)), ("l_linger", i32_number())]),
        ValueKind::Timeval => {
            object(&[("tv_sec", up_to(i64::MAX as u64)), ("tv_usec", up_to(999_999u64))])
        }
        ValueKind::Timestamping => object(&[("flags", u32_number()), ("bind_phc", i32_number())]),
        ValueKind::Txtime => object(&[("clockid", i32_number()), ("flags", u32_number())]),
        ValueKind::PortRange => object(&[("lo", u16_number()), ("hi", u16_number())]),
        ValueKind::Program => program(),
        ValueKind::Blob => json!({"type": "string", "pattern": "^([0-9a-f]{2})*$"}),
        ValueKind::Pktinfo => object(&[
            ("ipi6_addr", json!({"type": "string", "format": "ipv6"})),
            ("ipi6_ifindex", u32_number()),
        ]),
        ValueKind::Tls => object(&[
            ("version", u16_number()),
            ("cipher_type", u16_number()),
            ("mode", json!({"type": ["string", "null"]})),
        ]),
        ValueKind::Struct(layout) => structure(layout),
        ValueKind::Memberships => list(json!({"anyOf": memberships()})),
        ValueKind::PacketMemberships => list(packet_membership()),
        ValueKind::Groups => list(or_null(u32_number())),
    }
}

/// What getsockopt(2) does not report of a value of this kind, if JSON has a separate member for it: the
/// suffix of the member's name, and its schema.
fn beside(kind: ValueKind) -> Option<(&'static str, Json)> {
    match kind {
        ValueKind::Multicast => Some((Untold::Ifindex(0).suffix(), u32_number())),
        ValueKind::Keys => {
            let none = Keys { members: Vec::new(), cut: false };
            Some((Untold::Keys(&none).suffix(), list(json!({"anyOf": keys()}))))
        }
        _ => None,
    }
}

/// The words are titles, which validate nothing. Not every number has a word.
fn enumeration(words: Words) -> Json {
    let known = words.iter().filter(|(number, word)| *word != number.to_string());
    let known = known.map(|(number, word)| json!({"const": number, "title": word}));
    let any = json!({"type": "integer"});
    let mut schema = u32_number();
    schema["anyOf"] = known.chain([any]).collect();
    schema
}

fn structure(layout: StructLayout) -> Json {
    let member = |member: &StructMember| {
        let bits = 8 * member.size as u32;
        let schema = match member.signed {
            true => {
                let limit = i64::MAX >> (64 - bits);
                json!({"type": "integer", "minimum": -limit - 1, "maximum": limit})
            }
            false => up_to(u64::MAX >> (64 - bits)),
        };
        match terms(member.kind) {
            text if text.is_empty() => (member.name, schema),
            text => (member.name, about(schema, text.trim_start_matches("; "))),
        }
    };
    let schema = object(&layout.iter().map(member).collect::<Vec<_>>());
    match std::ptr::eq(layout, &layouts::TPACKET_STATS) {
        // With a TPACKET_V3 ring, the value is the larger structure.
        true => layouts::TPACKET_STATS_V3[layout.len()..]
            .iter()
            .map(member)
            .fold(schema, |schema, (name, member)| with_optional(schema, name, member)),
        false => schema,
    }
}

/// The unit of a number or the words of its bits, to be appended to a description.
fn terms(kind: ValueKind) -> String {
    match (kind, kind.unit()) {
        (ValueKind::Flags(words), _) => {
            let words = words.iter().map(|(bit, word)| format!("{word} {bit:#x}"));
            format!("; bits: {}", words.collect::<Vec<_>>().join(", "))
        }
        (_, "") => String::new(),
        (_, unit) => format!("; unit: {unit}"),
    }
}

fn program() -> Json {
    let kind = object(&[("kind", json!({"enum": ["none", "classic", "ebpf"]}))]);
    let kind = with_optional(kind, "instructions", u32_number());
    let kind = with_optional(kind, "id", u32_number());
    with_optional(kind, "name", or_null(text()))
}

fn text() -> Json {
    json!({"type": "string"})
}

/// The schema of a member that is only present if a list did not fit into the record.
fn flag() -> Json {
    json!({"const": true})
}

/// The entries of a list of joined groups: IPv4, IPv6, and anycast addresses.
fn memberships() -> [Json; 3] {
    let with_sources = |group: Json| {
        let mut group = with_optional(group, "mode", json!({"enum": ["include", "exclude"]}));
        group = with_optional(group, "sources", list(text()));
        let names = group["required"].as_array_mut();
        names.into_iter().for_each(|names| names.extend(["mode".into(), "sources".into()]));
        with_optional(group, "cut", flag())
    };
    [
        with_sources(object(&[
            ("imr_multiaddr", text()),
            ("imr_address", text()),
            ("imr_ifindex", u32_number()),
        ])),
        with_sources(object(&[("ipv6mr_multiaddr", text()), ("ipv6mr_interface", u32_number())])),
        object(&[("ipv6mr_acaddr", text()), ("ipv6mr_ifindex", u32_number())]),
    ]
    .map(|entry| with_optional(entry, "more", flag()))
}

/// The entries of a list of keys: TCP-MD5 and TCP-AO.
fn keys() -> [Json; 2] {
    let (length, id) = (up_to(u8::MAX), up_to(u8::MAX));
    [
        object(&[
            ("tcpm_addr", text()),
            ("tcpm_prefixlen", length.clone()),
            ("tcpm_ifindex", or_null(u32_number())),
        ]),
        object(&[
            ("addr", text()),
            ("prefix", length),
            ("ifindex", or_null(u32_number())),
            ("sndid", id.clone()),
            ("rcvid", id),
        ]),
    ]
    .map(|entry| with_optional(entry, "more", flag()))
}

fn packet_membership() -> Json {
    let entry = object(&[
        ("mr_ifindex", u32_number()),
        ("mr_type", u16_number()),
        ("mr_alen", u16_number()),
        ("mr_address", text()),
        ("count", u32_number()),
    ]);
    with_optional(entry, "more", flag())
}
