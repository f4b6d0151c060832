//! A reader of Python's pickles that runs nothing.
//!
//! A pickle is a program: it names functions and calls them, and a hostile one can run any code.
//! Here a call is data: an [`Object`] that says what would have been called with which arguments.
//! Only names that the caller expects are accepted, so a file that names anything else is refused
//! with that name. The instructions are documented in Python's `pickletools`.
//!
//! Values lie in one list and refer to each other by index, so that neither depth nor cycles need
//! recursion here; those who walk through values bound their own depth. Strings are ranges of the
//! file. Memory stays within some multiple of the file's size.
//!
//! ```
//! use fledge_archives::pickle::{Names, Pickle, Value};
//!
//! // pickle.dumps({"epoch": 7}, 2)
//! let bytes = b"\x80\x02}U\x05epochK\x07s.";
//! let names = Names { known: &|_, _| false, of: "table" };
//! let pickle = Pickle::read(bytes, &names)?;
//! assert_eq!(pickle.member(pickle.root(), "epoch"), Some(&Value::Int(7)));
//!
//! let hostile = b"cos\nsystem\n(S'rm -r /'\ntR.";
//! assert!(Pickle::read(hostile, &names).unwrap_err().contains("os.system"));
//! # Ok::<(), String>(())
//! ```

use std::collections::HashMap;
use std::ops::Range;

/// Largest number of values, which keeps memory below some hundred megabytes.
const VALUE_LIMIT: usize = 1 << 22;

/// The index of a value; cyclic references are harmless this way.
pub type Id = usize;

/// A value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A boolean.
    Bool(bool),
    /// An integer; of longer ones the lowest 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// Bytes or a string, as a range of the file.
    Bytes(Range<usize>),
    /// An unescaped string literal.
    Owned(Vec<u8>),
    /// A list.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A set.
    Set(Vec<Id>),
    /// A dictionary. Of equal keys the last counts.
    Dict(Vec<(Id, Id)>),
    /// A known name, as `module.name`.
    Name(String),
    /// The result of a call.
    Object(Box<Object>),
    /// What the file that the pickle lies in stores elsewhere, by the value that identifies it.
    Persistent(Id),
}

/// A call that was not made, and what was then done to its result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// The name that would have been called, as `module.name`.
    pub name: String,
    /// The tuple of arguments.
    pub arguments: Id,
    /// The state that it was given.
    pub state: Option<Id>,
    /// The members that it was given, if it is a dictionary.
    pub members: Vec<(Id, Id)>,
}

/// The names that a pickle may call.
#[derive(Clone, Copy)]
pub struct Names<'n> {
    /// Whether a module's name is accepted.
    pub known: &'n dyn Fn(&str, &str) -> bool,
    /// The kind of the file, for errors: `table`.
    pub of: &'n str,
}

/// A pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    bytes: &'a [u8],
    values: Vec<Value>,
    root: Id,
    end: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`.
    ///
    /// # Errors
    /// If it calls anything but `names`, or is damaged.
    pub fn read(bytes: &'a [u8], names: &Names<'_>) -> Result<Self, String> {
        Self::read_at(bytes, 0, names)
    }

    /// Reads the pickle that starts at byte `at`. Ranges are those of `bytes`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at(bytes: &'a [u8], at: usize, names: &Names<'_>) -> Result<Self, String> {
        let mut reader = Reader {
            bytes,
            at,
            names,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = reader.run()?;
        Ok(Self { bytes, values: reader.values, root, end: reader.at })
    }

    /// The value that the pickle stands for.
    #[must_use]
    pub fn root(&self) -> &Value {
        &self.values[self.root]
    }

    /// The byte behind its last.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// The value of that index.
    #[must_use]
    pub fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// All values, in the order of the file.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// The bytes of a string.
    #[must_use]
    pub fn text<'b>(&'b self, value: &'b Value) -> Option<&'b [u8]> {
        match value {
            Value::Bytes(range) => Some(&self.bytes[range.clone()]),
            Value::Owned(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The values of a list or tuple.
    #[must_use]
    pub fn list(&self, value: &Value) -> Option<impl Iterator<Item = &Value>> {
        let (Value::List(ids) | Value::Tuple(ids)) = value else { return None };
        Some(ids.iter().map(|&id| &self.values[id]))
    }

    /// The members of a dictionary, plain or of a class of its own, in order.
    #[must_use]
    pub fn members<'b>(
        &'b self,
        value: &'b Value,
    ) -> Option<impl DoubleEndedIterator<Item = (&'b Value, &'b Value)>> {
        let members = match value {
            Value::Dict(members) => members,
            Value::Object(object) => &object.members,
            _ => return None,
        };
        Some(members.iter().map(|&(key, value)| (&self.values[key], &self.values[value])))
    }

    /// The member `key` of a dictionary.
    #[must_use]
    pub fn member<'b>(&'b self, value: &'b Value, key: &str) -> Option<&'b Value> {
        let found = |name: &Value| self.text(name) == Some(key.as_bytes());
        self.members(value)?.rfind(|(name, _)| found(name)).map(|(_, value)| value)
    }

    /// The arguments of the call `name`, if `value` is its result.
    #[must_use]
    pub fn call<'b>(&'b self, value: &'b Value, name: &str) -> Option<Vec<&'b Value>> {
        let Value::Object(object) = value else { return None };
        let arguments = self.list(&self.values[object.arguments])?;
        (object.name == name).then(|| arguments.collect())
    }
}

struct Reader<'a, 'n> {
    bytes: &'a [u8],
    at: usize,
    names: &'n Names<'n>,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Reader<'_, '_> {
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
                b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memorise(instruction)?,
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.name(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = (self.word(module)?, self.word(name)?);
                    self.name(&module, &name)?;
                }
                b'R' | 0x81 => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    self.call(function, arguments)?;
                }
                b'b' => self.build()?,
                b'Q' => {
                    let id = self.pop()?;
                    self.push(Value::Persistent(id))?;
                }
                b']' | b')' | b'}' | 0x8f | b'l' | b't' | b'd' | 0x91 | 0x85..=0x87 => {
                    self.collect(instruction)?;
                }
                b'a' | b'e' | b's' | b'u' | 0x90 => self.extend(instruction)?,
                _ => self.literal(instruction)?,
            }
        }
    }

    /// Numbers, strings and constants.
    fn literal(&mut self, instruction: u8) -> Result<(), String> {
        let value = match instruction {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool(instruction == 0x88),
            b'G' => Value::Float(f64::from_bits(self.number(8)?.swap_bytes())),
            b'F' => {
                let line = self.line()?;
                Value::Float(
                    line.parse().map_err(|_| damaged(&format!("\"{line}\" is no number")))?,
                )
            }
            b'K' | b'M' => Value::Int(self.number(usize::from(instruction == b'M') + 1)? as i64),
            b'J' => Value::Int((self.number(4)? as u32 as i32).into()),
            b'I' | b'L' => {
                let line = self.line()?;
                let number = line.trim_end_matches('L').parse();
                // Of longer ones none is needed: they only have to be passed over.
                let long = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
                match number {
                    Ok(number) => Value::Int(number),
                    Err(_) if long(line.trim_start_matches('-').trim_end_matches('L')) => {
                        Value::None
                    }
                    Err(_) => return Err(damaged(&format!("\"{line}\" is no number"))),
                }
            }
            0x8a => {
                let width = self.number(1)? as usize;
                let digits = self.take(width)?;
                let wide = digits.iter().rev().fold(0i128, |number, &digit| {
                    (number << 8 | i128::from(digit)) & ((1 << 64) - 1)
                });
                let negative = width < 9 && digits.last().is_some_and(|&last| last > 0x7f);
                Value::Int(if negative { wide - (1 << (8 * width)) } else { wide } as i64)
            }
            b'U' | b'C' | 0x8c => self.string(1)?,
            b'T' | b'B' | b'X' => self.string(4)?,
            0x8d | 0x8e | 0x96 => self.string(8)?,
            b'V' => Value::Owned(self.line()?.into_bytes()),
            b'S' => {
                let line = self.line()?;
                let quoted =
                    line.len() > 1 && line.starts_with(['\'', '"']) && line.ends_with(['\'', '"']);
                Value::Owned(unescaped(if quoted { &line[1..line.len() - 1] } else { &line[..] }))
            }
            other => {
                return Err(format!(
                    "instruction 0x{other:02x} is none that a {} needs; nothing was executed",
                    self.names.of
                ));
            }
        };
        self.push(value)
    }

    /// Stores the topmost value, or fetches one.
    fn memorise(&mut self, instruction: u8) -> Result<(), String> {
        let at = match instruction {
            b'p' | b'g' => {
                self.line()?.parse().map_err(|_| damaged("a stored value has no number"))?
            }
            0x94 => self.memo.len() as u64,
            b'q' | b'h' => self.number(1)?,
            _ => self.number(4)?,
        };
        if matches!(instruction, b'g' | b'h' | b'j') {
            let id = self.memo.get(&at);
            let id = *id.ok_or_else(|| damaged("it refers to a missing value"))?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(at, top);
        }
        Ok(())
    }

    /// Pushes a collection: empty, of the values since the mark, or of the topmost one to three.
    fn collect(&mut self, instruction: u8) -> Result<(), String> {
        let items = match instruction {
            b'l' | b't' | b'd' | 0x91 => self.since_mark()?,
            0x85..=0x87 => {
                let count = usize::from(instruction - 0x84);
                let from = self.stack.len().checked_sub(count).ok_or_else(short)?;
                self.stack.split_off(from)
            }
            _ => Vec::new(),
        };
        self.push(match instruction {
            b']' | b'l' => Value::List(items),
            b'}' | b'd' => Value::Dict(pairs(&items)?),
            0x8f | 0x91 => Value::Set(items),
            _ => Value::Tuple(items),
        })
    }

    /// Adds to the collection below: one value or member, or all since the mark.
    fn extend(&mut self, instruction: u8) -> Result<(), String> {
        let items = match instruction {
            b'a' => vec![self.pop()?],
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
            _ => self.since_mark()?,
        };
        let target = self.top()?;
        match (&mut self.values[target], instruction) {
            (Value::List(all), b'a' | b'e') | (Value::Set(all), 0x90) => all.extend(items),
            (Value::Dict(all), b's' | b'u') => all.extend(pairs(&items)?),
            (Value::Object(object), b's' | b'u') => object.members.extend(pairs(&items)?),
            _ => return Err(damaged("something is added to what is no collection of its kind")),
        }
        Ok(())
    }

    fn name(&mut self, module: &str, name: &str) -> Result<(), String> {
        if (self.names.known)(module, name) {
            return self.push(Value::Name(format!("{module}.{name}")));
        }
        Err(format!(
            "it names {module}.{name}, which no {} needs; nothing was executed",
            self.names.of
        ))
    }

    fn call(&mut self, function: Id, arguments: Id) -> Result<(), String> {
        let (Value::Name(name), Value::Tuple(_)) =
            (&self.values[function], &self.values[arguments])
        else {
            return Err(damaged("what it calls has no name"));
        };
        let object = Object { name: name.clone(), arguments, ..Object::default() };
        self.push(Value::Object(Box::new(object)))
    }

    fn build(&mut self) -> Result<(), String> {
        let (state, target) = (self.pop()?, self.top()?);
        match &mut self.values[target] {
            Value::Object(object) => object.state = Some(state),
            _ => return Err(damaged("a state is given to what is no object")),
        }
        Ok(())
    }

    /// A short string.
    fn word(&self, id: Id) -> Result<String, String> {
        match &self.values[id] {
            Value::Bytes(range) if range.len() < 256 => {
                Ok(String::from_utf8_lossy(&self.bytes[range.clone()]).into_owned())
            }
            Value::Owned(bytes) if bytes.len() < 256 => {
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => Err(damaged("a name is no text")),
        }
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

    /// Bytes or a string preceded by a length of `width` bytes.
    fn string(&mut self, width: usize) -> Result<Value, String> {
        let length = self.number(width)?;
        let start = self.at;
        self.take(usize::try_from(length).map_err(|_| short())?)?;
        Ok(Value::Bytes(start..self.at))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'static> = Names {
        known: &|module, name| (module, name) == ("collections", "OrderedDict"),
        of: "test",
    };

    fn refusal(bytes: &[u8]) -> String {
        Pickle::read(bytes, &NAMES).expect_err("accepted")
    }

    #[test]
    fn a_call_is_data_and_names_that_are_not_known_are_refused_however_they_are_written() {
        // OrderedDict(), then ["a"] = 1.5, then a state.
        let bytes = b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R\x8c\x01aG\x3f\xf8\0\0\0\0\0\0s}b.";
        let pickle = Pickle::read(bytes, &NAMES).expect("sound");
        assert_eq!(pickle.member(pickle.root(), "a"), Some(&Value::Float(1.5)));
        assert_eq!(pickle.call(pickle.root(), "collections.OrderedDict"), Some(vec![]));
        assert!(matches!(pickle.root(), Value::Object(object) if object.state.is_some()));
        for bytes in [
            &b"cos\nsystem\n(S'true'\ntR."[..],
            b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93)R.",
            b"\x80\x04](\x8c\x06system\x94\x8c\x02osr\x07\0\0\0eh\x07h\0\x93)R.",
        ] {
            let error = refusal(bytes);
            assert!(
                error.contains("os.system") && error.contains("nothing was executed"),
                "{error}"
            );
        }
        // INST, OBJ, a registered number, a persistent name: none of these is needed.
        for bytes in
            [&b"(S'true'\nios\nsystem\n."[..], b"(\x80\x02o.", b"\x80\x02\x82\x05.", b"Px\n."]
        {
            assert!(refusal(bytes).contains("instruction 0x"), "{bytes:?}");
        }
        // What is called must be a name, not what a name gave.
        assert!(refusal(b"ccollections\nOrderedDict\n)R)R.").contains("no name"));
    }

    #[test]
    fn the_last_of_equal_members_counts_and_cycles_do_no_harm() {
        let pickle = Pickle::read(b"}(U\x01aK\x01U\x01aK\x02u.", &NAMES).expect("sound");
        assert_eq!(pickle.member(pickle.root(), "a"), Some(&Value::Int(2)));
        let pickle = Pickle::read(b"]q\0h\0a.", &NAMES).expect("sound");
        let Value::List(ids) = pickle.root() else { panic!("a list") };
        assert_eq!(pickle.value(ids[0]), pickle.root());
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_an_error() {
        let whole = b"\x80\x04}(\x8c\x01aK\x01\x8c\x01b]\x94(K\x02M\x03\x04J\xff\xff\xff\xff\x8a\x02\0\x80eu.";
        assert!(Pickle::read(whole, &NAMES).is_ok());
        for cut in 0..whole.len() {
            refusal(&whole[..cut]);
        }
        for bytes in
            [&b"a."[..], b"(e.", b"t.", b"h\x07.", b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff."]
        {
            refusal(bytes);
        }
        assert!(refusal(b"NK\x01s.").contains("truncated"));
        assert!(refusal(b"NNK\x01s.").contains("collection"));
    }
}
