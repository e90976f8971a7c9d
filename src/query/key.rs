//! Keys: what can be asked of a socket by name. A key is a column of THE TABLE of columns, an option of THE
//! TABLE of options, or a member of an option that is a structure.

use std::fmt;

use crate::options::catalogue::{named, CATALOGUE};
use crate::options::kind::ValueKind;
use crate::options::reference::sysctls;
use crate::options::short::{names, short_name, without_prefix};
use crate::options::spec::OptionSpec;
use crate::query::columns::{self, Column, Needs};
use crate::text::suggest;

/// A column, an option, or a member of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Column(Column),
    /// An option, by its index in the catalogue.
    Option(usize),
    /// An option that both versions of IP have, by the indexes of that of IPv4 and that of IPv6. The second
    /// counts for a socket that has it.
    Versions(usize, usize),
    /// A member of an option whose value is a structure, by its name in C.
    Member(usize, &'static str),
}

impl Key {
    /// Parses a name in any case: of a column as `--columns` accepts it but not abbreviated, of an option
    /// with or without its prefix, or `option.member`. The name of a column takes precedence over an option
    /// without its prefix: `type` is the column, and `so_type` the option. An option takes precedence over
    /// other words for a column: `reuseport` is the option, though JSON has the column `group` so.
    ///
    /// # Errors
    ///
    /// If there is no such name, or several, a sentence that suggests the nearest names.
    pub fn parse(word: &str) -> Result<Key, String> {
        let column = columns::exact(word);
        if let Some(column) = column.filter(|column| column.name().eq_ignore_ascii_case(word)) {
            return Ok(Key::Column(column));
        }
        if let Some((option, member)) = word.rsplit_once('.') {
            let index = option_named(option)?.ok_or_else(|| unknown(word))?;
            return member_of(index, member);
        }
        Key::option(word)?.or(column.map(Key::Column)).ok_or_else(|| unknown(word))
    }

    /// Finds the option with this name, with or without its prefix, even if a column has the same name.
    ///
    /// # Errors
    ///
    /// If there are several, a sentence with their names.
    pub fn option(word: &str) -> Result<Option<Key>, String> {
        match versions(word) {
            Some(key) => Ok(Some(key)),
            None => Ok(option_named(word)?.map(Key::Option)),
        }
    }

    /// Parses a word of a list of names, which must not be empty.
    ///
    /// # Errors
    ///
    /// As [`Key::parse`].
    pub fn parse_in_list(word: &str) -> Result<Key, String> {
        match word.trim() {
            "" => Err("empty word (name at least one column or option)".into()),
            word => Key::parse(word).map_err(|error| in_list("name", word).unwrap_or(error)),
        }
    }

    /// Parses a word of `--columns`.
    ///
    /// # Errors
    ///
    /// As [`columns::parse`]. If the word is an option, the sentence says how to show it.
    pub fn parse_column(word: &str) -> Result<Column, String> {
        columns::parse(word).map_err(|error| match Key::parse(word) {
            Ok(Key::Option(_) | Key::Versions(..)) => format!(
                "'{word}' is an option, and options are in one column (knetstat --columns local,options -O {word})"
            ),
            _ => in_list("column", word).unwrap_or(error),
        })
    }

    /// The options that must be known, by their indexes in the catalogue.
    pub fn options(self) -> impl Iterator<Item = usize> {
        let (first, second) = match self {
            Key::Column(_) => (None, None),
            Key::Option(index) | Key::Member(index, _) => (Some(index), None),
            Key::Versions(ip, ipv6) => (Some(ip), Some(ipv6)),
        };
        first.into_iter().chain(second)
    }

    /// The kind of the option's values. `None` for a column, and for a member, which is a number.
    pub fn option_kind(self) -> Option<ValueKind> {
        match self {
            Key::Column(_) | Key::Member(..) => None,
            Key::Option(index) | Key::Versions(index, _) => Some(CATALOGUE[index].kind),
        }
    }

    /// Whether this must be collected for a column.
    pub fn needs(self, needs: Needs) -> bool {
        matches!(self, Key::Column(column) if column.needs() == needs)
    }
}

/// Writes the name that [`Key::parse`] reads back: `dport`, `so_keepalive`, `so_linger.l_linger`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Key::Column(column) => f.write_str(column.name()),
            Key::Option(index) => f.write_str(&CATALOGUE[*index].name.to_lowercase()),
            Key::Versions(ip, _) => {
                f.write_str(&without_prefix(CATALOGUE[*ip].name).to_lowercase())
            }
            Key::Member(index, member) => {
                write!(f, "{}.{member}", CATALOGUE[*index].name.to_lowercase())
            }
        }
    }
}

/// The option of both versions of IP that has this name without its prefix, if no other option has it.
fn versions(word: &str) -> Option<Key> {
    let is = |option: &OptionSpec| without_prefix(option.name).eq_ignore_ascii_case(word);
    let found: Vec<usize> = (0..CATALOGUE.len()).filter(|index| is(&CATALOGUE[*index])).collect();
    let [ip, ipv6] = found[..] else { return None };
    let are_versions = CATALOGUE[ip].level.name == "IPPROTO_IP"
        && CATALOGUE[ipv6].level.name == "IPPROTO_IPV6"
        && CATALOGUE[ip].kind == CATALOGUE[ipv6].kind;
    are_versions.then_some(Key::Versions(ip, ipv6))
}

/// The option with this name, by its index in the catalogue.
fn option_named(word: &str) -> Result<Option<usize>, String> {
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    let exact = |option: &OptionSpec| is(short_name(option)) || names(option).any(is);
    if let Some(index) = CATALOGUE.iter().position(exact) {
        return Ok(Some(index));
    }
    let has = |option: &OptionSpec| names(option).any(|name| is(without_prefix(name)));
    let found: Vec<usize> = (0..CATALOGUE.len()).filter(|index| has(&CATALOGUE[*index])).collect();
    match found[..] {
        [] => Ok(None),
        [index] => Ok(Some(index)),
        _ => {
            let names: Vec<&str> =
                found.iter().map(|index| short_name(&CATALOGUE[*index])).collect();
            Err(suggest::ambiguous("name", word, &names))
        }
    }
}

fn member_of(index: usize, word: &str) -> Result<Key, String> {
    let option = &CATALOGUE[index];
    let members = option.kind.members();
    match members.iter().find(|member| member.eq_ignore_ascii_case(word)) {
        Some(member) => Ok(Key::Member(index, member)),
        None if members.is_empty() => Err(format!("{} has no members", option.name)),
        None => Err(suggest::unknown(&format!("member of {}", option.name), word, members.iter())),
    }
}

/// Words of expressions that are not names, and of other programs for them, and the names to use in a list.
const IN_LISTS: [(&[&str], &str); 6] = [
    (&["dst"], "remote or daddr"),
    (&["src"], "local or saddr"),
    (&["raddr"], "daddr"),
    (&["laddr"], "saddr"),
    (&["port"], "sport or dport"),
    (&["addr", "host", "ip", "net"], "saddr or daddr"),
];

fn in_list(thing: &str, word: &str) -> Option<String> {
    let is = |known: &&str| known.eq_ignore_ascii_case(word);
    let (_, names) = IN_LISTS.iter().find(|(words, _)| words.iter().any(is))?;
    Some(format!("unknown {thing} '{word}' (did you mean {names}?)"))
}

/// Names of other programs, and the names here.
const ELSEWHERE: [(&str, &str); 23] = [
    ("cmd", "command"),
    ("comm", "command"),
    ("proc", "command"),
    ("process", "command"),
    ("args", "cmdline"),
    ("lstart", "started"),
    ("start_time", "started"),
    ("euser", "process_user"),
    ("euid", "process_user"),
    ("raddr", "daddr"),
    ("laddr", "saddr"),
    ("dstport", "dport"),
    ("remoteport", "dport"),
    ("rport", "dport"),
    ("srcport", "sport"),
    ("localport", "sport"),
    ("lport", "sport"),
    ("device", "interface"),
    ("if", "interface"),
    ("iface", "interface"),
    ("host", "addr"),
    ("ip", "addr"),
    ("net", "addr"),
];

fn unknown(word: &str) -> String {
    if let Some((_, name)) = ELSEWHERE.iter().find(|(it, _)| it.eq_ignore_ascii_case(word)) {
        return format!("unknown name '{word}' (did you mean {name}?)");
    }
    let options = sysctls::options_of(word);
    if !options.is_empty() {
        let of = |option| named(option).map_or(option, short_name);
        let names: Vec<&str> = options.into_iter().take(3).map(of).collect();
        return format!(
            "unknown name '{word}' (for the option of this sysctl: {})",
            suggest::listed(&names, "or")
        );
    }
    let columns = Column::ALL.into_iter().map(Column::name);
    let known: Vec<&str> = columns.chain(CATALOGUE.iter().map(short_name)).collect();
    match suggest::nearest(word, &known).is_empty() {
        false => suggest::unknown("name", word, known.into_iter()),
        true => format!(
            "unknown name '{}' (expected a column, or an option that 'knetstat options' lists)",
            crate::text::escaped(word.as_bytes())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        let columns = Column::ALL.into_iter().map(Key::Column);
        let options = (0..CATALOGUE.len()).map(Key::Option);
        let members = (0..CATALOGUE.len()).flat_map(|index| {
            CATALOGUE[index].kind.members().into_iter().map(move |name| Key::Member(index, name))
        });
        for key in columns.chain(options).chain(members) {
            assert_eq!(Key::parse(&key.to_string()), Ok(key));
            assert_eq!(Key::parse(&key.to_string().to_uppercase()), Ok(key));
        }
    }

    #[test]
    fn prefixes_may_be_left_out() {
        for (word, key) in [
            ("keepalive", "so_keepalive"),
            ("NoDelay", "tcp_nodelay"),
            ("sctp_nodelay", "sctp_nodelay"),
            ("type", "type"),
            ("so_type", "so_type"),
            ("linger.l_linger", "so_linger.l_linger"),
            ("mtu_discover", "mtu_discover"),
            ("ip_freebind", "ip_freebind"),
            ("SO_RCVTIMEO_OLD", "so_rcvtimeo"),
            ("Foreign Address", "remote"),
            ("reuseport", "so_reuseport"),
            ("Recv-Q", "recvq"),
        ] {
            assert_eq!(Key::parse(word).map(|key| key.to_string()), Ok(key.to_owned()), "{word}");
        }
    }

    #[test]
    fn wrong_names() {
        for (word, part) in [
            ("LPORT", "unknown name 'LPORT' (did you mean sport?)"),
            ("keepalve", "unknown name 'keepalve' (did you mean keepalive?)"),
            ("multicast_if", "ip_multicast_if or ipv6_multicast_if"),
            ("zzzzz", "knetstat options"),
            ("linger.l_x", "l_onoff or l_linger"),
            ("nodelay.x", "TCP_NODELAY has no members"),
            ("", "unknown name ''"),
        ] {
            let error = Key::parse(word).unwrap_err();
            assert!(error.contains(part), "{word}: {error}");
        }
    }
}
