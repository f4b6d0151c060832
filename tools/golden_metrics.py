"""Golden numbers of the metrics, on drawn data, by the reference libraries' own functions.

usage: python tools/golden_metrics.py > evaluate/tests/golden/metrics.json
needs: numpy, torch, torch_fidelity 0.4

Feature matrices are formulas over exact integers, so that the tests make the same ones without this script's output:
  mix(a, b, c) = ((a * 73856093) ^ (b * 19349663) ^ (c * 83492791)) mod 2^32, then * 2654435761 mod 2^32
  feature(set, i, j) = f32(mix(set, i, j) >> 8) / 2^24 * (1 + set * 0.25) + (j mod 7) * 0.1   (in f32)
"""
import json
import re

import numpy as np


def mix(a, b, c):
    m = lambda x, k: np.asarray(x, dtype=np.uint64) * np.uint64(k) & np.uint64(0xFFFFFFFF)
    return m(m(a, 73856093) ^ m(b, 19349663) ^ m(c, 83492791), 2654435761)


def features(kind, count, dimensions):
    i, j = np.arange(count)[:, None], np.arange(dimensions)[None, :]
    u = (mix(kind, i, j) >> np.uint64(8)).astype(np.float32) / np.float32(2**24)
    return u * np.float32(1 + kind * 0.25) + (j % 7).astype(np.float32) * np.float32(0.1)


def sets():
    cases = []
    for n, m, d, subsets, size in [(50, 40, 24, 10, 20), (300, 200, 24, 20, 100), (30, 30, 24, 5, 30), (64, 90, 128, 7, 33)]:
        # In f64, as our own arithmetic: torch-fidelity keeps the dtype it is given.
        a, b = (torch.from_numpy(features(k, c, d).astype(np.float64)) for k, c in ((0, n), (1, m)))
        kid = kid_features_to_metric(a, b, kid_subsets=subsets, kid_subset_size=size, rng_seed=2020, verbose=False)
        fid = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), False)
        isc = isc_features_to_metric(a * 4)
        cases.append({"generated": n, "real": m, "dimensions": d, "subsets": subsets, "subset_size": size, **kid, **fid, **isc})
    return cases


def draws():
    r = np.random.RandomState(2020)
    out = {"words": [int(v) for v in r.randint(0, 2**32, 5, dtype=np.uint32)]}
    r = np.random.RandomState(2020)
    out["choices"] = [[n, k, [int(v) for v in r.choice(n, k, replace=False)]] for n, k in [(10, 4), (1, 1), (1000, 6), (7, 7), (70000, 5), (65536, 3)]]
    r = np.random.RandomState(4294967295)
    out["permutation"] = [int(v) for v in r.permutation(12)]
    return out


import torch
import torch_fidelity
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

versions = {"numpy": np.__version__, "torch": torch.__version__, "torch_fidelity": torch_fidelity.__version__}
golden = {"versions": versions, "randomstate": draws(), "sets": sets()}
# One list of numbers a line.
print(re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", json.dumps(golden, indent=1)))
