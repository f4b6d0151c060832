"""What every reference library says of two sets of features, for a comparison with `evaluate` on sets too large for golden files.

usage: python tools/check_arithmetic.py GENERATED.npz REAL.npz [--mind PATH-TO/metric_mind.py]
needs: numpy, torch, torch_fidelity 0.4, pytorch-fid, clean-fid, prdc; the arrays `feats` are [pictures, dimensions] in f32

metric_mind.py is the file of that name in torch-fidelity's repository, which no release has yet. clean-fid draws from numpy's global
generator, seeded with 0 here. All distances of prdc are kept at once: 20,000 pictures need 10 GB.
"""
import argparse
import contextlib
import importlib.util
import io
import json
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


def mind(path, generated, real):
    spec = importlib.util.spec_from_file_location("metric_mind", path)
    module = importlib.util.module_from_spec(spec)
    torch_fidelity.helpers.DEFAULTS["mind_num_projections"] = 1000  # Looked up even where it is given.
    spec.loader.exec_module(module)
    return module.mind_features_to_metric(generated, real, mind_num_projections=1000, rng_seed=2020, cuda=False, verbose=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated")
    parser.add_argument("real")
    parser.add_argument("--mind")
    args = parser.parse_args()
    generated, real = (np.load(path)["feats"] for path in (args.generated, args.real))
    a, b = torch.from_numpy(generated), torch.from_numpy(real)
    statistics = [fid_features_to_statistics(x) for x in (a, b)]
    means = [s[key] for s in statistics for key in ("mu", "sigma")]
    size = min(1000, len(generated), len(real))
    found = {
        "torch-fidelity": {
            **fid_statistics_to_metric(*statistics, False),
            **kid_features_to_metric(a, b, kid_subsets=100, kid_subset_size=size, rng_seed=2020, verbose=False),
            **prc_features_to_metric(a, b, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=True, verbose=False),
        },
        "pytorch-fid": {"fid": float(calculate_frechet_distance(*means))},
        "clean-fid": {"fid": float(frechet_distance(*means))},
    }
    np.random.seed(0)
    found["clean-fid"]["kid"] = kernel_distance(generated, real)
    if args.mind:
        found["torch-fidelity"] |= mind(args.mind, a, b)
    with contextlib.redirect_stdout(io.StringIO()):
        found["prdc"] = {name: float(value) for name, value in prdc.compute_prdc(real, generated, 5).items()}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
