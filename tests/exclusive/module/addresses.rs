//! IPv6 addresses in the files, compared with %pI6c of the kernel, which a tracepoint prints.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddrV6;
use std::path::{Path, PathBuf};

use super::{assert_same, Files};
use crate::common::{enter_namespace, not_tested, permit_descriptors, say};
use nix::mount::{mount, umount, MsFlags};

use super::scene::{bind_anywhere, ipv6_addresses};

/// An instance of the tracing file system, of which one event is enabled.
struct Trace {
    mounted: PathBuf,
    instance: PathBuf,
}

impl Trace {
    /// `None` if this kernel has no such tracepoint.
    fn begin() -> Option<Trace> {
        const NOTHING: Option<&str> = None;
        let mounted = std::env::temp_dir().join(format!("knetstat-trace-{}", std::process::id()));
        fs::create_dir(&mounted).expect("a directory");
        if mount(Some("none"), &mounted, Some("tracefs"), MsFlags::empty(), NOTHING).is_err() {
            fs::remove_dir(&mounted).expect("the directory");
            return None;
        }
        let instance = mounted.join("instances").join(format!("knetstat-{}", std::process::id()));
        let has_instance = fs::create_dir(&instance).is_ok();
        let trace = Trace { mounted, instance };
        let event = trace.instance.join("events/sock/inet_sock_set_state");
        let is_on = has_instance
            && fs::write(event.join("filter"), "newstate == 10").is_ok()
            && fs::write(event.join("enable"), "1").is_ok();
        is_on.then_some(trace)
    }

    /// The IPv6 addresses of the sockets that began to listen, by their ports.
    fn addresses(&self) -> BTreeMap<u16, String> {
        let text = fs::read_to_string(self.instance.join("trace")).expect("the trace");
        let member = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}="))?;
            Some(rest.split(' ').next().unwrap_or_default().to_owned())
        };
        let address =
            |line: &str| Some((member(line, "sport")?.parse().ok()?, member(line, "saddrv6")?));
        text.lines().filter(|line| line.contains("family=AF_INET6")).filter_map(address).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        remove(&self.instance);
        let _ = umount(&self.mounted);
        remove(&self.mounted);
    }
}

fn remove(directory: &Path) {
    let _ = fs::remove_dir(directory);
}

#[test]
fn ipv6_addresses_are_written_as_in_the_kernel() {
    let _turn = crate::exclusive();
    permit_descriptors(4096);
    enter_namespace();
    let Some(trace) = Trace::begin() else {
        return not_tested("IPv6 addresses of --module: this kernel has no inet_sock_set_state");
    };
    let files = Files::load();
    let sockets: Vec<_> = ipv6_addresses()
        .into_iter()
        .zip(10_000..)
        .filter_map(|(address, port)| {
            let at = SocketAddrV6::new(address, port, 0, super::scene::scope(address));
            let socket = bind_anywhere(at, socket2::Type::STREAM)?;
            socket.listen(1).expect("listen");
            Some((port, socket))
        })
        .collect();
    let traced = trace.addresses();
    let [_, lines, ..] = assert_same(&files);
    let mut compared = 0;
    for (port, _) in &sockets {
        // The buffer of the trace may be too small for all of them.
        let Some(expected) = traced.get(port) else { continue };
        let start = format!(
            "     0      0 {:23} :::*                    LSTN",
            format!("{expected}:{port}")
        );
        assert!(lines.iter().any(|line| line.starts_with(&start)), "no line begins with {start:?}");
        compared += 1;
    }
    assert!(compared > 500, "{compared} of {} addresses were traced", sockets.len());
    say(&format!("module: {compared} IPv6 addresses are written as in the kernel"));
}
