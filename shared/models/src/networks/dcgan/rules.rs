//! Checks of settings against each other, and the sizes that the networks support.

use fledge_base::cli::UsageError;

use super::discriminator::DiscriminatorConfig;
use super::generator::GeneratorConfig;
use super::settings::{BlockName, Stage};
use crate::check::{above_zero, positive, require, share};
use crate::latent::Distribution;

/// The largest picture size.
const LARGEST: usize = 256;

/// The settings common to both networks.
struct Common<'a> {
    network: &'a str,
    width: usize,
    multipliers: &'a [usize],
    base: usize,
    kernel: usize,
    slope: f64,
    dropout: f64,
    plan: &'a [Stage],
    block: BlockName,
}

impl Common<'_> {
    fn validate(&self) -> Result<(), UsageError> {
        let Self { network, multipliers, kernel, plan, .. } = self;
        positive(self.width, &format!("{network}.width"))?;
        let listed = !multipliers.is_empty()
            && multipliers.iter().all(|m| *m > 0)
            && multipliers.len() <= 16;
        let expected = "1 to 16 whole numbers, each at least 1, like [4,2,1]";
        require(listed, &format!("{network}.multipliers"), format!("{multipliers:?}"), expected)?;
        positive(self.base, &format!("{network}.base"))?;
        require((2..=16).contains(kernel), &format!("{network}.kernel"), kernel, "2 to 16")?;
        share(self.slope, &format!("{network}.slope"))?;
        share(self.dropout, &format!("{network}.dropout"))?;
        require(
            plan.len() <= 16,
            &format!("{network}.plan"),
            plan.len(),
            "at most 16 convolutions",
        )?;
        if self.block == BlockName::Residual && !plan.is_empty() {
            return Err(UsageError(format!(
                "{network}.block = residual with {network}.plan: the sum needs blocks that double or halve exactly; use --set \
                 {network}.plan=[] with --set {network}.base=4, or --set {network}.block=plain"
            )));
        }
        Ok(())
    }
}

impl GeneratorConfig {
    /// # Errors
    /// If a value is invalid, or two contradict each other.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.latent, "generator.latent")?;
        above_zero(self.threshold, "generator.threshold")?;
        if self.distribution == Distribution::Truncated {
            // A narrower interval would redraw nearly every value, many times.
            require(
                self.threshold >= 0.05,
                "generator.threshold",
                self.threshold,
                "at least 0.05",
            )?;
        }
        let Self { width, multipliers, base, kernel, slope, dropout, plan, block, .. } = self;
        let common = Common {
            network: "generator",
            width: *width,
            multipliers,
            base: *base,
            kernel: *kernel,
            slope: *slope,
            dropout: *dropout,
            plan,
            block: *block,
        };
        common.validate()?;
        if !plan.is_empty() && self.upsample.before().is_some() {
            return Err(UsageError(
                "generator.plan with generator.upsample: a plan lists transposed convolutions; use --set \
                 generator.upsample=transposed, or --set generator.plan=[]"
                    .into(),
            ));
        }
        Ok(())
    }

    /// # Errors
    /// If it does not end at pictures of `size`×`size`: the reason, and what it needs.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        let made = self.extents(size);
        let end = made[made.len() - 1];
        if end == size && made.len() >= 2 && size <= LARGEST {
            return Ok(());
        }
        Err(match self.plan.is_empty() {
            true => format!(
                "; the generator needs generator.base = {} times a power of two, at most {LARGEST}",
                self.base
            ),
            false => format!(
                "; the generator needs the {end}×{end} that generator.plan makes of generator.base = {}",
                self.base
            ),
        })
    }

    /// # Errors
    /// If attention is requested at an extent where no block ends.
    pub(crate) fn check_blocks(&self, size: usize) -> Result<(), UsageError> {
        let made = self.extents(size);
        check_attention("generator.attention", self.attention, &made[1..made.len() - 1])
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let stem = self.channels(0) * self.base * self.base;
        let extents = self.extents(size);
        let convs = self.convs(size, channels);
        stem + convs
            .iter()
            .zip(&extents[1..])
            .map(|(conv, extent)| conv.outputs * extent * extent)
            .sum::<usize>()
    }
}

impl DiscriminatorConfig {
    /// # Errors
    /// If a value is invalid, or two contradict each other.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        let Self { width, multipliers, base, kernel, slope, dropout, plan, block, .. } = self;
        let common = Common {
            network: "discriminator",
            width: *width,
            multipliers,
            base: *base,
            kernel: *kernel,
            slope: *slope,
            dropout: *dropout,
            plan,
            block: *block,
        };
        common.validate()
    }

    /// # Errors
    /// If it does not end at pictures of `size`×`size`: the reason, and what it needs.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        let seen = self.extents(size);
        let planned = self.convs(size, 1).len();
        let exact = self.plan.is_empty().then_some(self.base);
        if planned == 0 || seen.len() <= planned || exact.is_some_and(|base| seen[planned] != base)
        {
            return Err(format!(
                ", of which the discriminator makes {seen:?}: it needs discriminator.base = {} times a power of two, or another \
                 discriminator.plan",
                self.base
            ));
        }
        Ok(())
    }

    /// # Errors
    /// If attention is requested at an extent where no block ends, or more blocks are frozen than
    /// exist.
    pub(crate) fn check_blocks(&self, size: usize) -> Result<(), UsageError> {
        let planned = self.convs(size, 1).len();
        let blocks = format!(
            "0 (none) to {planned}, the blocks that the discriminator has for {size}×{size}"
        );
        require(self.freeze <= planned, "discriminator.freeze", self.freeze, &blocks)?;
        check_attention("discriminator.attention", self.attention, &self.extents(size)[1..])
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let extents = self.extents(size);
        let convs = self.convs(size, channels);
        convs.iter().zip(&extents[1..]).map(|(conv, extent)| conv.outputs * extent * extent).sum()
    }
}

fn check_attention(key: &str, at: usize, extents: &[usize]) -> Result<(), UsageError> {
    let expected = || format!("0 (none) or one of {extents:?}, where blocks end");
    require(at == 0 || extents.contains(&at), key, at, &expected())
}

/// Variants of both settings whose bases double to `size`, without plans if necessary; each with
/// the flags that set it. Those that change the networks least come first.
pub(crate) fn taking(
    generator: &GeneratorConfig,
    discriminator: &DiscriminatorConfig,
    size: usize,
) -> impl Iterator<Item = (GeneratorConfig, DiscriminatorConfig, String)> {
    let halved = |times: u32| {
        (size.is_multiple_of(1 << times)).then_some(size >> times).filter(|base| *base >= 2)
    };
    let mut bases: Vec<usize> = (1..8).filter_map(halved).collect();
    let away = |base: usize| (base as f64 / generator.base as f64).ln().abs();
    bases.sort_by(|a, b| away(*a).total_cmp(&away(*b)));
    bases.into_iter().flat_map(|base| [(base, true), (base, false)]).map(|(base, plans)| {
        let (mut g, mut d) = (generator.clone(), discriminator.clone());
        let mut changed = Vec::new();
        for (name, plan, of) in
            [("generator", &mut g.plan, &mut g.base), ("discriminator", &mut d.plan, &mut d.base)]
        {
            if !plans && !plan.is_empty() {
                plan.clear();
                changed.push(format!("--set {name}.plan=[]"));
            }
            if plan.is_empty() && *of != base {
                *of = base;
                changed.push(format!("--set {name}.base={base}"));
            }
        }
        (g, d, changed.join(" "))
    })
}
