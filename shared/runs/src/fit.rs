//! Initialising a network from another run's checkpoint: layers match by name and shape, rows of
//! class tables by class name. If only one of the two networks is conditioned on the class at the
//! layer behind the latent vector, that layer's latent columns are copied.
//!
//! ```
//! use fledge_models::config::RunConfig;
//! use fledge_models::networks::Generator;
//! use fledge_runs::checkpoint::{Checkpoint, CheckpointError};
//! use fledge_runs::fit::Match;
//!
//! fn begin(
//!     here: &RunConfig,
//!     from: &Checkpoint,
//!     into: &mut Generator,
//! ) -> Result<(), CheckpointError> {
//!     let fit = Match::of(&from.meta.config, here).load(from, "ema", into)?;
//!     println!("{} layers loaded, {} left", fit.taken.len(), fit.left.len());
//!     Ok(())
//! }
//! ```

use safetensors::{Dtype, SafeTensors};

use super::checkpoint::{self, Checkpoint, CheckpointError};
use fledge_models::config::RunConfig;
use fledge_models::parameter::{Parameter, Parameters};

/// The outcome, layer by layer, of loading a checkpoint into a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Layers loaded whole, in the network's order.
    pub taken: Vec<String>,
    /// Layers loaded in part, each with the part.
    pub in_part: Vec<String>,
    /// Layers left as they were, each with the reason.
    pub left: Vec<String>,
    /// Layers that only the file has.
    pub unused: Vec<String>,
}

impl Fit {
    /// Returns true if no layer was loaded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.in_part.is_empty()
    }
}

/// A pair of runs: the networks of the second are to be initialised from those of the first.
#[derive(Clone, Debug)]
pub struct Match {
    /// Class names of both; empty for unconditional networks.
    classes: [Vec<String>; 2],
    /// Latent lengths of both; `None` for a generator without latents.
    latent: [Option<usize>; 2],
}

/// The way a parameter is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// Copied whole.
    Whole,
    /// Row by row: for each row of the network, the row of the file.
    Rows(Vec<Option<usize>>),
    /// The file's one row is copied to every row.
    ToAll,
    /// The one row is the mean over the file's rows.
    Mean,
    /// The first columns, this many.
    Columns(usize),
}

impl Way {
    /// A description of the part that is loaded, for messages; `None` if it is the whole.
    fn part(&self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Rows(_) => Some("rows by class"),
            Self::ToAll => Some("for all classes alike"),
            Self::Mean => Some("the mean over its classes"),
            Self::Columns(_) => Some("the columns of z"),
        }
    }
}

/// "up.0.conv.weight" → "up.0.conv", "weight".
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, name))
}

/// True for a parameter with one row per class.
fn is_of_classes(name: &str, rank: usize) -> bool {
    let (layer, leaf) = split(name);
    // A shift or scale of BatchNorm is a table only if it is per class.
    layer == "embedding"
        || ["projection", "auxiliary"].contains(&layer)
        || (["gamma", "beta"].contains(&leaf) && rank == 2)
}

impl Match {
    /// Matches the networks of a run with the settings `here` to those of a run with the settings
    /// `there`.
    #[must_use]
    pub fn of(there: &RunConfig, here: &RunConfig) -> Self {
        let of = |config: &RunConfig| (config.data.classes.clone(), latent_length(config));
        let ((classes_there, latent_there), (classes_here, latent_here)) = (of(there), of(here));
        Self { classes: [classes_there, classes_here], latent: [latent_there, latent_here] }
    }

    /// The way to load a parameter `name` of shape `here` from one of shape `there`, if there is
    /// one.
    fn way(&self, name: &str, there: &[usize], here: &[usize]) -> Option<Way> {
        let [classes_there, classes_here] = &self.classes;
        let by_class = |shape: &[usize], classes: &[String]| {
            !classes.is_empty()
                && shape.first() == Some(&classes.len())
                && is_of_classes(name, shape.len())
        };
        match (by_class(there, classes_there), by_class(here, classes_here)) {
            (true, true) if there[1..] == here[1..] && classes_there != classes_here => {
                let row = |class: &String| classes_there.iter().position(|known| known == class);
                return Some(Way::Rows(classes_here.iter().map(row).collect()));
            }
            (false, true) if here[1..] == *there => return Some(Way::ToAll),
            (true, false) if there[1..] == *here => return Some(Way::Mean),
            _ => {}
        }
        if there == here {
            return Some(Way::Whole);
        }
        let told_differently = name == "dense.weight" && self.latent[0] == self.latent[1];
        let columns = self.latent[0].filter(|_| told_differently && there[0] == here[0]);
        columns.map(Way::Columns)
    }

    /// Loads the layers of the checkpoint file `part` that `into` also has; the others keep their
    /// values. A layer is loaded as far as it matches or not at all, but parameters that the file
    /// lacks (such as a spectral normalisation direction) keep their values.
    ///
    /// # Errors
    /// If a byte of the file differs from what was written.
    pub fn load(
        &self,
        checkpoint: &Checkpoint,
        part: &str,
        into: &mut dyn Parameters,
    ) -> Result<Fit, CheckpointError> {
        let (name, bytes) = checkpoint.part(part)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| checkpoint.mismatch(&name, e.to_string()))?;
        let mut layers: Vec<(String, Vec<(String, &mut Parameter)>)> = Vec::new();
        for (name, parameter) in into.parameters_mut() {
            let layer = split(&name).0;
            match layers.iter_mut().find(|(known, _)| known == layer) {
                Some((_, list)) => list.push((name, parameter)),
                None => layers.push((layer.to_owned(), vec![(name, parameter)])),
            }
        }
        let mut fit = Fit::default();
        for name in file.names() {
            let layer = split(name).0;
            if layers.iter().all(|(known, _)| known != layer)
                && !fit.unused.iter().any(|known| known == layer)
            {
                fit.unused.push(layer.to_owned());
            }
        }
        fit.unused.sort_unstable();
        for (layer, list) in layers {
            let found: Vec<_> = list
                .into_iter()
                .filter_map(|(name, parameter)| {
                    let view = file.tensor(&name).ok()?;
                    let way = if view.dtype() == Dtype::F32 {
                        self.way(&name, view.shape(), parameter.shape())
                    } else {
                        None
                    };
                    Some((name, parameter, view, way))
                })
                .collect();
            let unfit = found.iter().find(|(.., way)| way.is_none());
            // The rest of a layer was trained together with rows that are of no use here.
            let strange = found.iter().any(|(.., way)| matches!(way, Some(Way::Rows(rows)) if rows.iter().all(Option::is_none)));
            let part = found.iter().find_map(|(.., way)| way.as_ref().and_then(Way::part));
            match (unfit, part) {
                (Some((name, parameter, view, _)), _) => {
                    fit.left.push(format!(
                        "{name} ({:?} there, {:?} here)",
                        view.shape(),
                        parameter.shape()
                    ));
                    continue;
                }
                _ if found.is_empty() => {
                    fit.left.push(format!("{layer} (not in the checkpoint)"));
                    continue;
                }
                _ if strange => {
                    fit.left.push(format!("{layer} (no class in common)"));
                    continue;
                }
                (None, Some(part)) => fit.in_part.push(format!("{layer} ({part})")),
                (None, None) => fit.taken.push(layer),
            }
            for (_, parameter, view, way) in found {
                let there = checkpoint::values(&view);
                let columns = view.shape().last().copied().unwrap_or(1);
                let values = way.map_or_else(
                    || parameter.to_vec(),
                    |way| taken_over(&way, parameter, there, columns),
                );
                checkpoint::set(parameter, values);
            }
        }
        Ok(fit)
    }
}

fn latent_length(config: &RunConfig) -> Option<usize> {
    config.settings.generator.takes().latents().ok().map(|latents| latents.length)
}

/// The values of `parameter` after loading `there`, a table of `columns` columns.
fn taken_over(way: &Way, parameter: &Parameter, there: Vec<f32>, columns: usize) -> Vec<f32> {
    let count = parameter.count();
    match way {
        Way::Whole => there,
        Way::Rows(rows) => {
            let mut values = parameter.to_vec();
            let length = count / rows.len();
            for (here, row) in values.chunks_exact_mut(length).zip(rows) {
                if let Some(row) = row {
                    here.copy_from_slice(&there[row * length..(row + 1) * length]);
                }
            }
            values
        }
        Way::ToAll => there.iter().copied().cycle().take(count).collect(),
        Way::Mean => {
            let rows = there.len() / count;
            (0..count)
                .map(|i| there.iter().skip(i).step_by(count).sum::<f32>() / rows as f32)
                .collect()
        }
        Way::Columns(shared) => {
            let mut values = parameter.to_vec();
            let width = parameter.shape()[1];
            for (here, there) in values.chunks_exact_mut(width).zip(there.chunks_exact(columns)) {
                here[..*shared].copy_from_slice(&there[..*shared]);
            }
            values
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rows_go_by_name_and_what_has_as_many_rows_by_chance_does_not() {
        let pair = Match {
            classes: [names(&["a", "b", "c"]), names(&["c", "new", "a"])],
            latent: [Some(4), Some(4)],
        };
        let by_name = Some(Way::Rows(vec![Some(2), None, Some(0)]));
        for (name, shape) in [
            ("embedding", &[3, 8][..]),
            ("projection.weight", &[3, 64]),
            ("auxiliary.bias", &[3]),
            ("up.0.norm.gamma", &[3, 16]),
        ] {
            assert_eq!(pair.way(name, shape, shape), by_name, "{name}");
        }
        assert_eq!(
            pair.way("up.0.norm.gamma", &[3], &[3]),
            Some(Way::Whole),
            "three channels are no classes"
        );
        assert_eq!(pair.way("up.0.conv.weight", &[3, 3, 4, 4], &[3, 3, 4, 4]), Some(Way::Whole));
        assert_eq!(pair.way("embedding", &[3, 8], &[3, 9]), None);
    }

    #[test]
    fn a_network_that_is_told_classes_takes_over_one_that_is_not_and_the_other_way_round() {
        let told = Match { classes: [names(&[]), names(&["a", "b"])], latent: [Some(4), Some(4)] };
        assert_eq!(told.way("dense.weight", &[16, 4], &[16, 36]), Some(Way::Columns(4)));
        assert_eq!(told.way("norm.beta", &[8], &[2, 8]), Some(Way::ToAll));
        let untold =
            Match { classes: [names(&["a", "b"]), names(&[])], latent: [Some(4), Some(4)] };
        assert_eq!(untold.way("dense.weight", &[16, 36], &[16, 4]), Some(Way::Columns(4)));
        assert_eq!(untold.way("norm.beta", &[2, 8], &[8]), Some(Way::Mean));
        let longer = Match { latent: [Some(4), Some(5)], ..told };
        assert_eq!(longer.way("dense.weight", &[16, 4], &[16, 37]), None, "another z");
    }
}
