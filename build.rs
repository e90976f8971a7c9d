//! Compiles the programs in bpf/, generates a skeleton for each of the two objects, which
//! src/kernel/skeleton.rs includes, and lists the kernel types that the programs refer to.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::btf::{Btf, BtfKind, BtfType};

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=vmlinux");

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is set by cargo")?);
    let mut names = BTreeSet::new();
    for name in ["tables", "files"] {
        let source = format!("bpf/{name}.bpf.c");
        let object = out.join(name).with_extension("bpf.o");
        SkeletonBuilder::new()
            .source(&source)
            .obj(&object)
            .clang_args(["-Ivmlinux", "-Wall", "-Werror"])
            .build_and_generate(out.join(name).with_extension("skel.rs"))
            .with_context(|| format!("compile {source} (this needs clang; `make` installs it)"))?;
        names.extend(type_names(&object)?);
    }
    let names: Vec<String> = names.into_iter().collect();
    Ok(fs::write(out.join("types.rs"), format!("{names:?}"))?)
}

/// Returns the names of the structures, unions and enumerations of an object, which libbpf may look up in
/// the kernel. A flavour (`sock___old`) is cut off.
fn type_names(object: &Path) -> anyhow::Result<BTreeSet<String>> {
    let types = Btf::from_path(object).context("read the types of the programs")?;
    let all = (1..types.len() as u32).filter_map(|id| types.type_by_id::<BtfType>(id.into()));
    let composite = all.filter(|it| {
        let kind = it.kind();
        matches!(kind, BtfKind::Struct | BtfKind::Union | BtfKind::Enum | BtfKind::Enum64)
    });
    let names = composite.filter_map(|it| Some(it.name()?.to_str()?.to_owned()));
    let without_flavour = |name: String| name.split("___").next().unwrap_or_default().to_owned();
    Ok(names.map(without_flavour).collect())
}
