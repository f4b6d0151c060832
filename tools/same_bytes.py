"""Do two builds of fledge write the same bytes? For changes that move code and nothing else.

usage: same_bytes.py BEFORE AFTER [--source PATH]... [--steps 20] [--size 32] [--width 16]

BEFORE and AFTER are folders with the four programs (target/release of two checkouts). Both do the same work, each in a folder of its
own, and what they wrote is compared file by file:

- `prep build` of drawn pictures in three layouts (and of every --source),
- `train` with every preset for so many steps (networks narrowed to --width where a preset has that setting; 0 leaves them),
- `sample images` of every run, `evaluate` of every run with random features,
- BEFORE takes the first half of every run again, AFTER resumes it to the end: the last checkpoint is that of the whole run.

Clocks are left out: speed, seconds and memory in stats.jsonl; starts.jsonl, train.log, curves and events.
Settings (config.toml, and in meta.json) are compared by meaning: a key that an older version lacks has the only value it could mean.
Exit code 1 where anything differs, with the names.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

# Presets that end at another size than --size.
SIZES = {"dcgan-anime": 96}

CLOCKS = {"img_per_s", "seconds", "wait", "memory_mb", "kid_seconds"}
# Their content is that of stats.jsonl, or when and where a run was started.
WITHOUT = ("starts.jsonl", "train.log", "curves.png", "report.html", "lock", "events.out")


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def meaning(config):
    """Settings of any version: versions 1 and 2 knew one task and one family, and a key that decided nothing."""
    config = {"task": "adversarial", **config, "version": None}
    for network in ("generator", "discriminator"):
        config[network] = {"family": "dcgan", **config[network]}
        config[network].pop("range", None)
    return config


RENAMED = {"real_accuracy": "real_acc", "generated_accuracy": "gen_acc"}


def state(meta):
    """The state beside tensors: sums of an epoch under the names of today, without those of norms that nothing asked for; and what alarms count."""
    state = dict(meta["state"])
    sums = {RENAMED.get(key, key): value for key, value in state["sums"].items() if value}
    alarms = {key: value for key, value in state.pop("alarms", {}).items() if value}
    if "d_wins" in alarms:
        alarms["wins"] = {"discriminator": alarms.pop("d_wins")}
    return {**state, "sums": sums, "alarms": alarms}


def content(path):
    data = path.read_bytes()
    if path.name == "config.toml":
        data = json.dumps(meaning(tomllib.loads(data.decode())), sort_keys=True).encode()
    if path.name == "meta.json":
        meta = json.loads(data)
        known = {key: meta[key] for key in ("version", "step", "epoch", "files")}
        data = json.dumps([known, state(meta), meaning(meta["config"])], sort_keys=True).encode()
    if path.name == "stats.jsonl":
        rows = [json.loads(line) for line in data.splitlines()]
        data = json.dumps([{key: row[key] for key in row if key not in CLOCKS} for row in rows]).encode()
    return hashlib.sha256(data).hexdigest()


def listed(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): content(path) for path in files if not path.name.startswith(WITHOUT)}


def sources(prep, scratch):
    """Drawn pictures as CUB, as folders of classes, and these zipped."""
    drawn, folders = scratch / "drawn", scratch / "folders"
    run(prep, "synth", "--out", drawn, "-n", 200)
    for picture in sorted((drawn / "images").rglob("*.jpg")):
        target = folders / ("train", "test")[int(picture.stem[-1]) % 2] / picture.parent.name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, target / picture.name)
    shutil.make_archive(str(scratch / "zipped"), "zip", folders)
    return [drawn, folders, scratch / "zipped.zip"]


def presets(train):
    """The first words of the list's paragraph; behind an empty line it explains."""
    lines = run(train, "--list-presets").split("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines if not line[0].isspace()]


def command(train, preset, data, folder, options, steps):
    words = [train, "--data", data, "--out", folder, "--preset", preset, "--steps", steps, "--device", "cpu"]
    words += ["--set", "schedule.batch=16", "--set", "evaluation.every=0"]
    if options.width:
        words += ["--set", f"generator.width={options.width}", "--set", f"discriminator.width={options.width}"]
    return words


def resumed(before, after, work, options):
    """Names of tensors of the last checkpoint that differ where AFTER resumes what BEFORE began."""
    differ = []
    for preset in presets(before / "train"):
        data = work / (f"data-{preset}" if preset in SIZES else "data-0")
        folder = work / f"resumed-{preset}"
        run(*command(before / "train", preset, data, folder, options, options.steps // 2))
        run(after / "train", "--out", folder, "--steps", options.steps, "--device", "cpu")
        last = f"checkpoints/{options.steps:08}"
        for part in sorted((work / f"run-{preset}" / last).glob("*.safetensors")):
            if content(part) != content(folder / last / part.name):
                differ.append(f"resumed {preset}: {part.name}")
    return differ


def work(programs, out, given, options):
    """Does everything below `out`; gives what `evaluate` printed."""
    prep, train, sample, evaluate = (programs / name for name in ("prep", "train", "sample", "evaluate"))
    printed = {}
    for number, source in enumerate(given):
        run(prep, "build", source, "--out", out / f"data-{number}", "--size", options.size)
    for preset in presets(train):
        folder, data = out / f"run-{preset}", out / "data-0"
        if preset in SIZES:
            data = out / f"data-{preset}"
            run(prep, "build", given[0], "--out", data, "--size", SIZES[preset])
        run(*command(train, preset, data, folder, options, options.steps))
        run(sample, "images", folder, "--out", out / f"images-{preset}", "-n", 8, "--device", "cpu")
        words = [evaluate, "--real", data, "--fake", folder, "--features", "random", "--protocol", "keras75-fid"]
        rows = json.loads(run(*words, "--device", "cpu", "--no-cache", "-n", 16, "--json"))
        printed[preset] = json.dumps(rows, sort_keys=True).replace(str(out), "")
        print(f"{programs}: {preset}", file=sys.stderr)
    return printed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--source", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        given = sources(options.before / "prep", scratch) + options.source
        found = []
        for name, programs in (("before", options.before), ("after", options.after)):
            # Both work in a folder of the same name: where a run's data lie is part of its settings.
            place = scratch / "work"
            place.mkdir()
            printed = work(programs, place, given, options)
            found.append(listed(place) | {f"evaluate {preset}": text for preset, text in printed.items()})
            os.rename(place, scratch / name)
        before, after = found
        os.rename(scratch / "before", place)
        again = resumed(options.before, options.after, place, options)
        differ = again + sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    for name in differ:
        print(f"differs: {name}")
    print(f"{len(before)} files and tables before, {len(after)} after, {len(differ)} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
