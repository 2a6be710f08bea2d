//! Flags that say how much of the machine may be used.

use rowmill::internal::options::ResourceOptions;

use super::sizes::parse_size;

/// How much of the machine may be used, and in what pieces.
#[derive(Debug, clap::Args)]
pub struct ResourceFlags {
    /// Promise on peak memory, mapped pages included
    ///
    /// Default of the variable ROWMILL_MEMORY.
    #[arg(long, value_name = "SIZE", default_value = "244MiB", value_parser = parse_size, env = "ROWMILL_MEMORY", hide_env = true, help_heading = "Speed and memory")]
    memory: u64,
    /// Worker threads; 0: one per core
    ///
    /// Default of the variable ROWMILL_THREADS.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        env = "ROWMILL_THREADS",
        hide_env = true,
        hide_short_help = true,
        help_heading = "Speed and memory"
    )]
    threads: usize,
    /// Input mapped at a time; the result is the same at any size
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = parse_size, hide_short_help = true, help_heading = "Speed and memory")]
    window_bytes: u64,
    /// Input parsed by one task; the result is the same at any size
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = parse_size, hide_short_help = true, help_heading = "Speed and memory")]
    chunk_bytes: u64,
}

impl ResourceFlags {
    /// The options that these flags ask for, with `batch_rows` records in a transaction.
    pub(super) fn into_options(self, batch_rows: u64) -> ResourceOptions {
        ResourceOptions {
            threads: self.threads,
            memory_bytes: self.memory,
            batch_rows,
            window_bytes: self.window_bytes,
            chunk_bytes: self.chunk_bytes,
        }
    }
}
