//! Tensor code of the crates below, under one name.

pub use fledge_kernels as ops;
pub use fledge_kernels::collective;
pub use fledge_models::{
    config, device, devices, dual, fusion, graph, init, latent, layers, loss, networks, parameter,
    preset, range, run_config, summary, task,
};
pub use fledge_runs::{checkpoint, fit, foreign, owner, run, sampler};
