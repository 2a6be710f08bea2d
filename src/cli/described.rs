//! The flags of a subcommand as data, for whoever gives the same options in another language.

use clap::{ArgAction, CommandFactory};

use super::Args;

/// Flags that only say what a terminal shows.
const OF_TERMINAL: [&str; 5] = ["help", "version", "color", "progress", "then"];

/// A flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Its long name, without dashes.
    pub name: String,
    /// What its value is called, such as `COL[,COL]`; `None`: it is said or not.
    pub value: Option<String>,
    /// Whether it may be given several times.
    pub is_repeatable: bool,
    /// Its value when it is not given, if help texts tell.
    pub default: Option<String>,
    /// The only values that it has, if they are listed.
    pub choices: Vec<String>,
    /// What help texts say of it, and the heading under which they do.
    pub help: String,
    pub heading: String,
}

/// The flags of the subcommand of this name, in the order of its help text; none if there is no such subcommand.
pub fn flags(subcommand: &str) -> Vec<Flag> {
    let mut command = Args::command();
    command.build();
    let Some(subcommand) = command.find_subcommand(subcommand) else {
        return Vec::new();
    };
    let described = subcommand.get_arguments().filter_map(|arg| {
        let takes_value = arg.get_action().takes_values();
        let values = arg.get_value_names().unwrap_or_default();
        let help = arg.get_long_help().or_else(|| arg.get_help());
        Some(Flag {
            name: arg.get_long().filter(|name| !OF_TERMINAL.contains(name))?.to_owned(),
            value: values.first().filter(|_| takes_value).map(ToString::to_string),
            is_repeatable: matches!(arg.get_action(), ArgAction::Append),
            default: arg
                .get_default_values()
                .first()
                .filter(|_| takes_value)
                .map(|value| value.to_string_lossy().into_owned()),
            choices: arg
                .get_possible_values()
                .iter()
                .filter(|_| takes_value)
                .map(|value| value.get_name().to_owned())
                .collect(),
            help: help.map(ToString::to_string).unwrap_or_default(),
            heading: arg.get_help_heading().unwrap_or_default().to_owned(),
        })
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_described_as_they_are() {
        let flags = flags("load");
        let named = |name: &str| flags.iter().find(|flag| flag.name == name).unwrap();
        let key = named("key");
        assert_eq!((key.value.as_deref(), key.is_repeatable), (Some("COL[,COL]"), false));
        assert_eq!(
            (named("index").is_repeatable, named("text").value.clone()),
            (true, None)
        );
        assert_eq!(named("write-path").choices, ["auto", "sql", "direct"]);
        assert_eq!(named("batch-rows").default.as_deref(), Some("200000"));
        assert!(
            flags
                .iter()
                .all(|flag| !flag.help.is_empty() && !flag.heading.is_empty() && flag.name != "help")
        );
        assert_eq!(super::flags("none"), []);
    }
}
