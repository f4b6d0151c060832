"""Golden numbers of the resizers, by the reference libraries' own functions: SHA-256 of the network's whole input, and some values of it.

usage: python tools/golden_resize.py [DATA] > evaluate/tests/golden/resize.json
needs: numpy, torch, torchvision, torch_fidelity 0.4, clean-fid, Pillow, tensorflow (Keras 3)
DATA:  the folder of test data; without it the cases of real pictures are left out (and their test then has nothing to do)

Drawn pictures are formulas over whole numbers, for row y, column x, channel c, so that the tests make the same ones:
  noise         mix(kind, (y * width + x) * 3 + c, 5) >> 24, with mix as in golden_metrics.py
  checkerboard  255 * ((x / (c + 1) + y / (c + 1)) mod 2), whole-number division
  ramp          c = 0: 255 x / max(width - 1, 1); c = 1: 255 y / max(height - 1, 1); c = 2: 7 (x + y) mod 256
A hash is over the little-endian f32 values [3, side, side].
"""
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import numpy as np

NOISE = [(32, 32), (64, 64), (96, 48), (1, 5), (299, 299), (400, 350), (3, 700), (700, 3), (1, 1), (1000, 640)]
CHECKERBOARD = [(32, 32), (301, 64), (512, 512)]
RAMP = [(64, 64), (17, 400), (1000, 1000)]
REAL = [("golden/birds.zip", "*.png", 4), ("golden/faces-a.zip", "*.png", 2), ("cub3-original/CUB_200_2011/images", "*.jpg", 6),
        ("rgba-thumbnails", "*.png", 3)]
SIDES = [75, 224, 299]


def mix(a, b, c):
    m = lambda x, k: np.asarray(x, dtype=np.uint64) * np.uint64(k) & np.uint64(0xFFFFFFFF)
    return m(m(a, 73856093) ^ m(b, 19349663) ^ m(c, 83492791), 2654435761)


def drawn():
    for kind, (h, w) in enumerate(NOISE):
        pixels = (mix(kind, np.arange(h * w * 3), 5) >> np.uint64(24)).astype(np.uint8).reshape(h, w, 3)
        yield {"picture": "noise", "kind": kind, "height": h, "width": w}, pixels
    for name, sizes in [("checkerboard", CHECKERBOARD), ("ramp", RAMP)]:
        for h, w in sizes:
            y, x = np.arange(h)[:, None], np.arange(w)[None, :]
            if name == "checkerboard":
                planes = [255 * ((x // c + y // c) % 2) for c in (1, 2, 3)]
            else:
                planes = [255 * x // max(w - 1, 1) + 0 * y, 255 * y // max(h - 1, 1) + 0 * x, 7 * (x + y) % 256]
            yield {"picture": name, "kind": 0, "height": h, "width": w}, np.stack(planes, -1).astype(np.uint8)


def real(data):
    from PIL import Image

    for place, pattern, count in REAL:
        path = pathlib.Path(data) / place
        if path.suffix == ".zip":
            archive = zipfile.ZipFile(path)
            files = [(n, archive.read(n)) for n in sorted(archive.namelist()) if n.endswith(pattern[1:])][:count]
        else:
            names = sorted(p.relative_to(path).as_posix() for p in path.rglob(pattern))
            names = names[:: len(names) // count][:count]
            files = [(n, (path / n).read_bytes()) for n in names]
        for name, content in files:
            yield {"picture": place, "name": name}, np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def pictures():
    yield from drawn()
    if sys.argv[-1] != "keras" and len(sys.argv) > 1:
        yield from real(sys.argv[-1])


def summary(x):
    x = np.ascontiguousarray(x, dtype="<f4")
    n = x.shape[1] - 1
    probes = [(0, 0), (n // 2, n), (n // 3, n // 5), (n, n // 2)]
    return {"sha256": hashlib.sha256(x.tobytes()).hexdigest(), "values": [float(x[i % 3, r, c]) for i, (r, c) in enumerate(probes)]}


def keras():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    cases = []
    for _, pixels in pictures():
        of = lambda side: tf.keras.applications.inception_v3.preprocess_input(tf.keras.layers.Resizing(side, side)(pixels[None].astype(np.float32)).numpy())
        cases.append({f"keras-{side}": summary(of(side)[0].transpose(2, 0, 1)) for side in SIDES})
    return {"versions": {"tensorflow": tf.__version__, "keras": tf.keras.__version__}, "cases": cases}


if sys.argv[1:2] == ["keras"]:  # In a process of its own: TensorFlow's and PyTorch's LLVM do not go together.
    print(json.dumps(keras()))
    sys.exit()

import PIL
import torch
import torch.nn.functional as F
import torch_fidelity
import torchvision.transforms.functional as TF
from cleanfid.resize import make_resizer
from importlib.metadata import version
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as tf1


def references(pixels):
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    out = {}
    for side in SIDES:
        resized = tf1(x.float(), size=(side, side), align_corners=False)
        out[f"tf1-{side}"] = (resized - 128) / 128
        # pytorch_fid/inception.py: ToTensor, interpolate, 2x - 1.
        out[f"pytorch-{side}"] = 2 * F.interpolate(TF.to_tensor(pixels)[None], size=(side, side), mode="bilinear", align_corners=False) - 1
        clean = make_resizer("PIL", False, "bicubic", (side, side))(pixels)
        out[f"pil-{side}"] = (torch.from_numpy(clean).permute(2, 0, 1)[None] - 128) / 128
    resized = tf1(x.float(), size=(224, 224), align_corners=False)
    out["imagenet-224"] = TF.normalize(resized, (255 * 0.485, 255 * 0.456, 255 * 0.406), (255 * 0.229, 255 * 0.224, 255 * 0.225))
    return {name: summary(value[0].numpy()) for name, value in out.items()}


of_keras = json.loads(subprocess.run([sys.executable, __file__, "keras", *sys.argv[1:]], check=True, stdout=subprocess.PIPE).stdout)
cases = [{**facts, **references(pixels), **more} for (facts, pixels), more in zip(pictures(), of_keras["cases"], strict=True)]
versions = {"numpy": np.__version__, "torch": torch.__version__, "torch_fidelity": torch_fidelity.__version__, "cleanfid": version("clean-fid"), "pillow": PIL.__version__, "cpu": torch.backends.cpu.get_cpu_capability(), **of_keras["versions"]}
# One summary a line.
lines = re.sub(r"\{\s+(\"sha256[^{}]*?)\s+\}", lambda m: "{" + re.sub(r"\s+", " ", m[1]) + "}", json.dumps({"versions": versions, "cases": cases}, indent=1))
print(lines)
