//! Lowering of the generator to operations, in the order of [`Generator::forward`] in inference.

use fledge_kernels::Upsample;

use super::block::ConvBlock;
use super::generator::Generator;
use super::settings::{BlockName, OutputName, StemNorm};
use crate::graph::lowering::{CLASS, LATENT};
use crate::graph::{Attribute, Constant, Graph, Lowering};
use crate::layers::BatchNorm;

impl Generator {
    /// The operations from latent vectors and, for a class-conditional generator, classes to
    /// pictures in [0, 1]. Weights with spectral normalisation are exported divided by their norm.
    pub(crate) fn graph(&self) -> Graph {
        let config = self.config();
        let norms = std::iter::once(&self.norm).chain(self.up.iter().map(|up| &up.norm));
        let by_class = norms.filter_map(|norm| norm.norm.as_ref()).any(BatchNorm::by_class);
        let ops = Lowering::new(LATENT, vec![config.latent], self.embedding.is_some() || by_class);
        let mut walk = Walk { ops, extent: config.base };
        let residual = config.block == BlockName::Residual;
        let (mut skip, mut x) = walk.stem(self);
        for (i, up) in self.up.iter().enumerate() {
            (skip, x) = walk.block(&format!("up.{i}"), up, residual, &skip, &x);
        }
        let Walk { mut ops, extent } = walk;
        let x = ops.conv("out", &self.out, &x);
        let x = match config.output {
            OutputName::Sigmoid => ops.graph.push("Sigmoid", &[&x], "out.sigmoid", Vec::new()),
            OutputName::Tanh => ops.graph.push("Tanh", &[&x], "out.tanh", Vec::new()),
        };
        let (channels, extent) = (self.out.config().outputs, self.out.config().extent(extent));
        ops.finish(&x, config.output.range(), [channels, extent, extent])
    }
}

/// A graph under construction, and the picture extent at its end.
struct Walk {
    ops: Lowering,
    extent: usize,
}

impl Walk {
    /// The dense layer and what follows: the input of the next residual sum, and that of the next
    /// convolution.
    fn stem(&mut self, generator: &Generator) -> (String, String) {
        let base = generator.config().base as i64;
        let mut z = LATENT.to_owned();
        if let Some(table) = &generator.embedding {
            let table = self.ops.parameter("embedding", table);
            let row = self.ops.graph.push(
                "Gather",
                &[&table, CLASS],
                "embedding.row",
                vec![("axis", Attribute::Integer(0))],
            );
            z = self.ops.graph.push(
                "Concat",
                &[LATENT, &row],
                "embedding.behind",
                vec![("axis", Attribute::Integer(1))],
            );
        }
        let y = self.ops.dense("dense", &generator.dense, &z);
        let shape =
            self.ops.graph.constant("shape.base", Constant::Integers(vec![0, -1, base, base]));
        let picture = |graph: &mut Graph, y: &str, name: &str| {
            graph.push("Reshape", &[y, &shape], name, Vec::new())
        };
        let features =
            generator.norm.norm.is_some() && generator.config().stem_norm == StemNorm::Features;
        let residual = generator.config().block == BlockName::Residual;
        let before = if !features || residual {
            picture(&mut self.ops.graph, &y, "dense.picture")
        } else {
            String::new()
        };
        let x = if features {
            let y = self.ops.norm_act("norm", &generator.norm, &y, false);
            picture(&mut self.ops.graph, &y, "norm.picture")
        } else {
            self.ops.norm_act("norm", &generator.norm, &before, true)
        };
        (before, x)
    }

    /// One upsampling block; returns the same pair as [`Walk::stem`].
    fn block(
        &mut self,
        name: &str,
        up: &ConvBlock,
        residual: bool,
        before: &str,
        x: &str,
    ) -> (String, String) {
        let mut y = self.ops.conv(&format!("{name}.conv"), &up.conv, x);
        if residual {
            let mut before =
                self.ops.doubled(&format!("{name}.skip.doubled"), before, Upsample::Bilinear);
            if let Some(skip) = &up.skip {
                before = self.ops.conv(&format!("{name}.skip"), skip, &before);
            }
            let sum = self.ops.graph.push("Add", &[&before, &y], format!("{name}.sum"), Vec::new());
            let half = self
                .ops
                .graph
                .constant("root.half", Constant::Number(std::f32::consts::FRAC_1_SQRT_2));
            y = self.ops.graph.push("Mul", &[&sum, &half], format!("{name}.mean"), Vec::new());
        }
        self.extent = up.conv.config().extent(self.extent);
        let mut x = self.ops.norm_act(&format!("{name}.norm"), &up.norm, &y, true);
        if let Some(attention) = &up.attention {
            x = self.ops.attention(&format!("{name}.attention"), attention, &x, self.extent);
        }
        (y, x)
    }
}
