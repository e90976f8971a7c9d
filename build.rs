//! Compiles bpf/knetstat.bpf.c and generates its skeleton, which src/bpf.rs includes.

use std::env;
use std::path::PathBuf;

use anyhow::Context;
use libbpf_cargo::SkeletonBuilder;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=vmlinux");

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is set by cargo")?);
    SkeletonBuilder::new()
        .source("bpf/knetstat.bpf.c")
        .clang_args(["-Ivmlinux", "-Wall", "-Werror"])
        .build_and_generate(out.join("knetstat.skel.rs"))
        .context("compile bpf/knetstat.bpf.c (this needs clang; `make` installs it)")
}
