//! The sysctls that the defaults of options come from, and others that affect an option. They are in
//! `sysctls.tsv`.

use std::sync::LazyLock;

use super::table::records;
use crate::host::sysctls;
use crate::socket::kind::SocketKind;

static SYSCTLS: &str = include_str!("sysctls.tsv");

/// A sysctl that affects an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// The option's name, as in the catalogue.
    pub option: &'static str,
    /// The sysctl's name, as sysctl(8) prints it.
    pub name: &'static str,
    pub role: Role,
    /// Further explanation, or an empty string.
    pub note: &'static str,
    sockets: &'static str,
    part: &'static str,
}

/// The role that a sysctl has for an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the value of a new socket.
    Default,
    /// It applies while the option is not set.
    Unset,
    /// It is the largest value that can be set.
    Limit,
    /// It has another role, which the note explains.
    Other,
}

impl Role {
    /// The word in the table and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Role::Default => "default",
            Role::Unset => "unset",
            Role::Limit => "limit",
            Role::Other => "other",
        }
    }

    fn parse(word: &str) -> Option<Role> {
        let all = [Role::Default, Role::Unset, Role::Limit, Role::Other];
        all.into_iter().find(|role| role.word() == word)
    }
}

impl Sysctl {
    /// The value in this network namespace, its numbers separated by blanks. `None` if this kernel or this
    /// namespace does not have the sysctl.
    pub fn value(self) -> Option<String> {
        sysctls::read(self.name)
    }

    /// If the sysctl has several numbers: which of them applies, counted from 1.
    pub fn field(self) -> Option<usize> {
        self.part.parse().ok()
    }

    /// If the option is a structure: the member that the sysctl affects.
    pub fn member(self) -> Option<&'static str> {
        (self.part != "-" && self.field().is_none()).then_some(self.part)
    }

    /// The sockets that the sysctl affects, by the word in the first column of the table. Empty for all
    /// sockets that have the option and no line of their own.
    pub fn sockets(self) -> Vec<&'static str> {
        match self.sockets {
            "*" => Vec::new(),
            words => words.split(',').collect(),
        }
    }

    /// Whether the sysctl affects sockets of this kind.
    pub fn is_for(self, kind: SocketKind) -> bool {
        let names = |sysctl: Sysctl| sysctl.sockets().contains(&kind.word());
        match self.sockets {
            "*" => !of(self.option).any(|other| other.role == self.role && names(other)),
            _ => names(self),
        }
    }
}

/// The sysctls that affect an option.
pub fn of(option: &str) -> impl Iterator<Item = Sysctl> + '_ {
    all().filter(move |sysctl| sysctl.option == option)
}

/// The options of a sysctl, by its name with or without what precedes the last dot, and without `tcp_`: those whose
/// default it is first.
pub fn options_of(name: &str) -> Vec<&'static str> {
    let is = |sysctl: &Sysctl| {
        let last = sysctl.name.rsplit('.').next().unwrap_or(sysctl.name);
        let short = last.strip_prefix("tcp_").unwrap_or(last);
        [sysctl.name, last, short].iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let mut found: Vec<Sysctl> = all().filter(is).collect();
    found.sort_by_key(|sysctl| !matches!(sysctl.role, Role::Default | Role::Unset));
    let mut options: Vec<&str> = Vec::new();
    for sysctl in found {
        if !options.contains(&sysctl.option) {
            options.push(sysctl.option);
        }
    }
    options
}

/// The lines of all options.
pub fn all() -> impl Iterator<Item = Sysctl> {
    static ALL: LazyLock<Vec<Sysctl>> =
        LazyLock::new(|| records(SYSCTLS).filter_map(parse).collect());
    ALL.iter().copied()
}

fn parse([option, sockets, name, part, role, note]: [&'static str; 6]) -> Option<Sysctl> {
    let note = if note == "-" { "" } else { note };
    Some(Sysctl { option, name, role: Role::parse(role)?, note, sockets, part })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::table::lines;
    use super::*;
    use crate::options::catalogue::{named, CATALOGUE};
    use crate::options::kind::ValueKind;

    #[test]
    fn every_line_is_of_an_option_and_in_order() {
        assert_eq!(all().count(), lines(SYSCTLS).count(), "a line of sysctls.tsv is no record");
        let place = |name| CATALOGUE.iter().position(|option| option.name == name);
        let places: Vec<_> = all().map(|sysctl| place(sysctl.option)).collect();
        assert!(!places.contains(&None), "{places:?}");
        assert!(places.is_sorted(), "not in the order of the catalogue");
        let once: BTreeSet<_> =
            all().map(|it| (it.option, it.name, it.part, it.role.word(), it.sockets)).collect();
        assert_eq!(once.len(), all().count(), "a line is there twice");
    }

    #[test]
    fn sockets_and_members_are_known() {
        let kinds: BTreeSet<_> = SocketKind::ALL.map(SocketKind::word).into();
        for sysctl in all() {
            assert!(sysctl.sockets().iter().all(|word| kinds.contains(word)), "{sysctl:?}");
            assert!(sysctl.name.starts_with("net."), "{sysctl:?}");
            assert!(sysctl.role != Role::Other || !sysctl.note.is_empty(), "{sysctl:?}");
            let Some(member) = sysctl.member() else { continue };
            let ValueKind::Struct(layout) = named(sysctl.option).expect("an option").kind else {
                panic!("{} is no structure", sysctl.option);
            };
            assert!(layout.iter().any(|known| known.name == member), "{sysctl:?}");
        }
    }

    #[test]
    fn others_are_those_without_a_line_of_their_own() {
        let names = |kind| {
            let of_kind = of("SO_SNDBUF").filter(|it| it.role == Role::Default && it.is_for(kind));
            of_kind.map(|sysctl| sysctl.name).collect::<Vec<_>>()
        };
        assert_eq!(names(SocketKind::Tcp6), ["net.ipv4.tcp_wmem"]);
        assert_eq!(names(SocketKind::Udp), ["net.core.wmem_default"]);
    }
}
