//! Decoding a window of a picture: selects the units of blocks that it needs, and processes one row
//! of them after the other.

use crate::bits::Bits;
use crate::fault::Fault;
use crate::header::{Color, Frame, Header, ScanHeader, Step};
use crate::idct::{self, Block};
use crate::instructions::{Avx2, Instructions};
use crate::progressive::{self, Coefficients};
use crate::runs::{UNIT_BLOCKS, Unit};
use crate::scan::{Coder, Restarts, Tables, decode_block};
use crate::upsample::{Extent, Plane};
use crate::{Pixels, Window, huffman};

/// The parts of a file that a window needs.
pub(crate) struct Plan {
    window: Window,
    channels: u32,
    extents: Vec<Extent>,
    /// First and last row of units needed.
    first_row: u32,
    last_row: u32,
    /// First and last column of units needed.
    first_column: u32,
    last_column: u32,
    /// Number of rows of units decoded.
    coded_rows: u32,
    /// Whether all units are decoded, needed or not: only that shows whether the file is complete.
    to_the_end: bool,
    /// Whether the last row of pixels in a row of units also needs the next row of units.
    looks_down: bool,
    /// Whether one scan holds everything: its blocks become pixels at once.
    streams: bool,
}

impl Plan {
    pub(crate) fn new(header: &Header<'_>, window: Window) -> Self {
        let frame = &header.frame;
        let extents: Vec<Extent> =
            frame.components.iter().map(|c| Extent::of(frame, c, window)).collect();
        let pairs = || frame.components.iter().zip(&extents);
        let first_row = pairs().map(|(c, e)| *e.unit_rows(c).start()).min().unwrap_or(0);
        let last_row = pairs().map(|(c, e)| *e.unit_rows(c).end()).max().unwrap_or(0);
        let first_column = pairs().map(|(c, e)| e.first_unit_column(c)).min().unwrap_or(0);
        let last_column = pairs().map(|(c, e)| e.last_unit_column(c)).max().unwrap_or(0);
        let first_scan = header.steps.iter().find_map(|step| match step {
            Step::Scan(body, _) => body.first(),
            _ => None,
        });
        let streams = !frame.progressive
            && first_scan.is_some_and(|&n| usize::from(n) == frame.components.len());
        let looks_down = extents.iter().any(Extent::looks_down);
        let coded_rows = if header.unended { frame.units_down() } else { last_row + 1 };
        Self {
            window,
            channels: header.color.channels(),
            extents,
            first_row,
            last_row,
            first_column,
            last_column,
            coded_rows,
            to_the_end: header.unended,
            looks_down,
            streams,
        }
    }

    /// Bytes that decoding allocates at its peak, result included.
    pub(crate) fn memory(&self, header: &Header<'_>) -> u64 {
        let frame = &header.frame;
        let planes: u64 = frame
            .components
            .iter()
            .zip(&self.extents)
            .map(|(c, extent)| extent.bytes(c, self.window))
            .sum();
        let coefficients =
            if self.streams { 0 } else { progressive::bytes(frame, self.coded_rows) };
        // Lists over a few components and steps.
        let lists = 4096;
        self.result_bytes() + planes + coefficients + huffman::TABLES_BYTES + lists
    }

    /// [`Plan::decode`] compiled with AVX2, for more and wider registers; its integer arithmetic
    /// gives the same pixels.
    pub(crate) fn decode_with_avx2(
        &self,
        header: &Header<'_>,
        avx2: Avx2,
    ) -> Result<Pixels, String> {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn decode(plan: &Plan, header: &Header<'_>, avx2: Avx2) -> Result<Pixels, String> {
            plan.decode(header, avx2)
        }
        // SAFETY: a value of `Avx2` exists only if the machine supports these instructions.
        #[cfg(target_arch = "x86_64")]
        return unsafe { decode(self, header, avx2) };
        #[cfg(not(target_arch = "x86_64"))]
        self.decode(header, avx2)
    }

    /// The pixels.
    #[inline(always)]
    pub(crate) fn decode(
        &self,
        header: &Header<'_>,
        with: impl Instructions,
    ) -> Result<Pixels, String> {
        let Header { frame, color, steps, .. } = header;
        if !self.streams {
            let coefficients = progressive::decode(frame, steps, self.coded_rows)?;
            let mut canvas = Canvas::new(frame, *color, self);
            canvas.fill(frame, self, &coefficients, with)?;
            return Ok(canvas.picture);
        }
        let mut tables = Tables::default();
        for &step in steps {
            tables.take(step)?;
            if let Step::Scan(header, data) = step {
                let scan = ScanHeader::parse(frame, header)?;
                let mut canvas = Canvas::new(frame, *color, self);
                canvas.stream(frame, self, (&scan, &tables, data), with)?;
                return Ok(canvas.picture);
            }
        }
        Err(Fault::NoScan.into())
    }

    fn result_bytes(&self) -> u64 {
        u64::from(self.window.width) * u64::from(self.window.height) * u64::from(self.channels)
    }
}

/// A block's position in a unit.
struct Spot {
    coder: usize,
    x: u32,
    y: u32,
    /// Blocks of the component per unit, across and down.
    across: u32,
    down: u32,
}

impl Spot {
    /// All blocks of a component in a unit, in order.
    fn all(coder: usize, of: &Coder, frame: &Frame) -> impl Iterator<Item = Self> {
        let (across, down) = (frame.components[of.component].h, frame.components[of.component].v);
        (0..down).flat_map(move |y| (0..across).map(move |x| Self { coder, x, y, across, down }))
    }
}

/// The picture being decoded, and one row of units of each component.
struct Canvas {
    color: Color,
    planes: Vec<Plane>,
    picture: Pixels,
    /// The next row of the stored picture to write.
    next: u32,
}

impl Canvas {
    fn new(frame: &Frame, color: Color, plan: &Plan) -> Self {
        let window = plan.window;
        let pairs = frame.components.iter().zip(&plan.extents);
        let planes = pairs
            .map(|(component, extent)| Plane::new(component, extent.clone(), window))
            .collect();
        let (width, height, channels) = (window.width, window.height, plan.channels);
        let picture =
            Pixels { width, height, channels, pixels: vec![0; plan.result_bytes() as usize] };
        Self { color, planes, picture, next: window.top }
    }

    /// Decodes a scan of all components, from its start to the last unit needed.
    #[inline(always)]
    fn stream(
        &mut self,
        frame: &Frame,
        plan: &Plan,
        (scan, tables, data): (&ScanHeader, &Tables<'_>, &[u8]),
        with: impl Instructions,
    ) -> Result<(), Fault> {
        let coders = Coder::all(tables, scan)?;
        let factors = coders
            .iter()
            .map(|c| tables.quantisation(frame, c.component))
            .collect::<Result<Vec<Block>, Fault>>()?;
        let spots: Vec<Spot> =
            coders.iter().enumerate().flat_map(|(coder, of)| Spot::all(coder, of, frame)).collect();
        let mut unit = Unit::new(&coders, spots.iter().map(|spot| spot.coder));
        let mut predictions = [0i32; 4];
        let mut bits = Bits::new(data);
        let mut restarts = Restarts::new(tables.restart);
        let mut block = Block::ZERO;
        for unit_y in 0..plan.coded_rows {
            let is_last = unit_y == plan.last_row && !plan.to_the_end;
            let columns = if is_last { plan.last_column + 1 } else { frame.units_across() };
            let outside = unit_y < plan.first_row || unit_y > plan.last_row;
            let wanted =
                if outside { columns..columns } else { plan.first_column..plan.last_column + 1 };
            let mut unit_x = 0;
            while unit_x < columns {
                let keep = wanted.contains(&unit_x);
                let end = match keep {
                    true => wanted.end,
                    false if unit_x < wanted.start => wanted.start,
                    false => columns,
                };
                let (units, anew) = restarts.before_run(&mut bits, end - unit_x)?;
                if anew {
                    predictions = [0; 4];
                }
                if keep {
                    for unit_x in unit_x..unit_x + units {
                        for spot in &spots {
                            let Coder { dc, ac, component, .. } = &coders[spot.coder];
                            let (factors, plane) =
                                (&factors[spot.coder], &mut self.planes[*component]);
                            let some = decode_block(
                                dc,
                                ac,
                                &mut predictions[spot.coder],
                                &mut bits,
                                &mut block,
                            )?;
                            let x = unit_x * spot.across + spot.x;
                            if !plane.extent.wants(x, unit_y * spot.down + spot.y) {
                                // An edge of the unit.
                            } else if some {
                                plane.put(x, spot.y, &idct::transform(&block, factors, with));
                            } else {
                                plane.put_flat(x, spot.y, idct::flat(block.0[0], factors));
                            }
                        }
                    }
                } else {
                    let mut sums = [0; UNIT_BLOCKS];
                    unit.skip(&mut bits, units as usize * spots.len(), &mut sums, with)?;
                    for (spot, sum) in spots.iter().zip(sums) {
                        predictions[spot.coder] = predictions[spot.coder].wrapping_add(sum);
                    }
                }
                unit_x += units;
            }
            if unit_y <= plan.last_row {
                self.emit(frame, plan, unit_y, with);
            }
        }
        Ok(())
    }

    /// Computes the pixels from complete coefficients.
    #[inline(always)]
    fn fill(
        &mut self,
        frame: &Frame,
        plan: &Plan,
        all: &[Coefficients],
        with: impl Instructions,
    ) -> Result<(), Fault> {
        for unit_y in plan.first_row..=plan.last_row {
            for ((component, plane), coefficients) in
                frame.components.iter().zip(&mut self.planes).zip(all)
            {
                let factors = coefficients.quantisation.as_ref().ok_or(Fault::NoScan)?;
                for y in 0..component.v {
                    for x in plane.extent.columns() {
                        let block = coefficients.block(x, unit_y * component.v + y);
                        plane.put(x, y, &idct::transform(block, factors, with));
                    }
                }
            }
            self.emit(frame, plan, unit_y, with);
        }
        Ok(())
    }

    /// Writes the rows of the picture that are complete after this row of units.
    #[inline(always)]
    fn emit(&mut self, frame: &Frame, plan: &Plan, unit_y: u32, with: impl Instructions) {
        if unit_y < plan.first_row {
            return;
        }
        let waits = plan.looks_down && unit_y + 1 < frame.units_down();
        let end = ((unit_y + 1) * 8 * frame.down - u32::from(waits))
            .min(plan.window.top + plan.window.height);
        let stride = self.picture.width as usize * self.picture.channels as usize;
        while self.next < end {
            let y = self.next;
            let mut rows = [&[][..]; 4];
            for plane in &mut self.planes {
                plane.prepare(y, unit_y);
            }
            for (row, plane) in rows.iter_mut().zip(&self.planes) {
                *row = plane.row(y, unit_y);
            }
            let at = (y - plan.window.top) as usize * stride;
            self.color.convert(rows, &mut self.picture.pixels[at..at + stride], with);
            self.next += 1;
        }
        self.planes.iter_mut().for_each(Plane::advance);
    }
}
