//! The commands: each puts together what the other folders offer.

pub mod doctor;
pub mod options;
pub mod table;
