//! The kernel's types as the program reads them, and the small file of types for libbpf: both agree with
//! the types that libbpf reads.

use std::collections::BTreeMap;
use std::fs;

use knetstat::kernel::btf::KernelBtf;
use libbpf_rs::btf::types::{Composite, Enum, Func};
use libbpf_rs::btf::Btf;

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

fn kernel() -> KernelBtf {
    KernelBtf::from_file(KERNEL).expect("the types of this kernel are understood")
}

/// Returns the members of a structure: their offsets, and the sizes of those that have one.
fn members(types: &Btf, name: &str) -> BTreeMap<String, String> {
    let of: Composite = types.type_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let described = of.iter().map(|member| {
        let member_type = types.type_by_id::<libbpf_rs::btf::BtfType>(member.ty);
        let kind = member_type.map(|it| it.skip_mods_and_typedefs().kind());
        let name = member.name.map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), format!("{:?} {kind:?}", member.attr))
    });
    described.collect()
}

#[test]
fn it_tells_what_the_kernel_tells() {
    let file = kernel().minimize().expect("a file");
    let few = Btf::from_path(file.path()).expect("libbpf understands it");
    let all = Btf::from_path(KERNEL).expect("BTF");
    assert!(few.len() * 10 < all.len(), "{} of {} types", few.len(), all.len());
    for name in ["sock", "sock_common", "tcp_sock", "inet_sock", "unix_sock", "task_struct", "net"]
    {
        let expected = members(&all, name);
        assert!(expected.len() > 3, "{name}");
        assert_eq!(members(&few, name), expected, "{name}");
    }
    let values = |types: &Btf| -> Vec<String> {
        let of: Enum = types.type_by_name("bpf_func_id").expect("an enumeration");
        of.iter().map(|value| format!("{:?} {}", value.name, value.value)).collect()
    };
    assert!(values(&all).len() > 100, "the kernel has that many helpers");
    assert_eq!(values(&few), values(&all));
}

#[test]
fn the_iterators_are_those_of_the_kernel() {
    let btf = kernel();
    let all = Btf::from_path(KERNEL).expect("BTF");
    for name in ["tcp", "udp", "unix", "netlink", "task", "task_file"] {
        // A structure may have the same name.
        let own = format!("bpf_iter_{name}");
        let mut functions = (1..all.len()).filter_map(|id| {
            let function: Func = all.type_by_id(u32::try_from(id).ok()?.into())?;
            (function.name()?.to_str() == Some(own.as_str())).then(|| u32::from(function.type_id()))
        });
        let expected = functions.next();
        let told = btf.iterators().iter().find(|iterator| iterator.name == name);
        assert_eq!(told.map(|iterator| iterator.id), expected, "{name}");
    }
    assert!(btf.iterators().iter().any(|iterator| iterator.name == "tcp"));
}

#[test]
fn what_the_kernel_has_is_asked_of_its_types() {
    let btf = kernel();
    assert!(btf.has_type("tcp_sock") && !btf.has_type("no_such_sock"));
    assert!(btf.has_helper("BPF_FUNC_seq_write") && !btf.has_helper("BPF_FUNC_no_such_helper"));
    assert!(btf.has_member("sock", "sk_protocol") && !btf.has_member("sock", "no_such_member"));
    assert!(!btf.has_member("no_such_sock", "sk_protocol"));
    // In an unnamed union.
    assert!(btf.has_member("packet_fanout", "bpf_prog"));
    assert!(KernelBtf::from_file("/nowhere").is_none());
}

/// The worst consequence of a damaged file is that libbpf has to search itself.
#[test]
fn damage() {
    let whole = fs::read(KERNEL).expect("BTF");
    let path = std::env::temp_dir().join(format!("knetstat-{}-btf", std::process::id()));
    let taken = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        let btf = KernelBtf::from_file(path.to_str().expect("UTF-8"));
        btf.and_then(|btf| btf.minimize()).is_some()
    };
    assert!(taken(&whole));
    for length in [0, 1, 7, 8, 23, 24, 25, 1000, whole.len() / 2, whole.len() - 1] {
        assert!(!taken(&whole[..length]), "{length} bytes");
    }
    for place in [0, 4, 8, 12, 16, 20] {
        let mut damaged = whole.clone();
        damaged[place..place + 4].fill(0xff);
        assert!(!taken(&damaged), "at {place}");
    }
    // A kind of type that was added later.
    let mut damaged = whole.clone();
    let header = u32::from_ne_bytes([whole[4], whole[5], whole[6], whole[7]]) as usize;
    damaged[header + 7] = 31;
    assert!(!taken(&damaged));
    fs::remove_file(path).expect("the file");
}
