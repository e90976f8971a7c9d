//! The objects that contain the BPF programs: opening, setting their constants and maps, loading.

use std::io;
use std::mem::{offset_of, MaybeUninit};

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Object, OpenMapMut, OpenObject};
use plain::Plain;

use crate::kernel::abi::{parameters, prefilter, walk_limit, walk_parameters};
use crate::kernel::btf::MinimizedBtf;
use crate::kernel::skeleton::{files, pins, tables, walks};
use crate::kernel::{handler, identity};

/// The maps of the walks of tables: bpf/lane.h
pub const WALK_MAPS: [&str; 4] = ["lanes", "outputs", "places", "known_tables"];
/// The maps of the walk of descriptors: bpf/descriptors.h
pub const HOLDER_MAPS: [&str; 2] = ["holder_lanes", "holder_outputs"];
/// The beginning of the names of the maps with the number of a lane each.
pub const LANE: &str = ".rodata.lane_";

/// A group of programs that are loaded together. A run opens only the objects that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// bpf/walks.bpf.c
    Walks,
    /// bpf/tables.bpf.c
    Tables,
    /// bpf/files.bpf.c
    Files,
    /// bpf/pins.bpf.c
    Pins,
}

impl Part {
    /// The parts with the programs of a run.
    pub const ALL: [Part; 3] = [Part::Walks, Part::Tables, Part::Files];

    /// The part that contains the program of this name.
    pub fn of(program: &str) -> Part {
        match program {
            _ if program.ends_with("_pin") => Part::Pins,
            _ if program.contains("walk") => Part::Walks,
            _ if program.contains("_table") => Part::Tables,
            _ => Part::Files,
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
            Part::Walks => {
                load(walks::WalksSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
            Part::Tables => {
                load(tables::TablesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
            Part::Files => {
                load(files::FilesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
            Part::Pins => load(pins::PinsSkelBuilder::default(), &mut storage, btf, choose, attach),
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

fn walk_maps(open: &mut OpenObject) -> impl Iterator<Item = OpenMapMut<'_>> {
    open.maps_mut().filter(|map| {
        let name = map.name().to_string_lossy();
        WALK_MAPS.contains(&&*name) || HOLDER_MAPS.contains(&&*name) || name.starts_with(LANE)
    })
}

/// Sets the parameters of the walks, and makes room in their maps for as many lanes. `has_many_places`: for more than
/// one network namespace. `has_descriptors`: whether descriptors are walked.
///
/// # Errors
///
/// Those of libbpf.
pub fn set_walks(
    open: &mut OpenObject,
    walks: &walk_parameters,
    has_many_places: bool,
    has_descriptors: bool,
) -> libbpf_rs::Result<()> {
    set_parameter(open, offset_of!(parameters, walk), bytes_of(walks))?;
    let lanes = walks.lanes;
    walk_maps(open).try_for_each(|mut map| {
        let name = map.name().to_string_lossy().into_owned();
        match name.as_str() {
            "lanes" | "outputs" => map.set_max_entries(lanes),
            name if HOLDER_MAPS.contains(&name) => {
                // A walk for the sockets of io_uring has states of its own.
                let states = if name == "holder_lanes" { 2 * lanes } else { lanes };
                map.set_max_entries(states)?;
                map.set_autocreate(has_descriptors)
            }
            "places" | "known_tables" if has_many_places => {
                map.set_max_entries(walk_limit::PLACES.0)
            }
            "places" | "known_tables" => Ok(()),
            lane => {
                let number = lane.trim_start_matches(LANE).parse();
                map.set_autocreate(number.is_ok_and(|number: u32| number < lanes))
            }
        }
    })
}

/// Sets the prefilter of an object, a constant that the verifier sees.
///
/// # Errors
///
/// When the object has no parameters.
pub fn set_prefilter(open: &mut OpenObject, prefilter: &prefilter) -> libbpf_rs::Result<()> {
    set_parameter(open, offset_of!(parameters, prefilter), bytes_of(prefilter))
}

fn bytes_of(parameter: &impl Plain) -> &[u8] {
    // SAFETY: the structure is `repr(C)` and consists of integers without padding.
    unsafe { plain::as_bytes(parameter) }
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
