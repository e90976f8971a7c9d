//! The values of an expression, parsed by the type of what they are compared with.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use nix::errno::Errno;

use super::types::{Type, Unit};
use crate::host::database::Database;
use crate::host::services::{self, Ports};
use crate::host::users;
use crate::options::constants::{self, Words};
use crate::options::selection;
use crate::query::glob::Glob;
use crate::query::network;
use crate::socket::holders::COMMAND_LENGTH;
use crate::socket::state::{self, States};
use crate::text::{escaped, suggest, unescaped, units, Moment, EMPTY};

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Number(i128),
    /// A number, and the bits that count.
    Masked(i128, i128),
    /// In microseconds.
    Time(i128),
    Moment(Moment),
    /// Larger than every number and every time.
    Never,
    Off,
    Text(Vec<u8>),
    /// A whole value as it is printed, and whether capital letters are equal to others.
    Printed(Vec<u8>, bool),
    Glob(Glob),
    States(States),
    Ports(Ports),
    End(EndPattern),
}

/// An address, a port, or both. A part that is `None` is any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndPattern {
    pub network: Option<IpNet>,
    /// The interface of a link-local address.
    pub interface: Option<Box<Operand>>,
    pub ports: Option<Ports>,
}

/// The words that are accepted for on and off.
const SWITCHES: [(&str, i128); 8] =
    [("on", 1), ("off", 0), ("yes", 1), ("no", 0), ("true", 1), ("false", 0), ("1", 1), ("0", 0)];

/// The families that ss(8) accepts before an address.
const FAMILIES: [&str; 6] = ["inet", "inet6", "unix", "link", "netlink", "vsock"];

/// The loopback addresses, which need no name service.
const LOCALHOST: [&str; 2] = ["127.0.0.0/8", "::1"];

/// The files in which names are looked up, each read at most once.
pub(super) struct Databases {
    services: Database,
    users: Database,
}

impl Default for Databases {
    fn default() -> Databases {
        Databases { services: services::database(), users: users::database() }
    }
}

impl Operand {
    /// Whether another value can be larger or smaller.
    pub fn is_single(&self) -> bool {
        match self {
            Operand::Ports(ports) => ports.start() == ports.end(),
            Operand::Number(_) | Operand::Time(_) | Operand::Moment(_) | Operand::Never => true,
            _ => false,
        }
    }
}

/// Parses a value of this type. `name` is what it is compared with, as it was typed. A name such as that of
/// a service can stand for several values.
///
/// # Errors
///
/// A sentence that says what is wrong and what was expected.
pub(super) fn parse(
    databases: &Databases,
    name: &str,
    of_type: &Type,
    word: &str,
) -> Result<Vec<Operand>, String> {
    let one = match of_type {
        Type::Port => return ports(word, &databases.services),
        Type::End => return end(word, &databases.services),
        Type::Host => return host(name, word, &databases.services),
        Type::Switch => switch(word).ok_or_else(|| wrong(name, word, "on or off")),
        Type::Number(unit) => number(name, *unit, word),
        Type::Time { unit, off, never } => time(name, (*unit, *off, *never), word),
        Type::Moment => moment(name, word),
        Type::Word(words) => one_of(name, words, word),
        Type::Enumeration(words) => enumeration(name, words, word),
        Type::Flags(words) => flags(name, words, word),
        Type::Errno => errno(name, word),
        Type::State => state::parse(word).map(Operand::States),
        Type::User => users::parse(word, &databases.users).map(|uid| Operand::Number(uid.into())),
        // As it is printed: no name.
        Type::Interface | Type::Name | Type::OptionName if word == "-" => Ok(printed(word, false)),
        Type::Interface if text(word).is_empty() => Ok(printed("-", false)),
        Type::Interface => Ok(interface(word)),
        Type::Name => Ok(Operand::Text(text(word))),
        Type::OptionName => return option_names(word),
        // An empty value is printed as a dash.
        Type::Printed { any_case } => {
            Ok(printed(if word.is_empty() { "-" } else { word }, *any_case))
        }
        // A list in which one is enough, or all as they are printed.
        Type::Numbers if word == "-" || word.contains('|') => Ok(printed(word, true)),
        Type::Numbers => number(name, Unit::None, word),
    };
    one.map(|operand| vec![operand])
}

/// An interface by name, as it is printed or without escapes, or by index. A name of digits is printed with its
/// first digit escaped.
pub fn interface(word: &str) -> Operand {
    match word.parse::<u32>() {
        Ok(index) => Operand::Number(index.into()),
        // A packet socket whose interface is gone.
        Err(_) if word == "-1" => Operand::Number(-1),
        Err(_) => Operand::Text(text(word)),
    }
}

/// The same value for the name of a process, of which the kernel keeps 15 bytes: a longer name means what it begins with.
pub fn of_command(operand: Operand) -> Operand {
    match operand {
        Operand::Text(mut name) => {
            name.truncate(COMMAND_LENGTH);
            Operand::Text(name)
        }
        Operand::Glob(glob) => Operand::Glob(glob.cut_to(COMMAND_LENGTH)),
        operand => operand,
    }
}

/// An address, a network, a port, or an address with a port. Ends of families without them have no addresses.
///
/// # Errors
///
/// A sentence that says what was expected.
pub fn address(word: &str) -> Result<Vec<Operand>, String> {
    if let Ok(network) = network::parse(word) {
        let network = Some(network);
        return Ok(vec![Operand::End(EndPattern { network, ..EndPattern::default() })]);
    }
    let ends = end(word, &services::database()).ok();
    let are_addresses = |ends: &Vec<Operand>| ends.iter().all(|it| matches!(it, Operand::End(_)));
    ends.filter(are_addresses).ok_or_else(|| {
        format!(
            "invalid address '{}' (expected an address, a network or a port: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443)",
            escaped(word.as_bytes())
        )
    })
}

fn printed(word: &str, any_case: bool) -> Operand {
    // Only escaped control characters are ever printed.
    let word = match word.contains(char::is_control) {
        true => escaped(word.as_bytes()),
        false => word.to_owned(),
    };
    Operand::Printed(word.into_bytes(), any_case)
}

/// The message for a word that is not a value of this type.
fn wrong(name: &str, word: &str, expected: &str) -> String {
    let (name, word) = (escaped(name.as_bytes()), escaped(word.as_bytes()));
    format!("invalid value of {name} '{word}' (expected {expected})")
}

/// A name as it is printed, or without escapes.
fn text(word: &str) -> Vec<u8> {
    if word == EMPTY {
        Vec::new()
    } else {
        unescaped(word)
    }
}

/// The options with this name, with or without its prefix. A pattern is compared with `~`.
fn option_names(word: &str) -> Result<Vec<Operand>, String> {
    if word.contains(['*', '?']) {
        return Err(wrong("set", word, "the name of an option; compare a pattern with ~"));
    }
    let found = selection::find(word)?;
    let name = |index: usize| Operand::Text(selection::name(index).as_bytes().to_vec());
    Ok(found.into_iter().map(name).collect())
}

fn switch(word: &str) -> Option<Operand> {
    let known = SWITCHES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map(|(_, number)| Operand::Number(*number))
}

/// A whole number, in decimal or hexadecimal.
fn integer(word: &str) -> Option<i128> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        // u64::from_str_radix() also accepts a sign.
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(i128::from),
        None if word.contains('.') => None,
        None => units::decimal(word, 1),
    }
}

/// Whether a number can be read back. No number of the kernel has more than 20 digits.
fn is_printable(operand: &Operand) -> bool {
    match operand {
        Operand::Number(number) | Operand::Time(number) => {
            number.unsigned_abs() < 1_000_000_000_000_000_000_000_000
        }
        _ => true,
    }
}

fn number(name: &str, unit: Unit, word: &str) -> Result<Operand, String> {
    if let Some(number) = integer(word) {
        // As getsockopt(2) reports it.
        let is_unlimited = matches!(unit, Unit::Rate) && number == i128::from(u64::MAX);
        return Ok(if is_unlimited { Operand::Never } else { Operand::Number(number) });
    }
    let (found, expected) = match unit {
        Unit::None if name.eq_ignore_ascii_case("netns") => {
            (None, "a number; for a name, compare netns_name")
        }
        Unit::None => (None, "a number"),
        Unit::Bytes => {
            (units::size(word).map(Operand::Number), "a number of bytes, such as 65536 or 64k")
        }
        Unit::Rate if word.eq_ignore_ascii_case("unlimited") => (Some(Operand::Never), ""),
        Unit::Rate => (
            units::size(word).map(Operand::Number),
            "bytes per second, such as 125000 or 1m, or unlimited",
        ),
        Unit::Mark => (masked(word), "a number, or number/mask"),
    };
    found.filter(is_printable).ok_or_else(|| wrong(name, word, expected))
}

/// A mark with a mask, as in ss(8): `0x1/0x3`.
fn masked(word: &str) -> Option<Operand> {
    let (number, mask) = word.split_once('/')?;
    Some(Operand::Masked(integer(number)?, integer(mask)?))
}

fn time(name: &str, (unit, off, never): (i128, bool, bool), word: &str) -> Result<Operand, String> {
    if off && word.eq_ignore_ascii_case("off") {
        return Ok(Operand::Off);
    }
    if never && word.eq_ignore_ascii_case("never") {
        return Ok(Operand::Never);
    }
    let found = units::time(word).or_else(|| units::decimal(word, unit)).map(Operand::Time);
    found.filter(is_printable).ok_or_else(|| {
        let words = match (off, never) {
            (true, _) => ", or off",
            (_, true) => ", or never",
            _ => "",
        };
        wrong(name, word, &format!("a time, such as 30s, 1500ms or 2h{words}"))
    })
}

/// A point in time, or one before now: `-5min`. A time without a minus could be an age or a point in time.
fn moment(name: &str, word: &str) -> Result<Operand, String> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    let before_now = |time: i128| i64::try_from(now() as i128 - time / 1000).ok().map(Moment);
    let ago = word.strip_prefix('-').and_then(units::time).filter(|time| *time >= 0);
    let found = Moment::parse(word).or_else(|| ago.and_then(before_now));
    // Earlier ones have no text.
    let found = found.filter(|found| *found >= Moment(0)).map(Operand::Moment);
    let expected = "a point in time, such as 2026-11-26T14:02:15Z or, for five minutes ago, -5min";
    found.ok_or_else(|| wrong(name, word, expected))
}

fn one_of(name: &str, words: &[&'static str], word: &str) -> Result<Operand, String> {
    match words.iter().find(|known| known.eq_ignore_ascii_case(word)) {
        Some(known) => Ok(Operand::Text(known.as_bytes().to_vec())),
        None => Err(suggest::unknown(&escaped(name.as_bytes()), word, words.iter())),
    }
}

/// Whether a word is the name of a constant, or its end: `do` or `IP_PMTUDISC_DO`.
fn is_word(known: &str, word: &str) -> bool {
    let end = word.len().checked_sub(known.len()).and_then(|begin| word.get(begin..));
    known.eq_ignore_ascii_case(word)
        || end.is_some_and(|end| end.eq_ignore_ascii_case(known))
            && word.len() > known.len()
            && word.as_bytes()[word.len() - known.len() - 1] == b'_'
}

fn enumeration(name: &str, words: Words, word: &str) -> Result<Operand, String> {
    if let Some(number) = integer(word) {
        return Ok(Operand::Number(number));
    }
    if let Some((number, _)) = words.iter().find(|(_, known)| is_word(known, word)) {
        return Ok(Operand::Number((*number).into()));
    }
    match switch(word) {
        Some(Operand::Number(number))
            if constants::word(words, number as u32) == Some(&number.to_string()) =>
        {
            Ok(Operand::Number(number))
        }
        _ => Err(unknown_word(name, words, word)),
    }
}

fn unknown_word(name: &str, words: Words, word: &str) -> String {
    let known = words.iter().map(|(_, known)| *known);
    suggest::unknown(&format!("value of {}", escaped(name.as_bytes())), word, known)
}

/// A number, or words joined by `|`.
fn flags(name: &str, words: Words, word: &str) -> Result<Operand, String> {
    // The clock of SO_TIMESTAMPING, which is no flag, as it is printed.
    if word.contains("|bind_phc:") && std::ptr::eq(words, constants::TIMESTAMPING) {
        return Ok(printed(word, true));
    }
    let bit = |word: &str| {
        let known = words.iter().find(|(_, known)| is_word(known, word));
        let bit = known.map(|(bit, _)| i128::from(*bit)).or_else(|| integer(word));
        bit.ok_or_else(|| unknown_word(name, words, word))
    };
    let bits = word.split('|').map(bit).collect::<Result<Vec<i128>, String>>()?;
    Ok(Operand::Number(bits.into_iter().fold(0, |all, bit| all | bit)))
}

fn errno(name: &str, word: &str) -> Result<Operand, String> {
    let known = (1..=133)
        .find(|number| format!("{:?}", Errno::from_raw(*number)).eq_ignore_ascii_case(word));
    let number = known.map(i128::from).or_else(|| integer(word));
    number
        .map(Operand::Number)
        .ok_or_else(|| wrong(name, word, "an error such as ECONNREFUSED, or 0"))
}

/// Ports, with or without the colon of ss(8): `:443`, `https`, `8000-8100`, `*`.
fn ports(word: &str, services: &Database) -> Result<Vec<Operand>, String> {
    let word = word.strip_prefix(':').unwrap_or(word);
    if word == "*" {
        return Ok(vec![Operand::Ports(0..=u16::MAX)]);
    }
    let ports = services::parse(word, services)?;
    Ok(ports.into_iter().map(Operand::Ports).collect())
}

/// A path, an abstract name, or a pattern for them, as in ss(8).
fn path(word: &str) -> Operand {
    match path_glob(word) {
        glob if glob.is_name() => Operand::Text(unescaped(&zero_for_at(word))),
        glob => Operand::Glob(glob),
    }
}

/// A pattern for the ends of sockets.
pub(super) fn path_glob(word: &str) -> Glob {
    Glob::new(&zero_for_at(word), false)
}

/// The form in which abstract names are compared: they begin with a zero byte. A file name that begins with `@` is
/// printed with that escaped.
fn zero_for_at(word: &str) -> Cow<'_, str> {
    match word.strip_prefix('@') {
        Some(name) => Cow::Owned(format!("\\x00{name}")),
        None => Cow::Borrowed(word),
    }
}

/// Whether a word alone is one end of a socket, and not a name.
pub(super) fn is_end(word: &str) -> bool {
    word == "*"
        || word.contains([':', '/'])
        || word.starts_with(['@', '[', '\\'])
        || word.eq_ignore_ascii_case("localhost")
        || word.split(['%', '/']).next().is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// One end of a socket: an address, a network, a port, an address with a port, or what other families print.
fn end(word: &str, services: &Database) -> Result<Vec<Operand>, String> {
    // ss(8) accepts the family before an address, which decides it anyway.
    let family = FAMILIES.iter().find_map(|family| word.strip_prefix(family)?.strip_prefix(':'));
    let word = family.unwrap_or(word);
    let is_path = |begin: &&str| word.starts_with(*begin);
    if ["/", "./", "../", "@", "\\"].iter().any(is_path) {
        return Ok(vec![path(word)]);
    }
    let mut operands = Vec::new();
    for (host, port) in apart(word) {
        operands.extend(pattern(word, &host, port, services)?);
    }
    Ok(operands)
}

/// An address or a network. What ends with a number may also be read as an address with a port.
fn host(name: &str, word: &str, services: &Database) -> Result<Vec<Operand>, String> {
    let expected = "an address or a network, such as 10.0.0.0/8";
    let mut found = end(word, services).map_err(|_| wrong(name, word, expected))?;
    let has_port = |it: &Operand| matches!(it, Operand::End(EndPattern { ports: Some(_), .. }));
    let with_port = found.iter().any(has_port);
    found.retain(|it| matches!(it, Operand::End(EndPattern { ports: None, .. })));
    if !found.is_empty() {
        return Ok(found);
    }
    let end = if name.eq_ignore_ascii_case("saddr") { "src" } else { "dst" };
    let other = format!("an address or a network; for one with a port, compare {end}");
    Err(wrong(name, word, if with_port { &other } else { expected }))
}

/// An address, a network, a port, or an address with a port.
fn pattern(
    word: &str,
    host: &str,
    port: Option<&str>,
    services: &Database,
) -> Result<Vec<Operand>, String> {
    let (host, interface) = match host.split_once('%') {
        Some((host, zone)) => (host, Some(Box::new(interface(zone.trim_end_matches(']'))))),
        None => (host, None),
    };
    if !is_host(host) {
        return other_family(word);
    }
    // A port of a vsock socket may be larger than those of other families.
    let is_large = |port: &str| port.parse::<u32>().is_ok_and(|port| port > u16::MAX.into());
    if host == "*" && port.is_some_and(is_large) {
        return Ok(vec![printed(word, false)]);
    }
    let networks: Vec<Option<IpNet>> = match host {
        "" | "*" => vec![None],
        host if host.eq_ignore_ascii_case("localhost") => {
            LOCALHOST.iter().map(|network| network::parse(network).ok()).collect()
        }
        host => vec![Some(network::parse(host)?)],
    };
    let ports: Vec<Option<Ports>> = match port {
        None | Some("*") => vec![None],
        Some(port) => services::parse(port, services)?.into_iter().map(Some).collect(),
    };
    let patterns = networks.iter().flat_map(|network| {
        ports.iter().map(|ports| EndPattern {
            network: *network,
            interface: interface.clone(),
            ports: ports.clone(),
        })
    });
    Ok(patterns.map(Operand::End).collect())
}

/// Splits an address from a port: `10.0.0.5:443`, `[::1]:443`, `10.0.0.0/8:443`. An IPv6 address with a port
/// is in brackets, or written as netstat(8) does: `::1:443`, which is also an address.
fn apart(word: &str) -> Vec<(Cow<'_, str>, Option<&str>)> {
    if let Some((host, rest)) = word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // The length of a prefix may be on either side of the bracket.
        let (length, port) = match rest.split_once(':') {
            Some((length, port)) => (length, Some(port)),
            None => (rest, None),
        };
        match length.starts_with('/') {
            true => return vec![(format!("{host}{length}").into(), port)],
            false if length.is_empty() => return vec![(host.into(), port)],
            false => {}
        }
    }
    let is_address = |host: &str| host.split('%').next().unwrap_or(host).parse::<IpAddr>().is_ok();
    match word.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => vec![(host.into(), Some(port))],
        _ if word.parse::<IpNet>().is_ok() => vec![(word.into(), None)],
        Some((host, port)) if is_address(host) && !is_address(word) => {
            vec![(host.into(), Some(port))]
        }
        Some((host, port)) if is_address(host) && port.parse::<u16>().is_ok() => {
            vec![(word.into(), None), (host.into(), Some(port))]
        }
        _ => vec![(word.into(), None)],
    }
}

fn is_host(host: &str) -> bool {
    let address = host.split('/').next().unwrap_or_default();
    host.is_empty()
        || host == "*"
        || host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || host.contains('/') && address.starts_with(|c: char| c.is_ascii_digit())
        || address.contains(':')
        || address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && address.contains('.')
}

/// An end as other families print it, `route:812`, `ip:eth0`, `2:1024`, or a pattern.
fn other_family(word: &str) -> Result<Vec<Operand>, String> {
    let glob = Glob::new(word, false);
    if !glob.is_name() {
        return Ok(vec![Operand::Glob(glob)]);
    }
    let protocol = word.split(':').next().unwrap_or_default();
    let is_word = |words: Words| words.iter().any(|(_, known)| *known == protocol);
    let is_number = !protocol.is_empty() && protocol.bytes().all(|byte| byte.is_ascii_digit());
    if word.contains(':')
        && (is_number || is_word(constants::NETLINK) || is_word(constants::ETHERTYPES))
    {
        return Ok(vec![printed(word, false)]);
    }
    let shown = escaped(word.as_bytes());
    // The words of pcap-filter(7).
    match word.to_lowercase().as_str() {
        "port" => return Err("invalid address 'port' (for ports, use sport and dport)".into()),
        "host" | "net" => return Err(format!("invalid address '{shown}' (omit this word)")),
        _ => {}
    }
    Err(format!(
        "invalid address '{shown}' (expected an address, network, port or path, such as 10.0.0.0/8, [::1]:80, :443 or /run/x.sock; for a relative path, compare it with ~; for a host, use an address of 'getent ahosts {shown}')"
    ))
}
