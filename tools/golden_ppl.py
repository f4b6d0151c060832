"""Golden path lengths of StyleGAN: the arithmetic of perceptual_path_length.py in PyTorch, with weights and pictures of a formula.

usage: python tools/golden_ppl.py evaluate/tests/golden/stylegan-ppl.safetensors
needs: numpy, torch, safetensors

VGG16, the weights of LPIPS and all inputs are numbers of a formula, as in golden_networks_features.py. All but arcs is in f64. Written:
  distances.NAME.SIDE.CHANNELS   [2], between pictures x [2, CHANNELS, SIDE, SIDE] = 2.6 u(first …) − 1.3 and x + 0.02 u(second …)
  arc.T                          [8], from 2 u(arc a) − 1 to 2 u(arc b) − 1, by torch in f32
  mean                           [1], of the distances u(distances)[:250] that are kept
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

EPSILON = 1e-4
SLICES = (((0, 3, 64), (2, 64, 64)), ((5, 64, 128), (7, 128, 128)), ((10, 128, 256), (12, 256, 256), (14, 256, 256)),
          ((17, 256, 512), (19, 512, 512), (21, 512, 512)), ((24, 512, 512), (26, 512, 512), (28, 512, 512)))
CASES = (("ppl2_wend", 64, 3), ("ppl_wend", 64, 3), ("ppl_zfull", 512, 1))


def uniform(name, count):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) ^ np.uint32(h)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return ((x ^ (x >> np.uint32(16))) >> np.uint32(8)).astype(np.float64) / 2**24


def weight(name, *shape):
    u = uniform(name, int(np.prod(shape)))
    limit = np.sqrt(6 / np.prod(shape[1:]))
    values = (2 * u - 1) * 0.2 if len(shape) == 1 else u * limit if name.startswith("lin") else (2 * u - 1) * limit
    return torch.tensor(values.astype(np.float32).reshape(shape)).double()


def features(x):
    """[B, N] of pictures [B, 3, H, W] in [0, 255]: squared differences add up to LPIPS."""
    x = x / 127.5 - 1
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).double().view(1, 3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).double().view(1, 3, 1, 1)
    parts = []
    for i, convolutions in enumerate(SLICES):
        x = F.max_pool2d(x, 2) if i else x
        for number, inputs, outputs in convolutions:
            x = F.relu(F.conv2d(x, weight(f"features.{number}.weight", outputs, inputs, 3, 3), weight(f"features.{number}.bias", outputs), padding=1))
        unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
        linear = weight(f"lin{i}.model.1.weight", 1, x.shape[1], 1, 1)
        parts.append((unit * (linear / (x.shape[2] * x.shape[3])).sqrt()).flatten(1))
    return torch.cat(parts, 1)


def prepared(x, crop):
    side = x.shape[2]
    if crop:
        c = x.shape[2] // 8
        x = x[:, :, c * 3 : c * 7, c * 2 : c * 6]
    # The source divides by the generator's resolution, before the crop; pictures compared are half as large then.
    factor = side // 256
    if factor > 1:
        x = x.reshape([-1, x.shape[1], x.shape[2] // factor, factor, x.shape[3] // factor, factor]).mean([3, 5])
    x = (x + 1) * (255 / 2)
    return x.repeat([1, 3, 1, 1]) if x.shape[1] == 1 else x


def normalize(v):
    return v / v.square().sum(-1, keepdim=True).sqrt()


def slerp(a, b, t):
    a, b = normalize(a), normalize(b)
    d = (a * b).sum(-1, keepdim=True)
    c = normalize(b - d * a)
    p = t * torch.acos(d)
    return normalize(a * torch.cos(p) + c * torch.sin(p))


def main():
    out = {}
    for name, side, channels in CASES:
        shape = [2, channels, side, side]
        drawn = lambda end: torch.tensor(uniform(f"{end} {name} {side}", int(np.prod(shape))).reshape(shape))
        first = 2.6 * drawn("first") - 1.3
        second = first + 0.02 * drawn("second")
        a, b = (features(prepared(x, crop=name != "ppl2_wend")) for x in (first, second))
        out[f"distances.{name}.{side}.{channels}"] = ((a - b).square().sum(1) / EPSILON**2).numpy()
    a, b = (torch.tensor((2 * uniform(f"arc {end}", 8) - 1).astype(np.float32)) for end in "ab")
    for t in (0.0, 1e-4, 0.3):
        out[f"arc.{t}"] = slerp(a, b, torch.tensor(t, dtype=torch.float32)).double().numpy()
    distances = uniform("distances", 250)
    low, high = np.percentile(distances, 1, method="lower"), np.percentile(distances, 99, method="higher")
    out["mean"] = np.array([np.extract((distances >= low) & (distances <= high), distances).mean()])
    save_file(out, sys.argv[1])
    print({name: values.tolist() for name, values in out.items()})


if __name__ == "__main__":
    main()
