//! The name that a program was called by. Installed, the programs are `fledge-train` and so on,
//! because `train` and `sample` are everybody's words; what they print then names commands as a
//! user has to type them.
//!
//! ```
//! use std::ffi::OsStr;
//!
//! use fledge_base::cli::name::Called;
//!
//! let called = Called::by("train", Some(OsStr::new("/usr/bin/fledge-train")));
//! assert_eq!(called.name(), "fledge-train");
//! assert_eq!(called.spoken("run `train status RUN`"), "run `fledge-train status RUN`");
//! ```

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// Every program with its commands.
pub const PROGRAMS: [(&str, &[&str]); 4] = [
    ("prep", &["build", "merge", "verify", "show", "export", "synth"]),
    ("train", &["check", "status", "compare", "report", "throughput", "devices"]),
    (
        "evaluate",
        &[
            "protocols",
            "weights",
            "cache",
            "pairs",
            "curve",
            "statistics",
            "nearest",
            "scatter",
            "plane",
        ],
    ),
    (
        "sample",
        &[
            "grid",
            "images",
            "translate",
            "compare",
            "timelapse",
            "walk",
            "morph",
            "mix",
            "project",
            "sheet",
            "truncation",
            "latents",
            "export",
        ],
    ),
];

static CALLED: OnceLock<Called> = OnceLock::new();

/// A program and the name that it was called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    program: &'static str,
    name: String,
    /// The prefix of the names of all four programs: `fledge-`, or nothing.
    prefix: String,
}

impl Called {
    /// By the first word of the command line; `program` where that says nothing.
    #[must_use]
    pub fn by(program: &'static str, word: Option<&OsStr>) -> Self {
        let name = word
            .and_then(|word| Path::new(word).file_stem()?.to_str())
            .filter(|name| !name.is_empty());
        let name = name.unwrap_or(program).to_owned();
        let prefix = name.strip_suffix(program).unwrap_or_default().to_owned();
        Self { program, name, prefix }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if commands are typed as the texts spell them.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.name == self.program
    }

    /// `text` with every command in it as it has to be typed. A command is the name of a program
    /// before a flag, a path of a run or one of its own commands; the word `train` alone is a word.
    #[must_use]
    pub fn spoken<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_plain() {
            return Cow::Borrowed(text);
        }
        let mut spoken = String::with_capacity(text.len() + 64);
        let mut rest = text;
        let mut before = '\n';
        while let Some(first) = rest.chars().next() {
            let begins = before.is_whitespace() || "`'\"(".contains(before);
            let program = PROGRAMS
                .iter()
                .find(|(program, commands)| begins && is_command(rest, program, commands));
            let length = match program {
                Some((program, _)) => {
                    let name = if *program == self.program {
                        &self.name
                    } else {
                        &format!("{}{program}", self.prefix)
                    };
                    spoken.push_str(name);
                    program.len()
                }
                None => {
                    spoken.push(first);
                    first.len_utf8()
                }
            };
            before = rest[..length].chars().next_back().unwrap_or(first);
            rest = &rest[length..];
        }
        Cow::Owned(spoken)
    }
}

/// Returns true if `text` starts with a command of `program`.
fn is_command(text: &str, program: &str, commands: &[&str]) -> bool {
    let Some(rest) = text.strip_prefix(program).and_then(|rest| rest.strip_prefix(' ')) else {
        return false;
    };
    let word = rest.split(|c: char| !(c.is_alphanumeric() || c == '-')).next().unwrap_or_default();
    commands.contains(&word) || word == "COMMAND" || (word.starts_with("--") && word.len() > 2)
}

/// Remembers the name by which the program was called; the first call counts.
pub(super) fn set(called: Called) -> &'static Called {
    CALLED.get_or_init(|| called)
}

/// The name by which `program` was called.
#[must_use]
pub fn of(program: &str) -> String {
    CALLED
        .get()
        .filter(|called| called.program == program)
        .map_or(program, |called| &called.name)
        .to_owned()
}

/// `text` with every command in it as it has to be typed here.
#[must_use]
pub fn spoken(text: &str) -> Cow<'_, str> {
    match CALLED.get() {
        Some(called) => called.spoken(text),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(word: &str) -> Called {
        Called::by("train", Some(OsStr::new(word)))
    }

    #[test]
    fn commands_are_spoken_as_they_have_to_be_typed() {
        let text = "run `prep build x --out d`, then train --data d: 24 for train, 8 for val; train status runs/*";
        assert_eq!(by("target/debug/train").spoken(text), text);
        assert_eq!(by("").spoken(text), text);
        assert_eq!(
            by("/usr/local/bin/fledge-train").spoken(text),
            "run `fledge-prep build x --out d`, then fledge-train --data d: 24 for train, 8 for val; fledge-train status runs/*"
        );
        let link = "run `prep build x --out d`, then ft --data d: 24 for train, 8 for val; ft status runs/*";
        assert_eq!(by("ft").spoken(text), link);
    }
}
