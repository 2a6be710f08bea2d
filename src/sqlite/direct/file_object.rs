//! SQLite's own file object of a connection's database: work on the file through it drops no lock and needs no descriptor.

use std::marker::PhantomData;
use std::ptr::NonNull;

use rusqlite::{Connection, ffi};

/// Bytes of the header on a database's first page. Source: SQLite file format §1.3.
pub const HEADER_BYTES: usize = 100;

/// The file in which a connection has its main database.
#[derive(Debug)]
pub struct FileObject<'c> {
    file: NonNull<ffi::sqlite3_file>,
    connection: PhantomData<&'c Connection>,
}

impl<'c> FileObject<'c> {
    /// # Errors
    /// Those of SQLite; `SQLITE_ERROR` if there is no file.
    pub fn of(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        // SAFETY: the handle is that of an open connection; the operation stores one pointer where its argument points to.
        let found = unsafe {
            ffi::sqlite3_file_control(
                connection.handle(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_FILE_POINTER,
                (&raw mut file).cast(),
            )
        };
        result(found)?;
        let file = NonNull::new(file).ok_or_else(|| error(ffi::SQLITE_ERROR))?;
        let object = FileObject {
            file,
            connection: PhantomData,
        };
        object.methods().map(|_| object)
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::sqlite3_file {
        self.file.as_ptr()
    }

    /// The methods of a file that is open.
    pub(super) fn methods(&self) -> rusqlite::Result<&'static ffi::sqlite3_io_methods> {
        // SAFETY: SQLite's own file object, which lives as long as the connection. Its methods are a table that SQLite never changes or
        // frees; `publish` puts another in its place only for the length of a commit, in which nobody else can come here.
        unsafe { (*self.file.as_ptr()).pMethods.as_ref() }.ok_or_else(|| error(ffi::SQLITE_ERROR))
    }

    /// The header of the database as it is in the file. To be called in a transaction, so that nobody else is changing it.
    ///
    /// # Errors
    /// Those of SQLite, also for a file that is shorter.
    pub fn header(&self) -> rusqlite::Result<[u8; HEADER_BYTES]> {
        let mut header = [0; HEADER_BYTES];
        self.read(&mut header, 0)?;
        Ok(header)
    }

    /// Fills `bytes` from the file, from `offset_bytes` on. To be called in a transaction, as [`header`](Self::header).
    ///
    /// # Errors
    /// Those of SQLite, also for a file that ends before that.
    pub fn read(&self, bytes: &mut [u8], offset_bytes: i64) -> rusqlite::Result<()> {
        let read = self.methods()?.xRead.ok_or_else(|| error(ffi::SQLITE_ERROR))?;
        let count = i32::try_from(bytes.len()).map_err(|_| error(ffi::SQLITE_ERROR))?;
        // SAFETY: called as SQLite calls it, on the file that it belongs to, with room for as many bytes as are asked for.
        result(unsafe { read(self.as_ptr(), bytes.as_mut_ptr().cast(), count, offset_bytes) })
    }

    /// Cuts the file to nothing, which makes it an empty database. To be called in an exclusive transaction in which nothing was written.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn empty(&self) -> rusqlite::Result<()> {
        let methods = self.methods()?;
        let (Some(truncate), Some(sync)) = (methods.xTruncate, methods.xSync) else {
            return Err(error(ffi::SQLITE_ERROR));
        };
        // SAFETY: called as SQLite calls them, on the file that they belong to, which this thread alone uses.
        unsafe {
            result(truncate(self.as_ptr(), 0))?;
            result(sync(self.as_ptr(), ffi::SQLITE_SYNC_FULL))
        }
    }
}

/// The number that every commit increments. Source: SQLite file format §1.3.
pub fn change_counter(header: &[u8; HEADER_BYTES]) -> u32 {
    number_at(header, 24)
}

/// How many bytes at the end of each page SQLite does not use. Source: SQLite file format §1.3.
pub fn reserved_bytes(header: &[u8; HEADER_BYTES]) -> u8 {
    header[20]
}

/// The four-byte number at `offset` of a database's header.
pub(super) fn number_at(header: &[u8], offset: usize) -> u32 {
    let bytes: [u8; 4] = header[offset..offset + 4]
        .try_into()
        .expect("four bytes are four bytes");
    u32::from_be_bytes(bytes)
}

fn result(code: i32) -> rusqlite::Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(error(code)),
    }
}

fn error(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}
