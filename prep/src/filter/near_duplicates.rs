//! Near-duplicates: a difference hash of 256 bits, and a search for hashes that differ in few bits.
//!
//! The hash is dHash (Krawetz 2013), here 16 × 16: the luma is averaged to 17 × 16 fields, and bit
//! i is set if field i is lighter than its right neighbour.
//! It is robust to compression, size and brightness, but not to mirroring.

/// A difference hash; bit i of word i / 64.
pub type PerceptualHash = [u64; 4];

/// Two pictures whose hashes differ by at most this many bits are usually the same photograph.
pub const USUAL_BITS: u32 = 12;
/// Fields across and down.
const ACROSS: usize = 17;
const DOWN: usize = 16;

/// The hash of a picture's luma, `width` columns wide ([`crate::pixels::luma::luma`]).
#[must_use]
pub fn hash(light: &[u8], width: usize) -> PerceptualHash {
    let height = light.len() / width.max(1);
    let mut fields = [[0.0f32; ACROSS]; DOWN];
    for (y, row) in fields.iter_mut().enumerate() {
        let rows = bounds(y, DOWN, height);
        for (x, field) in row.iter_mut().enumerate() {
            let columns = bounds(x, ACROSS, width);
            let sum: u32 = rows
                .clone()
                .map(|r| {
                    light[r * width..][columns.clone()].iter().map(|&v| u32::from(v)).sum::<u32>()
                })
                .sum();
            *field = sum as f32 / (rows.len() * columns.len()) as f32;
        }
    }
    let mut hash = [0; 4];
    for (y, row) in fields.iter().enumerate() {
        for x in 0..DOWN {
            let i = y * DOWN + x;
            hash[i / 64] |= u64::from(row[x] > row[x + 1]) << (i % 64);
        }
    }
    hash
}

/// The pixels of field `i` of `fields` over `extent`; at least one.
fn bounds(i: usize, fields: usize, extent: usize) -> std::ops::Range<usize> {
    let start = (i * extent / fields).min(extent - 1);
    start..((i + 1) * extent / fields).max(start + 1)
}

/// Bits in which two hashes differ.
#[must_use]
pub fn distance(a: &PerceptualHash, b: &PerceptualHash) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Pictures grouped by equal hashes, and which groups are near to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// The group of every hash.
    pub of: Vec<u32>,
    /// For every group: the groups near to it and the bits in which they differ, nearest first.
    pub near: Vec<Vec<(u32, u32)>>,
}

impl Groups {
    /// Groups `hashes` and finds the groups that differ by at most `bits`.
    ///
    /// Hashes that differ by at most k bits are equal in at least one of k + 1 bands of their bits.
    /// Therefore only hashes with equal keys in a band are compared.
    /// Bands are sorted one at a time, so that memory is a few words per hash.
    #[must_use]
    pub fn within(hashes: &[PerceptualHash], bits: u32) -> Self {
        let mut order: Vec<u32> = (0..hashes.len() as u32).collect();
        order.sort_unstable_by_key(|&n| (hashes[n as usize], n));
        let mut of = vec![0; hashes.len()];
        let mut firsts: Vec<PerceptualHash> = Vec::new();
        for equal in order.chunk_by(|&a, &b| hashes[a as usize] == hashes[b as usize]) {
            equal.iter().for_each(|&n| of[n as usize] = firsts.len() as u32);
            firsts.push(hashes[equal[0] as usize]);
        }
        let mut near = vec![Vec::new(); firsts.len()];
        let bands = (bits as usize + 1).min(42);
        for band in 0..bands {
            let mut keyed: Vec<(u64, u32)> =
                (0..).zip(&firsts).map(|(n, hash)| (key(hash, band, bands), n)).collect();
            keyed.sort_unstable();
            for alike in keyed.chunk_by(|a, b| a.0 == b.0) {
                for (i, &(_, a)) in alike.iter().enumerate() {
                    for &(_, b) in &alike[..i] {
                        let differing = distance(&firsts[a as usize], &firsts[b as usize]);
                        if differing <= bits {
                            near[a as usize].push((differing, b));
                            near[b as usize].push((differing, a));
                        }
                    }
                }
            }
        }
        let in_order = |mut found: Vec<(u32, u32)>| {
            found.sort_unstable();
            found.dedup();
            found.into_iter().map(|(bits, group)| (group, bits)).collect()
        };
        Self { of, near: near.into_iter().map(in_order).collect() }
    }

    /// The hashes near to an earlier one that stays: their number, the picture of the earlier one,
    /// and the bits in which they differ.
    /// `pictures` yields the picture of every hash: crops of one picture are alike on purpose and
    /// do not count.
    pub fn duplicates(&self, pictures: impl Iterator<Item = u64>) -> Vec<(usize, u64, u32)> {
        // All hashes of a group that stay belong to one picture.
        let mut stays: Vec<Option<u64>> = vec![None; self.near.len()];
        let mut found = Vec::new();
        for (n, picture) in pictures.enumerate() {
            let other = |(group, bits): (usize, u32)| {
                stays[group].filter(|to| *to != picture).map(|to| (to, bits))
            };
            match self.around(n).find_map(other) {
                Some((to, bits)) => found.push((n, to, bits)),
                None => stays[self.of[n] as usize] = Some(picture),
            }
        }
        found
    }

    /// The group of hash `n` and the groups near to it, with the bits in which they differ, nearest
    /// first.
    pub fn around(&self, n: usize) -> impl Iterator<Item = (usize, u32)> {
        let own = self.of[n];
        let others = self.near[own as usize].iter().copied();
        std::iter::once((own, 0)).chain(others).map(|(group, bits)| (group as usize, bits))
    }
}

/// The key of band `band` of `bands`.
///
/// The bits of a band are spread over the picture.
/// Neighbouring bits are alike (a white margin), so that bands of neighbours would give half a
/// collection the same key.
fn key(hash: &PerceptualHash, band: usize, bands: usize) -> u64 {
    let (start, end) = (256 * band / bands, 256 * (band + 1) / bands);
    // 77 is odd, so that this permutes the 256 bits. A band of more than 64 bits is folded: equal
    // bands keep equal keys.
    let bit = |i: usize| i * 77 % 256;
    (start..end).fold(0u64, |key, i| key.rotate_left(1) ^ (hash[bit(i) / 64] >> (bit(i) % 64) & 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scene(shift: usize) -> Vec<u8> {
        // Blocks of 8×8 of different greys, so that neighbouring fields differ clearly.
        (0..64 * 64)
            .map(|i| {
                ((i % 64 / 8 * 37 + i / 512 * 101 + shift * 53 + (i % 64 / 8) * (i / 512) * 29)
                    % 200) as u8
            })
            .collect()
    }

    #[test]
    fn brighter_and_coarser_pictures_stay_near_and_others_are_far() {
        let picture = scene(0);
        let brighter: Vec<u8> = picture.iter().map(|&v| v / 2 + 40).collect();
        let (a, b, c) = (hash(&picture, 64), hash(&brighter, 64), hash(&scene(3), 64));
        assert!(distance(&a, &b) <= USUAL_BITS, "{}", distance(&a, &b));
        assert!(distance(&a, &c) > 2 * USUAL_BITS, "{}", distance(&a, &c));
        // Smaller than the fields.
        assert_eq!(hash(&[7; 4], 2), [0; 4]);
    }

    proptest! {
        #[test]
        fn the_bands_find_what_a_comparison_of_all_finds(
            bits in 0u32..40, seeds in prop::collection::vec((any::<[u64; 4]>(), prop::collection::vec(0usize..256, 0..45)), 1..30)
        ) {
            let flipped = |(base, flips): &(PerceptualHash, Vec<usize>)| flips.iter().fold(*base, |mut h, i| { h[i / 64] ^= 1 << (i % 64); h });
            let all: Vec<PerceptualHash> = seeds.iter().flat_map(|s| [s.0, flipped(s)]).collect();
            let groups = Groups::within(&all, bits);
            for (n, h) in all.iter().enumerate() {
                let mut found: Vec<(u32, usize)> = Vec::new();
                for (group, bits) in groups.around(n) {
                    found.extend((0..all.len()).filter(|&o| groups.of[o] as usize == group).map(|o| (bits, o)));
                }
                found.sort_unstable();
                let mut plain: Vec<(u32, usize)> = all.iter().enumerate().map(|(o, other)| (distance(h, other), o)).collect();
                plain.retain(|p| p.0 <= bits);
                plain.sort_unstable();
                prop_assert_eq!(found, plain);
            }
        }
    }
}
