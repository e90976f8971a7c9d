//! Selects sockets, and provides the columns that are shown of them.

pub mod cell;
pub mod cell_text;
pub mod column_list;
pub mod column_set;
pub mod columns;
pub mod datum;
pub mod expression;
pub mod filter;
pub mod glob;
pub mod groups;
pub mod key;
pub mod layout;
pub mod lost;
pub mod network;
pub mod row;
pub mod sort;
