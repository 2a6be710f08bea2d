//! rowmill (draft)
#![warn(missing_docs)]
mod builder;
mod cancel;
mod checkpoint;
mod chunk;
mod content_hash;
mod database_file;
mod dedup;
mod error;
mod escape;
mod faults;
mod head;
mod infer;
mod load;
mod memory;
mod observer;
mod option_name;
mod options;
mod parse;
mod pipeline;
mod plan;
mod position;
mod reject;
mod report;
mod rows;
mod schema;
mod settle;
mod validate;
mod window;
mod write;

pub use builder::Load;
pub use cancel::CancelToken;
pub use content_hash::ContentHash;
pub use error::{Error, ErrorKind};
pub use memory::return_freed_memory;
pub use observer::{Observer, Phase, Progress};
pub use option_name::OptionName;
pub use options::{ErrorLimit, Inference, WritePath};
pub use reject::RejectCode;
pub use report::{
    ColumnReport, EarlierReport, FilterReport, InputReport, LoadReport, MemorySplit, Outcome, SkippedInput, StageTime,
    Summary,
};
pub use schema::ColumnType;

/// The rooms of the library, for its own binary, tests, benches and fuzz targets. Nothing here is promised to stay.
#[doc(hidden)]
pub mod internal {
    pub use crate::cancel::Cancelled;
    pub use crate::load::{forget, load};
    pub use crate::options::LoadOptions;

    macro_rules! rooms {
        ($($room:ident)*) => {
            $(pub mod $room {
                pub use crate::$room::*;
            })*
        };
    }
    rooms! {
        chunk dedup escape faults head infer option_name options parse pipeline position reject report rows schema validate window write
    }
}
