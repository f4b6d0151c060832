//! A safe reader of pickles: Python dictionaries of lists, numbers, strings and NumPy arrays of
//! bytes.
//!
//! A pickle is a program, and a hostile one can run any code.
//! Here nothing is run: the two or three names that such files need are interpreted as data, and
//! every other name is refused.
//! The instructions are documented in Python's `pickletools`.

use std::collections::HashMap;
use std::ops::Range;

/// Largest number of values, which keeps memory below some hundred megabytes.
const VALUE_LIMIT: usize = 1 << 22;

/// The index of a value; cyclic references are harmless this way.
pub(super) type Id = usize;

/// A value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// None, a boolean or a float, none of which is needed.
    Other,
    Int(i64),
    /// Bytes or a string, as a range of the file.
    Bytes(Range<usize>),
    /// Bytes encoded as text: every character is one byte.
    Latin(Range<usize>),
    /// An unescaped string literal.
    Owned(Vec<u8>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An array of bytes: its shape and the value of its data.
    Array {
        shape: Vec<i64>,
        data: Option<Id>,
    },
    /// A type of array elements.
    Type(Vec<u8>),
    /// A known name.
    Global(Known),
}

/// The known names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Reconstruct,
    FromBuffer,
    Array,
    Type,
    Encode,
}

/// A pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    bytes: &'a [u8],
    values: Vec<Value>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle.
    ///
    /// # Errors
    /// When it names anything but arrays of bytes, or is damaged.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut reader = Reader {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = reader.run()?;
        Ok(Self { bytes, values: reader.values, root })
    }

    /// A member of the top-level dictionary.
    pub(super) fn member(&self, key: &str) -> Option<&Value> {
        let Value::Dict(members) = &self.values[self.root] else { return None };
        let found =
            members.iter().find(|(name, _)| self.text(&self.values[*name]) == Some(key.as_bytes()));
        found.map(|(_, value)| &self.values[*value])
    }

    /// The bytes of a string.
    pub(super) fn text<'b>(&'b self, value: &'b Value) -> Option<&'b [u8]> {
        match value {
            // Names are ASCII in every encoding.
            Value::Bytes(range) | Value::Latin(range) => Some(&self.bytes[range.clone()]),
            Value::Owned(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The values of a list.
    pub(super) fn list(&self, value: &Value) -> Option<impl Iterator<Item = &Value>> {
        let (Value::List(ids) | Value::Tuple(ids)) = value else { return None };
        Some(ids.iter().map(|&id| &self.values[id]))
    }

    /// The value of that index.
    pub(super) fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<Id, String> {
        loop {
            let instruction = self.take(1)?[0];
            match instruction {
                b'.' => return self.pop(),
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.since_mark()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other)?;
                }
                b'F' => {
                    self.line()?;
                    self.push(Value::Other)?;
                }
                b'K' | b'M' => {
                    let number = self.number(usize::from(instruction == b'M') + 1)?;
                    self.push(Value::Int(number as i64))?;
                }
                b'J' => {
                    let number = self.number(4)? as u32 as i32;
                    self.push(Value::Int(number.into()))?;
                }
                b'I' | b'L' => {
                    let line = self.line()?;
                    let number = line
                        .trim_end_matches('L')
                        .parse()
                        .map_err(|_| damaged(&format!("\"{line}\" is no number")))?;
                    self.push(Value::Int(number))?;
                }
                0x8a => {
                    let width = self.number(1)? as usize;
                    let digits = self.take(width)?;
                    let wide = digits.iter().rev().fold(0i128, |number, &digit| {
                        (number << 8 | i128::from(digit)) & ((1 << 64) - 1)
                    });
                    let negative = width < 9 && digits.last().is_some_and(|&last| last > 0x7f);
                    let number = if negative { wide - (1 << (8 * width)) } else { wide };
                    self.push(Value::Int(number as i64))?;
                }
                b'U' | b'C' | 0x8c => self.bytes(1)?,
                b'T' | b'B' | b'X' => self.bytes(4)?,
                0x8d | 0x8e | 0x96 => self.bytes(8)?,
                b'V' => {
                    let line = self.line()?;
                    self.push(Value::Owned(line.into_bytes()))?;
                }
                b'S' => {
                    let line = self.line()?;
                    let quoted = line.len() > 1
                        && line.starts_with(['\'', '"'])
                        && line.ends_with(['\'', '"']);
                    let text = if quoted { &line[1..line.len() - 1] } else { &line[..] };
                    self.push(Value::Owned(unescaped(text)))?;
                }
                b']' => self.push(Value::List(Vec::new()))?,
                b')' => self.push(Value::Tuple(Vec::new()))?,
                b'}' => self.push(Value::Dict(Vec::new()))?,
                b'l' | b't' => {
                    let items = self.since_mark()?;
                    self.push(if instruction == b'l' {
                        Value::List(items)
                    } else {
                        Value::Tuple(items)
                    })?;
                }
                b'd' => {
                    let members = pairs(&self.since_mark()?)?;
                    self.push(Value::Dict(members))?;
                }
                0x85..=0x87 => {
                    let from = self
                        .stack
                        .len()
                        .checked_sub(usize::from(instruction - 0x84))
                        .ok_or_else(short)?;
                    let items = self.stack.split_off(from);
                    self.push(Value::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(&[item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.extend(&items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.insert(vec![(key, value)])?;
                }
                b'u' => {
                    let members = pairs(&self.since_mark()?)?;
                    self.insert(members)?;
                }
                b'p' => {
                    let line = self.line()?;
                    let at = line.parse().map_err(|_| damaged("a memo has no number"))?;
                    let top = self.top()?;
                    self.memo.insert(at, top);
                }
                b'q' | b'r' => {
                    let at = self.number(if instruction == b'q' { 1 } else { 4 })?;
                    let top = self.top()?;
                    self.memo.insert(at, top);
                }
                0x94 => {
                    let top = self.top()?;
                    self.memo.insert(self.memo.len() as u64, top);
                }
                b'g' => {
                    let line = self.line()?;
                    let at = line.parse().map_err(|_| damaged("a memo has no number"))?;
                    self.fetch(at)?;
                }
                b'h' | b'j' => {
                    let at = self.number(if instruction == b'h' { 1 } else { 4 })?;
                    self.fetch(at)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let text = |id: Id| match &self.values[id] {
                        Value::Bytes(range) => {
                            Ok(String::from_utf8_lossy(&self.bytes[range.clone()]).into_owned())
                        }
                        Value::Owned(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
                        _ => Err(damaged("a name is no text")),
                    };
                    let (module, name) = (text(module)?, text(name)?);
                    self.global(&module, &name)?;
                }
                b'R' => self.reduce()?,
                b'b' => self.build()?,
                other => {
                    return Err(format!(
                        "instruction 0x{other:02x} is none that files of pictures need; nothing was executed"
                    ));
                }
            }
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let array = ["numpy.core.multiarray", "numpy._core.multiarray", "numpy"];
        let buffer = ["numpy.core.numeric", "numpy._core.numeric"];
        let known = match name {
            "_reconstruct" if array.contains(&module) => Known::Reconstruct,
            "_frombuffer" if buffer.contains(&module) => Known::FromBuffer,
            "ndarray" if array.contains(&module) => Known::Array,
            "dtype" if array.contains(&module) => Known::Type,
            "encode" if module == "_codecs" => Known::Encode,
            _ => {
                return Err(format!(
                    "it names {module}.{name}, which no file of pictures needs; nothing was executed"
                ));
            }
        };
        self.push(Value::Global(known))
    }

    /// The result of calling a known name.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Tuple(arguments), Value::Global(known)) =
            (&self.values[arguments], &self.values[function])
        else {
            return Err(damaged("what it calls has no name"));
        };
        let first = arguments.first().map(|&id| self.values[id].clone());
        let made = match (known, first) {
            (Known::Encode, Some(Value::Bytes(range))) => Value::Latin(range),
            (Known::Encode, Some(Value::Owned(text))) => Value::Owned(
                String::from_utf8_lossy(&text)
                    .chars()
                    .map(|c| u8::try_from(c).unwrap_or(b'?'))
                    .collect(),
            ),
            (Known::Reconstruct, _) => Value::Array { shape: Vec::new(), data: None },
            (Known::Type, Some(name)) => Value::Type(self.own(&name)),
            (Known::FromBuffer, Some(_)) => {
                let &[data, kind, shape, ..] = &arguments[..] else { return Err(short()) };
                self.array(shape, kind, data, false)?
            }
            _ => return Err(damaged("an array is made of nothing")),
        };
        self.push(made)
    }

    /// Sets the state of an array; that of a type is ignored.
    fn build(&mut self) -> Result<(), String> {
        let (state, target) = (self.pop()?, self.top()?);
        match (&self.values[target], &self.values[state]) {
            (Value::Type(_), _) => Ok(()),
            (Value::Array { .. }, Value::Tuple(items)) => {
                let &[_, shape, kind, order, data] = &items[..] else { return Err(short()) };
                let by_columns = self.values[order] == Value::Int(1);
                self.values[target] = self.array(shape, kind, data, by_columns)?;
                Ok(())
            }
            _ => Err(damaged("something else than an array is built")),
        }
    }

    fn array(&self, shape: Id, kind: Id, data: Id, by_columns: bool) -> Result<Value, String> {
        let Value::Tuple(extents) = &self.values[shape] else {
            return Err(damaged("an array has no shape"));
        };
        let extent =
            |&id: &Id| if let Value::Int(extent) = self.values[id] { Some(extent) } else { None };
        let shape: Option<Vec<i64>> = extents.iter().map(extent).collect();
        let shape = shape.ok_or_else(|| damaged("an array has no shape"))?;
        let name = match &self.values[kind] {
            Value::Type(name) => name.clone(),
            other => self.own(other),
        };
        let name = String::from_utf8_lossy(&name).trim_start_matches(['|', '<', '=']).to_owned();
        if name != "u1" && name != "uint8" && name != "B" {
            return Err(format!("an array holds \"{name}\", not bytes (u1)"));
        }
        if by_columns {
            return Err("an array is stored column by column (order F); save it with numpy.ascontiguousarray".into());
        }
        Ok(Value::Array { shape, data: Some(data) })
    }

    /// A short string as owned bytes.
    fn own(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::Bytes(range) | Value::Latin(range) => {
                self.bytes[range.clone()].iter().copied().take(64).collect()
            }
            Value::Owned(bytes) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    fn extend(&mut self, items: &[Id]) -> Result<(), String> {
        let list = self.top()?;
        let Value::List(all) = &mut self.values[list] else {
            return Err(damaged("something is appended to no list"));
        };
        all.extend(items);
        Ok(())
    }

    fn insert(&mut self, members: Vec<(Id, Id)>) -> Result<(), String> {
        let dict = self.top()?;
        let Value::Dict(all) = &mut self.values[dict] else {
            return Err(damaged("a member is given to no dictionary"));
        };
        all.extend(members);
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.values.len() >= VALUE_LIMIT {
            return Err(format!("it has more than {VALUE_LIMIT} values"));
        }
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.stack.pop().ok_or_else(short)
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(short)
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or_else(short)?;
        Ok(self.stack.split_off(mark))
    }

    fn fetch(&mut self, at: u64) -> Result<(), String> {
        let id =
            self.memo.get(&at).copied().ok_or_else(|| damaged("it refers to a missing value"))?;
        if self.stack.len() >= VALUE_LIMIT {
            return Err(format!("it has more than {VALUE_LIMIT} values"));
        }
        self.stack.push(id);
        Ok(())
    }

    /// Bytes or a string preceded by a length of `width` bytes.
    fn bytes(&mut self, width: usize) -> Result<(), String> {
        let length = self.number(width)?;
        let start = self.at;
        self.take(usize::try_from(length).map_err(|_| short())?)?;
        self.push(Value::Bytes(start..self.at))
    }

    /// A little-endian number of `width` bytes.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n').ok_or_else(short)?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).trim_end_matches('\r').to_owned())
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let end =
            self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or_else(short)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err(damaged("a member has no value")) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

/// Unescapes `\n`, `\x00`, `\\` and so on.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digit = |b: u8| char::from(b).to_digit(16).map(|digit| digit as u8);
        match after {
            [b'x', high, low, after @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                bytes.push(digit(*high).unwrap_or(0) * 16 + digit(*low).unwrap_or(0));
                rest = after;
            }
            [escaped, after @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => *other,
                });
                rest = after;
            }
            [] => {}
        }
    }
    bytes
}

fn damaged(what: &str) -> String {
    format!("it is no sound pickle: {what}")
}

fn short() -> String {
    damaged("it is truncated")
}
