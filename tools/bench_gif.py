"""Compares GIFs of one walk: by `sample`, by ffmpeg with one palette and no dithering, and by Pillow with one palette.

usage: bench_gif.py RUN --fledge target/release/sample [--grid 6x6] [--frames 120] [--seeds 0-287]

The frames are written as PNG files first, by `sample` too. PSNR is over all pixels of all frames, each GIF decoded by Pillow. Needs numpy, Pillow and ffmpeg.
"""
import argparse
import math
import os
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("run")
parser.add_argument("--fledge", required=True)
parser.add_argument("--grid", default="6x6")
parser.add_argument("--frames", default="120")
parser.add_argument("--seeds", default="0-287")
args = parser.parse_args()


def psnr(path, frames):
    image, total = Image.open(path), 0.0
    assert image.n_frames == len(frames), (path, image.n_frames)
    for i, frame in enumerate(frames):
        image.seek(i)
        total += float(((np.asarray(image.convert("RGB"), np.float64) - frame) ** 2).mean())
    return 10 * math.log10(255**2 / (total / len(frames)))


with tempfile.TemporaryDirectory() as scratch:
    def walk(out, *flags):
        subprocess.run([args.fledge, "walk", args.run, "--grid", args.grid, "--frames", args.frames, "--seeds", args.seeds, "--scale", "1",
                        "--out", f"{scratch}/{out}", *flags], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    walk("frames")
    images = [Image.open(p).convert("RGB") for p in sorted(pathlib.Path(scratch, "frames").iterdir())]
    frames = [np.asarray(image, np.float64) for image in images]
    walk("fledge.gif")
    walk("fledge, --max-size 0.gif", "--max-size", "0")
    walk("fledge, --tolerance 0.gif", "--tolerance", "0")
    subprocess.run(["ffmpeg", "-v", "error", "-framerate", "20", "-i", f"{scratch}/frames/frame-%06d.png", "-vf",
                    "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none", f"{scratch}/ffmpeg, no dither.gif"], check=True)
    spread = images[:: max(1, len(images) // 16)]
    joined = Image.new("RGB", (spread[0].width, spread[0].height * len(spread)))
    for i, image in enumerate(spread):
        joined.paste(image, (0, i * image.height))
    palette = joined.quantize(256)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    indexed[0].save(f"{scratch}/Pillow, one palette.gif", save_all=True, append_images=indexed[1:], duration=50, loop=0)
    print(f"| {args.run}, {len(images)} frames of {images[0].width}×{images[0].height} | MB | PSNR |\n|---|---|---|")
    for name in ("fledge", "fledge, --max-size 0", "fledge, --tolerance 0", "ffmpeg, no dither", "Pillow, one palette"):
        path = f"{scratch}/{name}.gif"
        print(f"| {name} | {os.path.getsize(path) / 1e6:.2f} | {psnr(path, frames):.1f} dB |")
