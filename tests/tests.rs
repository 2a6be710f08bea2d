//! The tests of the program as a whole, in one binary: real processes, real files, real signals, a real terminal.
//!
//! `suite/harness.rs` has the builder that every test starts from, `suite/oracle.rs` the slow loader that predicts what the fast
//! one must do. Environment variables: `ROWMILL_BIG_TESTS=1` makes the large files gigabytes instead of megabytes;
//! `ROWMILL_RANDOM_TABLES=20000` loads that many random tables instead of 1,000, `ROWMILL_RANDOM_TABLE=SEED` the one with that seed (see
//! `suite/tables.rs`). The ignored tests are for processes of their own or for `scripts/`.

mod suite;
