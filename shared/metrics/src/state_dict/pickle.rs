//! Checks the globals named by the pickles of a `.pth` file, before any reader sees them.
//!
//! A pickle is a program: everything it calls is first named by a GLOBAL, STACK_GLOBAL or INST
//! instruction. Our reader calls nothing and skips unknown names. Even so, a file with such a name
//! is not a state dict, be it a whole module (`torch.save(model)`) or an attack on those who load
//! it with Python, so it is refused here with that name.
//!
//! Instructions: Python's `pickletools`. Containers: `torch.serialization`, back to the TAR files
//! of PyTorch before 0.1.10.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;

/// Upper bound of a `data.pkl` in bytes: names and shapes; those of the largest networks have some
/// hundred kilobytes.
const PICKLE_LIMIT: u64 = 64 << 20;
/// Upper bound of a relevant line or name in bytes; longer strings are skipped.
const NAME_LIMIT: u64 = 1 << 10;
/// Number of pickles at the start of files written by PyTorch 0.1.10 to 1.5: magic number, version,
/// system, state dict, names of the storages.
const LEGACY_PICKLES: usize = 5;
/// Position of a TAR file's magic.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Checks that every pickle of `file` names only what state dicts need; the error is a sentence.
pub(super) fn check(file: &mut File) -> Result<(), String> {
    let failed = |e: io::Error| e.to_string();
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    if start.starts_with(b"PK") {
        return check_zip(file);
    }
    if start.get(TAR_MAGIC) == Some(b"ustar") {
        return check_tar(file);
    }
    let mut reader = BufReader::new(file);
    Scan::new(&mut reader).run()?;
    if reader.fill_buf().map_err(failed)?.is_empty() {
        return Ok(());
    }
    (1..LEGACY_PICKLES).try_for_each(|_| Scan::new(&mut reader).run().map(drop))
}

fn check_zip(file: &mut File) -> Result<(), String> {
    let mut archive =
        ZipArchive::new(BufReader::new(file)).map_err(|e| format!("zip archive: {e}"))?;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|e| format!("zip archive: {e}"))?;
        let is_pickle = entry.name().map_err(|e| format!("zip archive: {e}"))?.ends_with(".pkl");
        if is_pickle {
            Scan::new(&mut BufReader::new(entry.take(PICKLE_LIMIT))).run()?;
        }
    }
    Ok(())
}

/// `pickle` and `sys_info` are one pickle each. `storages` and `tensors` are a pickled count, then
/// for each item a pickle and bytes: a storage's numbers after their count, or a tensor's extents,
/// strides and offset after the number of axes. A list of views follows the storages.
fn check_tar(file: &mut File) -> Result<(), String> {
    let failed = |e: io::Error| format!("tar archive: {e}");
    let mut archive = tar::Archive::new(BufReader::new(file));
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name =
            entry.path().map_err(failed)?.to_string_lossy().trim_start_matches("./").to_owned();
        let mut reader = BufReader::new(entry);
        match name.as_str() {
            "pickle" | "sys_info" => {
                Scan::new(&mut reader).run()?;
            }
            "storages" | "tensors" => {
                let count = Scan::new(&mut reader).run()?.integer;
                for _ in 0..count.ok_or("its list of tensors has no length: the file is damaged")? {
                    let seen = Scan::new(&mut reader).run()?;
                    let mut scan = Scan::new(&mut reader);
                    let length = if name == "tensors" {
                        // The number of axes is stored in 8 bytes, of which 4 count.
                        (scan.number(8)? as u32 as u64).checked_mul(16).map(|bytes| bytes + 8)
                    } else {
                        scan.number(8)?.checked_mul(
                            seen.storage.ok_or("a storage has no type: the file is damaged")?,
                        )
                    };
                    scan.skip(length.ok_or("a storage is too long: the file is damaged")?)?;
                }
                if name == "storages" {
                    Scan::new(&mut reader).run()?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Bytes per number of the storage `torch.{name}`, if it is one.
fn storage_width(module: &str, name: &str) -> Option<u64> {
    match name.strip_suffix("Storage").filter(|_| module == "torch")? {
        "Double" | "Long" => Some(8),
        "Float" | "Int" => Some(4),
        "Half" | "BFloat16" | "Short" => Some(2),
        "Char" | "Byte" | "Bool" => Some(1),
        _ => None,
    }
}

/// Returns true if state dicts use this global. `dtype`s accompany storages that have no type
/// themselves.
fn is_known(module: &str, name: &str) -> bool {
    match module {
        "collections" => name == "OrderedDict",
        "torch._utils" => matches!(
            name,
            "_rebuild_tensor"
                | "_rebuild_tensor_v2"
                | "_rebuild_tensor_v3"
                | "_rebuild_parameter"
                | "_rebuild_parameter_with_state"
        ),
        "torch" => {
            let is_type = |ending| {
                name.strip_suffix(ending)
                    .is_some_and(|kind| kind.chars().all(|c| c.is_ascii_alphanumeric()))
            };
            is_type("Storage")
                || is_type("Tensor")
                || matches!(
                    name,
                    "float16"
                        | "bfloat16"
                        | "float32"
                        | "float64"
                        | "int64"
                        | "int32"
                        | "uint8"
                        | "bool"
                        | "Size"
                )
        }
        "torch.storage" => matches!(name, "UntypedStorage" | "TypedStorage"),
        _ => false,
    }
}

/// The results of a pickle's last instructions, which are all of it if it is a number or a triple.
#[derive(Default)]
struct Seen {
    /// The last integer.
    integer: Option<u64>,
    /// Bytes per number of the last storage named.
    storage: Option<u64>,
}

/// One pass over the instructions of one pickle. Strings are tracked as far as STACK_GLOBAL needs
/// them: pushed directly before it, or fetched from the memo.
struct Scan<'a, R> {
    reader: &'a mut R,
    /// The strings on top of the stack, as far as they are certain.
    strings: Vec<String>,
    memo: HashMap<u32, Option<String>>,
    seen: Seen,
}

impl<'a, R: BufRead> Scan<'a, R> {
    fn new(reader: &'a mut R) -> Self {
        Self { reader, strings: Vec::new(), memo: HashMap::new(), seen: Seen::default() }
    }

    fn run(mut self) -> Result<Seen, String> {
        loop {
            let instruction = self.number(1)? as u8;
            match instruction {
                b'.' => return Ok(self.seen),
                // Globals.
                b'c' | b'i' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.meet(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.strings.pop(), self.strings.pop());
                    let (Some(module), Some(name)) = (module, name) else {
                        return Err("its pickle calls something whose name it puts together: that is no state dict".into());
                    };
                    self.meet(&module, &name)?;
                }
                0x82..=0x84 => {
                    return Err(
                        "its pickle calls something by a registered number: that is no state dict"
                            .into(),
                    );
                }
                // Strings.
                b'X' | b'T' => self.string(4)?,
                b'U' | 0x8c => self.string(1)?,
                0x8d => self.string(8)?,
                b'V' => {
                    let line = self.line()?;
                    self.strings.push(line);
                }
                // The memo does not change the stack.
                b'q' | b'r' => {
                    let at = self.number(if instruction == b'q' { 1 } else { 4 })? as u32;
                    self.memo.insert(at, self.strings.last().cloned());
                }
                b'p' => {
                    let at = self.index()?;
                    self.memo.insert(at, self.strings.last().cloned());
                }
                0x94 => {
                    self.memo.insert(self.memo.len() as u32, self.strings.last().cloned());
                }
                b'h' | b'j' => {
                    let at = self.number(if instruction == b'h' { 1 } else { 4 })? as u32;
                    self.fetch(at);
                }
                b'g' => {
                    let at = self.index()?;
                    self.fetch(at);
                }
                b'K' | b'M' | b'J' => {
                    self.strings.clear();
                    self.seen.integer = Some(self.number(if instruction == b'J' {
                        4
                    } else {
                        usize::from(instruction == b'M') + 1
                    })?);
                }
                b'I' | b'L' => {
                    self.strings.clear();
                    self.seen.integer = self.line()?.trim_end_matches('L').parse().ok();
                }
                _ => {
                    self.strings.clear();
                    self.pass_over(instruction)?;
                }
            }
        }
    }

    fn meet(&mut self, module: &str, name: &str) -> Result<(), String> {
        self.strings.clear();
        if is_known(module, name) {
            self.seen.storage = storage_width(module, name).or(self.seen.storage);
            return Ok(());
        }
        Err(format!(
            "its pickle names {module}.{name}, which no state dict needs; nothing was executed. If the file is a whole model of yours, save torch.save(model.state_dict(), …) instead"
        ))
    }

    fn fetch(&mut self, at: u32) {
        match self.memo.get(&at) {
            Some(Some(text)) => self.strings.push(text.clone()),
            _ => self.strings.clear(),
        }
    }

    /// Skips the argument of an instruction that names nothing.
    fn pass_over(&mut self, instruction: u8) -> Result<(), String> {
        let length = match instruction {
            b'(' | b'0' | b'1' | b'2' | b'N' | b'R' | b'b' | b'd' | b'l' | b't' | b's' | b'a'
            | b'o' => 0,
            b')' | b']' | b'}' | b'e' | b'u' | b'Q' => 0,
            0x81 | 0x85..=0x89 | 0x8f..=0x92 | 0x97 | 0x98 => 0,
            0x80 => 1,
            b'G' | 0x95 => 8,
            b'C' | 0x8a => self.number(1)?,
            b'B' | 0x8b => self.number(4)?,
            0x8e | 0x96 => self.number(8)?,
            b'F' | b'P' | b'S' => return self.line().map(drop),
            other => {
                return Err(format!(
                    "byte 0x{other:02x} is not a pickle instruction: the file is damaged or something else"
                ));
            }
        };
        self.skip(length)
    }

    /// Reads a string preceded by its length in `width` bytes.
    fn string(&mut self, width: usize) -> Result<(), String> {
        let length = self.number(width)?;
        if length > NAME_LIMIT {
            self.strings.clear();
            return self.skip(length);
        }
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(ended)?;
        self.strings.push(String::from_utf8_lossy(&bytes).into_owned());
        Ok(())
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        let skipped =
            io::copy(&mut self.reader.by_ref().take(length), &mut io::sink()).map_err(ended)?;
        if skipped == length { Ok(()) } else { Err(ended(io::ErrorKind::UnexpectedEof.into())) }
    }

    /// Reads a little-endian number of `width` bytes, 8 at most.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        let mut bytes = [0; 8];
        self.reader.read_exact(&mut bytes[..width]).map_err(ended)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut bytes = Vec::new();
        // Twice the limit, so that a truncated line is longer than any name.
        self.reader.by_ref().take(2 * NAME_LIMIT).read_until(b'\n', &mut bytes).map_err(ended)?;
        if bytes.pop() != Some(b'\n') {
            return Err(
                "its pickle has a line without an end: the file is cut off or damaged".into()
            );
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn index(&mut self) -> Result<u32, String> {
        let line = self.line()?;
        line.parse().map_err(|_| {
            format!("its pickle has {line:?} where a number belongs: the file is damaged")
        })
    }
}

fn ended(e: io::Error) -> String {
    if e.kind() == io::ErrorKind::UnexpectedEof {
        "its pickle ends early: the file is cut off".into()
    } else {
        e.to_string()
    }
}
