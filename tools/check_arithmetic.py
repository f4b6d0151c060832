"""Every reference library's values and fledge's of the same two sets of features, with the tolerances that `evaluate` promises.

usage: python tools/check_arithmetic.py --fledge target/release/evaluate [--mind PATH-TO/metric_mind.py] [--json OUT] GENERATED.npz REAL.npz
needs: numpy, torch, torch_fidelity 0.4, pytorch-fid 0.3, clean-fid 0.1.35, prdc 0.2; the arrays `feats` are [pictures, 2048] in f32

metric_mind.py is the file of that name in torch-fidelity's repository, which no release has yet. clean-fid draws from numpy's global
generator, seeded with 0 here, as fledge's --seed is. All distances of prdc are kept at once: 20,000 pictures need 10 GB.

Tolerances: FID 1e-5 relative, KID 1e-7 absolute, MIND 2e-6 relative; precision, recall, density and coverage equal as counts. Where
a library's value differs, `exact` is the same definition in f64 without the library's rounding: KID by the library's own function
given the same features in f64 (it computes in the type of the features), FID over singular values of the centred features (no roots
of eigenvalues that are noise around zero), torch-fidelity's precision and recall over f64 distances; the last two where a set has at
most 2,048 rows. It tells who is off, and does not change the verdict. A library that fails or gives no number is shown beside what
fledge says, and is no miss. Ends with 1 when a value is outside its tolerance.
"""
import argparse
import contextlib
import importlib.util
import io
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import prdc
import torch
import torch_fidelity
from cleanfid.fid import frechet_distance, kernel_distance
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from check_protocols import values_of

# Relative and absolute; the rest are shares.
TOLERANCES = {"fid": (1e-5, 0.0), "kid": (0.0, 1e-7), "mind": (2e-6, 0.0)}


def mind(path, generated, real):
    spec = importlib.util.spec_from_file_location("metric_mind", path)
    module = importlib.util.module_from_spec(spec)
    torch_fidelity.helpers.DEFAULTS["mind_num_projections"] = 1000  # Looked up even where it is given.
    spec.loader.exec_module(module)
    return {"mind": module.mind_features_to_metric(generated, real, mind_num_projections=1000, rng_seed=2020, cuda=False, verbose=False)["monge_inception_distance"]}


def clean_fid_kid(generated, real):
    np.random.seed(0)
    return {"kid": float(kernel_distance(generated, real))}


def torch_fidelity_kid(a, b):
    size = min(1000, len(a), len(b))
    found = kid_features_to_metric(a, b, kid_subsets=100, kid_subset_size=size, rng_seed=2020, verbose=False)
    return {"kid": found["kernel_inception_distance_mean"], "kid std": found["kernel_inception_distance_std"]}


def torch_fidelity_shares(a, b):
    found = prc_features_to_metric(a, b, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=True, verbose=False)
    return {key: found[key] for key in ("precision", "recall")}


def exact_fid(generated, real):
    x, y = (s.astype(np.float64) for s in (generated, real))
    dx, dy = (s - s.mean(axis=0) for s in (x, y))
    root = np.linalg.svd(dx @ dy.T, compute_uv=False).sum() / ((len(x) - 1) * (len(y) - 1)) ** 0.5
    return float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + (dx**2).sum() / (len(x) - 1) + (dy**2).sum() / (len(y) - 1) - 2 * root)


def exact_shares(generated, real):
    """torch-fidelity's precision and recall in f64; differences are taken before they are squared."""
    x, y = (s.astype(np.float64) for s in (generated, real))
    distances = lambda p, q: np.stack([((q - row) ** 2).sum(axis=1) for row in p])
    between = distances(x, y)
    radii = [np.sort(distances(s, s), axis=1)[:, 3] for s in (x, y)]
    return {"precision": float((between <= radii[1]).any(axis=1).mean()), "recall": float((between <= radii[0][:, None]).any(axis=0).mean())}


def fledge_values(program, generated, real, protocol, metric):
    command = [program, "--real", real, "--fake", generated, "--protocol", protocol, "--metrics", metric, "--json", "--repeats", "0",
               "--device", "cpu"] + (["--features", "inception-v3-compat"] if protocol == "torch-fidelity" else [])
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1]
    return values_of(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated")
    parser.add_argument("real")
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--mind")
    parser.add_argument("--json")
    args = parser.parse_args()
    generated, real = (np.load(path)["feats"] for path in (args.generated, args.real))
    a, b = torch.from_numpy(generated), torch.from_numpy(real)
    statistics = [fid_features_to_statistics(x) for x in (a, b)]
    means = [s[key] for s in statistics for key in ("mu", "sigma")]
    # pytorch-fid keeps features in f64; the others take the mean of f32 in f32.
    wide = [x.astype(np.float64) for x in (generated, real)]
    wide_means = [value for x in wide for value in (np.mean(x, axis=0), np.cov(x, rowvar=False))]
    small = min(len(generated), len(real)) <= 2048
    of = {"precision": len(generated), "recall": len(real), "coverage": len(real), "density": 5 * len(generated)}
    exact = {}
    calls = [
        ("torch-fidelity", "fid", lambda: {"fid": fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]}),
        ("torch-fidelity", "kid", lambda: torch_fidelity_kid(a, b)),
        ("torch-fidelity", "prdc", lambda: torch_fidelity_shares(a, b)),
        ("pytorch-fid", "fid", lambda: {"fid": float(calculate_frechet_distance(*wide_means))}),
        ("clean-fid", "fid", lambda: {"fid": float(frechet_distance(*means))}),
        ("clean-fid", "kid", lambda: clean_fid_kid(generated, real)),
        ("clean-fid", "prdc", lambda: {name: float(value) for name, value in prdc.compute_prdc(real, generated, 5).items()}),
    ]
    if args.mind:
        calls.append(("torch-fidelity", "mind", lambda: mind(args.mind, a, b)))
    print(f"{len(generated)} and {len(real)} rows")
    failed, report = 0, []
    for protocol, metric, call in calls:
        try:
            with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
                theirs = call()
        except Exception as e:
            theirs = {metric: f"{type(e).__name__}: {str(e).splitlines()[0][:120]}"}
        found = fledge_values(args.fledge, args.generated, args.real, protocol, metric)
        for key, value in theirs.items():
            ours = found if isinstance(found, str) else found.get(key, {k: v for k, v in found.items() if k != "f-score"})
            row = {"protocol": protocol, "metric": key, "library": value, "fledge": ours}
            report.append(row)
            if isinstance(value, str) or not np.isfinite(value):
                row["verdict"] = "no library value"
                print(f"{protocol:15} {key:10} {value}  fledge {ours}  no value to compare with")
                continue
            if isinstance(ours, str):
                note, difference, verdict = "", float("nan"), "WRONG"
            elif key in of:
                pair = [round(v * of[key]) for v in (value, ours)]
                note, difference = f"counts {pair[0]} and {pair[1]} of {of[key]}", abs(value - ours)
                verdict = "ok" if pair[0] == pair[1] else "WRONG"
            else:
                relative, absolute = TOLERANCES[key.split()[0]]
                difference, allowed = abs(value - ours), max(relative * abs(value), absolute)
                note, verdict = f"allowed {allowed:.1e}", "ok" if difference <= allowed else "WRONG"
            if verdict == "WRONG":
                if metric == "kid":
                    exact |= torch_fidelity_kid(*map(torch.from_numpy, wide)) if protocol == "torch-fidelity" else clean_fid_kid(*wide)
                elif small and key == "fid" and key not in exact:
                    exact |= {"fid": exact_fid(generated, real)}
                elif small and protocol == "torch-fidelity" and key in of and key not in exact:
                    exact |= exact_shares(generated, real)
            if verdict == "WRONG" and key in exact:
                row["exact"] = exact[key]
                note += f"; exact {row['exact']:.12g}"
                if key in of:
                    note += f", count {round(row['exact'] * of[key])}"
            row |= {"difference": difference, "verdict": verdict}
            failed += verdict != "ok"
            print(f"{protocol:15} {key:10} {value:.12g}  fledge {ours if isinstance(ours, str) else format(ours, '.12g')}  difference {difference:.1e} ({note}) {verdict}", flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"rows_of": [len(generated), len(real)], "rows": report}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
