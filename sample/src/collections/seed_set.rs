//! The seeds of a collection: ascending, without repetitions, stored as ranges.

use std::fmt;

use shared::cli::UsageError;

use crate::latents::seeds::Seeds;

/// Maximum pictures: more are a typing error.
const MOST: u64 = 100_000_000;

/// At least one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedSet {
    /// First and last of each range, ascending, with gaps between ranges.
    runs: Vec<(u64, u64)>,
}

impl SeedSet {
    /// `n` seeds from `start`.
    ///
    /// # Errors
    /// When `n` is 0 or too large.
    pub fn from_start(start: u64, n: u64) -> Result<Self, UsageError> {
        if n > MOST {
            return Err(UsageError(format!("-n {n}: at most {MOST}")));
        }
        let more = n.checked_sub(1).ok_or_else(|| UsageError("-n 0: at least 1".into()))?;
        let last = start.checked_add(more).filter(|last| *last < u64::MAX);
        let last =
            last.ok_or_else(|| UsageError(format!("--seed-start {start}: too large for -n {n}")))?;
        Ok(Self { runs: vec![(start, last)] })
    }

    /// The seeds of a list in any order.
    ///
    /// # Errors
    /// When a seed is repeated: there would be fewer pictures than expected.
    pub fn of_list(list: &Seeds) -> Result<Self, UsageError> {
        let mut seeds = list.0.clone();
        seeds.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for seed in seeds {
            match runs.last_mut() {
                Some((_, last)) if *last == seed => {
                    return Err(UsageError(format!("--seeds: {seed} is repeated")));
                }
                Some((_, last)) if seed - *last == 1 => *last = seed,
                _ => runs.push((seed, seed)),
            }
        }
        Ok(Self { runs })
    }

    /// Number of seeds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Reports if it contains `seed`.
    #[must_use]
    pub fn contains(&self, seed: u64) -> bool {
        let at = self.runs.partition_point(|(first, _)| *first <= seed);
        at > 0 && seed <= self.runs[at - 1].1
    }

    /// The list, truncated for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        let (text, most) = (self.to_string(), 80);
        match text.get(..most).and_then(|start| start.rfind(',')) {
            Some(end) => format!("{},…", &text[..end]),
            None => text,
        }
    }

    /// All seeds, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|&(first, last)| first..=last)
    }
}

impl fmt::Display for SeedSet {
    /// The syntax of `--seeds`: `0-99,200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.runs.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")
            } else {
                write!(f, "{comma}{first}-{last}")
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_any_order_is_the_same_set() {
        let set = SeedSet::of_list(&"7,3-5,6,100".parse().expect("list")).expect("set");
        assert_eq!(set.to_string(), "3-7,100");
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 100]);
        assert_eq!((set.count(), set.shown()), (6, set.to_string()));
        let scattered = SeedSet { runs: (0..1000).map(|i| (2 * i, 2 * i)).collect() }.shown();
        assert!(
            scattered.starts_with("0,2,4,") && scattered.ends_with(",…") && scattered.len() < 90,
            "{scattered}"
        );
        for seed in 0..110 {
            assert_eq!(set.contains(seed), set.iter().any(|s| s == seed), "{seed}");
        }
        let twice =
            SeedSet::of_list(&"3-5,4".parse().expect("list")).expect_err("twice").to_string();
        assert!(twice.contains("4 is repeated"), "{twice}");
    }

    #[test]
    fn a_range_has_the_requested_count_or_is_refused() {
        let set = SeedSet::from_start(5, 1 << 26).expect("range");
        assert_eq!(
            (set.count(), set.contains(4), set.contains(5), set.contains(5 + (1 << 26))),
            (1 << 26, false, true, false)
        );
        for (start, n, named) in
            [(0, 0, "-n 0"), (u64::MAX, 1, "--seed-start"), (9, u64::MAX, "at most")]
        {
            let error = SeedSet::from_start(start, n).expect_err(named).to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
