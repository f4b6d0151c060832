//! The scene of a drawn picture: an object made of a few shapes, its pose, and the background.

use shared::rng::Stream;

/// Red, green, blue in [0, 1].
pub(super) type Color = [f64; 3];

/// The classes of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Bird,
    Fish,
    Flower,
    Butterfly,
    Mushroom,
}

impl Class {
    pub(super) const ALL: [Self; 5] =
        [Self::Bird, Self::Fish, Self::Flower, Self::Butterfly, Self::Mushroom];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bird => "Bird",
            Self::Fish => "Fish",
            Self::Flower => "Flower",
            Self::Butterfly => "Butterfly",
            Self::Mushroom => "Mushroom",
        }
    }

    pub(super) fn folder(self) -> String {
        format!("{:03}.{}", self as usize + 1, self.name())
    }
}

/// A shape in the object's own coordinates: about [−1, 1] on both axes, y downwards.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Ellipse {
        x: f64,
        y: f64,
        rx: f64,
        ry: f64,
        cos: f64,
        sin: f64,
    },
    /// Corners in either direction.
    Triangle([(f64, f64); 3]),
    /// The upper half of an ellipse.
    Dome {
        x: f64,
        y: f64,
        rx: f64,
        ry: f64,
    },
}

impl Shape {
    pub(super) fn contains(&self, px: f64, py: f64) -> bool {
        match *self {
            Self::Ellipse { x, y, rx, ry, cos, sin } => {
                let (dx, dy) = (px - x, py - y);
                let (u, v) = ((dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry);
                u * u + v * v <= 1.0
            }
            Self::Triangle([a, b, c]) => {
                let side = |p: (f64, f64), q: (f64, f64)| {
                    (q.0 - p.0) * (py - p.1) - (q.1 - p.1) * (px - p.0)
                };
                let sides = [side(a, b), side(b, c), side(c, a)];
                sides.iter().all(|&s| s >= 0.0) || sides.iter().all(|&s| s <= 0.0)
            }
            Self::Dome { x, y, rx, ry } => {
                let (u, v) = ((px - x) / rx, (py - y) / ry);
                v <= 0.0 && u * u + v * v <= 1.0
            }
        }
    }
}

fn ellipse(x: f64, y: f64, rx: f64, ry: f64, angle: f64) -> Shape {
    Shape::Ellipse { x, y, rx, ry, cos: libm::cos(angle), sin: libm::sin(angle) }
}

/// The description of one picture.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The colours at the top and at the bottom.
    pub(super) background: [Color; 2],
    /// The object's middle, in pixels.
    pub(super) center: (f64, f64),
    /// Pixels per unit of the object.
    pub(super) scale: f64,
    /// Cosine and sine of its rotation.
    pub(super) turn: (f64, f64),
    /// −1 if it faces left.
    pub(super) facing: f64,
    /// From the back to the front.
    pub(super) layers: Vec<(Shape, Color)>,
}

impl Scene {
    pub(super) fn draw(class: Class, draw: &mut Stream) -> Self {
        let (width, height) = (100 + draw.below(41) as u32, 84 + draw.below(33) as u32);
        let scale = draw.between(24.0, 34.0);
        let margin = scale * 1.05;
        let center = (
            draw.between(margin, f64::from(width) - margin),
            draw.between(margin, f64::from(height) - margin),
        );
        let lean = match class {
            Class::Flower => std::f64::consts::PI,
            Class::Butterfly => 0.5,
            Class::Bird | Class::Fish => 0.3,
            Class::Mushroom => 0.15,
        };
        let angle = draw.between(-lean, lean);
        // Each class has a habitat: sky, water, meadow, dusk, wood. The hue varies around that of
        // the habitat.
        let (sky, ground) = match class {
            Class::Bird => (0.56, 0.28),
            Class::Fish => (0.50, 0.62),
            Class::Flower => (0.24, 0.36),
            Class::Butterfly => (0.12, 0.30),
            Class::Mushroom => (0.30, 0.09),
        };
        let sky = hsv(
            sky + draw.between(-0.04, 0.04),
            draw.between(0.15, 0.45),
            draw.between(0.75, 0.95),
        );
        let ground =
            hsv(ground + draw.between(-0.05, 0.05), draw.between(0.3, 0.6), draw.between(0.4, 0.7));
        Self {
            width,
            height,
            background: [sky, ground],
            center,
            scale,
            turn: (libm::cos(angle), libm::sin(angle)),
            facing: if draw.coin(0.5) { 1.0 } else { -1.0 },
            layers: object(class, draw),
        }
    }
}

fn object(class: Class, draw: &mut Stream) -> Vec<(Shape, Color)> {
    const DARK: Color = [0.08, 0.07, 0.10];
    const WHITE: Color = [0.97, 0.97, 0.95];
    match class {
        Class::Bird => {
            let hue = draw.uniform();
            let (body, wing) = (hsv(hue, 0.75, 0.8), hsv(hue, 0.8, 0.5));
            let belly = hsv(hue + draw.between(0.08, 0.2), 0.45, 0.95);
            let lift = draw.between(-0.6, 0.3);
            vec![
                (Shape::Triangle([(-0.4, 0.0), (-1.0, -0.22 + lift * 0.2), (-0.92, 0.2)]), wing),
                (Shape::Triangle([(0.72, -0.42), (0.98, -0.3), (0.7, -0.24)]), hsv(0.1, 0.9, 0.95)),
                (ellipse(0.0, 0.08, 0.62, 0.4, -0.25), body),
                (ellipse(0.08, 0.24, 0.42, 0.22, -0.2), belly),
                (ellipse(0.5, -0.32, 0.28, 0.27, 0.0), body),
                (ellipse(-0.12, 0.02 + lift * 0.15, 0.42, 0.2, 0.3 + lift), wing),
                (ellipse(0.58, -0.38, 0.075, 0.075, 0.0), DARK),
                (ellipse(0.6, -0.4, 0.025, 0.025, 0.0), WHITE),
            ]
        }
        Class::Fish => {
            let hue = draw.between(-0.05, 0.17);
            let (body, fin) = (hsv(hue, 0.85, 0.95), hsv(hue - 0.04, 0.9, 0.75));
            let mut layers = vec![
                (Shape::Triangle([(-0.45, 0.0), (-0.98, -0.42), (-0.98, 0.42)]), fin),
                (Shape::Triangle([(-0.25, -0.3), (0.3, -0.36), (-0.1, -0.66)]), fin),
                (ellipse(0.12, 0.0, 0.74, draw.between(0.36, 0.48), 0.0), body),
            ];
            let stripe = if draw.coin(0.5) { WHITE } else { hsv(hue + 0.55, 0.6, 0.8) };
            layers.extend(
                (0..2)
                    .map(|k| (ellipse(-0.15 + 0.38 * f64::from(k), 0.0, 0.07, 0.33, 0.0), stripe)),
            );
            layers.push((ellipse(0.02, 0.12, 0.18, 0.09, 0.5), fin));
            layers.push((ellipse(0.6, -0.1, 0.1, 0.1, 0.0), WHITE));
            layers.push((ellipse(0.62, -0.1, 0.055, 0.055, 0.0), DARK));
            layers
        }
        Class::Flower => {
            // Pinks and violets, so that petals never look like leaves.
            let hue = draw.between(0.72, 1.02);
            let (petals, length) = (5 + draw.below(4), draw.between(0.4, 0.5));
            let petal = |k: u64| {
                let angle = std::f64::consts::TAU * k as f64 / petals as f64;
                let shade = if k.is_multiple_of(2) { 0.95 } else { 0.82 };
                (
                    ellipse(0.52 * libm::cos(angle), 0.52 * libm::sin(angle), length, 0.23, angle),
                    hsv(hue, 0.55, shade),
                )
            };
            let mut layers: Vec<_> = (0..petals).map(petal).collect();
            layers.push((ellipse(0.0, 0.0, 0.27, 0.27, 0.0), hsv(0.13, 0.85, 0.98)));
            layers.push((ellipse(0.0, 0.0, 0.13, 0.13, 0.0), hsv(0.08, 0.8, 0.65)));
            layers
        }
        Class::Butterfly => {
            let hue = draw.uniform();
            let (outer, inner) = (hsv(hue, 0.8, 0.9), hsv(hue + 0.12, 0.7, 0.98));
            let spread = draw.between(0.75, 1.0);
            let mut layers = Vec::new();
            for side in [-1.0, 1.0] {
                layers.push((
                    ellipse(side * 0.5 * spread, -0.32, 0.5 * spread, 0.36, side * -0.6),
                    outer,
                ));
                layers.push((
                    ellipse(side * 0.4 * spread, 0.4, 0.36 * spread, 0.3, side * 0.7),
                    outer,
                ));
                layers.push((
                    ellipse(side * 0.52 * spread, -0.34, 0.28 * spread, 0.19, side * -0.6),
                    inner,
                ));
                layers.push((ellipse(side * 0.42 * spread, 0.42, 0.15 * spread, 0.15, 0.0), inner));
            }
            layers.push((ellipse(0.0, 0.05, 0.08, 0.5, 0.0), DARK));
            layers.push((ellipse(0.0, -0.48, 0.12, 0.12, 0.0), DARK));
            layers
        }
        Class::Mushroom => {
            let hue =
                if draw.coin(0.7) { draw.between(-0.02, 0.03) } else { draw.between(0.07, 0.1) };
            let width = draw.between(0.75, 0.95);
            let mut layers = vec![
                (ellipse(0.0, 0.45, 0.24, 0.5, 0.0), hsv(0.11, 0.15, 0.9)),
                (Shape::Dome { x: 0.0, y: 0.12, rx: width, ry: 0.9 }, hsv(hue, 0.85, 0.82)),
                (ellipse(0.0, 0.12, width, 0.13, 0.0), hsv(hue, 0.8, 0.55)),
            ];
            for (x, y, r) in [
                (-0.42, -0.18, 0.13),
                (0.05, -0.42, 0.15),
                (0.46, -0.14, 0.11),
                (-0.08, -0.06, 0.1),
            ] {
                layers.push((
                    ellipse(x * width, y + draw.between(-0.05, 0.05), r, r * 0.85, 0.0),
                    WHITE,
                ));
            }
            layers
        }
    }
}

/// A colour from hue (in turns, any number), saturation and value.
fn hsv(hue: f64, saturation: f64, value: f64) -> Color {
    // https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative: f(n) = V − V·S·max(0,
    // min(k, 4 − k, 1)), k = (n + 6h) mod 6
    [5.0, 3.0, 1.0].map(|n| {
        let k = (n + hue * 6.0).rem_euclid(6.0);
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}
