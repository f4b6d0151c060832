//! The steps of a projection as an animation, each beside the target.

use anyhow::Result;
use shared::picture::{Picture, grid};

use super::projector::{Projection, Projector};
use crate::animations::Frames;

/// Steps of a projection, evenly spread, the last one included.
pub struct Way<'a> {
    projector: &'a Projector<'a>,
    projection: &'a Projection,
    target: &'a Picture,
    steps: Vec<usize>,
}

impl<'a> Way<'a> {
    /// At most `frames` steps of `projection`.
    #[must_use]
    pub fn new(
        projector: &'a Projector<'a>,
        projection: &'a Projection,
        target: &'a Picture,
        frames: usize,
    ) -> Self {
        let all = projection.way.len();
        let count = frames.min(all);
        let steps = (1..=count).map(|i| i * all / count - 1).collect();
        Self { projector, projection, target, steps }
    }
}

impl Frames for Way<'_> {
    fn count(&self) -> usize {
        self.steps.len()
    }

    fn extent(&self) -> Result<(u32, u32, u32)> {
        Ok((2 * self.target.width, self.target.height, self.target.channels))
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let ws: Vec<&[f32]> =
            indices.iter().map(|&i| &self.projection.way[self.steps[i]][..]).collect();
        let made = self.projector.pictures(self.projection, &ws);
        Ok(made.into_iter().map(|picture| grid(&[self.target.clone(), picture], 2, 0)).collect())
    }
}
