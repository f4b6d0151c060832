//! The synthesis network: a w for each layer to a picture.

use fledge_base::rng;
use fledge_kernels::{self as ops, Rectifier};

use super::settings::{Architecture, BASE, GeneratorConfig, extents};
use crate::dual::Dual;
use crate::init::Maker;
use crate::layers::{
    EqualConv, EqualConvConfig, FirUse, ModulatedConfig, ModulatedConv, Pass, Rescale, rectifier,
};
use crate::parameter::{Parameter, Parameters, Purpose, join};

/// Gain of both sides of a residual sum.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// ws → picture.
#[derive(Clone, Debug)]
pub struct Synthesis {
    /// From the smallest extent up.
    pub blocks: Vec<Block>,
    architecture: Architecture,
}

/// The layers of an extent.
#[derive(Clone, Debug)]
pub struct Block {
    /// Height and width of its results.
    pub extent: usize,
    /// The first block's constant input, [C, 4, 4].
    pub constant: Option<Parameter>,
    /// Doubles the features; all blocks but the first have it.
    pub conv0: Option<ModulatedConv>,
    /// Keeps their extent.
    pub conv1: ModulatedConv,
    /// To colours.
    pub torgb: Option<ModulatedConv>,
    /// 1×1, around both convolutions.
    pub skip: Option<EqualConv>,
}

impl Synthesis {
    /// Creates the network `name` for pictures of `size` and `channels`.
    pub(crate) fn new(
        config: &GeneratorConfig,
        [size, channels]: [usize; 2],
        name: &str,
        maker: &Maker<'_>,
    ) -> Self {
        let architecture = config.architecture;
        let block = |extent: usize| {
            let name = format!("{name}.b{extent}");
            let outputs = config.channels(extent);
            let first = extent == BASE;
            let inputs = if first { outputs } else { config.channels(extent / 2) };
            let residual = architecture == Architecture::Resnet && !first;
            let layer = |inputs, rescale, gain| ModulatedConfig {
                styles: config.styles,
                inputs,
                outputs,
                kernel: 3,
                rescale,
                noise: config.noise.then_some(extent),
                demodulate: true,
                rectifier: rectifier(gain, config.clamp),
            };
            let bound = if config.clamp > 0.0 { config.clamp as f32 } else { f32::INFINITY };
            let torgb = ModulatedConfig {
                inputs: outputs,
                outputs: channels,
                kernel: 1,
                noise: None,
                demodulate: false,
                rectifier: Rectifier { bound, ..Rectifier::NONE },
                ..layer(outputs, Rescale::Same, 1.0)
            };
            let skip = EqualConvConfig {
                inputs,
                outputs,
                kernel: 1,
                rescale: Rescale::Up,
                bias: false,
                rectifier: Rectifier { gain: HALF, ..Rectifier::NONE },
            };
            let constant = || {
                let shape = [outputs, BASE, BASE];
                if !maker.draws {
                    return Parameter::undrawn(&shape, Purpose::Weight, maker.device);
                }
                let mut stream = rng::stream(maker.seed, &format!("initialise {name}.const"), 0);
                let values = stream.normals(shape.iter().product());
                Parameter::new(values, &shape, Purpose::Weight, maker.device)
            };
            let shown = architecture == Architecture::Skip || extent == size;
            Block {
                extent,
                constant: first.then(constant),
                conv0: (!first)
                    .then(|| layer(inputs, Rescale::Up, 1.0).init(&format!("{name}.conv0"), maker)),
                conv1: layer(outputs, Rescale::Same, if residual { HALF } else { 1.0 })
                    .init(&format!("{name}.conv1"), maker),
                torgb: shown.then(|| torgb.init(&format!("{name}.torgb"), maker)),
                skip: residual.then(|| skip.init(&format!("{name}.skip"), maker)),
            }
        };
        Self { blocks: extents(size).into_iter().map(block).collect(), architecture }
    }

    /// # Shapes
    /// `ws` [B, layers, styles] give pictures [B, C, size, size], nominally in [−1, 1].
    #[must_use]
    pub fn forward(&self, ws: &Dual<3>, pass: &mut Pass<'_>) -> Dual<4> {
        let (mut next, mut x, mut picture) = (0, None, None);
        for (i, block) in self.blocks.iter().enumerate() {
            let mut y = block.features(x.take(), ws, next, pass); // [B, C, extent, extent]
            // The colours share their w with the next block's first layer.
            next += 1 + usize::from(block.conv0.is_some());
            if let Some(torgb) = &block.torgb {
                let of_colours;
                [y, of_colours] =
                    if i + 1 == self.blocks.len() { [y.clone(), y] } else { y.forked() };
                let colours = torgb.forward(of_colours, ws.clone().layer(next), pass);
                let colours = colours.linear(ops::full);
                picture = Some(match picture.take() {
                    None => colours,
                    Some(small) => Dual::filtered(small, FirUse::UP).plus(colours),
                });
            }
            x = Some(y);
        }
        picture.unwrap_or_else(|| unreachable!("the last block makes colours"))
    }

    /// The way of pictures between extents.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }
}

impl Block {
    /// The features of the block, [B, C, extent, extent], from those of the one before; its first
    /// layer takes the w of layer `first`.
    fn features(
        &self,
        before: Option<Dual<4>>,
        ws: &Dual<3>,
        first: usize,
        pass: &mut Pass<'_>,
    ) -> Dual<4> {
        let w = |i: usize| ws.clone().layer(first + i);
        let (Some(x), Some(conv0)) = (before, &self.conv0) else {
            let constant = self.constant.as_ref();
            let constant = constant.unwrap_or_else(|| unreachable!("the first block has one"));
            let [batch, _, _] = ws.dims();
            let constant = constant.tensor::<3>().unsqueeze::<4>().repeat_dim(0, batch);
            return self.conv1.forward(constant.into(), w(0), pass);
        };
        let mut through = |x: Dual<4>| {
            let y = conv0.forward(x, w(0), pass);
            self.conv1.forward(y, w(1), pass)
        };
        match &self.skip {
            None => through(x),
            Some(skip) => {
                let [x, around] = x.forked();
                skip.forward(around).plus(through(x))
            }
        }
    }
}

impl Dual<3> {
    /// The w of layer `i`, [B, styles].
    pub(crate) fn layer(self, i: usize) -> Dual<2> {
        let [batch, _, styles] = self.dims();
        self.linear(|w| w.narrow(1, i, 1).reshape([batch, styles]))
    }
}

impl Parameters for Block {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.constant.collect(&join(prefix, "const"), list);
        self.conv0.collect(&join(prefix, "conv0"), list);
        self.conv1.collect(&join(prefix, "conv1"), list);
        self.torgb.collect(&join(prefix, "torgb"), list);
        self.skip.collect(&join(prefix, "skip"), list);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.constant.collect_mut(&join(prefix, "const"), list);
        self.conv0.collect_mut(&join(prefix, "conv0"), list);
        self.conv1.collect_mut(&join(prefix, "conv1"), list);
        self.torgb.collect_mut(&join(prefix, "torgb"), list);
        self.skip.collect_mut(&join(prefix, "skip"), list);
    }
}

impl Parameters for Synthesis {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        for block in &self.blocks {
            block.collect(&join(prefix, &format!("b{}", block.extent)), list);
        }
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        for block in &mut self.blocks {
            block.collect_mut(&join(prefix, &format!("b{}", block.extent)), list);
        }
    }
}
