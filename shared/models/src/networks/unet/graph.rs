//! Lowering of the generator to operations in the order of [`Generator::forward`] in inference.

use super::generator::{Generator, Stage};
use crate::graph::lowering::SOURCE;
use crate::graph::{Attribute, Graph, Lowering};
use crate::range::Range;

impl Generator {
    /// The operations from pictures to pictures, both in [0, 1].
    pub(crate) fn graph(&self) -> Graph {
        let channels = self.up[0].conv.config().outputs;
        let shape = [channels, self.size, self.size];
        let mut ops = Lowering::new(SOURCE, shape.to_vec(), false);
        let mut x = ops.signed_source();
        let mut skips = Vec::new();
        for (level, Stage { conv, norm }) in self.down.iter().enumerate() {
            let name = format!("down.{level}");
            x = ops.conv(&name, conv, &x);
            x = ops.feature_norm(&format!("{name}.norm"), norm, &x);
            let slope = vec![("alpha", Attribute::Float(0.2))];
            x = ops.graph.push("LeakyRelu", &[&x], format!("{name}.act"), slope);
            if level + 1 < self.down.len() {
                skips.push(x.clone());
            }
        }
        for (level, Stage { conv, norm }) in self.up.iter().enumerate().rev() {
            let name = format!("up.{level}");
            x = ops.graph.push("Relu", &[&x], format!("{name}.act"), Vec::new());
            x = ops.conv(&name, conv, &x);
            x = ops.feature_norm(&format!("{name}.norm"), norm, &x);
            if level > 0
                && let Some(skip) = skips.pop()
            {
                let axis = vec![("axis", Attribute::Integer(1))];
                x = ops.graph.push("Concat", &[&skip, &x], format!("{name}.joined"), axis);
            }
        }
        let x = ops.graph.push("Tanh", &[&x], "up.0.tanh", Vec::new());
        ops.finish(&x, Range::Signed, shape)
    }
}
