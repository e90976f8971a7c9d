//! Keys: what can be asked of a socket by name. A key is a column of THE TABLE of columns, an option of THE
//! TABLE of options, or a member of an option that is a structure.

use std::fmt;

use crate::options::catalogue::CATALOGUE;
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
    /// A member of an option whose value is a structure, by its name in C.
    Member(usize, &'static str),
}

impl Key {
    /// Parses a name in any case: of a column as `--columns` accepts it but not abbreviated, of an option
    /// with or without its prefix, or `option.member`. A column takes precedence over an option without its
    /// prefix: `type` is the column, and `so_type` the option.
    ///
    /// # Errors
    ///
    /// If there is no such name, or several, a sentence that suggests the nearest names.
    pub fn parse(word: &str) -> Result<Key, String> {
        if let Some(column) = columns::exact(word) {
            return Ok(Key::Column(column));
        }
        if let Some((option, member)) = word.rsplit_once('.') {
            let index = option_named(option)?.ok_or_else(|| unknown(word))?;
            return member_of(index, member);
        }
        option_named(word)?.map(Key::Option).ok_or_else(|| unknown(word))
    }

    /// Parses a word of a list of names, which must not be empty.
    ///
    /// # Errors
    ///
    /// As [`Key::parse`].
    pub fn parse_in_list(word: &str) -> Result<Key, String> {
        match word.trim() {
            "" => Err("empty word (name at least one column or option)".into()),
            word => Key::parse(word),
        }
    }

    /// The option, or the option that the member belongs to, by its index in the catalogue.
    pub fn option(self) -> Option<usize> {
        match self {
            Key::Column(_) => None,
            Key::Option(index) | Key::Member(index, _) => Some(index),
        }
    }

    /// The option, or the option that the member belongs to.
    pub fn option_spec(self) -> Option<&'static OptionSpec> {
        self.option().map(|index| &CATALOGUE[index])
    }

    /// Whether the descriptors that hold the socket must be known.
    pub fn needs_holders(self) -> bool {
        matches!(self, Key::Column(column) if column.needs() == Needs::Holders)
    }
}

/// Writes the name that [`Key::parse`] reads back: `dport`, `so_keepalive`, `so_linger.l_linger`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Key::Column(column) => f.write_str(column.name()),
            Key::Option(index) => f.write_str(&CATALOGUE[*index].name.to_lowercase()),
            Key::Member(index, member) => {
                write!(f, "{}.{member}", CATALOGUE[*index].name.to_lowercase())
            }
        }
    }
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

fn unknown(word: &str) -> String {
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
            ("SO_RCVTIMEO_OLD", "so_rcvtimeo"),
            ("Foreign Address", "remote"),
        ] {
            assert_eq!(Key::parse(word).map(|key| key.to_string()), Ok(key.to_owned()), "{word}");
        }
    }

    #[test]
    fn wrong_names() {
        for (word, part) in [
            ("keepalve", "unknown name 'keepalve' (did you mean keepalive?)"),
            ("freebind", "ip_freebind or ipv6_freebind"),
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
