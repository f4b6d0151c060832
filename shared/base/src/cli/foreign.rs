//! Flags of other programs, answered with ours. A table of facts for each program says which of
//! ours takes the place of which of theirs; the alphabetically nearest of ours seldom does.
//!
//! Names are compared without case, hyphens and underscores: `--batch-size`, `--batch_size` and
//! `--batchSize` are one name.
//!
//! ```
//! use fledge_base::cli::foreign::folded;
//!
//! assert_eq!(folded("--batchSize"), folded("--batch_size"));
//! ```

use clap::{Arg, Command};

/// Our replacement for flags of other programs.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    /// Their names, folded: in lower case, letters and digits only.
    pub theirs: &'static [&'static str],
    /// The replacement to type, with `{}` for the value; empty if there is none.
    pub ours: &'static str,
    /// The conversion of the value.
    pub value: Value,
    /// A further remark.
    pub note: &'static str,
}

/// The conversion of a value.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// It is the same; this one is shown where the user gave none.
    Same(&'static str),
    /// A number of GPUs becomes their names.
    GpuCount,
    /// Numbers of GPUs become their names; below 0 it is the CPU.
    GpuNumbers,
    /// Theirs counts in other units or means yes or no: the answer shows one of ours, or none.
    Own,
}

/// A row: `theirs` are typed as `ours` with the same value, as in `example`.
#[must_use]
pub const fn same(
    theirs: &'static [&'static str],
    ours: &'static str,
    example: &'static str,
) -> Foreign {
    Foreign { theirs, ours, value: Value::Same(example), note: "" }
}

/// A row: `theirs` are typed as `ours`, whatever their value; but a switch that is off is left out.
#[must_use]
pub const fn own(
    theirs: &'static [&'static str],
    ours: &'static str,
    note: &'static str,
) -> Foreign {
    Foreign { theirs, ours, value: Value::Own, note }
}

/// A row: there is nothing to type in place of `theirs`, because of `note`.
#[must_use]
pub const fn none(theirs: &'static [&'static str], note: &'static str) -> Foreign {
    own(theirs, "", note)
}

impl Foreign {
    /// The row with something more to be said.
    #[must_use]
    pub const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// The row with another way from their value to ours.
    #[must_use]
    pub const fn value(mut self, value: Value) -> Self {
        self.value = value;
        self
    }

    /// The replacement to type, with the value that the user gave.
    #[must_use]
    pub fn typed(&self, value: Option<&str>) -> String {
        let value = match self.value {
            Value::Same(example) => value.unwrap_or(example).to_owned(),
            Value::GpuCount => match value.and_then(|count| count.parse().ok()).unwrap_or(1) {
                0 => "cpu".to_owned(),
                count => gpus((0..count.min(64usize)).map(|i| i.to_string())),
            },
            Value::GpuNumbers => match value.unwrap_or("0") {
                "-1" | "cpu" => "cpu".to_owned(),
                numbers => gpus(
                    numbers.split(',').map(|number| number.trim_start_matches("cuda:").to_owned()),
                ),
            },
            Value::Own => String::new(),
        };
        self.ours.replace("{}", &value)
    }
}

fn gpus(numbers: impl Iterator<Item = String>) -> String {
    numbers.map(|number| format!("cuda:{number}")).collect::<Vec<_>>().join(",")
}

/// A name as names are compared.
#[must_use]
pub fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The tables in which answers are looked up.
pub struct Answers<'a> {
    /// The program.
    pub program: &'a Command,
    /// Its command whose flags are ours; the program where there is none.
    pub command: &'a Command,
    /// Facts about other programs.
    pub table: &'a [Foreign],
    /// The keys of the settings that a name stands for, where the program has settings.
    pub settings: fn(&str) -> Vec<String>,
}

impl Answers<'_> {
    /// Answers every foreign flag of a command line; `None` where there is none that is known.
    #[must_use]
    pub fn of(&self, words: &[String]) -> Option<String> {
        let mut answers: Vec<String> = Vec::new();
        let mut words = words.iter().take_while(|word| *word != "--").peekable();
        while let Some(word) = words.next() {
            let Some(flag) = word
                .strip_prefix('-')
                .filter(|rest| !rest.is_empty() && word.parse::<f64>().is_err())
            else {
                continue;
            };
            let (name, joined) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            if self.is_ours(name) {
                continue;
            }
            let is_value = |word: &&String| !word.starts_with('-') || word.parse::<f64>().is_ok();
            let value =
                joined.or_else(|| words.peek().copied().filter(is_value).map(String::as_str));
            let answer = self.answer(name.trim_start_matches('-'), value);
            let shown = word.split('=').next().unwrap_or(word);
            answers.extend(answer.map(|answer| {
                format!("{shown}{} {answer}", value.map_or(String::new(), |v| format!(" {v}")))
            }));
        }
        (!answers.is_empty()).then(|| answers.join("; "))
    }

    /// The command that has the flag that `typed` starts with, if the current one lacks it.
    fn place(&self, typed: &str) -> String {
        let Some(long) = typed.split_whitespace().next().and_then(|word| word.strip_prefix("--"))
        else {
            return "here".to_owned();
        };
        let has =
            |command: &Command| command.get_arguments().any(|arg| arg.get_long() == Some(long));
        let others: Vec<String> = self
            .program
            .get_subcommands()
            .filter(|command| has(command))
            .map(|c| c.get_name().to_owned())
            .collect();
        if has(self.command)
            || others.is_empty()
            || self.command.get_name() == self.program.get_name()
        {
            return "here".to_owned();
        }
        format!("of {} {}", self.program.get_name(), others.join(", "))
    }

    fn flags(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| !arg.is_positional())
    }

    /// Returns true if a word without its first hyphen is a flag of the command.
    fn is_ours(&self, name: &str) -> bool {
        match name.strip_prefix('-') {
            Some(long) => {
                long == "help"
                    || long == "version"
                    || self.flags().any(|arg| arg.get_long() == Some(long))
            }
            // `-n5` is `-n 5`.
            None => {
                name.starts_with(['h', 'V'])
                    || self
                        .flags()
                        .any(|arg| arg.get_short() == name.chars().next() && name.len() == 1)
            }
        }
    }

    fn answer(&self, name: &str, value: Option<&str>) -> Option<String> {
        let name = folded(name);
        let is_off = |value: &str| {
            ["0", "false", "no", "none", "off"].contains(&value.to_ascii_lowercase().as_str())
        };
        let with = |text: String, note: &str| {
            if note.is_empty() { text } else { format!("{text} ({note})") }
        };
        // One of ours in another spelling.
        let long = self.flags().filter_map(Arg::get_long).find(|long| folded(long) == name);
        if let Some(long) = long {
            let value = value.map_or(String::new(), |value| format!(" {value}"));
            return Some(format!("is --{long}{value} here"));
        }
        if let Some(row) = self.table.iter().find(|row| row.theirs.contains(&name.as_str())) {
            if row.ours.is_empty() {
                return Some(format!("is left out here: {}", row.note));
            }
            if matches!(row.value, Value::Own) && value.is_some_and(is_off) {
                return Some(format!("is left out here: it is off unless {} is given", row.ours));
            }
            let typed = row.typed(value);
            return Some(match row.ours.starts_with('-') {
                true => with(format!("is {typed} {}", self.place(&typed)), row.note),
                false => with(format!("is an argument without a flag here: {typed}"), row.note),
            });
        }
        let keys = (self.settings)(&name);
        let typed: Vec<String> =
            keys.iter().map(|key| format!("--set {key}={}", value.unwrap_or("VALUE"))).collect();
        (!typed.is_empty()).then(|| format!("is {} here", typed.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [Foreign; 4] = [
        same(&["outdir"], "--out {}", "runs/a"),
        same(&["gpus"], "--device {}", "").value(Value::GpuCount),
        own(&["cond"], "--set cond=embedding+projection", "a note"),
        none(&["workers"], "threads are counted"),
    ];

    fn answer(words: &str) -> Option<String> {
        let command = Command::new("x")
            .arg(Arg::new("save").long("save-every"))
            .arg(Arg::new("n").short('n'));
        let settings = |name: &str| {
            if name == "lr" { vec!["optimizer.learning_rate".to_owned()] } else { Vec::new() }
        };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Answers { program: &command, command: &command, table: &TABLE, settings }.of(&words)
    }

    #[test]
    fn every_foreign_flag_is_answered_with_the_value_that_the_user_gave() {
        for (words, expected) in [
            ("--lr 1e-4", "--lr 1e-4 is --set optimizer.learning_rate=1e-4 here"),
            ("--lr=-1", "--lr -1 is --set optimizer.learning_rate=-1 here"),
            ("--save_every 5m -n 3", "--save_every 5m is --save-every 5m here"),
            (
                "--outDir=a --gpus 2",
                "--outDir a is --out a here; --gpus 2 is --device cuda:0,cuda:1 here",
            ),
            ("--cond=1", "--cond 1 is --set cond=embedding+projection here (a note)"),
            (
                "--cond 0",
                "--cond 0 is left out here: it is off unless --set cond=embedding+projection is given",
            ),
            ("--workers 4", "--workers 4 is left out here: threads are counted"),
        ] {
            assert_eq!(answer(words).as_deref(), Some(expected), "{words}");
        }
        assert_eq!(answer("--nothing 5 -n 7 --save-every 1m -3 -- --lr 4"), None);
    }
}
