//! Options of lsof(8) with their values, translated to options of knetstat.

use crate::socket::state;
use crate::usage::terms;

/// Returns the options that mean the same as a letter of lsof with this value.
pub fn options(letter: char, value: &str) -> Option<Vec<String>> {
    match letter {
        'i' => internet(value),
        'c' => {
            (!value.is_empty() && !is_number(value)).then(|| vec!["--command".into(), value.into()])
        }
        'p' => value.split(',').all(is_number).then(|| vec!["--pid".into(), value.into()]),
        's' => {
            let (protocol, words) = value.split_once(':')?;
            let protocol = protocol_option(protocol)?;
            words
                .split(',')
                .all(state::is_word)
                .then(|| vec![protocol.into(), "--state".into(), words.into()])
        }
        _ => None,
    }
}

/// Parses the value of `-i`: `[46][protocol][@host][:port]`.
fn internet(value: &str) -> Option<Vec<String>> {
    let mut options = Vec::new();
    let mut rest = value;
    for (digit, option) in [("4", "-4"), ("6", "-6")] {
        // The 4 of `-i 443` is not a version.
        let after =
            rest.strip_prefix(digit).filter(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(after) = after {
            options.push(option.to_owned());
            rest = after;
        }
    }
    let end = rest.find(['@', ':']).unwrap_or(rest.len());
    if end > 0 {
        options.push(protocol_option(&rest[..end])?.to_owned());
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        let rest = rest.strip_prefix('@').unwrap_or(rest);
        options.extend(terms::options(&[rest])?);
    }
    (!options.is_empty()).then_some(options)
}

fn protocol_option(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "tcp" => Some("-t"),
        "udp" | "udplite" => Some("-u"),
        _ => None,
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_with_values() {
        let meant = |letter, value| options(letter, value).map(|options| options.join(" "));
        for (letter, value, expected) in [
            ('i', ":443", "--port 443"),
            ('i', "tcp", "-t"),
            ('i', "TCP:1-1024", "-t --port 1-1024"),
            ('i', "4", "-4"),
            ('i', "6UDP:53", "-6 -u --port 53"),
            ('i', "@10.0.0.5", "--addr 10.0.0.5"),
            ('i', "tcp@10.0.0.5:22", "-t --addr 10.0.0.5 --port 22"),
            ('c', "nginx", "--command nginx"),
            ('p', "1,2", "--pid 1,2"),
            ('s', "TCP:LISTEN", "-t --state LISTEN"),
        ] {
            assert_eq!(meant(letter, value).as_deref(), Some(expected), "-{letter} {value}");
        }
        assert_eq!(meant('i', "eth0"), None);
        assert_eq!(meant('c', "1"), None);
    }
}
