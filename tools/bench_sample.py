"""Measures `sample images` against PyTorch's eager forward of the same generator in turns on the same cores; `make bench-sample` calls it.

usage: bench_sample.py RUN --fledge target/release/sample --train target/release/train --python VENV/bin/python [--rounds 5]
                       [--pictures 1024] [--write docs/PERFORMANCE.md]

The generator of RUN is exported once and loaded by tools/load_generator.py, so that both have the same weights. In every round:

    fledge   `sample images RUN --out FOLDER -n PICTURES` as a whole process: start, reading the run, pictures, PNG, disk
    forward  `train throughput generate` of the run's preset at its size and width, 64 at a time: the forward pass alone, in the training
             program, of a network that is drawn (a run whose generator differs from its preset otherwise has another)
    PyTorch  `torch.inference_mode`, eager, by itself: forward alone, with 16 and with 64 pictures at a time, of which the faster
             counts; then the same to PNG files by Pillow. Its start, the import and a warm-up are not counted

A cell is the median over the rounds with the smallest and largest; a ratio is that of the medians. Memory is the largest of the process.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

import bench_table

BEGIN, END = "<!-- bench-sample: begin -->", "<!-- bench-sample: end -->"
HERE = os.path.dirname(os.path.abspath(__file__))

PYTORCH = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
import torch
from PIL import Image
from load_generator import Generator
generator, count, folder = Generator.load(sys.argv[2]).eval(), int(sys.argv[3]), sys.argv[4]
classes = len(generator.facts["classes"])

def pictures(batch):
    label = torch.arange(batch) % classes if classes else None
    return generator(torch.randn(batch, generator.facts["latent"]), label)

def forward(batch):
    begun = time.perf_counter()
    for _ in range(count // batch):
        pictures(batch)
    return count // batch * batch / (time.perf_counter() - begun)

def files(batch):
    begun = time.perf_counter()
    for start in range(0, count, batch):
        pixels = (pictures(batch) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).squeeze(3).numpy()
        for i, picture in enumerate(pixels[: count - start]):
            Image.fromarray(picture).save(os.path.join(folder, f"{start + i:08}.png"))
    return count / (time.perf_counter() - begun)

with torch.inference_mode():
    for batch in (16, 64, 16, 64):
        pictures(batch)
    rates = {batch: forward(batch) for batch in (16, 64)}
    best = max(rates, key=rates.get)
    print(json.dumps({"rates": rates, "batch": best, "forward": rates[best], "files": files(best), "torch": torch.__version__,
                      "threads": torch.get_num_threads()}))
"""


def run(command):
    """Wall time in seconds, peak memory in MB, stdout."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "RUST_LOG": "warn"})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output.decode()


def cell(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def measure(args, scratch, config):
    """Pictures a second by what was measured, a list over rounds; peak memory; the last that PyTorch said."""
    generator = f"{scratch}/generator.safetensors"
    run([args.fledge, "export", args.run, "--safetensors", generator, "--device", "cpu"])
    size, width = str(config["data"]["size"]), str(config["generator"]["width"])
    rates, memory, said = {"fledge": [], "forward": [], "PyTorch": [], "Pillow": []}, {"fledge": 0, "Python": 0}, {}
    for number in range(args.rounds):
        out = f"{scratch}/fledge-{number}"
        seconds, peak, _ = run([args.fledge, "images", args.run, "--out", out, "-n", str(args.pictures), "--device", "cpu"])
        assert sum(name.endswith(".png") for name in os.listdir(out)) == args.pictures
        rates["fledge"].append(args.pictures / seconds)
        memory["fledge"] = max(memory["fledge"], peak)
        os.mkdir(f"{scratch}/python-{number}")
        _, peak, output = run([args.python, "-c", PYTORCH, HERE, generator, str(args.pictures), f"{scratch}/python-{number}"])
        said = json.loads(output.splitlines()[-1])
        rates["PyTorch"].append(said["forward"])
        rates["Pillow"].append(said["files"])
        memory["Python"] = max(memory["Python"], peak)
        _, _, output = run([args.train, "throughput", "generate", config["preset"], "--size", size, "--width", width, "--batch", "64",
                            "--seconds", "5"])
        rates["forward"].append(statistics.median(json.loads(output.splitlines()[-1])["pictures_per_second"]))
        words = ", ".join(f"{name} {values[-1]:.0f}" for name, values in rates.items())
        print(f"round {number + 1}: {words}; PyTorch by batch {said['rates']}", flush=True)
    return rates, memory, said


def table(args, config, rates, memory, said):
    middle = {name: statistics.median(values) for name, values in rates.items()}
    data = config["data"]
    what = f"{config['preset']}, {data['size']}×{data['size']}, width {config['generator']['width']}; {args.pictures:,} pictures"

    def line(name, ours, theirs):
        return f"| {name} | {cell(rates[ours])} | {cell(rates[theirs])} | **{middle[ours] / middle[theirs]:.2f}** |"

    peer = f"PyTorch {said['torch'].split('+')[0]}, {said['threads']} threads"
    return [
        f"| {what}: pictures a second | fledge | {peer} | ratio |", "|---|---|---|---|",
        line("`sample images`, whole, to PNG files; forward alone", "fledge", "PyTorch"),
        line("the same; forward and Pillow to PNG files", "fledge", "Pillow"),
        line("forward alone; forward alone", "forward", "PyTorch"),
        f"| peak memory, MB | {memory['fledge']:,.0f} | {memory['Python']:,.0f} | |",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=1024)
    parser.add_argument("--write")
    args = parser.parse_args()
    with open(os.path.join(args.run, "config.toml"), "rb") as f:
        config = tomllib.load(f)
    with tempfile.TemporaryDirectory() as scratch:
        text = "\n".join(table(args, config, *measure(args, scratch, config)))
    print(text)
    if args.write:
        bench_table.write(args.write, BEGIN, END, text)


if __name__ == "__main__":
    main()
