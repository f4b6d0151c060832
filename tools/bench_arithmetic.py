"""Seconds of the metrics' arithmetic alone, by the reference libraries' own functions; tools/bench_evaluate.py sets ours beside them.

usage: python tools/bench_arithmetic.py GENERATED.npz REAL.npz [--metrics kid,fid,prdc]
       python tools/bench_arithmetic.py --draw 50000 GENERATED.npz REAL.npz        writes two drawn sets of so many rows of 2048
needs: numpy, scipy, scikit-learn, torch, torch_fidelity 0.4; the arrays `feats` [pictures, dimensions] are f32

Prints one JSON object: for every metric the libraries' `seconds` (wall clock), `cpu_seconds` and `values`. The processor's seconds tell what is due to other programs on the machine.
  kid   torch-fidelity's, 100 subsets of 1000
  fid   torch-fidelity's: np.cov and eigenvalues of the product
  prdc  the package prdc's definition with scikit-learn's distances, in chunks of rows, because 50,000² do not fit into memory twice,
        and on as many cores as this process may use (the package takes 8 threads)
  precision-recall  torch-fidelity's with save_cpu_ram
"""
import argparse
import json
import os
import resource
import time

import numpy as np
import torch
from sklearn.metrics import pairwise_distances
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

CHUNK = 4096
CORES = len(os.sched_getaffinity(0))


def draw(count, seed):
    """Rows that are not negative, of few dimensions and a falling spectrum, as Inception's are."""
    spectrum = np.arange(1, 257)[:, None] ** -0.5
    mixing = (np.random.default_rng(0).standard_normal((256, 2048)) * spectrum * 0.15).astype(np.float32)
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, 256), dtype=np.float32) @ mixing
    rows += 0.1 * random.standard_normal((count, 2048), dtype=np.float32) + np.float32(0.3 + 0.05 * (seed == 1))
    return np.maximum(rows, 0)


def kid(generated, real):
    found = kid_features_to_metric(*map(torch.from_numpy, (generated, real)), kid_subsets=100, kid_subset_size=1000, rng_seed=2020, verbose=False)
    return {"mean": found["kernel_inception_distance_mean"], "std": found["kernel_inception_distance_std"]}


def fid(generated, real):
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (generated, real)]
    return {"fid": fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]}


def radii(rows, k):
    chunks = (pairwise_distances(rows[i:i + CHUNK], rows, metric="euclidean", n_jobs=CORES) for i in range(0, len(rows), CHUNK))
    # A chunk has rounding where the whole has zeros on its diagonal: both are the smallest of their row.
    return np.concatenate([np.partition(d, k, axis=1)[:, k] for d in chunks])


def prdc(generated, real, k=5):
    generated_radii, real_radii = radii(generated, k), radii(real, k)
    held, recalled, covered = np.zeros(len(generated)), [], []
    for i in range(0, len(real), CHUNK):
        d, r = pairwise_distances(real[i:i + CHUNK], generated, metric="euclidean", n_jobs=CORES), real_radii[i:i + CHUNK, None]
        inside = d < r
        held += inside.sum(axis=0)
        recalled.append((d < generated_radii).any(axis=1))
        covered.append(d.min(axis=1) < r[:, 0])
    return {
        "precision": float((held > 0).mean()),
        "recall": float(np.concatenate(recalled).mean()),
        "density": float(held.mean() / k),
        "coverage": float(np.concatenate(covered).mean()),
    }


def precision_recall(generated, real):
    return prc_features_to_metric(*map(torch.from_numpy, (generated, real)), prc_neighborhood=3, prc_batch_size=5000, save_cpu_ram=True, verbose=False)


METRICS = {"kid": kid, "fid": fid, "prdc": prdc, "precision-recall": precision_recall}


def timed(function):
    used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    wall, cpu = time.time(), used()
    value = function()
    return value, {"seconds": time.time() - wall, "cpu_seconds": used() - cpu}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated")
    parser.add_argument("real")
    parser.add_argument("--metrics", default="kid,fid,prdc")
    parser.add_argument("--draw", type=int)
    args = parser.parse_args()
    if args.draw:
        for path, seed in ((args.generated, 1), (args.real, 2)):
            np.savez(path, feats=draw(args.draw, seed))
        return
    sets = [np.load(path)["feats"] for path in (args.generated, args.real)]
    results = {"rows": [len(x) for x in sets], "dimensions": sets[0].shape[1], "seconds": {}, "cpu_seconds": {}, "values": {}}
    for metric in args.metrics.split(","):
        values, used = timed(lambda: METRICS[metric](*sets))
        results["values"][metric] = values
        for clock, seconds in used.items():
            results[clock][metric] = seconds
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
