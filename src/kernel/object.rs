//! The two objects that contain the BPF programs: opening, setting their constants, loading.

use std::io;
use std::mem::{offset_of, MaybeUninit};

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Object, OpenObject};

use crate::kernel::abi::{parameters, prefilter};
use crate::kernel::btf::MinimizedBtf;
use crate::kernel::skeleton::{files, tables};
use crate::kernel::{handler, identity};

/// One of the two objects that contain the programs. A run opens only the objects that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// bpf/tables.bpf.c
    Tables,
    /// bpf/files.bpf.c
    Files,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Tables, Part::Files];

    /// The part that contains the program of this name.
    pub fn of(program: &str) -> Part {
        match program.contains("_table") {
            true => Part::Tables,
            false => Part::Files,
        }
    }

    /// Opens the object, loads the programs that `choose` leaves enabled, and passes the object to
    /// `attach`. libbpf reads the kernel's types from `btf` or, without it, searches for them.
    ///
    /// # Errors
    ///
    /// Those of libbpf, of `choose` and of `attach`.
    pub fn load<T>(
        self,
        btf: Option<&MinimizedBtf>,
        choose: impl FnOnce(&mut OpenObject) -> libbpf_rs::Result<()>,
        attach: impl FnOnce(&Object) -> libbpf_rs::Result<T>,
    ) -> libbpf_rs::Result<T> {
        let mut storage = MaybeUninit::uninit();
        match self {
            Part::Tables => {
                load(tables::TablesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
            Part::Files => {
                load(files::FilesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
        }
    }
}

fn load<'a, T, B: SkelBuilder<'a>>(
    mut builder: B,
    storage: &'a mut MaybeUninit<OpenObject>,
    btf: Option<&MinimizedBtf>,
    choose: impl FnOnce(&mut OpenObject) -> libbpf_rs::Result<()>,
    attach: impl FnOnce(&Object) -> libbpf_rs::Result<T>,
) -> libbpf_rs::Result<T> {
    if let Some(btf) = btf {
        handler::register(btf.iterators());
        builder.object_builder_mut().btf_custom_path(btf.path())?;
    }
    let mut open = builder.open(storage)?;
    set_parameter(open.open_object_mut(), offset_of!(parameters, identity_key), identity::key()?)?;
    choose(open.open_object_mut())?;
    attach(open.load()?.object())
}

/// Sets the prefilter of an object, a constant that the verifier sees.
///
/// # Errors
///
/// When the object has no parameters.
pub fn set_prefilter(open: &mut OpenObject, prefilter: &prefilter) -> libbpf_rs::Result<()> {
    // SAFETY: the structure is `repr(C)` and consists of integers without padding.
    let bytes = unsafe { plain::as_bytes(prefilter) };
    set_parameter(open, offset_of!(parameters, prefilter), bytes)
}

/// Sets the parameter of bpf/parameters.h that begins at this offset.
fn set_parameter(open: &mut OpenObject, offset: usize, bytes: &[u8]) -> libbpf_rs::Result<()> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "the programs have no parameters");
    let mut maps = open.maps_mut();
    let mut map = maps.find(|map| map.name() == ".rodata.parameters").ok_or_else(missing)?;
    let value = map.initial_value_mut().and_then(|all| all.get_mut(offset..offset + bytes.len()));
    value.ok_or_else(missing)?.copy_from_slice(bytes);
    Ok(())
}
