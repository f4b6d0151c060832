//! Tensors of PyTorch's files, by their pickles: where their numbers lie, read without PyTorch and
//! without running anything.
//!
//! A file of `torch.save` is a zip with one pickle and a member for each storage (since PyTorch
//! 1.6), or five pickles (magic number, version, system, object, names of the storages) and then
//! the storages, each behind its length (`torch.serialization`, `_legacy_save`). A tensor that is
//! pickled by itself holds such a file of a single storage as a string, which
//! `torch.storage._load_from_bytes` would open.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Names, Pickle, Value};

/// The most axes of a tensor.
const AXES: usize = 8;
/// The lowest 64 bits of the number that files before PyTorch 1.6 start with, 0x1950a86a20f9469cfc6c.
const MAGIC: i64 = 0xa86a_20f9_469c_fc6c_u64 as i64;
/// The most bytes of the pickles of a file of one storage, which name its type and length: some
/// hundred.
const NESTED_LIMIT: usize = 1 << 12;
/// The call that opens a file of one storage.
const NESTED: &str = "torch.storage._load_from_bytes";

/// The type of floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float {
    /// IEEE half precision.
    F16,
    /// The upper half of an [`F32`](Self::F32).
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Float {
    /// Bytes of a number.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn of_storage(name: &str) -> Option<Self> {
        match name {
            "torch.HalfStorage" => Some(Self::F16),
            "torch.BFloat16Storage" => Some(Self::Bf16),
            "torch.FloatStorage" => Some(Self::F32),
            "torch.DoubleStorage" => Some(Self::F64),
            _ => None,
        }
    }
}

/// Consecutive numbers of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Storage {
    float: Float,
    bytes: Range<usize>,
}

/// A tensor of floating-point numbers, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its extents.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub float: Float,
    strides: Vec<usize>,
    offset: usize,
    bytes: Range<usize>,
}

impl Tensor {
    /// Without axes of extent 1, from the front and then from the back, as long as it has more than
    /// `axes`.
    #[must_use]
    pub fn squeezed(mut self, axes: usize) -> Self {
        while self.shape.len() > axes && self.shape.first() == Some(&1) {
            self.shape.remove(0);
            self.strides.remove(0);
        }
        while self.shape.len() > axes && self.shape.last() == Some(&1) {
            self.shape.pop();
            self.strides.pop();
        }
        self
    }

    /// The numbers in row-major order, little-endian. `file` is the file that it was found in.
    #[must_use]
    pub fn read(&self, file: &[u8]) -> Vec<u8> {
        let (size, count) = (self.float.size(), self.shape.iter().product::<usize>());
        if self.is_contiguous() {
            return file[self.bytes.start + self.offset * size..][..count * size].to_vec();
        }
        let mut bytes = Vec::with_capacity(count * size);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let place: usize = index.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum();
            let start = self.bytes.start + (self.offset + place) * size;
            bytes.extend_from_slice(&file[start..start + size]);
            for (i, extent) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < *extent {
                    break;
                }
                *i = 0;
            }
        }
        bytes
    }

    /// Returns true if its numbers lie one behind the other in row-major order.
    fn is_contiguous(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(extent, stride)| {
            let follows = *extent == 1 || *stride == step;
            step *= extent;
            follows
        })
    }
}

/// Returns true for the names that pickles of tensors and of dictionaries of them call.
#[must_use]
pub fn is_known(module: &str, name: &str) -> bool {
    match module {
        "torch._utils" => matches!(name, "_rebuild_tensor_v2" | "_rebuild_parameter"),
        "torch.storage" => name == "_load_from_bytes",
        "torch" => {
            name == "Size"
                || name.strip_suffix("Storage").is_some_and(|kind| {
                    !kind.is_empty() && kind.bytes().all(|c| c.is_ascii_alphanumeric())
                })
        }
        "collections" => name == "OrderedDict",
        _ => false,
    }
}

/// A pickle with the storages beside it.
#[derive(Debug)]
pub struct TorchFile<'a> {
    /// The object that was saved.
    pub pickle: Pickle<'a>,
    file: &'a [u8],
    /// Where each storage lies, by its key.
    storages: HashMap<Vec<u8>, Range<usize>>,
}

impl<'a> TorchFile<'a> {
    /// Reads a plain pickle, whose tensors hold their storages themselves.
    ///
    /// # Errors
    /// If it calls anything but `names`, or is damaged.
    pub fn of_pickle(file: &'a [u8], names: &Names<'_>) -> Result<Self, String> {
        Ok(Self { pickle: Pickle::read(file, names)?, file, storages: HashMap::new() })
    }

    /// Reads a file of `torch.save`, of any version since 0.4.
    ///
    /// # Errors
    /// If its pickle calls anything but `names`, or it is damaged.
    pub fn read(file: &'a [u8], names: &Names<'_>) -> Result<Self, String> {
        Self::read_part(file, 0..file.len(), usize::MAX, names)
    }

    /// Returns true if `file` starts like a file of `torch.save`.
    #[must_use]
    pub fn is_one(file: &[u8]) -> bool {
        let names = Names { known: &|_, _| false, of: "number" };
        file.starts_with(b"PK")
            || Pickle::read(file, &names).is_ok_and(|first| *first.root() == Value::Int(MAGIC))
    }

    /// Reads the bytes `part` of `file`, at most `limit` of them as pickles.
    fn read_part(
        file: &'a [u8],
        part: Range<usize>,
        limit: usize,
        names: &Names<'_>,
    ) -> Result<Self, String> {
        if file[part.clone()].starts_with(b"PK") {
            Self::read_zip(file, part, limit, names)
        } else {
            Self::read_legacy(file, part, limit, names)
        }
    }

    fn read_zip(
        file: &'a [u8],
        part: Range<usize>,
        limit: usize,
        names: &Names<'_>,
    ) -> Result<Self, String> {
        let failed = |e: zip::result::ZipError| format!("it is no sound zip file: {e}");
        let mut zip = ZipArchive::new(Cursor::new(&file[part.clone()])).map_err(failed)?;
        let (mut pickle, mut storages) = (None, HashMap::new());
        for i in 0..zip.len() {
            let member = zip.by_index(i).map_err(failed)?;
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            // Below a folder with the name of the file.
            let Some((_, name)) = name.split_once('/') else { continue };
            let start = member.data_start().and_then(|start| usize::try_from(start).ok());
            let bytes = start.zip(usize::try_from(member.size()).ok()).and_then(|(start, size)| {
                let start = part.start.checked_add(start)?;
                let end = start.checked_add(size)?;
                (end <= part.end).then_some(start..end)
            });
            let stored = member.compression() == CompressionMethod::Stored;
            let bytes = || {
                bytes.clone().filter(|_| stored).ok_or_else(|| {
                    format!("{name} is not stored as it is: PyTorch did not write this zip file")
                })
            };
            if name == "data.pkl" {
                let Range { start, end } = bytes()?;
                let end = end.min(start.saturating_add(limit));
                pickle = Some(Pickle::read_at(&file[..end], start, names)?);
            } else if name == "byteorder" {
                if file[bytes()?] == *b"big" {
                    return Err(BIG_ENDIAN.into());
                }
            } else if let Some(key) = name.strip_prefix("data/") {
                storages.insert(key.as_bytes().to_vec(), bytes()?);
            }
        }
        let pickle = pickle.ok_or("it is a zip file without a data.pkl: no file of torch.save")?;
        Ok(Self { pickle, file, storages })
    }

    fn read_legacy(
        file: &'a [u8],
        part: Range<usize>,
        limit: usize,
        names: &Names<'_>,
    ) -> Result<Self, String> {
        let within = &file[..part.end.min(part.start.saturating_add(limit))];
        let first = Pickle::read_at(within, part.start, names)?;
        if *first.root() != Value::Int(MAGIC) {
            return Err("it does not start like a file of torch.save".into());
        }
        let version = Pickle::read_at(within, first.end(), names)?;
        let system = Pickle::read_at(within, version.end(), names)?;
        if system.member(system.root(), "little_endian") == Some(&Value::Bool(false)) {
            return Err(BIG_ENDIAN.into());
        }
        let pickle = Pickle::read_at(within, system.end(), names)?;
        let keys = Pickle::read_at(within, pickle.end(), names)?;
        let list = keys.list(keys.root()).ok_or("it has no list of storages")?;
        let (mut at, mut storages) = (keys.end(), HashMap::new());
        let widths = storage_widths(&pickle);
        for key in list {
            let key = keys.text(key).ok_or("a storage has no name")?;
            let width = widths.get(key).ok_or("a storage is in no tensor")?;
            let (count, rest) = file[at..part.end]
                .split_first_chunk::<8>()
                .ok_or("a storage is missing: the file is cut off")?;
            let length = usize::try_from(u64::from_le_bytes(*count)).ok();
            let length = length.and_then(|count| count.checked_mul(*width));
            let length = length.filter(|length| *length <= rest.len());
            let length = length.ok_or("a storage is longer than the file: it is cut off")?;
            storages.insert(key.to_vec(), at + 8..at + 8 + length);
            at += 8 + length;
        }
        Ok(Self { pickle, file, storages })
    }

    /// The tensor that `value` is; `None` if it is none of floating-point numbers.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn tensor(&self, value: &Value, names: &Names<'_>) -> Result<Option<Tensor>, String> {
        let pickle = &self.pickle;
        let parameter = pickle.call(value, "torch._utils._rebuild_parameter");
        let value = parameter.as_ref().and_then(|arguments| arguments.first()).unwrap_or(&value);
        let Some(arguments) = pickle.call(value, "torch._utils._rebuild_tensor_v2") else {
            return Ok(None);
        };
        let [storage, offset, shape, strides, ..] = arguments[..] else {
            return Err("a tensor lacks its shape".into());
        };
        let Some(Storage { float, bytes }) = self.storage(storage, names)? else {
            return Ok(None);
        };
        let extent = |value: &Value| match value {
            Value::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        };
        let list = |value: &Value| -> Option<Vec<usize>> {
            let size = pickle.call(value, "torch.Size");
            let value = size.as_ref().and_then(|size| size.first()).copied().unwrap_or(value);
            pickle.list(value)?.take(AXES + 1).map(extent).collect()
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (extent(offset), list(shape), list(strides))
        else {
            return Err("a tensor's shape is no list of numbers".into());
        };
        if shape.len() != strides.len() || shape.len() > AXES {
            return Err(format!("a tensor has {} axes and {} strides", shape.len(), strides.len()));
        }
        let held = bytes.len() / float.size();
        let count = shape.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        let last = shape.iter().zip(&strides).try_fold(offset, |last, (n, stride)| {
            last.checked_add(n.saturating_sub(1).checked_mul(*stride)?)
        });
        // More numbers than there are would be a view that repeats them, which no weight is.
        if count.is_none_or(|count| count > held)
            || (count != Some(0) && last.is_none_or(|last| last >= held))
        {
            return Err(format!("a tensor of shape {shape:?} lies beyond its {held} numbers"));
        }
        Ok(Some(Tensor { shape, float, strides, offset, bytes }))
    }

    /// The storage that `value` stands for; `None` if its numbers are integers.
    fn storage(&self, value: &Value, names: &Names<'_>) -> Result<Option<Storage>, String> {
        if let Some(arguments) = self.pickle.call(value, NESTED) {
            let Some(Value::Bytes(part)) = arguments.first() else {
                return Err("a storage is no string of bytes".into());
            };
            let nested = Self::read_part(self.file, part.clone(), NESTED_LIMIT, names)?;
            return match nested.pickle.root() {
                Value::Persistent(_) => nested.named(nested.pickle.root()),
                _ => Err("a storage is something else".into()),
            };
        }
        self.named(value)
    }

    /// The storage that the persistent value names.
    fn named(&self, value: &Value) -> Result<Option<Storage>, String> {
        let (kind, key, count) =
            named(&self.pickle, value).ok_or("a tensor has no storage, or one of another kind")?;
        let Some(float) = Float::of_storage(kind) else { return Ok(None) };
        let bytes = self.storages.get(key);
        let bytes = bytes.ok_or("a storage is missing: the file is cut off or damaged")?;
        if count.checked_mul(float.size()) != Some(bytes.len()) {
            return Err(format!("a storage of {count} numbers has {} bytes", bytes.len()));
        }
        Ok(Some(Storage { float, bytes: bytes.clone() }))
    }
}

const BIG_ENDIAN: &str = "it was written by a machine whose numbers have their highest byte first; \
                          save it again on another";

/// The type, key and length of the storage that a persistent value names:
/// `("storage", type, key, location, length, …)`.
fn named<'p>(pickle: &'p Pickle<'_>, value: &'p Value) -> Option<(&'p str, &'p [u8], usize)> {
    let Value::Persistent(id) = value else { return None };
    let mut parts = pickle.list(pickle.value(*id))?;
    let mut next = || parts.next();
    let (tag, kind, key, _, count) = (next()?, next()?, next()?, next()?, next()?);
    match (kind, count) {
        (Value::Name(kind), Value::Int(count)) if pickle.text(tag) == Some(b"storage") => {
            Some((kind, pickle.text(key)?, usize::try_from(*count).ok()?))
        }
        _ => None,
    }
}

/// Bytes of a number of each storage, by its key.
fn storage_widths(pickle: &Pickle<'_>) -> HashMap<Vec<u8>, usize> {
    let width = |kind: &str| match kind.strip_prefix("torch.").unwrap_or(kind) {
        "DoubleStorage" | "LongStorage" => 8,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "CharStorage" | "ByteStorage" | "BoolStorage" => 1,
        _ => 4,
    };
    let of = |value: &Value| {
        let (kind, key, _) = named(pickle, value)?;
        Some((key.to_vec(), width(kind)))
    };
    pickle.values().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NAMES: Names<'static> = Names { known: &is_known, of: "network file" };

    fn golden(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../metrics/tests/golden");
        fledge_base::fs::read(folder.join(name)).expect(name)
    }

    #[test]
    fn tensors_of_old_and_new_files_are_read_also_where_they_are_views() {
        for name in ["floats.pth", "floats-legacy.pth"] {
            let bytes = golden(name);
            assert!(TorchFile::is_one(&bytes));
            let file = TorchFile::read(&bytes, &NAMES).expect(name);
            let tensor = |key: &str| {
                let value = file.pickle.member(file.pickle.root(), key).expect(key);
                file.tensor(value, &NAMES).expect(key)
            };
            let single = tensor("f32").expect("floats");
            assert_eq!((single.shape.as_slice(), single.float), (&[2, 3][..], Float::F32));
            let numbers = |tensor: &Tensor| -> Vec<f32> {
                let bytes = tensor.read(&bytes);
                bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
            };
            assert_eq!(numbers(&single), [0.5, -1.25, 3.0, 1024.0, 0.0, -0.007_812_5]);
            let turned = tensor("transposed").expect("floats");
            assert_eq!(turned.shape, [3, 2]);
            assert_eq!(numbers(&turned), [0.5, 1024.0, -1.25, 0.0, 3.0, -0.007_812_5]);
            for (key, float) in [("f16", Float::F16), ("bf16", Float::Bf16), ("f64", Float::F64)] {
                let tensor = tensor(key).expect(key);
                assert_eq!((tensor.float, tensor.read(&bytes).len()), (float, 6 * float.size()));
            }
            assert_eq!(tensor("integer"), None);
        }
    }

    #[test]
    fn axes_of_one_are_dropped_from_the_front_and_then_from_the_back() {
        let of = |shape: &[usize], axes| {
            let strides = vec![1; shape.len()];
            let float = Float::F32;
            let tensor = Tensor { shape: shape.to_vec(), float, strides, offset: 0, bytes: 0..0 };
            tensor.squeezed(axes).shape
        };
        assert_eq!(of(&[1, 3, 1, 1], 1), [3]);
        assert_eq!(of(&[1, 1, 2, 3, 3], 4), [1, 2, 3, 3]);
        assert_eq!(of(&[2, 3], 1), [2, 3]);
    }

    #[test]
    fn views_beyond_their_storage_and_views_that_repeat_it_are_refused() {
        let bytes = golden("floats-legacy.pth");
        let file = TorchFile::read(&bytes, &NAMES).expect("sound");
        let value = file.pickle.member(file.pickle.root(), "f32").expect("there");
        assert!(file.tensor(value, &NAMES).is_ok());
        // The extents (2, 3) and the strides (3, 1), which occur side by side.
        let numbers = [b"K\x02K\x03\x86", b"K\x03K\x01\x86"];
        for (old, new) in [(numbers[0], b"K\x02K\x09\x86"), (numbers[1], b"K\x09K\x01\x86")] {
            let mut bytes = bytes.clone();
            let places: Vec<usize> =
                (0..bytes.len() - 5).filter(|at| bytes[*at..].starts_with(old)).collect();
            assert!(!places.is_empty());
            for at in places {
                bytes[at..at + 5].copy_from_slice(new);
            }
            let file = TorchFile::read(&bytes, &NAMES).expect("a sound pickle");
            let value = file.pickle.member(file.pickle.root(), "f32").expect("there");
            let error = file.tensor(value, &NAMES).expect_err("beyond");
            assert!(error.contains("beyond its 6 numbers"), "{error}");
        }
    }
}
