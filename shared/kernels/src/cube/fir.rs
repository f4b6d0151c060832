//! Filters along one axis, each result gathering its samples, and the look-up between two pairs of
//! them.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, indices, numbers, spread};
use super::warp;
use crate::{Affine, Fir, Lookups, Resampling};

/// y ← x filtered along an axis: x is [outer, samples, inner], y [outer, results, inner], and
/// result r is the sum over `taps` of sample `at[r·taps + t]` times `by[r·taps + t]`. A picture for
/// which `keep` is not 0 is copied from `kept` instead.
#[cube(launch, address_type = "dynamic")]
fn filter<F: Float>(
    x: &[F],
    at: &[u32],
    by: &[f32],
    kept: &[F],
    keep: &[u32],
    y: &mut [F],
    samples: usize,
    results: usize,
    inner: usize,
    taps: usize,
    #[comptime] may_keep: bool,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let within = ABSOLUTE_POS % inner;
    let result = ABSOLUTE_POS / inner % results;
    let outer = ABSOLUTE_POS / inner / results;
    let mut sum = f32::new(0.0);
    for tap in 0..taps {
        let sample = at[result * taps + tap] as usize;
        sum += f32::cast_from(x[(outer * samples + sample) * inner + within])
            * by[result * taps + tap];
    }
    if comptime!(may_keep) {
        let picture = ABSOLUTE_POS / (y.len() / keep.len());
        if keep[picture] != 0 {
            sum = f32::cast_from(kept[ABSOLUTE_POS]);
        }
    }
    y[ABSOLUTE_POS] = F::cast_from(sum);
}

/// The axis of a filter.
#[derive(Clone, Copy)]
enum Axis {
    Height,
    Width,
}

/// The filter whose matrix is the transpose of `fir`'s.
fn transpose(fir: &Fir) -> Fir {
    let mut results = vec![Vec::new(); fir.samples];
    for (result, terms) in fir.results.iter().enumerate() {
        terms.iter().for_each(|&(sample, factor)| results[sample].push((result, factor)));
    }
    Fir { samples: fir.results.len(), results }
}

/// `x` filtered along `axis`; with `keep`, the pictures marked in `keep.1` are copied from
/// `keep.0`.
fn along(x: &Image, fir: &Fir, axis: Axis, keep: Option<(&Image, &[u32])>) -> Image {
    let ([height, width], results) = (x.extent, fir.results.len());
    let (extent, inner) = match axis {
        Axis::Height => ([results, width], width * x.channels),
        Axis::Width => ([height, results], x.channels),
    };
    let taps = fir.results.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let padded = || {
        fir.results
            .iter()
            .flat_map(|terms| (0..taps).map(|t| terms.get(t).copied().unwrap_or((0, 0.0))))
    };
    let at: Vec<u32> = padded().map(|(sample, _)| sample as u32).collect();
    let by: Vec<f32> = padded().map(|(_, factor)| factor).collect();
    let y = x.room(extent, x.channels, x.data.dtype);
    let client = &x.data.client;
    let (count, dim) = spread(client, y.positions() * y.channels);
    let (kept, marks) = keep.unwrap_or((x, &[0]));
    filter::launch(
        client,
        count,
        dim,
        address(&[&x.data, &y.data]),
        x.arg(),
        indices(&x.data, &at),
        numbers(&x.data, &by),
        kept.arg(),
        indices(&x.data, marks),
        y.arg(),
        fir.samples,
        results,
        inner,
        taps,
        keep.is_some(),
        element(&x.data),
    );
    y
}

/// Marks of the pictures without a map, if there are any.
fn without_map(lookups: &Lookups) -> Option<Vec<u32>> {
    let marks: Vec<u32> = lookups.maps.iter().map(|map| u32::from(map.is_none())).collect();
    marks.contains(&1).then_some(marks)
}

/// The look-ups with a map for every picture: the pictures without one are copied in the end.
fn complete(lookups: &Lookups) -> Lookups {
    Lookups {
        maps: lookups.maps.iter().map(|map| Some(map.unwrap_or(Affine::IDENTITY))).collect(),
        ..lookups.clone()
    }
}

/// [`crate::resample`].
pub(super) fn forward(x: &Image, resampling: &Resampling) -> Image {
    let ([up_y, up_x], [down_y, down_x]) = (&resampling.up, &resampling.down);
    let wide = along(&along(x, up_x, Axis::Width, None), up_y, Axis::Height, None);
    let seen = warp::forward(&wide, &complete(&resampling.lookups));
    let marks = without_map(&resampling.lookups);
    along(
        &along(&seen, down_x, Axis::Width, None),
        down_y,
        Axis::Height,
        marks.as_deref().map(|marks| (x, marks)),
    )
}

/// The gradient of [`forward`]: the transposes in the opposite order.
pub(super) fn backward(g: &Image, resampling: &Resampling) -> Image {
    let [up_y, up_x] = [0, 1].map(|i| transpose(&resampling.up[i]));
    let [down_y, down_x] = [0, 1].map(|i| transpose(&resampling.down[i]));
    let extent = [resampling.up[0].results.len(), resampling.up[1].results.len()];
    let wide = along(&along(g, &down_y, Axis::Height, None), &down_x, Axis::Width, None);
    let seen = warp::backward(&wide, &complete(&resampling.lookups), extent);
    let marks = without_map(&resampling.lookups);
    along(
        &along(&seen, &up_y, Axis::Height, None),
        &up_x,
        Axis::Width,
        marks.as_deref().map(|marks| (g, marks)),
    )
}
