//! Options that say nothing beside another one, because the kernel keeps one thing for both.

use crate::options::value::Value;

/// An option, and the one beside which it says nothing. When that one is not shown, as the name of an interface
/// that is gone, the other is.
const REPEATS: [(&str, &str); 8] = [
    ("SO_BINDTOIFINDEX", "SO_BINDTODEVICE"),
    // The second is on only together with the first.
    ("SO_TIMESTAMP_NEW", "SO_TIMESTAMPNS_NEW"),
    // One bit for both versions of IP, and one list.
    ("IPV6_FREEBIND", "IP_FREEBIND"),
    ("IPV6_TRANSPARENT", "IP_TRANSPARENT"),
    ("IPV6_IPSEC_POLICY", "IP_IPSEC_POLICY"),
    // The size of a header that there is.
    ("PACKET_VNET_HDR", "PACKET_VNET_HDR_SZ"),
    // Structures whose members are all in the other.
    ("SCTP_PEER_ADDR_THLDS", "SCTP_PEER_ADDR_THLDS_V2"),
    ("SCTP_DEFAULT_SNDINFO", "SCTP_DEFAULT_SEND_PARAM"),
];

/// The buffers by their bits in SO_BUF_LOCK. A buffer whose bit is on counts as set.
const LOCKS: [(i64, &str); 2] = [(1, "SO_SNDBUF"), (2, "SO_RCVBUF")];

/// Whether an option with this value says nothing beside the others that are shown.
pub fn says_nothing(name: &str, value: &Value, is_shown: impl Fn(&str) -> bool) -> bool {
    match (name, value) {
        // Without any lock it says that somebody cleared it.
        ("SO_BUF_LOCK", Value::Int(locks)) => {
            let is_said = |(bit, buffer): &(i64, &str)| locks & bit == 0 || is_shown(buffer);
            *locks != 0 && LOCKS.iter().all(is_said)
        }
        _ => REPEATS.iter().any(|(repeat, by)| *repeat == name && is_shown(by)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::catalogue;

    #[test]
    fn there_are_such_options() {
        let pairs = REPEATS.iter().flat_map(|(name, by)| [*name, *by]);
        for name in pairs.chain(LOCKS.map(|(_, buffer)| buffer)) {
            assert!(catalogue::named(name).is_some(), "{name}");
        }
    }
}
