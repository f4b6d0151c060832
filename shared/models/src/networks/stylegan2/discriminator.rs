//! The discriminator: blocks that halve the picture, the minibatch standard deviation, one logit.

use burn::tensor::Tensor;
use fledge_kernels::{self as ops, Rectifier};

use super::mapping::{Mapping, MappingConfig};
use super::settings::{Architecture, BASE, DiscriminatorConfig, extents};
use crate::dual::Dual;
use crate::init::Maker;
use crate::layers::{
    EqualConv, EqualConvConfig, EqualLinear, FirUse, MinibatchStddev, Pass, Rescale, rectifier,
};
use crate::networks::blueprint::Blueprint;
use crate::networks::cond::CondDiscriminator;
use crate::networks::interface::Judgement;
use crate::parameter::{Parameter, Parameters, join, parameters};

/// Gain of both sides of a residual sum.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Learning rate of the mapping of classes, as a share of the optimizer's.
const MAPPING_RATE: f64 = 0.01;

/// Picture → logit, positive for pictures judged real.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// From the pictures' extent down.
    pub blocks: Vec<Block>,
    /// The last extent.
    pub epilogue: Epilogue,
    /// Class → embedding.
    pub mapping: Option<Mapping>,
    config: DiscriminatorConfig,
}

/// The layers of an extent.
#[derive(Clone, Debug)]
pub struct Block {
    /// Height and width of its input.
    pub extent: usize,
    /// From colours.
    pub fromrgb: Option<EqualConv>,
    /// Keeps the extent.
    pub conv0: EqualConv,
    /// Halves it.
    pub conv1: EqualConv,
    /// 1×1, around both convolutions.
    pub skip: Option<EqualConv>,
}

parameters!(Block { fromrgb, conv0, conv1, skip });

/// The layers of the last extent.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// From colours.
    pub fromrgb: Option<EqualConv>,
    /// Features and standard deviation → features.
    pub conv: EqualConv,
    /// All features.
    pub fc: EqualLinear,
    /// → logit, or a vector to multiply with that of the class.
    pub out: EqualLinear,
}

parameters!(Epilogue { fromrgb, conv, fc, out });

impl DiscriminatorConfig {
    /// Creates a discriminator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        let Blueprint { size, channels, classes, cond, .. } = *blueprint;
        let maker = &blueprint.maker;
        let classes = if cond.discriminator == CondDiscriminator::Projection { classes } else { 0 };
        let by_skip = self.architecture == Architecture::Skip;
        let fromrgb = |extent: usize| {
            let conv = self.conv(channels, self.channels(extent), Rescale::Same, 1.0);
            // The source does not clamp this layer at the last extent.
            let clamp = if extent == BASE { 0.0 } else { self.clamp };
            EqualConvConfig { kernel: 1, rectifier: rectifier(1.0, clamp), ..conv }
                .init(&blueprint.name(&format!("b{extent}.fromrgb")), maker)
        };
        let block = |extent: usize| {
            let (inputs, outputs) = (self.channels(extent), self.channels(extent / 2));
            let init = |config: EqualConvConfig, layer: &str| {
                config.init(&blueprint.name(&format!("b{extent}.{layer}")), maker)
            };
            let residual = self.architecture == Architecture::Resnet;
            let gain = if residual { HALF } else { 1.0 };
            let skip = EqualConvConfig {
                kernel: 1,
                bias: false,
                rectifier: Rectifier { gain: HALF, ..Rectifier::NONE },
                ..self.conv(inputs, outputs, Rescale::Down, 1.0)
            };
            Block {
                extent,
                fromrgb: (by_skip || extent == size).then(|| fromrgb(extent)),
                conv0: init(self.conv(inputs, inputs, Rescale::Same, 1.0), "conv0"),
                conv1: init(self.conv(inputs, outputs, Rescale::Down, gain), "conv1"),
                skip: residual.then(|| init(skip, "skip")),
            }
        };
        let last = self.channels(BASE);
        let outputs = if classes > 0 { last } else { 1 };
        let with_deviation = last + usize::from(self.minibatch_stddev > 0);
        let name = |layer: &str| blueprint.name(&format!("b{BASE}.{layer}"));
        let epilogue = Epilogue {
            fromrgb: by_skip.then(|| fromrgb(BASE)),
            conv: self.conv(with_deviation, last, Rescale::Same, 1.0).init(&name("conv"), maker),
            fc: EqualLinear::new([last * BASE * BASE, last], 1.0, Some(0.0), &name("fc"), maker),
            out: EqualLinear::new([last, outputs], 1.0, Some(0.0), &name("out"), maker),
        };
        let mut blocks: Vec<Block> =
            extents(size).into_iter().rev().filter(|n| *n > BASE).map(block).collect();
        self.freeze_layers(&mut blocks);
        let mapping = (classes > 0).then(|| self.class_mapping(classes, blueprint, maker));
        Discriminator { blocks, epilogue, mapping, config: self.clone() }
    }

    fn conv(&self, inputs: usize, outputs: usize, rescale: Rescale, gain: f32) -> EqualConvConfig {
        let rectifier = rectifier(gain, self.clamp);
        EqualConvConfig { inputs, outputs, kernel: 3, rescale, bias: true, rectifier }
    }

    fn class_mapping(
        &self,
        classes: usize,
        blueprint: &Blueprint<'_>,
        maker: &Maker<'_>,
    ) -> Mapping {
        let config = MappingConfig {
            latent: 0,
            classes,
            styles: self.channels(BASE),
            layers: self.mapping_layers,
            rate: MAPPING_RATE,
            decay: None,
        };
        config.init(&blueprint.name("mapping"), maker)
    }

    /// Freezes the first layers, counted as in the source: from colours, both convolutions, skip.
    fn freeze_layers(&self, blocks: &mut [Block]) {
        let layers = blocks.iter_mut().flat_map(|block| {
            let Block { fromrgb, conv0, conv1, skip, .. } = block;
            [fromrgb.as_mut(), Some(conv0), Some(conv1), skip.as_mut()]
        });
        for layer in layers.flatten().take(self.freeze) {
            layer.parameters_mut().into_iter().for_each(|(_, parameter)| parameter.freeze());
        }
    }
}

impl Block {
    /// The features and, with `skip`, the picture at half the extent.
    fn forward(
        &self,
        x: Option<Dual<4>>,
        picture: Option<Dual<4>>,
        architecture: Architecture,
    ) -> (Dual<4>, Option<Dual<4>>) {
        let (x, picture) = with_colours(self.fromrgb.as_ref(), x, picture);
        let through = |x: Dual<4>| self.conv1.forward(self.conv0.forward(x));
        let y = match &self.skip {
            None => through(x),
            Some(skip) => {
                let [x, around] = x.forked();
                skip.forward(around).plus(through(x))
            }
        };
        let picture = picture.filter(|_| architecture == Architecture::Skip);
        (y, picture.map(|p| p.filtered(FirUse::DOWN)))
    }
}

/// Adds the features of the picture's colours to `x`.
fn with_colours(
    fromrgb: Option<&EqualConv>,
    x: Option<Dual<4>>,
    picture: Option<Dual<4>>,
) -> (Dual<4>, Option<Dual<4>>) {
    let colours = fromrgb.zip(picture.clone()).map(|(layer, picture)| layer.forward(picture));
    let x = match (x, colours) {
        (Some(x), Some(colours)) => x.plus(colours),
        (Some(x), None) | (None, Some(x)) => x,
        (None, None) => unreachable!("the first block takes the picture"),
    };
    (x, picture)
}

impl Discriminator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &DiscriminatorConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, C, size, size] gives logits [B, 1] and, where `x` has a direction, their tangent.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, pass: &Pass<'_>) -> Judgement {
        let (mut features, mut picture) = (None, Some(x));
        for block in &self.blocks {
            let (y, smaller) = block.forward(features.take(), picture, self.config.architecture);
            (features, picture) = (Some(y), smaller); // [B, C', H/2, W/2]
        }
        let Epilogue { fromrgb, conv, fc, out } = &self.epilogue;
        let (mut x, _) = with_colours(fromrgb.as_ref(), features, picture);
        x = x.linear(ops::full);
        if self.config.minibatch_stddev > 0 {
            x = x.through(&MinibatchStddev(self.config.minibatch_stddev));
        }
        let x = conv.forward(x).linear(ops::full).flat(); // [B, C·16]
        let y = out.forward(fc.forward_act(x, rectifier(1.0, 0.0)));
        let (logits, tangent) = match &self.mapping {
            None => y,
            Some(mapping) => {
                let class = mapping.forward(None, pass).value();
                let length = class.dims()[1] as f64;
                y.linear(|y: Tensor<2>| (y * class.clone()).sum_dim(1) / length.sqrt())
            }
        }
        .parts();
        Judgement { logits, tangent, classes: None }
    }
}

impl Parameters for Discriminator {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        for block in &self.blocks {
            block.collect(&join(prefix, &format!("b{}", block.extent)), list);
        }
        self.epilogue.collect(&join(prefix, &format!("b{BASE}")), list);
        self.mapping.collect(&join(prefix, "mapping"), list);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        for block in &mut self.blocks {
            block.collect_mut(&join(prefix, &format!("b{}", block.extent)), list);
        }
        self.epilogue.collect_mut(&join(prefix, &format!("b{BASE}")), list);
        self.mapping.collect_mut(&join(prefix, "mapping"), list);
    }
}
