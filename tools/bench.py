"""Measures fledge and PyTorch in turns on the same cores and writes the table of docs/PERFORMANCE.md; `make bench` calls it.

usage: bench.py --fledge target/release/train --python VENV/bin/python [--rounds 5] [--seconds 8] [--only TEXT]
                [--original CHECKOUT] [--translators CLONE --pix2pix FILE] [--write docs/PERFORMANCE.md]

With --only, rows whose names hold TEXT are printed, and nothing is written.

Each measurement is a process of its own. In every round each row runs fledge, PyTorch as it is, and PyTorch with channels last
(`memory_format=torch.channels_last`), one after the other, so that what else the machine does meets all three. A row's number
is the median over rounds of the medians; its spread the smallest and the largest of them. Peak memory is the operating
system's count for the process. StyleGAN2's rows run `bench_stylegan2.py`; with --original, a git clone of
NVlabs/stylegan2-ada-pytorch, PyTorch as it is stands for the original's own code there. The rows of translators run the
original code of `original_translate.py`, whose two places are --translators and --pix2pix, and are left out without them.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

import bench_table

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
ROWS = [
    ("gan-ada training, 32×32, width 32, batch 64", ["train", "gan-ada", "--size", "32", "--width", "32", "--batch", "64"]),
    ("gan-ada training, 64×64, width 128, batch 32", ["train", "gan-ada", "--size", "64", "--width", "128", "--batch", "32"]),
    ("gan-ada training, 64×64, width 128, batch 128", ["train", "gan-ada", "--size", "64", "--width", "128", "--batch", "128"]),
    ("dcgan-tf training, 64×64, width 32, batch 10", ["train", "dcgan-tf", "--size", "64", "--width", "32", "--batch", "10"]),
    ("dcgan-anime training, 96×96, width 32, batch 64", ["train", "dcgan-anime", "--size", "96", "--width", "32", "--batch", "64"]),
    ("wgan training, 32×32, width 32, batch 64", ["train", "wgan", "--size", "32", "--width", "32", "--batch", "64"]),
    ("wgan-gp training, 32×32, width 32, batch 64", ["train", "wgan-gp", "--size", "32", "--width", "32", "--batch", "64"]),
    ("gan-ada generation, 64×64, width 128, 64 at a time", ["generate", "gan-ada", "--size", "64", "--width", "128", "--batch", "64"]),
    ("stylegan2-small training, 64×64, batch 32", ["train", "stylegan2-small", "--size", "64", "--batch", "32"]),
    ("stylegan2-ada training, 64×64, batch 8", ["train", "stylegan2-ada", "--size", "64", "--batch", "8"]),
    ("stylegan2-small generation, 64×64, 32 at a time", ["generate", "stylegan2-small", "--size", "64", "--batch", "32"]),
    ("pix2pix training, 128×128, batch 1", ["train", "pix2pix", "--size", "128", "--width", "64", "--batch", "1"]),
    ("cyclegan training, 64×64, width 32, batch 1", ["train", "cyclegan", "--size", "64", "--width", "32", "--batch", "1"]),
    ("cut training, 64×64, width 32, batch 1", ["train", "cut", "--size", "64", "--width", "32", "--batch", "1"]),
    ("fastcut training, 64×64, width 32, batch 1", ["train", "fastcut", "--size", "64", "--width", "32", "--batch", "1"]),
    ("InceptionV3 features of 64×64 pictures, batch 16", ["features", "--size", "64", "--batch", "16"]),
]
# Their opponent is the original code alone.
TRANSLATORS = ("pix2pix", "cyclegan", "cut", "fastcut")


def run(command):
    """One measurement: pictures per second (median of its steps), peak memory in MB, and what the program said."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}")
    said = json.loads(output.splitlines()[-1])
    return statistics.median(said["pictures_per_second"]), usage.ru_maxrss / 1024, said


def cpu():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def instructions():
    try:
        with open("/proc/cpuinfo") as f:
            flags = next(line for line in f if line.startswith("flags")).split()
        return "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE"
    except (OSError, StopIteration):
        return platform.machine()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", default="8")
    parser.add_argument("--only", default="")
    parser.add_argument("--original")
    parser.add_argument("--translators")
    parser.add_argument("--pix2pix")
    parser.add_argument("--write")
    args = parser.parse_args()

    def torch(command, *more):
        name, words = "bench_torch.py", command
        if command[1].startswith("stylegan2-"):
            name, words = "bench_stylegan2.py", [command[0], command[1].removeprefix("stylegan2-"), *command[2:]]
            if args.original and not more:
                more = ("--original", args.original)
        if command[1] in TRANSLATORS:
            name, more = "bench_translate.py", (*more, "--original", args.translators, "--pix2pix", args.pix2pix)
        return [args.python, os.path.join(os.path.dirname(__file__), name), *words, *more]

    sides = {"fledge": lambda c: [args.fledge, "throughput", *c], "PyTorch": torch,
             "channels last": lambda c: torch(c, "--channels-last")}
    there = args.translators and args.pix2pix
    rows = [row for row in ROWS if args.only in row[0] and (there or row[1][1] not in TRANSLATORS)]
    if not there:
        print("without --translators and --pix2pix, the translators are left out", file=sys.stderr)
    found = {row: {side: [] for side in sides} for row, _ in rows}
    version, threads = "", 0
    for number in range(args.rounds):
        for row, command in rows:
            for side, full in sides.items():
                rate, memory, said = run(full([*command, "--seconds", args.seconds]))
                found[row][side].append((rate, memory))
                version, threads = said.get("version", version), said["threads"]
                print(f"round {number + 1} of {args.rounds}: {row}: {side} {rate:.1f} pictures/s, {memory:.0f} MB", file=sys.stderr)

    def speed(runs):
        rates = [r for r, _ in runs]
        return f"{statistics.median(rates):.1f} ({min(rates):.1f}–{max(rates):.1f})"

    def ratio(runs, opponents):
        rates = [a[0] / b[0] for a, b in zip(runs, opponents)]
        return f"**{statistics.median(rates):.2f}** ({min(rates):.2f}–{max(rates):.2f})"

    lines = [
        f"{cpu()}, {threads} threads, {instructions()}; PyTorch {version}; {args.rounds} rounds of {args.seconds} s each.",
        "",
        "| pictures per second | fledge | PyTorch | ratio | PyTorch, channels last | ratio | peak MB: fledge, PyTorch, channels last |",
        "|---|---|---|---|---|---|---|",
    ]
    for row, sides_found in found.items():
        ours, plain, last = (sides_found[side] for side in sides)
        memory = ", ".join(f"{max(m for _, m in runs):.0f}" for runs in (ours, plain, last))
        lines.append(f"| {row} | {speed(ours)} | {speed(plain)} | {ratio(ours, plain)} | {speed(last)} | {ratio(ours, last)} | {memory} |")
    table = "\n".join(lines)
    print(table)
    if args.write and not args.only:
        bench_table.write(args.write, BEGIN, END, table)


if __name__ == "__main__":
    main()
