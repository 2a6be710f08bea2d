//! `rowmill completions SHELL` and `rowmill man [COMMAND]`: what a package puts into a system, made from the flags.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Args, usage};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where they go:
  bash  rowmill completions bash > ~/.local/share/bash-completion/completions/rowmill
  zsh   rowmill completions zsh > ~/.zfunc/_rowmill      (a folder in $fpath)
  fish  rowmill completions fish > ~/.config/fish/completions/rowmill.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print a manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "\
To look at it:   rowmill man load | man -l -
To install it:   rowmill man load > /usr/local/share/man/man1/rowmill-load.1")]
pub struct ManArgs {
    /// A command, such as load [default: rowmill itself]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl CompletionsArgs {
    pub(super) fn into_text(self) -> String {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "rowmill", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

impl ManArgs {
    /// The page.
    ///
    /// # Errors
    /// A usage error in clap's own form when there is no such command.
    pub(super) fn into_text(self) -> Result<String, clap::Error> {
        let mut command = Args::command();
        command.build();
        let page = match self.command {
            None => command,
            Some(name) => command.find_subcommand(&name).cloned().ok_or_else(|| {
                let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
                usage(
                    "man",
                    format!("there is no command '{name}'; they are {}", names.join(", ")),
                )
            })?,
        };
        let mut text = Vec::new();
        Man::new(page).render(&mut text).expect("writing to memory cannot fail");
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
