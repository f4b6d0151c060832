"""Measures `evaluate` against the Python libraries in turns on the same pictures, features and cores; `make bench-evaluate` calls it.

usage: bench_evaluate.py --fledge target/release/evaluate --python VENV/bin/python [--rounds 3] [--pictures 256] [--rows 50000]
                         [--device cpu] [--only features|arithmetic] [--write docs/PERFORMANCE.md]

Features: pictures a second from a folder of PNG files to the 2048 features of each, at 299×299, by torch-fidelity 0.4's own data
loader and network and by `evaluate statistics` as a whole process, its start and the reading of weights included. Both have the
same drawn weights. Arithmetic: seconds from features in memory to the value, at ROWS × 2048 of each side, by the functions of
torch-fidelity and prdc (tools/bench_arithmetic.py), and by `evaluate` as it logs them; peak memory is that of the whole process. A
cell is the median over the rounds with the smallest and largest; a ratio is that of the medians.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

BEGIN, END = "<!-- bench-evaluate: begin -->", "<!-- bench-evaluate: end -->"
HERE = os.path.dirname(os.path.abspath(__file__))

MAKE = """
import sys, numpy as np, torch, pathlib
from PIL import Image
scratch, count, rows, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), 0
rng = np.random.default_rng(seed)
if count:
    (scratch / "pictures").mkdir(exist_ok=True)
    for i in range(count):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.BICUBIC).save(scratch / "pictures" / f"{i:05}.png")
    from pytorch_fid.inception import fid_inception_v3
    import pytorch_fid.inception as inception
    from torchvision.models import inception_v3
    torch.manual_seed(0)
    net = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    for block, make in (("Mixed_5b", lambda: inception.FIDInceptionA(192, 32)), ("Mixed_5c", lambda: inception.FIDInceptionA(256, 64)),
        ("Mixed_5d", lambda: inception.FIDInceptionA(288, 64)), ("Mixed_6b", lambda: inception.FIDInceptionC(768, 128)),
        ("Mixed_6c", lambda: inception.FIDInceptionC(768, 160)), ("Mixed_6d", lambda: inception.FIDInceptionC(768, 160)),
        ("Mixed_6e", lambda: inception.FIDInceptionC(768, 192)), ("Mixed_7b", lambda: inception.FIDInceptionE_1(1280)),
        ("Mixed_7c", lambda: inception.FIDInceptionE_2(2048))):
        setattr(net, block, make())
    torch.save(net.state_dict(), scratch / "weights.pth")
if rows:
    # As Inception features lie: not negative, a few directions with most of the variance.
    basis = rng.standard_normal((64, 2048)).astype(np.float32)
    for name, shift in (("generated", 0.1), ("real", 0.0)):
        out = np.empty((rows, 2048), np.float32)
        for at in range(0, rows, 5000):
            n = min(5000, rows - at)
            low = rng.standard_normal((n, 64)).astype(np.float32) @ basis * 0.05
            out[at : at + n] = np.maximum(low + 0.3 + shift + 0.2 * rng.standard_normal((n, 2048)).astype(np.float32), 0)
        np.savez(scratch / f"{name}.npz", feats=out)
"""

EXTRACT = """
import sys, time, json, contextlib, io, pathlib, torch
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    from torch_fidelity.utils import create_feature_extractor, extract_featuresdict_from_input_id
    network = create_feature_extractor("inception-v3-compat", ["2048"], cuda=sys.argv[3] == "cuda", feature_extractor_weights_path=sys.argv[2], verbose=False)
    begun = time.perf_counter()
    out = extract_featuresdict_from_input_id(1, network, input1=sys.argv[1], cuda=sys.argv[3] == "cuda", batch_size=64, verbose=False)
    seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "count": len(out["2048"])}))
"""


def run(command, want_log=False):
    """Wall time in seconds, peak memory in MB, stdout, stderr."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, "RUST_LOG": "info"})
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        text = log.read().decode(errors="replace")
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{text[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output.decode(), text


def cell(values, digits=1):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def features(args, scratch):
    rates = {"fledge": [], "torch-fidelity": []}
    memory = {"fledge": 0, "torch-fidelity": 0}
    for number in range(args.rounds):
        seconds, peak, _, _ = run([args.fledge, "statistics", f"{scratch}/pictures", "--out", f"{scratch}/out.npz", "--weights",
                                   f"{scratch}/weights.pth", "--no-cache", "--device", args.device])
        rates["fledge"].append(args.pictures / seconds)
        memory["fledge"] = max(memory["fledge"], peak)
        _, peak, output, _ = run([args.python, "-c", EXTRACT, f"{scratch}/pictures", f"{scratch}/weights.pth", args.device])
        theirs = json.loads(output)
        assert theirs["count"] == args.pictures
        rates["torch-fidelity"].append(args.pictures / theirs["seconds"])
        memory["torch-fidelity"] = max(memory["torch-fidelity"], peak)
        print(f"round {number + 1}: fledge {rates['fledge'][-1]:.1f}, torch-fidelity {rates['torch-fidelity'][-1]:.1f} pictures/s", flush=True)
    ratio = statistics.median(rates["fledge"]) / statistics.median(rates["torch-fidelity"])
    return [
        "| Inception features, pictures a second | fledge | torch-fidelity 0.4 | ratio |", "|---|---|---|---|",
        f"| {args.pictures} PNG of 64×64, at 299×299 | {cell(rates['fledge'])} | {cell(rates['torch-fidelity'])} | **{ratio:.2f}** |",
        f"| peak memory, MB | {memory['fledge']:,.0f} | {memory['torch-fidelity']:,.0f} | |",
    ]


def arithmetic(args, scratch):
    metrics = ["kid", "fid", "prdc"]
    ours, theirs, memory = {m: [] for m in metrics}, {m: [] for m in metrics}, {}
    values = {}
    for number in range(args.rounds):
        for metric in metrics:
            command = [args.fledge, "--real", f"{scratch}/real.npz", "--fake", f"{scratch}/generated.npz", "--metrics", metric, "--features", "random",
                       "--repeats", "0", "--json", "--device", "cpu"]
            _, peak, output, log = run(command)
            # One line a metric: "kid under torch-fidelity took 12.34 s".
            took = re.search(rf"{metric} under \S+ took ([0-9.]+) s", log)
            ours[metric].append(float(took.group(1)))
            memory[metric, "fledge"] = max(memory.get((metric, "fledge"), 0), peak)
            for line in map(json.loads, output.splitlines()):
                values[line["metric"].split("_")[0]] = line["value"]
            _, peak, output, _ = run([args.python, f"{HERE}/bench_arithmetic.py", f"{scratch}/generated.npz", f"{scratch}/real.npz", "--metrics", metric])
            result = json.loads(output)
            theirs[metric].append(result["seconds"][metric])
            memory[metric, "peer"] = max(memory.get((metric, "peer"), 0), peak)
            print(f"round {number + 1}: {metric}: fledge {ours[metric][-1]:.2f} s, peer {theirs[metric][-1]:.2f} s; {values} {result.get('values')}", flush=True)
    lines = [f"| arithmetic at {args.rows:,} × 2048, seconds | fledge | numpy, scipy, torch | ratio | MB | MB |", "|---|---|---|---|---|---|"]
    for metric in metrics:
        ratio = statistics.median(theirs[metric]) / statistics.median(ours[metric])
        lines.append(f"| {metric} | {cell(ours[metric])} | {cell(theirs[metric])} | **{ratio:.1f}** | {memory[metric, 'fledge']:,.0f} | {memory[metric, 'peer']:,.0f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", choices=["features", "arithmetic"])
    parser.add_argument("--write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [args.pictures if args.only != "arithmetic" else 0, args.rows if args.only != "features" else 0]
        run([args.python, "-c", MAKE, scratch, *map(str, wanted)])
        parts = []
        if wanted[0]:
            parts.append(features(args, scratch))
        if wanted[1]:
            parts.append(arithmetic(args, scratch))
    text = "\n\n".join("\n".join(lines) for lines in parts)
    print(text)
    if args.write:
        document = open(args.write).read()
        head, rest = document.split(BEGIN, 1)
        with open(args.write, "w") as f:
            f.write(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
