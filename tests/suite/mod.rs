pub mod data;
pub mod database;
pub mod harness;
pub mod oracle;
pub mod process;

mod bad_input;
mod command_line;
mod datasets;
mod dedup;
mod existing_table;
mod invariance;
mod large_files;
mod random;
mod signals;
mod syntax;
mod terminal;
mod tidy;
mod types;
