//! The plots of computed points, checked by their pixels.

use evaluate::reports::curve_plot::Point;
use evaluate::reports::plane::PlanePoint;
use evaluate::reports::{curve_plot, plane, scatter};
use shared::picture::Picture;

/// Places of the pixels that are bluish (set 0) or reddish (set 1), in columns.
fn columns(picture: &Picture, reddish: bool) -> Vec<u32> {
    let of_set = |p: &[u8]| {
        if reddish { p[0] > p[2].saturating_add(20) } else { p[2] > p[0].saturating_add(20) }
    };
    (0..)
        .zip(picture.pixels.chunks_exact(3))
        .filter(|(_, p)| of_set(p))
        .map(|(i, _): (u32, _)| i % picture.width)
        .collect()
}

fn mean(values: &[u32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64
}

/// `count` points around (`x`, 0).
fn cloud(count: usize, x: f64) -> Vec<[f64; 2]> {
    (0..count)
        .map(|i| i as f64)
        .map(|i| [x + (i * 0.7).sin() * i.sqrt().sin(), (i * 1.3).cos() * 0.5])
        .collect()
}

#[test]
fn sets_lie_at_their_components_and_points_that_are_not_finite_are_skipped() {
    let mut sets =
        [("real".to_owned(), cloud(2_000, -2.0)), ("generated".to_owned(), cloud(500, 2.0))];
    let picture = scatter::draw("birds", &sets, [0.231, 0.118]);
    let (real, generated) = (columns(&picture, false), columns(&picture, true));
    assert!(real.len() > 500 && generated.len() > 500, "{} {}", real.len(), generated.len());
    assert!(mean(&real) + 100.0 < mean(&generated), "{} {}", mean(&real), mean(&generated));
    sets[1].1.push([f64::NAN, f64::INFINITY]);
    assert_eq!(
        columns(&scatter::draw("birds", &sets, [0.231, 0.118]), true).len(),
        generated.len()
    );
    assert!(scatter::draw("nothing", &[], [0.0, f64::NAN]).to_png().is_ok());
}

#[test]
fn each_plane_has_a_panel_and_none_is_drawn_without_points() {
    let of = |name: &str, fidelity, diversity| PlanePoint {
        name: name.into(),
        fidelity,
        diversity,
        spread: None,
    };
    let points = [of("ada", 0.7, 0.2), of("dcgan", 0.5, 0.8)];
    let one = plane::draw("runs", &points, &[]);
    assert_eq!(one, plane::draw("runs", &points, &[]));
    assert_eq!(plane::draw("runs", &points, &points).width - one.width, 640);
    // The first has less diversity, so it lies on the left. The legend below is cut off.
    let above = Picture {
        height: one.height - 60,
        pixels: one.pixels[..(one.height - 60) as usize * one.stride()].to_vec(),
        ..one
    };
    assert!(mean(&columns(&above, false)) + 200.0 < mean(&columns(&above, true)));
}

#[test]
fn a_spread_is_drawn_as_a_band_and_the_best_is_ringed() {
    let points = |std: Option<f64>| -> Vec<Point> {
        (1..=12)
            .map(|step| Point {
                step,
                kimg: step as f64 * 40.0,
                metric: "kid".into(),
                protocol: "torch-fidelity".into(),
                value: 0.02 + 0.2 / step as f64,
                std,
            })
            .collect()
    };
    let inked = |points: &[Point]| columns(&curve_plot::draw("birds", points), false).len();
    let (plain, banded) = (inked(&points(None)), inked(&points(Some(0.02))));
    assert!(banded > plain + 3_000, "{plain} {banded}");
    // Without a finite value nothing is the best, and nothing has a ring.
    let none: Vec<Point> =
        points(None).into_iter().map(|point| Point { value: f64::NAN, ..point }).collect();
    assert_eq!(inked(&none), 0);
}
