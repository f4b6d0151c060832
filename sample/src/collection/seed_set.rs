//! The seeds of a collection: each once, in ascending order, without one number for each of a million.

use std::fmt;

use shared::cli::UsageError;

use crate::seeds::Seeds;

/// More pictures than this are a slip of the keyboard.
const MOST: u64 = 100_000_000;

/// At least one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedSet {
    /// First and last of each run of them, ascending, with a gap between any two.
    runs: Vec<(u64, u64)>,
}

impl SeedSet {
    /// `n` seeds from `start` on.
    ///
    /// # Errors
    /// When there are none or not so many.
    pub fn from_start(start: u64, n: u64) -> Result<Self, UsageError> {
        if n > MOST {
            return Err(UsageError(format!("-n {n}: at most {MOST}")));
        }
        let more = n.checked_sub(1).ok_or_else(|| UsageError("-n 0: at least 1".into()))?;
        let last = start.checked_add(more).filter(|last| *last < u64::MAX);
        let last = last.ok_or_else(|| UsageError(format!("--seed-start {start}: too large for -n {n}")))?;
        Ok(Self { runs: vec![(start, last)] })
    }

    /// Those of a list, in whatever order it has them.
    ///
    /// # Errors
    /// When it names one twice: there would be one picture less than people expect.
    pub fn of_list(list: &Seeds) -> Result<Self, UsageError> {
        let mut seeds = list.0.clone();
        seeds.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for seed in seeds {
            match runs.last_mut() {
                Some((_, last)) if *last == seed => return Err(UsageError(format!("--seeds: {seed} is named twice"))),
                Some((_, last)) if seed - *last == 1 => *last = seed,
                _ => runs.push((seed, seed)),
            }
        }
        Ok(Self { runs })
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether it has `seed`.
    #[must_use]
    pub fn contains(&self, seed: u64) -> bool {
        let at = self.runs.partition_point(|(first, _)| *first <= seed);
        at > 0 && seed <= self.runs[at - 1].1
    }

    /// The same as its text, cut off where that is too long for a message.
    #[must_use]
    pub fn shown(&self) -> String {
        let (text, most) = (self.to_string(), 80);
        match text.get(..most).and_then(|start| start.rfind(',')) {
            Some(end) => format!("{},…", &text[..end]),
            None => text,
        }
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|&(first, last)| first..=last)
    }
}

impl fmt::Display for SeedSet {
    /// As `--seeds` takes it: `0-99,200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.runs.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}") } else { write!(f, "{comma}{first}-{last}") }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_any_order_is_the_same_set_and_says_what_it_has() {
        let set = SeedSet::of_list(&"7,3-5,6,100".parse().expect("list")).expect("set");
        assert_eq!(set.to_string(), "3-7,100");
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 100]);
        assert_eq!((set.count(), set.shown()), (6, set.to_string()));
        let scattered = SeedSet { runs: (0..1000).map(|i| (2 * i, 2 * i)).collect() }.shown();
        assert!(scattered.starts_with("0,2,4,") && scattered.ends_with(",…") && scattered.len() < 90, "{scattered}");
        for seed in 0..110 {
            assert_eq!(set.contains(seed), set.iter().any(|s| s == seed), "{seed}");
        }
        let twice = SeedSet::of_list(&"3-5,4".parse().expect("list")).expect_err("twice").to_string();
        assert!(twice.contains("4 is named twice"), "{twice}");
    }

    #[test]
    fn a_range_has_as_many_as_asked_for_or_says_what_is_wrong() {
        let set = SeedSet::from_start(5, 1 << 26).expect("range");
        assert_eq!((set.count(), set.contains(4), set.contains(5), set.contains(5 + (1 << 26))), (1 << 26, false, true, false));
        for (start, n, named) in [(0, 0, "-n 0"), (u64::MAX, 1, "--seed-start"), (9, u64::MAX, "at most")] {
            let error = SeedSet::from_start(start, n).expect_err(named).to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
