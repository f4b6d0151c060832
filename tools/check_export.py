"""Runs exported generators in onnxruntime and in PyTorch and compares their pictures with fledge's.

usage: check_export.py RUN... --fledge target/release/sample [--tolerance 1e-4]
       check_export.py FOLDER... [--tolerance 1e-4]

Needs torch, numpy, safetensors, onnx, onnxruntime and, for runs, pillow.

A RUN is exported here; its pictures are those that `sample images` writes, or `sample translate` of drawn pictures. They have 8 bits, so a value v in [0, 1] may lie half a step
from its pixel besides the tolerance; onnxruntime and PyTorch are compared with each other in f32.
A FOLDER holds, at any depth, cases: generator.onnx, generator.safetensors, the halves mapping.onnx and synthesis.onnx of a generator
with styles, and expected.safetensors with fledge's own values in f32:

    FLEDGE_EXPORT=/tmp/cases FLEDGE_EXPORT_RUNS=runs/birds:runs/faces cargo test --workspace --test sample_tests cases_for_the_scripts

writes the networks of sample/tests/generator_files.rs, the presets at full width, and these runs. Exit code 1 where a difference is larger.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from load_generator import Generator
from safetensors.numpy import load_file

SEEDS = 16


def made(folder, z, classes):
    """The pictures that onnxruntime and PyTorch make with the files in `folder`, of latents or other pictures `z`."""
    onnx.checker.check_model(str(folder / "generator.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(folder / "generator.onnx", providers=["CPUExecutionProvider"])
    inputs = {"z": z, "source": z, "class": classes}
    by_onnx = session.run(["images"], {port.name: inputs[port.name] for port in session.get_inputs()})[0]
    generator = Generator.load(folder / "generator.safetensors")
    by_torch = generator(torch.tensor(z), torch.tensor(classes))
    by_torch.square().sum().backward()
    # An optimizer could go on with all of them.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters()), f"{folder}: a weight without gradient"
    return by_onnx, by_torch.detach().numpy()


def halves(folder, z, classes):
    """The pictures of a generator with styles from its two files, mapping.onnx and synthesis.onnx."""
    ws = None
    for name in ("mapping.onnx", "synthesis.onnx"):
        onnx.checker.check_model(str(folder / name), full_check=True)
        session = onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
        inputs = {"z": z, "class": classes, "ws": ws}
        ws = session.run(None, {port.name: inputs[port.name] for port in session.get_inputs()})[0]
    return ws


def distance(a, b):
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"
    return float(np.abs(a.astype(np.float64) - b).max())


def case(folder):
    """Largest differences: of onnxruntime and of PyTorch from fledge; and the spread of fledge's pictures."""
    expected = load_file(folder / "expected.safetensors")
    inputs = expected["z"], expected["class"]
    pictures = [*made(folder, *inputs), *([halves(folder, *inputs)] if (folder / "mapping.onnx").exists() else [])]
    return [distance(by, expected["images"]) for by in pictures], expected["images"].std()


def run(path, fledge):
    """The same for a run; differences from pixels less the half step that rounding may take."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)

        def sample(*command):
            subprocess.run([fledge, *command], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "RUST_LOG": "warn"})

        sample("export", path, "--onnx", scratch / "generator.onnx", "--safetensors", scratch / "generator.safetensors")
        source = onnx.load(scratch / "generator.onnx").graph.input[0]
        if source.name == "source":
            channels, height, width = (axis.dim_value for axis in source.type.tensor_type.shape.dim[1:])
            given = np.random.default_rng(0).integers(0, 256, (SEEDS, height, width, channels), np.uint8)
            (scratch / "given").mkdir()
            for i, picture in enumerate(given):
                Image.fromarray(picture.squeeze()).save(scratch / "given" / f"{i:02}.png")
            drops = ["--dropout", "off"] if 'family = "unet"' in (path / "config.toml").read_text() else []
            sample("translate", path, "--input", scratch / "given", "--out", scratch / "images", *drops)
            np.save(scratch / "z.npy", given.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        else:
            sample("latents", path, "--seeds", f"0-{SEEDS - 1}", "--out", scratch / "z.npy")
            sample("images", path, "--out", scratch / "images", "-n", str(SEEDS))
        pixels = np.stack([np.asarray(Image.open(file)) for file in sorted((scratch / "images").glob("*.png"))]).reshape(SEEDS, -1)
        classes = len(Generator.load(scratch / "generator.safetensors").facts["classes"])
        pictures = made(scratch, np.load(scratch / "z.npy"), np.arange(SEEDS) % max(classes, 1))
        ours = [p.transpose(0, 2, 3, 1).reshape(SEEDS, -1) * 255.0 for p in pictures]
        return [max(distance(p, pixels) - 0.5, 0) / 255 for p in ours] + [distance(*pictures)], pixels.std() / 255


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="RUN|FOLDER")
    parser.add_argument("--fledge", help="the program `sample`, for runs")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()
    worst = 0.0
    for path in map(pathlib.Path, args.paths):
        if (path / "config.toml").exists():
            if not args.fledge:
                parser.error("--fledge is missing: it exports runs")
            found = {path: run(path, args.fledge)}
        else:
            found = {file.parent: case(file.parent) for file in sorted(path.rglob("expected.safetensors"))}
        if not found:
            sys.exit(f"{path}: neither a run nor a folder of cases")
        for name, (differences, spread) in found.items():
            # Of pictures that are all alike any network would give the same.
            assert spread > 0.01, f"{name}: flat pictures"
            third = "one from the other" if (name / "config.toml").exists() else "halves in onnxruntime"
            words = ", ".join(f"{what} {d:.1e}" for what, d in zip(("onnxruntime", "PyTorch", third), differences))
            print(f"{name}: {words} (standard deviation of pictures {spread:.2f})", flush=True)
            worst = max(worst, *differences)
    print(f"largest difference {worst:.1e}, tolerance {args.tolerance:.0e}; onnxruntime {onnxruntime.__version__}, torch {torch.__version__}")
    sys.exit(worst > args.tolerance)


if __name__ == "__main__":
    main()
