//! The skeletons that build.rs generates from bpf/: the objects with the programs, and the types that
//! these share with the reader. Their names are those of the C source.

#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
pub(super) mod walks {
    include!(concat!(env!("OUT_DIR"), "/walks.skel.rs"));
}

#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
pub(super) mod tables {
    include!(concat!(env!("OUT_DIR"), "/tables.skel.rs"));
}

#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
pub(super) mod files {
    include!(concat!(env!("OUT_DIR"), "/files.skel.rs"));
}

#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
pub(super) mod module {
    include!(concat!(env!("OUT_DIR"), "/module.skel.rs"));
}

#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
pub(super) mod pins {
    include!(concat!(env!("OUT_DIR"), "/pins.skel.rs"));
}
