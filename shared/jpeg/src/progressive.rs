//! Files whose blocks come in several scans: progressive ones (ITU-T T.81, annex G), and sequential
//! ones with a scan for each component. The coefficients of all blocks down to the last row needed
//! are kept until the last scan.

use std::rc::Rc;

use crate::bits::Bits;
use crate::fault::Fault;
use crate::header::{Frame, ScanHeader, Step};
use crate::huffman::{Class, Table};
use crate::idct::{Block, PLACE};
use crate::scan::{Coder, Restarts, Tables};

/// The coefficients of one component.
pub(super) struct Coefficients {
    blocks: Vec<Block>,
    across: u32,
    /// Its quantisation factors when its first scan began; `None` before.
    pub(super) quantisation: Option<Block>,
}

impl Coefficients {
    pub(super) fn block(&self, x: u32, y: u32) -> &Block {
        &self.blocks[(y * self.across + x) as usize]
    }

    #[inline(always)]
    fn block_mut(&mut self, x: u32, y: u32) -> &mut Block {
        &mut self.blocks[(y * self.across + x) as usize]
    }
}

/// Size in bytes of the coefficients of `rows` rows of units.
pub(super) fn bytes(frame: &Frame, rows: u32) -> u64 {
    let blocks: u64 = frame.components.iter().map(|c| u64::from(c.h) * u64::from(c.v)).sum();
    blocks * u64::from(frame.units_across()) * u64::from(rows) * size_of::<Block>() as u64
}

/// Decodes all scans, each down to `rows` rows of units.
pub(super) fn decode(
    frame: &Frame,
    steps: &[Step<'_>],
    rows: u32,
) -> Result<Vec<Coefficients>, String> {
    let across = frame.units_across();
    let empty = |c: &crate::header::Component| Coefficients {
        blocks: vec![Block::ZERO; (across * c.h * rows * c.v) as usize],
        across: across * c.h,
        quantisation: None,
    };
    let mut all: Vec<Coefficients> = frame.components.iter().map(empty).collect();
    let mut tables = Tables::default();
    for &step in steps {
        tables.take(step)?;
        if let Step::Scan(header, data) = step {
            let scan = ScanHeader::parse(frame, header)?;
            for of in &scan.components {
                let coefficients = &mut all[of.component];
                if coefficients.quantisation.is_none() {
                    coefficients.quantisation = Some(tables.quantisation(frame, of.component)?);
                }
            }
            let mut pass = Pass::new(frame, &tables, &scan)?;
            walk(frame, &scan, &tables, rows, data, &mut all, &mut pass)?;
        }
    }
    Ok(all)
}

/// Visits the blocks of a scan in its order.
fn walk(
    frame: &Frame,
    scan: &ScanHeader,
    tables: &Tables<'_>,
    rows: u32,
    data: &[u8],
    all: &mut [Coefficients],
    pass: &mut Pass,
) -> Result<(), Fault> {
    let mut bits = Bits::new(data);
    let mut restarts = Restarts::new(tables.restart);
    if let [only] = scan.components[..] {
        // A single component has no units, and no blocks beyond its edge.
        let component = &frame.components[only.component];
        for y in 0..component.height.div_ceil(8).min(rows * component.v) {
            for x in 0..component.width.div_ceil(8) {
                if restarts.before_unit(&mut bits)? {
                    pass.restart();
                }
                pass.block(&mut bits, 0, all[only.component].block_mut(x, y))?;
            }
        }
        return Ok(());
    }
    for unit_y in 0..rows {
        for unit_x in 0..frame.units_across() {
            if restarts.before_unit(&mut bits)? {
                pass.restart();
            }
            for (at, of) in scan.components.iter().enumerate() {
                let component = &frame.components[of.component];
                for y in unit_y * component.v..(unit_y + 1) * component.v {
                    for x in unit_x * component.h..(unit_x + 1) * component.h {
                        pass.block(&mut bits, at, all[of.component].block_mut(x, y))?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The effect of a scan on a block.
enum Pass {
    /// All coefficients at once.
    Sequential(Vec<Coder>),
    /// The upper bits of DC: a table and a prediction for each component.
    DcFirst { coders: Vec<(Rc<Table>, i32)>, low: u32 },
    /// One more bit of DC.
    DcRefine { low: u32 },
    /// The upper bits of a band of AC, or one more bit of it.
    Ac(Band),
}

struct Band {
    table: Rc<Table>,
    first: usize,
    last: usize,
    low: u32,
    refine: bool,
    /// Number of blocks from here on in which no coefficient of the band becomes nonzero.
    empty: u32,
}

impl Pass {
    fn new(frame: &Frame, tables: &Tables<'_>, scan: &ScanHeader) -> Result<Self, Fault> {
        let low = scan.low;
        if !frame.progressive {
            return Ok(Self::Sequential(Coder::all(tables, scan)?));
        }
        if scan.first > 0 {
            let table = tables.ac(&scan.components[0], Class::Band)?;
            let (first, last, refine) = (scan.first, scan.last, scan.high != 0);
            return Ok(Self::Ac(Band { table, first, last, low, refine, empty: 0 }));
        }
        if scan.high != 0 {
            return Ok(Self::DcRefine { low });
        }
        let coders = scan
            .components
            .iter()
            .map(|of| Ok((tables.dc(of)?, 0)))
            .collect::<Result<_, Fault>>()?;
        Ok(Self::DcFirst { coders, low })
    }

    fn restart(&mut self) {
        match self {
            Self::Sequential(coders) => coders.iter_mut().for_each(Coder::restart),
            Self::DcFirst { coders, .. } => {
                coders.iter_mut().for_each(|(_, prediction)| *prediction = 0)
            }
            Self::DcRefine { .. } => {}
            Self::Ac(band) => band.empty = 0,
        }
    }

    /// `at`: the component's index in the scan.
    fn block(&mut self, bits: &mut Bits<'_>, at: usize, block: &mut Block) -> Result<(), Fault> {
        match self {
            Self::Sequential(coders) => {
                coders[at].block(bits, block)?;
            }
            Self::DcFirst { coders, low } => {
                let (table, prediction) = &mut coders[at];
                bits.refill();
                *prediction = prediction.wrapping_add(table.difference(bits)?);
                block.0[0] = prediction.wrapping_shl(*low) as i16;
            }
            Self::DcRefine { low } => {
                bits.refill();
                block.0[0] |= i16::from(bits.bit()) << *low;
            }
            Self::Ac(band) if band.refine => band.refine(bits, block)?,
            Self::Ac(band) => band.first(bits, block)?,
        }
        if bits.overrun() { Err(Fault::EndsEarly) } else { Ok(()) }
    }
}

impl Band {
    fn first(&mut self, reader: &mut Bits<'_>, block: &mut Block) -> Result<(), Fault> {
        if self.empty > 0 {
            self.empty -= 1;
            return Ok(());
        }
        let (mut bits, table) = (*reader, &*self.table);
        // Number of coefficients done.
        let mut k = self.first;
        while k <= self.last {
            bits.refill();
            let entry = table.look(&bits);
            let mut value = entry.value();
            if value != 0 {
                bits.consume(entry.length());
                k += entry.forward();
            } else {
                let symbol = table.symbol(entry, &mut bits)?;
                let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 && run != 15 {
                    self.empty = run_of_empty(&mut bits, run) - 1;
                    break;
                }
                value = bits.signed(size);
                k += run as usize + 1;
            }
            if k > self.last + 1 {
                return Err(Fault::TooManyCoefficients);
            }
            block.0[usize::from(PLACE[k & 127] & 63)] = value.wrapping_shl(self.low) as i16;
        }
        *reader = bits;
        Ok(())
    }

    fn refine(&mut self, bits: &mut Bits<'_>, block: &mut Block) -> Result<(), Fault> {
        let one = 1i16 << self.low;
        let mut k = self.first;
        if self.empty == 0 {
            while k <= self.last {
                bits.refill();
                let entry = self.table.look(bits);
                // Only a sign may follow: read separately if the lookup has consumed it already.
                let (mut zeros, fresh) = if entry.value() != 0 {
                    bits.consume(entry.length());
                    (entry.forward() - 1, if entry.value() > 0 { one } else { -one })
                } else {
                    let symbol = self.table.symbol(entry, bits)?;
                    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                    match (size, run) {
                        (0, 15) => (15, 0),
                        (0, _) => {
                            self.empty = run_of_empty(bits, run);
                            break;
                        }
                        _ => (run as usize, if bits.bit() { one } else { -one }),
                    }
                };
                // Passes over `zeros` zeros to the next one, and refines nonzero coefficients on
                // the way.
                loop {
                    let value = &mut block.0[usize::from(PLACE[(k + 1) & 127] & 63)];
                    if *value != 0 {
                        correct(bits, value, one);
                    } else if zeros == 0 {
                        *value = fresh;
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                    if k > self.last {
                        if fresh != 0 {
                            return Err(Fault::TooManyCoefficients);
                        }
                        break;
                    }
                }
                k += 1;
            }
        }
        if self.empty > 0 {
            for place in &PLACE[k + 1..self.last.max(k) + 2] {
                let value = &mut block.0[usize::from(place & 63)];
                if *value != 0 {
                    correct(bits, value, one);
                }
            }
            self.empty -= 1;
        }
        Ok(())
    }
}

/// The length of a run of blocks without new coefficients, this block included: 2ⁿ and the number
/// in n bits.
fn run_of_empty(bits: &mut Bits<'_>, n: u32) -> u32 {
    if n == 0 {
        return 1;
    }
    let more = bits.peek(n) as u32;
    bits.consume(n);
    (1 << n) + more
}

/// Consumes the bit that says whether a nonzero coefficient grows away from zero.
fn correct(bits: &mut Bits<'_>, value: &mut i16, one: i16) {
    bits.refill();
    if bits.bit() && *value & one == 0 {
        *value = value.wrapping_add(if *value >= 0 { one } else { -one });
    }
}
