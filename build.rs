//! Compiles the programs in bpf/, and generates a skeleton for each of the two objects, which src/bpf.rs
//! includes.

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

    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is set by cargo")?);
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let mut names = BTreeSet::new();
    for source in ["tables", "files"] {
        let object = compile(source, &out)?;
        names.extend(names_of_types(&object)?);
        if is_release {
            trim(&object).with_context(|| format!("trim {}", object.display()))?;
        }
        let skeleton = out.join(source).with_extension("skel.rs");
        SkeletonBuilder::new()
            .obj(&object)
            .generate(&skeleton)
            .with_context(|| format!("generate the skeleton of {}", object.display()))?;
        if is_release {
            compress(&object, &skeleton)
                .with_context(|| format!("compress {}", object.display()))?;
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    Ok(fs::write(out.join("types.rs"), format!("{names:?}"))?)
}

/// Puts the object into the program in a compressed form, a fifth of it: src/bpf.rs has what takes it
/// out again.
fn compress(object: &Path, skeleton: &Path) -> anyhow::Result<()> {
    let compressed = lz4_flex::block::compress_prepend_size(&fs::read(object)?);
    let file = object.with_extension("lz4");
    fs::write(&file, compressed)?;
    let text = fs::read_to_string(skeleton)?;
    let (before, rest) =
        text.split_once("static DATA: [u8;").context("the skeleton has no data")?;
    let (_, after) = rest.split_once("\n    ];").context("the data of the skeleton has no end")?;
    let lazy = format!(
        "static DATA: std::sync::LazyLock<Vec<u8>> = \
         std::sync::LazyLock::new(|| crate::bpf::decompressed(include_bytes!({file:?})));"
    );
    Ok(fs::write(skeleton, [before, &lazy, after].concat())?)
}

fn compile(name: &str, out: &Path) -> anyhow::Result<PathBuf> {
    let source = format!("bpf/{name}.bpf.c");
    let object = out.join(name).with_extension("bpf.o");
    SkeletonBuilder::new()
        .source(&source)
        .obj(&object)
        .clang_args(["-Ivmlinux", "-Wall", "-Werror"])
        .build()
        .with_context(|| format!("compile {source} (this needs clang; `make` installs it)"))?;
    Ok(object)
}

/// The names of the structures, unions and enumerations that the programs may look for in the kernel,
/// without the flavours that they give them.
fn names_of_types(object: &Path) -> anyhow::Result<BTreeSet<String>> {
    let types = Btf::from_path(object).context("read the types of the programs")?;
    let named = (1..types.len() as u32).filter_map(|id| types.type_by_id::<BtfType>(id.into()));
    let sought = named.filter(|it| {
        let kind = it.kind();
        matches!(kind, BtfKind::Struct | BtfKind::Union | BtfKind::Enum | BtfKind::Enum64)
    });
    let names = sought.filter_map(|it| Some(it.name()?.to_str()?.to_owned()));
    let bare = |name: String| name.split("___").next().unwrap_or_default().to_owned();
    Ok(names.map(bare).collect())
}

/// Takes out of the object what only serves to read the verifier's log: the lines of the source, and
/// the labels of jumps. That is two fifths of it.
fn trim(object: &Path) -> anyhow::Result<()> {
    let whole = fs::read(object)?;
    let mut builder = Builder::read(whole.as_slice())?;
    for symbol in &mut builder.symbols {
        symbol.delete |= symbol.name.starts_with(b"LBB");
    }
    for section in &mut builder.sections {
        if section.name.as_slice() != b".BTF.ext" {
            continue;
        }
        if let SectionData::Data(data) = &mut section.data {
            let trimmed = without_lines(data).context("the section .BTF.ext is not understood")?;
            *data = trimmed.into();
        }
    }
    // libbpf keeps the sections' names with those of the symbols; here they have a place of their own.
    let names = builder.sections.add();
    names.name = ".shstrtab".into();
    names.sh_type = elf::SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut trimmed = Vec::new();
    builder.write(&mut trimmed)?;
    Ok(fs::write(object, trimmed)?)
}

/// A section .BTF.ext without its lines. It has a header that says how long it is, and at byte 8
/// where its three parts begin, counted from the header's end, and how long they are: functions,
/// lines, relocations (struct btf_ext_header in the kernel's tools/lib/bpf/libbpf_internal.h).
fn without_lines(data: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| -> Option<usize> {
        let bytes = data.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    let header = word(4)?;
    let (lines, length) = (header + word(16)?, word(20)?);
    let relocations = word(24)?.checked_sub(length)?;
    if header + relocations != lines {
        return None;
    }
    let mut trimmed = [data.get(..lines)?, data.get(lines + length..)?].concat();
    trimmed.get_mut(20..24)?.fill(0);
    trimmed.get_mut(24..28)?.copy_from_slice(&u32::try_from(relocations).ok()?.to_ne_bytes());
    Some(trimmed)
}
