//! A load in a process that has a SQLite of its own: Python's.
//!
//! SQLite's locks are POSIX locks, and those belong to the process: two copies of SQLite in one process do not see each other's, and each of
//! them drops the other's when it closes a file. So a database that this process has open otherwise is not loaded into.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rowmill::internal::sqlite::descriptor::is_open_otherwise;
use rowmill::internal::window::FileIdentity;

use crate::failure::Failure;

/// The databases that loads of this process write to now: those have them open, and know of each other.
static UNDER_WAY: Mutex<Vec<FileIdentity>> = Mutex::new(Vec::new());

/// Leave to write to a database, for as long as it lives.
#[derive(Debug)]
pub struct Guest {
    /// `None`: the database is not there yet.
    identity: Option<FileIdentity>,
}

impl Guest {
    /// Leave to write to the database at `path`.
    ///
    /// # Errors
    /// `DatabaseBusy` if this process has it open otherwise.
    pub fn of(path: &Path) -> Result<Guest, Failure> {
        let identity = FileIdentity::of(path);
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = identity {
            if !under_way.contains(&identity) && is_open_otherwise(path) {
                return Err(Failure::open_otherwise(path));
            }
            under_way.push(identity);
        }
        Ok(Guest { identity })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        let own = under_way.iter().position(|identity| Some(*identity) == self.identity);
        if let Some(own) = own {
            under_way.swap_remove(own);
        }
    }
}
