//! The time of day, as logs note it. No result depends on it.
//!
//! ```
//! let now = fledge_base::clock::now();
//! assert!(now.len() == 20 && now.ends_with('Z'), "{now}");
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as RFC 3339 has it in UTC, to the second: 2026-07-09T12:00:00Z.
#[must_use]
pub fn now() -> String {
    // A clock before 1970 is wrong anyway.
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The time so many seconds after 1970 began.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the day that some years have more is the last one. 400 of
    // them have 146,097 days.
    let since_0000_03_01 = days + 719_468;
    let (era, day) = (since_0000_03_01 / 146_097, since_0000_03_01 % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, past_december) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = 400 * era + year + past_december;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // `date -u -d @SECONDS +%FT%TZ`
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_783_598_400, "2026-07-09T12:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
        // The days of a thousand years come one after the other.
        let days: Vec<String> = (0..365_244).map(|day| rfc3339(day * 86_400)).collect();
        assert!(
            days.is_sorted_by(|a, b| a < b)
                && days.last().is_some_and(|last| last.starts_with("2970-01-01"))
        );
    }
}
