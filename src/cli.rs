//! The flags of the command line, in groups, and their one-time translation into validated options.

mod characters;
mod check;
mod columns;
mod config;
mod input_format;
mod load;
mod names;
mod outcome;
mod resources;
mod retry;
mod schema;
mod sizes;
mod table;
#[cfg(test)]
mod tests;
mod values;

use clap::{CommandFactory, Parser, Subcommand};

use self::check::CheckArgs;
pub use self::check::CheckCommand;
pub use self::config::with_config;
use self::load::LoadArgs;
pub use self::load::LoadCommand;
pub use self::outcome::Verbosity;
use self::retry::RetryArgs;
pub use self::retry::RetryCommand;
use self::schema::SchemaArgs;
pub use self::schema::SchemaCommand;

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
    Load(Box<LoadArgs>),
    Check(Box<CheckArgs>),
    Retry(Box<RetryArgs>),
    Schema(Box<SchemaArgs>),
}

/// What is to be done.
#[derive(Debug)]
pub enum Invocation {
    Load(LoadCommand),
    Check(CheckCommand),
    Retry(RetryCommand),
    Schema(SchemaCommand),
}

impl Args {
    /// What these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form.
    pub fn into_invocation(self) -> Result<Invocation, clap::Error> {
        match self.command {
            Command::Load(args) => args.into_load().map(Invocation::Load),
            Command::Check(args) => args.into_check().map(Invocation::Check),
            Command::Retry(args) => args.into_retry().map(Invocation::Retry),
            Command::Schema(args) => args.into_schema().map(Invocation::Schema),
        }
    }
}

impl Invocation {
    pub fn verbosity(&self) -> Verbosity {
        match self {
            Invocation::Load(load) => load.verbosity,
            Invocation::Check(check) => check.verbosity,
            Invocation::Retry(retry) => retry.verbosity,
            Invocation::Schema(schema) => schema.verbosity,
        }
    }

    /// What becomes of what was read, once somebody stops the job.
    pub fn on_stop(&self) -> &'static str {
        match self {
            Invocation::Load(_) | Invocation::Retry(_) => "what was read is being committed",
            Invocation::Check(_) => "the errors file keeps what was found",
            Invocation::Schema(_) => "nothing is printed",
        }
    }
}

/// A usage error of the subcommand of this name.
fn usage(subcommand: &str, message: String) -> clap::Error {
    let mut command = Args::command();
    command.build();
    let subcommand = command
        .find_subcommand_mut(subcommand)
        .expect("the command has a subcommand of that name");
    subcommand.error(clap::error::ErrorKind::MissingRequiredArgument, message)
}
