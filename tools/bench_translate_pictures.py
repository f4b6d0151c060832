"""`sample translate` and PyTorch in turns on the same pictures and the same latest_net_G.pth, as whole processes.

usage: bench_translate_pictures.py SOURCE --fledge target/release/sample [--size 256] [--pictures 12] [--rounds 2]

SOURCE is a clone of taesungp/contrastive-unpaired-translation. Each process starts, reads the network, and translates PNG files of
a folder into PNG files. PyTorch's side is what the original's `test.py` does for each picture (read, scale to [-1, 1], `forward`
without gradients, save), without its data loader, HTML page and the libraries that they need, so that it is faster than the script.
Needs torch and pillow. Prints seconds and ratios.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

from original_translate import load

NETWORKS = {"resnet_9blocks": ("instance", 9, False), "resnet_9blocks, anti-aliased": ("instance", 9, True), "unet_256": ("batch", 0, False)}


def network(source, name):
    networks = load(source)[0]
    norm, blocks, antialias = NETWORKS[name]
    layer = networks.get_norm_layer(norm)
    if not blocks:
        return networks.UnetGenerator(3, 3, 8, 64, norm_layer=layer, use_dropout=True)
    return networks.ResnetGenerator(3, 3, 64, layer, n_blocks=blocks, no_antialias=not antialias, no_antialias_up=not antialias)


def opponent(source, name, weights, given, out, channels_last):
    model = network(source, name)
    # `load` puts an empty module in the place of Pillow, which the networks import and do not use.
    del sys.modules["PIL"]
    from PIL import Image

    memory = torch.channels_last if channels_last else torch.contiguous_format
    model.load_state_dict(torch.load(weights))
    model.to(memory_format=memory)
    with torch.no_grad():
        for file in sorted(pathlib.Path(given).iterdir()):
            picture = torch.from_numpy(np.asarray(Image.open(file).convert("RGB")).copy())
            x = picture.permute(2, 0, 1)[None].float().div(127.5).sub(1).to(memory_format=memory)
            y = model(x)[0].permute(1, 2, 0).clamp(-1, 1).add(1).mul(127.5)
            Image.fromarray(y.numpy().astype(np.uint8)).save(pathlib.Path(out) / file.name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--fledge")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--opponent", nargs=5, metavar=("NAME", "WEIGHTS", "GIVEN", "OUT", "CHANNELS_LAST"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.opponent:
        name, weights, given, out, last = args.opponent
        return opponent(args.source, name, weights, given, out, last == "yes")
    from PIL import Image

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        given = scratch / "given"
        given.mkdir()
        drawn = np.random.default_rng(0)
        for i in range(args.pictures):
            pixels = drawn.integers(0, 256, (args.size, args.size, 3), np.uint8)
            Image.fromarray(pixels).save(given / f"{i:03}.png")
        for name in NETWORKS:
            torch.manual_seed(0)
            weights = scratch / "latest_net_G.pth"
            made = subprocess.run([sys.executable, "-c", f"""
import sys, torch; sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from bench_translate_pictures import network
torch.save(network({args.source!r}, {name!r}).state_dict(), {str(weights)!r})"""], check=True)
            assert made.returncode == 0
            seconds = {"fledge": [], "PyTorch": [], "channels last": []}
            for number in range(args.rounds):
                for side, found in seconds.items():
                    out = scratch / f"{name} {side} {number}"
                    command = [args.fledge, "translate", weights, "--input", given, "--out", out]
                    if side != "fledge":
                        out.mkdir()
                        last = "yes" if side == "channels last" else "no"
                        command = [sys.executable, __file__, args.source, "--opponent", name, weights, given, out, last]
                    begun = time.perf_counter()
                    subprocess.run(command, check=True, capture_output=True)
                    found.append(time.perf_counter() - begun)
                    assert len(list(out.glob("*.png"))) == args.pictures, f"{name}, {side}"
            ours = seconds.pop("fledge")
            words = [f"fledge {statistics.median(ours):.1f} s"]
            for side, found in seconds.items():
                ratio = statistics.median(b / a for a, b in zip(ours, found))
                words.append(f"{side} {statistics.median(found):.1f} s, ratio {ratio:.2f}")
            print(f"{name}, {args.pictures} pictures of {args.size}×{args.size}: {'; '.join(words)} (torch {torch.__version__})", flush=True)


if __name__ == "__main__":
    main()
