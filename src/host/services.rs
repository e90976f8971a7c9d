//! Ports, by number, by range and by the name of a service: services(5).

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::str;

use crate::host::database::{words, Database};
use crate::socket::kind::Family;
use crate::text::{escaped, suggest, unescaped};

/// A range of ports.
pub type Ports = RangeInclusive<u16>;

/// The file that names services, not read yet.
pub const fn database() -> Database {
    Database::at("/etc/services")
}

/// The names of all services. Empty if the file cannot be read.
pub fn names() -> Vec<String> {
    let services = database();
    let lines = services.lines("").into_iter().flatten();
    lines.filter_map(|line| words(line).next()).map(escaped).collect()
}

/// The names of services by their ports.
#[derive(Debug, Default)]
pub struct Services(HashMap<(&'static str, u16), Rc<[u8]>>);

/// The protocols of services.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

impl Services {
    /// Reads the file. Of several names, the first counts, as in getservbyport(3). Empty if there is no such file.
    ///
    /// # Errors
    ///
    /// As [`Database::all_lines`].
    pub fn read() -> Result<Services, String> {
        Services::of(&database())
    }

    fn of(services: &Database) -> Result<Services, String> {
        let mut names = HashMap::new();
        for line in services.all_lines()? {
            if let Some((name, port, protocol)) = service(line).filter(|(name, ..)| is_shown(name))
            {
                names.entry((protocol, port)).or_insert_with(|| name.into());
            }
        }
        Ok(Services(names))
    }

    /// The name of the service at a port of sockets of this family. Port 0 is none.
    pub fn at(&self, family: Family, port: u16) -> Option<Rc<[u8]>> {
        let protocol = match family {
            Family::Tcp | Family::Mptcp => "tcp",
            Family::Udp => "udp",
            Family::Sctp => "sctp",
            // The number of a protocol, or no port at all.
            _ => return None,
        };
        self.0.get(&(protocol, port)).filter(|_| port != 0).cloned()
    }
}

/// Whether the name of a service cannot be taken for a number or for a mark: RFC 6335, 5.1, and the characters of older
/// names.
fn is_shown(name: &[u8]) -> bool {
    let is_usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/".contains(byte);
    name.iter().all(is_usual) && name.iter().any(u8::is_ascii_alphabetic)
}

/// The official name, the port and the protocol in a line.
fn service(line: &[u8]) -> Option<(&[u8], u16, &'static str)> {
    let mut words = words(line);
    let (name, place) = (words.next()?, words.next()?);
    let slash = place.iter().position(|byte| *byte == b'/')?;
    let port = str::from_utf8(&place[..slash]).ok()?.parse().ok()?;
    let protocol = PROTOCOLS.into_iter().find(|it| it.as_bytes() == &place[slash + 1..])?;
    Some((name, port, protocol))
}

/// Parses a port, a range `a-b`, or the name of a service, escaped as it is printed or verbatim. A
/// service may have several ports.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn parse(word: &str, services: &Database) -> Result<Vec<Ports>, String> {
    let number = |text: &str| text.trim().parse::<u16>();
    if let Ok(port) = number(word) {
        return Ok(vec![port..=port]);
    }
    if let Some((low, high)) = word.split_once('-') {
        if let (Ok(low), Ok(high)) = (number(low), number(high)) {
            return match low <= high {
                true => Ok(vec![low..=high]),
                false => Err(format!(
                    "invalid port range '{}' (did you mean {high}-{low}?)",
                    escaped(word.as_bytes())
                )),
            };
        }
    }
    if word.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return Err(invalid(word));
    }
    let lines = services.lines(word)?;
    let mut ports: Vec<Ports> = Vec::new();
    let names = [&*unescaped(word), word.as_bytes()];
    for port in lines.clone().filter_map(|line| port_of(line, names)) {
        // A service has one line per protocol.
        if !ports.contains(&(port..=port)) {
            ports.push(port..=port);
        }
    }
    match ports.is_empty() {
        false => Ok(ports),
        true => {
            let names: Vec<String> =
                lines.filter_map(|line| words(line).next()).map(escaped).collect();
            let near = suggest::nearest(word, &names);
            Err(match near.is_empty() {
                true => invalid(word),
                false => {
                    let (word, near) = (escaped(word.as_bytes()), suggest::listed(&near, "or"));
                    format!("unknown service '{word}' (did you mean {near}?)")
                }
            })
        }
    }
}

fn invalid(word: &str) -> String {
    let word = escaped(word.as_bytes());
    format!(
        "invalid port '{word}' (expected 0-65535, a range such as 8000-8100, or a service name)"
    )
}

/// The port in a line, if the line has a service with one of these names.
fn port_of(line: &[u8], names: [&[u8]; 2]) -> Option<u16> {
    let mut words = words(line);
    let official = words.next()?;
    let port = words.next()?.split(|byte| *byte == b'/').next()?;
    let is_named = names.contains(&official) || words.any(|alias| names.contains(&alias));
    is_named.then(|| str::from_utf8(port).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Database {
        Database::with(
            b"# comment\nssh 22/tcp # \xff\n\xff 23/tcp\ndomain 53/tcp\ndomain 53/udp\nhttp\t80/tcp www # web\n",
        )
    }

    #[test]
    fn ports_by_number_range_and_name() {
        assert_eq!(parse("22", &services()), Ok(vec![22..=22]));
        assert_eq!(parse("1-1023", &services()), Ok(vec![1..=1023]));
        assert_eq!(parse("ssh", &services()), Ok(vec![22..=22]));
        assert_eq!(parse("domain", &services()), Ok(vec![53..=53]));
        assert_eq!(parse("www", &services()), Ok(vec![80..=80]));
        assert_eq!(parse("\\xff", &services()), Ok(vec![23..=23]));
    }

    #[test]
    fn wrong_ports() {
        for wrong in ["70000", "9-3", "1-", "-1", "htpp", "", "2 2", "#", "comment"] {
            assert!(parse(wrong, &services()).is_err(), "{wrong}");
        }
        assert!(parse("htpp", &services()).unwrap_err().contains("http"));
    }

    #[test]
    fn services_by_port() {
        let found = Services::of(&Database::with(
            b"domain 53/tcp\ndomain 53/udp\nother 53/udp alias\n99 54/tcp\na:b 55/tcp\n* 56/tcp\nx 57\n",
        ));
        let found = found.expect("names");
        let at = |family, port| found.at(family, port).map(|name| name.to_vec());
        assert_eq!(at(Family::Udp, 53), Some(b"domain".to_vec()));
        assert_eq!(at(Family::Mptcp, 53), Some(b"domain".to_vec()));
        for (family, port) in [
            (Family::Sctp, 53),
            (Family::Raw, 53),
            (Family::Tcp, 54),
            (Family::Tcp, 55),
            (Family::Tcp, 56),
            (Family::Tcp, 57),
        ] {
            assert_eq!(at(family, port), None, "{family:?} {port}");
        }
    }

    #[test]
    fn a_missing_file_is_named_where_a_name_needs_it() {
        let missing = Database::at("/nowhere/services");
        assert_eq!(parse("22-23", &missing), Ok(vec![22..=23]));
        assert!(parse("ssh", &missing).unwrap_err().contains("/nowhere/services: No such file"));
    }
}
