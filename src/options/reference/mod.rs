//! Documentation about an option beside its value: the topics it belongs to, the sysctls its default comes
//! from, and how programs set it. The facts are in tables of their own. They are not parsed for the table of
//! sockets, but only for `knetstat options`.

pub mod howto;
pub mod sysctls;
mod table;
pub mod topics;
