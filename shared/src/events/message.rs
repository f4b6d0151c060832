//! The few protocol buffer messages of an event file, written field by field (tensorflow/core/util/event.proto,
//! tensorflow/core/framework/summary.proto). Only writing: whoever reads has TensorBoard.

/// A message that grows by fields.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is laid out, the lowest three bits of its key.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const DELIMITED: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl Message {
    /// A whole number; a negative one would take ten bytes, and none here is.
    pub(super) fn integer(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    /// A `double`.
    pub(super) fn double(mut self, field: u64, value: f64) -> Self {
        self.varint(field << 3 | EIGHT_BYTES);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A `float`.
    pub(super) fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | FOUR_BYTES);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes or a text.
    pub(super) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint(field << 3 | DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// A message inside this one.
    pub(super) fn message(self, field: u64, inner: &Self) -> Self {
        self.bytes(field, &inner.0)
    }

    /// The bytes.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.0
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
