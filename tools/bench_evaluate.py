"""Measures `evaluate` against the Python libraries in turns on the same pictures, features and cores; `make bench-evaluate` calls it.

usage: bench_evaluate.py --fledge target/release/evaluate --python VENV/bin/python [--rounds 3] [--pictures 256] [--rows 50000] [--prdc-rows 50000]
                         [--device cpu] [--only features|arithmetic] [--write docs/PERFORMANCE.md]

Features: pictures a second from a folder of PNG files to the 2048 features of each, at 299×299, by torch-fidelity 0.4's own data
loader and network and by `evaluate statistics` as a whole process, its start and the reading of weights included. Both have the
same drawn weights. With --device cuda they are measured on the processor and on the GPU.

Arithmetic: seconds from features in memory to the value, at ROWS × 2048 of each side (PRDC-ROWS for prdc, which takes Python half an
hour at 50,000), by the functions of torch-fidelity, and of prdc in chunks of rows (tools/bench_arithmetic.py), and by `evaluate` as it
logs them. It runs on the processor whatever --device says: `evaluate` has it nowhere else. Peak memory is that of the whole process.
A cell is the median over the rounds with the smallest and largest; a ratio is that of the medians.
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

import bench_table

BEGIN, END = "<!-- bench-evaluate: begin -->", "<!-- bench-evaluate: end -->"
HERE = os.path.dirname(os.path.abspath(__file__))

MAKE = """
import sys, numpy as np, torch, pathlib
from PIL import Image
scratch, count, rng = pathlib.Path(sys.argv[1]), int(sys.argv[2]), np.random.default_rng(0)
import pytorch_fid.inception as inception
(scratch / "pictures").mkdir(exist_ok=True)
for i in range(count):
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((64, 64), Image.BICUBIC).save(scratch / "pictures" / f"{i:05}.png")
torch.manual_seed(0)
net = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
for block, make in (("Mixed_5b", lambda: inception.FIDInceptionA(192, 32)), ("Mixed_5c", lambda: inception.FIDInceptionA(256, 64)),
    ("Mixed_5d", lambda: inception.FIDInceptionA(288, 64)), ("Mixed_6b", lambda: inception.FIDInceptionC(768, 128)),
    ("Mixed_6c", lambda: inception.FIDInceptionC(768, 160)), ("Mixed_6d", lambda: inception.FIDInceptionC(768, 160)),
    ("Mixed_6e", lambda: inception.FIDInceptionC(768, 192)), ("Mixed_7b", lambda: inception.FIDInceptionE_1(1280)),
    ("Mixed_7c", lambda: inception.FIDInceptionE_2(2048))):
    setattr(net, block, make())
torch.save(net.state_dict(), scratch / "weights.pth")
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


def run(command):
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
    names = ("fledge", "torch-fidelity")
    devices = ["cpu"] + [args.device] * (args.device != "cpu")
    rates = {(device, name): [] for device in devices for name in names}
    memory = dict.fromkeys(rates, 0)
    for number in range(args.rounds):
        for device in devices:
            seconds, peak, _, _ = run([args.fledge, "statistics", f"{scratch}/pictures", "--out", f"{scratch}/out.npz", "--weights",
                                       f"{scratch}/weights.pth", "--no-cache", "--device", device])
            rates[device, "fledge"].append(args.pictures / seconds)
            memory[device, "fledge"] = max(memory[device, "fledge"], peak)
            _, peak, output, _ = run([args.python, "-c", EXTRACT, f"{scratch}/pictures", f"{scratch}/weights.pth", device])
            theirs = json.loads(output)
            assert theirs["count"] == args.pictures
            rates[device, "torch-fidelity"].append(args.pictures / theirs["seconds"])
            memory[device, "torch-fidelity"] = max(memory[device, "torch-fidelity"], peak)
            print(f"round {number + 1}: {device}: " + ", ".join(f"{name} {rates[device, name][-1]:.1f}" for name in names) + " pictures/s", flush=True)
    lines = ["| Inception features, pictures a second | fledge | torch-fidelity 0.4 | ratio |", "|---|---|---|---|"]
    for device in devices:
        ours, theirs = (rates[device, name] for name in names)
        ratio = statistics.median(ours) / statistics.median(theirs)
        lines.append(f"| {args.pictures} PNG of 64×64, at 299×299, {device} | {cell(ours)} | {cell(theirs)} | **{ratio:.2f}** |")
        lines.append(f"| peak memory, MB, {device} | {memory[device, 'fledge']:,.0f} | {memory[device, 'torch-fidelity']:,.0f} | |")
    return lines


def drawn(args, scratch, rows):
    """Two drawn sets of so many rows, made once."""
    sets = [f"{scratch}/{name}-{rows}.npz" for name in ("generated", "real")]
    if not os.path.exists(sets[1]):
        run([args.python, f"{HERE}/bench_arithmetic.py", "--draw", str(rows), *sets])
    return sets


def arithmetic(args, scratch):
    metrics = ["kid", "fid", "prdc"]
    rows_of = {"kid": args.rows, "fid": args.rows, "prdc": args.prdc_rows}
    ours, theirs, memory = {m: [] for m in metrics}, {m: [] for m in metrics}, {}
    values = {}
    for number in range(args.rounds):
        for metric in metrics:
            generated, real = drawn(args, scratch, rows_of[metric])
            # As the package prdc does it: torch-fidelity's own precision and recall would come on top.
            protocol = "clean-fid" if metric == "prdc" else "torch-fidelity"
            command = [args.fledge, "--real", real, "--fake", generated, "--metrics", metric, "--protocol", protocol,
                       "--repeats", "0", "--json", "--device", "cpu"]
            _, peak, output, log = run(command)
            # One line a metric: "kid under torch-fidelity took 12.34 s".
            took = re.search(rf"{metric} under \S+ took ([0-9.]+) s", log)
            ours[metric].append(float(took.group(1)))
            memory[metric, "fledge"] = max(memory.get((metric, "fledge"), 0), peak)
            for line in map(json.loads, output.splitlines()):
                values[line["metric"].split("_")[0]] = line["value"]
            _, peak, output, _ = run([args.python, f"{HERE}/bench_arithmetic.py", generated, real, "--metrics", metric])
            result = json.loads(output)
            theirs[metric].append(result["seconds"][metric])
            memory[metric, "peer"] = max(memory.get((metric, "peer"), 0), peak)
            print(f"round {number + 1}: {metric}: fledge {ours[metric][-1]:.2f} s, peer {theirs[metric][-1]:.2f} s; {values} {result.get('values')}", flush=True)
    lines = ["| arithmetic, seconds | rows of each side × 2048 | fledge | numpy, scipy, torch | ratio | MB of fledge | MB of Python |", "|---|---|---|---|---|---|---|"]
    for metric in metrics:
        ratio = statistics.median(theirs[metric]) / statistics.median(ours[metric])
        lines.append(f"| {metric} | {rows_of[metric]:,} | {cell(ours[metric])} | {cell(theirs[metric])} | **{ratio:.1f}** | {memory[metric, 'fledge']:,.0f} | {memory[metric, 'peer']:,.0f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prdc-rows", type=int, default=50000, help="rows of each side for prdc")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for the features on both")
    parser.add_argument("--only", choices=["features", "arithmetic"])
    parser.add_argument("--write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        parts = []
        if args.only != "arithmetic":
            run([args.python, "-c", MAKE, scratch, str(args.pictures)])
            parts.append(features(args, scratch))
        if args.only != "features":
            parts.append(arithmetic(args, scratch))
    text = "\n\n".join("\n".join(lines) for lines in parts)
    print(text)
    if args.write:
        bench_table.write(args.write, BEGIN, END, text)


if __name__ == "__main__":
    main()
