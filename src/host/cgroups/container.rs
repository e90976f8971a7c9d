//! Containers, recognized by the shape of the paths that their runtimes give control groups.

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The runtime, or `kubernetes` if only that is known.
    pub runtime: &'static str,
    /// 64 hexadecimal digits.
    pub id: String,
    /// The UID of its pod, in Kubernetes.
    pub pod: Option<String>,
}

/// The runtimes, by the word before the ID in the name of a group.
const RUNTIMES: [(&[u8], &str); 6] = [
    (b"docker", "docker"),
    (b"cri-containerd", "containerd"),
    (b"nerdctl", "containerd"),
    (b"crio", "cri-o"),
    (b"libpod", "podman"),
    // With --cgroups=split, as in the units of Quadlet: the group of the container in that of the service.
    (b"libpod-payload", "podman"),
];

/// How many digits of an ID are printed, as by docker-ps(1).
const SHORT: usize = 12;

impl Container {
    /// The container whose group has this path or is above it. The innermost, if one is in another.
    ///
    /// With systemd as the manager of groups, a name is `docker-ID.scope`, or `…:cri-containerd:ID` for a runtime that
    /// was told to use systemd and does not. Otherwise it is the ID alone, and the names above it tell the runtime:
    /// `/docker/ID`, `/kubepods/burstable/podUID/ID`. Podman prefixes `libpod-` in either case.
    pub fn of(path: &[u8]) -> Option<Container> {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        (0..parts.len()).rev().find_map(|n| {
            let (above, name) = (&parts[..n], parts[n]);
            let (runtime, id) = named(name).or_else(|| unnamed(above, name))?;
            let pod = above.iter().chain([&name]).rev().find_map(|part| pod(part));
            Some(Container { runtime, id, pod })
        })
    }

    /// The container as it is printed.
    pub fn word(&self) -> String {
        format!("{}:{}", self.runtime, self.short_id())
    }

    /// The ID as it is printed.
    pub fn short_id(&self) -> &str {
        self.id.get(..SHORT).unwrap_or(&self.id)
    }
}

/// The runtime and the ID in a name that has both.
fn named(name: &[u8]) -> Option<(&'static str, String)> {
    let name = name.strip_suffix(b".scope").unwrap_or(name);
    let split = name.iter().rposition(|byte| matches!(byte, b'-' | b':'))?;
    let (before, id) = (&name[..split], id(&name[split + 1..])?);
    // Before a colon: the slice, another colon, and the runtime.
    let word = before.rsplit(|byte| *byte == b':').next()?;
    let (_, runtime) = RUNTIMES.iter().find(|(known, _)| *known == word)?;
    Some((runtime, id))
}

/// The runtime and the ID if the name is only the ID.
fn unnamed(above: &[&[u8]], name: &[u8]) -> Option<(&'static str, String)> {
    let id = id(name)?;
    match *above.last()? {
        b"docker" => Some(("docker", id)),
        part if pod(part).is_some() => Some(("kubernetes", id)),
        _ => None,
    }
}

fn id(bytes: &[u8]) -> Option<String> {
    let is_id = bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit);
    is_id.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The UID of a pod in the name of its group: `podUID`, or `kubepods-burstable-podUID.slice`, where underscores
/// replace the dashes, which systemd would take for levels of slices. The levels of the kubelet's --cgroup-root come
/// before: `kubelet-kubepods-burstable-podUID.slice`.
fn pod(name: &[u8]) -> Option<String> {
    let name = name.split(|byte| *byte == b':').next()?;
    let uid = match name.strip_suffix(b".slice") {
        Some(slice) if slice.split(|byte| *byte == b'-').any(|level| level == b"kubepods") => {
            let begin = slice.windows(4).rposition(|part| part == b"-pod")?;
            &slice[begin + 4..]
        }
        Some(_) => return None,
        None => name.strip_prefix(b"pod")?,
    };
    let is_uid =
        uid.len() >= 32 && uid.iter().all(|byte| byte.is_ascii_hexdigit() || b"-_".contains(byte));
    is_uid.then(|| String::from_utf8_lossy(uid).replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796";
    const UID: &str = "0d2b9a8e-6c1f-4a57-9f3b-5e6d7c8b9a0f";

    #[track_caller]
    fn assert_is(path: &str, runtime: &str, pod: Option<&str>) {
        let path = path.replace("ID", ID).replace("UUU", &UID.replace('-', "_"));
        let container = Container::of(path.replace("PPP", UID).as_bytes()).expect("a container");
        let found = (container.runtime, container.id.as_str(), container.pod.as_deref());
        assert_eq!(found, (runtime, ID, pod), "{path}");
    }

    #[test]
    fn each_runtime_has_its_shapes() {
        assert_is("/system.slice/docker-ID.scope", "docker", None);
        assert_is("/docker/ID", "docker", None);
        assert_is("/docker/ID/init.scope", "docker", None);
        assert_is("/system.slice/docker-ID.scope/system.slice/nginx.service", "docker", None);
        assert_is("/machine.slice/libpod-ID.scope", "podman", None);
        assert_is("/machine.slice/libpod-ID.scope/container", "podman", None);
        let user = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope";
        assert_is(user, "podman", None);
        assert_is("/libpod_parent/libpod-ID", "podman", None);
        assert_is("/system.slice/web.service/libpod-payload-ID", "podman", None);
        assert_is("/system.slice/web.service/libpod-payload-ID/init.scope", "podman", None);
        assert_is("/system.slice/nerdctl-ID.scope", "containerd", None);
    }

    #[test]
    fn pods_have_a_uid() {
        let slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUUU.slice";
        assert_is(&format!("{slice}/cri-containerd-ID.scope"), "containerd", Some(UID));
        assert_is(&format!("{slice}/crio-ID.scope"), "cri-o", Some(UID));
        assert_is(&format!("{slice}/docker-ID.scope"), "docker", Some(UID));
        assert_is("/kubepods/besteffort/podPPP/ID", "kubernetes", Some(UID));
        assert_is("/kubepods.slice/kubepods-podUUU.slice/crio-ID.scope", "cri-o", Some(UID));
        let colons =
            "/system.slice/containerd.service/kubepods-burstable-podUUU.slice:cri-containerd:ID";
        assert_is(colons, "containerd", Some(UID));
        let below = "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice";
        let slice = format!("{below}/kubelet-kubepods-burstable-podUUU.slice");
        assert_is(&format!("{slice}/cri-containerd-ID.scope"), "containerd", Some(UID));
        assert_is("/kubelet/kubepods/burstable/podPPP/ID", "kubernetes", Some(UID));
        assert_is("/app.slice/app-podUUU.slice/crio-ID.scope", "cri-o", None);
    }

    #[test]
    fn a_container_in_a_container_is_the_innermost() {
        let outer = "a".repeat(64);
        let path = format!("/docker/{outer}/kubepods/podPPP/ID");
        assert_is(&path, "kubernetes", Some(UID));
    }

    #[test]
    fn other_groups_are_no_containers() {
        let conmon = format!("/machine.slice/libpod-conmon-{ID}.scope");
        let crio = format!("/system.slice/crio-conmon-{ID}.scope");
        for path in ["/", "/docker", "/docker/abc", "/system.slice/docker.service", &conmon, &crio]
        {
            assert_eq!(Container::of(path.as_bytes()), None, "{path}");
        }
        assert_eq!(Container::of(format!("/app/{ID}").as_bytes()), None);
    }
}
