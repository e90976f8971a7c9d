//! Values that come from the network namespace or from a route while the socket has none of its own, and
//! values that a socket copies when it is created.

use super::scene::{Scene, Subject, Version};
use crate::common::{self, not_tested};
use crate::getsockopt::Tally;

/// The values to set, one after the other. Not every kernel has all sysctls.
const SYSCTLS: [(&str, &[&str]); 24] = [
    ("net/ipv4/tcp_keepalive_time", &["300", "32767", "1"]),
    ("net/ipv4/tcp_keepalive_intvl", &["7", "32767", "1"]),
    ("net/ipv4/tcp_keepalive_probes", &["4", "127", "1"]),
    ("net/ipv4/tcp_syn_retries", &["3", "127", "1"]),
    ("net/ipv4/tcp_fin_timeout", &["11", "600", "1"]),
    ("net/ipv4/ip_default_ttl", &["255", "33", "1"]),
    ("net/ipv6/conf/all/hop_limit", &["44", "255", "1"]),
    ("net/ipv6/conf/lo/hop_limit", &["55", "2", "200"]),
    ("net/ipv6/conf/default/hop_limit", &["66", "3", "100"]),
    ("net/ipv6/bindv6only", &["0", "1", "0"]),
    ("net/ipv6/auto_flowlabels", &["0", "2", "3", "1"]),
    ("net/ipv4/ip_no_pmtu_disc", &["1", "3", "0"]),
    ("net/ipv4/tcp_notsent_lowat", &["16384", "1"]),
    ("net/ipv4/tcp_congestion_control", &["reno"]),
    ("net/ipv4/tcp_wmem", &["8192 50000 100000", "4096 16384 4194304"]),
    ("net/ipv4/tcp_rmem", &["8192 60000 200000", "4096 131072 6291456"]),
    ("net/ipv4/tcp_fastopen", &["1027", "0", "1"]),
    ("net/core/somaxconn", &["33"]),
    ("net/ipv4/tcp_adv_win_scale", &["3", "-2"]),
    ("net/ipv4/tcp_ecn", &["1"]),
    ("net/ipv4/tcp_pingpong_thresh", &["3", "255", "1"]),
    ("net/ipv4/tcp_rto_min_us", &["100000", "400000"]),
    ("net/ipv4/tcp_rto_max_ms", &["60000", "1000"]),
    ("net/core/txrehash", &["0", "1"]),
];

/// Returns the sysctls that this kernel has.
fn sysctls() -> Vec<(&'static str, &'static [&'static str])> {
    let is_here = |(name, _): &(&str, _)| {
        std::fs::exists(format!("/proc/sys/{name}")).is_ok_and(|there| there)
    };
    let (here, missing): (Vec<_>, Vec<_>) = SYSCTLS.into_iter().partition(is_here);
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        not_tested(&format!("sysctls that this kernel does not have: {}", names.join(", ")));
    }
    here
}

fn sockets(scene: &Scene, when: &str) -> Vec<Subject> {
    let mut all = Vec::new();
    for version in Version::ALL {
        for make in [Scene::tcp, Scene::udp] {
            let made = make(scene, version, &mut |_| ()).unwrap_or_else(|error| {
                // With bindv6only, an IPv6 socket cannot be connected to an IPv4 address.
                let only = std::fs::read_to_string("/proc/sys/net/ipv6/bindv6only");
                let is_forbidden = version == Version::Mapped && only.is_ok_and(|it| it != "0\n");
                assert!(is_forbidden, "{version:?} {when}: {error}");
                Vec::new()
            });
            let story = format!("nothing, but made {when}");
            all.extend(made.into_iter().map(|made| Subject { story: story.clone(), ..made }));
        }
    }
    all
}

/// Sockets from before and after a change. Some values change with the sysctl, and others do not.
#[test]
fn values_of_the_namespace() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut subjects = sockets(&scene, "at first");
    let sysctls = sysctls();
    let most = sysctls.iter().map(|(_, values)| values.len()).max().unwrap_or_default();
    assert!(most > 2, "every sysctl is missing");
    for changes in 1..=most {
        let values = sysctls.iter().filter_map(|(name, it)| Some((name, it.get(changes - 1)?)));
        values.for_each(|(name, value)| common::sysctl(name, value));
        subjects.extend(sockets(&scene, &format!("after {changes} changes")));
        tally.compare("-tu", &subjects);
    }
    tally.finish("tcp/udp: sysctls", "");
}

#[test]
fn hop_limits_of_routes() {
    let scene = Scene::enter();
    common::ip("-6 route del local ::1 table local");
    common::ip("-6 route add local ::1 dev lo table local hoplimit 77");
    common::ip("route del local 127.0.0.1 table local");
    common::ip("route add local 127.0.0.1 dev lo table local src 127.0.0.1 hoplimit 88");
    let subjects = sockets(&scene, "with routes of their own hop limit");
    let mut tally = Tally::default();
    tally.compare("-tu", &subjects);
    let shown = common::sockets("-t");
    for limit in [77, 88] {
        let seen = shown.iter().any(|socket| socket["options"]["IPV6_UNICAST_HOPS"] == limit);
        assert!(seen, "no socket has the hop limit {limit} of its route");
    }
    tally.finish("tcp/udp: routes", "");
}
