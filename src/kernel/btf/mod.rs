//! The kernel's types (BTF): what the programs may use of this kernel, and the few types that libbpf
//! needs to relocate them.
//!
//! libbpf looks up each type that a program names among all of the kernel's, of which there are a
//! hundred thousand, one after the other. Where there is none, it searches the types of each module.
//! That would be most of the time of a start. It is therefore given a file with only the types that
//! it can find, made in one pass over all of them. The same pass finds the iterators, for which
//! libbpf would read all types once more.

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

/// The names of the structures, unions and enumerations that the programs name. build.rs writes the
/// list, sorted.
static NAMES: &[&str] = &include!(concat!(env!("OUT_DIR"), "/types.rs"));

/// The prefix of the functions that declare iterators: include/linux/bpf.h, BPF_ITER_FUNC_PREFIX.
const ITERATOR: &[u8] = b"bpf_iter_";

/// The types of the running kernel. Those of its modules are not among them.
pub struct KernelBtf {
    types: Types,
    /// The types that have one of [`NAMES`], by number.
    named: Vec<usize>,
    iterators: Vec<Iterator>,
}

/// An iterator of the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterator {
    /// Its name, such as `tcp` or `task_file`.
    pub name: String,
    /// The number of the kernel's type that stands for it.
    pub id: u32,
}

impl KernelBtf {
    /// Reads the types from [`KERNEL_BTF`] or, where that cannot be read, from the first file in which
    /// libbpf finds them. `None` without any, or where they have a form that is not known.
    pub fn load() -> Option<KernelBtf> {
        let contents = Contents::of(KERNEL_BTF).ok().or_else(Contents::found_by_libbpf)?;
        KernelBtf::parse(contents)
    }

    /// Reads the types from another file of the same form.
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

    /// Whether the kernel, without its modules, has a type of this name, which the programs name.
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

    /// Those of these members, `(type, member)`, that are missing in a type which the kernel has. The
    /// programs name the types.
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

    /// Whether a member or an enumerator has this name, also one of a structure without a name inside.
    fn has_name_within(&self, it: &Type, name: &str) -> bool {
        let is_composite = matches!(it.kind, kind::STRUCT | kind::UNION);
        self.has_name_inside(it, name)
            || is_composite && self.unnamed_types(it).any(|it| self.has_name_within(&it, name))
    }

    /// The structures and unions that are members without a name.
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

    /// Whether a member or an enumerator has this name.
    fn has_name_inside(&self, it: &Type, name: &str) -> bool {
        it.member_names().any(|at| self.types.string(at) == Some(name.as_bytes()))
    }

    /// Makes a file with only the types that the programs name. `None` where it could not be opened
    /// by its path: libbpf then has to search the kernel's types by itself.
    pub fn minimize(&self) -> Option<MinimizedBtf> {
        let file = File::from(memfd_create(c"btf", MFdFlags::MFD_CLOEXEC).ok()?);
        (&file).write_all(&minimize::minimize(&self.types, &self.named)?).ok()?;
        let file = MinimizedBtf { file: file.into(), iterators: self.iterators.clone() };
        file.path().exists().then_some(file)
    }
}

/// A file with the types that the programs need. It lives as long as this value.
pub struct MinimizedBtf {
    file: OwnedFd,
    iterators: Vec<Iterator>,
}

impl MinimizedBtf {
    /// The path by which libbpf opens it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// The iterators of the kernel; their types are not in the file.
    pub fn iterators(&self) -> &[Iterator] {
        &self.iterators
    }
}

/// Names to look for.
struct Sought {
    sorted: &'static [&'static str],
    /// Whether a name begins with these two bytes, which rules out most types without a search.
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

    /// Whether the name that begins here and ends with a zero is one of them, perhaps with a flavour,
    /// as in `sock___old`.
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

/// The iterator that a function declares, by its name, which ends with a zero, and its number.
fn iterator(function: &[u8], id: usize) -> Option<Iterator> {
    let name = text(function.strip_prefix(ITERATOR)?)?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    Some(Iterator { name, id: u32::try_from(id).ok()? })
}
