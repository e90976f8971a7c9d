//! Who may read the pins, and who is kept out by the directories that lead to them.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{lchown, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::host::groups;

/// Who may read the pins.
#[derive(Clone, Copy)]
pub struct Access {
    pub gid: u32,
    /// Of the files: 0400, 0440 or 0444.
    pub mode: u32,
}

impl Access {
    /// Nobody but root, who needs no permission: capabilities(7), CAP_DAC_OVERRIDE.
    pub const NOBODY: Access = Access { gid: 0, mode: 0 };

    /// Gives a file of root to those who may read it.
    ///
    /// # Errors
    ///
    /// Those of chown(2) and chmod(2).
    pub fn give_file(self, path: &Path) -> io::Result<()> {
        lchown(path, Some(0), Some(self.gid))?;
        fs::set_permissions(path, Permissions::from_mode(self.mode))
    }

    /// The same for a directory, which they may also search.
    ///
    /// # Errors
    ///
    /// As [`Access::give_file`].
    pub fn give_directory(self, path: &Path) -> io::Result<()> {
        lchown(path, Some(0), Some(self.gid))?;
        fs::set_permissions(path, Permissions::from_mode(self.mode_of_directory()))
    }

    /// Whether a directory is as [`Access::give_directory`] leaves it.
    pub fn is_given(self, directory: &Metadata) -> bool {
        let is_group = self.mode & 0o040 == 0 || directory.gid() == self.gid;
        is_group && directory.mode() & 0o7777 == self.mode_of_directory()
    }

    fn mode_of_directory(self) -> u32 {
        let search = (self.mode & 0o444) >> 2;
        0o700 | self.mode | search
    }

    /// The readers other than root, in words. `None` if there are none.
    pub fn others(self) -> Option<String> {
        match self.mode {
            0o444 => Some("all users".into()),
            0o440 => Some(format!("the group {}", groups::shown(self.gid))),
            _ => None,
        }
    }

    /// The directory, of this one and its parents, whose mode keeps the readers out, and its mode. `None` if there is none,
    /// or if one of them cannot be examined.
    pub fn obstacle(self, path: &Path) -> Option<(PathBuf, Metadata)> {
        let directories = path.ancestors().filter_map(|it| Some((it.into(), it.metadata().ok()?)));
        directories.filter(|(_, found)| !self.may_search(found)).last()
    }

    fn may_search(self, directory: &Metadata) -> bool {
        let mode = directory.mode();
        match self.mode {
            0o440 if directory.gid() == self.gid => mode & 0o010 != 0,
            0o440 | 0o444 => mode & 0o001 != 0,
            _ => true,
        }
    }
}
