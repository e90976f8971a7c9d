//! The options: the table of them, how each is decoded, worded and judged.

pub mod catalogue;
pub mod constants;
pub mod decode;
pub mod defaults;
pub mod howto;
pub mod layouts;
pub mod memberships;
pub mod plan;
pub mod selection;
pub mod value;
