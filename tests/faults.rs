//! Disks that fail and machines that lose power, below the program: in this binary the C library's calls for files are the
//! tests' own (`disk/calls.rs`), for SQLite and for rowmill alike. The code under test is the code that ships.

mod disk;
