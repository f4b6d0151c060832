//! The available presets, losses and transforms, as text.

use shared::nn::{loss, preset};

use crate::augment::transform;

/// A serde name as users write it.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The recipes.
#[must_use]
pub fn presets() -> String {
    let line = |p: &preset::Preset| {
        format!("{:<12}  {}\n{:14}for {}\n{:14}{}\n", p.name, p.summary, "", p.data, "", p.source)
    };
    let mirror = "\nWith any of them, --mirror mirrors half of the pictures; without it none are, \
                  as in their sources.\n";
    preset::PRESETS.iter().map(line).chain([mirror.to_owned()]).collect()
}

/// The losses, for `loss.name`.
#[must_use]
pub fn losses() -> String {
    loss::LOSSES
        .iter()
        .map(|row| format!("{:<27}  {}\n{:29}{}\n", row.name, row.summary, "", row.source))
        .collect()
}

/// The sets of transforms, for `augment.pipeline`.
#[must_use]
pub fn transforms() -> String {
    let sets = transform::SETS.iter().map(|(name, _)| {
        let names: Vec<_> = transform::of(*name).map(|t| t.name).collect();
        format!("{:<12}  {}\n", word(name), names.join(", "))
    });
    let own = [
        ("none", "pictures pass unchanged"),
        (
            "keras",
            "flip, shift, rotation, zoom, all or none of them (the Keras example of GAN-ADA)",
        ),
        ("diffaugment", "colour, translation, cutout, always (Zhao et al. 2020, arXiv:2006.10738)"),
    ];
    own.iter().map(|(name, text)| format!("{name:<12}  {text}\n")).chain(sets).collect()
}
