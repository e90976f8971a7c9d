//! The options: the table of them, how each is decoded and worded, and when it counts as set.
//!
//! `catalogue.rs` has a line for each option. A line names the facts of bpf/options.h that the option
//! is made of, and the function of `decode/` that makes them a [`value`]; `kind.rs` says what such a value
//! means, `text.rs` and `json.rs` word it, and `schema.rs` describes what `json.rs` writes. `set.rs`
//! decides whether it counts as set, by what `defaults.rs` learned from new sockets. `selection.rs` and
//! `plan.rs` choose what is shown. `reference/` has what people look up about an option beside its value.

pub mod catalogue;
pub mod constants;
pub mod context;
pub mod decode;
pub mod defaults;
pub mod getsockopt;
pub mod interface;
mod json;
pub mod keys;
pub mod kind;
pub mod layouts;
pub mod memberships;
pub mod plan;
pub mod reference;
mod repeats;
pub mod schema;
pub mod selection;
pub mod set;
pub mod short;
pub mod spec;
pub mod text;
pub mod value;
