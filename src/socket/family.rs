//! The words of `-f`: address families and protocols, as netstat(8) and ss(8) name them.

use crate::socket::kind::{Family, SocketKind, Version};
use crate::text::{escaped, suggest};

/// The families that a word of `-f` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// All protocols over one version of IP.
    Ip(Version),
    One(Family),
    All,
}

/// All words: first those of netstat(8) and ss(8) that are offered, then other words of theirs for the same
/// families.
static WORDS: &[(&str, Families)] = &[
    ("inet", Families::Ip(Version::V4)),
    ("inet6", Families::Ip(Version::V6)),
    ("tcp", Families::One(Family::Tcp)),
    ("udp", Families::One(Family::Udp)),
    ("raw", Families::One(Family::Raw)),
    ("unix", Families::One(Family::Unix)),
    ("packet", Families::One(Family::Packet)),
    ("netlink", Families::One(Family::Netlink)),
    ("mptcp", Families::One(Family::Mptcp)),
    ("sctp", Families::One(Family::Sctp)),
    ("vsock", Families::One(Family::Vsock)),
    ("xdp", Families::One(Family::Xdp)),
    ("all", Families::All),
    ("link", Families::One(Family::Packet)),
    ("ip", Families::Ip(Version::V4)),
    ("tcpip", Families::Ip(Version::V4)),
    ("udplite", Families::One(Family::Udp)),
];

/// The number of words that are offered.
const OFFERED: usize = 13;

/// Families of other programs that have no rows of their own here.
const FOREIGN: [&str; 16] = [
    "dccp",
    "tipc",
    "ax25",
    "x25",
    "rose",
    "ash",
    "ipx",
    "netrom",
    "ddp",
    "appletalk",
    "econet",
    "ec",
    "bluetooth",
    "l2cap",
    "rfcomm",
    "smc",
];

impl Families {
    /// Whether sockets of this kind are in these families.
    pub fn contain(self, kind: SocketKind) -> bool {
        match self {
            Families::Ip(version) => kind.version() == Some(version),
            Families::One(family) => kind.family() == family,
            Families::All => kind.family() != Family::Other,
        }
    }

    /// The version of IP, if the word names one.
    pub fn version(self) -> Option<Version> {
        match self {
            Families::Ip(version) => Some(version),
            Families::One(_) | Families::All => None,
        }
    }
}

/// The words that are offered.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS[..OFFERED].iter().map(|(word, _)| *word)
}

/// Parses the name of a family, in any case.
///
/// # Errors
///
/// If the word names no family, a sentence that says what to type.
pub fn parse(word: &str) -> Result<Families, String> {
    let lower = word.to_lowercase();
    let known = |wanted: &str| WORDS.iter().find(|(known, _)| *known == wanted);
    if let Some((_, families)) = known(&lower) {
        return Ok(*families);
    }
    let shown = escaped(word.as_bytes());
    if ["tcp4", "tcp6", "udp4", "udp6"].contains(&&*lower) {
        return Err(format!("no '{shown}' here (use --{lower})"));
    }
    // ss(8) has unix_stream, packet_raw, vsock_dgram and so on, and u_str, p_raw, v_dgr for them.
    let whole = lower.split_once('_').map(|(family, _)| match family {
        "u" => "unix",
        "p" => "packet",
        "v" => "vsock",
        family => family,
    });
    if let Some(family) = whole.filter(|family| known(family).is_some()) {
        return Err(format!(
            "no '{shown}' here (use {family}; the column 'type' tells them apart)"
        ));
    }
    if lower.starts_with('!') {
        return Err(format!("'{shown}' cannot be excluded (name the families to show)"));
    }
    if FOREIGN.contains(&lower.as_str()) {
        return Err(format!(
            "no rows for '{shown}' here (--unbound shows sockets of every family)"
        ));
    }
    Err(suggest::unknown("family", word, words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_netstat_and_ss() {
        assert_eq!(parse("INET"), Ok(Families::Ip(Version::V4)));
        assert_eq!(parse("link"), parse("packet"));
        assert!(parse("unix_dgram").unwrap_err().contains("use unix;"));
        assert!(parse("dccp").unwrap_err().contains("--unbound"));
        assert!(parse("!tcp").unwrap_err().contains("excluded"));
        assert!(parse("help").unwrap_err().ends_with("vsock, xdp or all)"));
    }
}
