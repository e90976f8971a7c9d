//! The values of an expression, parsed by the type of what they are compared with.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::errno::Errno;

use super::types::{Type, Unit};
use crate::host::services::{self, Ports};
use crate::host::users;
use crate::options::constants::{self, Words};
use crate::query::glob::Glob;
use crate::query::network;
use crate::socket::state::{self, States};
use crate::text::{escaped, suggest, unescaped, units, EMPTY};

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Number(i128),
    /// A number, and the bits that count.
    Masked(i128, i128),
    /// In microseconds.
    Time(i128),
    /// Larger than every number and every time.
    Never,
    Off,
    Text(Vec<u8>),
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
    pub interface: Option<Vec<u8>>,
    pub ports: Option<Ports>,
}

/// The words that are accepted for on and off.
const SWITCHES: [(&str, i128); 8] =
    [("on", 1), ("off", 0), ("yes", 1), ("no", 0), ("true", 1), ("false", 0), ("1", 1), ("0", 0)];

/// The loopback addresses, which need no name service.
const LOCALHOST: [&str; 2] = ["127.0.0.0/8", "::1"];

impl Operand {
    /// Whether another value can be larger or smaller.
    pub fn is_single(&self) -> bool {
        match self {
            Operand::Ports(ports) => ports.start() == ports.end(),
            Operand::Number(_) | Operand::Time(_) | Operand::Never => true,
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
pub(super) fn parse(name: &str, of_type: &Type, word: &str) -> Result<Vec<Operand>, String> {
    let one = match of_type {
        Type::Port => return ports(word),
        Type::End => return end(word),
        Type::Switch => switch(word).ok_or_else(|| wrong(name, word, "on or off")),
        Type::Number(unit) => number(name, *unit, word),
        Type::Time { unit, off, never } => time(name, (*unit, *off, *never), word),
        Type::Word(words) => one_of(name, words, word),
        Type::Enumeration(words) => enumeration(name, words, word),
        Type::Flags(words) => flags(name, words, word),
        Type::Errno => errno(name, word),
        Type::State => state::parse(word).map(Operand::States),
        Type::User => users::parse(word, &users::database()).map(|uid| Operand::Number(uid.into())),
        Type::Interface | Type::Name => Ok(Operand::Text(text(word))),
        Type::Printed => Ok(Operand::Text(word.as_bytes().to_vec())),
    };
    one.map(|operand| vec![operand])
}

/// The message for a word that is no value of this type.
fn wrong(name: &str, word: &str, expected: &str) -> String {
    let (name, word) = (escaped(name.as_bytes()), escaped(word.as_bytes()));
    format!("'{word}' is no value of {name} (expected {expected})")
}

/// A name as it is printed, or without escapes.
fn text(word: &str) -> Vec<u8> {
    if word == EMPTY {
        Vec::new()
    } else {
        unescaped(word)
    }
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

fn number(name: &str, unit: Unit, word: &str) -> Result<Operand, String> {
    if let Some(number) = integer(word) {
        return Ok(Operand::Number(number));
    }
    let (found, expected) = match unit {
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
    found.ok_or_else(|| wrong(name, word, expected))
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
    found.ok_or_else(|| {
        let words = match (off, never) {
            (true, _) => ", or off",
            (_, true) => ", or never",
            _ => "",
        };
        wrong(name, word, &format!("a time, such as 30s, 1500ms or 2h{words}"))
    })
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
fn ports(word: &str) -> Result<Vec<Operand>, String> {
    let word = word.strip_prefix(':').unwrap_or(word);
    if word == "*" {
        return Ok(vec![Operand::Ports(0..=u16::MAX)]);
    }
    let ports = services::parse(word, &services::database())?;
    Ok(ports.into_iter().map(Operand::Ports).collect())
}

/// Whether a word alone is one end of a socket, and not a name.
pub(super) fn is_end(word: &str) -> bool {
    word == "*"
        || word.contains([':', '/'])
        || word.starts_with(['@', '['])
        || word.eq_ignore_ascii_case("localhost")
        || word.split(['%', '/']).next().is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// One end of a socket: an address, a network, a port, an address with a port, or what other families print.
fn end(word: &str) -> Result<Vec<Operand>, String> {
    if word.starts_with(['/', '@']) {
        return Ok(vec![Operand::Text(text(word))]);
    }
    let (host, port) = apart(word);
    let (host, interface) = match host.split_once('%') {
        Some((host, interface)) => (host, Some(text(interface.trim_end_matches(']')))),
        None => (host, None),
    };
    if !is_host(host) {
        return other_family(word);
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
        Some(port) => services::parse(port, &services::database())?.into_iter().map(Some).collect(),
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
/// is in brackets.
fn apart(word: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => (host, None),
        };
    }
    match word.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (word, None),
    }
}

fn is_host(host: &str) -> bool {
    let address = host.split('/').next().unwrap_or_default();
    host.is_empty()
        || host == "*"
        || host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || host.contains('/')
        || address.contains(':')
        || address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && address.contains('.')
}

/// An end as other families print it: `route:812`, `ip:eth0`, `2:1024`.
fn other_family(word: &str) -> Result<Vec<Operand>, String> {
    let protocol = word.split(':').next().unwrap_or_default();
    let is_word = |words: Words| words.iter().any(|(_, known)| *known == protocol);
    let is_number = !protocol.is_empty() && protocol.bytes().all(|byte| byte.is_ascii_digit());
    if word.contains(':')
        && (is_number || is_word(constants::NETLINK) || is_word(constants::ETHERTYPES))
    {
        return Ok(vec![Operand::Text(word.as_bytes().to_vec())]);
    }
    let shown = escaped(word.as_bytes());
    Err(format!(
        "invalid address '{shown}' (expected an address, network, port or path, such as 10.0.0.0/8, [::1]:80, :443 or /run/x.sock; for a host, use an address of 'getent ahosts {shown}')"
    ))
}
