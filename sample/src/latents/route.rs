//! Paths between pictures, through latent vectors z or through styles w.

use clap::{Args, ValueEnum};
use shared::cli::UsageError;
use shared::nn::latent::Latents;
use shared::nn::sampler::{Sampler, Styled, Wish};
use shared::picture::Picture;

use crate::latents::path::{Easing, Interpolation, Path};

/// The space of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Space {
    /// Latent vectors
    Z,
    /// Styles, behind the mapping of a generator that has one
    W,
}

/// Flags of a path.
#[derive(Args, Clone, Copy, Debug)]
pub struct RouteArgs {
    /// Space of the path [default: w of a generator with styles, otherwise z]
    #[arg(long, value_enum)]
    space: Option<Space>,
    /// Interpolation [default: in z spherical if latent vectors have nearly equal lengths, otherwise
    /// linear; in w always linear]
    #[arg(long, value_enum)]
    path: Option<Interpolation>,
}

/// The pictures that a path leads through.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Latent vectors, or a w for each layer.
    points: Vec<Vec<f32>>,
    /// Class, dropout and noise are those of the first picture, so that only the point changes.
    class: u32,
    seed: u64,
}

/// Paths of one kind through the space of a generator.
#[derive(Clone, Debug)]
pub struct Route {
    sampler: Sampler,
    space: Space,
    latents: Latents,
    path: Path,
}

impl RouteArgs {
    /// The paths of these flags for `sampler`.
    ///
    /// # Errors
    /// When the generator has no styles for `--space w`, or takes no latent vectors.
    pub fn route(
        self,
        sampler: Sampler,
        easing: Easing,
        closed: bool,
    ) -> Result<Route, UsageError> {
        let latents = sampler.latents()?;
        let space = match self.space {
            Some(Space::W) => sampler.style_shape("--space w").map(|_| Space::W)?,
            Some(Space::Z) => Space::Z,
            None if sampler.has_styles() => Space::W,
            None => Space::Z,
        };
        let interpolation = match (space, self.path) {
            (Space::W, Some(Interpolation::Spherical)) => {
                return Err(UsageError(
                    "--path spherical: styles w have no typical length that an arc would keep; use --path linear or --space z".into(),
                ));
            }
            (Space::W, _) => Interpolation::Linear,
            (Space::Z, path) => path.unwrap_or_else(|| Interpolation::of(latents.distribution)),
        };
        Ok(Route { sampler, space, latents, path: Path { interpolation, easing, closed } })
    }
}

impl Route {
    /// The keys of a path through the pictures of `wishes`, at least one.
    #[must_use]
    pub fn keys(&self, wishes: &[Wish]) -> Keys {
        let (class, seed) = (wishes[0].class, wishes[0].seed);
        let points = match self.space {
            Space::Z => wishes.iter().map(|wish| wish.latent.clone()).collect(),
            Space::W => {
                let of_class: Vec<Wish> =
                    wishes.iter().map(|wish| Wish { class, ..wish.clone() }).collect();
                let styled = self.sampler.styled("--space w", &of_class);
                let styled = styled.unwrap_or_else(|error| unreachable!("checked before: {error}"));
                styled.into_iter().map(|styled| styled.ws).collect()
            }
        };
        Keys { points, class, seed }
    }

    /// The pictures at `places`, each a frame of `frames` along the path through its keys.
    #[must_use]
    pub fn pictures<'a>(
        &self,
        places: impl Iterator<Item = (&'a Keys, usize)>,
        frames: usize,
    ) -> Vec<Picture> {
        let points = places
            .map(|(keys, frame)| (keys, self.path.at(&self.latents, &keys.points, frame, frames)));
        match self.space {
            Space::Z => {
                let wishes: Vec<Wish> = points
                    .map(|(keys, latent)| Wish { latent, class: keys.class, seed: keys.seed })
                    .collect();
                self.sampler.pictures_of(&wishes)
            }
            Space::W => {
                let wishes: Vec<Styled> =
                    points.map(|(keys, ws)| Styled { ws, seed: keys.seed }).collect();
                self.sampler.pictures_of_styles(&wishes)
            }
        }
    }
}
