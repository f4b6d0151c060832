//! A command line → flags: the same for all programs, with what each knows about the flags of
//! others ([`super::foreign`]), completions for shells and man pages, all under the name that the
//! program was called by.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, Parser, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;

use super::foreign::{Answers, Foreign};
use super::name::{self, Called};
use super::{Ending, UsageError, code_by, finish, own_code, print};
use crate::fs;

/// The facts about a command line beyond its flags.
pub struct Program {
    /// Its own name, whatever it is called by.
    pub name: &'static str,
    /// Flags of other programs.
    pub foreign: &'static [Foreign],
    /// The keys of the settings that a word stands for; [`no_settings`] where the program has none.
    pub settings: fn(&str) -> Vec<String>,
    /// A command for whom a foreign flag came without one.
    pub usual: &'static str,
}

/// For programs without settings.
#[must_use]
pub fn no_settings(_: &str) -> Vec<String> {
    Vec::new()
}

/// The flags of this process; otherwise the exit code, where everything is said and done: help,
/// completions, man pages, wrong usage.
///
/// # Errors
/// The exit code to end with.
pub fn parse<P: Parser>(program: &Program) -> Result<P, ExitCode> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let called = name::set(Called::by(program.name, words.first().map(OsString::as_os_str)));
    let command = named(P::command(), called);
    let mut whole = command.clone().subcommands(tools());
    let parsed =
        whole.try_get_matches_from_mut(&words).and_then(|mut matches| match matches.subcommand() {
            Some(("completions" | "man", matches)) => Ok(Err(run_tool(matches, command.clone()))),
            _ => P::from_arg_matches_mut(&mut matches)
                .map(Ok)
                .map_err(|error| error.format(&mut whole)),
        });
    match parsed {
        Ok(Ok(args)) => Ok(args),
        Ok(Err(done)) => Err(finish(program.name, done, |error| code_by(error, own_code))),
        Err(error) => Err(refused(program, &whole, &error, &words)),
    }
}

/// Prints the error of a command line, or the help or version that it asks for.
fn refused(
    program: &Program,
    command: &Command,
    error: &clap::Error,
    words: &[OsString],
) -> ExitCode {
    if error.kind() == ErrorKind::UnknownArgument {
        let words: Vec<String> =
            words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let chosen = words.first().and_then(|word| command.find_subcommand(word));
        let at = chosen.unwrap_or(command);
        let answers = Answers {
            program: command,
            command: at,
            table: program.foreign,
            settings: program.settings,
        };
        if let Some(answer) = answers.of(&words) {
            let lacking = if chosen.is_none() && command.is_subcommand_required_set() {
                format!("; the whole: {}", program.usual)
            } else {
                String::new()
            };
            let refused: Box<dyn std::error::Error + Send + Sync> =
                Box::new(UsageError(format!("{answer}{lacking}")));
            return finish(program.name, Err(refused), |error| code_by(error, own_code));
        }
    }
    // Whoever reads may have gone.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// `command` under the name that the program was called by, the commands in its help as they have
/// to be typed.
fn named(command: Command, called: &'static Called) -> Command {
    let command = command.name(called.name()).bin_name(called.name());
    if called.is_plain() { command } else { spoken(command, called) }
}

fn spoken(mut command: Command, called: &Called) -> Command {
    let say = |text: &StyledStr| StyledStr::from(called.spoken(&text.to_string()).into_owned());
    if let Some(text) = command.get_about().map(say) {
        command = command.about(text);
    }
    if let Some(text) = command.get_long_about().map(say) {
        command = command.long_about(text);
    }
    if let Some(text) = command.get_after_help().map(say) {
        command = command.after_help(text);
    }
    let say_arg = |mut arg: Arg| {
        if let Some(text) = arg.get_help().map(say) {
            arg = arg.help(text);
        }
        if let Some(text) = arg.get_long_help().map(say) {
            arg = arg.long_help(text);
        }
        arg
    };
    command.mut_args(say_arg).mut_subcommands(|command| spoken(command, called))
}

/// The hidden commands that `make install` calls.
fn tools() -> [Command; 2] {
    let shell = Arg::new("shell").required(true).value_parser(value_parser!(Shell));
    let folder = Arg::new("folder").required(true).value_parser(value_parser!(PathBuf));
    [
        Command::new("completions")
            .hide(true)
            .about("Print what makes a shell complete this program's flags")
            .arg(shell),
        Command::new("man")
            .hide(true)
            .about("Write the man pages of this program and its commands into a folder")
            .arg(folder),
    ]
}

type Done = Result<Ending, Box<dyn std::error::Error + Send + Sync>>;

fn run_tool(matches: &ArgMatches, mut command: Command) -> Done {
    if let Ok(Some(&shell)) = matches.try_get_one::<Shell>("shell") {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut script);
        let mut script = String::from_utf8_lossy(&script).into_owned();
        if shell == Shell::Bash {
            // clap_complete 4.6 sets one word for a hyphen of the name and looks for another: no
            // command would be completed.
            script = script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
        }
        print(&script)?;
    }
    if let Ok(Some(folder)) = matches.try_get_one::<PathBuf>("folder") {
        fs::create_folder(folder)?;
        let mut command = command.disable_help_subcommand(true);
        command.build();
        pages(&command, folder)?;
    }
    Ok(Ending::Done)
}

/// Writes the page of a command and those of the commands below it.
fn pages(command: &Command, folder: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| pages(command, folder))?;
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.get_subcommands().any(|command| !command.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        page.extend(examples(&text.to_string()).into_bytes());
    }
    Ok(fs::write(folder.join(man.get_filename()), &page)?)
}

/// Examples as a section of a man page, line for line: as running text they could not be copied.
fn examples(text: &str) -> String {
    let mut section = ".SH EXAMPLES\n.nf\n".to_owned();
    for line in text.trim_start_matches("Examples:\n").lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        section.push_str(&format!("{guard}{line}\n"));
    }
    section + ".fi\n"
}
