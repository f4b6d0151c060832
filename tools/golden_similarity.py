"""Writes evaluate/tests/golden/similarity.json: what scikit-image, numpy and scipy make of drawn pairs of pictures.

    python tools/golden_similarity.py      (needs scikit-image, numpy and scipy; made with the versions in similarity.json)

L1 on the scale from -1 to 1, PSNR and SSIM of every pair; the ranks of some pictures among others; Wilson's intervals. The pictures
are drawn again by evaluate/tests/pairs.rs, so that none is stored.
"""
import json
import pathlib

import numpy as np
import scipy
import skimage
from scipy.stats import binomtest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

OUT = pathlib.Path(__file__).parent.parent / "evaluate/tests/golden/similarity.json"

# Width, height, and the kinds and seeds of both pictures.
CASES = [
    (11, 11, ("noise", 1), ("noise", 2)),
    (64, 48, ("noise", 1), ("noise", 2)),
    (64, 48, ("ramp", 3), ("ramp", 9)),
    (37, 29, ("blocks", 5), ("blurred", 5)),
    (40, 64, ("blocks", 1), ("constant", 140)),
    (33, 33, ("constant", 12), ("constant", 13)),
    (64, 64, ("blocks", 7), ("blocks", 8)),
]


def picture(kind, seed, width, height):
    """[height, width, 3], uint8."""
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(3), indexing="xy")
    if kind == "constant":
        return np.full((height, width, 3), seed, np.uint8)
    if kind == "ramp":
        return ((x * 3 + y * 5 + c * 40 + seed * 7) % 256).astype(np.uint8)
    if kind == "blurred":
        blocks = picture("blocks", seed, width, height).astype(np.int64)
        return ((blocks * 3 + picture("noise", seed, width, height)) // 4).astype(np.uint8)
    if kind == "blocks":
        x, y = x // 8, y // 8
    h = (x * 73_856_093) ^ (y * 19_349_663) ^ (c * 83_492_791) ^ (seed * 2_654_435_761)
    h &= 0xFFFFFFFF
    h ^= h >> 13
    h = (h * 0x5BD1E995) & 0xFFFFFFFF
    return ((h ^ (h >> 15)) & 0xFF).astype(np.uint8)


def values(a, b):
    unit = lambda p: p.astype(np.float64) / 127.5 - 1
    return dict(
        l1=float(np.abs(unit(a) - unit(b)).mean()),
        psnr=float(peak_signal_noise_ratio(a, b, data_range=255)),
        ssim=float(structural_similarity(a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                                         use_sample_covariance=False)),
    )


def ranks():
    """Blurred pictures among those that they were blurred from, and a constant one."""
    targets = [picture("blocks", seed, 24, 24).astype(int) for seed in range(12)]
    outputs = [picture("blurred", seed, 24, 24).astype(int) for seed in range(12)]
    outputs[4] = picture("constant", 128, 24, 24).astype(int)
    found = []
    for i, output in enumerate(outputs):
        distances = [np.abs(output - target).sum() for target in targets]
        found.append([int(sum(d <= distances[i] for d in distances)), int(np.argmin(distances))])
    return found


def main():
    cases = []
    for width, height, first, second in CASES:
        a, b = picture(*first, width, height), picture(*second, width, height)
        cases.append(dict(width=width, height=height, a=first, b=second, **values(a, b)))
    intervals = []
    for hits, count in [(48, 60), (1, 60), (0, 10), (10, 10), (500, 1098)]:
        low, high = binomtest(hits, count).proportion_ci(0.95, method="wilson")
        intervals.append([hits, count, float(low), float(high)])
    versions = dict(skimage=skimage.__version__, numpy=np.__version__, scipy=scipy.__version__)
    golden = dict(versions=versions, cases=cases, ranks=ranks(), wilson=intervals)
    OUT.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
