//! Compiles the programs in bpf/, links them into one object, and generates its skeleton, which
//! src/bpf.rs includes.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::Linker;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=vmlinux");

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is set by cargo")?);
    let linked = out.join("knetstat.bpf.o");
    let mut linker = Linker::new(&linked)?;
    for source in ["bpf/tables.bpf.c", "bpf/files.bpf.c"] {
        let object = compile(source, &out)?;
        linker.add_file(&object).with_context(|| format!("link {}", object.display()))?;
    }
    linker.link().context("link the programs in bpf/")?;
    SkeletonBuilder::new()
        .obj(&linked)
        .generate(out.join("knetstat.skel.rs"))
        .context("generate the skeleton of the programs in bpf/")
}

fn compile(source: &str, out: &Path) -> anyhow::Result<PathBuf> {
    let name = Path::new(source).file_stem().context("a source has a name")?;
    let object = out.join(name).with_extension("o");
    SkeletonBuilder::new()
        .source(source)
        .obj(&object)
        .clang_args(["-Ivmlinux", "-Wall", "-Werror"])
        .build()
        .with_context(|| format!("compile {source} (this needs clang; `make` installs it)"))?;
    Ok(object)
}
