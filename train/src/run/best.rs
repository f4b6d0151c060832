//! The best KID of a run so far, and its step.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The lowest of several comparable KIDs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The KID.
    pub kid: f64,
    /// Number of steps completed when it was measured.
    pub step: u64,
    /// Its conventions (`Evaluator::conventions`); absent in earlier checkpoints, which did not
    /// record them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid_of: Option<Value>,
}

/// Records a KID measured after `step` under the conventions `kid_of`; returns true if it is the
/// best. One that is not comparable with the best so far replaces it.
pub fn take(best: &mut Option<Best>, kid: f64, step: u64, kid_of: Value) -> bool {
    if let Some(Best { kid: earlier, step: of, kid_of: Some(by) }) = best
        && *by != kid_of
    {
        tracing::warn!(
            "KID is measured differently than before ({}): it cannot be compared with the best so \
             far, {earlier:.5} after step {of}, and `best` starts over",
            differences(by, &kid_of)
        );
        *best = None;
    }
    match best {
        Some(best) if kid >= best.kid => {
            best.kid_of = Some(kid_of);
            false
        }
        _ => {
            *best = Some(Best { kid, step, kid_of: Some(kid_of) });
            true
        }
    }
}

/// "split "val" → "train"", for every convention that differs.
fn differences(was: &Value, now: &Value) -> String {
    let keys = [was, now].into_iter().filter_map(Value::as_object).flat_map(|object| object.keys());
    let mut list: Vec<String> = keys
        .filter(|key| was[*key] != now[*key])
        .map(|key| format!("{key} {} → {}", was[key], now[key]))
        .collect();
    list.sort_unstable();
    list.dedup();
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_lower_kid_of_the_same_conventions_is_better() {
        let mut best = None;
        let of = |pictures: u64| json!({"pictures": pictures});
        assert!(take(&mut best, 0.3, 10, of(300)));
        assert!(!take(&mut best, 0.3, 20, of(300)));
        assert!(take(&mut best, 0.2, 30, of(300)));
        assert_eq!(best.as_ref().map(|b| (b.kid, b.step)), Some((0.2, 30)));
    }

    #[test]
    fn a_kid_of_other_conventions_begins_anew_though_it_is_higher() {
        let mut best = Some(Best { kid: 0.1, step: 10, kid_of: Some(json!({"split": "val"})) });
        assert!(take(&mut best, 0.4, 20, json!({"split": "train"})));
        assert!(take(&mut best, 0.3, 30, json!({"split": "train"})));
        assert_eq!(best.as_ref().map(|b| (b.kid, b.step)), Some((0.3, 30)));
    }

    #[test]
    fn a_best_of_before_is_compared_with_what_is_measured_next() {
        let mut best: Option<Best> =
            serde_json::from_value(json!({"kid": 0.1, "step": 10})).expect("the earlier form");
        assert!(!take(&mut best, 0.4, 20, json!({"split": "val"})));
        assert!(
            take(&mut best, 0.4, 30, json!({"split": "train"})),
            "now it is known by what it was measured"
        );
    }
}
