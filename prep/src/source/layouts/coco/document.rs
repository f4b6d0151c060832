//! A COCO file, in the variants found in practice: ids of any scalar type, lists or maps, flags as
//! numbers or booleans.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::crop::BoundingBox;

/// The members of a file that are read.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) images: Many<Image>,
    #[serde(default)]
    pub(super) annotations: Many<Annotation>,
    #[serde(default)]
    pub(super) categories: Many<Category>,
}

/// A list, or a map whose keys are ids.
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// An item that takes its key in a map as its id if it has none.
pub(super) trait Keyed {
    fn set_key(&mut self, key: &str);
}

impl Keyed for IgnoredAny {
    fn set_key(&mut self, _: &str) {}
}

impl<'de, T: Deserialize<'de> + Keyed> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Keyed> Visitor<'de> for Items<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or a map")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Many<T>, E> {
                Ok(Many::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Many(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Many<T>, A::Error> {
                let mut items = Vec::new();
                while let Some((key, mut item)) = map.next_entry::<String, T>()? {
                    item.set_key(&key);
                    items.push(item);
                }
                Ok(Many(items))
            }
        }
        from.deserialize_any(Items(PhantomData))
    }
}

/// An id of any type: a number written as a string or with a decimal point is that number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Id {
    Number(i128),
    Text(String),
}

impl Id {
    fn of_text(text: &str) -> Self {
        let number = text.parse().ok().filter(|number: &i128| number.to_string() == text);
        number.map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id, a number or a text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id::Number(number.into()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id::Number(number.into()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Id, E> {
                let whole = number.fract() == 0.0 && number.abs() < 1e15;
                Ok(if whole { Id::Number(number as i128) } else { Id::Text(number.to_string()) })
            }

            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Id, E> {
                Ok(Id::Text(truth.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id::of_text(text))
            }
        }
        from.deserialize_any(Scalar)
    }
}

#[derive(Deserialize)]
pub(super) struct Image {
    /// If missing, the file name serves as the id.
    pub(super) id: Option<Id>,
    #[serde(alias = "filename")]
    pub(super) file_name: String,
    #[serde(default)]
    pub(super) width: Extent,
    #[serde(default)]
    pub(super) height: Extent,
}

/// A side of a picture; `None` if it is missing, null, zero or not a number.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(from = "serde_json::Value")]
pub(super) struct Extent(pub(super) Option<f64>);

impl From<serde_json::Value> for Extent {
    fn from(value: serde_json::Value) -> Self {
        Self(value.as_f64().filter(|extent| extent.is_finite() && *extent >= 1.0))
    }
}

impl Image {
    pub(super) fn id(&self) -> Id {
        self.id.clone().unwrap_or_else(|| Id::of_text(&self.file_name))
    }
}

impl Keyed for Image {
    fn set_key(&mut self, key: &str) {
        self.id.get_or_insert_with(|| Id::of_text(key));
    }
}

#[derive(Deserialize)]
pub(super) struct Annotation {
    pub(super) id: Option<Id>,
    pub(super) image_id: Id,
    pub(super) category_id: Option<Id>,
    #[serde(default)]
    pub(super) bbox: Corners,
    pub(super) iscrowd: Option<Flag>,
}

impl Keyed for Annotation {
    fn set_key(&mut self, key: &str) {
        self.id.get_or_insert_with(|| Id::of_text(key));
    }
}

#[derive(Deserialize)]
pub(super) struct Category {
    pub(super) id: Option<Id>,
    pub(super) name: String,
}

impl Category {
    pub(super) fn id(&self) -> Id {
        self.id.clone().unwrap_or_else(|| Id::of_text(&self.name))
    }
}

impl Keyed for Category {
    fn set_key(&mut self, key: &str) {
        self.id.get_or_insert_with(|| Id::of_text(key));
    }
}

/// 0 or 1, or false or true.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Flag {
    Truth(bool),
    Number(f64),
}

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        match *self {
            Self::Truth(set) => set,
            Self::Number(number) => number != 0.0,
        }
    }
}

/// A box as four numbers; `None` if the member is missing, null or empty. A null among them is NaN.
#[derive(Default)]
pub(super) struct Corners(pub(super) Option<BoundingBox>);

impl<'de> Deserialize<'de> for Corners {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl<'de> Visitor<'de> for Numbers {
            type Value = Corners;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bbox as [x, y, width, height]")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Corners, E> {
                Ok(Corners(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Corners, A::Error> {
                let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
                let Some(x) = seq.next_element()?.map(number) else { return Ok(Corners(None)) };
                let mut next = |index| {
                    seq.next_element()?
                        .map(number)
                        .ok_or_else(|| de::Error::invalid_length(index, &self))
                };
                let (y, width, height) = (next(1)?, next(2)?, next(3)?);
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    return Err(de::Error::invalid_length(5, &self));
                }
                Ok(Corners(Some(BoundingBox { x, y, width, height })))
            }
        }
        from.deserialize_any(Numbers)
    }
}
