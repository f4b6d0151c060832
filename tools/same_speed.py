"""Are two builds of fledge equally fast? For changes that move code; `same_bytes.py` says whether they do the same.

usage: same_speed.py BEFORE AFTER [--source FOLDER] [--rounds 10] [--seconds 2]

BEFORE and AFTER are folders with the four programs (target/release of two checkouts). They run in turns, the first one alternating:
`train throughput` of every preset (a training step), of generated pictures and of features, and `prep build` of --source.
Prints, for each, the median over the rounds of AFTER's speed divided by BEFORE's, with the lowest and the highest.
Nothing else may run on the machine. Exit code 1 where a median is below 0.97.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

LEAST = 0.97
# Presets that end at another size than 64.
SIZES = {"dcgan-anime": 96}
PRESETS = ("gan-ada", "dcgan-anime", "dcgan-tf", "wgan", "wgan-gp")


def rate(folder, what, preset, seconds):
    """Pictures per second, the median of the windows of one process."""
    command = [folder / "train", "throughput", what, preset, "--size", str(SIZES.get(preset, 64)), "--width", "64"]
    command += ["--batch", "16", "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return statistics.median(json.loads(done.stdout.splitlines()[-1])["pictures_per_second"])


def build(folder, source, seconds):
    """Builds per second, the median of at least three."""
    rates, end = [], time.perf_counter() + seconds
    while len(rates) < 3 or time.perf_counter() < end:
        with tempfile.TemporaryDirectory() as scratch:
            command = [folder / "prep", "build", source, "--out", pathlib.Path(scratch) / "out", "--size", "64"]
            begun = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            rates.append(1 / (time.perf_counter() - begun))
    return statistics.median(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--source", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    measures = {f"train {preset}": lambda folder, p=preset: rate(folder, "train", p, options.seconds) for preset in PRESETS}
    for what in ("generate", "features"):
        measures[what] = lambda folder, w=what: rate(folder, w, "gan-ada", options.seconds)
    if options.source:
        measures["prep build"] = lambda folder: build(folder, options.source, options.seconds)
    ratios = {name: [] for name in measures}
    for i in range(options.rounds):
        for name, measure in measures.items():
            folders = (options.before, options.after)
            found = {folder: measure(folder) for folder in (folders if i % 2 == 0 else folders[::-1])}
            ratios[name].append(found[options.after] / found[options.before])
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"| | after ÷ before, median of {options.rounds} | lowest | highest |\n|---|---|---|---|")
    medians = {name: statistics.median(found) for name, found in ratios.items()}
    for name, found in ratios.items():
        print(f"| {name} | {medians[name]:.3f} | {min(found):.3f} | {max(found):.3f} |")
    slower = [name for name, median in medians.items() if not median >= LEAST]
    if slower:
        sys.exit(f"slower than {LEAST}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
