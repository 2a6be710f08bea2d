//! What messages call an option: by its method in a program, by its flag on the command line.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether messages speak of flags. Set once, by the binary, before anything else: all loads of a process are asked for in one way.
static SPEAKS_OF_FLAGS: AtomicBool = AtomicBool::new(false);

/// From now on messages of this process call options by their flags. For the binary, whose options are given in that way.
pub fn speak_of_flags() {
    SPEAKS_OF_FLAGS.store(true, Ordering::Relaxed);
}

/// Defines [`OptionName`]: for each option its name, the method that sets it and its flag.
macro_rules! options {
    ($($name:ident $method:literal $flag:literal)*) => {
        /// An option of a load. It is written as a message calls it: the name of its method in backticks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum OptionName {
            $(#[doc = concat!("[`", $method, "`](crate::Load::", $method, ")")] $name,)*
        }

        impl OptionName {
            /// Every option that a message may name.
            #[doc(hidden)]
            pub const ALL: &[OptionName] = &[$(OptionName::$name,)*];

            /// The name of the method, without backticks: `max_errors`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(OptionName::$name => $method,)*
                }
            }

            /// The flag, which is also the option's name in what a load notes in its database: `--max-errors`.
            #[doc(hidden)]
            pub const fn flag(self) -> &'static str {
                match self {
                    $(OptionName::$name => $flag,)*
                }
            }
        }
    };
}

options! {
    AppendOnly "append_only" "--append-only"
    BatchRows "batch_rows" "--batch-rows"
    ChunkBytes "chunk_bytes" "--chunk-bytes"
    ColumnType "column_type" "--types"
    Delimiter "delimiter" "--delimiter"
    EmptyAsNull "empty_as_null" "--empty-as-null"
    Errors "errors" "--errors"
    Forget "forget" "--forget"
    Index "index" "--index"
    KeepCheckpoint "keep_checkpoint" "--keep-checkpoint"
    Key "key" "--key"
    MaxErrors "max_errors" "--max-errors"
    MaxRecordBytes "max_record_bytes" "--max-record-bytes"
    MemoryBytes "memory_bytes" "--memory"
    NoHeader "no_header" "--no-header"
    Once "once" "--once"
    Quote "quote" "--quote"
    Report "report" "--report"
    ReportHtml "report_html" "--report-html"
    Restart "restart" "--restart"
    SafeErrors "safe_errors" "--safe-errors"
    Table "table" "--table"
    Text "text" "--text"
    Threads "threads" "--threads"
    WindowBytes "window_bytes" "--window-bytes"
    WritePath "write_path" "--write-path"
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SPEAKS_OF_FLAGS.load(Ordering::Relaxed) {
            f.write_str(self.flag())
        } else {
            write!(f, "`{}`", self.as_str())
        }
    }
}
