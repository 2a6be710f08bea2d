//! rowmill loads huge local CSV files into SQLite in one shot.

pub mod checkpoint;
pub mod chunk;
pub mod dedup;
pub mod error;
pub mod escape;
pub mod head;
pub mod load;
pub mod memory;
pub mod observer;
pub mod options;
pub mod parse;
pub mod pipeline;
pub mod plan;
pub mod position;
pub mod reject;
pub mod report;
pub mod rows;
pub mod schema;
pub mod settle;
pub mod validate;
pub mod window;
pub mod write;

pub use error::{Error, ErrorKind};
pub use load::load;
pub use observer::{Observer, Phase, Progress};
pub use options::LoadOptions;
pub use report::LoadReport;
