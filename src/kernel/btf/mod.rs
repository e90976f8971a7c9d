//! The kernel's types (BTF): the features that the programs can use, and the few types that libbpf needs
//! to relocate the programs.
//!
//! libbpf looks up each type that a program refers to among all types of the kernel, about a hundred
//! thousand, one after the other. If the kernel does not have the type, libbpf searches the types of each
//! module. That would take most of the startup time. libbpf is therefore given a file with only the types
//! that it can find, made in one pass over all types. The same pass finds the iterators, for which libbpf
//! would read all types once more.

mod contents;
mod minimize;
mod parse;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::memfd::{memfd_create, MFdFlags};

use contents::Contents;
use parse::{kind, text, Type, Types};

/// The file in which a kernel exposes its types.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// The names of the structures, unions and enumerations that the programs refer to. build.rs writes the
/// list, sorted.
static NAMES: &[&str] = &include!(concat!(env!("OUT_DIR"), "/types.rs"));

/// The prefix of the functions that declare iterators: include/linux/bpf.h, BPF_ITER_FUNC_PREFIX.
const ITERATOR: &[u8] = b"bpf_iter_";

/// The types of the running kernel, without those of its modules.
pub struct KernelBtf {
    types: Types,
    /// The IDs of the types whose name is one of [`NAMES`].
    named: Vec<usize>,
    iterators: Vec<Iterator>,
}

/// An iterator of the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterator {
    /// Its name, such as `tcp` or `task_file`.
    pub name: String,
    /// The BTF ID of the function that declares it.
    pub id: u32,
}

impl KernelBtf {
    /// Reads the types from [`KERNEL_BTF`] or, if that cannot be read, from the first file in which
    /// libbpf finds them. Returns `None` if there is no such file, or if its format is unknown.
    pub fn load() -> Option<KernelBtf> {
        let contents = Contents::of(KERNEL_BTF).ok().or_else(Contents::found_by_libbpf)?;
        KernelBtf::parse(contents)
    }

    /// Reads the types from another file of the same format.
    pub fn from_file(path: &str) -> Option<KernelBtf> {
        KernelBtf::parse(Contents::of(path).ok()?)
    }

    fn parse(contents: Contents) -> Option<KernelBtf> {
        let sought = Sought::new(NAMES);
        let mut named = Vec::new();
        let mut iterators = Vec::new();
        let types = Types::parse(contents, |id, kind, name| match kind {
            kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 if sought.contains(name) => {
                named.push(id);
            }
            kind::FUNC => iterators.extend(iterator(name, id)),
            _ => (),
        })?;
        Some(KernelBtf { types, named, iterators })
    }

    /// The iterators of the kernel.
    pub fn iterators(&self) -> &[Iterator] {
        &self.iterators
    }

    /// Whether the kernel, without its modules, has a type of this name. Only types that the programs refer
    /// to are found.
    pub fn has_type(&self, name: &str) -> bool {
        self.named_types().any(|it| self.is_named(&it, name))
    }

    /// Whether the kernel has a BPF helper, `BPF_FUNC_...` of enum bpf_func_id.
    pub fn has_helper(&self, name: &str) -> bool {
        let mut helpers = self.named_types().filter(|it| self.is_named(it, "bpf_func_id"));
        helpers.any(|it| self.has_name_inside(&it, name))
    }

    /// Whether the kernel has a structure with this member.
    pub fn has_member(&self, structure: &str, member: &str) -> bool {
        let mut all = self.types.all().filter(|it| it.kind == kind::STRUCT);
        all.any(|it| self.is_named(&it, structure) && self.has_name_within(&it, member))
    }

    /// Whether the kernel has all of these `(type, member)` pairs. Only types that the programs refer to are found.
    pub fn has_members(&self, sought: &[(&str, &str)]) -> bool {
        sought.iter().all(|(name, member)| {
            let mut types = self.named_types().filter(|it| self.is_named(it, name));
            types.any(|it| self.has_name_within(&it, member))
        })
    }

    /// Returns the `(type, member)` pairs whose type the kernel has, but without the member. Only
    /// types that the programs refer to are looked at.
    pub fn lacking<'a>(&self, sought: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut known = vec![false; sought.len()];
        let mut found = vec![false; sought.len()];
        for it in self.named_types() {
            let name = self.types.string(it.name());
            for (nth, (of, member)) in sought.iter().enumerate() {
                if !found[nth] && name == Some(of.as_bytes()) {
                    known[nth] = true;
                    found[nth] = self.has_name_within(&it, member);
                }
            }
        }
        let is_lacking = |nth: &usize| known[*nth] && !found[*nth];
        (0..sought.len()).filter(is_lacking).map(|nth| sought[nth]).collect()
    }

    /// Whether a member or an enumerator has this name, including the members of anonymous structures and
    /// unions.
    fn has_name_within(&self, it: &Type, name: &str) -> bool {
        let is_composite = matches!(it.kind, kind::STRUCT | kind::UNION);
        self.has_name_inside(it, name)
            || is_composite && self.unnamed_types(it).any(|it| self.has_name_within(&it, name))
    }

    /// The structures and unions that are anonymous members.
    fn unnamed_types<'a>(&'a self, it: &'a Type) -> impl std::iter::Iterator<Item = Type<'a>> {
        let members = it.member_names().zip(it.type_fields().into_iter().flatten());
        let unnamed = members.filter(|(name, _)| self.types.string(*name) == Some(b""));
        let types = unnamed.filter_map(|(_, at)| self.types.get(parse::word(it.bytes, at)?));
        types.filter(|it| matches!(it.kind, kind::STRUCT | kind::UNION))
    }

    fn named_types(&self) -> impl std::iter::Iterator<Item = Type<'_>> {
        self.named.iter().filter_map(|id| self.types.get(*id))
    }

    fn is_named(&self, it: &Type, name: &str) -> bool {
        self.types.string(it.name()) == Some(name.as_bytes())
    }

    /// Whether a direct member or an enumerator has this name.
    fn has_name_inside(&self, it: &Type, name: &str) -> bool {
        it.member_names().any(|at| self.types.string(at) == Some(name.as_bytes()))
    }

    /// Makes a file with only the types that the programs refer to. Returns `None` if the file cannot be
    /// made or cannot be opened by its path. libbpf then has to search the kernel's types by itself.
    pub fn minimize(&self) -> Option<MinimizedBtf> {
        let file = File::from(memfd_create(c"btf", MFdFlags::MFD_CLOEXEC).ok()?);
        (&file).write_all(&minimize::minimize(&self.types, &self.named)?).ok()?;
        let file = MinimizedBtf { file: file.into(), iterators: self.iterators.clone() };
        file.path().exists().then_some(file)
    }
}

/// A file with the types that the programs need. It exists as long as this value.
pub struct MinimizedBtf {
    file: OwnedFd,
    iterators: Vec<Iterator>,
}

impl MinimizedBtf {
    /// The path by which libbpf opens the file.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// The iterators of the kernel. Their types are not in the file.
    pub fn iterators(&self) -> &[Iterator] {
        &self.iterators
    }
}

/// Names to look for.
struct Sought {
    sorted: &'static [&'static str],
    /// Whether a sought name begins with these two bytes. This rules out most types without a search.
    prefixes: Vec<bool>,
}

impl Sought {
    fn new(sorted: &'static [&'static str]) -> Sought {
        let mut prefixes = vec![false; 1 << 16];
        for prefix in sorted.iter().filter_map(|name| prefix(name.as_bytes())) {
            prefixes[prefix] = true;
        }
        Sought { sorted, prefixes }
    }

    /// Whether this zero-terminated name is one of the sought names, with or without a flavour, as in
    /// `sock___old`.
    fn contains(&self, name: &[u8]) -> bool {
        if !prefix(name).is_some_and(|prefix| self.prefixes[prefix]) {
            return false;
        }
        let Some(name) = text(name) else { return false };
        let flavour = name.windows(3).position(|window| window == b"___");
        let name = &name[..flavour.unwrap_or(name.len())];
        self.sorted.binary_search_by(|it| it.as_bytes().cmp(name)).is_ok()
    }
}

/// The first two bytes of a name, as a number.
fn prefix(name: &[u8]) -> Option<usize> {
    Some(u16::from_le_bytes([*name.first()?, *name.get(1)?]).into())
}

/// Returns the iterator that a function declares, from the function's zero-terminated name and its ID.
fn iterator(function: &[u8], id: usize) -> Option<Iterator> {
    let name = text(function.strip_prefix(ITERATOR)?)?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    Some(Iterator { name, id: u32::try_from(id).ok()? })
}
