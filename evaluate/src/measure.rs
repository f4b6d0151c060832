//! Options → results.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result};
use shared::cli::UsageError;

use crate::args::Options;
use crate::compute::{self, Inputs, Row};
use crate::input::{Kind, Wanted};
use crate::lab::Lab;
use crate::metric::{Metric, Needs};
use crate::protocol::{Protocol, Source};
use crate::report::Measurement;
use crate::side::{Side, Taken};
use crate::{classes, ppl};

/// What generated pictures are compared with: opened once, its features taken once, for as many checkpoints as one likes.
pub struct Comparison<'a> {
    lab: &'a Lab,
    real: Option<Side>,
    training: Option<Side>,
    generated: usize,
    /// What cannot be measured for lack of a network, and why the first of them cannot.
    lacking: Vec<(&'static str, Metric)>,
    lack: RefCell<Option<anyhow::Error>>,
    taken: RefCell<Vec<(&'static str, Rc<Reference>)>>,
}

/// What was taken of the real and the training side under one protocol.
struct Reference {
    real: Store,
    training: Store,
}

/// Computes every metric of `options` under every protocol, in their order.
///
/// # Errors
/// When pictures or weights cannot be read.
pub fn measure(lab: &Lab, options: &Options) -> Result<Outcome> {
    Comparison::open(lab, options)?.measure(options)
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// A row for every number that there is.
    pub results: Vec<Measurement>,
    /// Why the first metric that has none failed, with the metric's name; the others are logged.
    pub failed: Option<anyhow::Error>,
}

impl Outcome {
    /// All numbers, if every metric has its own.
    ///
    /// # Errors
    /// What the first metric without one said.
    pub fn whole(self) -> Result<Vec<Measurement>> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.results),
        }
    }
}

/// A metric under a protocol with the place of its features; none for one of a generator alone.
type Planned = (&'static Protocol, Metric, Option<Source>);

/// Logs why a metric has no number; the first such error is kept for the end.
fn note(failed: &mut Option<anyhow::Error>, error: anyhow::Error) {
    match failed {
        // It is the last line that is printed.
        None => *failed = Some(error),
        Some(_) => tracing::error!("{error:#}"),
    }
}

/// Says which of the metrics asked for a protocol does not define, where another does.
fn tell_undefined(lab: &Lab, options: &Options) {
    for protocol in &lab.conventions.protocols {
        let undefined: Vec<&str> = options.metrics.iter().filter(|m| !protocol.defines(**m)).map(|m| m.name()).collect();
        if !undefined.is_empty() {
            tracing::warn!("{protocol} does not define {}: left out under it", undefined.join(", "));
        }
    }
}

fn plan(lab: &Lab, options: &Options) -> Result<Vec<Planned>, UsageError> {
    let mut plan = Vec::new();
    for &protocol in &lab.conventions.protocols {
        for &metric in options.metrics.iter().filter(|&&m| protocol.defines(m)) {
            let source = (metric.needs() != Needs::Generator).then(|| lab.conventions.source(protocol, metric)).transpose()?;
            plan.push((protocol, metric, source));
        }
    }
    Ok(plan)
}

impl<'a> Comparison<'a> {
    /// Opens all but the generated side, and loads the networks: what is wrong is found before an hour of work.
    ///
    /// # Errors
    /// When pictures or weights cannot be read, or flags contradict each other.
    pub fn open(lab: &'a Lab, options: &Options) -> Result<Self> {
        let plan = plan(lab, options)?;
        tell_undefined(lab, options);
        let main = lab.conventions.main_network().name;
        if lab.conventions.weights.iter().any(|w| w.network.is_none())
            && !plan.iter().any(|(.., source)| source.is_some_and(|s| s.network.name == main))
        {
            let used = plan.iter().find_map(|(.., source)| *source).map_or("vgg16", |s| s.network.name);
            let text = format!("--weights: {main} is not used by these metrics; name the network: --weights {used}=FILE");
            return Err(UsageError(text).into());
        }
        if options.metrics.iter().any(|m| m.needs() == Needs::Generator) {
            ppl::check(options)?;
        }
        let needs = |wanted: &[Needs]| options.metrics.iter().any(|m| wanted.contains(&m.needs()));
        let wanted = Wanted {
            split: &options.split,
            generated: 0,
            checkpoint: options.checkpoint,
            device: &lab.device,
            protocols: &lab.conventions.protocols,
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
            Some((path, split)) => Some(Side::open(path, "--train", &Wanted { split, ..wanted }, None, seed)?),
            None => None,
        };
        let sides = [real.as_ref(), training.as_ref()];
        let pictures = Kind::of(&options.fake) != Kind::Npz || sides.into_iter().flatten().any(|side| side.pictures().is_some());
        let (mut lacking, mut lack) = (Vec::new(), None);
        for (protocol, metric, source) in &plan {
            let loaded = match source {
                Some(source) if pictures => lab.network(source.network).map(drop),
                Some(_) => Ok(()),
                None => ppl::similarity(lab, options.lpips).map(drop),
            };
            // A network that is not there costs the metrics over it and no other.
            if let Err(error) = loaded.with_context(|| format!("{metric} under {protocol}")) {
                lacking.push((protocol.name, *metric));
                note(&mut lack, error);
            }
        }
        if lacking.len() == plan.len()
            && let Some(error) = lack.take()
        {
            return Err(error);
        }
        // A run makes as many pictures as they are compared with.
        let compared = options.generate.or(options.count).or_else(|| real.as_ref().and_then(Side::count));
        let generated = match (compared, Kind::of(&options.fake)) {
            (Some(n), _) => n,
            (None, Kind::Run) if options.metrics.iter().all(|m| m.needs() == Needs::Generator) => 1,
            (None, Kind::Run) => {
                let text = format!("--generate is needed: how many pictures {} is to make", options.fake.display());
                return Err(UsageError(text).into());
            }
            (None, _) => 0,
        };
        let lack = RefCell::new(lack);
        Ok(Self { lab, real, training, generated, lacking, lack, taken: RefCell::default() })
    }

    /// Measures the generated side that `options` names.
    ///
    /// # Errors
    /// When pictures cannot be read.
    pub fn measure(&self, options: &Options) -> Result<Outcome> {
        let plan = plan(self.lab, options)?;
        let wanted = Wanted {
            split: &options.split,
            generated: self.generated,
            checkpoint: options.checkpoint,
            device: &self.lab.device,
            protocols: &self.lab.conventions.protocols,
        };
        // A run was told how many to make; of other pictures a part may be drawn.
        let part = if Kind::of(&options.fake) == Kind::Run { None } else { options.count };
        let fake = Side::open(&options.fake, "--fake", &wanted, part, self.lab.conventions.seed)?;
        fake.check_made_alike(self.real.as_ref())?;
        if options.per_class {
            classes::check(&fake, self.real.as_ref())?;
        }
        let (mut results, mut failed) = (Vec::new(), self.lack.take());
        for &protocol in &self.lab.conventions.protocols {
            let lacks = |metric: &Metric| self.lacking.contains(&(protocol.name, *metric));
            let of_protocol = plan.iter().filter(|(p, metric, _)| p.name == protocol.name && !lacks(metric));
            let plan: Vec<(Metric, Option<Source>)> = of_protocol.map(|(_, metric, source)| (*metric, *source)).collect();
            results.extend(self.under(protocol, &plan, &fake, options, &mut failed)?);
        }
        Ok(Outcome { results, failed })
    }

    /// The laboratory that measures.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        self.lab
    }

    /// How many pictures a run is asked for.
    #[must_use]
    pub const fn generated_count(&self) -> usize {
        self.generated
    }

    /// Pictures of the real side; none where it is a file of statistics that does not say.
    #[must_use]
    pub fn real_count(&self) -> Option<usize> {
        self.real.as_ref().and_then(Side::count)
    }

    /// A name for the content of the real side; none where it is a file of statistics, or where nothing is kept.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn real_content(&self) -> Result<Option<String>> {
        self.real.as_ref().map_or(Ok(None), Side::identity)
    }

    fn reference(&self, protocol: &'static Protocol, plan: &[(Metric, Option<Source>)]) -> Result<Rc<Reference>> {
        let found = self.taken.borrow().iter().find(|(name, found)| *name == protocol.name && found.has(plan)).cloned();
        if let Some((_, reference)) = found {
            return Ok(reference);
        }
        let fill = |side: &Option<Side>, wanted: &[Needs]| match side {
            Some(side) => Store::fill(side, self.lab, protocol, &sources(plan, wanted)),
            None => Ok(Store(Vec::new())),
        };
        let training = fill(&self.training, &[Needs::RealAndTraining])?;
        let real = fill(&self.real, &[Needs::Real, Needs::RealAndTraining])?;
        let reference = Rc::new(Reference { real, training });
        let mut taken = self.taken.borrow_mut();
        taken.retain(|(name, _)| *name != protocol.name);
        taken.push((protocol.name, reference.clone()));
        Ok(reference)
    }
}

fn no_run(path: &Path, flag: &str) -> Result<(), UsageError> {
    match Kind::of(path) {
        Kind::Run => Err(UsageError(format!("{flag} {}: it is a run; runs make generated pictures: --fake", path.display()))),
        _ => Ok(()),
    }
}

/// The pictures that were trained on with their split, where a metric looks at them.
fn training_of(options: &Options) -> Result<Option<(&Path, &'static str)>, UsageError> {
    const SPLIT: &str = "train";
    if options.metrics.iter().all(|m| m.needs() != Needs::RealAndTraining) {
        return Ok(None);
    }
    match (&options.train, &options.real) {
        (Some(path), _) => no_run(path, "--train").map(|()| Some((path.as_path(), SPLIT))),
        (None, Some(path)) if Kind::of(path) == Kind::Dataset && options.split != SPLIT => Ok(Some((path.as_path(), SPLIT))),
        (None, Some(path)) if Kind::of(path) == Kind::Dataset => Err(UsageError(
            "--split train: authpct and ct compare with pictures that the generator has not seen: leave --split val, or name them by \
             --real and those that it was trained on by --train"
                .into(),
        )),
        _ => Err(UsageError("--train is needed for authpct and ct: the pictures that the generator was trained on".into())),
    }
}

fn sources(plan: &[(Metric, Option<Source>)], wanted: &[Needs]) -> Vec<Source> {
    plan.iter().filter(|(m, _)| wanted.contains(&m.needs())).filter_map(|(_, s)| *s).collect()
}

impl Reference {
    fn has(&self, plan: &[(Metric, Option<Source>)]) -> bool {
        let in_store = |store: &Store, wanted: &[Needs]| sources(plan, wanted).iter().all(|s| store.get(*s).is_ok());
        in_store(&self.real, &[Needs::Real, Needs::RealAndTraining]) && in_store(&self.training, &[Needs::RealAndTraining])
    }
}

/// What was taken of every side, by source.
struct Store(Vec<(Source, Taken)>);

impl Store {
    /// Takes `sources` of `side`, each network once.
    fn fill(side: &Side, lab: &Lab, protocol: &Protocol, sources: &[Source]) -> Result<Self> {
        let mut store = Vec::new();
        let networks: Vec<&str> = sources.iter().map(|s| s.network.name).collect();
        for (i, network) in networks.iter().enumerate() {
            if networks[..i].contains(network) {
                continue;
            }
            let mut of: Vec<Source> = Vec::new();
            for source in sources.iter().filter(|s| s.network.name == *network) {
                if !of.contains(source) {
                    of.push(*source);
                }
            }
            store.extend(of.iter().copied().zip(side.take(lab, protocol, &of)?));
        }
        Ok(Self(store))
    }

    fn get(&self, source: Source) -> Result<&Taken> {
        self.0.iter().find(|(s, _)| *s == source).map(|(_, taken)| taken).context("a layer was not taken")
    }
}

impl Comparison<'_> {
    fn under(
        &self,
        protocol: &'static Protocol,
        plan: &[(Metric, Option<Source>)],
        side: &Side,
        options: &Options,
        failed: &mut Option<anyhow::Error>,
    ) -> Result<Vec<Measurement>> {
        let reference = self.reference(protocol, plan)?;
        let all = [Needs::Nothing, Needs::Real, Needs::RealAndTraining];
        let fake = Store::fill(side, self.lab, protocol, &sources(plan, &all))?;
        let mut results = Vec::new();
        for &(metric, source) in plan {
            let begun = Instant::now();
            let mut note = |error: anyhow::Error| note(failed, error.context(format!("{metric} under {protocol}")));
            let Some(source) = source else {
                match ppl::measure(self.lab, protocol, options) {
                    Ok(measured) => results.extend(measured),
                    Err(error) => note(error),
                }
                continue;
            };
            let inputs = Inputs {
                generated: fake.get(source)?,
                real: reference.real.get(source).ok(),
                training: reference.training.get(source).ok(),
            };
            let rows = match compute::rows(metric, protocol, &inputs, options) {
                Ok(rows) => rows,
                // One metric that cannot do with these features costs no other.
                Err(error) => {
                    note(error);
                    continue;
                }
            };
            let about = About { metric, protocol, source, fake: side, comparison: self };
            let real_content = self.real_content()?;
            let mut add = |rows: Vec<Row>, class: Option<String>, counts: Option<(usize, usize)>| {
                let measurement = |row| about.measurement(row, class.clone(), counts, real_content.clone());
                results.extend(rows.into_iter().map(measurement));
            };
            add(rows, None, None);
            if options.per_class && matches!(metric, Metric::Kid | Metric::Fid) {
                for class in classes::each(side, self.real.as_ref(), &inputs)? {
                    match compute::rows(metric, protocol, &class.inputs(), options) {
                        Ok(rows) => add(rows, Some(class.name.clone()), Some(class.counts)),
                        Err(error) => note(error.context(format!("class {}", class.name))),
                    }
                }
            }
            tracing::info!("{metric} under {protocol} took {:.2} s", begun.elapsed().as_secs_f64());
        }
        Ok(results)
    }
}

/// What every row of a metric has in common.
struct About<'a> {
    metric: Metric,
    protocol: &'static Protocol,
    source: Source,
    fake: &'a Side,
    comparison: &'a Comparison<'a>,
}

impl About<'_> {
    fn measurement(
        &self,
        row: Row,
        class: Option<String>,
        counts: Option<(usize, usize)>,
        real_content: Option<String>,
    ) -> Measurement {
        let lab = self.comparison.lab;
        let conventions = &lab.conventions;
        let needs = self.metric.needs();
        let real = self.comparison.real.as_ref().filter(|_| needs != Needs::Nothing);
        let training = self.comparison.training.as_ref().filter(|_| needs == Needs::RealAndTraining);
        let weights_sha256 = match lab.loaded(self.source.network) {
            Some(network) => network.weights().sha256().map(str::to_owned),
            // Nothing was computed here: both sides are files.
            None => self.fake.fact("weights_sha256"),
        };
        Measurement {
            metric: format!("{}{}", row.name, conventions.suffix(self.protocol, self.metric, self.source)),
            protocol: self.protocol.name,
            value: row.value,
            std: row.std,
            interval: row.interval(),
            std_over: row.over,
            std_count: row.count,
            class,
            generated: self.fake.path.clone(),
            generated_count: counts.map_or_else(|| self.fake.count().unwrap_or(0), |c| c.0),
            real: real.map(|side| side.path.clone()),
            real_content: real.and(real_content),
            real_count: real.and_then(|side| counts.map(|c| c.1).or_else(|| side.count())),
            training: training.map(|side| side.path.clone()),
            training_count: training.and_then(Side::count),
            subsets: row.subsets.map(|s| s.count),
            subset_size: row.subsets.map(|s| s.size),
            subset_size_asked: row.subsets.and_then(|s| s.asked),
            details: row.details,
            network: self.source.network.name,
            layer: self.source.layer.name,
            preprocessing: Lab::preprocessing(self.protocol, self.source.network).name(),
            weights_sha256,
            seed: conventions.seed,
            step: self.fake.step,
            checkpoint_crc32: self.fake.checkpoint_crc32.clone(),
            fledge: env!("CARGO_PKG_VERSION"),
        }
    }
}
