//! Compiles the programs in bpf/, generates a skeleton for each object, which
//! src/kernel/skeleton.rs includes, and lists the kernel types that the programs refer to.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::btf::{Btf, BtfKind, BtfType};
use object::build::elf::{Builder, SectionData};
use object::elf;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=vmlinux");
    println!("cargo:rustc-env=KNETSTAT_RECORDS={:016x}", records()?);

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is set by cargo")?);
    let mut names = BTreeSet::new();
    for name in ["walks", "tables", "files", "module", "pins"] {
        let source = format!("bpf/{name}.bpf.c");
        let object = out.join(name).with_extension("bpf.o");
        let mut builder = SkeletonBuilder::new();
        builder.source(&source).obj(&object).clang_args(["-Ivmlinux", "-Wall", "-Werror"]);
        builder
            .build()
            .with_context(|| format!("compile {source} (this needs clang; `make` installs it)"))?;
        shrink(&object).with_context(|| format!("shrink {source}"))?;
        builder.generate(out.join(name).with_extension("skel.rs"))?;
        names.extend(type_names(&object)?);
    }
    let names: Vec<String> = names.into_iter().collect();
    Ok(fs::write(out.join("types.rs"), format!("{names:?}"))?)
}

/// A number that changes with the records that the programs write: the FNV-1a hash of the sources in bpf/. It also changes
/// with a comment, but no change of what a record means can be overlooked.
fn records() -> anyhow::Result<u64> {
    let entries = fs::read_dir("bpf")?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<anyhow::Result<Vec<PathBuf>>>()?;
    paths.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for path in paths {
        for byte in fs::read(path)? {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(hash)
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

/// Removes what only serves debuggers. The line numbers of an object are a quarter of a megabyte, which every start
/// would hand to the kernel, and only add the lines of the source to the verifier's log. The labels inside of
/// functions, symbols without a type, are 40 KB.
fn shrink(path: &Path) -> anyhow::Result<()> {
    let object = fs::read(path)?;
    let mut builder = Builder::read(&*object)?;
    for symbol in builder.symbols.iter_mut() {
        symbol.delete = symbol.st_type() == elf::STT_NOTYPE && symbol.name.starts_with(b"LBB");
    }
    for section in builder.sections.iter_mut().filter(|it| it.name.as_slice() == b".BTF.ext") {
        if let SectionData::Data(data) = &mut section.data {
            *data = without_lines(data).context("unknown form of .BTF.ext")?.into();
        }
    }
    // libbpf keeps the names of sections with those of symbols, and the builder does not.
    let names = builder.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = elf::SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut written = Vec::new();
    builder.write(&mut written)?;
    Ok(fs::write(path, written)?)
}

/// The section without its line numbers: tools/lib/bpf/libbpf_internal.h, struct btf_ext_header. Behind the
/// header are the functions, the lines and the CO-RE relocations, each with an offset from the header's end and a
/// length.
fn without_lines(ext: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 4;
    const LINES: usize = 16;
    const RELOCATIONS: usize = 24;
    let number =
        |at: usize| Some(u32::from_le_bytes(ext.get(at..at + 4)?.try_into().ok()?) as usize);
    let (header, begin, length) = (number(HEADER)?, number(LINES)?, number(LINES + 4)?);
    let relocations = number(RELOCATIONS)?;
    let mut kept = ext.get(..header + begin)?.to_vec();
    kept.extend_from_slice(ext.get(header + begin + length..)?);
    let moved = u32::try_from(relocations.checked_sub(length)?).ok()?;
    kept[LINES + 4..LINES + 8].copy_from_slice(&0u32.to_le_bytes());
    kept[RELOCATIONS..RELOCATIONS + 4].copy_from_slice(&moved.to_le_bytes());
    Some(kept)
}
