//! A comparison: the reference sides, opened once, against any number of generated sides.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result};
use shared::cli::UsageError;

use super::estimate::{self, Estimate, Inputs};
use super::measurement::Measurement;
use super::options::MeasureOptions;
use super::{classes, path_length};
use crate::features::lab::Lab;
use crate::features::side::{Side, Taken};
use crate::inputs::{InputKind, Pairs, Wanted, translations};
use crate::protocols::{FeatureLayer, Metric, Needs, Protocol};

/// The references of a comparison: opened once, with features computed once, for any number of
/// checkpoints.
pub struct Comparison<'a> {
    lab: &'a Lab,
    real: Option<Side>,
    training: Option<Side>,
    generated: usize,
    /// Metrics that cannot be measured because a network failed to load, and the first such error.
    lacking: Vec<(&'static Protocol, Metric)>,
    lack: RefCell<Option<anyhow::Error>>,
    taken: RefCell<Vec<(&'static Protocol, Rc<ReferenceSets>)>>,
}

/// Features of the real and the training side under one protocol.
struct ReferenceSets {
    real: FeatureSets,
    training: FeatureSets,
}

/// Computes every metric of `options` under every protocol, in order.
///
/// # Errors
/// When pictures or weights cannot be read.
pub fn measure(lab: &Lab, options: &MeasureOptions) -> Result<Outcome> {
    Comparison::open(lab, options)?.measure(options)
}

/// The outcome of a measurement.
#[derive(Debug)]
pub struct Outcome {
    /// All results.
    pub results: Vec<Measurement>,
    /// The first error of a metric without a result; further ones are logged.
    pub failed: Option<anyhow::Error>,
}

impl Outcome {
    /// All results, if every metric has one.
    ///
    /// # Errors
    /// The first error of a metric without a result.
    pub fn whole(self) -> Result<Vec<Measurement>> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.results),
        }
    }
}

/// A metric under a protocol, and the layer of its features; `None` for a metric of the generator
/// itself.
type Planned = (&'static Protocol, Metric, Option<FeatureLayer>);

/// Keeps the first error of a metric for the end, and logs the others.
fn note(failed: &mut Option<anyhow::Error>, error: anyhow::Error) {
    match failed {
        // The last line of the program shows it.
        None => *failed = Some(error),
        Some(_) => tracing::error!("{error:#}"),
    }
}

/// Warns of metrics that one of several protocols does not define.
fn warn_undefined(lab: &Lab, options: &MeasureOptions) {
    for protocol in &lab.conventions.protocols {
        let undefined = options.metrics.iter().filter(|m| !protocol.defines(**m));
        let undefined: Vec<&str> = undefined.map(|m| m.name()).collect();
        if !undefined.is_empty() {
            tracing::warn!("{protocol} does not define {}: skipped", undefined.join(", "));
        }
    }
}

fn plan(lab: &Lab, options: &MeasureOptions) -> Result<Vec<Planned>, UsageError> {
    let mut plan = Vec::new();
    for &protocol in &lab.conventions.protocols {
        for &metric in options.metrics.iter().filter(|&&m| protocol.defines(m)) {
            let layer = match metric.needs() {
                Needs::Generator => None,
                _ => Some(lab.conventions.layer(protocol, metric)?),
            };
            plan.push((protocol, metric, layer));
        }
    }
    Ok(plan)
}

/// The pairs that the run of `options` translates: those of `--real`.
///
/// # Errors
/// When its checkpoint cannot be read.
fn pairs(options: &MeasureOptions) -> Result<Option<Pairs<'_>>> {
    let Some(path) = &options.real else { return Ok(None) };
    let direction = translations::direction_of(&options.fake, options.checkpoint)?;
    Ok(direction.map(|direction| Pairs { path, direction }))
}

impl<'a> Comparison<'a> {
    /// Opens the reference sides and loads the networks, so that errors appear before an hour of
    /// work.
    ///
    /// # Errors
    /// When pictures or weights cannot be read, or flags contradict each other.
    pub fn open(lab: &'a Lab, options: &MeasureOptions) -> Result<Self> {
        let plan = plan(lab, options)?;
        warn_undefined(lab, options);
        let main = lab.conventions.main_network();
        if lab.conventions.weights.iter().any(|w| w.network.is_none())
            && !plan.iter().any(|(.., layer)| layer.is_some_and(|l| l.network == main))
        {
            let used =
                plan.iter().find_map(|(.., layer)| *layer).map_or("vgg16", |l| l.network.name);
            let text = format!(
                "--weights: {} is not used by these metrics; name the network: --weights {used}=FILE",
                main.name
            );
            return Err(UsageError(text).into());
        }
        if options.metrics.iter().any(|m| m.needs() == Needs::Generator) {
            path_length::check(options)?;
        }
        let needs = |wanted: &[Needs]| options.metrics.iter().any(|m| wanted.contains(&m.needs()));
        let pairs = pairs(options)?;
        let wanted = Wanted {
            split: &options.split,
            generated: 0,
            checkpoint: options.checkpoint,
            device: &lab.device,
            protocols: &lab.conventions.protocols,
            pairs,
        };
        let seed = lab.conventions.seed;
        let real = match &options.real {
            Some(path) if needs(&[Needs::Real, Needs::RealAndTraining]) => {
                no_run(path, "--real")?;
                Some(Side::open(path, "--real", &wanted, options.count, seed)?)
            }
            _ => None,
        };
        let training = match training_of(options)? {
            Some((path, split)) => {
                Some(Side::open(path, "--train", &Wanted { split, ..wanted }, None, seed)?)
            }
            None => None,
        };
        let sides = [real.as_ref(), training.as_ref()];
        let pictures = InputKind::of(&options.fake) != InputKind::Npz
            || sides.into_iter().flatten().any(|side| side.pictures().is_some());
        let (mut lacking, mut lack) = (Vec::new(), None);
        for &(protocol, metric, layer) in &plan {
            let loaded = match layer {
                Some(layer) if pictures => lab.network(layer.network).map(drop),
                Some(_) => Ok(()),
                None => path_length::similarity(lab, options.lpips).map(drop),
            };
            // A missing network costs only the metrics over it.
            if let Err(error) = loaded.with_context(|| format!("{metric} under {protocol}")) {
                lacking.push((protocol, metric));
                note(&mut lack, error);
            }
        }
        if lacking.len() == plan.len()
            && let Some(error) = lack.take()
        {
            return Err(error);
        }
        // By default a run generates as many pictures as there are real ones.
        let compared =
            options.generate.or(options.count).or_else(|| real.as_ref().and_then(Side::count));
        let generated = match (compared, InputKind::of(&options.fake)) {
            (Some(n), _) => n,
            (None, InputKind::Run) if pairs.is_some() => 0,
            (None, InputKind::Run)
                if options.metrics.iter().all(|m| m.needs() == Needs::Generator) =>
            {
                1
            }
            (None, InputKind::Run) => {
                let run = options.fake.display();
                let text =
                    format!("--generate is needed: the number of pictures that {run} generates");
                return Err(UsageError(text).into());
            }
            (None, _) => 0,
        };
        let lack = RefCell::new(lack);
        Ok(Self { lab, real, training, generated, lacking, lack, taken: RefCell::default() })
    }

    /// Measures the generated side of `options`.
    ///
    /// # Errors
    /// When pictures cannot be read.
    pub fn measure(&self, options: &MeasureOptions) -> Result<Outcome> {
        let plan = plan(self.lab, options)?;
        // Two protocols may want the same generator's pictures with different noise.
        let pairs = pairs(options)?;
        let generates = InputKind::of(&options.fake) == InputKind::Run && pairs.is_none();
        let (random, constant): (Vec<_>, Vec<_>) =
            self.lab.conventions.protocols.iter().partition(|p| generates && p.random_noise);
        let mut sides = Vec::new();
        for protocols in [random, constant].into_iter().filter(|some| !some.is_empty()) {
            let wanted = Wanted {
                split: &options.split,
                generated: self.generated,
                checkpoint: options.checkpoint,
                device: &self.lab.device,
                protocols: &protocols,
                pairs,
            };
            // A run generates the wanted number; of other pictures a part may be drawn.
            let part = if generates { None } else { options.count };
            let seed = self.lab.conventions.seed;
            let fake = Side::open(&options.fake, "--fake", &wanted, part, seed)?;
            fake.check_comparable(self.real.as_ref())?;
            if options.per_class {
                classes::check(&fake, self.real.as_ref())?;
            }
            sides.push((protocols, fake));
        }
        let (mut results, mut failed) = (Vec::new(), self.lack.take());
        for &protocol in &self.lab.conventions.protocols {
            let fake = sides.iter().find(|(protocols, _)| protocols.contains(&protocol));
            let (_, fake) = fake.context("a protocol has no generated side")?;
            let lacks = |metric: &Metric| self.lacking.contains(&(protocol, *metric));
            let of_protocol = plan.iter().filter(|(p, metric, _)| *p == protocol && !lacks(metric));
            let plan: Vec<(Metric, Option<FeatureLayer>)> =
                of_protocol.map(|(_, metric, layer)| (*metric, *layer)).collect();
            results.extend(self.under(protocol, &plan, fake, options, &mut failed)?);
        }
        Ok(Outcome { results, failed })
    }

    /// The lab that computes features.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        self.lab
    }

    /// Pictures that a run generates.
    #[must_use]
    pub const fn generated_count(&self) -> usize {
        self.generated
    }

    /// Pictures of the real side; `None` for statistics that do not say.
    #[must_use]
    pub fn real_count(&self) -> Option<usize> {
        self.real.as_ref().and_then(Side::count)
    }

    /// An identifier of the real side's content; `None` if there is no real side.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn real_content(&self) -> Result<Option<String>> {
        self.real.as_ref().map_or(Ok(None), Side::identity)
    }

    fn reference(
        &self,
        protocol: &'static Protocol,
        plan: &[(Metric, Option<FeatureLayer>)],
    ) -> Result<Rc<ReferenceSets>> {
        let found =
            self.taken.borrow().iter().find(|(p, sets)| *p == protocol && sets.has(plan)).cloned();
        if let Some((_, reference)) = found {
            return Ok(reference);
        }
        let fill = |side: &Option<Side>, wanted: &[Needs]| match side {
            Some(side) => FeatureSets::take(side, self.lab, protocol, &layers(plan, wanted)),
            None => Ok(FeatureSets(Vec::new())),
        };
        let training = fill(&self.training, &[Needs::RealAndTraining])?;
        let real = fill(&self.real, &[Needs::Real, Needs::RealAndTraining])?;
        let reference = Rc::new(ReferenceSets { real, training });
        let mut taken = self.taken.borrow_mut();
        taken.retain(|(p, _)| *p != protocol);
        taken.push((protocol, reference.clone()));
        Ok(reference)
    }
}

fn no_run(path: &Path, flag: &str) -> Result<(), UsageError> {
    match InputKind::of(path) {
        InputKind::Run => {
            let path = path.display();
            Err(UsageError(format!(
                "{flag} {path}: it is a run, which generates pictures: use --fake"
            )))
        }
        _ => Ok(()),
    }
}

/// The training pictures with their split, if a metric needs them.
fn training_of(options: &MeasureOptions) -> Result<Option<(&Path, &'static str)>, UsageError> {
    const SPLIT: &str = "train";
    if options.metrics.iter().all(|m| m.needs() != Needs::RealAndTraining) {
        return Ok(None);
    }
    match (&options.train, &options.real) {
        (Some(path), _) => no_run(path, "--train").map(|()| Some((path.as_path(), SPLIT))),
        (None, Some(path)) if InputKind::of(path) == InputKind::Dataset && options.split != SPLIT => {
            Ok(Some((path.as_path(), SPLIT)))
        }
        (None, Some(path)) if InputKind::of(path) == InputKind::Dataset => Err(UsageError(
            "--split train: authpct and ct need held-out pictures: use --split val, or --real for held-out and \
             --train for training pictures"
                .into(),
        )),
        _ => Err(UsageError("--train is needed for authpct and ct: the generator's training pictures".into())),
    }
}

fn layers(plan: &[(Metric, Option<FeatureLayer>)], wanted: &[Needs]) -> Vec<FeatureLayer> {
    plan.iter()
        .filter(|(m, _)| wanted.contains(&m.needs()))
        .filter_map(|(_, layer)| *layer)
        .collect()
}

impl ReferenceSets {
    fn has(&self, plan: &[(Metric, Option<FeatureLayer>)]) -> bool {
        let all_in = |sets: &FeatureSets, wanted: &[Needs]| {
            layers(plan, wanted).iter().all(|layer| sets.get(*layer).is_ok())
        };
        all_in(&self.real, &[Needs::Real, Needs::RealAndTraining])
            && all_in(&self.training, &[Needs::RealAndTraining])
    }
}

/// The features of a side, by layer.
struct FeatureSets(Vec<(FeatureLayer, Taken)>);

impl FeatureSets {
    /// Takes `layers` of `side`, each network once.
    fn take(side: &Side, lab: &Lab, protocol: &Protocol, layers: &[FeatureLayer]) -> Result<Self> {
        let mut sets = Vec::new();
        for (i, first) in layers.iter().enumerate() {
            if layers[..i].iter().any(|before| before.network == first.network) {
                continue;
            }
            let mut of: Vec<FeatureLayer> = Vec::new();
            for layer in layers.iter().filter(|layer| layer.network == first.network) {
                if !of.contains(layer) {
                    of.push(*layer);
                }
            }
            sets.extend(of.iter().copied().zip(side.take(lab, protocol, &of)?));
        }
        Ok(Self(sets))
    }

    fn get(&self, layer: FeatureLayer) -> Result<&Taken> {
        let found = self.0.iter().find(|(l, _)| *l == layer);
        found.map(|(_, taken)| taken).context("the features of a layer are missing")
    }
}

impl Comparison<'_> {
    fn under(
        &self,
        protocol: &'static Protocol,
        plan: &[(Metric, Option<FeatureLayer>)],
        side: &Side,
        options: &MeasureOptions,
        failed: &mut Option<anyhow::Error>,
    ) -> Result<Vec<Measurement>> {
        let reference = self.reference(protocol, plan)?;
        let all = [Needs::Nothing, Needs::Real, Needs::RealAndTraining];
        let fake = FeatureSets::take(side, self.lab, protocol, &layers(plan, &all))?;
        let mut results = Vec::new();
        for &(metric, layer) in plan {
            let begun = Instant::now();
            let mut note = |error: anyhow::Error| {
                note(failed, error.context(format!("{metric} under {protocol}")))
            };
            let Some(layer) = layer else {
                match path_length::measure(self.lab, protocol, metric, options) {
                    Ok(measured) => results.extend(measured),
                    Err(error) => note(error),
                }
                continue;
            };
            let inputs = Inputs {
                generated: fake.get(layer)?,
                real: reference.real.get(layer).ok(),
                training: reference.training.get(layer).ok(),
            };
            let estimates = match estimate::estimates(metric, protocol, &inputs, options) {
                Ok(estimates) => estimates,
                // A metric that fails on these features does not stop the others.
                Err(error) => {
                    note(error);
                    continue;
                }
            };
            let common = Common { metric, protocol, layer, fake: side, comparison: self };
            let real_content = self.real_content()?;
            let mut add = |estimates: Vec<Estimate>,
                           class: Option<String>,
                           counts: Option<(usize, usize)>| {
                let measurement = |estimate| {
                    common.measurement(estimate, class.clone(), counts, real_content.clone())
                };
                results.extend(estimates.into_iter().map(measurement));
            };
            add(estimates, None, None);
            if options.per_class && matches!(metric, Metric::Kid | Metric::Fid) {
                for class in classes::each(side, self.real.as_ref(), &inputs)? {
                    match estimate::estimates(metric, protocol, &class.inputs(), options) {
                        Ok(estimates) => {
                            add(estimates, Some(class.name.clone()), Some(class.counts))
                        }
                        Err(error) => note(error.context(format!("class {}", class.name))),
                    }
                }
            }
            tracing::info!("{metric} under {protocol} took {:.2} s", begun.elapsed().as_secs_f64());
        }
        Ok(results)
    }
}

/// The facts that all estimates of a metric share.
struct Common<'a> {
    metric: Metric,
    protocol: &'static Protocol,
    layer: FeatureLayer,
    fake: &'a Side,
    comparison: &'a Comparison<'a>,
}

impl Common<'_> {
    fn measurement(
        &self,
        estimate: Estimate,
        class: Option<String>,
        counts: Option<(usize, usize)>,
        real_content: Option<String>,
    ) -> Measurement {
        let lab = self.comparison.lab;
        let conventions = &lab.conventions;
        let needs = self.metric.needs();
        let real = self.comparison.real.as_ref().filter(|_| needs != Needs::Nothing);
        let training =
            self.comparison.training.as_ref().filter(|_| needs == Needs::RealAndTraining);
        let FeatureLayer { network, layer } = self.layer;
        let weights_sha256 = match lab.loaded(network) {
            Some(network) => network.weights().sha256().map(str::to_owned),
            // No network was used: both sides are files.
            None => self.fake.fact("weights_sha256"),
        };
        Measurement {
            metric: format!(
                "{}{}",
                estimate.name,
                conventions.suffix(self.protocol, self.metric, self.layer)
            ),
            protocol: self.protocol.name,
            value: estimate.value,
            std: estimate.std,
            interval: estimate.interval(),
            std_over: estimate.over,
            std_count: estimate.count,
            class,
            generated: self.fake.path.clone(),
            generated_count: counts.map_or_else(|| self.fake.count().unwrap_or(0), |c| c.0),
            real: real.map(|side| side.path.clone()),
            real_content: real.and(real_content),
            real_count: real.and_then(|side| counts.map(|c| c.1).or_else(|| side.count())),
            training: training.map(|side| side.path.clone()),
            training_count: training.and_then(Side::count),
            subsets: estimate.subsets.map(|s| s.count),
            subset_size: estimate.subsets.map(|s| s.size),
            subset_size_asked: estimate.subsets.and_then(|s| s.asked),
            details: estimate.details,
            network: network.name,
            layer: layer.name,
            preprocessing: Lab::preprocessing(self.protocol, network).name(),
            weights_sha256,
            seed: conventions.seed,
            step: self.fake.step,
            checkpoint_crc32: self.fake.checkpoint_crc32.clone(),
            fledge: env!("CARGO_PKG_VERSION"),
        }
    }
}
