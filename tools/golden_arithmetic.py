"""Golden numbers of the metrics' arithmetic, on drawn features, by the reference libraries' own functions.

usage: python tools/golden_arithmetic.py PATH-TO/metric_mind.py > evaluate/tests/golden/arithmetic.json
needs: numpy, scipy, scikit-learn, torch, torch_fidelity 0.4, pytorch-fid, clean-fid, prdc, and of torch-fidelity's
       repository the file torch_fidelity/metric_mind.py, which no release has yet

Features are formulas over exact integers, as in golden_metrics.py, so that the tests make the same ones:
  u(set, i, j)       = (mix(set, i, j) >> 8) / 2^24 in f32
  clustered(set, i, j) = u(set, i, j) * (0.5 + set * 0.125) + 2 * u(77 + c, c, j mod 5)   (in f32) with c = mix(set, i, 999) >> 29:
                       eight clusters, so that nearest neighbours mean something
  constant(set, i, j) = clustered(set, 0, j)
"""
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import re
import sys
import warnings

import numpy as np
import prdc
import scipy
import sklearn
import torch
import torch_fidelity
from cleanfid.fid import frechet_distance, kernel_distance
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy.stats import mannwhitneyu
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric


def mix(a, b, c):
    m = lambda x, k: np.asarray(x, dtype=np.uint64) * np.uint64(k) & np.uint64(0xFFFFFFFF)
    return m(m(a, 73856093) ^ m(b, 19349663) ^ m(c, 83492791), 2654435761)


def u(kind, i, j):
    return (mix(kind, i, j) >> np.uint64(8)).astype(np.float32) / np.float32(2**24)


def clustered(kind, count, dimensions):
    i, j = np.arange(count)[:, None], np.arange(dimensions)[None, :]
    c = (mix(kind, i, 999) >> np.uint64(29)).astype(np.int64)
    return u(kind, i, j) * np.float32(0.5 + kind * 0.125) + np.float32(2) * u(77 + c, c, j % 5)


def constant(kind, count, dimensions):
    return np.repeat(clustered(kind, 1, dimensions), count, axis=0)


def quiet(function, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def statistics(x, ddof=1):
    return np.mean(x, axis=0), np.cov(x, rowvar=False, ddof=ddof)


def frechets(a, b):
    """In f64, as our own arithmetic: torch-fidelity keeps the dtype it is given."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    fidelity = quiet(fid_statistics_to_metric, *(fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)), False)
    (m1, s1), (m2, s2) = statistics(a), statistics(b)
    (p1, q1), (p2, q2) = statistics(a, 0), statistics(b, 0)
    return {
        "torch-fidelity": fidelity["frechet_inception_distance"],
        "pytorch-fid": float(quiet(calculate_frechet_distance, m1, s1, m2, s2)),
        "clean-fid": float(quiet(frechet_distance, m1, s1, m2, s2)),
        "divided by N": float(quiet(calculate_frechet_distance, p1, q1, p2, q2)),
    }


def stylegan_kid(real, generated, subsets=100, most=1000):
    """The estimator of NVIDIA's repositories: unbiased, the generated set's rows drawn first."""
    m, d = min(len(real), len(generated), most), real.shape[1]
    total = 0.0
    for _ in range(subsets):
        x = generated[np.random.choice(len(generated), m, replace=False)]
        y = real[np.random.choice(len(real), m, replace=False)]
        k = lambda p, q: (p @ q.T / d + 1) ** 3
        within = k(x, x) + k(y, y)
        total += (within.sum() - np.trace(within)) / (m - 1) - 2 * k(x, y).sum() / m
    return total / subsets / m


def stylegan_is(logits, splits=10):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    parts = [p[i * len(p) // splits:(i + 1) * len(p) // splits] for i in range(splits)]
    scores = [np.exp((q * (np.log(q) - np.log(q.mean(0, keepdims=True)))).sum(1).mean()) for q in parts]
    return float(np.mean(scores)), float(np.std(scores))


def authentic(generated, train):
    near = lambda x, k: NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train.astype(np.float64)).kneighbors(x.astype(np.float64))
    own = near(train, 2)[0][:, 1]
    distance, index = (v[:, 0] for v in near(generated, 1))
    return 100 * float(np.mean(own[index] < distance))


def copies(kind, count, source):
    """Every third row is a row of `source`, moved a little."""
    x = clustered(kind, count, source.shape[1])
    x[::3] = source[np.arange(0, count, 3) % len(source)] + np.float32(0.01) * u(kind + 40, np.arange(0, count, 3)[:, None], np.arange(source.shape[1])[None])
    return x


def ct(generated, train, held_out, cells, tau):
    """The C_T test with the cell of a row given: its index modulo the number of cells."""
    of = lambda x, c: x[np.arange(len(x)) % cells == c].astype(np.float64)
    zs, weights, counts = [], [], []
    for c in range(cells):
        q, p, t = of(generated, c), of(held_out, c), of(train, c)
        near = NearestNeighbors(n_neighbors=1).fit(t)
        lq, lp = (near.kneighbors(x)[0][:, 0] for x in (q, p))
        n, m = len(lp), len(lq)
        z = (mannwhitneyu(lq, lp, alternative="less")[0] - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)
        zs.append(float(z)), weights.append(n / len(held_out)), counts.append(bool(m / len(generated) > tau))
    zs, weights, counts = map(np.array, (zs, weights, counts))
    return {"z": zs.tolist(), "counts": counts.tolist(), "ct": float(weights[counts] @ zs[counts] / weights[counts].sum())}


def fid_infinity(generated, real, first, points, seed):
    """As dgm-eval's compute_FD_infinity, but for the draws, which numpy's legacy generator makes."""
    random = np.random.RandomState(seed)
    sizes = np.linspace(first, len(generated), points).astype("int32")
    m1, s1 = statistics(real.astype(np.float64))
    values = []
    for size in sizes:
        m2, s2 = statistics(generated[random.choice(len(generated), size, replace=False)].astype(np.float64))
        values.append(float(quiet(calculate_frechet_distance, m1, s1, m2, s2)))
    fit = LinearRegression().fit(1 / sizes.reshape(-1, 1), values)
    line = scipy.stats.linregress(1 / sizes, values)
    return {"sizes": sizes.tolist(), "values": values, "value": float(fit.intercept_), "slope": float(fit.coef_[0]), "standard_error": float(line.intercept_stderr)}


def sets():
    cases = []
    for name, generated, real in [
        ("plain", clustered(0, 300, 48), clustered(1, 260, 48)),
        ("few dimensions", clustered(1, 280, 6), clustered(0, 310, 6)),
        ("fewer than dimensions", clustered(0, 60, 128), clustered(1, 90, 128)),
        ("one fewer than dimensions", clustered(0, 60, 128), clustered(1, 400, 128)),
        ("identical", clustered(2, 200, 32), clustered(2, 200, 32)),
        ("identical, few", clustered(2, 40, 64), clustered(2, 40, 64)),
        ("one constant picture", constant(0, 150, 32), clustered(1, 170, 32)),
        ("one constant picture, few", constant(0, 20, 64), clustered(1, 30, 64)),
        ("two pictures", clustered(0, 2, 16), clustered(1, 2, 16)),
        ("wide", clustered(0, 700, 2048), clustered(1, 650, 2048)),
    ]:
        n = min(len(generated), len(real))
        a, b = torch.from_numpy(generated), torch.from_numpy(real)
        case = {"name": name, "generated": len(generated), "real": len(real), "dimensions": generated.shape[1], "frechet": frechets(generated, real)}
        wide = [x.astype(np.float64) for x in (generated, real)]
        kid = kid_features_to_metric(*map(torch.from_numpy, wide), kid_subsets=10, kid_subset_size=min(n, 100), rng_seed=2020, verbose=False)
        case["kid"] = {"torch-fidelity": [kid["kernel_inception_distance_mean"], kid["kernel_inception_distance_std"]]}
        np.random.seed(5)
        case["kid"]["clean-fid"] = kernel_distance(*wide, num_subsets=10, max_subset_size=100)
        np.random.seed(6)
        case["kid"]["stylegan"] = float(stylegan_kid(wide[1], wide[0], 10, 100))
        case["mind"] = mind_features_to_metric(a, b, mind_num_projections=1000, rng_seed=2020, cuda=False, verbose=False)["monge_inception_distance"]
        if n > 6:
            pr = prc_features_to_metric(a, b, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False)
            case["precision_recall"] = [pr["precision"], pr["recall"], pr["f_score"]]
            case["prdc"] = [float(v) for v in quiet(prdc.compute_prdc, real, generated, 5).values()]
            case["authenticity"] = authentic(generated, real)
        if n >= 10:
            case["stylegan_is"] = stylegan_is(wide[0] * 4)
        cases.append(case)
    return cases


def copied():
    train, held_out = clustered(3, 120, 24), clustered(3, 420, 24)[300:]
    generated = copies(4, 150, train)
    return {"authenticity": authentic(generated, train), "ct": ct(generated, train, held_out, 3, 20 / 150), "ct_few": ct(generated, train, held_out, 5, 30 / 152)}


def generator():
    out = []
    for seed in (0, 2020):
        g = torch.Generator("cpu").manual_seed(seed)
        permutation = torch.randperm(11, generator=g).tolist()
        longer = torch.randperm(70000, generator=g)[:5].tolist()
        whole, tail = torch.randn(4, 8, generator=g).flatten().tolist(), torch.randn(21, generator=g).tolist()
        out.append({"seed": seed, "permutation": permutation, "longer": longer, "whole": whole, "tail": tail})
    return out


def components():
    a, b = clustered(0, 80, 20), clustered(1, 50, 20)
    fit = PCA(2, svd_solver="full").fit(np.concatenate([a, b]).astype(np.float64))
    sign = np.array([c[np.argmax(np.abs(c))] for c in fit.components_]) > 0
    points = fit.transform(a[:5].astype(np.float64)) * np.where(sign, 1, -1)
    return {"explained": fit.explained_variance_ratio_.tolist(), "points": points.tolist()}


spec = importlib.util.spec_from_file_location("metric_mind", sys.argv[1])
mind_module = importlib.util.module_from_spec(spec)
torch_fidelity.helpers.DEFAULTS["mind_num_projections"] = 1000  # Looked up even where it is given.
spec.loader.exec_module(mind_module)
mind_features_to_metric = mind_module.mind_features_to_metric

versions = {m.__name__: m.__version__ for m in (np, scipy, sklearn, torch, torch_fidelity)}
versions |= {name: importlib.metadata.version(name) for name in ("pytorch-fid", "clean-fid", "prdc")}
golden = {
    "versions": versions,
    "generator": generator(),
    "sets": sets(),
    "copied": copied(),
    "fid_infinity": fid_infinity(clustered(0, 400, 16), clustered(1, 300, 16), 40, 7, 2020),
    "pca": components(),
}
# One list of numbers a line.
print(re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", json.dumps(golden, indent=1)))
