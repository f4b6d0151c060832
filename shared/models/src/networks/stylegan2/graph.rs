//! Lowering of the generator to operations, in the order of [`Generator::forward`] in inference with
//! constant noise.

use super::generator::Generator;
use super::mapping::Mapping;
use super::synthesis::Block;
use crate::graph::lowering::{CLASS, LATENT};
use crate::graph::{Attribute, Constant, Graph, Lowering};
use crate::layers::{EqualConv, EqualLinear, FirUse, ModulatedConv, Rescale, TAPS, rectifier};
use crate::range::Range;
use fledge_kernels::Rectifier;

impl Generator {
    /// The operations from latent vectors and, for a class-conditional generator, classes to
    /// pictures in [0, 1].
    pub(crate) fn graph(&self) -> Graph {
        let by_class = self.mapping.embed.is_some();
        let mut walk = Walk(Lowering::new(LATENT, vec![self.config().latent], by_class));
        let w = walk.mapping(&self.mapping);
        let (mut x, mut picture): (Option<String>, Option<String>) = (None, None);
        for block in &self.synthesis.blocks {
            let (y, colours) = walk.block(block, x.as_deref(), &w);
            if let Some(colours) = colours {
                picture = Some(match picture {
                    None => colours,
                    Some(small) => {
                        let name = format!("synthesis.b{}.picture", block.extent);
                        let channels =
                            block.torgb.as_ref().map_or(0, |torgb| torgb.config().outputs);
                        let large =
                            walk.fir(&format!("{name}.doubled"), &small, channels, FirUse::UP);
                        walk.push("Add", &[&large, &colours], &name)
                    }
                });
            }
            x = Some(y);
        }
        let last = self
            .synthesis
            .blocks
            .last()
            .and_then(|block| Some((block.extent, block.torgb.as_ref()?.config().outputs)));
        let (size, channels) = last.unwrap_or_default();
        walk.0.finish(&picture.unwrap_or_default(), Range::Signed, [channels, size, size])
    }
}

/// A graph under construction.
struct Walk(Lowering);

impl Walk {
    fn push(&mut self, operator: &'static str, inputs: &[&str], name: &str) -> String {
        self.0.graph.push(operator, inputs, name, Vec::new())
    }

    fn number(&mut self, value: f64) -> String {
        self.0.graph.constant(format!("number.{value}"), Constant::Number(value as f32))
    }

    /// x·r(mean x² + ε) over the rows' values.
    fn normalized(&mut self, name: &str, x: &str) -> String {
        let square = self.push("Mul", &[x, x], &format!("{name}.square"));
        let axes = vec![("axes", Attribute::Integers(vec![1]))];
        let mean = self.0.graph.push("ReduceMean", &[&square], format!("{name}.mean"), axes);
        let epsilon = self.number(1e-8);
        let sum = self.push("Add", &[&mean, &epsilon], &format!("{name}.sum"));
        let root = self.push("Sqrt", &[&sum], &format!("{name}.root"));
        self.push("Div", &[x, &root], &format!("{name}.normalized"))
    }

    fn rectified(&mut self, name: &str, x: &str, rectifier: Rectifier) -> String {
        let Rectifier { slope, gain, bound } = rectifier;
        let mut x = x.to_owned();
        if slope != 1.0 {
            let alpha = vec![("alpha", Attribute::Float(slope))];
            x = self.0.graph.push("LeakyRelu", &[&x], format!("{name}.leaky"), alpha);
        }
        if gain != 1.0 {
            let gain = self.number(f64::from(gain));
            x = self.push("Mul", &[&x, &gain], &format!("{name}.gained"));
        }
        if bound.is_finite() {
            let [least, most] = [-bound, bound].map(|bound| self.number(f64::from(bound)));
            x = self.push("Clip", &[&x, &least, &most], &format!("{name}.clamped"));
        }
        x
    }

    fn linear(&mut self, name: &str, layer: &EqualLinear, x: &str) -> String {
        let shape = layer.weight.shape();
        let values = |tensor: burn::tensor::Tensor<1>| tensor.into_data().iter::<f32>().collect();
        let weight = values(layer.effective_weight().reshape([-1]));
        let graph = &mut self.0.graph;
        let mut inputs =
            vec![x.to_owned(), graph.tensor(format!("{name}.weight"), shape, weight, true)];
        if let Some(bias) = layer.effective_bias() {
            inputs.push(graph.tensor(format!("{name}.bias"), &shape[..1], values(bias), true));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        graph.push("Gemm", &inputs, name, vec![("transB", Attribute::Integer(1))])
    }

    fn mapping(&mut self, mapping: &Mapping) -> String {
        let mut x = self.normalized("mapping.z", LATENT);
        if let Some(embed) = &mapping.embed {
            let [styles, classes] = [0, 1].map(|axis| embed.weight.shape()[axis]);
            let mut table = embed.effective_weight().transpose();
            if let Some(bias) = embed.effective_bias() {
                table = table + bias.unsqueeze();
            }
            let values = table.into_data().iter::<f32>().collect();
            let name = "mapping.embed".to_owned();
            let table = self.0.graph.tensor(name, &[classes, styles], values, true);
            let axis = |axis| vec![("axis", Attribute::Integer(axis))];
            let row = self.0.graph.push("Gather", &[&table, CLASS], "mapping.class", axis(0));
            let row = self.normalized("mapping.class", &row);
            x = self.0.graph.push("Concat", &[&x, &row], "mapping.joined", axis(1));
        }
        for (i, layer) in mapping.layers.iter().enumerate() {
            let name = format!("mapping.fc{i}");
            let y = self.linear(&name, layer, &x);
            x = self.rectified(&name, &y, rectifier(1.0, 0.0));
        }
        x
    }

    /// A depthwise filter.
    fn fir(&mut self, name: &str, x: &str, channels: usize, fir: FirUse) -> String {
        let kernel: Vec<f32> = TAPS.iter().flat_map(|a| TAPS.map(|b| a * b * fir.gain)).collect();
        let values = kernel.repeat(channels);
        let label = format!("filter.{channels}.{}", fir.gain);
        if !self.0.graph.tensors.iter().any(|tensor| tensor.name == label) {
            self.0.graph.tensor(label.clone(), &[channels, 1, 4, 4], values, false);
        }
        // A transposed convolution gives all results that a sample reaches; the filter's use keeps
        // those that its zeros leave room for.
        let (operator, stride, pads) = match fir.up {
            1 => ("Conv", fir.down, fir.padding),
            up => ("ConvTranspose", up, [3 - fir.padding[0], 4 - up as isize - fir.padding[1]]),
        };
        let attributes = vec![
            ("group", Attribute::Integer(channels as i64)),
            ("kernel_shape", Attribute::Integers(vec![4, 4])),
            ("strides", Attribute::Integers(vec![stride as i64; 2])),
            (
                "pads",
                Attribute::Integers(
                    [pads[0], pads[0], pads[1], pads[1]].map(|n| n as i64).to_vec(),
                ),
            ),
        ];
        self.0.graph.push(operator, &[x, &label], name, attributes)
    }

    /// The convolution between its filters.
    fn convolve(
        &mut self,
        name: &str,
        x: &str,
        (shape, values): (&[usize], Vec<f32>),
        rescale: Rescale,
    ) -> String {
        let (outputs, inputs, kernel) = (shape[0], shape[1], shape[2]);
        let doubles = rescale == Rescale::Up && kernel > 1;
        let (operator, stride, pad) =
            if doubles { ("ConvTranspose", 2, 0) } else { ("Conv", 1, kernel / 2) };
        let weight = if doubles {
            // [Cout, Cin, k, k] as [Cin, Cout, k, k].
            let taps = kernel * kernel;
            let at = |i: usize, o: usize| &values[(o * inputs + i) * taps..][..taps];
            let turned = (0..inputs).flat_map(|i| (0..outputs).flat_map(move |o| at(i, o).iter()));
            let turned: Vec<f32> = turned.copied().collect();
            let shape = [inputs, outputs, kernel, kernel];
            self.0.graph.tensor(format!("{name}.weight"), &shape, turned, true)
        } else {
            self.0.graph.tensor(format!("{name}.weight"), shape, values, true)
        };
        let attributes = vec![
            ("kernel_shape", Attribute::Integers(vec![kernel as i64; 2])),
            ("strides", Attribute::Integers(vec![stride; 2])),
            ("pads", Attribute::Integers(vec![pad as i64; 4])),
        ];
        let label = format!("{name}.convolved");
        let y = self.0.graph.push(operator, &[x, &weight], label, attributes);
        match (rescale, doubles) {
            (Rescale::Up, true) => {
                self.fir(&format!("{name}.filtered"), &y, outputs, FirUse::AFTER_UP)
            }
            (Rescale::Up, false) => self.fir(&format!("{name}.filtered"), &y, outputs, FirUse::UP),
            _ => y,
        }
    }

    fn modulated(&mut self, name: &str, layer: &ModulatedConv, x: &str, w: &str) -> String {
        let config = *layer.config();
        let channels =
            self.0.graph.constant("shape.channels", Constant::Integers(vec![0, -1, 1, 1]));
        let mut s = self.linear(&format!("{name}.affine"), &layer.affine, w);
        if !config.demodulate {
            let gain = self.number(layer.style_gain());
            s = self.push("Mul", &[&s, &gain], &format!("{name}.styles"));
        }
        let columns = self.push("Reshape", &[&s, &channels], &format!("{name}.factors"));
        let x = self.push("Mul", &[x, &columns], &format!("{name}.scaled"));
        let weight = (layer.weight.shape(), layer.weight.to_vec());
        let mut y = self.convolve(name, &x, weight, config.rescale);
        if config.demodulate {
            let squares = layer.squares().into_data().iter::<f32>().collect();
            let shape = [config.outputs, config.inputs];
            let squares = self.0.graph.tensor(format!("{name}.squares"), &shape, squares, false);
            let square = self.push("Mul", &[&s, &s], &format!("{name}.styles.square"));
            let transposed = vec![("transB", Attribute::Integer(1))];
            let sums = format!("{name}.sums");
            let sum = self.0.graph.push("Gemm", &[&square, &squares], sums, transposed);
            let epsilon = self.number(1e-8);
            let sum = self.push("Add", &[&sum, &epsilon], &format!("{name}.sums.positive"));
            let root = self.push("Sqrt", &[&sum], &format!("{name}.deviation"));
            let root = self.push("Reshape", &[&root, &channels], &format!("{name}.divisors"));
            y = self.push("Div", &[&y, &root], &format!("{name}.demodulated"));
        }
        if let Some((strength, constant)) =
            layer.noise_strength.as_ref().zip(layer.noise_const.as_ref())
        {
            let strength = strength.to_vec()[0];
            let values = constant.to_vec().into_iter().map(|n| n * strength).collect();
            let [height, width] = [0, 1].map(|axis| constant.shape()[axis]);
            let shape = [1, 1, height, width];
            let noise = self.0.graph.tensor(format!("{name}.noise"), &shape, values, false);
            y = self.push("Add", &[&y, &noise], &format!("{name}.noisy"));
        }
        let shape = [1, config.outputs, 1, 1];
        let bias = self.0.graph.tensor(format!("{name}.bias"), &shape, layer.bias.to_vec(), true);
        let y = self.push("Add", &[&y, &bias], &format!("{name}.biased"));
        self.rectified(name, &y, config.rectifier)
    }

    fn skip(&mut self, name: &str, layer: &EqualConv, x: &str) -> String {
        let config = *layer.config();
        let values = layer.effective_weight().into_data().iter::<f32>().collect();
        let y = self.convolve(name, x, (layer.weight.shape(), values), config.rescale);
        self.rectified(name, &y, config.rectifier)
    }

    /// The features of a block and, where it has them, its colours.
    fn block(&mut self, block: &Block, x: Option<&str>, w: &str) -> (String, Option<String>) {
        let name = |layer: &str| format!("synthesis.b{}.{layer}", block.extent);
        let y = match (x, &block.conv0, &block.constant) {
            (Some(x), Some(conv0), _) => {
                let around = block.skip.as_ref().map(|skip| self.skip(&name("skip"), skip, x));
                let y = self.modulated(&name("conv0"), conv0, x, w);
                let y = self.modulated(&name("conv1"), &block.conv1, &y, w);
                match around {
                    None => y,
                    Some(around) => self.push("Add", &[&around, &y], &name("sum")),
                }
            }
            (_, _, Some(constant)) => {
                let shape = [&[1], constant.shape()].concat();
                let x = self.0.graph.tensor(name("const"), &shape, constant.to_vec(), true);
                self.modulated(&name("conv1"), &block.conv1, &x, w)
            }
            _ => unreachable!("the first block has a constant"),
        };
        let colours =
            block.torgb.as_ref().map(|torgb| self.modulated(&name("torgb"), torgb, &y, w));
        (y, colours)
    }
}
