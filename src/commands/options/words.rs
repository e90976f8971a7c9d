//! The description of an option: its help, its kind, the words for its values, and the members of values
//! that are structures.

use crate::options::constants;
use crate::options::kind::ValueKind;
use crate::options::spec::OptionSpec;

/// Returns the help as a sentence.
pub fn sentence(help: &str) -> String {
    let mut chars = help.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The kind of an option's value, with its unit.
pub fn kind(option: &OptionSpec) -> String {
    match option.kind.unit() {
        "" => option.kind.word().into(),
        unit => format!("{}, {unit}", option.kind.word()),
    }
}

/// A member of the JSON object for a value.
pub struct Member {
    pub name: &'static str,
    pub kind: ValueKind,
}

/// The words of an enumeration or of flags, with the numbers they stand for.
pub fn of(kind: ValueKind) -> Vec<(u32, &'static str)> {
    match kind {
        ValueKind::Enum(words) | ValueKind::Flags(words) => words.into(),
        // The lowest 16 bits are the number of the group, followed by the type and by flags.
        ValueKind::Fanout => {
            let types = constants::FANOUTS.iter().map(|(number, word)| (number << 16, *word));
            types.chain(constants::FANOUT_FLAGS.iter().copied()).collect()
        }
        _ => Vec::new(),
    }
}

/// The members of a structure, or of the objects in a list, as JSON names them.
pub fn members(option: &OptionSpec) -> Vec<Member> {
    use ValueKind::{Bool, Enum, Flags, Ifindex, Int, Microseconds, Name, Seconds};
    // Chosen for their words, `address` and `list`.
    const ADDRESS: ValueKind = ValueKind::Multicast;
    const LIST: ValueKind = ValueKind::Groups;
    const SOURCES: [(&str, ValueKind); 3] = [("mode", Name), ("sources", LIST), ("cut", Bool)];
    const MORE: (&str, ValueKind) = ("more", Bool);
    let of = |members: &[(&'static str, ValueKind)]| {
        members.iter().map(|(name, kind)| Member { name, kind: *kind }).collect()
    };
    match option.kind {
        ValueKind::Struct(layout) => {
            layout.iter().map(|it| Member { name: it.name, kind: it.kind }).collect()
        }
        ValueKind::Linger => of(&[("l_onoff", Bool), ("l_linger", Seconds)]),
        ValueKind::Timeval => of(&[("tv_sec", Seconds), ("tv_usec", Microseconds)]),
        ValueKind::Timestamping => {
            of(&[("flags", Flags(constants::TIMESTAMPING)), ("bind_phc", Int)])
        }
        ValueKind::Txtime => {
            of(&[("clockid", Enum(constants::CLOCKS)), ("flags", Flags(constants::TXTIME))])
        }
        ValueKind::PortRange => of(&[("lo", Int), ("hi", Int)]),
        ValueKind::Pktinfo => of(&[("ipi6_addr", Name), ("ipi6_ifindex", Ifindex)]),
        ValueKind::Tls => of(&[
            ("version", Enum(constants::TLS_VERSIONS)),
            ("cipher_type", Enum(constants::TLS_CIPHERS)),
            ("mode", Name),
        ]),
        ValueKind::Program => of(&[("kind", Name), ("instructions", Int), ("id", Int)]),
        ValueKind::PacketMemberships => of(&[
            ("mr_ifindex", Ifindex),
            ("mr_type", Enum(constants::PACKET_MEMBERSHIPS)),
            ("mr_alen", Int),
            ("mr_address", Name),
            ("count", Int),
            MORE,
        ]),
        ValueKind::Memberships => of(&match option.name {
            "IPV6_JOIN_ANYCAST" => {
                vec![("ipv6mr_acaddr", ADDRESS), ("ipv6mr_ifindex", Ifindex), MORE]
            }
            "IPV6_JOIN_GROUP" => {
                let group = [("ipv6mr_multiaddr", ADDRESS), ("ipv6mr_interface", Ifindex)];
                group.into_iter().chain(SOURCES).chain([MORE]).collect()
            }
            _ => {
                let group = [
                    ("imr_multiaddr", ADDRESS),
                    ("imr_address", ADDRESS),
                    ("imr_ifindex", Ifindex),
                ];
                group.into_iter().chain(SOURCES).chain([MORE]).collect()
            }
        }),
        _ => Vec::new(),
    }
}

/// All words as text: the words of the value, and the words of each member after its name.
pub fn in_text(option: &OptionSpec) -> String {
    let mut parts = Vec::new();
    let own = listed(option.kind, &of(option.kind));
    parts.extend((!own.is_empty()).then_some(own));
    for member in members(option) {
        let words = listed(member.kind, &of(member.kind));
        parts.extend((!words.is_empty()).then(|| format!("{}: {words}", member.name)));
    }
    parts.join("; ")
}

/// Lists words with their numbers, in hexadecimal for bits. Words that are numbers are left out.
fn listed(kind: ValueKind, words: &[(u32, &str)]) -> String {
    let is_bits = matches!(kind, ValueKind::Flags(_) | ValueKind::Fanout);
    let words = words.iter().filter(|(number, word)| *word != number.to_string());
    let words = words.map(|(number, word)| match is_bits {
        true => format!("{word} {number:#x}"),
        false => format!("{word} {number}"),
    });
    words.collect::<Vec<_>>().join(", ")
}
