//! Generate, encode, hand over: this thread generates the next pictures while another has the last ones encoded and written.

use anyhow::Result;
use rayon::prelude::*;
use shared::log::{BAR, Progress};
use shared::nn::sampler::{Sampler, Wish};
use shared::picture::{Picture, PictureError};
use shared::signal::Stop;
use shared::threads;

use super::Request;

/// Pictures that are handed over together: some of the sampler's batches, and something to do for every core.
const CHUNK: usize = 64;
/// Chunks that may wait to be encoded. Memory stays bounded by it: at most three chunks are alive beside the one that is being made.
const WAITING: usize = 1;

/// A picture as a file, by its seed.
pub(super) type Encoded = (u64, Vec<u8>);

/// What there is to do.
pub(super) struct Work<S> {
    /// Of the pictures to make.
    pub(super) seeds: S,
    /// How many there are in all, for those who wait.
    pub(super) total: u64,
    /// How many of them are there already.
    pub(super) before: u64,
}

/// Makes the pictures that `request` means and hands them to `take` as PNG, in the order of `seeds`. After a signal what is generated
/// is still handed over; the exit code is given back unless everything was done.
///
/// # Errors
/// When a picture cannot be encoded, or `take` fails.
pub(super) fn run<S>(
    sampler: &Sampler,
    request: &Request,
    work: Work<S>,
    stop: &Stop,
    mut take: impl FnMut(Vec<Encoded>) -> Result<()> + Send,
) -> Result<Option<u8>>
where
    S: Iterator<Item = u64>,
{
    let progress = Progress::resumed("pictures", work.total, work.before, BAR);
    let write = |(seeds, pictures): (Vec<u64>, Vec<Picture>)| -> Result<()> {
        // The quick encoding takes a fifteenth of the time of the thorough one for 3 to 8% more bytes of such pictures, and has
        // no instructions of its own for some machines: it gives the same bytes on all.
        let encode = |(seed, picture): (&u64, &Picture)| Ok((*seed, picture.to_png_quickly()?));
        let encoded: Result<Vec<Encoded>, PictureError> = seeds.par_iter().zip(&pictures).map(encode).collect();
        take(encoded?)?;
        progress.add(seeds.len() as u64);
        Ok(())
    };
    let mut seeds = work.seeds;
    let (stopped, written) = threads::beside("write", WAITING, write, |give| {
        loop {
            let chunk: Vec<u64> = seeds.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break None;
            }
            if let Some(code) = stop.exit_code() {
                break Some(code);
            }
            let wishes: Vec<Wish> = chunk.iter().map(|&seed| request.wish(seed, sampler)).collect();
            let pictures = sampler.pictures_of(&wishes);
            if !give((chunk, pictures)) {
                // The writer has ended; below it says why.
                break None;
            }
        }
    });
    written.map(|()| stopped)
}
