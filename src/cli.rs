//! The flags of the command line, in groups, and their one-time translation into validated options.

mod answer;
mod characters;
mod check;
mod color;
mod columns;
mod config;
mod explain;
mod help;
mod info;
mod input_format;
mod load;
mod names;
mod next;
mod outcome;
mod readme;
mod resources;
mod retry;
mod schema;
mod shell;
mod sizes;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod width;
mod wrong_usage;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

pub use self::answer::answer;
use self::check::CheckArgs;
pub use self::check::CheckCommand;
pub use self::color::ColorArg;
pub use self::config::with_config;
use self::explain::{ExplainArgs, ExplainCommand};
use self::help::{HelpArgs, topics};
use self::info::InfoArgs;
pub use self::info::InfoCommand;
use self::load::LoadArgs;
pub use self::load::LoadCommand;
pub use self::next::next_command;
pub use self::outcome::Verbosity;
use self::retry::RetryArgs;
pub use self::retry::RetryCommand;
use self::schema::SchemaArgs;
pub use self::schema::SchemaCommand;
use self::shell::{CompletionsArgs, ManArgs};
pub use self::width::columns_of_stderr;
pub use self::wrong_usage::{explained, wrong_usage};

/// Load huge CSV files into SQLite: fast, exact, every bad record accounted for
#[derive(Debug, Parser)]
#[command(
    name = "rowmill",
    version,
    propagate_version = true,
    max_term_width = 110,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = topics()
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
    /// When there are colours: auto, always or never
    ///
    /// auto: on a terminal, unless NO_COLOR is set, and everywhere if CLICOLOR_FORCE is. Default of the variable ROWMILL_COLOR.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        global = true,
        env = "ROWMILL_COLOR",
        hide_env = true,
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = "Terminal"
    )]
    color: ColorArg,
    /// How progress is shown: auto (a bar on a terminal), bar, json (a line for each step on stderr) or none
    ///
    /// With json all of stderr are lines for another program, the summary too: rowmill help progress. Default of the variable ROWMILL_PROGRESS.
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        global = true,
        env = "ROWMILL_PROGRESS",
        hide_env = true,
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = "Terminal"
    )]
    pub progress: ProgressArg,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    Auto,
    Bar,
    Json,
    None,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Load(Box<LoadArgs>),
    Check(Box<CheckArgs>),
    Retry(Box<RetryArgs>),
    Schema(Box<SchemaArgs>),
    Info(InfoArgs),
    Explain(ExplainArgs),
    Help(HelpArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// What is to be done.
#[derive(Debug)]
pub enum Invocation {
    Load(LoadCommand),
    Check(CheckCommand),
    Retry(RetryCommand),
    Schema(SchemaCommand),
    Info(InfoCommand),
    Explain(ExplainCommand),
    /// A text about the program itself, with styles.
    Print(String),
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
            Command::Info(args) => Ok(Invocation::Info(args.into_info())),
            Command::Explain(args) => Ok(Invocation::Explain(args.into_explain())),
            Command::Help(args) => args.into_text().map(Invocation::Print),
            Command::Completions(args) => Ok(Invocation::Print(args.into_text())),
            Command::Man(args) => args.into_text().map(Invocation::Print),
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
            Invocation::Info(_) | Invocation::Explain(_) | Invocation::Print(_) => Verbosity::Normal,
        }
    }

    /// What becomes of what was read, once somebody stops the job.
    pub fn on_stop(&self) -> &'static str {
        match self {
            Invocation::Load(_) | Invocation::Retry(_) => "what was read is being committed",
            Invocation::Check(_) => "the errors file keeps what was found",
            Invocation::Schema(_) | Invocation::Info(_) | Invocation::Explain(_) | Invocation::Print(_) => {
                "nothing is printed"
            }
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
