//! Options that are redundant beside another option, because the kernel stores one value for both.

use crate::options::value::Value;

/// An option, and the option that makes it redundant. The first is omitted only while the second is shown.
/// The name of an interface that is gone, for example, is not shown, and then its index is.
const REPEATS: [(&str, &str); 8] = [
    ("SO_BINDTOIFINDEX", "SO_BINDTODEVICE"),
    // If the second is on, so is the first.
    ("SO_TIMESTAMP_NEW", "SO_TIMESTAMPNS_NEW"),
    // The kernel has one bit, or one list, for both versions of IP.
    ("IPV6_FREEBIND", "IP_FREEBIND"),
    ("IPV6_TRANSPARENT", "IP_TRANSPARENT"),
    ("IPV6_IPSEC_POLICY", "IP_IPSEC_POLICY"),
    // A size other than 0 implies the header.
    ("PACKET_VNET_HDR", "PACKET_VNET_HDR_SZ"),
    // All members of the first structure are in the second.
    ("SCTP_PEER_ADDR_THLDS", "SCTP_PEER_ADDR_THLDS_V2"),
    ("SCTP_DEFAULT_SNDINFO", "SCTP_DEFAULT_SEND_PARAM"),
];

/// The buffers by their bits in SO_BUF_LOCK. A buffer counts as set if its bit is on.
const LOCKS: [(i64, &str); 2] = [(1, "SO_SNDBUF"), (2, "SO_RCVBUF")];

/// Whether an option with this value is redundant beside the other options that are shown.
pub fn says_nothing(name: &str, value: &Value, is_shown: impl Fn(&str) -> bool) -> bool {
    match (name, value) {
        // If SO_BUF_LOCK is 0 and counts as set, a program has cleared it.
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
