//! The entries of a value that is a list or consists of parts, in the forms in which an expression may name them.

use std::fmt::{self, Display};

use crate::options::keys::{Key, Keys};
use crate::options::memberships::{Membership, PacketMembership};
use crate::options::text::{
    write_key, write_membership, write_packet_membership, write_packet_request,
};
use crate::options::value::Value;
use crate::text::escaped;

/// The entries of a list, each as it is printed and in its shorter forms: `224.0.0.251%eth0` and `224.0.0.251`.
/// Numbers are compared as such. `None` for a value that has no such parts.
pub fn entries(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::Memberships(it) => it.members.iter().flat_map(of_membership).collect(),
        Value::PacketMemberships(it) => it.members.iter().flat_map(of_packet_membership).collect(),
        Value::Keys(Keys { members, .. }) => members.iter().flat_map(of_key).collect(),
        // The address, as getsockopt(2) reports it, and the interface.
        Value::Multicast { address, interface } => {
            let name = Some(escaped(interface.name.as_bytes())).filter(|name| !name.is_empty());
            [address.to_string()].into_iter().chain(name).collect()
        }
        _ => return None,
    })
}

/// With its sources, without them, and the group alone.
fn of_membership(member: &Membership) -> [String; 3] {
    let without_sources = Membership { sources: Vec::new(), cut: false, ..member.clone() };
    let all = [member, &without_sources].map(|it| Printed(it, write_membership).to_string());
    let [with, without] = all;
    [with, without, member.group.to_string()]
}

/// With the number of requests, without it, and without the interface.
fn of_packet_membership(member: &PacketMembership) -> [String; 3] {
    let once = PacketMembership { count: 1, ..member.clone() };
    let all = [member, &once].map(|it| Printed(it, write_packet_membership).to_string());
    let [counted, once] = all;
    [counted, once, Printed(member, write_packet_request).to_string()]
}

/// With its VRF and its IDs, and the network alone.
fn of_key(key: &Key) -> [String; 2] {
    let network = format!("{}/{}", key.address, key.prefix_length);
    [Printed(key, write_key).to_string(), network]
}

/// What a function writes.
struct Printed<'a, T>(&'a T, fn(&mut fmt::Formatter, &T) -> fmt::Result);

impl<T> Display for Printed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.1(f, self.0)
    }
}
