//! Words after the options that are equivalent to an option: ports, addresses, states, families, and the
//! simple terms of ss(8)'s filters.

use crate::host::services;
use crate::options::selection;
use crate::query::expression::operand;
use crate::query::network::parse as parse_network;
use crate::socket::family::{self, Families};
use crate::socket::state;

/// The loopback addresses.
const LOCALHOST: &str = "127.0.0.0/8,::1";

/// Returns the options that are equivalent to all of the words. `None` if a word has no meaning, or no
/// equivalent option.
pub fn options(words: &[&str]) -> Option<Vec<String>> {
    let words = words.iter().flat_map(|word| apart(word)).collect::<Vec<_>>();
    let mut words = &words[..];
    let mut options = Vec::new();
    while !words.is_empty() {
        let (mut found, count) = term(words)?;
        options.append(&mut found);
        words = &words[count..];
    }
    (!options.is_empty()).then_some(options)
}

/// Splits a quoted argument into words: `'dport = :443'`.
fn apart(word: &str) -> impl Iterator<Item = &str> {
    word.split_whitespace()
}

/// Whether the words look like a filter expression of ss(8) or a similar program.
pub fn are_expression(words: &[&str]) -> bool {
    let first = words.first().and_then(|word| apart(word).next()).unwrap_or_default();
    let begins = ["(", "!", "not", "state", "exclude", "sport", "dport", "src", "dst", "dev"];
    begins.contains(&first) || first.starts_with('(') || comparison(first).is_some()
}

/// Parses the term at the beginning of the words. Returns its options and its number of words.
fn term(words: &[&str]) -> Option<(Vec<String>, usize)> {
    let option = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    match words {
        ["and" | "&" | "&&", rest @ ..] if !rest.is_empty() => Some((Vec::new(), 1)),
        ["state", word, ..] => state::parse(word).ok().map(|_| (option("--state", word), 2)),
        ["dev", name, ..] => Some((option("--interface", name), 2)),
        [end @ ("src" | "dst"), "=" | "==" | "eq", address, ..] => {
            Some((address_options(&format!("--{end}"), port_of(end), address)?, 3))
        }
        [end @ ("src" | "dst"), address, ..] => {
            Some((address_options(&format!("--{end}"), port_of(end), address)?, 2))
        }
        [end @ ("port" | "sport" | "dport"), op, port, ..] if range(op, port).is_some() => {
            Some((option(&format!("--{end}"), &range(op, port)?), 3))
        }
        [end @ ("port" | "sport" | "dport"), port, ..] => {
            let first = range("=", port)?;
            let others: Vec<String> = words[2..].iter().map_while(|word| numbers(word)).collect();
            let ports = [first].into_iter().chain(others.iter().cloned()).collect::<Vec<_>>();
            Some((option(&format!("--{end}"), &ports.join(",")), 2 + others.len()))
        }
        [word, ..] => alone(word).map(|options| (options, 1)),
        [] => None,
    }
}

/// Returns the options that are equivalent to a single word.
fn alone(word: &str) -> Option<Vec<String>> {
    let option = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    if let Some(ports) = word.strip_prefix(':').or(Some(word)).and_then(numbers) {
        return Some(option("--port", &ports));
    }
    if let Some(options) = address_options("--addr", "--port", word) {
        return Some(options);
    }
    if ["tcp4", "tcp6", "udp4", "udp6"].contains(&word) {
        return Some(vec![format!("--{word}")]);
    }
    match family::parse(word) {
        Ok(Families::One(_)) if word != "link" && word != "udplite" => {
            return Some(vec![format!("--{}", word.to_lowercase())])
        }
        Ok(_) => return Some(option("-f", word)),
        Err(_) => {}
    }
    if state::is_word(word) {
        return Some(option("--state", word));
    }
    if selection::find(word).is_ok() || matches!(word, "common" | "set") {
        return Some(option("-O", word));
    }
    let service = word.strip_prefix(':').unwrap_or(word);
    let is_service = services::parse(service, &services::database()).is_ok();
    is_service.then(|| option("--port", service))
}

/// The option for the port of `src` or `dst`.
fn port_of(end: &str) -> &'static str {
    if end == "src" {
        "--sport"
    } else {
        "--dport"
    }
}

/// The options for an address, a network, or an address with a port: `10.0.0.5:443`, `[::1]:80`, `:443`.
fn address_options(address: &str, port: &str, word: &str) -> Option<Vec<String>> {
    if parse_network(word).is_ok() {
        return Some(vec![address.to_owned(), word.to_owned()]);
    }
    if word == "localhost" {
        return Some(vec![address.to_owned(), LOCALHOST.to_owned()]);
    }
    // The zone of an address is an interface.
    if let Some((bare, zone)) = word.trim_matches(['[', ']']).split_once('%') {
        let is_address = parse_network(bare).is_ok();
        return is_address.then(|| [address, bare, "--interface", zone].map(str::to_owned).into());
    }
    let (host, service) = word.rsplit_once(':')?;
    let service = range("=", service)?;
    // One end must have both.
    if address == "--addr" && !matches!(host, "" | "*") && operand::address(word).is_ok() {
        return Some(vec![address.to_owned(), word.to_owned()]);
    }
    let host = if host == "localhost" { LOCALHOST } else { host };
    match host {
        "" | "*" => Some(vec![port.to_owned(), service]),
        host if host == LOCALHOST || parse_network(host).is_ok() => {
            Some([address, host, port, &service].map(str::to_owned).into())
        }
        _ => None,
    }
}

/// Returns a comparison of a port as a range.
fn range(op: &str, port: &str) -> Option<String> {
    let port = port.strip_prefix(':').unwrap_or(port);
    if matches!(op, "=" | "==" | "eq") {
        return services::parse(port, &services::database()).is_ok().then(|| port.to_owned());
    }
    let number: u16 = port.parse().ok()?;
    match op {
        ">=" | "ge" | "geq" => Some(format!("{number}-65535")),
        ">" | "gt" => Some(format!("{}-65535", number.checked_add(1)?)),
        "<=" | "le" | "leq" => Some(format!("0-{number}")),
        "<" | "lt" => Some(format!("0-{}", number.checked_sub(1)?)),
        _ => None,
    }
}

/// A port, or a list or range of ports, in digits.
fn numbers(word: &str) -> Option<String> {
    let is_number = word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || c == '-' || c == ',');
    let parse = |port| services::parse(port, &services::database());
    (is_number && word.split(',').all(|port| parse(port).is_ok())).then(|| word.to_owned())
}

/// The option, the operator and the value of a comparison such as `keepalive=0` or `rcvbuf>=65536`.
pub fn comparison(word: &str) -> Option<(&str, &str, &str)> {
    let is_operator = |c: char| "=!<>".contains(c);
    let (name, rest) = word.split_at(word.find(is_operator).filter(|begin| *begin > 0)?);
    let (op, value) = rest.split_at(rest.find(|c| !is_operator(c)).unwrap_or(rest.len()));
    let op = match op {
        "=" | "==" => "==",
        "!=" | "<" | "<=" | ">" | ">=" => op,
        _ => return None,
    };
    Some((name, op, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        options(&words).map_or("-".to_owned(), |options| options.join(" "))
    }

    #[test]
    fn words_and_the_options_that_mean_the_same() {
        for (words, options) in [
            (":443", "--port 443"),
            ("443", "--port 443"),
            ("8000-8100", "--port 8000-8100"),
            ("10.0.0.5", "--addr 10.0.0.5"),
            ("10.0.0.5:443", "--addr 10.0.0.5:443"),
            ("[::1]:443", "--addr [::1]:443"),
            ("fe80::1%eth0", "--addr fe80::1 --interface eth0"),
            ("state established", "--state established"),
            ("sport = :443", "--sport 443"),
            ("sport :443", "--sport 443"),
            ("dport 443 5432", "--dport 443,5432"),
            ("dport ge :1024", "--dport 1024-65535"),
            ("dport < :1024", "--dport 0-1023"),
            ("dst 10.0.0.0/8 and dport = :443", "--dst 10.0.0.0/8 --dport 443"),
            ("dst 10.0.0.5:443", "--dst 10.0.0.5 --dport 443"),
            ("src = 10.0.0.5", "--src 10.0.0.5"),
            ("localhost:80", "--addr localhost:80"),
            ("dev eth0", "--interface eth0"),
            ("state listening sport = :80", "--state listening --sport 80"),
            ("listening", "--state listening"),
            ("TCP_NODELAY", "-O TCP_NODELAY"),
            ("unix", "--unix"),
            ("tcp6 port 443", "--tcp6 --port 443"),
            ("inet6", "-f inet6"),
            // Expressions without an equivalent option.
            ("dport = :80 or dport = :443", "-"),
            ("not dport = :80", "-"),
            ("dport != :80", "-"),
            ("exclude established", "-"),
            ("nonsense", "-"),
            ("70000", "-"),
        ] {
            assert_eq!(meant(words), options, "{words}");
        }
    }
}
