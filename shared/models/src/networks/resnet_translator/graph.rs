//! Lowering of the generator to operations in the order of [`Generator::forward`] in inference.

use super::generator::{Generator, RELU, Stage};
use super::settings::BORDER;
use crate::graph::lowering::SOURCE;
use crate::graph::{Graph, Lowering};
use crate::layers::Border;
use crate::range::Range;

impl Generator {
    /// The operations from pictures to pictures, both in [0, 1].
    pub(crate) fn graph(&self) -> Graph {
        let channels = self.out.config().outputs;
        let shape = [channels, self.size, self.size];
        let mut ops = Lowering::new(SOURCE, shape.to_vec(), false);
        let stage = |ops: &mut Lowering, name: &str, stage: &Stage, x: &str, activated: bool| {
            let x = ops.conv(name, &stage.conv, x);
            let x = ops.feature_norm(&format!("{name}.norm"), &stage.norm, &x);
            if activated { ops.activation(&format!("{name}.act"), RELU, &x) } else { x }
        };
        let source = ops.signed_source();
        let mut x = ops.border("border", Border::Reflect(BORDER), channels, &source);
        for (i, layer) in self.down.iter().enumerate() {
            x = stage(&mut ops, &format!("down.{i}"), layer, &x, true);
            if self.config().antialias && i > 0 {
                let channels = layer.conv.config().outputs;
                x = ops.border(&format!("down.{i}.blur"), Border::BlurHalf, channels, &x);
            }
        }
        let around = Border::Reflect(1);
        for (i, block) in self.blocks.iter().enumerate() {
            let name = format!("blocks.{i}");
            let wide = block.first.conv.config().inputs;
            let y = ops.border(&format!("{name}.first.border"), around, wide, &x);
            let y = stage(&mut ops, &format!("{name}.first"), &block.first, &y, true);
            let y = ops.border(&format!("{name}.second.border"), around, wide, &y);
            let y = stage(&mut ops, &format!("{name}.second"), &block.second, &y, false);
            x = ops.graph.push("Add", &[&x, &y], format!("{name}.sum"), Vec::new());
        }
        for (i, layer) in self.up.iter().enumerate() {
            x = stage(&mut ops, &format!("up.{i}"), layer, &x, true);
        }
        let width = self.out.config().inputs;
        let x = ops.border("out.border", Border::Reflect(BORDER), width, &x);
        let x = ops.conv("out", &self.out, &x);
        let x = ops.graph.push("Tanh", &[&x], "out.tanh", Vec::new());
        ops.finish(&x, Range::Signed, shape)
    }
}
