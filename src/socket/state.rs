//! The states of sockets: the words that are printed, and all words that are accepted for them.

use std::fmt;

use crate::text::suggest;

/// A state, named as in netstat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    Established = 1,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    /// A connectionless socket without a peer, or a unix socket that is neither connected nor listening.
    Unconnected,
    /// A number that is not known to knetstat.
    Unknown,
}

use State::*;

/// Every state, in order. The first eleven have the numbers of include/net/tcp_states.h.
pub const ALL: [State; 13] = [
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    Unconnected,
    Unknown,
];

impl State {
    /// The state of a TCP socket with this number in the kernel (include/net/tcp_states.h).
    pub fn of_tcp(number: u8) -> State {
        match number {
            1..=11 => ALL[usize::from(number) - 1],
            12 => SynRecv,
            _ => Unknown,
        }
    }

    /// The state of a UDP socket, for which the kernel uses two of the TCP states. It does the same for all
    /// other sockets that are not streams. Sockets of families without states have 0 or the state of a new
    /// socket.
    pub fn of_udp(number: u8) -> State {
        match number {
            1 => Established,
            0 | 7 => Unconnected,
            _ => Unknown,
        }
    }

    /// The state of a unix socket. It also depends on whether the socket has a struct socket:
    /// net/unix/af_unix.c, unix_seq_show().
    pub fn of_unix(number: u8, accepted: bool) -> State {
        match (number, accepted) {
            (10, _) => Listen,
            (1, true) => Established,
            (1, false) => SynSent,
            (_, true) => Unconnected,
            (_, false) => Closing,
        }
    }

    /// The state of an XDP socket with this number in the kernel (include/net/xdp_sock.h). As in ss, it is
    /// unconnected whether it is bound or not. If its interface is gone, it can no longer be used.
    pub fn of_xdp(number: u8) -> State {
        match number {
            0 | 1 => Unconnected,
            2 => Close,
            _ => Unknown,
        }
    }

    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Established => "ESTABLISHED",
            SynSent => "SYN_SENT",
            SynRecv => "SYN_RECV",
            FinWait1 => "FIN_WAIT1",
            FinWait2 => "FIN_WAIT2",
            TimeWait => "TIME_WAIT",
            Close => "CLOSE",
            CloseWait => "CLOSE_WAIT",
            LastAck => "LAST_ACK",
            Listen => "LISTEN",
            Closing => "CLOSING",
            Unconnected => "UNCONN",
            Unknown => "UNKNOWN",
        }
    }

    /// The word that is printed for a unix socket, as in netstat.
    pub fn unix_word(self) -> &'static str {
        match self {
            Established => "CONNECTED",
            SynSent => "CONNECTING",
            Listen => "LISTENING",
            Closing => "DISCONNECTING",
            other => other.word(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States(u16);

impl States {
    /// Every state.
    pub const ALL: States = States(u16::MAX);

    const fn of(states: &[State]) -> States {
        let mut bits = 0;
        let mut i = 0;
        while i < states.len() {
            bits |= 1 << states[i] as u16;
            i += 1;
        }
        States(bits)
    }

    const fn without(self, other: States) -> States {
        States(self.0 & !other.0)
    }

    /// The union of both sets.
    pub fn union(self, other: States) -> States {
        States(self.0 | other.0)
    }

    /// The intersection of both sets.
    pub fn intersection(self, other: States) -> States {
        States(self.0 & other.0)
    }

    /// Whether the state is in the set.
    pub fn contains(self, state: State) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    /// The kernel's numbers of these states, with bit n for number n, for the BPF programs.
    pub fn mask(self, state_of: fn(u8) -> State) -> u32 {
        (0..32).filter(|&n| self.contains(state_of(n))).fold(0, |mask, n| mask | 1 << n)
    }
}

impl FromIterator<State> for States {
    fn from_iter<T: IntoIterator<Item = State>>(states: T) -> States {
        States(states.into_iter().fold(0, |bits, state| bits | 1 << state as u16))
    }
}

/// The states that `-l` selects, including that of connectionless sockets without a peer.
pub const LISTENING: States = States::of(&[Listen, Unconnected]);

/// The states of mini-sockets, which ss(8) calls bucket.
const BUCKET: States = States::of(&[TimeWait, SynRecv]);
const CONNECTED: States = States::ALL.without(States::of(&[Listen, Close, Unconnected, Unknown]));

/// All words for states and groups, in lower case and without `-` and `_`: those that are printed and those
/// of netstat(8), followed by those of ss(8) and of the knetstat kernel module.
static WORDS: &[(&str, States)] = &[
    ("established", States::of(&[Established])),
    ("synsent", States::of(&[SynSent])),
    ("synrecv", States::of(&[SynRecv])),
    ("finwait1", States::of(&[FinWait1])),
    ("finwait2", States::of(&[FinWait2])),
    ("timewait", States::of(&[TimeWait])),
    ("close", States::of(&[Close])),
    ("closewait", States::of(&[CloseWait])),
    ("lastack", States::of(&[LastAck])),
    ("listen", States::of(&[Listen])),
    ("closing", States::of(&[Closing])),
    ("unconn", States::of(&[Unconnected])),
    ("unknown", States::of(&[Unknown])),
    ("estab", States::of(&[Established])),
    ("listening", States::of(&[Listen])),
    ("connecting", States::of(&[SynSent])),
    ("disconnecting", States::of(&[Closing])),
    ("closed", States::of(&[Close, Unconnected])),
    ("unconnected", States::of(&[Close, Unconnected])),
    ("all", States::ALL),
    ("connected", CONNECTED),
    ("synchronized", CONNECTED.without(States::of(&[SynSent]))),
    ("bucket", BUCKET),
    ("big", States::ALL.without(BUCKET)),
    ("estb", States::of(&[Established])),
    ("syns", States::of(&[SynSent])),
    ("synr", States::of(&[SynRecv])),
    ("fnw1", States::of(&[FinWait1])),
    ("fnw2", States::of(&[FinWait2])),
    ("timw", States::of(&[TimeWait])),
    ("clsd", States::of(&[Close, Unconnected])),
    ("clsw", States::of(&[CloseWait])),
    ("lack", States::of(&[LastAck])),
    ("lstn", States::of(&[Listen])),
    ("clsg", States::of(&[Closing])),
];

/// The groups that are offered.
const GROUPS: [&str; 5] = ["all", "connected", "synchronized", "bucket", "big"];

/// Parses a word for states. A prefix is accepted if it is unambiguous.
///
/// # Errors
///
/// If the word is empty, unknown or an ambiguous prefix, a sentence that suggests the nearest words.
pub fn parse(word: &str) -> Result<States, String> {
    let key = key(word);
    if key.is_empty() {
        return Err("empty word (expected a state, such as LISTEN)".into());
    }
    if let Some((_, states)) = WORDS.iter().find(|(known, _)| *known == key) {
        return Ok(*states);
    }
    // A prefix of a printed word takes precedence over a prefix of another word.
    let printed = ALL.into_iter().filter(|state| self::key(state.word()).starts_with(&key));
    if let [state] = printed.collect::<Vec<_>>()[..] {
        return Ok(States::of(&[state]));
    }
    match begun_by(&key)[..] {
        [(_, states)] => Ok(states),
        [] => Err(suggest::unknown("state", word, words())),
        ref several => {
            let words: Vec<&str> = several.iter().map(|(word, _)| *word).collect();
            Err(suggest::ambiguous("state", word, &words))
        }
    }
}

/// The distinct states that begin with this prefix, each with a word for it.
fn begun_by(key: &str) -> Vec<(&'static str, States)> {
    let mut meant: Vec<(&str, States)> = Vec::new();
    for (word, states) in WORDS.iter().filter(|(word, _)| word.starts_with(key)) {
        if !meant.iter().any(|(_, other)| other == states) {
            meant.push((printed(word, *states), *states));
        }
    }
    meant
}

/// A word that [`parse`] reads as these states. Empty if it reads none so.
pub fn word_of(states: States) -> &'static str {
    let known = WORDS.iter().find(|(_, known)| *known == states);
    known.map_or("", |(word, states)| printed(word, *states))
}

/// Whether this is a complete word for a state or a group.
pub fn is_word(word: &str) -> bool {
    let key = key(word);
    WORDS.iter().any(|(known, _)| *known == key)
}

/// The form in which words are compared.
fn key(word: &str) -> String {
    word.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

/// The words that are offered: the printed words of all states, followed by the groups.
pub fn words() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|state| state.word()).chain(GROUPS)
}

/// The word that is printed for a state, or the word of a group.
fn printed(word: &'static str, states: States) -> &'static str {
    ALL.iter().find(|state| States::of(&[**state]) == states).map_or(word, |state| state.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printed_word_is_understood() {
        for state in ALL {
            assert_eq!(parse(state.word()), Ok(States::of(&[state])));
        }
    }

    #[test]
    fn words_of_three_programs_in_any_case() {
        for word in ["LISTEN", "listening", "LSTN", "Listen"] {
            assert_eq!(parse(word), Ok(States::of(&[Listen])), "{word}");
        }
        assert_eq!(parse("fin-wait-1"), parse("FIN_WAIT1"));
        assert_eq!(parse("FNW1"), parse("FIN_WAIT1"));
        assert_eq!(parse("bucket").unwrap().mask(State::of_tcp), 1 << 6 | 1 << 3 | 1 << 12);
    }

    #[test]
    fn the_beginning_of_one_state_will_do() {
        for (word, state) in [
            ("est", "ESTABLISHED"),
            ("uncon", "UNCONN"),
            ("TIME", "TIME_WAIT"),
            ("synch", "synchronized"),
        ] {
            assert_eq!(parse(word), parse(state), "{word}");
        }
        let said = parse("syn").unwrap_err();
        assert_eq!(
            said,
            "ambiguous state 'syn' (did you mean SYN_SENT, SYN_RECV or synchronized?)"
        );
        assert!(parse("").is_err() && parse("-").is_err());
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest() {
        assert!(parse("lisn").unwrap_err().contains("LISTEN"));
    }
}
