//! The transforms of StyleGAN2-ADA (`training/augment.py`, class `AugmentPipe`) as rows of one
//! table, in order of application, and the sets that pipelines consist of. A new transform is one
//! row.

use std::f64::consts::PI;

use shared::nn::config::PipelineName;
use shared::rng::Stream;

use super::color;
use super::cutout::Hole;
use super::effect::Effect;

/// Transforms that are switched on together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Whole-pixel moves.
    Blit,
    /// Any other geometry.
    Geom,
    /// Colours.
    Color,
    /// Frequency bands.
    Filter,
    /// Additive noise.
    Noise,
    /// A grey rectangle.
    Cutout,
}

/// Distribution of an amount, as a function of one uniform number u of [0, 1) or one standard
/// normal number z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// A whole number below this: ⌊n·u⌋.
    Choice(u32),
    /// Uniform on [0, 1): u.
    Share,
    /// Uniform on [−a, a): (2u − 1)·a.
    Uniform(f64),
    /// Normal: z·σ.
    Normal(f64),
    /// Log-normal to base 2: 2^(z·σ).
    LogNormal(f64),
    /// Half-normal: |z|·σ.
    HalfNormal(f64),
}

impl Distribution {
    /// True if the amount is a function of a normal number rather than a uniform one.
    #[must_use]
    pub fn is_of_normal(&self) -> bool {
        matches!(self, Self::Normal(_) | Self::LogNormal(_) | Self::HalfNormal(_))
    }

    /// The amount for u or z.
    #[must_use]
    pub fn amount(&self, number: f64) -> f64 {
        match *self {
            Self::Choice(n) => (number * f64::from(n)).floor(),
            Self::Share => number,
            Self::Uniform(a) => (2.0 * number - 1.0) * a,
            Self::Normal(deviation) => number * deviation,
            Self::LogNormal(deviation) => (number * deviation).exp2(),
            Self::HalfNormal(deviation) => number.abs() * deviation,
        }
    }

    fn draw(&self, stream: &mut Stream) -> f64 {
        self.amount(if self.is_of_normal() { stream.normal() } else { stream.uniform() })
    }
}

/// One transform.
#[derive(Clone, Copy, Debug)]
pub struct Transform {
    /// Its name in the reference.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// Distribution of each of its amounts.
    pub distribution: Distribution,
    /// Number of amounts, 1 or 2 (x, y).
    pub amounts: usize,
    /// Its probability as a function of p.
    pub probability: fn(f64) -> f64,
    /// Adds it to the effect on a picture of an extent (height, width).
    pub add: fn(&mut Effect, [f64; 2], [usize; 2]),
}

impl Transform {
    /// Draws its amounts at p, or `None` if it does not happen.
    pub fn draw(&self, p: f64, stream: &mut Stream) -> Option<[f64; 2]> {
        stream.coin((self.probability)(p)).then(|| {
            let mut amounts = [0.0; 2];
            amounts[..self.amounts].fill_with(|| self.distribution.draw(stream));
            amounts
        })
    }
}

/// Probability p.
fn whole(p: f64) -> f64 {
    p
}

/// Applied twice, so that at least one of the two happens with probability p.
fn half(p: f64) -> f64 {
    1.0 - (1.0 - p).max(0.0).sqrt()
}

/// The inverse of a rotation by −`angle` (counter-clockwise with y pointing up).
fn rotation(angle: f64) -> [[f64; 3]; 2] {
    let (sin, cos) = angle.sin_cos();
    [[cos, -sin, 0.0], [sin, cos, 0.0]]
}

fn scale(x: f64, y: f64) -> [[f64; 3]; 2] {
    [[1.0 / x, 0.0, 0.0], [0.0, 1.0 / y, 0.0]]
}

fn shift(x: f64, y: f64) -> [[f64; 3]; 2] {
    [[1.0, 0.0, -x], [0.0, 1.0, -y]]
}

/// Side of the cutout rectangle, as a fraction of height and width.
const CUTOUT_SIZE: f64 = 0.5;

/// All transforms, in order of application.
pub const TRANSFORMS: &[Transform] = &[
    Transform {
        name: "xflip",
        group: Group::Blit,
        distribution: Distribution::Choice(2),
        amounts: 1,
        probability: whole,
        add: |e, [i, _], _| e.look(scale(1.0 - 2.0 * i, 1.0)),
    },
    Transform {
        name: "rotate90",
        group: Group::Blit,
        distribution: Distribution::Choice(4),
        amounts: 1,
        probability: whole,
        // Rounded: cos(π/2) is not 0 in f64, and a quarter turn moves whole pixels.
        add: |e, [i, _], _| e.look(rotation(PI / 2.0 * i).map(|row| row.map(f64::round))),
    },
    Transform {
        name: "xint",
        group: Group::Blit,
        distribution: Distribution::Uniform(0.125),
        amounts: 2,
        probability: whole,
        add: |e, [x, y], [h, w]| {
            e.look(shift((x * w as f64).round_ties_even(), (y * h as f64).round_ties_even()))
        },
    },
    Transform {
        name: "scale",
        group: Group::Geom,
        distribution: Distribution::LogNormal(0.2),
        amounts: 1,
        probability: whole,
        add: |e, [s, _], _| e.look(scale(s, s)),
    },
    Transform {
        name: "rotate",
        group: Group::Geom,
        distribution: Distribution::Uniform(PI),
        amounts: 1,
        probability: half,
        add: |e, [angle, _], _| e.look(rotation(angle)),
    },
    Transform {
        name: "aniso",
        group: Group::Geom,
        distribution: Distribution::LogNormal(0.2),
        amounts: 1,
        probability: whole,
        add: |e, [s, _], _| e.look(scale(s, 1.0 / s)),
    },
    Transform {
        name: "rotate again",
        group: Group::Geom,
        distribution: Distribution::Uniform(PI),
        amounts: 1,
        probability: half,
        add: |e, [angle, _], _| e.look(rotation(angle)),
    },
    Transform {
        name: "xfrac",
        group: Group::Geom,
        distribution: Distribution::Normal(0.125),
        amounts: 2,
        probability: whole,
        add: |e, [x, y], [h, w]| e.look(shift(x * w as f64, y * h as f64)),
    },
    Transform {
        name: "brightness",
        group: Group::Color,
        distribution: Distribution::Normal(0.2),
        amounts: 1,
        probability: whole,
        add: |e, [b, _], _| e.paint(color::brightness(b)),
    },
    Transform {
        name: "contrast",
        group: Group::Color,
        distribution: Distribution::LogNormal(0.5),
        amounts: 1,
        probability: whole,
        add: |e, [c, _], _| e.paint(color::contrast(c)),
    },
    Transform {
        name: "lumaflip",
        group: Group::Color,
        distribution: Distribution::Choice(2),
        amounts: 1,
        probability: whole,
        add: |e, [i, _], _| e.paint(color::luma_flip(i)),
    },
    Transform {
        name: "hue",
        group: Group::Color,
        distribution: Distribution::Uniform(PI),
        amounts: 1,
        probability: whole,
        add: |e, [angle, _], _| e.paint(color::hue(angle)),
    },
    Transform {
        name: "saturation",
        group: Group::Color,
        distribution: Distribution::LogNormal(1.0),
        amounts: 1,
        probability: whole,
        add: |e, [s, _], _| e.paint(color::saturation(s)),
    },
    band("imgfilter 1", |e, [t, _], _| e.amplify(0, t)),
    band("imgfilter 2", |e, [t, _], _| e.amplify(1, t)),
    band("imgfilter 3", |e, [t, _], _| e.amplify(2, t)),
    band("imgfilter 4", |e, [t, _], _| e.amplify(3, t)),
    Transform {
        name: "noise",
        group: Group::Noise,
        distribution: Distribution::HalfNormal(0.1),
        amounts: 1,
        probability: whole,
        add: |e, [deviation, _], _| e.noise = deviation,
    },
    Transform {
        name: "cutout",
        group: Group::Cutout,
        distribution: Distribution::Share,
        amounts: 2,
        probability: whole,
        add: |e, centre, extent| e.hole = Some(Hole::around(centre, CUTOUT_SIZE, extent)),
    },
];

const fn band(name: &'static str, add: fn(&mut Effect, [f64; 2], [usize; 2])) -> Transform {
    let distribution = Distribution::LogNormal(1.0);
    Transform { name, group: Group::Filter, distribution, amounts: 1, probability: whole, add }
}

/// The sets.
pub const SETS: &[(PipelineName, &[Group])] = &[
    (PipelineName::Blit, &[Group::Blit]),
    (PipelineName::Geom, &[Group::Geom]),
    (PipelineName::Color, &[Group::Color]),
    (PipelineName::Filter, &[Group::Filter]),
    (PipelineName::Noise, &[Group::Noise]),
    (PipelineName::Cutout, &[Group::Cutout]),
    (PipelineName::Bg, &[Group::Blit, Group::Geom]),
    (PipelineName::Bgc, &[Group::Blit, Group::Geom, Group::Color]),
    (PipelineName::Bgcf, &[Group::Blit, Group::Geom, Group::Color, Group::Filter]),
    (PipelineName::Bgcfn, &[Group::Blit, Group::Geom, Group::Color, Group::Filter, Group::Noise]),
    (
        PipelineName::Bgcfnc,
        &[Group::Blit, Group::Geom, Group::Color, Group::Filter, Group::Noise, Group::Cutout],
    ),
];

/// The transforms of a set, in order; none for pipelines that are not sets.
pub fn of(pipeline: PipelineName) -> impl Iterator<Item = &'static Transform> {
    let groups =
        SETS.iter().find(|(name, _)| *name == pipeline).map_or([].as_slice(), |(_, groups)| groups);
    TRANSFORMS.iter().filter(move |t| groups.contains(&t.group))
}

/// Draws the effect on one picture of `shape` (channels, height, width). With `one_coin`, one coin
/// decides for all transforms; otherwise each has its own.
#[must_use]
pub fn draw(
    pipeline: PipelineName,
    one_coin: bool,
    p: f64,
    shape: [usize; 3],
    stream: &mut Stream,
) -> Effect {
    let mut effect = Effect::default();
    let p = match one_coin {
        true if stream.coin(p) => 1.0,
        true => return effect,
        false => p,
    };
    for transform in of(pipeline) {
        if let Some(amounts) = transform.draw(p, stream) {
            (transform.add)(&mut effect, amounts, [shape[1], shape[2]]);
        }
    }
    effect
}
