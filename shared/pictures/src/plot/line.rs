//! Rows of points.

use super::stroke::Stroke;

/// The spread of values around the points of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Spread {
    /// Not known.
    #[default]
    None,
    /// A band: y minus and plus so much at each point; none where it is not finite.
    Band(Vec<f64>),
    /// Bars through each point: x and y minus and plus so much; none where it is not finite.
    Bars(Vec<(f64, f64)>),
}

/// A row of points, joined if the stroke joins them.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its colour and pattern.
    pub stroke: Stroke,
    /// x ascending where they are joined; the line is broken where y is not finite.
    pub points: Vec<(f64, f64)>,
    /// A dot at each point, for values that are far between.
    pub dots: bool,
    /// The opacity of a dot, from 0 to 1. Below 1 dots are smaller, and many over each other darker
    /// than one.
    pub opacity: f32,
    /// The point with a ring around it.
    pub marked: Option<usize>,
    /// The label of each point; points without a text have none.
    pub labels: Vec<String>,
    /// The spread around the points.
    pub spread: Spread,
}

impl Line {
    /// A line without dots.
    #[must_use]
    pub fn new(name: impl Into<String>, stroke: Stroke, points: Vec<(f64, f64)>) -> Self {
        let (labels, spread) = (Vec::new(), Spread::None);
        Self {
            name: name.into(),
            stroke,
            points,
            dots: false,
            opacity: 1.0,
            marked: None,
            labels,
            spread,
        }
    }

    /// Points that are not joined, set `index` of a chart.
    #[must_use]
    pub fn cloud(
        name: impl Into<String>,
        index: usize,
        points: Vec<(f64, f64)>,
        opacity: f32,
    ) -> Self {
        Self { dots: true, opacity, ..Self::new(name, Stroke::apart(index), points) }
    }
}
