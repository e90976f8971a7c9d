//! Selects sockets, and provides the columns that are shown of them.

pub mod cell;
pub mod column_list;
pub mod column_set;
pub mod columns;
pub mod filter;
pub mod layout;
pub mod lost;
pub mod row;
