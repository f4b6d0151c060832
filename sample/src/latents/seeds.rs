//! `0-63,100,200-207` → seeds, in this order.

use std::str::FromStr;

use shared::cli::UsageError;

/// Maximum seeds of a list; `sample images` takes more.
pub const LIMIT: u64 = 65_536;

/// A list of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let wrong = |what: &str| {
            UsageError(format!("--seeds {text}: {what}; expected a list like 0-63 or 3,7,20-25"))
        };
        let number = |part: &str| {
            part.trim().parse::<u64>().map_err(|_| wrong(&format!("`{part}` is not a number")))
        };
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if last < first {
                return Err(wrong(&format!("{first}-{last} runs backwards")));
            }
            if last - first >= LIMIT - seeds.len() as u64 {
                return Err(wrong(&format!(
                    "more than {LIMIT} seeds; `sample images` takes more with --seed-start and -n"
                )));
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
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
