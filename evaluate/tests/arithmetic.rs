//! The metrics' arithmetic against the functions of the reference libraries on drawn features
//! (`tools/golden_arithmetic.py`), including edge cases: fewer rows than dimensions, identical
//! sets, one constant picture, two pictures.

use evaluate::metrics::authenticity::Distances;
use evaluate::metrics::ct::{Cells, CtError, ct, ct_in_cells};
use evaluate::metrics::fid::{Divisor, Gaussian, GaussianError, fid, frechet};
use evaluate::metrics::fid_infinity::{Sizes, fid_infinity};
use evaluate::metrics::isc::{Order, inception_score};
use evaluate::metrics::mind::mind;
use evaluate::metrics::pairs;
use evaluate::metrics::pca::Pca;
use evaluate::metrics::prdc::{prdc, precision_recall};
use evaluate::metrics::spread::{Halves, halves, spread};
use evaluate::metrics::subset::subset;
use evaluate::metrics::torch_random::TorchRandom;
use serde_json::Value;
use shared::metrics::features::{Features, FeaturesError};
use shared::metrics::kid::{First, Subsets, over_subsets};
use shared::testing::largest_difference;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/arithmetic.json")).expect("golden file")
}

fn mix(a: u32, b: u32, c: u32) -> u32 {
    (a.wrapping_mul(73_856_093) ^ b.wrapping_mul(19_349_663) ^ c.wrapping_mul(83_492_791))
        .wrapping_mul(2_654_435_761)
}

fn uniform(kind: u32, i: u32, j: u32) -> f32 {
    (mix(kind, i, j) >> 8) as f32 / (1 << 24) as f32
}

fn clustered(kind: u32, count: usize, dimensions: usize) -> Features {
    let value = |i: u32, j: u32| {
        let cluster = mix(kind, i, 999) >> 29;
        uniform(kind, i, j) * (0.5 + kind as f32 * 0.125)
            + 2.0 * uniform(77 + cluster, cluster, j % 5)
    };
    Features::new(
        (0..count as u32).flat_map(|i| (0..dimensions as u32).map(move |j| value(i, j))).collect(),
        dimensions,
    )
}

fn constant(kind: u32, count: usize, dimensions: usize) -> Features {
    Features::new(clustered(kind, 1, dimensions).values().repeat(count), dimensions)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn near(name: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{name}: {ours} against {theirs}");
}

/// Sets in the golden file.
const SETS: usize = 10;
/// Sets with at least six pictures, which all metrics are defined for.
const LARGE_SETS: usize = 9;

/// Every case with its generated and its real set.
fn cases() -> Vec<(Value, Features, Features)> {
    let golden = golden();
    let sets = golden["sets"].as_array().expect("cases");
    assert_eq!(sets.len(), SETS, "golden cases");
    let cases = sets.iter().map(|case| {
        let count = |key: &str| case[key].as_u64().expect("a count") as usize;
        let (n, m, d) = (count("generated"), count("real"), count("dimensions"));
        let (generated, real) = match case["name"].as_str().expect("a name") {
            name if name.starts_with("identical") => (clustered(2, n, d), clustered(2, m, d)),
            name if name.starts_with("one constant") => (constant(0, n, d), clustered(1, m, d)),
            "few dimensions" => (clustered(1, n, d), clustered(0, m, d)),
            _ => (clustered(0, n, d), clustered(1, m, d)),
        };
        (case.clone(), generated, real)
    });
    cases.collect()
}

#[test]
fn fid_equals_three_libraries_also_where_covariances_are_singular() {
    for (case, generated, real) in cases() {
        for (library, divisor) in [
            ("torch-fidelity", Divisor::Unbiased),
            ("pytorch-fid", Divisor::Unbiased),
            ("clean-fid", Divisor::Unbiased),
            ("divided by N", Divisor::Count),
        ] {
            let theirs = case["frechet"][library].as_f64().expect("a number");
            let ours = fid(&generated, &real, divisor).expect("fid");
            // We promise 1e-5 relative; the references' roots of zero eigenvalues are off by about
            // 1e-7.
            near(
                &format!("{library} on {}", case["name"]),
                ours,
                theirs,
                1e-5 * theirs.abs() + 1e-6,
            );
        }
    }
}

#[test]
fn kid_equals_three_libraries() {
    for (case, generated, real) in cases() {
        let subsets = |size, seed, first| Subsets { count: 10, size, seed, first };
        let theirs = numbers(&case["kid"]["torch-fidelity"]);
        let size = generated.count().min(real.count()).min(100);
        let kid =
            over_subsets(&generated, &real, subsets(size, 2020, First::Generated)).expect("kid");
        near("torch-fidelity's mean", kid.mean, theirs[0], 1e-7);
        near("torch-fidelity's std", kid.std, theirs[1], 1e-7);
        for (library, seed, first) in
            [("clean-fid", 5, First::Real), ("stylegan", 6, First::Generated)]
        {
            let kid = over_subsets(&generated, &real, subsets(100, seed, first)).expect("kid");
            near(
                &format!("{library} on {}", case["name"]),
                kid.mean,
                case["kid"][library].as_f64().expect("a number"),
                1e-7,
            );
        }
    }
}

#[test]
fn kid_of_wide_and_distant_sets_stays_within_its_tolerance() {
    // Far from the origin, f32 products of raw rows would be off by 1e-5; the rows are centred
    // first.
    let far = |kind| {
        let near = clustered(kind, 300, 256);
        Features::new(near.values().iter().map(|v| v + 30.0).collect(), 256)
    };
    let (generated, real) = (far(0), far(1));
    let kid =
        over_subsets(&generated, &real, Subsets { count: 1, size: 300, ..Subsets::default() })
            .expect("kid")
            .mean;
    let kernel = |a: &[f32], b: &[f32]| {
        let product: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        (product / 256.0 + 1.0).powi(3)
    };
    let sum = |a: &Features, b: &Features| {
        (0..300).map(|i| (0..300).map(|j| kernel(a.row(i), b.row(j))).sum::<f64>()).sum::<f64>()
    };
    let diagonal = |a: &Features| (0..300).map(|i| kernel(a.row(i), a.row(i))).sum::<f64>();
    let within = |a: &Features| (sum(a, a) - diagonal(a)) / (300.0 * 299.0);
    let exact = within(&generated) + within(&real) - 2.0 * sum(&generated, &real) / 90_000.0;
    // Kernel values are near 1e9 here.
    near("kid", kid, exact, 1e-12 * 1e9);
}

#[test]
fn precision_recall_density_and_coverage_are_the_counts_of_the_libraries() {
    let mut compared = 0;
    for (case, generated, real) in cases() {
        let Some(theirs) =
            case["precision_recall"].as_array().map(|_| numbers(&case["precision_recall"]))
        else {
            continue;
        };
        let ours = precision_recall(&generated, &real, 3).expect("precision and recall");
        // torch-fidelity's shares are in f32.
        assert_eq!(
            [ours.precision as f32, ours.recall as f32],
            [theirs[0] as f32, theirs[1] as f32],
            "{case}"
        );
        near("f-score", ours.f_score, theirs[2], 1e-7);
        let (ours, theirs) = (prdc(&generated, &real, 5).expect("prdc"), numbers(&case["prdc"]));
        // Equal counts differ by a rounding if divided in another order.
        assert_eq!(theirs.len(), 4, "{case}");
        for (ours, theirs) in
            [ours.precision, ours.recall, ours.density, ours.coverage].into_iter().zip(theirs)
        {
            near(&format!("prdc on {}", case["name"]), ours, theirs, 4.0 * f64::EPSILON * theirs);
        }
        compared += 1;
    }
    assert_eq!(compared, LARGE_SETS);
}

#[test]
fn mind_equals_torch_fidelitys() {
    for (case, generated, real) in cases() {
        let theirs = case["mind"].as_f64().expect("a number");
        let ours = mind(&generated, &real, 2020).expect("mind");
        // Projections are in f32, and PyTorch's logarithm and cosine differ in the last bits.
        near(&format!("mind on {}", case["name"]), ours.value, theirs, 2e-6 * theirs);
    }
}

#[test]
fn pytorchs_generator_is_reproduced() {
    let golden = golden();
    let cases = golden["generator"].as_array().expect("cases");
    assert_eq!(cases.len(), 2, "golden cases");
    for case in cases {
        let mut random = TorchRandom::new(case["seed"].as_u64().expect("a seed") as u32);
        let list = |key: &str| numbers(&case[key]);
        let permutation: Vec<f64> = random.permutation(11).into_iter().map(f64::from).collect();
        assert_eq!(permutation, list("permutation"));
        assert_eq!(
            random.permutation(70_000)[..5].iter().map(|&i| f64::from(i)).collect::<Vec<_>>(),
            list("longer")
        );
        for key in ["whole", "tail"] {
            let theirs = list(key);
            let apart = largest_difference(random.normals(theirs.len()), theirs);
            assert!(apart <= 2e-6, "{key}: {apart}");
        }
    }
}

#[test]
fn stylegans_inception_score_keeps_the_order_of_the_rows() {
    let mut compared = 0;
    for (case, generated, _) in cases() {
        let Some(theirs) = case["stylegan_is"].as_array().map(|_| numbers(&case["stylegan_is"]))
        else {
            continue;
        };
        let logits = Features::new(
            generated.values().iter().map(|v| v * 4.0).collect(),
            generated.dimensions(),
        );
        let score = inception_score(&logits, Order::AsGiven).expect("is");
        near("mean", score.mean, theirs[0], 1e-12 * theirs[0]);
        near("std", score.std, theirs[1], 1e-12);
        compared += 1;
    }
    assert_eq!(compared, LARGE_SETS);
}

#[test]
fn authenticity_equals_brute_force() {
    let mut compared = 0;
    for (case, generated, real) in cases() {
        let Some(theirs) = case["authenticity"].as_f64() else { continue };
        let found = Distances::new(&generated, &real, &real, 0).expect("distances").whole();
        near(&format!("{}", case["name"]), found.percent, theirs, 1e-12);
        compared += 1;
    }
    assert_eq!(compared, LARGE_SETS);
}

/// 120 training rows, 120 held-out rows of the same kind, and 150 generated rows; every third is a
/// training row moved slightly.
fn copied() -> (Features, Features, Features) {
    let train = clustered(3, 120, 24);
    let held_out = subset(&clustered(3, 420, 24), &(300..420).collect::<Vec<_>>());
    let fresh = clustered(4, 150, 24);
    let value = |i: usize, j: usize| match i % 3 {
        0 => train.row(i % 120)[j] + 0.01 * uniform(44, i as u32, j as u32),
        _ => fresh.row(i)[j],
    };
    let generated = Features::new(
        (0..150).flat_map(|i| (0..24).map(move |j| (i, j))).map(|(i, j)| value(i, j)).collect(),
        24,
    );
    (generated, train, held_out)
}

#[test]
fn copies_of_training_pictures_are_detected() {
    let (generated, train, held_out) = copied();
    let golden = &golden()["copied"];
    let found = Distances::new(&generated, &train, &held_out, 0).expect("distances").whole();
    near("authenticity", found.percent, golden["authenticity"].as_f64().expect("a number"), 1e-12);
    let honest =
        Distances::new(&held_out, &train, &clustered(3, 600, 24), 0).expect("distances").whole();
    assert!(
        found.nearer_percent > 60.0 && found.nearer_percent > honest.nearer_percent + 10.0,
        "{found:?} {honest:?}"
    );
    assert!(found.generated_median > 0.0 && found.held_out_median > 0.0);
}

#[test]
fn the_authenticity_of_a_half_is_that_of_its_pictures_alone() {
    let (generated, train, held_out) = copied();
    let fewer = subset(&held_out, &(0..70).collect::<Vec<_>>());
    // As many training pictures are drawn as there are held-out ones: all or some of them.
    for held_out in [&held_out, &fewer, &clustered(3, 600, 24)] {
        let mut distances = Distances::new(&generated, &train, held_out, 3).expect("distances");
        for half in halves(generated.count(), held_out.count(), 3, 5) {
            let (some, others) =
                (subset(&generated, &half.generated), subset(held_out, &half.real));
            let alone = Distances::new(&some, &train, &others, 3).expect("distances").whole();
            assert_eq!(distances.half(&half).expect("a half"), alone);
        }
        let none = Halves { generated: Vec::new(), real: vec![0] };
        assert!(matches!(
            distances.half(&none),
            Err(FeaturesError::TooFew { set: "generated", .. })
        ));
    }
}

#[test]
fn ct_in_given_cells_equals_scipys_ranks() {
    let (generated, train, held_out) = copied();
    for (key, cells, above) in [("ct", 3, 20), ("ct_few", 5, 29)] {
        let golden = &golden()["copied"][key];
        let assigned = |set| -> (&Features, Vec<u32>) {
            (set, (0..set.count() as u32).map(|i| i % cells).collect())
        };
        let ours = ct_in_cells(
            &assigned(&generated),
            &assigned(&train),
            &assigned(&held_out),
            cells as usize,
            above,
        )
        .expect("ct");
        near(key, ours.value, golden["ct"].as_f64().expect("a number"), 1e-9);
        let counts: Vec<Value> = ours.cells.iter().map(|cell| cell.counts.into()).collect();
        assert_eq!(&Value::from(counts), &golden["counts"]);
        let apart = largest_difference(ours.cells.iter().map(|cell| cell.z), numbers(&golden["z"]));
        assert!(apart <= 1e-9, "{key}: {apart}");
        let error = ct_in_cells(
            &assigned(&generated),
            &assigned(&train),
            &assigned(&held_out),
            cells as usize,
            100,
        );
        assert_eq!(error.expect_err("counted"), CtError::NoneCounts { above: 100 });
    }
}

#[test]
fn ct_is_lower_where_training_pictures_are_copied() {
    let (copies, train, held_out) = copied();
    let honest = subset(&clustered(3, 1020, 24), &(600..750).collect::<Vec<_>>());
    // Fewer components than dimensions, so that they are reduced first.
    let cells = Cells { components: 8, ..Cells::default() };
    let value = |generated| ct(generated, &train, &held_out, cells).expect("ct").value;
    let (copied, honest) = (value(&copies), value(&honest));
    // A Z score of 3 is rare among pictures of the same kind.
    assert!(copied < honest - 1.0 && honest.abs() < 3.0, "{copied} against {honest}");
    let many = Cells { count: 100, ..cells };
    assert!(
        matches!(ct(&copies, &train, &held_out, many), Err(CtError::EmptyCell { .. })),
        "an empty cell was accepted"
    );
}

#[test]
fn fid_infinity_is_the_intercept_of_the_same_line() {
    let golden = &golden()["fid_infinity"];
    let (generated, real) = (clustered(0, 400, 16), clustered(1, 300, 16));
    let sizes = Sizes { points: 7, least: 40, most: 5000, seed: 2020 };
    let ours = fid_infinity(&generated, &real, sizes, Divisor::Unbiased).expect("fid∞");
    assert_eq!(ours.points.len(), numbers(&golden["values"]).len());
    for ((size, value), (their_size, their_value)) in ours
        .points
        .iter()
        .zip(numbers(&golden["sizes"]).into_iter().zip(numbers(&golden["values"])))
    {
        assert_eq!(*size, their_size as usize);
        near("point", *value, their_value, 1e-5 * their_value);
    }
    for (key, ours) in
        [("value", ours.value), ("slope", ours.slope), ("standard_error", ours.standard_error)]
    {
        let theirs = golden[key].as_f64().expect("a number");
        near(key, ours, theirs, 1e-5 * theirs.abs());
    }
    // Fifteen sizes from 2.
    let few = subset(&generated, &(0..15).collect::<Vec<_>>());
    let error = fid_infinity(&few, &real, Sizes::default(), Divisor::Unbiased)
        .expect_err("15 pictures were accepted");
    assert!(error.to_string().contains("16"), "{error}");
}

#[test]
fn a_gaussian_from_a_file_is_checked_and_gives_the_same_distance() {
    let (a, b) = (clustered(0, 30, 40), clustered(1, 200, 40));
    let gaussian = |set: &Features| {
        let fitted = Gaussian::of(set, Divisor::Unbiased);
        let rows: Vec<f64> = (0..40)
            .flat_map(|i| (0..40).map(move |j| (i, j)))
            .map(|at| fitted.covariance[at])
            .collect();
        Gaussian::new(fitted.mean, &rows, 40).expect("a Gaussian")
    };
    let (from_rows, from_file) = (
        fid(&a, &b, Divisor::Unbiased).expect("fid"),
        frechet(gaussian(&a), gaussian(&b)).expect("fid"),
    );
    // With fewer rows than dimensions, roots of zero eigenvalues magnify rounding errors.
    near("singular", from_file, from_rows, 1e-6);
    let refused = |mean: &[f64], covariance: &[f64], columns| {
        Gaussian::new(mean.to_vec(), covariance, columns).expect_err("accepted")
    };
    assert_eq!(
        refused(&[0.0; 3], &[0.0; 4], 2),
        GaussianError::Shape { mean: 3, rows: 2, columns: 2 }
    );
    assert_eq!(
        refused(&[0.0; 2], &[1.0, f64::NAN, 0.0, 1.0], 2),
        GaussianError::NotFinite { what: "covariance" }
    );
    assert!(matches!(
        refused(&[0.0; 2], &[1.0, 0.5, 0.1, 1.0], 2),
        GaussianError::NoCovariance { row: 1, column: 0, .. }
    ));
    assert!(matches!(
        refused(&[0.0; 2], &[-1.0, 0.0, 0.0, 1.0], 2),
        GaussianError::NoCovariance { row: 0, column: 0, .. }
    ));
}

#[test]
fn neighbours_over_several_tiles_equal_brute_force() {
    // 2500 rows are three tiles; many distances are equal, and some rows are copies.
    let coarse = |kind: u32, count: u32| {
        let value = move |i: u32, j: u32| ((mix(kind, i % 2000, j) >> 29) as f32) * 0.25 + 1000.0;
        Features::new((0..count).flat_map(|i| (0..6).map(move |j| value(i, j))).collect(), 6)
    };
    for (of, among) in
        [(clustered(0, 2500, 7), clustered(1, 1500, 7)), (coarse(0, 2500), coarse(1, 1500))]
    {
        let squared = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
        };
        let brute = |i: usize, among: &Features, same: bool| {
            let others = (0..among.count()).filter(|&j| !same || i != j);
            let mut all: Vec<f64> = others.map(|j| squared(of.row(i), among.row(j))).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.truncate(4);
            all
        };
        let (within, between) = (pairs::nearest_within(&of, 4), pairs::nearest(&of, &among, 4));
        for i in (0..of.count()).step_by(7) {
            for (found, among, same) in [(within.of(i), &of, true), (between.of(i), &among, false)]
            {
                assert_eq!(found.len(), 4);
                for (found, brute) in found.iter().zip(brute(i, among, same)) {
                    near("squared distance", found.squared, brute, 1e-12 * brute);
                    near(
                        "its row's",
                        squared(of.row(i), among.row(found.row as usize)),
                        brute,
                        1e-12 * brute,
                    );
                    assert!(!same || found.row as usize != i, "row {i} is its own neighbour");
                }
            }
        }
    }
}

#[test]
fn precision_and_recall_over_several_tiles_equal_brute_force() {
    let (generated, real) = (clustered(1, 1300, 8), clustered(0, 2100, 8));
    let squared = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
    };
    let radii = pairs::nearest_within(&real, 3).squared_radii();
    let inside =
        |i: usize| (0..real.count()).any(|j| squared(generated.row(i), real.row(j)) <= radii[j]);
    let precision =
        (0..generated.count()).filter(|&i| inside(i)).count() as f64 / generated.count() as f64;
    let ours = precision_recall(&generated, &real, 3).expect("precision and recall");
    assert!(precision > 0.1 && precision < 1.0, "{precision}");
    near("precision", ours.precision, precision, 1e-12);
}

#[test]
fn principal_components_are_scikit_learns() {
    let golden = &golden()["pca"];
    let (a, b) = (clustered(0, 80, 20), clustered(1, 50, 20));
    let pca = Pca::of(&[("generated", &a), ("real", &b)], 2).expect("pca");
    let apart = largest_difference(pca.explained.iter().copied(), numbers(&golden["explained"]));
    assert!(apart <= 1e-12, "shares: {apart}");
    let points = pca.project(&a);
    let theirs = golden["points"].as_array().expect("points");
    let ours = (0..theirs.len()).flat_map(|i| points.row(i).iter().copied());
    // Projections are in f32.
    let apart = largest_difference(ours, theirs.iter().flat_map(numbers));
    assert!(apart <= 1e-6, "points: {apart}");
}

#[test]
fn the_spread_over_halves_is_the_standard_error_of_a_mean() {
    let draw = halves(11, 8, 3, 1);
    assert!(draw.iter().all(|d| d.generated.len() == 5 && d.real.len() == 4));
    assert!(draw[0] != draw[1] && draw == halves(11, 8, 3, 1));
    let (a, b) = (clustered(0, 400, 1), clustered(1, 400, 1));
    let mean = |set: &Features| {
        set.values().iter().map(|&v| f64::from(v)).sum::<f64>() / set.count() as f64
    };
    let [found] =
        spread((a.count(), b.count()), 400, 0, |half| Ok([mean(&subset(&a, &half.generated))]))
            .expect("spread");
    let variance =
        a.values().iter().map(|&v| (f64::from(v) - mean(&a)).powi(2)).sum::<f64>() / 399.0;
    let standard_error = (variance / 400.0).sqrt();
    // The standard deviation of 400 values is known to 1/√800 = 3.5%: four times that.
    near("standard error", found / standard_error, 1.0, 0.14);
}
