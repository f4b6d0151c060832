//! Which settings go together. Everything is checked before anything is built.

use super::check::{above_zero, positive, require, share};
use super::{Block, CondDiscriminator, CondGenerator, Distribution, NormName, OutputName, RangeName, Settings};
use crate::cli::UsageError;
use crate::nn::range::Range;

/// The largest extent of a picture.
const LARGEST: usize = 256;

impl Settings {
    /// # Errors
    /// When a value makes no sense, or two do not go together.
    pub(super) fn validate(&self) -> Result<(), UsageError> {
        self.validate_networks()?;
        self.cond.validate()?;
        self.batch_norm.validate()?;
        self.initializer.validate()?;
        self.loss.validate()?;
        self.penalty.validate()?;
        self.augment.validate()?;
        self.optimizer.validate()?;
        self.rate.validate()?;
        self.schedule.validate()?;
        require(self.evaluation.pictures >= 2, "evaluation.pictures", self.evaluation.pictures, "at least 2")?;
        positive(self.samples.pictures, "samples.pictures")?;
        positive(self.samples.columns, "samples.columns")?;
        positive(self.checkpoints.keep, "checkpoints.keep")?;
        require(self.checkpoints.every > 0, "checkpoints.every", self.checkpoints.every, "at least 1")?;
        self.validate_together()
    }

    fn validate_networks(&self) -> Result<(), UsageError> {
        let (g, d) = (&self.generator, &self.discriminator);
        positive(g.latent, "generator.latent")?;
        above_zero(g.threshold, "generator.threshold")?;
        if g.distribution == Distribution::Truncated {
            // Nearly everything would be drawn again and again.
            require(g.threshold >= 0.05, "generator.threshold", g.threshold, "at least 0.05")?;
        }
        for (name, width, multipliers, base, kernel, slope, dropout, plan) in [
            ("generator", g.width, &g.multipliers, g.base, g.kernel, g.slope, g.dropout, &g.plan),
            ("discriminator", d.width, &d.multipliers, d.base, d.kernel, d.slope, d.dropout, &d.plan),
        ] {
            positive(width, &format!("{name}.width"))?;
            let listed = !multipliers.is_empty() && multipliers.iter().all(|m| *m > 0) && multipliers.len() <= 16;
            let shown = || format!("{multipliers:?}");
            require(listed, &format!("{name}.multipliers"), shown(), "1 to 16 whole numbers, each at least 1, like [4,2,1]")?;
            positive(base, &format!("{name}.base"))?;
            require((2..=16).contains(&kernel), &format!("{name}.kernel"), kernel, "2 to 16")?;
            share(slope, &format!("{name}.slope"))?;
            share(dropout, &format!("{name}.dropout"))?;
            require(plan.len() <= 16, &format!("{name}.plan"), plan.len(), "at most 16 convolutions")?;
        }
        Ok(())
    }

    /// Pairs that contradict each other.
    fn validate_together(&self) -> Result<(), UsageError> {
        let (g, d) = (&self.generator, &self.discriminator);
        let refuse = |holds: bool, text: &str| if holds { Err(UsageError(text.to_owned())) } else { Ok(()) };
        let p = &self.penalty;
        for (weight, key) in [(p.gradient, "penalty.gradient"), (p.r1, "penalty.r1"), (p.r2, "penalty.r2")] {
            refuse(
                weight > 0.0 && d.norm == NormName::Batch,
                &format!(
                    "{key} = {weight} with discriminator.norm = batch: BatchNorm ties the gradient of one picture to the others of its \
                     batch; use --set discriminator.norm=none (allowed: none), or --set {key}=0"
                ),
            )?;
        }
        let (output, own, other) = match g.output {
            OutputName::Sigmoid => ("sigmoid", "unit", RangeName::Signed),
            OutputName::Tanh => ("tanh", "signed", RangeName::Unit),
        };
        refuse(
            g.range == other,
            &format!(
                "generator.output = {output} with generator.range = {}: {output} cannot give these pixels; use --set \
                 generator.range={own} or auto",
                if other == RangeName::Signed { "signed" } else { "unit" }
            ),
        )?;
        for (name, block, plan, key) in
            [("generator", g.block, &g.plan, "generator.block"), ("discriminator", d.block, &d.plan, "discriminator.block")]
        {
            refuse(
                block == Block::Residual && !plan.is_empty(),
                &format!(
                    "{key} = residual with {name}.plan: the sum needs blocks that double or halve exactly; use --set {name}.plan=[] \
                     with --set {name}.base=4, or --set {key}=plain"
                ),
            )?;
        }
        refuse(
            !g.plan.is_empty() && g.upsample.before().is_some(),
            "generator.plan with generator.upsample: a plan lists transposed convolutions; use --set generator.upsample=transposed, or \
             --set generator.plan=[]",
        )?;
        let (told, asked) = (self.cond.generator != CondGenerator::None, self.cond.discriminator != CondDiscriminator::None);
        refuse(
            told && !asked,
            "cond.generator with cond.discriminator = none: nothing ties the class to what is generated; use --set \
             cond.discriminator=projection or auxiliary, or --set cond=none",
        )?;
        refuse(
            asked && !told,
            "cond.discriminator with cond.generator = none: the generator is judged by a class that it is not told; use --set \
             cond.generator=embedding or batch-norm, or --set cond=none",
        )?;
        refuse(
            self.cond.generator == CondGenerator::BatchNorm && g.norm == NormName::None,
            "cond.generator = batch-norm with generator.norm = none: there is no BatchNorm to tell the class; use --set \
             generator.norm=batch, or --set cond.generator=embedding",
        )
    }

    /// What is allowed but seldom meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let p = &self.penalty;
        let bounded = p.weight_clip > 0.0 || p.on_gradient() || self.discriminator.spectral_norm;
        let mut warnings = Vec::new();
        if self.loss.name.row().loss.needs_bound() && !bounded {
            warnings.push(
                "nothing bounds the critic of this loss.name, whose loss then runs away; try --set penalty.gradient=10 with \
                 discriminator.norm=none, --set discriminator.spectral_norm=true, or --set penalty.weight_clip=0.01",
            );
        }
        let norms = [self.generator.norm, self.discriminator.norm];
        if self.schedule.sync_batch_norm && !norms.contains(&NormName::Batch) {
            warnings.push(
                "schedule.sync_batch_norm changes nothing, since neither network has BatchNorm; --set generator.norm=batch gives the \
                 generator one",
            );
        }
        warnings
    }

    /// The interval in which both networks see pixels.
    #[must_use]
    pub fn range(&self) -> Range {
        match self.generator.output {
            OutputName::Sigmoid => Range::Unit,
            OutputName::Tanh => Range::Signed,
        }
    }

    /// Whether both networks end at pictures of `size`×`size`; else what they need.
    fn check_ends(&self, size: usize) -> Result<(), String> {
        let (g, d) = (&self.generator, &self.discriminator);
        let made = g.extents(size);
        let end = made[made.len() - 1];
        if end != size || made.len() < 2 || size > LARGEST {
            return Err(match g.plan.is_empty() {
                true => format!("; the generator needs generator.base = {} times a power of two, at most {LARGEST}", g.base),
                false => {
                    format!("; the generator needs the {end}×{end} that generator.plan makes of generator.base = {}", g.base)
                }
            });
        }
        let seen = d.extents(size);
        let planned = d.convs(size, 1).len();
        let exact = d.plan.is_empty().then_some(d.base);
        if planned == 0 || seen.len() <= planned || exact.is_some_and(|base| seen[planned] != base) {
            return Err(format!(
                ", of which the discriminator makes {seen:?}: it needs discriminator.base = {} times a power of two, or another \
                 discriminator.plan",
                d.base
            ));
        }
        Ok(())
    }

    /// The size nearest to `size` at which both networks end, of two the larger.
    fn nearest_size(&self, size: usize) -> Option<usize> {
        let sizes = (2..=LARGEST).rev().filter(|other| self.check_ends(*other).is_ok());
        sizes.min_by_key(|other| other.abs_diff(size))
    }

    /// The settings with which both networks end at `size`, where there are some: bases that double to it, and no plan that does not.
    fn taking(&self, size: usize) -> Option<String> {
        let halved = |times: u32| (size.is_multiple_of(1 << times)).then_some(size >> times).filter(|base| *base >= 2);
        let mut bases: Vec<usize> = (1..8).filter_map(halved).collect();
        // The nearest to the recipe's own first: its networks change the least.
        let away = |base: usize| (base as f64 / self.generator.base as f64).ln().abs();
        bases.sort_by(|a, b| away(*a).total_cmp(&away(*b)));
        for (base, plans) in bases.into_iter().flat_map(|base| [(base, true), (base, false)]) {
            let mut other = self.clone();
            let (g, d) = (&mut other.generator, &mut other.discriminator);
            let mut changed = Vec::new();
            for (name, plan, of) in [("generator", &mut g.plan, &mut g.base), ("discriminator", &mut d.plan, &mut d.base)] {
                if !plans && !plan.is_empty() {
                    plan.clear();
                    changed.push(format!("--set {name}.plan=[]"));
                }
                if plan.is_empty() && *of != base {
                    *of = base;
                    changed.push(format!("--set {name}.base={base}"));
                }
            }
            if other.check_ends(size).is_ok() && other.validate().is_ok() {
                return Some(changed.join(" "));
            }
        }
        None
    }

    /// Whether the networks can be built for pictures of `size`×`size`.
    ///
    /// # Errors
    /// When the convolutions lead to another size, or attention is asked for where no block ends.
    pub fn check_size(&self, size: usize) -> Result<(), UsageError> {
        let (g, d) = (&self.generator, &self.discriminator);
        self.check_ends(size).map_err(|why| {
            let mend = self.nearest_size(size).map(|size| format!("prep build --size {size}"));
            let ways: Vec<String> = mend.into_iter().chain(self.taking(size)).collect();
            UsageError(format!("the data set's pictures are {size}×{size}{why}: {}", ways.join(", or ")))
        })?;
        let (made, seen) = (g.extents(size), d.extents(size));
        let planned = d.convs(size, 1).len();
        let blocks = format!("0 (none) to {planned}, the blocks that the discriminator has for {size}×{size}");
        require(d.freeze <= planned, "discriminator.freeze", d.freeze, &blocks)?;
        for (key, at, extents) in
            [("generator.attention", g.attention, &made[1..made.len() - 1]), ("discriminator.attention", d.attention, &seen[1..])]
        {
            let expected = || format!("0 (none) or one of {extents:?}, where blocks end");
            require(at == 0 || extents.contains(&at), key, at, &expected())?;
        }
        Ok(())
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
            ("wgan-gp", &["discriminator.norm=batch"], &["penalty.gradient = 10", "discriminator.norm = batch"]),
            ("dcgan-anime", &["penalty.r1=1"], &["penalty.r1 = 1", "discriminator.norm=none"]),
            (
                "gan-ada",
                &["generator.range=signed"],
                &["generator.output = sigmoid", "generator.range = signed", "generator.range=unit"],
            ),
            ("wgan", &["generator.range=unit"], &["generator.output = tanh", "generator.range=signed"]),
            ("dcgan-anime", &["generator.block=residual"], &["generator.block = residual", "generator.plan"]),
            ("dcgan-anime", &["generator.upsample=nearest"], &["generator.plan", "generator.upsample=transposed"]),
            (
                "gan-ada",
                &["generator.norm=none", "cond=batch-norm+auxiliary"],
                &["cond.generator = batch-norm", "generator.norm=batch"],
            ),
            ("gan-ada", &["cond=projection"], &["cond.generator = none", "cond.generator=embedding or batch-norm"]),
            ("gan-ada", &["cond=embedding"], &["cond.discriminator = none", "cond.discriminator=projection or auxiliary"]),
            ("gan-ada", &["cond=projections"], &["projections", "embedding, batch-norm, projection, auxiliary"]),
            ("wgan", &["loss.real_label=0.9"], &["loss.real_label", "wasserstein"]),
            ("gan-ada", &["schedule.discriminator_steps=5"], &["schedule.discriminator_steps = 5", "schedule.order=alternating"]),
            ("gan-ada", &["generator.plan=['k4']"], &["k4", "k7s2p0"]),
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
        assert!(check("gan-ada", &[], 48).expect_err("no power of two").contains("prep build --size 64"));
        assert!(check("gan-ada", &[], 512).expect_err("too large").contains("prep build --size 256"));
        // What is named is taken.
        for (preset, size) in [("gan-ada", 48), ("gan-ada", 100), ("dcgan-anime", 64), ("dcgan-anime", 48), ("wgan-gp", 28)] {
            let Err(refused) = check(preset, &[], size) else { continue };
            let settings: Vec<&str> = refused.split("--set ").skip(1).map(str::trim).collect();
            assert!(!settings.is_empty(), "{preset} {size}: {refused}");
            assert_eq!(check(preset, &settings, size), Ok(()), "{preset} {size}: {refused}");
        }
        let refused = check("gan-ada", &[], 48).expect_err("no power of two");
        assert!(refused.ends_with("prep build --size 64, or --set generator.base=3 --set discriminator.base=3"), "{refused}");
        let refused = check("gan-ada", &["generator.base=3"], 48).expect_err("D ends elsewhere");
        assert!(refused.contains("--set discriminator.base=3"), "{refused}");
        assert!(check("gan-ada", &["generator.base=3", "discriminator.base=3"], 48).is_ok());
        assert!(check("gan-ada", &["generator.base=3"], 48).expect_err("D ends elsewhere").contains("discriminator.base"));
        let attention = check("gan-ada", &["generator.attention=20"], 64).expect_err("attention");
        assert!(attention.contains("generator.attention = 20") && attention.contains("[8, 16, 32]"), "{attention}");
        assert!(check("gan-ada", &["discriminator.attention=16"], 64).is_ok());
        let frozen = check("gan-ada", &["discriminator.freeze=5"], 64).expect_err("of four blocks");
        assert!(frozen.contains("discriminator.freeze = 5") && frozen.contains("0 (none) to 4"), "{frozen}");
        assert!(check("gan-ada", &["discriminator.freeze=4"], 64).is_ok());
    }
}
