//! The rows of each class, where both sides know their pictures' classes.

use anyhow::Result;
use shared::cli::UsageError;

use crate::compute::Inputs;
use crate::metrics::subset::subset;
use crate::side::{Side, Taken};

/// The least pictures of a class on each side that give a value.
const LEAST: usize = 2;

/// One class of both sides.
pub struct Class {
    /// Its name.
    pub name: String,
    /// Numbers of its generated and its real pictures.
    pub counts: (usize, usize),
    generated: Taken,
    real: Taken,
}

impl Class {
    /// Its rows as the inputs of a metric.
    #[must_use]
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { generated: &self.generated, real: Some(&self.real), training: None }
    }
}

/// That both sides know their pictures' classes.
///
/// # Errors
/// When one does not.
pub fn check(fake: &Side, real: Option<&Side>) -> Result<(), UsageError> {
    for (flag, side) in [("--fake", Some(fake)), ("--real", real)] {
        let Some(side) = side else { return Err(UsageError("--per-class: --real is needed".into())) };
        if side.labels().is_none() {
            return Err(UsageError(format!(
                "--per-class: the pictures of {flag} {} have no classes; a data set with classes, a run that is told them, a \
                 folder of class folders, or pictures with labels in dataset.json have",
                side.path.display()
            )));
        }
    }
    Ok(())
}

/// Every class that both sides have at least two pictures of, in the order of the real side's classes.
///
/// # Errors
/// When there are only statistics.
pub fn each(fake: &Side, real: Option<&Side>, inputs: &Inputs<'_>) -> Result<Vec<Class>> {
    let (Some(real), Some(real_rows)) = (real, inputs.real) else { return Ok(Vec::new()) };
    let (Some((real_names, real_of)), Some((fake_names, fake_of))) = (real.labels(), fake.labels()) else {
        return Ok(Vec::new());
    };
    let (generated_rows, real_rows) = (inputs.generated.rows("per class", "--fake")?, real_rows.rows("per class", "--real")?);
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
                "--per-class: class {name} has {} generated and {} real pictures: left out",
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
