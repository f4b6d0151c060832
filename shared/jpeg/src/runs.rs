//! Runs of blocks that a window does not need, in a sequential scan: the decoder only skips them.
//! The ends of blocks are practically random, and a mispredicted branch costs the time of several
//! codes. So nothing branches there: each lookup selects the table of the next one, that of the
//! block's AC coefficients or that of the next block's DC difference.

use std::hint::select_unpredictable;

use crate::bits::Bits;
use crate::fault::Fault;
use crate::huffman::{Pair, Table};
use crate::instructions::Instructions;
use crate::scan::Coder;
use crate::skips::{SKIP_LENGTH, Skip, Skips};

/// Upper bound of blocks per unit: four components of 4 × 4.
pub(super) const UNIT_BLOCKS: usize = 64;
/// Flag in the count: the block has ended. Below it, the number of coefficients done.
const ENDED: usize = Pair::END;

/// The tables of one block of a unit.
#[derive(Clone, Copy)]
struct Tables<T> {
    ac: T,
    /// The table of the next block's DC difference.
    next: T,
}

/// The tables of the blocks of a unit, in order.
pub(super) struct Unit<'a> {
    all: Vec<Tables<&'a Table>>,
    skips: Vec<Tables<&'a Skips>>,
    first: &'a Table,
}

/// The state of a run.
struct Place {
    /// Number of blocks done.
    done: usize,
    /// Index of the block in its unit.
    at: usize,
    /// Number of its coefficients done, 0 before its DC difference.
    k: usize,
}

impl Place {
    /// Advances by `ahead` within the block, or to the next one if [`ENDED`] is set; returns 1 for
    /// the latter.
    #[inline(always)]
    fn go(&mut self, ahead: usize, unit: usize) -> usize {
        let ended = ahead >> 7;
        self.done += ended;
        let next = self.at + ended;
        self.at = select_unpredictable(next == unit, 0, next);
        self.k = ahead & ended.wrapping_sub(1);
        ended
    }
}

impl<'a> Unit<'a> {
    /// `blocks`: the coder of each block.
    pub(super) fn new(coders: &'a [Coder], blocks: impl Iterator<Item = usize> + Clone) -> Self {
        let next = blocks.clone().cycle().skip(1);
        let pairs =
            blocks.clone().zip(next).map(|(own, next)| (&*coders[own].ac, &*coders[next].dc));
        let all = pairs.map(|(ac, next)| Tables { ac, next }).collect();
        Self { all, skips: Vec::new(), first: &coders[blocks.clone().next().unwrap_or(0)].dc }
    }

    /// Skips `count` blocks, the first of which begins a unit. Adds the DC differences to `sums`,
    /// by the block's index in the unit.
    pub(super) fn skip(
        &mut self,
        reader: &mut Bits<'_>,
        count: usize,
        sums: &mut [i32; UNIT_BLOCKS],
        with: impl Instructions,
    ) -> Result<(), Fault> {
        if self.skips.is_empty() {
            self.skips = self
                .all
                .iter()
                .map(|of| Tables { ac: of.ac.skips(), next: of.next.skips() })
                .collect();
        }
        #[cfg(target_arch = "x86_64")]
        if with.avx2().is_some() {
            // SAFETY: a value of `Avx2` exists only if the machine supports the instructions that
            // this is compiled for.
            return unsafe { self.skip_with_avx2(reader, count, sums) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = with;
        self.skip_any(reader, count, sums)
    }

    /// A separate function, so that the loop has all registers.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    #[inline(never)]
    fn skip_with_avx2(
        &self,
        reader: &mut Bits<'_>,
        count: usize,
        sums: &mut [i32; UNIT_BLOCKS],
    ) -> Result<(), Fault> {
        self.skip_any(reader, count, sums)
    }

    #[inline(always)]
    fn skip_any(
        &self,
        reader: &mut Bits<'_>,
        count: usize,
        sums: &mut [i32; UNIT_BLOCKS],
    ) -> Result<(), Fault> {
        let (mut bits, unit) = (*reader, &self.skips[..]);
        let mut place = Place { done: 0, at: 0, k: 0 };
        let (mut table, mut tables) = (self.first.skips(), unit[0]);
        'run: loop {
            bits.refill();
            for _ in 0..56 / SKIP_LENGTH {
                if place.done == count {
                    break 'run;
                }
                let entry: Skip = table.look(&bits);
                let mut ahead = place.k + entry.forward();
                let mut value = entry.value();
                let slow = ahead & 64 != 0;
                if slow {
                    let codes = if place.k > 0 {
                        self.all[place.at].ac
                    } else {
                        // The block before it selects the table.
                        self.all[place.at.checked_sub(1).unwrap_or(unit.len() - 1)].next
                    };
                    (ahead, value) =
                        one(&mut bits, codes, place.k).map_err(|fault| bits.or_end(fault))?;
                    value = if place.k > 0 { 0 } else { value };
                } else {
                    bits.consume(entry.length());
                }
                let sum = &mut sums[place.at % UNIT_BLOCKS];
                *sum = sum.wrapping_add(value);
                let ended = place.go(ahead, unit.len());
                table = select_unpredictable(ended != 0, tables.next, tables.ac);
                tables = unit[place.at];
                if slow {
                    continue 'run;
                }
            }
        }
        *reader = bits;
        if bits.overrun() { Err(Fault::EndsEarly) } else { Ok(()) }
    }
}

/// Decodes a single code after `k` coefficients of the block; returns the new count, with
/// [`ENDED`], and the last coefficient.
#[inline(always)]
fn one(bits: &mut Bits<'_>, table: &Table, k: usize) -> Result<(usize, i32), Fault> {
    bits.refill();
    if k == 0 {
        return Ok((1, table.difference(bits)?));
    }
    let entry = table.look(bits);
    let (mut value, mut ahead) = (entry.value(), k);
    if value != 0 {
        bits.consume(entry.length());
        ahead += entry.forward();
    } else {
        let symbol = table.symbol(entry, bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 && run != 15 {
            return Ok((k | ENDED, 0));
        }
        value = bits.signed(size);
        ahead += run + 1;
    }
    match ahead {
        ..64 => Ok((ahead, value)),
        64 => Ok((64 | ENDED, value)),
        _ => Err(Fault::TooManyCoefficients),
    }
}
