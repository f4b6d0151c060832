//! All pictures of a split kept on the device as bytes; batches are selected, cropped and converted
//! there.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use shared::dataset::DatasetError;

use crate::data::batches::{Batches, Choice};

/// The pictures of a split on a device.
#[derive(Clone, Debug)]
pub struct Resident {
    /// One row per stored pixel, [N·S·S, C], uint8.
    pixels: Tensor<2, Int>,
    /// Offsets of a crop's pixels from its first one, [1, H·W].
    window: Tensor<2, Int>,
    /// Column of each of these pixels, [1, H·W], if pictures are mirrored.
    columns: Option<Tensor<2, Int>>,
    stored: usize,
    side: usize,
    channels: usize,
}

impl Resident {
    /// True if every pixel of the split can be addressed with the 32-bit indices of a device.
    #[must_use]
    pub fn holds(batches: &Batches) -> bool {
        i32::try_from(batches.pictures() * batches.stored().pow(2)).is_ok()
    }

    /// Uploads the whole split of `batches`; reads and checks every record.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn new(batches: &Batches, device: &Device) -> Result<Self, DatasetError> {
        let ((side, channels), stored) = (batches.extent(), batches.stored());
        let rows = batches.pictures() * stored * stored;
        let pixels = Tensor::from_data(
            TensorData::new(batches.all()?, [rows, channels]),
            (device, DType::U8),
        );
        let row = |of: &dyn Fn(usize) -> usize| {
            let values: Vec<i32> = (0..side * side).map(|i| of(i) as i32).collect();
            Tensor::from_data(TensorData::new(values, [1, side * side]), device)
        };
        let window = row(&|i| i / side * stored + i % side);
        let columns = batches.mirrors().then(|| row(&|i| i % side));
        Ok(Self { pixels, window, columns, stored, side, channels })
    }

    /// The chosen pictures, [B, C, H, W] in [0, 1].
    #[must_use]
    pub fn batch(&self, choice: &Choice) -> Tensor<4> {
        let Self { stored, side, channels, .. } = *self;
        let first = |(&picture, &(left, top)): (&u32, &(u32, u32))| {
            ((picture as usize * stored + top as usize) * stored + left as usize) as i32
        };
        let first: Vec<i32> = choice.pictures.iter().zip(&choice.corners).map(first).collect();
        let batch = first.len();
        let column = |values: Vec<i32>| {
            Tensor::<2, Int>::from_data(TensorData::new(values, [batch, 1]), &self.window.device())
        };
        let mut places = column(first) + self.window.clone(); // [B, H·W]
        if let Some(columns) = &self.columns {
            // Column x of a mirrored picture is column side − 1 − x, an offset of side − 1 − 2x.
            let flags = || choice.mirrored.iter().map(|&mirrored| i32::from(mirrored));
            let (shift, twice) = (
                flags().map(|m| m * (side as i32 - 1)).collect(),
                flags().map(|m| 2 * m).collect(),
            );
            places = places + column(shift) - column(twice) * columns.clone();
        }
        let places = places.reshape([batch * side * side]); // [B·H·W]
        from_bytes(self.pixels.clone().select(0, places).reshape([batch, side, side, channels]))
    }
}

/// Converts uint8 pixels [B, H, W, C] to [B, C, H, W] in [0, 1]. Channels stay last in memory.
#[must_use]
pub fn from_bytes(pixels: Tensor<4, Int>) -> Tensor<4> {
    (pixels.float() / 255.0).permute([0, 3, 1, 2])
}
