"""Writes prep/tests/golden/resample.json and resample.bin: what TensorFlow and Pillow make of windows of drawn pictures.

    python tools/golden_resample.py        (needs tensorflow-cpu, Pillow and numpy; made with the versions in resample.json)

The pictures are those of tools/golden_crop.py, which prep/tests/all/resample.rs draws again, so that no picture is stored. For every
case the results of the methods follow each other in resample.bin, in the order of "methods".
"""
import json

import numpy as np
import PIL
from PIL import Image

from golden_crop import FOLDER, picture, tf

METHODS = ["area", "bilinear", "bicubic", "lanczos"]
# Four channels without a meaning: Pillow would multiply those of RGBA by the last one first.
MODES = {1: "L", 3: "RGB", 4: "CMYK"}
FILTERS = dict(bilinear=Image.BILINEAR, bicubic=Image.BICUBIC, lanczos=Image.LANCZOS)

# Kind, width, height, channels of the picture; then windows of it (left, top, width, height), each with sizes (width, height).
CASES = [
    ("hash", 160, 120, 3, [
        ((0, 0, 160, 120), [(16, 16), (31, 7), (1, 1), (160, 2), (2, 120)]),
        ((7, 3, 150, 117), [(24, 20), (13, 29)]),
        ((41, 30, 32, 32), [(16, 16), (32, 32), (35, 9), (32, 5), (4, 32)]),
        ((159, 119, 1, 1), [(1, 1), (5, 4)]),
        ((0, 60, 160, 1), [(9, 6), (160, 2)]),
        ((80, 0, 1, 120), [(6, 9), (2, 120)]),
        ((149, 108, 11, 12), [(13, 17), (40, 5)]),
    ]),
    ("ramp", 97, 131, 3, [
        ((0, 0, 97, 131), [(24, 24), (97, 4), (3, 131), (7, 11)]),
        ((5, 6, 90, 45), [(45, 5), (30, 9)]),
        ((96, 0, 1, 131), [(3, 3)]),
        ((20, 20, 9, 8), [(27, 8), (20, 21)]),
    ]),
    ("hash", 61, 53, 1, [
        ((0, 0, 61, 53), [(20, 20), (64, 19), (1, 53), (61, 1), (3, 50)]),
        ((1, 2, 59, 50), [(58, 9), (60, 8), (8, 51), (7, 7)]),
        ((60, 52, 1, 1), [(8, 8)]),
    ]),
    ("hash", 37, 71, 4, [
        ((0, 0, 37, 71), [(16, 16), (40, 6), (2, 71)]),
        ((3, 5, 30, 60), [(10, 20), (31, 7), (30, 9)]),
        ((30, 2, 4, 5), [(7, 9)]),
    ]),
    ("hash", 900, 5, 3, [((0, 0, 900, 5), [(6, 20), (64, 1), (1, 5)]), ((1, 1, 857, 3), [(19, 19)])]),
    ("ramp", 3, 700, 1, [((0, 0, 3, 700), [(40, 6), (1, 33), (3, 64)])]),
    # Black and white only: where a kernel overshoots, it is clipped.
    ("stripes", 40, 40, 1, [((0, 0, 40, 40), [(57, 13), (17, 23), (80, 20)]), ((1, 0, 39, 40), [(13, 13)])]),
]


def drawn(kind, width, height, channels, seed):
    if kind == "stripes":
        return np.where(picture("hash", width, height, channels, seed) < 128, 0, 255).astype(np.uint8)
    return picture(kind, width, height, channels, seed)


def scaled(pixels, place, size, method):
    left, top, width, height = place
    if method == "area":
        cut = tf.image.crop_to_bounding_box(pixels, top, left, height, width)
        values = tf.clip_by_value(tf.image.resize(cut, size[::-1], method="area") / 255.0, 0, 1).numpy()
        return (values * 255 + 0.5).astype(np.uint8)
    mode = MODES[pixels.shape[2]]
    raw = Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
    return np.asarray(raw.crop((left, top, left + width, top + height)).resize(size, FILTERS[method]))


def main():
    cases, data = [], bytearray()
    for seed, (kind, width, height, channels, windows) in enumerate(CASES):
        pixels = drawn(kind, width, height, channels, seed)
        for place, sizes in windows:
            for size in sizes:
                cases.append(dict(kind=kind, width=width, height=height, channels=channels, seed=seed, window=place, size=size,
                                  offset=len(data)))
                for method in METHODS:
                    result = scaled(pixels, place, size, method)
                    assert result.size == size[0] * size[1] * channels
                    data += result.tobytes()
    made = dict(made_by="tools/golden_resample.py", tensorflow=tf.__version__, pillow=PIL.__version__, numpy=np.__version__)
    made["methods"] = METHODS
    text = json.dumps(made)[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "resample.json").write_text(text)
    (FOLDER / "resample.bin").write_bytes(data)
    print(f"{len(cases)} cases, {len(data)} bytes")


if __name__ == "__main__":
    main()
