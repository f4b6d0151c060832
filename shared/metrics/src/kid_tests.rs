use super::*;

#[test]
fn kernels_of_all_pairs_and_of_each_subset_give_the_same_estimates() {
    let drawn =
        |seed, n: usize| Features::new(rng::stream(seed, "kid test", 0).normals(n * 16), 16);
    let (generated, real) = (drawn(1, 60), drawn(2, 70));
    let mut random = RandomState::new(7);
    let draws: Vec<Draw> =
        (0..30).map(|_| (random.choice(60, 25), random.choice(70, 25))).collect();
    // 30 draws of 3·25² kernel values are more than the 60² + 70² + 60·70 of all pairs; one draw is
    // less.
    let pooled = estimates(&generated, &real, &draws);
    for (draw, pooled) in draws.iter().zip(pooled) {
        let separate = estimates(&generated, &real, std::slice::from_ref(draw))[0];
        // The rows are centred at other means, so the products in f32 differ.
        assert!((separate - pooled).abs() < 1e-7, "{separate} against {pooled}");
    }
}

#[test]
fn the_blocks_of_a_large_subset_change_nothing() {
    let drawn = |seed| Features::new(rng::stream(seed, "kid test", 1).normals(400 * 24), 24);
    let (generated, real) = (drawn(1), drawn(2));
    let every: Vec<u32> = (0..400).rev().collect();
    let of = |block| {
        let mut tiles = Tiles::new(Par::Seq);
        own_estimate(
            &Centred::of(&generated, &every),
            &Centred::of(&real, &every),
            block,
            &mut tiles,
        )
    };
    let whole = of(400);
    // Each product is the same in any block; the f64 sums are in another order.
    for block in [1, 7, 128, 200, 399, 1000] {
        assert!((of(block) - whole).abs() < 1e-9, "{block}: {} against {whole}", of(block));
    }
}
