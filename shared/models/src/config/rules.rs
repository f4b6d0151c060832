//! Checks of settings against each other. All of them run before anything is built.

use fledge_base::cli::UsageError;

use super::augment::PipelineName;
use super::schedule::Order;
use super::settings::Settings;
use crate::check::{positive, require};
use crate::networks::cond::{CondDiscriminator, CondGenerator};
use crate::networks::{DiscriminatorConfig, GeneratorConfig, Takes, dcgan};
use crate::range::Range;
use crate::task::TaskName;

/// The largest picture size that an error message suggests.
const LARGEST: usize = 1024;

impl Settings {
    /// # Errors
    /// If a value is invalid, or two contradict each other.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        self.generator.validate()?;
        self.discriminator.validate()?;
        self.cond.validate()?;
        self.batch_norm.validate()?;
        self.initializer.validate()?;
        self.loss.validate()?;
        self.penalty.validate()?;
        self.augment.validate()?;
        self.optimizer.validate()?;
        self.rate.validate()?;
        self.translate.validate()?;
        // A batch of one has no meaningful variance for BatchNorm, but where it is meant: a translator
        // learns the statistics of single pictures.
        self.schedule.validate(self.least_pictures())?;
        require(
            self.evaluation.pictures >= 2,
            "evaluation.pictures",
            self.evaluation.pictures,
            "at least 2",
        )?;
        positive(self.samples.pictures, "samples.pictures")?;
        positive(self.samples.columns, "samples.columns")?;
        positive(self.checkpoints.keep, "checkpoints.keep")?;
        require(
            self.checkpoints.every > 0,
            "checkpoints.every",
            self.checkpoints.every,
            "at least 1",
        )?;
        self.validate_together()
    }

    /// The smallest number of pictures that the networks are trained on at a time.
    #[must_use]
    pub fn least_pictures(&self) -> usize {
        if self.task.translates() { 1 } else { 2 }
    }

    /// Returns true if discriminators are shown earlier translations from a pool.
    #[must_use]
    pub fn pools(&self) -> bool {
        self.task == TaskName::Cycle && self.translate.pool > 0
    }

    /// Checks pairs of settings that contradict each other.
    fn validate_together(&self) -> Result<(), UsageError> {
        let refuse =
            |holds: bool, text: &str| if holds { Err(UsageError(text.to_owned())) } else { Ok(()) };
        let p = &self.penalty;
        for (weight, key) in
            [(p.gradient, "penalty.gradient"), (p.r1, "penalty.r1"), (p.r2, "penalty.r2")]
        {
            refuse(
                weight > 0.0 && self.discriminator.has_batch_norm(),
                &format!(
                    "{key} = {weight} with discriminator.norm = batch: BatchNorm ties the gradient of one picture to the others of its \
                     batch; use --set discriminator.norm=none (allowed: none), or --set {key}=0"
                ),
            )?;
        }
        self.validate_classes()?;
        let (told, asked) = (
            self.cond.generator != CondGenerator::None,
            self.cond.discriminator != CondDiscriminator::None,
        );
        refuse(
            told && !asked,
            "cond.generator with cond.discriminator = none: nothing ties the class to what is generated; use --set \
             cond.discriminator=projection or auxiliary, or --set cond=none",
        )?;
        refuse(
            asked && !told,
            "cond.discriminator with cond.generator = none: the generator is judged by a class it is not given; use --set \
             cond.generator=embedding or batch-norm, or --set cond=none",
        )?;
        refuse(
            self.cond.generator == CondGenerator::BatchNorm && !self.generator.has_batch_norm(),
            "cond.generator = batch-norm with generator.norm = none: there is no BatchNorm to condition on the class; use --set \
             generator.norm=batch, or --set cond.generator=embedding",
        )?;
        self.validate_phases()?;
        self.validate_task()
    }

    /// Checks what the order `phases` and the path length penalty need.
    fn validate_phases(&self) -> Result<(), UsageError> {
        let (p, s) = (&self.penalty, &self.schedule);
        let phases = s.order == Order::Phases;
        let refuse = |holds: bool, text: String| if holds { Err(UsageError(text)) } else { Ok(()) };
        refuse(
            p.path_length > 0.0 && !phases,
            format!(
                "penalty.path_length = {} needs --set schedule.order=phases, in which penalties are \
                 updates of their own; --set penalty.path_length=0 turns it off",
                p.path_length
            ),
        )?;
        refuse(
            p.path_length > 0.0 && !matches!(self.generator, GeneratorConfig::Stylegan2(_)),
            format!(
                "penalty.path_length = {}: only generator.family = stylegan2 has styles to measure a \
                 path in; use --set penalty.path_length=0",
                p.path_length
            ),
        )?;
        for (weight, key) in [(p.gradient, "penalty.gradient"), (p.r2, "penalty.r2")] {
            refuse(
                phases && weight > 0.0,
                format!(
                    "{key} = {weight} with schedule.order = phases: D's phase for penalties sees real \
                     pictures alone; use --set penalty.r1=…, or --set schedule.order=alternating"
                ),
            )?;
        }
        refuse(
            phases && s.reuse_latents,
            "schedule.reuse_latents with schedule.order = phases: each phase draws its own latents; \
             use --set schedule.reuse_latents=false"
                .into(),
        )
    }

    /// Checks that the families can be told classes in the way of `cond`.
    fn validate_classes(&self) -> Result<(), UsageError> {
        if self.cond.is_on() && matches!(self.discriminator, DiscriminatorConfig::Patchgan(_)) {
            return Err(UsageError(
                "cond with discriminator.family = patchgan, which takes no classes: --set cond=none".into(),
            ));
        }
        let styled = matches!(self.generator, GeneratorConfig::Stylegan2(_))
            || matches!(self.discriminator, DiscriminatorConfig::Stylegan2(_));
        let other = self.cond.generator == CondGenerator::BatchNorm
            || self.cond.discriminator == CondDiscriminator::Auxiliary;
        if styled && other {
            return Err(UsageError(
                "cond: stylegan2 takes classes by embedding and projection: --set \
                 cond=embedding+projection, or --set cond=none"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Checks that the task provides the input its generators take, and what the tasks that translate
    /// need.
    fn validate_task(&self) -> Result<(), UsageError> {
        let task = self.task.name();
        let pairs = self.discriminator.judges_pairs();
        if pairs && self.task != TaskName::Paired {
            return Err(UsageError(format!(
                "discriminator.pairs = true with task = {task}, which has no pairs to judge: --set \
                 discriminator.pairs=false"
            )));
        }
        match (self.task.translates(), self.generator.takes()) {
            (false, Takes::Latents(_)) => Ok(()),
            (true, Takes::Pictures) => self.validate_translation(),
            (false, Takes::Pictures) => Err(UsageError(format!(
                "task = {task} makes pictures of latent vectors, and this generator.family takes pictures"
            ))),
            (true, Takes::Latents(_)) => Err(UsageError(format!(
                "task = {task} translates pictures, and this generator.family takes latent vectors"
            ))),
        }
    }

    /// Checks the settings of tasks that translate.
    fn validate_translation(&self) -> Result<(), UsageError> {
        let task = self.task.name();
        let refuse = |holds: bool, text: String| if holds { Err(UsageError(text)) } else { Ok(()) };
        let pipeline = self.augment.pipeline != PipelineName::None;
        refuse(
            pipeline,
            format!(
                "augment.pipeline with task = {task}: a source and its translation would be augmented \
                 apart from each other; use --set augment.pipeline=none"
            ),
        )?;
        refuse(
            self.cond.is_on(),
            format!("cond with task = {task}: translators take no classes; use --set cond=none"),
        )?;
        let noise = self.loss.instance_noise;
        refuse(
            noise > 0.0,
            format!(
                "loss.instance_noise = {noise} with task = {task}: its discriminators take pictures as \
                 they are; use --set loss.instance_noise=0"
            ),
        )?;
        refuse(
            self.schedule.reuse_latents,
            format!(
                "schedule.reuse_latents with task = {task}, which has no latents: use --set schedule.reuse_latents=false"
            ),
        )?;
        let order = match self.task {
            TaskName::Paired | TaskName::Contrastive => Some((
                Order::Alternating,
                "alternating",
                "D is updated first, and G through the updated D",
            )),
            TaskName::Cycle => Some((
                Order::Simultaneous,
                "simultaneous",
                "all networks are updated on the pictures of one pass",
            )),
            _ => None,
        };
        if let Some((order, word, why)) = order {
            refuse(
                self.schedule.order != order,
                format!(
                    "schedule.order with task = {task}: {why}; use --set schedule.order={word}"
                ),
            )?;
            let updates = [self.schedule.discriminator_steps, self.schedule.generator_steps];
            refuse(
                updates != [1, 1],
                format!(
                    "schedule.discriminator_steps and schedule.generator_steps with task = {task}: each \
                     network is updated once a step; use --set schedule.discriminator_steps=1 --set \
                     schedule.generator_steps=1"
                ),
            )?;
        }
        if self.task != TaskName::Contrastive {
            return Ok(());
        }
        refuse(
            !matches!(self.generator, GeneratorConfig::ResnetTranslator(_)),
            "task = contrastive compares features of an encoder without skips: use --set \
             generator.family=resnet-translator"
                .into(),
        )?;
        let layers = &self.translate.nce_layers;
        refuse(
            self.contrasted(1).len() < layers.len(),
            format!(
                "translate.nce_layers = {layers:?}: the encoder of this generator has no layer {}; more \
                 blocks (generator.blocks) have more",
                layers.last().copied().unwrap_or_default()
            ),
        )
    }

    /// Warnings about valid but unusual settings.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let p = &self.penalty;
        let bounded = p.weight_clip > 0.0 || p.on_gradient() || self.discriminator.is_bounded();
        let mut warnings = Vec::new();
        if self.loss.name.row().loss.needs_bound() && !bounded {
            warnings.push(
                "nothing bounds the critic of this loss.name, so its loss diverges; try --set penalty.gradient=10 with \
                 discriminator.norm=none, --set discriminator.spectral_norm=true, or --set penalty.weight_clip=0.01",
            );
        }
        let norms = self.generator.has_batch_norm() || self.discriminator.has_batch_norm();
        if self.schedule.sync_batch_norm && !norms {
            warnings.push(
                "schedule.sync_batch_norm has no effect: neither network has BatchNorm; --set generator.norm=batch adds it to \
                 the generator",
            );
        }
        warnings
    }

    /// The pixel interval of both networks.
    #[must_use]
    pub fn range(&self) -> Range {
        self.generator.range()
    }

    /// Checks that both networks end at pictures of `size`×`size`; the error says what they need.
    fn check_ends(&self, size: usize) -> Result<(), String> {
        self.generator.check_end(size)?;
        self.discriminator.check_end(size)
    }

    /// The size nearest to `size` at which both networks end; the larger one of a tie.
    fn nearest_size(&self, size: usize) -> Option<usize> {
        let sizes = (2..=LARGEST).rev().filter(|other| self.check_ends(*other).is_ok());
        sizes.min_by_key(|other| other.abs_diff(size))
    }

    /// The flags with which both networks end at `size`, if there are any.
    fn taking(&self, size: usize) -> Option<String> {
        let (GeneratorConfig::Dcgan(g), DiscriminatorConfig::Dcgan(d)) =
            (&self.generator, &self.discriminator)
        else {
            return None;
        };
        dcgan::taking(g, d, size).find_map(|(g, d, flags)| {
            let (generator, discriminator) =
                (GeneratorConfig::Dcgan(g), DiscriminatorConfig::Dcgan(d));
            let other = Self { generator, discriminator, ..self.clone() };
            (other.check_ends(size).is_ok() && other.validate().is_ok()).then_some(flags)
        })
    }

    /// Checks that the networks can be built for pictures of `size`×`size`.
    ///
    /// # Errors
    /// If the convolutions end at another size, or attention is requested at an extent where no
    /// block ends.
    pub fn check_size(&self, size: usize) -> Result<(), UsageError> {
        self.check_ends(size).map_err(|why| {
            let mend = self.nearest_size(size).map(|size| format!("prep build --size {size}"));
            let ways: Vec<String> = mend.into_iter().chain(self.taking(size)).collect();
            UsageError(format!(
                "the data set's pictures are {size}×{size}{why}: {}",
                ways.join(", or ")
            ))
        })?;
        self.generator.check_blocks(size)?;
        self.discriminator.check_blocks(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(preset: &str, assignments: &[&str]) -> String {
        let assignments: Vec<String> = assignments.iter().map(|a| (*a).to_owned()).collect();
        match Settings::resolve(preset, None, &assignments) {
            Ok(_) => panic!("{preset} {assignments:?} was accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_both_settings_and_the_way_out() {
        type Case = (&'static str, &'static [&'static str], &'static [&'static str]);
        let cases: &[Case] = &[
            (
                "gan-ada",
                &["penalty.gradient=10"],
                &["penalty.gradient = 10", "discriminator.norm = batch", "discriminator.norm=none"],
            ),
            (
                "wgan-gp",
                &["discriminator.norm=batch"],
                &["penalty.gradient = 10", "discriminator.norm = batch"],
            ),
            ("dcgan-anime", &["penalty.r1=1"], &["penalty.r1 = 1", "discriminator.norm=none"]),
            (
                "dcgan-anime",
                &["generator.block=residual"],
                &["generator.block = residual", "generator.plan"],
            ),
            (
                "dcgan-anime",
                &["generator.upsample=nearest"],
                &["generator.plan", "generator.upsample=transposed"],
            ),
            (
                "gan-ada",
                &["generator.norm=none", "cond=batch-norm+auxiliary"],
                &["cond.generator = batch-norm", "generator.norm=batch"],
            ),
            (
                "gan-ada",
                &["cond=projection"],
                &["cond.generator = none", "cond.generator=embedding or batch-norm"],
            ),
            (
                "gan-ada",
                &["cond=embedding"],
                &["cond.discriminator = none", "cond.discriminator=projection or auxiliary"],
            ),
            (
                "gan-ada",
                &["cond=projections"],
                &["projections", "embedding, batch-norm, projection, auxiliary"],
            ),
            ("wgan", &["loss.real_label=0.9"], &["loss.real_label", "wasserstein"]),
            (
                "gan-ada",
                &["schedule.discriminator_steps=5"],
                &["schedule.discriminator_steps = 5", "schedule.order=alternating"],
            ),
            ("gan-ada", &["generator.plan=['k4']"], &["k4", "k7s2p0"]),
            ("pix2pix", &["augment.pipeline=bgc"], &["task = paired", "augment.pipeline=none"]),
            ("pix2pix", &["cond=embedding+projection"], &["patchgan", "cond=none"]),
            ("pix2pix", &["task=cycle"], &["discriminator.pairs = true", "task = cycle"]),
            ("cyclegan", &["schedule.order=alternating"], &["schedule.order=simultaneous"]),
            ("cut", &["schedule.order=simultaneous"], &["schedule.order=alternating"]),
            ("cut", &["generator.family=unet"], &["generator.family=resnet-translator"]),
            ("cut", &["generator.blocks=4"], &["translate.nce_layers", "layer 16"]),
            ("cut", &["translate.nce_layers=[4,0]"], &["translate.nce_layers = [4, 0]"]),
            ("cyclegan", &["translate.pool=99999"], &["translate.pool = 99999"]),
            ("cyclegan", &["schedule.batch=0"], &["schedule.batch = 0", "at least 1"]),
            ("gan-ada", &["generator.multipliers=[]"], &["generator.multipliers = []", "[4,2,1]"]),
            ("gan-ada", &["loss.name=lsgn"], &["lsgn", "lsgan"]),
            ("gan-ada", &["generator.upsampel=nearest"], &["generator.upsampel", "upsample"]),
        ];
        for (preset, assignments, named) in cases {
            let error = refused(preset, assignments);
            for name in *named {
                assert!(error.contains(name), "{preset} {assignments:?}: {error}");
            }
        }
    }

    #[test]
    fn a_wasserstein_critic_that_nothing_bounds_is_warned_of() {
        let warnings = |assignments: &[&str]| {
            let assignments: Vec<String> = assignments.iter().map(|a| (*a).to_owned()).collect();
            Settings::resolve("gan-ada", None, &assignments).expect("settings").warnings().len()
        };
        assert_eq!(warnings(&["loss.name=wasserstein"]), 1);
        assert_eq!(warnings(&["loss.name=hinge"]), 0);
        for bound in ["penalty.weight_clip=0.01", "discriminator.spectral_norm=true"] {
            assert_eq!(warnings(&["loss.name=wasserstein", bound]), 0, "{bound}");
        }
    }

    #[test]
    fn synchronised_statistics_of_networks_that_have_none_are_warned_of() {
        let warnings = |assignments: &[&str]| {
            let assignments: Vec<String> = assignments.iter().map(|a| (*a).to_owned()).collect();
            Settings::resolve("gan-ada", None, &assignments).expect("settings").warnings().len()
        };
        let on = "schedule.sync_batch_norm=true";
        assert_eq!(warnings(&[on]), 0);
        assert_eq!(warnings(&[on, "discriminator.norm=none"]), 0);
        assert_eq!(warnings(&[on, "discriminator.norm=none", "generator.norm=none"]), 1);
        assert_eq!(warnings(&["discriminator.norm=none", "generator.norm=none"]), 0);
    }

    #[test]
    fn sizes_that_the_networks_cannot_make_are_refused_with_the_size_they_can() {
        let check = |preset: &str, assignments: &[&str], size: usize| {
            let assignments: Vec<String> = assignments.iter().map(|a| (*a).to_owned()).collect();
            let settings = Settings::resolve(preset, None, &assignments).expect("settings");
            settings.check_size(size).map_err(|e| e.to_string())
        };
        assert!(check("dcgan-anime", &[], 64).expect_err("plan").contains("prep build --size 96"));
        assert!(
            check("gan-ada", &[], 48)
                .expect_err("no power of two")
                .contains("prep build --size 64")
        );
        assert!(
            check("gan-ada", &[], 512).expect_err("too large").contains("prep build --size 256")
        );
        // The suggested size is accepted.
        for (preset, size) in [
            ("gan-ada", 48),
            ("gan-ada", 100),
            ("dcgan-anime", 64),
            ("dcgan-anime", 48),
            ("wgan-gp", 28),
        ] {
            let Err(refused) = check(preset, &[], size) else { continue };
            let settings: Vec<&str> = refused.split("--set ").skip(1).map(str::trim).collect();
            assert!(!settings.is_empty(), "{preset} {size}: {refused}");
            assert_eq!(check(preset, &settings, size), Ok(()), "{preset} {size}: {refused}");
        }
        let refused = check("gan-ada", &[], 48).expect_err("no power of two");
        assert!(
            refused.ends_with(
                "prep build --size 64, or --set generator.base=3 --set discriminator.base=3"
            ),
            "{refused}"
        );
        let refused = check("gan-ada", &["generator.base=3"], 48).expect_err("D ends elsewhere");
        assert!(refused.contains("--set discriminator.base=3"), "{refused}");
        assert!(check("gan-ada", &["generator.base=3", "discriminator.base=3"], 48).is_ok());
        assert!(
            check("gan-ada", &["generator.base=3"], 48)
                .expect_err("D ends elsewhere")
                .contains("discriminator.base")
        );
        let attention = check("gan-ada", &["generator.attention=20"], 64).expect_err("attention");
        assert!(
            attention.contains("generator.attention = 20") && attention.contains("[8, 16, 32]"),
            "{attention}"
        );
        assert!(check("gan-ada", &["discriminator.attention=16"], 64).is_ok());
        let frozen = check("gan-ada", &["discriminator.freeze=5"], 64).expect_err("of four blocks");
        assert!(
            frozen.contains("discriminator.freeze = 5") && frozen.contains("0 (none) to 4"),
            "{frozen}"
        );
        assert!(check("gan-ada", &["discriminator.freeze=4"], 64).is_ok());
    }
}
