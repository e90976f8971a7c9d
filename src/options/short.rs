//! Short names: option names without their prefix, in lower case.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::options::catalogue::CATALOGUE;
use crate::options::spec::OptionSpec;

/// Short names, by the name of the option.
static SHORT_NAMES: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for option in CATALOGUE {
        names(option).for_each(|name| *owners.entry(without_prefix(name)).or_default() += 1);
    }
    let short = |option: &OptionSpec| {
        let bare = without_prefix(option.name);
        let is_plain = owners[bare] == 1 && !bare.starts_with(|c: char| c.is_ascii_digit());
        let name = if is_plain || option.level.name == "IPPROTO_TCP" { bare } else { option.name };
        name.to_ascii_lowercase()
    };
    CATALOGUE.iter().map(|option| (option.name, short(option))).collect()
});

/// Returns the name without SO_, TCP_ and so on, in lower case. If several options share such a name, it
/// belongs to the TCP option, and the others keep their prefix: `nodelay` and `sctp_nodelay`, `ip_freebind`
/// and `ipv6_freebind`. A name that would begin with a digit also keeps its prefix.
pub fn short_name(option: &OptionSpec) -> &'static str {
    SHORT_NAMES.get(option.name).map_or("", String::as_str)
}

/// The name of an option, followed by its aliases.
pub fn names(option: &OptionSpec) -> impl Iterator<Item = &'static str> {
    [option.name].into_iter().chain(option.aliases.iter().copied())
}

/// The name without SO_, TCP_ and so on.
pub fn without_prefix(name: &str) -> &str {
    name.split_once('_').map_or(name, |(_, bare)| bare)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::options::catalogue;
    use crate::options::selection::find;

    #[test]
    fn every_option_has_one_that_no_other_has() {
        let short: BTreeSet<&str> = CATALOGUE.iter().map(short_name).collect();
        assert_eq!(short.len(), CATALOGUE.len());
        for name in short {
            let begins = |letter: char| letter.is_ascii_lowercase();
            assert!(name.starts_with(begins), "{name}");
            assert!(!["common", "set", "all"].contains(&name), "{name} is a word of -O");
            assert!(!name.contains(|c: char| c.is_ascii_uppercase()), "{name}");
        }
    }

    #[test]
    fn each_selects_its_option() {
        for option in CATALOGUE {
            let found = find(short_name(option)).expect("an option");
            let found: Vec<&str> = found.iter().map(|index| CATALOGUE[*index].name).collect();
            assert!(found.contains(&option.name), "{}: {found:?}", option.name);
            let is_shared = option.level.name == "IPPROTO_TCP";
            assert!(is_shared || found.len() == 1, "{}: {found:?}", option.name);
        }
    }

    #[test]
    fn prefixes_stay_where_they_tell_options_apart() {
        for (name, short) in [
            ("SO_KEEPALIVE", "keepalive"),
            ("TCP_NODELAY", "nodelay"),
            ("SCTP_NODELAY", "sctp_nodelay"),
            ("TCP_INQ", "inq"),
            ("SO_INQ", "so_inq"),
            ("IP_FREEBIND", "ip_freebind"),
            ("IPV6_FREEBIND", "ipv6_freebind"),
            ("IPV6_V6ONLY", "v6only"),
            ("IPV6_2292PKTINFO", "ipv6_2292pktinfo"),
        ] {
            assert_eq!(catalogue::named(name).map(short_name), Some(short));
        }
    }
}
