//! The network namespaces of a run that reads the sockets again and again, and the capabilities that this requires.

use super::reading::find;
use crate::config::Config;
use crate::error::Error;
use crate::host::netns::{Netns, NetnsError, NetnsSet, Scope};
use crate::kernel::capability;
use crate::query::columns::Column;

/// The network namespaces that every round reads.
pub enum Places<'a> {
    /// That of this thread.
    Here,
    /// Those of the command line.
    Named(&'a Scope),
    /// All that can be found from the one in which the program started.
    All(Netns),
}

impl Places<'_> {
    /// The namespaces of a run. `first` is what [`find`] has found before.
    ///
    /// # Errors
    ///
    /// When the program cannot find its own.
    pub fn of<'a>(config: &'a Config, first: &NetnsSet) -> Result<Places<'a>, Error> {
        match &config.scope {
            Scope::All => {
                let own = Netns::named(&std::process::id().to_string());
                let (NetnsError::Wrong(why) | NetnsError::Refused(why)) = match own {
                    Ok(own) => return Ok(Places::All(own)),
                    Err(error) => error,
                };
                Err(Error::EnterNetns(why))
            }
            // A single namespace has been entered already.
            Scope::Own | Scope::Named(_) if first.namespaces.is_empty() => Ok(Places::Here),
            scope => Ok(Places::Named(scope)),
        }
    }

    /// Finds the namespaces for another round.
    ///
    /// # Errors
    ///
    /// As [`find`].
    pub fn find(&self) -> Result<NetnsSet, Error> {
        match self {
            Places::Here => Ok(NetnsSet::default()),
            Places::Named(scope) => find(scope),
            Places::All(own) => {
                // A thread that may enter no namespace has not left its own, and could not enter that either.
                if !own.is_current() {
                    own.enter().map_err(Error::EnterNetns)?;
                }
                find(&Scope::All)
            }
        }
    }

    /// Keeps only the capabilities that more rounds require.
    ///
    /// # Errors
    ///
    /// As [`capability::keep_for_reading`].
    pub fn keep_capabilities(&self, config: &Config) -> Result<(), Error> {
        let reads_labels = config.asks_for(Column::Xattrs);
        capability::keep_for_reading(matches!(self, Places::Here), reads_labels)
    }
}
