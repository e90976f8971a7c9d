//! What people look up about an option beside its value: the topic it belongs to, the sysctls its default
//! comes from, how programs set it. These are facts from documentation, in tables of their own; they are
//! parsed when `knetstat options` asks for them, and never for the table of sockets.

pub mod howto;
pub mod sysctls;
mod table;
pub mod topics;
