//! The tests of the program as a whole, in one binary: real processes, real files, real signals, a real terminal.
//!
//! `suite/harness.rs` has the builder that every test starts from, `suite/oracle.rs` the slow loader that predicts what the fast
//! one must do. Environment variables: `ROWMILL_BIG_TESTS=1` makes the large files gigabytes instead of megabytes.

mod suite;
