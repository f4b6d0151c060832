//! Lowering of the generator, or of one of its halves, to operations in the order of
//! [`Generator::forward`] in inference.

use super::generator::Generator;
use super::mapping::Mapping;
use super::synthesis::{Block, Synthesis};
use crate::graph::lowering::{CLASS, LATENT, STYLES};
use crate::graph::{Attribute, Constant, Graph, GraphOptions, Lowering, Part};
use crate::layers::{EqualConv, EqualLinear, FirUse, ModulatedConv, Rescale, TAPS, rectifier};
use crate::range::Range;
use fledge_kernels::Rectifier;

impl Generator {
    /// The operations from latent vectors and, for a class-conditional generator, classes to
    /// pictures in [0, 1]; or to the w of each layer, or from there.
    pub(crate) fn graph(&self, options: &GraphOptions) -> Graph {
        let by_class = self.mapping.embed.is_some();
        let shape = [self.style_count(), self.config().styles];
        let (input, extent, by_class) = match options.part {
            Part::Synthesis => (STYLES, shape.to_vec(), false),
            Part::All | Part::Mapping => (LATENT, vec![self.config().latent], by_class),
        };
        let lowering = Lowering::new(input, extent, by_class);
        let mut walk = Walk { lowering, noise: options.noise };
        let ws: Vec<String> = match options.part {
            Part::Synthesis => (0..shape[0]).map(|layer| walk.layer(layer)).collect(),
            Part::All | Part::Mapping => {
                let w = walk.mapping(&self.mapping);
                let cutoff = options.cutoff.unwrap_or(shape[0]).min(shape[0]);
                let near = walk.truncated(&w, &self.mapping, options.psi);
                (0..shape[0]).map(|layer| if layer < cutoff { &near } else { &w }.clone()).collect()
            }
        };
        if options.part == Part::Mapping {
            walk.stacked(&ws);
            let mut graph = walk.lowering.graph;
            (graph.output.name, graph.output.shape) = (STYLES, shape.to_vec());
            return graph;
        }
        let (picture, extent) = walk.synthesis(&self.synthesis, &ws);
        walk.lowering.finish(&picture, Range::Signed, extent)
    }
}

/// A graph under construction.
struct Walk {
    lowering: Lowering,
    /// Whether layers add their constant noise.
    noise: bool,
}

impl Walk {
    /// The w of a layer of the input, [N, styles].
    fn layer(&mut self, layer: usize) -> String {
        let graph = &mut self.lowering.graph;
        let mut bound =
            |name: String, at: usize| graph.constant(name, Constant::Integers(vec![at as i64]));
        let [start, end] = [layer, layer + 1].map(|at| bound(format!("layer.{at}"), at));
        let axis = bound("axis.layers".into(), 1);
        let row =
            self.push("Slice", &[STYLES, &start, &end, &axis], &format!("{STYLES}.{layer}.row"));
        let shape = Constant::Integers(vec![0, -1]);
        let shape = self.lowering.graph.constant("shape.styles", shape);
        self.push("Reshape", &[&row, &shape], &format!("{STYLES}.{layer}"))
    }

    /// average + ψ·(w − average).
    fn truncated(&mut self, w: &str, mapping: &Mapping, psi: f64) -> String {
        let Some(average) = mapping.average.as_ref().filter(|_| psi != 1.0) else {
            return w.to_owned();
        };
        let share = average.to_vec().iter().map(|v| (f64::from(*v) * (1.0 - psi)) as f32).collect();
        let name = "mapping.average".to_owned();
        let share = self.lowering.graph.tensor(name, &[1, average.count()], share, false);
        let psi = self.number(psi);
        let near = self.push("Mul", &[w, &psi], "mapping.shortened");
        self.push("Add", &[&near, &share], "mapping.truncated")
    }

    /// The output: the w of each layer, [N, layers, styles].
    fn stacked(&mut self, ws: &[String]) {
        let shape = self.lowering.graph.constant("shape.row", Constant::Integers(vec![0, 1, -1]));
        let mut rows: Vec<(&String, String)> = Vec::new();
        for w in ws {
            if rows.iter().all(|(known, _)| *known != w) {
                rows.push((w, self.push("Reshape", &[w, &shape], &format!("{w}.row"))));
            }
        }
        let row =
            |w: &String| rows.iter().find(|(known, _)| *known == w).map(|(_, row)| row.as_str());
        let inputs: Vec<&str> = ws.iter().filter_map(row).collect();
        let axis = vec![("axis", Attribute::Integer(1))];
        self.lowering.graph.push("Concat", &inputs, STYLES, axis);
    }

    /// The pictures and their [C, H, W].
    fn synthesis(&mut self, synthesis: &Synthesis, ws: &[String]) -> (String, [usize; 3]) {
        let (mut x, mut picture): (Option<String>, Option<String>) = (None, None);
        let (mut next, mut extent) = (0, [0; 3]);
        for block in &synthesis.blocks {
            let (y, colours) = self.block(block, x.as_deref(), &ws[next..]);
            next += 1 + usize::from(block.conv0.is_some());
            if let (Some(colours), Some(torgb)) = (colours, &block.torgb) {
                let channels = torgb.config().outputs;
                extent = [channels, block.extent, block.extent];
                picture = Some(match picture {
                    None => colours,
                    Some(small) => {
                        let name = format!("synthesis.b{}.picture", block.extent);
                        let large =
                            self.fir(&format!("{name}.doubled"), &small, channels, FirUse::UP);
                        self.push("Add", &[&large, &colours], &name)
                    }
                });
            }
            x = Some(y);
        }
        (picture.unwrap_or_else(|| unreachable!("the last block makes colours")), extent)
    }

    fn push(&mut self, operator: &'static str, inputs: &[&str], name: &str) -> String {
        self.lowering.graph.push(operator, inputs, name, Vec::new())
    }

    fn number(&mut self, value: f64) -> String {
        self.lowering.graph.constant(format!("number.{value}"), Constant::Number(value as f32))
    }

    /// x·r(mean x² + ε) over the rows' values.
    fn normalized(&mut self, name: &str, x: &str) -> String {
        let square = self.push("Mul", &[x, x], &format!("{name}.square"));
        let axes = vec![("axes", Attribute::Integers(vec![1]))];
        let mean = self.lowering.graph.push("ReduceMean", &[&square], format!("{name}.mean"), axes);
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
            x = self.lowering.graph.push("LeakyRelu", &[&x], format!("{name}.leaky"), alpha);
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
        let graph = &mut self.lowering.graph;
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
            let table = self.lowering.graph.tensor(name, &[classes, styles], values, true);
            let axis = |axis| vec![("axis", Attribute::Integer(axis))];
            let row =
                self.lowering.graph.push("Gather", &[&table, CLASS], "mapping.class", axis(0));
            let row = self.normalized("mapping.class", &row);
            x = self.lowering.graph.push("Concat", &[&x, &row], "mapping.joined", axis(1));
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
        if !self.lowering.graph.tensors.iter().any(|tensor| tensor.name == label) {
            self.lowering.graph.tensor(label.clone(), &[channels, 1, 4, 4], values, false);
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
        self.lowering.graph.push(operator, &[x, &label], name, attributes)
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
            self.lowering.graph.tensor(format!("{name}.weight"), &shape, turned, true)
        } else {
            self.lowering.graph.tensor(format!("{name}.weight"), shape, values, true)
        };
        let attributes = vec![
            ("kernel_shape", Attribute::Integers(vec![kernel as i64; 2])),
            ("strides", Attribute::Integers(vec![stride; 2])),
            ("pads", Attribute::Integers(vec![pad as i64; 4])),
        ];
        let label = format!("{name}.convolved");
        let y = self.lowering.graph.push(operator, &[x, &weight], label, attributes);
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
            self.lowering.graph.constant("shape.channels", Constant::Integers(vec![0, -1, 1, 1]));
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
            let squares =
                self.lowering.graph.tensor(format!("{name}.squares"), &shape, squares, false);
            let square = self.push("Mul", &[&s, &s], &format!("{name}.styles.square"));
            let transposed = vec![("transB", Attribute::Integer(1))];
            let sums = format!("{name}.sums");
            let sum = self.lowering.graph.push("Gemm", &[&square, &squares], sums, transposed);
            let epsilon = self.number(1e-8);
            let sum = self.push("Add", &[&sum, &epsilon], &format!("{name}.sums.positive"));
            let root = self.push("Sqrt", &[&sum], &format!("{name}.deviation"));
            let root = self.push("Reshape", &[&root, &channels], &format!("{name}.divisors"));
            y = self.push("Div", &[&y, &root], &format!("{name}.demodulated"));
        }
        let noise = layer.noise_strength.as_ref().zip(layer.noise_const.as_ref());
        if let Some((strength, constant)) = noise.filter(|_| self.noise) {
            let strength = strength.to_vec()[0];
            let values = constant.to_vec().into_iter().map(|n| n * strength).collect();
            let [height, width] = [0, 1].map(|axis| constant.shape()[axis]);
            let shape = [1, 1, height, width];
            let noise = self.lowering.graph.tensor(format!("{name}.noise"), &shape, values, false);
            y = self.push("Add", &[&y, &noise], &format!("{name}.noisy"));
        }
        let shape = [1, config.outputs, 1, 1];
        let bias =
            self.lowering.graph.tensor(format!("{name}.bias"), &shape, layer.bias.to_vec(), true);
        let y = self.push("Add", &[&y, &bias], &format!("{name}.biased"));
        self.rectified(name, &y, config.rectifier)
    }

    fn skip(&mut self, name: &str, layer: &EqualConv, x: &str) -> String {
        let config = *layer.config();
        let values = layer.effective_weight().into_data().iter::<f32>().collect();
        let y = self.convolve(name, x, (layer.weight.shape(), values), config.rescale);
        self.rectified(name, &y, config.rectifier)
    }

    /// The features of a block and, where it has them, its colours; `ws` are those of its layers
    /// and of all behind it.
    fn block(&mut self, block: &Block, x: Option<&str>, ws: &[String]) -> (String, Option<String>) {
        let name = |layer: &str| format!("synthesis.b{}.{layer}", block.extent);
        let y = match (x, &block.conv0, &block.constant) {
            (Some(x), Some(conv0), _) => {
                let around = block.skip.as_ref().map(|skip| self.skip(&name("skip"), skip, x));
                let y = self.modulated(&name("conv0"), conv0, x, &ws[0]);
                let y = self.modulated(&name("conv1"), &block.conv1, &y, &ws[1]);
                match around {
                    None => y,
                    Some(around) => self.push("Add", &[&around, &y], &name("sum")),
                }
            }
            (_, _, Some(constant)) => {
                let shape = [&[1], constant.shape()].concat();
                let x = self.lowering.graph.tensor(name("const"), &shape, constant.to_vec(), true);
                self.modulated(&name("conv1"), &block.conv1, &x, &ws[0])
            }
            _ => unreachable!("the first block has a constant"),
        };
        let last = 1 + usize::from(block.conv0.is_some());
        let colours =
            block.torgb.as_ref().map(|torgb| self.modulated(&name("torgb"), torgb, &y, &ws[last]));
        (y, colours)
    }
}
