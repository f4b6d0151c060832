//! The building block of both networks.

use fledge_kernels::collective::Member;

use super::settings::{BlockName, NormName};
use crate::dual::Dual;
use crate::init::Maker;
use crate::layers::{Activator, Attention, BatchNorm, Conv2d, ConvConfig, NormAct, Pass};
use crate::parameter::parameters;

/// An upsampling or downsampling convolution with the layers that follow it.
#[derive(Clone, Debug)]
pub struct ConvBlock {
    /// Upsamples or downsamples.
    pub conv: Conv2d,
    /// In a residual block whose number of channels changes: projects its input to the new number.
    pub skip: Option<Conv2d>,
    /// Normalisation and activation after the convolution.
    pub norm: NormAct,
    /// Self-attention at the end, if the block ends at its extent.
    pub attention: Option<Attention>,
}

parameters!(ConvBlock { conv, skip, norm, attention });

/// Configuration of a block.
pub(super) struct BlockConfig {
    /// The convolution.
    pub(super) conv: ConvConfig,
    /// Whether the block's input is added to the convolution's result.
    pub(super) residual: bool,
    /// Normalisation after the convolution.
    pub(super) norm: NormName,
    /// Number of classes of a class-conditional normalisation.
    pub(super) classes: Option<usize>,
    /// The activation.
    pub(super) activator: Activator,
    /// Whether self-attention follows.
    pub(super) attention: bool,
}

impl BlockConfig {
    /// Creates the block `name`.
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

/// The properties shared by a network's blocks.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    /// Plain or residual.
    pub(super) block: BlockName,
    /// Resizes a residual block's input to the extent of its result.
    pub(super) resize: fn(Dual<4>) -> Dual<4>,
    /// Dropout rate after each block.
    pub(super) dropout: f64,
}

impl ConvBlock {
    /// The result, and the tensor that the next block's residual sum adds.
    ///
    /// # Shapes
    /// `x` [B, C, H, W] gives [B, C', H', W']; `before`, of the shape of `x`, is what a residual
    /// block adds after resizing.
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
        // Without a direction, the convolution has applied a lone activation already.
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

    /// Runs one power iteration for every weight with spectral normalisation.
    pub(super) fn iterate(&mut self) {
        self.conv.iterate();
        self.skip.iter_mut().for_each(Conv2d::iterate);
        self.attention.iter_mut().flat_map(Attention::convs_mut).for_each(Conv2d::iterate);
    }
}
