//! The flags of the command line, in groups, and their one-time translation into validated options.

mod characters;
mod columns;
mod input_format;
mod load;
mod names;
mod outcome;
mod resources;
mod sizes;
#[cfg(test)]
mod tests;
mod values;

use clap::{CommandFactory, Parser, Subcommand};

use self::load::LoadArgs;
pub use self::load::LoadCommand;
pub use self::outcome::Verbosity;

/// Load huge CSV files into SQLite: fast, exact, every bad record accounted for
#[derive(Debug, Parser)]
#[command(
    name = "rowmill",
    version,
    propagate_version = true,
    max_term_width = 110,
    arg_required_else_help = true
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Load(LoadArgs),
}

impl Args {
    /// The load that these flags ask for.
    ///
    /// # Errors
    /// As [`LoadArgs::into_load`].
    pub fn into_load(self) -> Result<LoadCommand, clap::Error> {
        let Command::Load(args) = self.command;
        args.into_load()
    }
}

fn usage(message: String) -> clap::Error {
    let mut command = Args::command();
    command.build();
    let load = command
        .find_subcommand_mut("load")
        .expect("the command has a subcommand of that name");
    load.error(clap::error::ErrorKind::MissingRequiredArgument, message)
}
