//! Huffman tables (ITU-T T.81, annex C and F.2.2.3) as lookups that return the code and, if it is
//! short enough, also the value after it in one step.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::bits::{Bits, LOOKUP_BITS, extend};
use crate::fault::Fault;
use crate::skips::{SKIP_LENGTH, Skip, Skips};

/// Bits indexed by a lookup of two symbols: at 8 bytes an entry, 11 would fill the cache.
const PAIR_BITS: u32 = 10;
/// Tables cached by a thread: the four of annex K, and as many for a picture with its own.
const KEPT: usize = 8;
/// Size of a table in bytes.
pub(super) const TABLE_BYTES: u64 = (size_of::<Table>() + size_of::<Skips>()) as u64 + 512;
/// Total size of all tables that can be alive at once: those cached and those of a scan.
pub(super) const TABLES_BYTES: u64 = (KEPT as u64 + 8) * TABLE_BYTES;

/// The meaning of the codes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Sizes of DC differences.
    Dc,
    /// A run of zeros and the size of the coefficient behind it, in a sequential scan.
    Ac,
    /// [`Class::Ac`] in a progressive scan, where codes for a run of zeros until the end mean more.
    Band,
}

/// One table, ready for decoding.
///
/// An entry of `lookup`, from its lowest bit: 8 bits for the number of bits to consume (0: the code
/// is longer than the lookup, or invalid); 8 bits for the symbol; 16 bits for the value if code and
/// value together fit the lookup, else 0. In entries with a value the symbol is replaced by the
/// number of coefficients to advance, run + 1.
pub(super) struct Table {
    lookup: [u32; 1 << LOOKUP_BITS],
    /// By length: the first code beyond those of this length and below, left-aligned in 16 bits.
    limits: [u32; 17],
    /// By length: the offset from a code to its index in `symbols`.
    offsets: [i32; 17],
    symbols: [u8; 256],
    /// Two symbols at once; a single one for [`Class::Dc`], none for [`Class::Band`].
    pairs: [Pair; 1 << PAIR_BITS],
    /// Built when the first block is skipped.
    skips: OnceCell<Box<Skips>>,
    class: Class,
}

impl Table {
    /// `definition`: 16 counts, then the symbols.
    fn new(class: Class, definition: &[u8]) -> Result<Self, Fault> {
        let (counts, symbols) = definition.split_at_checked(16).ok_or(Fault::BadTable)?;
        let mut table = Self {
            lookup: [0; 1 << LOOKUP_BITS],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
            pairs: [Pair::NONE; 1 << PAIR_BITS],
            skips: OnceCell::new(),
            class,
        };
        table.symbols.get_mut(..symbols.len()).ok_or(Fault::BadTable)?.copy_from_slice(symbols);
        let (mut code, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            table.offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let &symbol = symbols.get(place).ok_or(Fault::BadTable)?;
                if class == Class::Dc && symbol > 15 {
                    return Err(Fault::BadTable);
                }
                // A code of ones only is forbidden: it could not be distinguished from fill bits.
                if code + 1 >= 1 << length {
                    return Err(Fault::BadTable);
                }
                if length <= LOOKUP_BITS {
                    table.enter(class, code, length, symbol);
                }
                (code, place) = (code + 1, place + 1);
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        match class {
            Class::Dc => table.enter_differences(),
            Class::Ac => table.enter_pairs(),
            Class::Band => {}
        }
        Ok(table)
    }

    fn enter_pairs(&mut self) {
        for bits in 0..1u32 << PAIR_BITS {
            let Some(first) = self.coefficient(bits, PAIR_BITS) else { continue };
            let second = self
                .coefficient(bits << first.length, PAIR_BITS - first.length)
                .filter(|_| !first.ends);
            self.pairs[bits as usize] = match second {
                // A block that ends writes a zero at the next position.
                None if first.ends => Pair::new([first.length; 2], [1, 0], [0; 2], true),
                None => Pair::new([first.length; 2], [first.forward; 2], [first.value; 2], false),
                Some(second) => {
                    let value = if second.ends { first.value } else { second.value };
                    let lengths = [first.length, first.length + second.length];
                    let places = [first.forward, first.forward + second.forward];
                    Pair::new(lengths, places, [first.value, value], second.ends)
                }
            };
        }
    }

    fn enter_differences(&mut self) {
        let entries =
            self.lookup.iter().step_by(1 << (LOOKUP_BITS - PAIR_BITS)).map(|&entry| Entry(entry));
        for (pair, entry) in self.pairs.iter_mut().zip(entries) {
            let zero = entry.length() != 0 && entry.0 >> 8 == 0;
            if (zero || entry.value() != 0) && entry.length() <= PAIR_BITS {
                *pair = Pair::new([entry.length(); 2], [1; 2], [entry.value(); 2], false);
            }
        }
    }

    /// The same codes for skipping blocks; not for [`Class::Band`].
    pub(super) fn skips(&self) -> &Skips {
        self.skips.get_or_init(|| {
            let mut skips = Box::new(Skips([Skip::NONE; 1 << LOOKUP_BITS]));
            for (bits, skip) in skips.0.iter_mut().enumerate() {
                *skip = self.skip(bits);
            }
            skips
        })
    }

    /// The codes skipped at the front of [`LOOKUP_BITS`] bits: the first even if its value is
    /// incomplete, and those after it that are complete.
    fn skip(&self, bits: usize) -> Skip {
        let (mut length, mut forward) = (0, 0);
        loop {
            let entry = Entry(self.lookup[bits << length & ((1 << LOOKUP_BITS) - 1)]);
            let (symbol, plain) = (entry.0 >> 8 & 0xff, entry.value() == 0);
            let taken = length + entry.length() + if plain { symbol & 15 } else { 0 };
            let known = entry.length() != 0
                && (taken <= LOOKUP_BITS || length == 0 && taken <= SKIP_LENGTH);
            let ends = plain && symbol & 15 == 0 && symbol != 0xf0;
            let ahead = forward + if plain { (symbol >> 4) as usize + 1 } else { entry.forward() };
            if self.class == Class::Dc {
                // The difference is needed, so its bits must be present.
                return if known && (!plain || symbol == 0) {
                    Skip::new(taken, 1, entry.value())
                } else {
                    Skip::NONE
                };
            }
            if known && ends {
                return Skip::new(taken, forward | Pair::END, 0);
            }
            if !known || ahead >= 64 {
                return if length == 0 { Skip::NONE } else { Skip::new(length, forward, 0) };
            }
            (length, forward) = (taken, ahead);
            if length >= LOOKUP_BITS {
                return Skip::new(length, forward, 0);
            }
        }
    }

    /// The coefficient at the front of [`PAIR_BITS`] bits, if the first `known` of them determine
    /// it.
    fn coefficient(&self, bits: u32, known: u32) -> Option<Coefficient> {
        let at = (bits << (LOOKUP_BITS - PAIR_BITS)) as usize % self.lookup.len();
        let entry =
            Some(Entry(self.lookup[at])).filter(|entry| (1..=known).contains(&entry.length()))?;
        let (length, value) = (entry.length(), entry.value());
        if value != 0 {
            return Some(Coefficient {
                length,
                forward: entry.forward() as u32,
                value,
                ends: false,
            });
        }
        let symbol = entry.0 >> 8 & 0xff;
        let forward = if symbol == 0xf0 { 16 } else { 0 };
        (symbol & 15 == 0).then_some(Coefficient { length, forward, value, ends: forward == 0 })
    }

    /// Fills all entries that begin with a code.
    fn enter(&mut self, class: Class, code: u32, length: u32, symbol: u8) {
        let entries = &mut self.lookup[(code << (LOOKUP_BITS - length)) as usize..]
            [..1 << (LOOKUP_BITS - length)];
        let size = u32::from(symbol & 15);
        entries.fill(u32::from(symbol) << 8 | length);
        if size == 0 || length + size > LOOKUP_BITS {
            return;
        }
        let forward = if class == Class::Dc { 1 } else { u32::from(symbol >> 4) + 1 };
        let each = 1 << (LOOKUP_BITS - length - size);
        for (bits, same) in (0..).zip(entries.chunks_exact_mut(each)) {
            same.fill((extend(bits, size) as u32) << 16 | forward << 8 | (length + size));
        }
    }

    #[inline(always)]
    pub(super) fn look(&self, bits: &Bits<'_>) -> Entry {
        Entry(self.lookup[bits.peek(LOOKUP_BITS)])
    }

    #[inline(always)]
    pub(super) fn look_for_two(&self, bits: &Bits<'_>) -> Pair {
        self.pairs[bits.peek(PAIR_BITS)]
    }

    /// Consumes the code of an entry without a value and returns its symbol.
    ///
    /// # Errors
    /// If no code begins with these bits.
    #[inline(always)]
    pub(super) fn symbol(&self, entry: Entry, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        if entry.length() != 0 {
            bits.consume(entry.length());
            return Ok((entry.0 >> 8) as u8);
        }
        let (symbol, length) = self.long_symbol(bits.peek(16) as u32)?;
        bits.consume(length);
        Ok(symbol)
    }

    /// The symbol and the length of a code beyond the lookup, at the front of 16 bits. It does not
    /// take the reader, which then stays in registers.
    #[cold]
    #[inline(never)]
    fn long_symbol(&self, ahead: u32) -> Result<(u8, u32), Fault> {
        for length in LOOKUP_BITS + 1..=16 {
            if ahead < self.limits[length as usize] {
                let place = (ahead >> (16 - length)) as i32 + self.offsets[length as usize];
                let symbol = usize::try_from(place)
                    .ok()
                    .and_then(|place| self.symbols.get(place))
                    .ok_or(Fault::BadCode)?;
                return Ok((*symbol, length));
            }
        }
        Err(Fault::BadCode)
    }

    /// A DC difference.
    ///
    /// # Errors
    /// If no code begins with these bits.
    #[inline(always)]
    pub(super) fn difference(&self, bits: &mut Bits<'_>) -> Result<i32, Fault> {
        let entry = self.look(bits);
        if entry.value() != 0 {
            bits.consume(entry.length());
            return Ok(entry.value());
        }
        let size = self.symbol(entry, bits)?;
        Ok(bits.signed(u32::from(size & 15)))
    }
}

/// An entry of [`Table`]'s lookup.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    /// The value after the code, 0 if it must be read separately.
    #[inline(always)]
    pub(super) fn value(self) -> i32 {
        self.0 as i32 >> 16
    }

    /// Bits of the code, and of the value if there is one.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xff
    }

    /// In an entry with a value: coefficients to advance.
    #[inline(always)]
    pub(super) fn forward(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }
}

/// One AC symbol with its value.
struct Coefficient {
    length: u32,
    /// Coefficients to advance, this one included.
    forward: u32,
    /// 0 for a run of zeros.
    value: i32,
    /// The rest of the block is zero.
    ends: bool,
}

/// One or two coefficients with their codes; a single one is stored twice.
#[derive(Clone, Copy)]
pub(super) struct Pair(u64);

impl Pair {
    /// Not even one fits the lookup; it advances by 64, so that one test finds this and an overfull
    /// block.
    const NONE: Self = Self(64 << 24);

    fn new(lengths: [u32; 2], places: [u32; 2], values: [i32; 2], ends: bool) -> Self {
        let values = values.map(|value| u64::from(value as u16));
        // The end of a block alone has its zero one ahead, but does not advance.
        let forward = if ends { places[1] | Self::END as u32 } else { places[1] };
        let last = if places[1] == 0 { 1 } else { places[1] };
        let small = lengths[1] | lengths[0] << 4 | places[0] << 8 | last << 16 | forward << 24;
        Self(u64::from(small) | values[0] << 32 | values[1] << 48)
    }

    /// Bits of all its codes.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 as u32 & 15
    }

    /// Bits of the first code.
    #[inline(always)]
    pub(super) fn first_length(self) -> u32 {
        self.0 as u32 >> 4 & 15
    }

    /// The distance to the first coefficient. The end of a block is a zero one ahead.
    #[inline(always)]
    pub(super) fn first_place(self) -> usize {
        (self.0 as u32 >> 8 & 0xff) as usize
    }

    /// The distance to the last coefficient.
    #[inline(always)]
    pub(super) fn last_place(self) -> usize {
        (self.0 as u32 >> 16 & 0xff) as usize
    }

    /// Coefficients to advance, 64 for [`Pair::NONE`], plus [`Pair::END`] if the block ends there.
    #[inline(always)]
    pub(super) fn forward(self) -> usize {
        (self.0 as u32 >> 24) as usize
    }

    /// The end mark in [`Pair::forward`].
    pub(super) const END: usize = 0x80;

    #[inline(always)]
    pub(super) fn first_value(self) -> i16 {
        (self.0 >> 32) as i16
    }

    #[inline(always)]
    pub(super) fn last_value(self) -> i16 {
        (self.0 >> 48) as i16
    }
}

/// A table and its definition.
struct Kept {
    class: Class,
    definition: Vec<u8>,
    table: Rc<Table>,
}

thread_local! {
    /// The tables used last, the newest first: most files use those of annex K, and building them
    /// takes a twentieth of the time of a small picture.
    static TABLES: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The table of a definition, as stored in the file.
///
/// # Errors
/// If the definition is invalid.
pub(super) fn table(class: Class, definition: &[u8]) -> Result<Rc<Table>, Fault> {
    TABLES.with_borrow_mut(|kept| {
        if let Some(at) = kept.iter().position(|k| k.class == class && k.definition == definition) {
            kept[..=at].rotate_right(1);
            return Ok(Rc::clone(&kept[0].table));
        }
        let table = Rc::new(Table::new(class, definition)?);
        kept.truncate(KEPT - 1);
        kept.insert(0, Kept { class, definition: definition.to_vec(), table: Rc::clone(&table) });
        Ok(table)
    })
}
