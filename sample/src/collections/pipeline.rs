//! Generates, encodes and hands over pictures: this thread generates while another encodes and
//! writes the previous ones.

use anyhow::Result;
use rayon::prelude::*;
use shared::log::{BAR, Progress};
use shared::nn::sampler::{Sampler, Wish};
use shared::picture::{Picture, PictureError};
use shared::signal::Stop;
use shared::threads;

use super::request::Request;

/// Pictures handed over together: several batches of the sampler, and work for every core.
const CHUNK: usize = 64;
/// Chunks that may wait to be encoded, which bounds memory: at most three chunks exist beside the
/// one being generated.
const WAITING: usize = 1;

/// A picture as a file, by its seed.
pub(super) type Encoded = (u64, Vec<u8>);

/// The work of a pipeline.
pub(super) struct Work<S> {
    /// Seeds of the pictures to generate.
    pub(super) seeds: S,
    /// Number of all pictures, for the progress bar.
    pub(super) total: u64,
    /// Number of existing pictures.
    pub(super) before: u64,
}

/// Generates the pictures of `request` and passes them to `take` as PNG, in the order of `seeds`.
/// After a signal, generated pictures are still passed; the exit code is returned unless all are
/// done.
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
        // Quick encoding takes a fifteenth of the time of thorough encoding for 3 to 8 % more
        // bytes, and its bytes do not depend on the machine's instructions.
        let encode = |(seed, picture): (&u64, &Picture)| Ok((*seed, picture.to_png_quickly()?));
        let encoded: Result<Vec<Encoded>, PictureError> =
            seeds.par_iter().zip(&pictures).map(encode).collect();
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
                // The writer has failed; its error is returned below.
                break None;
            }
        }
    });
    written.map(|()| stopped)
}
