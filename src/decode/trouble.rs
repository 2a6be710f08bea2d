//! What may go wrong where packed bytes are unpacked.

use std::io;

/// Why no more bytes come.
#[derive(Debug)]
pub enum Trouble {
    /// The packed bytes are not what was packed once, or end too early. What was handed out before may be wrong since the last check.
    Damaged(String),
    /// Nothing of it can be loaded: what it is, and what to do.
    Refused(String),
    /// The packed bytes cannot be read.
    Read(io::Error),
    /// Nobody wants more of them.
    Unwanted,
}

/// Why a part was not unpacked to its end.
#[derive(Debug)]
pub enum PartFailed {
    /// What the unpacking crate, or the packed bytes' source, said.
    Said(io::Error),
    Unwanted,
}
