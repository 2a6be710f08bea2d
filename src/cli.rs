//! The flags of the command line, in groups, and their one-time translation into validated options.

mod answer;
mod characters;
mod check;
mod color;
mod columns;
mod config;
mod described;
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

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{ContractSource, TypedCommand};
use rowmill::{Contract, Error, LoadReport, Observer, Profile, ProfileFormat};

pub use self::answer::answer;
use self::check::CheckArgs;
pub use self::check::CheckCommand;
pub use self::color::ColorArg;
use self::config::with_config;
pub use self::described::{Flag, flags};
use self::explain::{ExplainArgs, ExplainCommand};
use self::help::{HelpArgs, topics};
use self::info::InfoArgs;
pub use self::info::InfoCommand;
use self::info::continued;
use self::load::LoadArgs;
pub use self::load::LoadCommand;
pub use self::next::next_command;
pub use self::outcome::Verbosity;
use self::retry::RetryArgs;
pub use self::retry::RetryCommand;
use self::schema::SchemaArgs;
pub use self::schema::SchemaCommand;
use self::shell::{CompletionsArgs, ManArgs};
pub use self::width::{columns_of_stderr, stderr_is_ascii};
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

/// What became of it.
#[derive(Debug)]
pub enum Accomplished {
    /// Records were loaded, or checked.
    Loaded(Box<LoadReport>),
    /// Inputs were looked at, and what is in them is to be shown in a form; or somebody stopped it.
    Looked(Option<Box<Profile>>, ProfileFormat),
    /// A load was given up.
    Forgotten,
    /// A text with styles, which is to be printed.
    Said(String),
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
            Command::Info(args) => Ok(Invocation::Info(args.into_info())),
            Command::Explain(args) => Ok(Invocation::Explain(args.into_explain())),
            Command::Help(args) => args.into_text().map(Invocation::Print),
            Command::Completions(args) => Ok(Invocation::Print(args.into_text())),
            Command::Man(args) => args.into_text().map(Invocation::Print),
        }
    }
}

impl Invocation {
    /// What the words of a command line, the program's name first, ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form, or what is to be shown instead of doing anything.
    pub fn of(words: Vec<OsString>) -> Result<Self, clap::Error> {
        Self::asked_for(words, ColorArg::Never).map(|(job, _)| job)
    }

    /// The same, and how progress is to be shown. What is shown instead of doing anything has colours as `color` says.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn asked_for(words: Vec<OsString>, color: ColorArg) -> Result<(Self, ProgressArg), clap::Error> {
        let typed = typed_command(&words);
        let words = with_config(words)?;
        let command = Args::command().color(color.for_clap());
        let mut matches = command.try_get_matches_from(words)?;
        let args = Args::from_arg_matches_mut(&mut matches)?;
        let progress = args.progress;
        let mut job = args.into_invocation()?;
        if let Invocation::Load(LoadCommand { options, .. }) | Invocation::Retry(RetryCommand { options, .. }) =
            &mut job
        {
            options.target.command = typed;
        }
        Ok((job, progress))
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
            Invocation::Info(InfoCommand {
                database,
                forget: Some(table),
                ..
            }) => {
                let mut options = LoadOptions::default();
                options.target.table = Some(table.clone());
                return forget(&[], database, &options, observer).map(|()| Accomplished::Forgotten);
            }
            Invocation::Info(InfoCommand {
                database,
                resume: Some(table),
                ..
            }) => return continued(database, table, observer)?.run(observer),
            Invocation::Info(info) => return info.text().map(Accomplished::Said),
            Invocation::Explain(explain) => return explain.text().map(Accomplished::Said),
            Invocation::Print(text) => return Ok(Accomplished::Said(text.clone())),
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
            Invocation::Info(_) | Invocation::Explain(_) | Invocation::Print(_) => return,
        };
        options.contract.source = Some(ContractSource::Compiled(contract));
    }

    /// The database that it writes to, if it does.
    pub fn database(&self) -> Option<&Path> {
        match self {
            Invocation::Load(load) => Some(&load.database),
            Invocation::Retry(retry) => Some(&retry.database),
            Invocation::Info(info) => (info.forget.as_ref().or(info.resume.as_ref())).map(|_| &*info.database),
            Invocation::Check(_) | Invocation::Schema(_) | Invocation::Explain(_) | Invocation::Print(_) => None,
        }
    }

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
            Invocation::Load(_) | Invocation::Retry(_) | Invocation::Info(InfoCommand { resume: Some(_), .. }) => {
                "what was read is being committed"
            }
            Invocation::Check(_) => "the errors file keeps what was found",
            Invocation::Schema(_) | Invocation::Info(_) | Invocation::Explain(_) | Invocation::Print(_) => {
                "nothing is printed"
            }
        }
    }
}

/// These words, for whoever is to repeat them; `None` if they are not all text.
fn typed_command(words: &[OsString]) -> Option<TypedCommand> {
    let words = words.iter().skip(1).map(|word| word.to_str().map(str::to_owned));
    Some(TypedCommand {
        words: words.collect::<Option<_>>()?,
        folder: std::env::current_dir().ok()?,
    })
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
