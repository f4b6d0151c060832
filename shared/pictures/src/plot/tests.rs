//! Charts by their pixels.

use super::chart::MARGIN;
use super::legend::{LINE_HEIGHT, legend_rows};
use super::pen::{SOFT_INK, TEXT};
use super::stroke::COLORS;
use super::*;
use crate::{CAPTION_HEIGHT, Picture};

/// Pixels of exactly this colour, within columns and rows.
fn count(
    picture: &Picture,
    color: [u8; 3],
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
) -> usize {
    let at =
        |x: u32, y: u32| &picture.pixels[y as usize * picture.stride() + x as usize * 3..][..3];
    rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
        .filter(|&(x, y)| *at(x, y) == color)
        .count()
}

fn everywhere(picture: &Picture, color: [u8; 3]) -> usize {
    count(picture, color, 0..picture.width, 0..picture.height)
}

fn panel(lines: Vec<Line>) -> Chart {
    let panel = Panel { title: "losses".into(), x_label: "kimg".into(), lines, ..Panel::default() };
    Chart { title: String::new(), panels: vec![panel], columns: 1, legend: Legend::Above }
}

fn line(index: usize, points: &[(f64, f64)]) -> Line {
    Line::new("l", Stroke::of(index), points.to_vec())
}

#[test]
fn a_line_is_drawn_in_its_colour_and_broken_where_a_value_is_not_finite() {
    let whole = panel(vec![line(0, &[(0.0, 1.0), (1.0, 1.5), (2.0, 1.5), (3.0, 1.0)])]).draw();
    let broken =
        panel(vec![line(0, &[(0.0, 1.0), (1.0, 1.5), (1.5, f64::NAN), (2.0, 1.5), (3.0, 1.0)])])
            .draw();
    let (left, right) = (whole.width / 2 - 40, whole.width / 2 + 40);
    let between = |picture: &Picture| count(picture, COLORS[0], left..right, 0..picture.height);
    assert!(between(&whole) >= 80, "{}", between(&whole));
    // The gap lies a third of the way to two thirds, around the middle.
    let gap =
        count(&broken, COLORS[0], broken.width / 2 - 10..broken.width / 2 + 60, 0..broken.height);
    assert_eq!(gap, 0);
    assert!(everywhere(&broken, COLORS[0]) > 200);
}

#[test]
fn the_edges_of_a_line_are_smooth() {
    let picture = panel(vec![line(0, &[(0.0, 0.0), (10.0, 3.0)])]).draw();
    let [r, ..] = COLORS[0];
    let shades: std::collections::BTreeSet<u8> =
        picture.pixels.chunks_exact(3).filter(|p| p[2] > p[0]).map(|p| p[0]).collect();
    assert!(shades.contains(&r) && shades.len() > 20, "{shades:?}");
}

#[test]
fn colours_differ_by_more_than_hue_and_repeat_dashed() {
    let strokes: Vec<Stroke> = (0..14).map(Stroke::of).collect();
    for (i, a) in strokes.iter().enumerate() {
        assert!(strokes[..i].iter().all(|b| a != b), "{i}");
    }
    let flat: &[(f64, f64)] = &[(0.0, 1.0), (9.0, 1.0)];
    let inked = |index| everywhere(&panel(vec![line(index, flat)]).draw(), COLORS[0]) as f64;
    let share = inked(7) / inked(0);
    assert!((0.4..0.8).contains(&share), "{share}");
}

#[test]
fn a_value_far_outside_is_cut_off_at_the_axes_and_not_drawn_over_the_labels() {
    let mut points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), f64::from(i % 7))).collect();
    points[50].1 = -1e300;
    points[51].1 = 1e9;
    let picture = panel(vec![line(1, &points)]).draw();
    assert!(everywhere(&picture, COLORS[1]) > 1000);
    assert_eq!(count(&picture, COLORS[1], 0..picture.width, 0..MARGIN + 36), 0);
    assert_eq!(
        count(&picture, COLORS[1], 0..picture.width, picture.height - MARGIN - 56..picture.height),
        0
    );
}

#[test]
fn names_stand_above_a_panel_of_several_lines_or_below_all_of_them_once() {
    let lines =
        || vec![line(0, &[(0.0, 1.0)]), Line::new("other", Stroke::of(2), vec![(1.0, f64::NAN)])];
    let above = panel(lines()).draw();
    // The second line has no point, so what there is of its colour is its name's.
    assert!(count(&above, COLORS[2], 0..above.width, 0..MARGIN + 36) > 20);
    let mut chart = panel(lines());
    chart.panels.push(chart.panels[0].clone());
    chart.legend = Legend::Below;
    let below = chart.draw();
    assert_eq!(count(&below, COLORS[2], 0..below.width, 0..MARGIN + 36), 0);
    let foot = |picture: &Picture| {
        count(
            picture,
            COLORS[2],
            0..picture.width,
            picture.height - MARGIN - LINE_HEIGHT..picture.height,
        )
    };
    assert_eq!(foot(&below), count(&above, COLORS[2], 0..above.width, 0..above.height));
    assert_eq!(chart.names().len(), 2);
    assert_eq!(
        legend_rows(&[("a", Stroke::of(0)); 40], 600).iter().map(Vec::len).sum::<usize>(),
        40
    );
    assert_eq!(legend_rows(&[("long".repeat(99).as_str(), Stroke::of(0))], 600).len(), 1);
}

#[test]
fn what_has_no_values_says_so_and_nothing_that_is_given_breaks_a_chart() {
    let empty = panel(Vec::new()).draw();
    let nothing = panel(vec![line(0, &[(0.0, f64::NAN), (f64::INFINITY, 1.0)])]).draw();
    let valued = panel(vec![line(0, &[(0.0, 1.0)])]).draw();
    assert_eq!(everywhere(&empty, COLORS[0]), 0);
    assert!(everywhere(&nothing, SOFT_INK) > everywhere(&valued, SOFT_INK) / 2);
    let mut odd = Line::new(
        "ö".repeat(500),
        Stroke::of(900),
        vec![(1e300, -1e300), (-1e300, 1e300), (0.0, 0.0)],
    );
    (odd.dots, odd.marked) = (true, Some(77));
    for scale in [Scale::Auto, Scale::FromZero, Scale::Fixed(0.0, 1.0), Scale::Log] {
        let mut chart = panel(vec![odd.clone(), line(3, &[(0.0, 1e-300), (1.0, 1e300)])]);
        chart.panels[0].scale = scale;
        (chart.title, chart.columns) = ("t".repeat(500), 9);
        let picture = chart.draw();
        assert_eq!(picture.pixels.len(), picture.stride() * picture.height as usize);
    }
    assert!(Chart::default().draw().to_png().is_ok());
}

#[test]
fn a_marked_point_has_a_ring() {
    let mut marked = line(0, &[(0.0, 1.0), (1.0, 0.5), (2.0, 0.7)]);
    let plain = everywhere(&panel(vec![marked.clone()]).draw(), COLORS[0]);
    marked.dots = true;
    let dotted = everywhere(&panel(vec![marked.clone()]).draw(), COLORS[0]);
    marked.marked = Some(1);
    let ringed = everywhere(&panel(vec![marked]).draw(), COLORS[0]);
    assert!(plain + 30 < dotted && dotted + 40 < ringed, "{plain} {dotted} {ringed}");
}

#[test]
fn many_dots_over_each_other_are_darker_than_one_and_are_not_joined() {
    let cloud = |points: Vec<(f64, f64)>| {
        let mut chart = panel(vec![Line::cloud("set", 0, points, 0.2)]);
        (chart.panels[0].x_scale, chart.panels[0].scale) =
            (Some(Scale::Fixed(0.0, 1.0)), Scale::Fixed(0.0, 1.0));
        chart.draw()
    };
    let reds = |picture: &Picture| {
        picture.pixels.chunks_exact(3).filter(|p| p[2] > p[0]).map(|p| p[0]).collect::<Vec<u8>>()
    };
    let one = reds(&cloud(vec![(0.5, 0.5)]));
    let many = reds(&cloud(vec![(0.5, 0.5); 30]));
    assert!(one.iter().min() > many.iter().min(), "{:?} {:?}", one.iter().min(), many.iter().min());
    // Two dots take the room of two, not that of a line from one to the other.
    let two = reds(&cloud(vec![(0.2, 0.5), (0.8, 0.5)]));
    assert!(two.len() <= 2 * one.len() + 2, "{} {}", two.len(), one.len());
}

#[test]
fn a_band_reaches_as_far_as_the_spread_and_bars_do_in_both_directions() {
    let flat = || line(0, &[(0.0, 1.0), (9.0, 1.0)]);
    let drawn = |spread: Spread| {
        let mut chart = panel(vec![Line { spread, ..flat() }]);
        chart.panels[0].scale = Scale::Fixed(0.0, 2.0);
        chart.draw()
    };
    let colored =
        |picture: &Picture| picture.pixels.chunks_exact(3).filter(|p| p[2] > p[0]).count() as f64;
    let (plain, narrow, wide) = (
        drawn(Spread::None),
        drawn(Spread::Band(vec![0.25; 2])),
        drawn(Spread::Band(vec![0.5; 2])),
    );
    let ratio = (colored(&wide) - colored(&plain)) / (colored(&narrow) - colored(&plain));
    assert!((1.9..2.2).contains(&ratio), "{ratio}");
    assert_eq!(colored(&drawn(Spread::Band(vec![f64::NAN; 2]))), colored(&plain));
    let bars = colored(&drawn(Spread::Bars(vec![(1.0, 0.5); 2])));
    assert!(bars > colored(&plain) + 200.0 && bars < colored(&narrow), "{bars}");
}

#[test]
fn a_square_panel_is_as_high_as_wide_between_its_axes_and_has_a_label_beside_it() {
    let mut chart = panel(vec![line(0, &[(0.0, 0.0), (1.0, 1.0)])]);
    let flat = chart.draw();
    chart.panels[0].square = true;
    let square = chart.draw();
    assert_eq!((square.width, square.height - flat.height), (flat.width, 640 - 92 - 20 - 300));
    let left = |picture: &Picture| {
        count(picture, SOFT_INK, MARGIN..MARGIN + CAPTION_HEIGHT * TEXT, 0..picture.height)
    };
    assert_eq!(left(&square), 0);
    chart.panels[0].y_label = "precision".into();
    assert!(left(&chart.draw()) > 100);
}

#[test]
fn a_name_stands_beside_its_point() {
    let mut named = Line::cloud("runs", 0, vec![(0.3, 0.5), (0.7, 0.5)], 1.0);
    let soft = |line: &Line| {
        let mut chart = panel(vec![line.clone()]);
        (chart.panels[0].x_scale, chart.panels[0].scale) =
            (Some(Scale::Fixed(0.0, 1.0)), Scale::Fixed(0.0, 1.0));
        let picture = chart.draw();
        // Right of the first point, left of the second one.
        let columns = MARGIN + 92 + 528 * 3 / 10..MARGIN + 92 + 528 / 2;
        count(&picture, SOFT_INK, columns, MARGIN + 40 + 130..MARGIN + 40 + 170)
    };
    assert_eq!(soft(&named), 0);
    named.labels = vec!["first".into(), String::new()];
    assert!(soft(&named) > 50);
}
