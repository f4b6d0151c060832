//! Selects rows of a set of features by index.

use shared::metrics::features::Features;

/// The rows `rows` of `features`, in this order.
#[must_use]
pub fn subset(features: &Features, rows: &[u32]) -> Features {
    let values = rows.iter().flat_map(|&i| features.row(i as usize)).copied().collect();
    Features::new(values, features.dimensions())
}
