//! Values that come from the network namespace or from a route as long as the socket has none of its
//! own, and those that a socket copies when it is made.

use crate::common;
use crate::compare::Tally;
use crate::scene::{Scene, Subject, Version};

/// What is changed, one after the other.
const CHANGES: [(&str, &str); 35] = [
    ("net/ipv4/tcp_keepalive_time", "300"),
    ("net/ipv4/tcp_keepalive_intvl", "7"),
    ("net/ipv4/tcp_keepalive_probes", "4"),
    ("net/ipv4/tcp_keepalive_time", "32767"),
    ("net/ipv4/tcp_keepalive_intvl", "32767"),
    ("net/ipv4/tcp_keepalive_probes", "127"),
    ("net/ipv4/tcp_syn_retries", "3"),
    ("net/ipv4/tcp_syn_retries", "127"),
    ("net/ipv4/tcp_syn_retries", "1"),
    ("net/ipv4/tcp_fin_timeout", "11"),
    ("net/ipv4/tcp_fin_timeout", "600"),
    ("net/ipv4/ip_default_ttl", "255"),
    ("net/ipv4/ip_default_ttl", "33"),
    ("net/ipv6/conf/all/hop_limit", "44"),
    ("net/ipv6/conf/lo/hop_limit", "55"),
    ("net/ipv6/conf/all/hop_limit", "255"),
    ("net/ipv6/conf/default/hop_limit", "66"),
    ("net/ipv6/bindv6only", "1"),
    ("net/ipv6/bindv6only", "0"),
    ("net/ipv6/auto_flowlabels", "0"),
    ("net/ipv6/auto_flowlabels", "2"),
    ("net/ipv6/auto_flowlabels", "3"),
    ("net/ipv6/auto_flowlabels", "1"),
    ("net/ipv4/ip_no_pmtu_disc", "1"),
    ("net/ipv4/ip_no_pmtu_disc", "3"),
    ("net/ipv4/ip_no_pmtu_disc", "0"),
    ("net/ipv4/tcp_notsent_lowat", "16384"),
    ("net/ipv4/tcp_congestion_control", "reno"),
    ("net/ipv4/tcp_wmem", "8192 50000 100000"),
    ("net/ipv4/tcp_rmem", "8192 60000 200000"),
    ("net/ipv4/tcp_fastopen", "1027"),
    ("net/ipv4/tcp_fastopen", "0"),
    ("net/core/somaxconn", "33"),
    ("net/ipv4/tcp_adv_win_scale", "3"),
    ("net/ipv4/tcp_ecn", "1"),
];

/// What only newer kernels have for each namespace.
const NEWER: [(&str, &str); 6] = [
    ("net/ipv4/tcp_pingpong_thresh", "3"),
    ("net/ipv4/tcp_rto_min_us", "100000"),
    ("net/ipv4/tcp_rto_max_ms", "60000"),
    ("net/core/txrehash", "0"),
    ("net/ipv4/tcp_pingpong_thresh", "255"),
    ("net/ipv4/tcp_pingpong_thresh", "1"),
];

fn add_sockets(scene: &Scene, subjects: &mut Vec<Subject>, when: &str) {
    for version in Version::ALL {
        for make in [Scene::tcp, Scene::udp] {
            // With bindv6only no IPv6 socket talks to an IPv4 address.
            let made = make(scene, version, &mut |_| ()).unwrap_or_default();
            subjects.extend(
                made.into_iter().map(|subject| Subject {
                    story: format!("nothing, but made {when}"),
                    ..subject
                }),
            );
        }
    }
}

#[test]
fn values_of_the_namespace() {
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut subjects = Vec::new();
    add_sockets(&scene, &mut subjects, "at first");
    let oldest = subjects.len();
    let newer = NEWER.iter().filter(|(name, _)| {
        std::fs::exists(format!("/proc/sys/{name}")).is_ok_and(|exists| exists)
    });
    for (name, value) in CHANGES.iter().chain(newer) {
        common::sysctl(name, value);
        add_sockets(&scene, &mut subjects, &format!("with {name}={value}"));
        tally.compare(&subjects);
        // The oldest ones stay to the end; the others until the next change.
        subjects.drain(oldest..subjects.len().saturating_sub(oldest).max(oldest));
    }
    tally.finish("sysctls", "");
}

#[test]
fn hop_limits_of_routes() {
    let scene = Scene::enter();
    let mut subjects = Vec::new();
    common::ip("-6 route del local ::1 table local");
    common::ip("-6 route add local ::1 dev lo table local hoplimit 77");
    common::ip("route del local 127.0.0.1 table local");
    common::ip("route add local 127.0.0.1 dev lo table local src 127.0.0.1 hoplimit 88");
    add_sockets(&scene, &mut subjects, "with a route of that hop limit");
    let mut tally = Tally::default();
    tally.compare(&subjects);
    let hops = common::sockets("-t");
    let seen =
        |limit: u64| hops.iter().any(|socket| socket["options"]["IPV6_UNICAST_HOPS"] == limit);
    assert!(seen(77), "no socket uses the hop limit of the route");
    tally.finish("routes", "");
}
