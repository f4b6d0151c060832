"""Writes prep/tests/golden/crop.json and crop.bin: what TensorFlow makes of drawn pictures and awkward boxes.

    python tools/golden_crop.py            (needs tensorflow-cpu and numpy; made with the versions named in crop.json)

The pictures are formulas that prep/tests/all/crop.rs repeats, so that no picture is stored. The crop rule is that of the Keras
example "Data-efficient GANs with ADA": tf.image.crop_to_bounding_box, then tf.image.resize with area resampling.
"""
import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "prep" / "tests" / "golden"


def picture(kind, width, height, channels, seed):
    y, x, c = np.meshgrid(*(np.arange(n, dtype=np.uint64) for n in (height, width, channels)), indexing="ij")
    if kind == "ramp":
        return ((x * 3 + y * 5 + c * 40 + seed) % 256).astype(np.uint8)
    mask = np.uint64(0xFFFFFFFF)
    h = (x * 73856093 & mask) ^ (y * 19349663 & mask) ^ (c * 83492791 & mask) ^ np.uint64(seed * 2654435761 & 0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    h = h * 0x5BD1E995 & mask
    h ^= h >> np.uint64(15)
    return (h & np.uint64(255)).astype(np.uint8)


def window(width, height, box, padding):
    x, y, w, h = box
    cy, cx = y + h / 2, x + w / 2
    side = max((1 + padding) * h, (1 + padding) * w)
    rows, columns = min(side, 2 * cy, 2 * (height - cy)), min(side, 2 * cx, 2 * (width - cx))
    r = lambda v: int(np.round(v))
    top, left = max(0, min(r(cy - rows / 2), height - 1)), max(0, min(r(cx - columns / 2), width - 1))
    rows = max(1, min(r(rows), height - max(0, r(cy - rows / 2))))
    columns = max(1, min(r(columns), width - max(0, r(cx - columns / 2))))
    return top, left, rows, columns


def crop(pixels, box, padding, size):
    top, left, rows, columns = window(pixels.shape[1], pixels.shape[0], box, padding)
    cut = tf.image.crop_to_bounding_box(pixels, top, left, rows, columns)
    values = tf.clip_by_value(tf.image.resize(cut, (size, size), method="area") / 255.0, 0, 1).numpy()
    return (top, left, rows, columns), (values * 255 + 0.5).astype(np.uint8)


SHAPES = [("hash", 160, 120, 3), ("ramp", 97, 131, 3), ("hash", 64, 64, 3), ("ramp", 33, 17, 1), ("hash", 1, 1, 3), ("hash", 300, 7, 3)]
# As fractions of width and height: in the middle, at each edge, sticking out, whole, thin, one pixel, larger than the picture.
BOXES = [
    (0.3, 0.3, 0.4, 0.4), (0.0, 0.0, 0.5, 0.3), (0.6, 0.7, 0.4, 0.3), (-0.1, 0.2, 0.5, 0.6), (0.55, 0.5, 0.5, 0.6),
    (0.0, 0.0, 1.0, 1.0), (0.45, 0.0, 0.02, 1.0), (0.1, 0.48, 0.8, 0.01), (-0.2, -0.2, 1.4, 1.4), (0.2, 0.35, 0.61, 0.17),
]
# In pixels, whatever the size: one pixel, at a corner, half a pixel, an odd fraction.
PIXEL_BOXES = [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5), (0.25, 0.1, 0.7, 0.9)]


def main():
    cases, data = [], bytearray()
    for number, (kind, width, height, channels) in enumerate(SHAPES):
        pixels = picture(kind, width, height, channels, number)
        boxes = [(x * width, y * height, w * width, h * height) for x, y, w, h in BOXES] + PIXEL_BOXES
        # Halves of pixels, as in tables of halved boxes: where rounding half to even shows.
        boxes += [tuple(np.round(np.array(b) * 2) / 2 + 0.5) for b in boxes[:5] if width > 8 and height > 8]
        for i, box in enumerate(boxes):
            box = tuple(float(v) for v in box)
            # prep refuses a box whose centre lies outside: nothing of a window around it is left.
            if not (0 < box[0] + box[2] / 2 < width and 0 < box[1] + box[3] / 2 < height):
                continue
            padding, size = [(0.25, 64), (0.0, 32), (0.25, 17)][(i + number) % 3]
            place, result = crop(pixels, box, padding, size)
            cases.append(dict(kind=kind, width=width, height=height, channels=channels, seed=number, box=box, padding=padding,
                              size=size, window=place, offset=len(data)))
            data += result.tobytes()
    made = dict(made_by="tools/golden_crop.py", tensorflow=tf.__version__, numpy=np.__version__)
    text = json.dumps(made)[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "crop.json").write_text(text)
    (FOLDER / "crop.bin").write_bytes(data)
    print(f"{len(cases)} cases, {len(data)} bytes")


if __name__ == "__main__":
    main()
