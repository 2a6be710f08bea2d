//! The flags of the command line, in groups, and their one-time translation into validated options.

mod characters;
mod check;
mod columns;
mod config;
mod described;
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

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use rowmill::internal::options::ContractSource;
use rowmill::{Contract, Error, LoadReport, Observer, Profile, ProfileFormat};

use self::check::CheckArgs;
pub use self::check::CheckCommand;
use self::config::with_config;
pub use self::described::{Flag, flags};
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

/// What became of it.
#[derive(Debug)]
pub enum Accomplished {
    /// Records were loaded, or checked.
    Loaded(Box<LoadReport>),
    /// Inputs were looked at, and what is in them is to be shown in a form; or somebody stopped it.
    Looked(Option<Box<Profile>>, ProfileFormat),
    /// A load was given up.
    Forgotten,
}

impl Args {
    /// What these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form.
    fn into_invocation(self) -> Result<Invocation, clap::Error> {
        match self.command {
            Command::Load(args) => args.into_load().map(Invocation::Load),
            Command::Check(args) => args.into_check().map(Invocation::Check),
            Command::Retry(args) => args.into_retry().map(Invocation::Retry),
            Command::Schema(args) => args.into_schema().map(Invocation::Schema),
        }
    }
}

impl Invocation {
    /// What the words of a command line, the program's name first, ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form, or what is to be shown instead of doing anything.
    pub fn of(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let words = with_config(words)?;
        Args::try_parse_from(words).and_then(Args::into_invocation)
    }

    /// Does it.
    ///
    /// # Errors
    /// Those of the load, the check and so on.
    pub fn run(&self, observer: &dyn Observer) -> Result<Accomplished, Error> {
        use rowmill::internal::{Retry, check, forget, load, profile};
        let report = match self {
            Invocation::Load(LoadCommand {
                inputs,
                database,
                options,
                forget: true,
                ..
            }) => return forget(inputs, database, options, observer).map(|()| Accomplished::Forgotten),
            Invocation::Load(LoadCommand {
                inputs,
                database,
                options,
                ..
            }) => load(inputs, database, options, observer)?,
            Invocation::Check(CheckCommand { inputs, options, .. }) => check(inputs, options, observer)?,
            Invocation::Retry(RetryCommand {
                errors,
                like,
                database,
                options,
                ..
            }) => {
                let retry = Retry {
                    errors,
                    like: like.as_deref(),
                    database,
                    options,
                };
                retry.run(observer)?
            }
            Invocation::Schema(SchemaCommand {
                inputs, options, form, ..
            }) => {
                let profile = profile(inputs, options, observer)?;
                return Ok(Accomplished::Looked(profile.map(Box::new), *form));
            }
        };
        Ok(Accomplished::Loaded(Box::new(report)))
    }

    /// Holds it to `contract`, in place of a schema that is a file.
    pub fn set_contract(&mut self, contract: Arc<Contract>) {
        let options = match self {
            Invocation::Load(load) => &mut load.options,
            Invocation::Check(check) => &mut check.options,
            Invocation::Retry(retry) => &mut retry.options,
            Invocation::Schema(schema) => &mut schema.options,
        };
        options.contract.source = Some(ContractSource::Compiled(contract));
    }

    /// The database that it writes to, if it does.
    pub fn database(&self) -> Option<&Path> {
        match self {
            Invocation::Load(load) => Some(&load.database),
            Invocation::Retry(retry) => Some(&retry.database),
            Invocation::Check(_) | Invocation::Schema(_) => None,
        }
    }

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
