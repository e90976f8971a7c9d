//! Values as JSON: the number, or an object with the members of the C structure.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::options::constants;
use crate::options::keys::{Key, KeyProtocol};
use crate::options::memberships::{Groups, List, Membership, PacketMembership};
use crate::options::text::{Hex, LinkAddress};
use crate::options::value::{AttachedProgram, Untold, Value};
use crate::text::{escaped, Escaped};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(number) => to.serialize_i64(*number),
            Value::Uint64(number) => to.serialize_u64(*number),
            Value::Wordless(number) => to.serialize_u32(*number),
            Value::Name(name) => to.collect_str(&Escaped(name.as_bytes())),
            Value::Interface(interface) => to.serialize_u32(interface.index),
            Value::Multicast { address, .. } => to.collect_str(address),
            Value::Linger { .. }
            | Value::Timeval { .. }
            | Value::Timestamping { .. }
            | Value::Txtime { .. }
            | Value::PortRange { .. } => to.collect_map(self.pair().into_iter().flatten()),
            Value::Program(program) => program.serialize(to),
            Value::Blob(bytes) => to.collect_str(&Hex(bytes)),
            Value::Pktinfo { address, interface } => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("ipi6_addr", &address.to_string())?;
                map.serialize_entry("ipi6_ifindex", &interface.index)?;
                map.end()
            }
            Value::Tls { version, cipher, mode } => {
                let mut map = to.serialize_map(Some(3))?;
                map.serialize_entry("version", version)?;
                map.serialize_entry("cipher_type", cipher)?;
                map.serialize_entry(
                    "mode",
                    &constants::word(constants::TLS_MODES, (*mode).into()),
                )?;
                map.end()
            }
            Value::Struct(structure) => {
                to.collect_map(structure.members().map(|(member, number)| (member.name, number)))
            }
            Value::Keys(_) => to.serialize_u32(1),
            Value::Memberships(memberships) => {
                to.collect_seq(entries(&memberships.members, memberships.cut))
            }
            Value::PacketMemberships(memberships) => {
                to.collect_seq(entries(&memberships.members, memberships.cut))
            }
            Value::Fanout { number, .. } => to.serialize_u32(*number),
            // A null at the end stands for the groups that did not fit into the record.
            Value::Groups(Groups { numbers, cut }) => {
                to.collect_seq(numbers.iter().map(Some).chain(cut.then_some(None)))
            }
        }
    }
}

impl Serialize for AttachedProgram {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self {
            AttachedProgram::None => {
                map.serialize_entry("kind", "none")?;
                map.serialize_entry("instructions", &0)?;
            }
            AttachedProgram::Classic(instructions) => {
                map.serialize_entry("kind", "classic")?;
                map.serialize_entry("instructions", instructions)?;
            }
            AttachedProgram::Converted => map.serialize_entry("kind", "classic")?,
            AttachedProgram::Ebpf { id, name } => {
                map.serialize_entry("kind", "ebpf")?;
                map.serialize_entry("id", id)?;
                if let Some(name) = name {
                    let name = (!name.is_empty()).then(|| escaped(name.as_bytes()));
                    map.serialize_entry("name", &name)?;
                }
            }
        }
        map.end()
    }
}

impl Serialize for Untold<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Untold::Ifindex(index) => to.serialize_u32(*index),
            Untold::Keys(keys) => to.collect_seq(entries(&keys.members, keys.cut)),
        }
    }
}

/// An entry of a list, and whether it is the last of a list that did not fit into the record.
struct ListEntry<'a, M> {
    member: &'a M,
    more: bool,
}

fn entries<M>(members: &[M], cut: bool) -> impl Iterator<Item = ListEntry<'_, M>> {
    let last = members.len().saturating_sub(1);
    members.iter().enumerate().map(move |(n, member)| ListEntry { member, more: cut && n == last })
}

impl Serialize for ListEntry<'_, Membership> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let ListEntry { member, more } = self;
        let mut map = to.serialize_map(None)?;
        match member.list {
            List::Ip => {
                map.serialize_entry("imr_multiaddr", &member.group)?;
                map.serialize_entry("imr_address", &member.address)?;
                map.serialize_entry("imr_ifindex", &member.ifindex)?;
            }
            List::Ipv6 => {
                map.serialize_entry("ipv6mr_multiaddr", &member.group)?;
                map.serialize_entry("ipv6mr_interface", &member.ifindex)?;
            }
            List::Anycast => {
                map.serialize_entry("ipv6mr_acaddr", &member.group)?;
                map.serialize_entry("ipv6mr_ifindex", &member.ifindex)?;
            }
        }
        if member.list != List::Anycast {
            let mode = if member.include { "include" } else { "exclude" };
            map.serialize_entry("mode", mode)?;
            map.serialize_entry("sources", &member.sources)?;
            if member.cut {
                map.serialize_entry("cut", &true)?;
            }
        }
        if *more {
            map.serialize_entry("more", &true)?;
        }
        map.end()
    }
}

/// The members are those of `struct tcp_md5sig` and `struct tcp_ao_add`.
impl Serialize for ListEntry<'_, Key> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let ListEntry { member, more } = self;
        let ifindex = member.interface.map(|interface| interface.index);
        let mut map = to.serialize_map(None)?;
        match member.protocol {
            KeyProtocol::Md5 => {
                map.serialize_entry("tcpm_addr", &member.address)?;
                map.serialize_entry("tcpm_prefixlen", &member.prefix_length)?;
                map.serialize_entry("tcpm_ifindex", &ifindex)?;
            }
            KeyProtocol::Ao { send_id, receive_id } => {
                map.serialize_entry("addr", &member.address)?;
                map.serialize_entry("prefix", &member.prefix_length)?;
                map.serialize_entry("ifindex", &ifindex)?;
                map.serialize_entry("sndid", &send_id)?;
                map.serialize_entry("rcvid", &receive_id)?;
            }
        }
        if *more {
            map.serialize_entry("more", &true)?;
        }
        map.end()
    }
}

impl Serialize for ListEntry<'_, PacketMembership> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let ListEntry { member, more } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("mr_ifindex", &member.ifindex)?;
        map.serialize_entry("mr_type", &member.kind)?;
        map.serialize_entry("mr_alen", &member.address.len())?;
        map.serialize_entry("mr_address", &LinkAddress(&member.address).to_string())?;
        map.serialize_entry("count", &member.count)?;
        if *more {
            map.serialize_entry("more", &true)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Name;

    #[test]
    fn numbers_of_64_bits_stay_whole() {
        let json = |number: u64| serde_json::to_string(&Value::Uint64(number)).unwrap();
        assert_eq!(json(u64::MAX), "18446744073709551615");
        assert_eq!(json(5), "5");
        assert_eq!(serde_json::to_string(&Value::Int(-1)).unwrap(), "-1");
    }

    #[test]
    fn names_from_outside_are_escaped() {
        let name = Value::Name(Name::new(b"a b,c\x1b\xff\\"));
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""a b,c\\x1b\\xff\\\\""#);
        let program = AttachedProgram::Ebpf { id: 7, name: Some(Name::new(b"a\x1b")) };
        let json = serde_json::to_string(&Value::Program(program)).unwrap();
        assert_eq!(json, r#"{"kind":"ebpf","id":7,"name":"a\\x1b"}"#);
    }

    #[test]
    fn a_program_without_a_name_differs_from_one_with_an_unknown_name() {
        let json = |name| {
            let program = AttachedProgram::Ebpf { id: 7, name };
            serde_json::to_string(&Value::Program(program)).unwrap()
        };
        assert_eq!(json(Some(Name::default())), r#"{"kind":"ebpf","id":7,"name":null}"#);
        assert_eq!(json(None), r#"{"kind":"ebpf","id":7}"#);
    }
}
