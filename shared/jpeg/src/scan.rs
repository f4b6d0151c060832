//! Entropy-coded blocks of a sequential scan.

use std::rc::Rc;

use crate::bits::Bits;
use crate::fault::Fault;
use crate::header::{Frame, ScanComponent, ScanHeader, Step};
use crate::huffman::{Class, Pair, Table, table};
use crate::idct::{Block, PLACE};

/// The tables in force at some point of the file.
#[derive(Default)]
pub(super) struct Tables<'a> {
    dc: [Option<&'a [u8]>; 4],
    ac: [Option<&'a [u8]>; 4],
    quantisation: [Option<Block>; 4],
    /// Units between two restart markers, 0 for none.
    pub(super) restart: u32,
}

impl<'a> Tables<'a> {
    /// Applies the definitions of a step; a scan has none.
    pub(super) fn take(&mut self, step: Step<'a>) -> Result<(), Fault> {
        match step {
            Step::Huffman(body) => self.take_huffman(body),
            Step::Quantisation(body) => self.take_quantisation(body),
            Step::Restart(interval) => {
                self.restart = interval;
                Ok(())
            }
            Step::Scan(..) => Ok(()),
        }
    }

    fn take_huffman(&mut self, mut body: &'a [u8]) -> Result<(), Fault> {
        while let Some((&kind, rest)) = body.split_first() {
            let counts = rest.get(..16).ok_or(Fault::BadTable)?;
            let length = 16 + counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            let (definition, rest) = rest.split_at_checked(length).ok_or(Fault::BadTable)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let place = tables
                .get_mut(usize::from(kind & 15))
                .filter(|_| kind >> 4 < 2)
                .ok_or(Fault::BadTable)?;
            *place = Some(definition);
            body = rest;
        }
        Ok(())
    }

    fn take_quantisation(&mut self, mut body: &'a [u8]) -> Result<(), Fault> {
        while let Some((&kind, rest)) = body.split_first() {
            let bytes = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(Fault::BadTable),
            };
            let (factors, rest) = rest.split_at_checked(64 * bytes).ok_or(Fault::BadTable)?;
            let mut block = Block::ZERO;
            for (&place, factor) in PLACE[1..].iter().zip(factors.chunks_exact(bytes)) {
                // Products are taken modulo 2¹⁶, so the sign of a large factor does not matter.
                let factor = factor.iter().fold(0u16, |word, &byte| word << 8 | u16::from(byte));
                block.0[usize::from(place)] = factor as i16;
            }
            *self.quantisation.get_mut(usize::from(kind & 15)).ok_or(Fault::BadTable)? =
                Some(block);
            body = rest;
        }
        Ok(())
    }

    /// The factors of a component.
    pub(super) fn quantisation(&self, frame: &Frame, component: usize) -> Result<Block, Fault> {
        self.quantisation[frame.components[component].quantisation].ok_or(Fault::NoTable)
    }

    pub(super) fn dc(&self, of: &ScanComponent) -> Result<Rc<Table>, Fault> {
        table(Class::Dc, self.dc[of.dc].ok_or(Fault::NoTable)?)
    }

    pub(super) fn ac(&self, of: &ScanComponent, class: Class) -> Result<Rc<Table>, Fault> {
        table(class, self.ac[of.ac].ok_or(Fault::NoTable)?)
    }
}

/// One component of a sequential scan, with its tables.
pub(super) struct Coder {
    pub(super) component: usize,
    pub(super) dc: Rc<Table>,
    pub(super) ac: Rc<Table>,
    /// The DC coefficient of the previous block.
    prediction: i32,
}

impl Coder {
    pub(super) fn all(tables: &Tables<'_>, scan: &ScanHeader) -> Result<Vec<Self>, Fault> {
        let coder = |of: &ScanComponent| {
            Ok(Self {
                component: of.component,
                dc: tables.dc(of)?,
                ac: tables.ac(of, Class::Ac)?,
                prediction: 0,
            })
        };
        scan.components.iter().map(coder).collect()
    }

    pub(super) fn restart(&mut self) {
        self.prediction = 0;
    }

    /// Decodes one block into `block`.
    pub(super) fn block(&mut self, reader: &mut Bits<'_>, block: &mut Block) -> Result<(), Fault> {
        decode_block(&self.dc, &self.ac, &mut self.prediction, reader, block).map(|_| ())
    }
}

/// Decodes one block into `block`; `prediction` is the DC coefficient of the previous block.
/// Returns true if there are coefficients besides DC.
#[inline(always)]
pub(super) fn decode_block(
    dc: &Table,
    ac: &Table,
    prediction: &mut i32,
    reader: &mut Bits<'_>,
    block: &mut Block,
) -> Result<bool, Fault> {
    // A copy of the reader, so that everything stays in registers.
    let mut bits = *reader;
    bits.refill();
    *prediction = prediction.wrapping_add(dc.difference(&mut bits)?);
    *block = Block::ZERO;
    block.0[0] = *prediction as i16;
    // Number of coefficients done.
    let mut k = 1;
    'coefficients: loop {
        bits.refill();
        // Four lookups consume 40 of 56 bits. A lookup that reads more refills and leaves 41.
        for _ in 0..4 {
            let pair = ac.look_for_two(&bits);
            if pair.length() != 0 {
                let ahead = k + pair.forward();
                // In this order: if the first is the last of the block, it must remain.
                block.0[usize::from(PLACE[(k + pair.last_place()) & 127] & 63)] = pair.last_value();
                block.0[usize::from(PLACE[(k + pair.first_place()) & 127] & 63)] =
                    pair.first_value();
                if ahead < 64 {
                    bits.consume(pair.length());
                    k = ahead;
                    continue;
                }
                if k + pair.first_place() >= 64 {
                    // The block is full, the second code belongs to the next one.
                    bits.consume(pair.first_length());
                    k += pair.first_place();
                } else {
                    bits.consume(pair.length());
                    k = ahead & !Pair::END;
                }
                break 'coefficients;
            }
            let entry = ac.look(&bits);
            let mut value = entry.value();
            if value != 0 {
                bits.consume(entry.length());
                k += entry.forward();
            } else {
                let symbol = ac.symbol(entry, &mut bits)?;
                let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 && run != 15 {
                    break 'coefficients;
                }
                bits.refill();
                value = bits.signed(size);
                k += run + 1;
            }
            block.0[usize::from(PLACE[k & 127] & 63)] = value as i16;
            if k >= 64 {
                break 'coefficients;
            }
        }
    }
    *reader = bits;
    if k > 64 {
        return Err(Fault::TooManyCoefficients);
    }
    if bits.overrun() {
        return Err(Fault::EndsEarly);
    }
    Ok(k > 1)
}

/// Counts the units of a scan between restart markers.
pub(super) struct Restarts {
    interval: u32,
    left: u32,
    done: u32,
}

impl Restarts {
    pub(super) fn new(interval: u32) -> Self {
        Self { interval, left: interval, done: 0 }
    }

    /// To be called before a run of `most` units: returns the number that may follow before the
    /// next marker, and true if a marker was passed and predictions restart.
    pub(super) fn before_run(
        &mut self,
        bits: &mut Bits<'_>,
        most: u32,
    ) -> Result<(u32, bool), Fault> {
        if self.interval == 0 {
            return Ok((most, false));
        }
        let due = self.before_unit(bits)?;
        let units = most.min(self.left + 1);
        self.left -= units - 1;
        Ok((units, due))
    }

    /// To be called before each unit; returns true if a marker was passed and predictions restart.
    #[inline(always)]
    pub(super) fn before_unit(&mut self, bits: &mut Bits<'_>) -> Result<bool, Fault> {
        if self.interval == 0 {
            return Ok(false);
        }
        let due = self.left == 0;
        if due {
            if !bits.restart(self.done) {
                return Err(Fault::NoRestart);
            }
            (self.left, self.done) = (self.interval, self.done.wrapping_add(1));
        }
        self.left -= 1;
        Ok(due)
    }
}
