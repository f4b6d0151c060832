//! The block that both networks consist of.

use fledge_kernels::collective::Member;

use super::settings::{BlockName, NormName};
use crate::dual::Dual;
use crate::init::Maker;
use crate::layers::{Activator, Attention, BatchNorm, Conv2d, ConvConfig, NormAct, Pass};
use crate::parameter::parameters;

/// A convolution that enlarges or shrinks, with what follows it.
#[derive(Clone, Debug)]
pub struct ConvBlock {
    /// Enlarges or shrinks.
    pub conv: Conv2d,
    /// Of a residual block whose input has another number of channels: brings it to this one.
    pub skip: Option<Conv2d>,
    /// Follows.
    pub norm: NormAct,
    /// Behind it, at one extent.
    pub attention: Option<Attention>,
}

parameters!(ConvBlock { conv, skip, norm, attention });

/// How a block is built.
pub(super) struct BlockConfig {
    /// Its convolution.
    pub(super) conv: ConvConfig,
    /// The input of the block is added to its convolution's result.
    pub(super) residual: bool,
    /// What follows the convolution.
    pub(super) norm: NormName,
    /// Classes that the normalisation is told.
    pub(super) classes: Option<usize>,
    /// The activation.
    pub(super) activator: Activator,
    /// Attention stands behind it.
    pub(super) attention: bool,
}

impl BlockConfig {
    /// The block `name`.
    pub(super) fn init(&self, name: &str, maker: &Maker<'_>) -> ConvBlock {
        let Self { conv, residual, norm, classes, activator, attention } = *self;
        let skip = residual && conv.inputs != conv.outputs;
        let pointwise = || {
            ConvConfig::pointwise(conv.inputs, conv.outputs).init(&format!("{name}.skip"), maker)
        };
        let batch_norm = || BatchNorm::new(conv.outputs, classes, &format!("{name}.norm"), maker);
        ConvBlock {
            conv: conv.init(name, maker),
            skip: skip.then(pointwise),
            norm: NormAct { norm: (norm == NormName::Batch).then(batch_norm), activator },
            attention: attention
                .then(|| Attention::new(conv.outputs, &format!("{name}.attention"), maker)),
        }
    }
}

/// What a network's blocks have in common.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    /// How blocks are joined.
    pub(super) block: BlockName,
    /// Brings a residual block's input to the extent of its result.
    pub(super) resize: fn(Dual<4>) -> Dual<4>,
    /// Share of each block's values that is dropped.
    pub(super) dropout: f64,
}

impl ConvBlock {
    /// The result, and what the next block adds to its own.
    ///
    /// # Shapes
    /// `x` [B, C, H, W] gives [B, C', H', W']; `before`, of the shape of `x`, is what a residual
    /// block adds, resized.
    pub(super) fn forward(
        &self,
        x: Dual<4>,
        before: Option<Dual<4>>,
        chain: Chain,
        pass: &mut Pass<'_>,
    ) -> (Dual<4>, Option<Dual<4>>) {
        let residual = chain.block == BlockName::Residual;
        let alone = if residual { None } else { self.norm.alone() };
        let y = match before {
            None => x.conv(&self.conv, alone),
            Some(before) => {
                let before = (chain.resize)(before);
                let before = match &self.skip {
                    None => before,
                    Some(skip) => before.conv(skip, None),
                };
                before.plus(x.conv(&self.conv, None)).scaled(std::f64::consts::FRAC_1_SQRT_2)
            }
        };
        let next = residual.then(|| y.clone());
        // Without a direction the convolution has done a lone activation itself.
        let x = if alone.is_some() && !y.is_along() { y } else { y.norm_act(&self.norm, pass) };
        let x = x.dropout(chain.dropout, pass.masks);
        let x = match &self.attention {
            None => x,
            Some(attention) => x.through(attention),
        };
        (x, next)
    }

    /// [`NormAct::synchronize`].
    pub(super) fn synchronize(&mut self, member: &Member) {
        self.norm.synchronize(member);
    }

    /// One power iteration for every weight with spectral normalisation.
    pub(super) fn iterate(&mut self) {
        self.conv.iterate();
        self.skip.iter_mut().for_each(Conv2d::iterate);
        self.attention.iter_mut().flat_map(Attention::convs_mut).for_each(Conv2d::iterate);
    }
}
