//! docs/reference.md lists every command and every option as `--help` prints them.
//!
//! The part between the two markers is made from the command line itself. After a change of an
//! option: `UPDATE_REFERENCE=1 cargo test --test tests documents::reference`.

use std::collections::HashSet;
use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};
use seismic::Cli;

use super::root;

const BEGIN: &str = "<!-- made from the command line: begin -->\n";
const END: &str = "<!-- made from the command line: end -->\n";

#[test]
fn the_reference_lists_every_command_and_option_as_help_prints_them() {
    let path = root().join("docs/reference.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the reference has its first marker");
    let (stored, after) = rest.split_once(END).expect("the reference has its last marker");
    let made = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    let differs = stored.lines().zip(made.lines()).find(|(stored, made)| stored != made);
    assert!(
        stored == made,
        "docs/reference.md is stale; first difference: {differs:#?}\n\
         UPDATE_REFERENCE=1 cargo test --test tests documents::reference writes it again"
    );
}

#[test]
fn every_option_that_a_document_names_exists() {
    let known = options(&Cli::command());
    let mut unknown = Vec::new();
    for (path, text) in super::documents() {
        // The others also name options of other programs, or of versions that were.
        let ours = ["README.md", "docs/walkthrough.md", "docs/guarantees.md"];
        if !ours.iter().any(|name| path == root().join(name)) {
            continue;
        }
        for line in text.lines().filter(|line| !line.contains("cargo") && !line.contains("kill")) {
            for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
                let option = word.strip_prefix("--").filter(|name| name.len() > 1);
                if option.is_some_and(|name| !name.starts_with('-') && !known.contains(name)) {
                    unknown.push(format!("{}: {word}", path.display()));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Names of all options of a command and those below it, aliases included.
fn options(command: &Command) -> HashSet<String> {
    let mut names: HashSet<String> = ["help", "version"].map(str::to_owned).into();
    for arg in command.get_arguments() {
        names.extend(arg.get_long().map(str::to_owned));
        names.extend(arg.get_all_aliases().unwrap_or_default().iter().map(|&alias| alias.into()));
    }
    command.get_subcommands().for_each(|command| names.extend(options(command)));
    names
}

/// Every command that does something, in the order of `seismic --help`.
fn reference() -> String {
    let mut text = String::new();
    let mut command = Cli::command();
    command.build();
    add(&mut text, &command, "seismic");
    text
}

fn add(text: &mut String, command: &Command, name: &str) {
    if command.has_subcommands() {
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            add(text, below, &format!("{name} {}", below.get_name()));
        }
        // It does something on its own too.
        if !command.is_args_conflicts_with_subcommands_set() {
            return;
        }
    }
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    writeln!(text, "### `{name}`\n\n{}\n", about.unwrap_or_default()).unwrap();
    writeln!(text, "```text\n{usage}\n```\n").unwrap();
    writeln!(text, "| option | default | meaning |\n|---|---|---|").unwrap();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_help(arg)) {
        let (help, default) = meaning(arg);
        let cells = [spelling(arg), default, help + &aliases(arg)];
        writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")).unwrap();
    }
    text.push('\n');
}

/// What an option means, and its default: clap's, or the one at the end of the help text.
fn meaning(arg: &Arg) -> (String, String) {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    let help = help.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((help, default)) = help.split_once(" [default: ") {
        return (help.to_owned(), default.trim_end_matches(']').to_owned());
    }
    if !arg.get_action().takes_values() {
        return (help, String::new());
    }
    let default = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    (help, default.collect::<Vec<_>>().join(" "))
}

fn is_help(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

/// An option as `--help` spells it: name, value, and dots when it may be repeated.
fn spelling(arg: &Arg) -> String {
    let spelled = arg.to_string();
    let values = arg.get_possible_values();
    let hidden = values.is_empty() || arg.is_hide_possible_values_set() || spelled.contains('|');
    match hidden || !arg.get_action().takes_values() {
        true => format!("`{spelled}`"),
        false => {
            let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
            format!("`{spelled}`: {}", names.join(", "))
        }
    }
}

/// Other names that are shown in `--help`.
fn aliases(arg: &Arg) -> String {
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    aliases.iter().map(|alias| format!(" (also `--{alias}`)")).collect()
}
