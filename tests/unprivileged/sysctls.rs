//! `knetstat options` names the sysctls that the BPF programs read.

use std::collections::BTreeSet;

use knetstat::options::reference::sysctls;

const FACTS: &str = include_str!("../../bpf/options.h");

/// Returns the option of a fact, and the last part of the name of the sysctl that the fact is read from:
/// `VALUE(IP_TTL__sysctl, BITS(net, ipv4.sysctl_ip_default_ttl))`
fn sysctl(line: &str) -> Option<(&str, &str)> {
    const BEFORE: [&str; 4] =
        ["ipv4.sysctl_", "ipv6.sysctl.", "ipv6.devconf_all, ", "core.sysctl_"];
    let (_, fact) = line.split_once("VALUE(").or_else(|| line.split_once("FLAG("))?;
    let (name, read) = fact.split_once(',')?;
    let member = BEFORE.iter().find_map(|before| Some(read.split_once(before)?.1))?;
    Some((name.split("__").next()?, member.split(')').next()?))
}

#[test]
fn sysctls_that_are_read_are_named() {
    // The facts of a column belong to no option.
    let of_option = |(name, _): &(&str, &str)| *name != "DEAD_AFTER";
    let read: BTreeSet<_> = FACTS.lines().filter_map(sysctl).filter(of_option).collect();
    assert!(read.len() > 10, "only {read:?}");
    let facts = FACTS.lines().filter(|line| line.contains("__sysctl,")).count();
    let found = FACTS.lines().filter(|line| line.contains("__sysctl,") && sysctl(line).is_some());
    assert_eq!(found.count(), facts, "a fact of a sysctl in another form");
    for (option, member) in read {
        let mut named = sysctls::of(option).map(|sysctl| sysctl.name);
        assert!(named.any(|name| name.ends_with(&format!(".{member}"))), "{option}: {member}");
    }
}
