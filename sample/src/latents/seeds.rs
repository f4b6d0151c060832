//! `0-63,100,200-207` → seeds, or other numbers, in this order.

use std::str::FromStr;

use shared::cli::UsageError;

/// Maximum seeds of a list; `sample images` takes more.
pub const LIMIT: u64 = 65_536;

/// A list of whole numbers, for flags other than `--seeds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub Vec<u64>);

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        numbers(text)
            .map(Self)
            .map_err(|what| format!("{what}; expected a list like 0-3 or 0,2,5-7"))
    }
}

impl Numbers {
    /// The numbers as layers of a generator that has `count`.
    ///
    /// # Errors
    /// When there is no such layer; the text names `flag`.
    pub fn layers(&self, flag: &str, count: usize) -> Result<Vec<usize>, UsageError> {
        let known = |&layer: &u64| match usize::try_from(layer) {
            Ok(layer) if layer < count => Ok(layer),
            _ => {
                let last = count.saturating_sub(1);
                let text = format!("{flag} {layer}: this generator has the layers 0 to {last}");
                Err(UsageError(text))
            }
        };
        self.0.iter().map(known).collect()
    }
}

/// The numbers of a list.
///
/// # Errors
/// The reason why it is none.
fn numbers(text: &str) -> Result<Vec<u64>, String> {
    let number =
        |part: &str| part.trim().parse::<u64>().map_err(|_| format!("`{part}` is not a number"));
    let mut list = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if last < first {
            return Err(format!("{first}-{last} runs backwards"));
        }
        if last - first >= LIMIT - list.len() as u64 {
            return Err(format!("more than {LIMIT} numbers"));
        }
        list.extend(first..=last);
    }
    Ok(list)
}

/// A list of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        numbers(text).map(Self).map_err(|what| {
            UsageError(format!(
                "--seeds {text}: {what}; expected a list like 0-63 or 3,7,20-25 (`sample images` takes more with \
                 --seed-start and -n)"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_in_order_and_nonsense_is_named() {
        assert_eq!("0-3,9,5".parse::<Seeds>().expect("list").0, [0, 1, 2, 3, 9, 5]);
        for text in ["", "a", "5-2", "1-", "0-99999999999", "-1"] {
            let error = text.parse::<Seeds>().expect_err(text).to_string();
            assert!(error.contains("--seeds"), "{error}");
        }
    }
}
