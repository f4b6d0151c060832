//! The features of each class, if both sides know the classes of their pictures.

use anyhow::Result;
use shared::cli::UsageError;

use super::estimate::Inputs;
use crate::features::side::{Side, Taken};
use crate::metrics::subset::subset;

/// The least pictures of a class on each side.
const LEAST: usize = 2;

/// One class of both sides.
pub struct Class {
    /// Its name.
    pub name: String,
    /// Numbers of its generated and real pictures.
    pub counts: (usize, usize),
    generated: Taken,
    real: Taken,
}

impl Class {
    /// Its features as the inputs of a metric.
    #[must_use]
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { generated: &self.generated, real: Some(&self.real), training: None }
    }
}

/// Checks that both sides know the classes of their pictures.
///
/// # Errors
/// When one does not.
pub fn check(fake: &Side, real: Option<&Side>) -> Result<(), UsageError> {
    for (flag, side) in [("--fake", Some(fake)), ("--real", real)] {
        let Some(side) = side else {
            return Err(UsageError("--per-class: --real is needed".into()));
        };
        if side.labels().is_none() {
            return Err(UsageError(format!(
                "--per-class: the pictures of {flag} {} have no classes; use a data set with classes, a class-conditional \
                 run, a folder of class folders, or pictures with labels in dataset.json",
                side.path.display()
            )));
        }
    }
    Ok(())
}

/// Every class of which both sides have at least two pictures, in the order of the real side's
/// classes.
///
/// # Errors
/// When there are only statistics.
pub fn each(fake: &Side, real: Option<&Side>, inputs: &Inputs<'_>) -> Result<Vec<Class>> {
    let (Some(real), Some(real_rows)) = (real, inputs.real) else { return Ok(Vec::new()) };
    let (Some((real_names, real_of)), Some((fake_names, fake_of))) = (real.labels(), fake.labels())
    else {
        return Ok(Vec::new());
    };
    let (generated_rows, real_rows) =
        (inputs.generated.rows("per class", "--fake")?, real_rows.rows("per class", "--real")?);
    let mut classes = Vec::new();
    for (index, name) in real_names.iter().enumerate() {
        let Some(fake_index) = fake_names.iter().position(|n| n == name) else {
            tracing::warn!("--per-class: {} has no pictures of class {name}", fake.path.display());
            continue;
        };
        let of = |labels: &[u32], class: usize| -> Vec<u32> {
            (0..labels.len() as u32).filter(|&i| labels[i as usize] as usize == class).collect()
        };
        let (generated, real) = (of(fake_of, fake_index), of(real_of, index));
        if generated.len().min(real.len()) < LEAST {
            tracing::warn!(
                "--per-class: class {name} is skipped: it has {} generated and {} real pictures",
                generated.len(),
                real.len()
            );
            continue;
        }
        classes.push(Class {
            name: name.clone(),
            counts: (generated.len(), real.len()),
            generated: Taken::Rows(subset(generated_rows, &generated)),
            real: Taken::Rows(subset(real_rows, &real)),
        });
    }
    Ok(classes)
}
