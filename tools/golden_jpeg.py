"""Writes shared/jpeg/tests/golden/pictures.json and pictures.bin: drawn pictures as JPEG files, and what Pillow decodes them to.

    python tools/golden_jpeg.py            (needs Pillow and numpy; made with the versions named in pictures.json)

pictures.bin holds the files one after the other; pictures.json has for each its name, length, size, channels, and the SHA-256 of
Pillow's pixels (RGB, or grey; four colours by convert("RGB")).

Pillow writes three samplings only. Files with others are made by rewriting headers: the same blocks are then other parts of
another picture, which decodes as well as the first. It looks scrambled, which is as good for a test.
"""
import hashlib
import io
import json
import pathlib

import numpy as np
import PIL
from PIL import Image, features

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "shared" / "jpeg" / "tests" / "golden"
SIZES = [(1, 1), (7, 9), (16, 16), (17, 33), (64, 48), (100, 75)]


def draw(width, height, channels, seed):
    """Slopes, a few edges, and some noise: blocks of every kind, from flat to full."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.empty((height, width, channels))
    for c in range(channels):
        picture[..., c] = 128 + 60 * np.sin(x / (5 + 3 * c) + seed) + 50 * np.cos(y / (7 + c))
    for _ in range(4):
        cx, cy, radius = r.uniform(0, width), r.uniform(0, height), r.uniform(2, 20)
        picture[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = r.uniform(0, 255, channels)
    noisy = x > width * 0.7
    picture[noisy] += r.normal(0, 25, picture[noisy].shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def encode(pixels, mode, **options):
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def frame_header(data):
    """Where the frame header's body begins."""
    at = 2
    while True:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if 0xC0 <= marker <= 0xC2:
            return at + 4
        at += 2 + length


def resample(data, width, height, factors):
    """The same blocks under other sampling factors."""
    data, at = bytearray(data), frame_header(data)
    data[at + 1 : at + 5] = bytes([height >> 8, height & 255, width >> 8, width & 255])
    for i, (h, v) in enumerate(factors):
        data[at + 7 + 3 * i] = h << 4 | v
    return bytes(data)


def regroup(width, height, factors, seed):
    """Three components from the blocks of a grey file, which all have the same tables."""
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    units = -(-width // (8 * across)), -(-height // (8 * down))
    blocks = sum(h * v for h, v in factors)
    grey = bytearray(encode(draw(8 * units[0] * blocks, 8 * units[1], 1, seed) // 8 + 112, "L", quality=75))
    at = frame_header(grey)
    frame = bytes([8, height >> 8, height & 255, width >> 8, width & 255, 3])
    frame += b"".join(bytes([i + 1, h << 4 | v, 0]) for i, (h, v) in enumerate(factors))
    grey[at - 2 : at + 9] = bytes([0, 17]) + frame
    scan = grey.index(b"\xff\xda\0\x08\x01")
    grey[scan + 2 : scan + 10] = bytes([0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0])
    return bytes(grey)


def adobe(data, transform):
    """Another colour transform in the Adobe marker."""
    data, at = bytearray(data), data.index(b"Adobe")
    data[at + 11] = transform
    return bytes(data)


def files():
    seed = 0
    for width, height in SIZES:
        for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                seed += 1
                quality = [30, 75, 95, 5, 100][seed % 5]
                name = f"{width}x{height} {subsampling} quality {quality}" + " progressive" * progressive
                pixels = draw(width, height, 3, seed)
                yield name, encode(pixels, "RGB", quality=quality, subsampling=subsampling, progressive=progressive)
        seed += 1
        yield f"{width}x{height} grey", encode(draw(width, height, 1, seed), "L", quality=85)
    wide, tall = draw(100, 75, 3, 100), draw(33, 90, 3, 101)
    yield "grey progressive", encode(draw(50, 41, 1, 102), "L", quality=85, progressive=True)
    yield "optimised tables", encode(wide, "RGB", quality=90, subsampling="4:2:0", optimize=True)
    yield "all of quality 1", encode(wide, "RGB", quality=1, subsampling="4:2:0")
    yield "restart every 3 blocks", encode(wide, "RGB", quality=80, subsampling="4:2:0", restart_marker_blocks=3)
    yield "restart every row", encode(tall, "RGB", quality=80, subsampling="4:4:4", restart_marker_rows=1)
    yield "restart progressive", encode(tall, "RGB", quality=80, subsampling="4:2:2", restart_marker_blocks=2, progressive=True)
    yield "restart grey", encode(wide[..., :1], "L", quality=80, restart_marker_blocks=1)
    yield "stored as RGB", encode(wide, "RGB", quality=80, keep_rgb=True)
    yield "16-bit quantisation", encode(wide, "RGB", qtables=[[300 + 5 * i for i in range(64)], [20 + i for i in range(64)]])
    inks = draw(41, 30, 4, 103)
    yield "CMYK", encode(inks, "CMYK", quality=85)
    yield "CMYK progressive", encode(inks, "CMYK", quality=85, progressive=True)
    yield "YCCK", adobe(encode(inks, "CMYK", quality=85), 2)
    noise = np.random.default_rng(104).integers(0, 256, (40, 56, 3)).astype(np.uint8)
    yield "noise", encode(noise, "RGB", quality=100, subsampling="4:4:4")
    for progressive in (False, True):
        kind = " progressive" * progressive
        four = encode(draw(64, 48, 3, 105), "RGB", quality=70, subsampling="4:2:2", progressive=progressive)
        six = encode(draw(64, 64, 3, 106), "RGB", quality=70, subsampling="4:2:0", progressive=progressive)
        # 24 units of 4 blocks, 16 units of 6.
        yield "1x2" + kind, resample(four, 48, 64, [(1, 2), (1, 1), (1, 1)])
        yield "4x1" + kind, resample(six, 64, 64, [(4, 1), (1, 1), (1, 1)])
        yield "1x4" + kind, resample(six, 64, 64, [(1, 4), (1, 1), (1, 1)])
    # Cut through the last units of each direction.
    four = encode(draw(64, 48, 3, 107), "RGB", quality=70, subsampling="4:2:2")
    six = encode(draw(64, 64, 3, 108), "RGB", quality=70, subsampling="4:2:0")
    yield "1x2 cut", resample(four, 43, 53, [(1, 2), (1, 1), (1, 1)])
    yield "4x1 cut", resample(six, 49, 57, [(4, 1), (1, 1), (1, 1)])
    yield "1x4 cut", resample(six, 57, 45, [(1, 4), (1, 1), (1, 1)])
    seed = 110
    for factors in (
        [(1, 1), (2, 1), (1, 1)],
        [(1, 2), (2, 1), (1, 1)],
        [(2, 1), (2, 1), (2, 1)],
        [(3, 1), (1, 1), (1, 1)],
        [(1, 3), (1, 1), (1, 3)],
        [(4, 2), (1, 1), (1, 1)],
        [(2, 4), (1, 1), (1, 1)],
        [(2, 2), (2, 1), (1, 2)],
        [(1, 4), (1, 2), (1, 1)],
        [(4, 1), (2, 1), (1, 1)],
    ):
        for width, height in ((69, 51), (3, 3)):
            seed += 1
            yield f"{width}x{height} {' '.join(f'{h}x{v}' for h, v in factors)}", regroup(width, height, factors, seed)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    blob, pictures = b"", []
    for name, data in files():
        image = Image.open(io.BytesIO(data))
        pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
        channels = 1 if pixels.ndim == 2 else 3
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        entry = {"name": name, "bytes": len(data), "width": image.width, "height": image.height}
        pictures.append(entry | {"channels": channels, "sha256": digest})
        blob += data
    versions = {"Pillow": PIL.__version__, "libjpeg-turbo": features.version("libjpeg_turbo"), "numpy": np.__version__}
    document = {"versions": versions, "pictures": pictures}
    (FOLDER / "pictures.bin").write_bytes(blob)
    (FOLDER / "pictures.json").write_text(json.dumps(document, indent=1) + "\n")
    print(len(pictures), "files,", len(blob), "bytes")


if __name__ == "__main__":
    main()
