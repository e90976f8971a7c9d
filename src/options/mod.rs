//! The options: the table of all options, how each is decoded and formatted, and when it counts as set.
//!
//! `catalogue.rs` has one line for each option. A line names the facts of bpf/options.h that the option
//! consists of, and the function of `decode/` that turns them into a [`value`]. `kind.rs` defines the kinds
//! of values, `text.rs` and `json.rs` format them, and `schema.rs` describes the output of `json.rs`.
//! `set.rs` decides whether an option counts as set, with the defaults that `defaults.rs` obtained from new
//! sockets. `selection.rs` and `plan.rs` choose the options that are shown, and `watch.rs` those
//! that may have another value than on the socket before. `reference/` has documentation
//! about each option beside its value. `dead_after/` computes from options when the kernel gives up a connection.
//! `origin.rs` finds out where a value comes from, and `meaning/` has sentences about what it means.

pub mod catalogue;
pub mod constants;
pub mod context;
pub mod dead_after;
pub mod decode;
pub mod defaults;
pub mod entries;
pub mod getsockopt;
pub mod interface;
mod json;
pub mod keys;
pub mod kind;
pub mod layouts;
pub mod meaning;
mod members;
pub mod memberships;
pub mod module;
pub mod origin;
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
mod watch;
