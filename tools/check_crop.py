"""Compares every crop that prep makes of a source with TensorFlow's, from the very pixels that prep decoded.

    python tools/check_crop.py SOURCE [--size 64] [--padding 0.25]

SOURCE is a folder or a zip in the layout of Caltech-UCSD Birds. Needs tensorflow-cpu, numpy and pillow. Exit code 1 if any value
differs by more than 1/255.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from golden_crop import crop


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("source")
    arguments.add_argument("--size", type=int, default=64)
    arguments.add_argument("--padding", type=float, default=0.25)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "run", "--release", "-q", "-p", "prep", "--example", "crops", "--"]
        subprocess.run(command + [options.source, folder, str(options.size), str(options.padding)], check=True)
        folder = pathlib.Path(folder)
        pictures, values, differing, windows, worst = 0, 0, 0, 0, 0
        for line in (folder / "crops.jsonl").read_text().splitlines():
            entry = json.loads(line)
            decoded = np.asarray(Image.open(folder / f"{entry['id']}.decoded.png"))
            ours = np.asarray(Image.open(folder / f"{entry['id']}.crop.png")).astype(int)
            window, theirs = crop(decoded, entry["box"], options.padding, options.size)
            difference = np.abs(ours - theirs.astype(int))
            pictures, values, differing = pictures + 1, values + difference.size, differing + int((difference > 0).sum())
            windows += list(window) != entry["window"]
            if difference.max() > worst:
                worst = int(difference.max())
                print(f"{entry['file']}: {worst}/255")
        print(f"{pictures} pictures, {values} values: largest difference {worst}/255, {differing} values differ, {windows} windows differ")
        sys.exit(worst > 1 or windows > 0 or pictures == 0)


if __name__ == "__main__":
    main()
