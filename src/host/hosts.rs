//! Hosts by address: hosts(5), and which names of hosts are shown.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::str;

use crate::host::database::{self, Database};

/// The longest name in bytes: RFC 1035, 2.3.4, as text.
const LONGEST: usize = 253;

/// The names of hosts by address. Of several names, the first counts, as in gethostbyaddr(3). Lists of hosts to be blocked
/// give them the address 0.0.0.0, which is no host. Empty if there is no such file.
///
/// # Errors
///
/// As [`Database::all_lines`].
pub fn by_address() -> Result<HashMap<IpAddr, Rc<[u8]>>, String> {
    of(&Database::at("/etc/hosts"))
}

fn of(hosts: &Database) -> Result<HashMap<IpAddr, Rc<[u8]>>, String> {
    let mut names = HashMap::new();
    for line in hosts.all_lines()? {
        let mut words = database::words(line);
        let address = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
        let address = address.map(|it: IpAddr| it.to_canonical()).filter(|it| can_have_name(*it));
        if let (Some(address), Some(name)) = (address, words.next().filter(|it| is_name(it))) {
            names.entry(address).or_insert_with(|| name.into());
        }
    }
    Ok(names)
}

/// Whether an answer of a name service is a name that may be shown for the address. Whoever owns an address chooses its
/// name, so that a name must not look like that of this host.
pub fn is_name_of(name: &[u8], address: IpAddr) -> bool {
    is_name(name) && (address.is_loopback() || !is_of_this_host(name))
}

/// Whether a name has the form of the name of a host, and none that could be taken for an address: letters, digits,
/// hyphens, underscores and dots (RFC 1123, 2.1), with a last part that is no number, not even a hexadecimal one, as in
/// the addresses that inet_aton(3) accepts.
fn is_name(name: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label =
        |label: &[u8]| !label.is_empty() && !label.starts_with(b"-") && label.iter().all(is_letter);
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    name.len() <= LONGEST && name.split(|byte| *byte == b'.').all(is_label) && !is_number(last)
}

fn is_number(label: &[u8]) -> bool {
    let hexadecimal = label.strip_prefix(b"0x").or_else(|| label.strip_prefix(b"0X"));
    match hexadecimal {
        Some(digits) => digits.iter().all(u8::is_ascii_hexdigit),
        None => label.iter().all(u8::is_ascii_digit),
    }
}

/// Whether the name is one that hosts have for themselves: RFC 6761, 6.3, and the usual lines of /etc/hosts.
fn is_of_this_host(name: &[u8]) -> bool {
    const OWN: [&[u8]; 4] =
        [b"localhost", b"localhost.localdomain", b"ip6-localhost", b"ip6-loopback"];
    let name = name.to_ascii_lowercase();
    OWN.contains(&name.as_slice()) || name.ends_with(b".localhost")
}

/// Whether an address can have a name: neither any address, nor all, nor one that says nothing without its interface.
pub fn can_have_name(address: IpAddr) -> bool {
    let is_any = address.is_unspecified() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !is_any && !matches!(address, IpAddr::V6(it) if crate::socket::is_link_local(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_address() {
        let hosts = of(&Database::with(
            b"127.0.0.1 localhost me # comment\n#10.0.0.1 no\n10.0.0.2\tdb.example db\n10.0.0.2 other\n\
              ::ffff:10.0.0.3 v4\n10.0.0.4 1.2.3.4\n10.0.0.5\nfe80::1%eth0 scoped\n::1 \xff\n\
              0.0.0.0 blocked.example\n:: blocked.example\n::ffff:0.0.0.0 blocked.example\n\
              255.255.255.255 broadcasthost\nfe80::1 router\n",
        ));
        let hosts = hosts.expect("names");
        let named = |text: &str| hosts.get(&text.parse().unwrap()).map(|name| name.to_vec());
        assert_eq!(named("127.0.0.1"), Some(b"localhost".to_vec()));
        assert_eq!(named("10.0.0.2"), Some(b"db.example".to_vec()));
        assert_eq!(named("10.0.0.3"), Some(b"v4".to_vec()));
        assert_eq!(hosts.len(), 3);
    }

    #[test]
    fn what_looks_like_something_else_is_no_name() {
        let address = "192.0.2.1".parse().unwrap();
        for name in ["a", "db-1.example.com", "_x.example", "9.example", "xn--bcher-kva.example"] {
            assert!(is_name_of(name.as_bytes(), address), "{name}");
        }
        let long = format!("{}.example", "a.".repeat(123));
        for name in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "1.2.3.4",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "example.0x1",
            "example.1",
            "::1",
            "a:80",
            "*",
            "-",
            "-a",
            "a b",
            "a,b",
            "a\x1b[2J",
            "a\u{202e}b",
            "b\u{fc}cher",
            "a/b",
            "localhost",
            "LOCALHOST",
            "db.localhost",
            "localhost.localdomain",
            &long,
        ] {
            assert!(!is_name_of(name.as_bytes(), address), "{name}");
        }
        assert!(!is_name_of(b"\xff", address));
        assert!(is_name_of(b"localhost", "127.0.0.2".parse().unwrap()));
    }
}
