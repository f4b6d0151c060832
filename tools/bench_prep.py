"""Measures `prep build` against tf.data and Pillow in turns on the same pictures and cores; `make bench-prep` calls it.

usage: bench_prep.py --fledge target/release/prep --python VENV/bin/python [--rounds 5] [--passes 3] [--size 64] [--jobs N]
                     [--write docs/PERFORMANCE.md] NAME=SOURCE...

SOURCE is a folder or a zip, which is unpacked first, so that all read the same files; each is read once before, so that nobody waits for
the disk. In every round each side makes as many passes and its best counts. A pass of fledge is a whole process, start, listing, hashing
and writing the data set included; one of the others is without start-up, and they write nothing. A cell is the median over the
rounds, with the smallest and largest; the ratio is taken round by round against the better of the two.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import bench_table

BEGIN, END = "<!-- bench-prep: begin -->", "<!-- bench-prep: end -->"


def measured(command):
    """Wall time in seconds, peak memory in MB, output."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output


def unpacked(source, scratch, name):
    if os.path.isfile(source):
        folder = os.path.join(scratch, name)
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
        source = folder
    for at, _, names in os.walk(source):
        if "bounding_boxes.txt" in names:
            return at
    return source


def warm(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                f.read()


def cell(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fledge", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--write")
    parser.add_argument("sources", nargs="+", metavar="NAME=SOURCE")
    args = parser.parse_args()
    peers = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench_prep_peers.py")
    lines, versions = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for pair in args.sources:
            name, source = pair.split("=", 1)
            folder = unpacked(source, scratch, name)
            rates, memory = {"fledge": [], "tensorflow": [], "pillow": []}, 0
            count = 0
            warm(folder)
            for number in range(args.rounds):
                best = float("inf")
                for _ in range(args.passes):
                    out = os.path.join(scratch, "out")
                    shutil.rmtree(out, ignore_errors=True)
                    build = ["build", folder, "--out", out, "--size", str(args.size), "--jobs", str(args.jobs)]
                    seconds, peak, _ = measured([args.fledge, *build])
                    best, memory = min(best, seconds), max(memory, peak)
                with open(os.path.join(out, "dataset.json")) as f:
                    manifest = json.load(f)
                count = sum(s["records"] for s in manifest["splits"]) + sum(manifest["rejects"].values())
                rates["fledge"].append(count / best)
                for peer in ["tensorflow", "pillow"]:
                    command = [args.python, peers, peer, folder, str(args.size), str(args.jobs), str(args.passes)]
                    said = json.loads(measured(command)[2].splitlines()[-1])
                    rates[peer].append(max(said["pictures_per_second"]))
                    versions.update(said["versions"])
                print(f"{name}, round {number + 1}: " + ", ".join(f"{k} {v[-1]:,.0f}" for k, v in rates.items()), flush=True)
            ratios = [a / max(b, c) for a, b, c in zip(rates["fledge"], rates["tensorflow"], rates["pillow"])]
            ratio = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
            cells = " | ".join(cell(rates[side]) for side in ["fledge", "tensorflow", "pillow"])
            lines.append(f"| {name}, {count:,} pictures | {cells} | {ratio} | {memory:.0f} |")
    said = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    table = f"""{args.jobs} threads, to {args.size}×{args.size}; {said}; {args.rounds} rounds in turns, the best of {args.passes} passes each.

| pictures per second | fledge | tf.data (AUTOTUNE) | Pillow, {args.jobs} processes | fledge by the better | peak MB of fledge |
|---|---|---|---|---|---|
""" + "\n".join(lines)
    print(table)
    if args.write:
        bench_table.write(args.write, BEGIN, END, table)


if __name__ == "__main__":
    main()
