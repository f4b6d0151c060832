//! Charts by their pixels.

use super::*;

/// Pixels of exactly this colour, within columns and rows.
fn count(picture: &Picture, color: [u8; 3], columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> usize {
    let at = |x: u32, y: u32| &picture.pixels[y as usize * picture.stride() + x as usize * 3..][..3];
    rows.flat_map(|y| columns.clone().map(move |x| (x, y))).filter(|&(x, y)| *at(x, y) == color).count()
}

fn everywhere(picture: &Picture, color: [u8; 3]) -> usize {
    count(picture, color, 0..picture.width, 0..picture.height)
}

fn panel(lines: Vec<Line>) -> Chart {
    let panel = Panel { title: "losses".into(), x_label: "kimg".into(), scale: Scale::Auto, lines };
    Chart { title: String::new(), panels: vec![panel], columns: 1, legend: Legend::Above }
}

fn line(index: usize, points: &[(f64, f64)]) -> Line {
    Line::new("l", Stroke::of(index), points.to_vec())
}

#[test]
fn a_line_is_drawn_in_its_colour_and_broken_where_a_value_is_not_finite() {
    let whole = panel(vec![line(0, &[(0.0, 1.0), (1.0, 1.5), (2.0, 1.5), (3.0, 1.0)])]).draw();
    let broken = panel(vec![line(0, &[(0.0, 1.0), (1.0, 1.5), (1.5, f64::NAN), (2.0, 1.5), (3.0, 1.0)])]).draw();
    let (left, right) = (whole.width / 2 - 40, whole.width / 2 + 40);
    let between = |picture: &Picture| count(picture, COLORS[0], left..right, 0..picture.height);
    assert!(between(&whole) >= 80, "{}", between(&whole));
    // The gap lies a third of the way to two thirds, around the middle.
    let gap = count(&broken, COLORS[0], broken.width / 2 - 10..broken.width / 2 + 60, 0..broken.height);
    assert_eq!(gap, 0);
    assert!(everywhere(&broken, COLORS[0]) > 200);
}

#[test]
fn the_edges_of_a_line_are_smooth() {
    let picture = panel(vec![line(0, &[(0.0, 0.0), (10.0, 3.0)])]).draw();
    let [r, ..] = COLORS[0];
    let shades: std::collections::BTreeSet<u8> = picture.pixels.chunks_exact(3).filter(|p| p[2] > p[0]).map(|p| p[0]).collect();
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
    assert_eq!(count(&picture, COLORS[1], 0..picture.width, picture.height - MARGIN - 56..picture.height), 0);
}

#[test]
fn names_stand_above_a_panel_of_several_lines_or_below_all_of_them_once() {
    let lines = || vec![line(0, &[(0.0, 1.0)]), Line::new("other", Stroke::of(2), vec![(1.0, f64::NAN)])];
    let above = panel(lines()).draw();
    // The second line has no point, so what there is of its colour is its name's.
    assert!(count(&above, COLORS[2], 0..above.width, 0..MARGIN + 36) > 20);
    let mut chart = panel(lines());
    chart.panels.push(chart.panels[0].clone());
    chart.legend = Legend::Below;
    let below = chart.draw();
    assert_eq!(count(&below, COLORS[2], 0..below.width, 0..MARGIN + 36), 0);
    let foot =
        |picture: &Picture| count(picture, COLORS[2], 0..picture.width, picture.height - MARGIN - LINE_HEIGHT..picture.height);
    assert_eq!(foot(&below), count(&above, COLORS[2], 0..above.width, 0..above.height));
    assert_eq!(chart.names().len(), 2);
    assert_eq!(legend_rows(&[("a", Stroke::of(0)); 40], 600).iter().map(Vec::len).sum::<usize>(), 40);
    assert_eq!(legend_rows(&[("long".repeat(99).as_str(), Stroke::of(0))], 600).len(), 1);
}

#[test]
fn what_has_no_values_says_so_and_nothing_that_is_given_breaks_a_chart() {
    let empty = panel(Vec::new()).draw();
    let nothing = panel(vec![line(0, &[(0.0, f64::NAN), (f64::INFINITY, 1.0)])]).draw();
    let valued = panel(vec![line(0, &[(0.0, 1.0)])]).draw();
    assert_eq!(everywhere(&empty, COLORS[0]), 0);
    assert!(everywhere(&nothing, SOFT_INK) > everywhere(&valued, SOFT_INK) / 2);
    let mut odd = Line::new("ö".repeat(500), Stroke::of(900), vec![(1e300, -1e300), (-1e300, 1e300), (0.0, 0.0)]);
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
