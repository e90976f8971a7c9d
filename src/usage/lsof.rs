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
        'u' => {
            let is_name = !value.is_empty() && !value.starts_with('^');
            is_name.then(|| vec!["--user".into(), value.into()])
        }
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

/// The options that mean the same as a whole command line of lsof(8), such as `-nP -iTCP -sTCP:LISTEN`; `None`
/// if a letter has no meaning here.
pub fn line(words: &[String]) -> Option<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let (mut selections, mut are_joined) = (0, false);
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let mut rest = word.strip_prefix('-').filter(|it| !it.is_empty())?;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            if matches!(letter, 'n' | 'P' | 'a') {
                are_joined |= letter == 'a';
                continue;
            }
            let is_next = rest.is_empty() && words.peek().is_some_and(|it| !it.starts_with('-'));
            let value = if is_next { words.next()?.as_str() } else { std::mem::take(&mut rest) };
            selections += usize::from(letter != 's');
            if letter != 'i' || !value.is_empty() {
                found.push(options(letter, value)?);
            }
        }
    }
    // lsof lists what one of several selections selects, unless -a joins them.
    let mut all: Vec<String> = Vec::new();
    for options in found {
        let is_repeated = options.first().is_some_and(|first| all.contains(first));
        all.extend(options.into_iter().skip(is_repeated.into()));
    }
    (!all.is_empty() && (selections < 2 || are_joined)).then_some(all)
}

/// The options that print the PIDs alone, for a command line of lsof(8) with the letter for that: `-ti:22`.
pub fn terse(words: &[String]) -> Option<Vec<String>> {
    let is_short = |word: &&String| word.starts_with('-') && !word.starts_with("--");
    // The letters up to the value of -i.
    let letters = |word: &String| word.split('i').next().unwrap_or_default().to_owned();
    words.iter().filter(is_short).any(|word| letters(word).contains('t')).then_some(())?;
    let without = |word: &String| match is_short(&word) {
        true => letters(word).replace('t', "") + &word[letters(word).len()..],
        false => word.clone(),
    };
    let words: Vec<String> = words.iter().map(without).filter(|word| word != "-").collect();
    let options = ["-H", "--columns", "pid"].map(str::to_owned);
    line(&words).map(|line| options.into_iter().chain(line).collect())
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
    fn lines() {
        let meant = |line_: &str| {
            let words: Vec<String> = line_.split(' ').map(str::to_owned).collect();
            line(&words).map(|options| options.join(" "))
        };
        for (typed, expected) in [
            ("-nP -iTCP -sTCP:LISTEN", "-t --state LISTEN"),
            ("-iTCP:22 -sTCP:LISTEN -P -n", "-t --port 22 --state LISTEN"),
            ("-Pni :22", "--port 22"),
            ("-a -p 1 -i :22", "--pid 1 --port 22"),
            ("-p 1 -a -i", "--pid 1"),
            ("-u root -i :22 -a", "--user root --port 22"),
        ] {
            assert_eq!(meant(typed).as_deref(), Some(expected), "{typed}");
        }
        // Either of two, no value, and letters of other programs.
        for typed in ["-p 1 -i :22", "-i :22 -i :80", "-nPi", "-ti :22", "--tcp -i :22", "-i :22 x"]
        {
            assert_eq!(meant(typed), None, "{typed}");
        }
    }

    #[test]
    fn lines_that_ask_for_pids() {
        let meant = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            terse(&words).map(|options| options.join(" "))
        };
        for typed in ["-ti:22", "-ti :22", "-t -i :22", "-i :22 -t", "-nPti:22"] {
            assert_eq!(meant(typed).as_deref(), Some("-H --columns pid --port 22"), "{typed}");
        }
        for typed in ["-i:22", "--tcp -i :22", "-itcp:22", "-t"] {
            assert_eq!(meant(typed), None, "{typed}");
        }
    }

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
            ('i', "tcp@10.0.0.5:22", "-t --addr 10.0.0.5:22"),
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
