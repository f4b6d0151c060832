//! The frames of an animation.

use anyhow::Result;
use shared::picture::Picture;

/// The frames of an animation. Each is rendered on demand, so that an animation may be larger than
/// memory, and is the same every time.
pub trait Frames: Sync {
    /// Number of frames.
    fn count(&self) -> usize;

    /// Width, height and channels (1 or 3) of every frame, known before one is rendered.
    ///
    /// # Errors
    /// When they cannot be determined.
    fn extent(&self) -> Result<(u32, u32, u32)>;

    /// Renders the frames with these indices, in order.
    ///
    /// # Errors
    /// When one cannot be rendered.
    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>>;

    /// Number of generated pictures in a frame. Fewer frames of many pictures are rendered at a
    /// time, so that a signal is handled soon.
    fn pictures_in_one(&self) -> usize {
        1
    }
}
