"""Every protocol's metrics by the libraries themselves and by fledge, on the same folders with the same weights.

usage: python tools/check_protocols.py --fledge target/release/evaluate --weights FILE [--stylegan CHECKOUT] [--only NAME,...]
           [--json OUT] [--library EARLIER-OUT] GENERATED REAL
       GENERATED and REAL are folders or zip files of PNG; FILE is a state dict in pytorch-fid's names, BatchNorm apart or folded.
       CHECKOUT is NVIDIA's stylegan3 (its metrics/ are imported); without it that protocol is left out.
       EARLIER-OUT is what --json wrote for the same pair: the libraries' values are taken from there, where it has them.
needs: torch-fidelity 0.4, pytorch-fid 0.3, clean-fid 0.1.35, prdc 0.2; keras 3 for keras75-fid

Each library reads, resizes and computes by its own code. What is replaced is only where weights come from: all are given the ones
of FILE, BatchNorm unfolded where it was folded (the same function, one rounding apart), and fledge reads that same unfolded file.
clean-fid's and StyleGAN's TorchScript Inception is not published in any other form; pytorch-fid's, which computes the same
function, stands in behind their own resizing (clean-fid) or torch-fidelity's (StyleGAN's detector resizes as TensorFlow 1 does).
fledge neither reads nor keeps features in its cache here. keras75-fid takes Keras' own resizing and scaling in front of
pytorch-fid's network, and only features are compared: the order in which fledge draws its batches is its own.

Tolerances: the features of two f32 networks agree to about 1e-6 of the largest, so FID and IS may differ by 1e-4 of the value and KID
by 1e-6 (1e-7 is for given features: tools/check_arithmetic.py). Shares are compared as counts of pictures (density: of pairs) and
have to be equal; torch.cdist's f32 distances or the last bits of the features can still move a picture that lies on the edge of a
ball, which is then reported as WRONG. Prints a row a number, and ends with 1 when one is outside its tolerance.
"""
import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import torch

warnings.filterwarnings("ignore")

SEED = 2020
# What a value may differ by, relative and absolute; the rest are shares, which may not.
TOLERANCES = {"kid": (0.0, 1e-6), "fid": (1e-4, 0.0), "is": (1e-4, 0.0), "features": (0.0, 1e-4)}
NEAREST = 5


def folder(path, scratch, name):
    """The folder itself, or what a zip holds."""
    path = pathlib.Path(path)
    if path.is_dir():
        return path
    target = pathlib.Path(scratch) / name
    with zipfile.ZipFile(path) as z:
        z.extractall(target)
    inner = [p for p in target.rglob("*") if p.is_file()]
    parents = {p.parent for p in inner}
    assert len(parents) == 1, f"{path}: expected one folder of pictures, found {sorted(parents)[:3]}"
    return parents.pop()


def unfolded(path):
    """A state dict with BatchNorm apart, in f32."""
    state = {k: v.float() for k, v in torch.load(path, map_location="cpu", weights_only=True).items()}
    out = {}
    for key, value in state.items():
        if key.endswith(".conv.bias"):
            name = key[: -len(".conv.bias")]
            out[f"{name}.bn.weight"] = torch.full_like(value, (1 + 1e-3) ** 0.5)
            out[f"{name}.bn.bias"] = value
            out[f"{name}.bn.running_mean"] = torch.zeros_like(value)
            out[f"{name}.bn.running_var"] = torch.ones_like(value)
        else:
            out[key] = value
    return out


def quiet(call, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call(*args, **kwargs)


def torch_fidelity_values(generated, real, weights):
    import torch_fidelity

    counts = [len(list(pathlib.Path(p).glob("*.png"))) for p in (generated, real)]
    common = dict(input1=str(generated), input2=str(real), cuda=False, cache=False, verbose=False, feature_extractor="inception-v3-compat",
                  feature_extractor_weights_path=str(weights), kid_subset_size=min(1000, *counts), batch_size=32)
    values = quiet(torch_fidelity.calculate_metrics, fid=True, kid=True, isc=True, prc=True, **common)
    return {
        "kid": values["kernel_inception_distance_mean"], "kid std": values["kernel_inception_distance_std"],
        "fid": values["frechet_inception_distance"], "is": values["inception_score_mean"], "is std": values["inception_score_std"],
        "precision": values["precision"], "recall": values["recall"],
    }


def torch_fidelity_features(path, weights, layers):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.datasets import ImagesPathDataset

    network = quiet(FeatureExtractorInceptionV3, "inception-v3-compat", list(layers), feature_extractor_weights_path=str(weights)).eval()
    data = ImagesPathDataset(sorted(pathlib.Path(path).glob("*.png")))
    rows = [[] for _ in layers]
    with torch.no_grad():
        for start in range(0, len(data), 32):
            batch = torch.stack([data[i] for i in range(start, min(start + 32, len(data)))])
            for out, y in zip(rows, network(batch)):
                out.append(y)
    return [torch.cat(r).numpy() for r in rows]


def pytorch_fid_network(state, blocks):
    import pytorch_fid.inception as inception

    inception.load_state_dict_from_url = lambda *_, **__: state
    return inception, inception.InceptionV3(blocks, resize_input=False, normalize_input=False).eval()


def pytorch_fid_values(generated, real, state):
    import pytorch_fid.fid_score as score

    pytorch_fid_network(state, [3])
    return {"fid": float(quiet(score.calculate_fid_given_paths, [str(generated), str(real)], 32, "cpu", 2048, 0))}


def clean_fid_values(generated, real, state):
    from cleanfid import fid

    network = pytorch_fid_network(state, [3])[1]
    model = lambda x: network((x - 128) / 128)[0].squeeze(-1).squeeze(-1)
    feats = [quiet(fid.get_files_features, sorted(str(p) for p in pathlib.Path(path).glob("*.png")), model=model, num_workers=0,
                   batch_size=32, device=torch.device("cpu"), mode="clean", verbose=False) for path in (generated, real)]
    np.random.seed(0)
    kid = fid.kernel_distance(*feats)
    stats = [(np.mean(f, axis=0), np.cov(f, rowvar=False)) for f in feats]
    from prdc import compute_prdc

    prdc = quiet(compute_prdc, real_features=feats[1], fake_features=feats[0], nearest_k=NEAREST)
    return {"kid": kid, "fid": float(fid.frechet_distance(*stats[0], *stats[1])), **{k: float(v) for k, v in prdc.items()}}


def stylegan_values(checkout, features, probabilities):
    """NVIDIA's own statistics and formulas; their detector is stood in for by the given features of (generated, real)."""
    sys.path.insert(0, str(checkout))
    from metrics import frechet_inception_distance, inception_score, kernel_inception_distance, metric_utils

    def stats(which):
        def of(opts, detector_url, detector_kwargs, max_items=None, **kwargs):
            s = metric_utils.FeatureStats(max_items=max_items, **{k: v for k, v in kwargs.items() if k.startswith("capture")})
            rows = probabilities if detector_kwargs.get("no_output_bias") else features[which]
            for start in range(0, len(rows), 32):
                s.append(rows[start : start + 32])
            return s
        return of

    metric_utils.compute_feature_stats_for_generator, metric_utils.compute_feature_stats_for_dataset = stats(0), stats(1)
    opts = argparse.Namespace(rank=0)
    n = len(features[0])
    np.random.seed(0)
    kid = kernel_inception_distance.compute_kid(opts, max_real=1000000, num_gen=n, num_subsets=100, max_subset_size=1000)
    mean, std = inception_score.compute_is(opts, num_gen=n, num_splits=10)
    return {"kid": kid, "fid": frechet_inception_distance.compute_fid(opts, max_real=None, num_gen=n), "is": mean, "is std": std}


KERAS = """
import sys, pathlib, numpy as np
try:
    import keras
except ImportError:
    sys.exit(9)
from PIL import Image
resize = keras.layers.Resizing(75, 75, interpolation="bilinear")
pictures = [np.asarray(Image.open(p).convert("RGB"), dtype=np.float32)[None] for p in sorted(pathlib.Path(sys.argv[1]).glob("*.png"))]
rows = np.concatenate([keras.ops.convert_to_numpy(resize(x)) for x in pictures])
np.save(sys.argv[2], keras.applications.inception_v3.preprocess_input(rows))
"""


def keras_features(path, state, scratch):
    """Features of every picture by Keras' resizing to 75×75 and scaling, and pytorch-fid's network; None without Keras."""
    # In a process of its own: TensorFlow and PyTorch do not always bear each other.
    out = pathlib.Path(scratch) / "resized.npy"
    done = subprocess.run([sys.executable, "-c", KERAS, str(path), str(out)], capture_output=True, text=True)
    if done.returncode == 9:
        return None
    assert done.returncode == 0, done.stderr[-2000:]
    network, x = pytorch_fid_network(state, [3])[1], torch.from_numpy(np.load(out)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return torch.cat([network(batch)[0].flatten(1) for batch in x.split(32)]).numpy()


def fledge_features(program, weights, path, protocol, scratch):
    out = pathlib.Path(scratch) / "rows.npz"
    out.unlink(missing_ok=True)
    done = subprocess.run([program, "statistics", str(path), "--out", str(out), "--rows", "--weights", str(weights), "--protocol", protocol,
                           "--device", "cpu", "--no-cache"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.load(out)["feats"]


def values_of(lines):
    """Values and spreads by name, of what `evaluate --json` printed."""
    values = {}
    for line in map(json.loads, lines.splitlines()):
        name = line["metric"].split("_")[0]
        values[name] = line["value"]
        if "std" in line:
            values[f"{name} std"] = line["std"]
    return values


def fledge_values(program, weights, generated, real, protocol, metrics, more=()):
    command = [program, "--real", str(real), "--fake", str(generated), "--weights", str(weights), "--protocol", protocol,
               "--metrics", metrics, "--json", "--repeats", "0", "--device", "cpu", "--no-cache", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return values_of(done.stdout)


def library_values(name, generated, real, state, weights, checkout):
    """Values by the library that a protocol follows, or None where there is none."""
    if name == "torch-fidelity":
        return torch_fidelity_values(generated, real, weights)
    if name == "pytorch-fid":
        return pytorch_fid_values(generated, real, state)
    if name == "clean-fid":
        return clean_fid_values(generated, real, state)
    if name == "stylegan" and checkout:
        gen, logits = torch_fidelity_features(generated, weights, ["2048", "logits_unbiased"])
        probabilities = torch.softmax(torch.from_numpy(logits), dim=1).numpy()
        return stylegan_values(checkout, [gen, torch_fidelity_features(real, weights, ["2048"])[0]], probabilities)
    return None


# What fledge is asked for under each protocol.
ASKED = {
    "torch-fidelity": ("kid,fid,is,prdc", ("--features", "inception-v3-compat")),
    "pytorch-fid": ("fid", ()),
    "clean-fid": ("kid,fid,prdc", ()),
    "stylegan": ("kid,fid,is", ()),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated")
    parser.add_argument("real")
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--stylegan")
    parser.add_argument("--only", help="protocols, separated by commas")
    parser.add_argument("--json", help="write all numbers there")
    parser.add_argument("--library", help="what --json wrote earlier: the libraries' values")
    args = parser.parse_args()
    names = (args.only or "torch-fidelity,pytorch-fid,clean-fid,stylegan,keras75-fid").split(",")
    earlier = {}
    if args.library:
        for row in json.loads(pathlib.Path(args.library).read_text())["rows"]:
            earlier.setdefault(row["protocol"], {})[row["metric"]] = row["library"]
    failed, report = 0, []

    def compare(protocol, metric, library, fledge, shown="", allowed=None):
        nonlocal failed
        verdict = "ok" if abs(fledge - library) <= allowed else "WRONG"
        failed += verdict != "ok"
        report.append({"protocol": protocol, "metric": metric, "library": library, "fledge": fledge})
        print(f"{protocol:15} {metric:10} {library:.9g}  fledge {fledge:.9g}  difference {abs(fledge - library):.1e} {shown}{verdict}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        generated, real = folder(args.generated, scratch, "generated"), folder(args.real, scratch, "real")
        counts = [len(list(p.glob("*.png"))) for p in (generated, real)]
        # A share is a count over so many.
        of = {"precision": counts[0], "recall": counts[1], "coverage": counts[1], "density": NEAREST * counts[0]}
        state = unfolded(args.weights)
        weights = pathlib.Path(scratch) / "unfolded.pth"
        torch.save(state, weights)
        for name in names:
            if name == "keras75-fid":
                for side, path in (("generated", generated), ("real", real)):
                    theirs = keras_features(path, state, scratch)
                    if theirs is None:
                        print(f"{name}: left out, there is no keras", file=sys.stderr)
                        break
                    ours = fledge_features(args.fledge, weights, path, name, scratch)
                    worst = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
                    compare(name, f"features of {side}", 0.0, worst, "of the largest ", TOLERANCES["features"][1])
                continue
            theirs = earlier.get(name) or library_values(name, generated, real, state, weights, args.stylegan)
            if theirs is None:
                print(f"{name}: left out", file=sys.stderr)
                continue
            ours = fledge_values(args.fledge, weights, generated, real, name, *ASKED[name])
            for key, value in theirs.items():
                if key in of:
                    # Some print shares in f32, so that only the counts can be equal.
                    pair = [round(v * of[key]) for v in (value, ours[key])]
                    compare(name, key, value, ours[key], f"(counts {pair[0]} and {pair[1]} of {of[key]}) ", np.inf if pair[0] == pair[1] else -1)
                    continue
                relative, absolute = TOLERANCES[key.split()[0]]
                # A spread of few values is as far off as the values are.
                allowed = max(relative * abs(value) * (10 if "std" in key else 1), absolute)
                compare(name, key, value, ours[key], f"(allowed {allowed:.1e}) ", allowed)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"generated": args.generated, "real": args.real, "counts": counts, "rows": report}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
