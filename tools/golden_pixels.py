"""Writes small pictures of every kind that `shared::picture` reads, and the pixels that Pillow decodes from them.

    python tools/golden_pixels.py

Makes shared/pictures/tests/golden/pictures/: the files, `pixels.bin` (for each file its RGB over white, then its luma) and
`pixels.json` (names, extents, offsets, and the difference that is allowed). Files that Pillow cannot write are put together
here; what Pillow does not read to the last bit (16 bits a sample) is computed from the samples.
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps, features

OUT = Path(__file__).resolve().parent.parent / "shared/pictures/tests/golden/pictures"
WIDTH, HEIGHT = 13, 11
FILES = {}


def drawn(width=WIDTH, height=HEIGHT, channels=3, top=255, seed=0):
    """A smooth ramp with some noise; the last channel of 2 or 4 is opacity with both ends in it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (7 + c) + y * (11 - 3 * c) + 40 * c) / (18 * max(width, height)) for c in range(channels)]
    values = np.stack(planes, -1) + rng.uniform(-0.1, 0.1, (height, width, channels))
    if channels in (2, 4):
        values[..., -1] = (x - 2) / max(width - 5, 1)
    return np.clip(np.round(values * top), 0, top).astype(np.int64)


def over_white(rgba):
    picture = Image.new("RGB", rgba.size, (255, 255, 255))
    picture.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return picture


def by_pillow(data):
    """What Pillow decodes: upright, RGB over white."""
    picture = Image.open(io.BytesIO(data))
    picture.seek(0)
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        return over_white(picture.convert("RGBA"))
    return picture.convert("RGB")


def wide_to_rgb(samples):
    """16-bit samples to 8 (v / 257 rounded), then over white."""
    narrow = ((samples + 128) // 257).astype(np.uint8)
    channels = narrow.shape[-1]
    if channels == 1:
        return Image.fromarray(narrow[..., 0], "L").convert("RGB")
    if channels == 2:
        return over_white(Image.fromarray(narrow[..., [0, 0, 0, 1]], "RGBA"))
    return Image.fromarray(narrow, "RGB") if channels == 3 else over_white(Image.fromarray(narrow, "RGBA"))


def add(name, data, picture=None, tolerance=0):
    assert name not in FILES
    FILES[name] = (data, picture or by_pillow(data), tolerance)


# PNG


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def packed(row, depth):
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = "".join(format(int(v), f"0{depth}b") for v in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def png(samples, depth, color, before=(), after=(), interlaced=False):
    """`samples` height × width × channels. Filters: none, and up on every second row of 8 bits a sample."""
    height, width, _ = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for left, top, across, down in passes:
        part = samples[top::down, left::across]
        if part.shape[1] == 0:
            continue
        above = None
        for i, row in enumerate(part):
            line = packed(row.reshape(-1), depth)
            if i % 2 and depth == 8:
                raw += b"\x02" + bytes((a - b) % 256 for a, b in zip(line, above))
            else:
                raw += b"\x00" + line
            above = line
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    data = zlib.compress(raw, 9)
    # Two chunks of data, as large files have them.
    middle = len(data) // 2
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", data[:middle]), chunk(b"IDAT", data[middle:]), *after]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def palette(count, seed=5):
    return np.random.default_rng(seed).integers(0, 256, (count, 3), np.uint8).tobytes()


def exif(orientation):
    """A TIFF block with one entry, the orientation; big-endian for odd ones."""
    order = ">" if orientation % 2 else "<"
    head = b"MM\0*" if orientation % 2 else b"II*\0"
    return head + struct.pack(order + "IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def pngs():
    for depth in (1, 2, 4, 8):
        add(f"grey{depth}.png", png(drawn(channels=1, top=2**depth - 1), depth, 0))
        indices = drawn(channels=1, top=2**depth - 1, seed=1)
        colors = chunk(b"PLTE", palette(2**depth))
        add(f"palette{depth}.png", png(indices, depth, 3, [colors]))
        opacity = chunk(b"tRNS", bytes([0, 128, 255, 7][: 2**depth]))
        add(f"palette{depth}-transparent.png", png(indices, depth, 3, [colors, opacity]))
    for name, color, channels in (("rgb", 2, 3), ("grey-alpha", 4, 2), ("rgba", 6, 4)):
        add(f"{name}8.png", png(drawn(channels=channels), 8, color))
        wide = drawn(channels=channels, top=65535)
        add(f"{name}16.png", png(wide, 16, color), wide_to_rgb(wide))
    wide = drawn(channels=1, top=65535)
    add("grey16.png", png(wide, 16, 0), wide_to_rgb(wide))
    grey = drawn(channels=1, top=3)
    add("grey2-key.png", png(grey, 2, 0, [chunk(b"tRNS", struct.pack(">H", 2))]), keyed(grey * 85, 170))
    key = drawn()
    value = key[4, 6]
    add("rgb8-key.png", png(key, 8, 2, [chunk(b"tRNS", struct.pack(">HHH", *value))]), keyed(key, value))
    for width, height in ((1, 1), (3, 2), (5, 9), (WIDTH, HEIGHT)):
        add(f"interlaced-{width}x{height}.png", png(drawn(width, height), 8, 2, interlaced=True))
    add("interlaced-grey1.png", png(drawn(channels=1, top=1), 1, 0, interlaced=True))
    add("interlaced-rgba8.png", png(drawn(channels=4), 8, 6, interlaced=True))
    colors = chunk(b"PLTE", palette(16))
    add("interlaced-palette4.png", png(drawn(channels=1, top=15), 4, 3, [colors], interlaced=True))
    wide = drawn(channels=3, top=65535)
    add("interlaced-rgb16.png", png(wide, 16, 2, interlaced=True), wide_to_rgb(wide))
    for orientation in range(1, 9):
        block = chunk(b"eXIf", exif(orientation))
        before, after = ([block], []) if orientation < 5 else ([], [block])
        add(f"exif{orientation}.png", png(drawn(), 8, 2, before, after))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    add("profile.png", png(drawn(), 8, 2, [chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))]))
    # Animations: the picture as their first frame, and as one shown only where there is no animation.
    control = lambda number: chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0))
    frame = lambda number, seed: chunk(b"fdAT", struct.pack(">I", number) + zlib.compress(
        b"".join(b"\0" + packed(row.reshape(-1), 8) for row in drawn(seed=seed))))
    two = chunk(b"acTL", struct.pack(">II", 2, 0))
    add("animated.png", png(drawn(), 8, 2, [two, control(0)], [control(1), frame(2, 8)]))
    late = [control(0), frame(1, 8), control(2), frame(3, 9)]
    add("animated-later.png", png(drawn(), 8, 2, [two], late), Image.fromarray(drawn().astype(np.uint8), "RGB"))


def keyed(samples, key):
    """One colour of `samples` is transparent."""
    rgb = np.broadcast_to(samples, (*samples.shape[:2], 3)).copy()
    rgb[(samples == key).all(-1)] = 255
    return Image.fromarray(rgb.astype(np.uint8), "RGB")


# JPEG and WebP


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def image(channels=3, width=WIDTH, height=HEIGHT, seed=0):
    samples = drawn(width, height, channels, seed=seed).astype(np.uint8)
    return Image.fromarray(samples[..., 0], "L") if channels == 1 else Image.fromarray(samples, {3: "RGB", 4: "RGBA"}[channels])


def jpegs():
    # Decoders differ in the inverse transform by up to 2, and in how they enlarge colour by more.
    color = image(width=24, height=20)
    for name, picture, options in (
        ("444.jpg", color, {"subsampling": 0}),
        ("420.jpg", color, {"subsampling": 2}),
        ("progressive.jpg", color, {"subsampling": 2, "progressive": True}),
        ("grey.jpg", image(1, 24, 20), {}),
        ("cmyk.jpg", color.convert("CMYK"), {}),
        ("profile.jpg", color, {"icc_profile": b"not looked at" * 20}),
    ):
        add(name, saved(picture, "JPEG", quality=90, **options), tolerance=4 if options.get("subsampling", 2) else 2)
    for orientation in range(1, 9):
        add(f"exif{orientation}.jpg", saved(image(), "JPEG", quality=90, exif=b"Exif\0\0" + exif(orientation)), tolerance=4)


def webps():
    color, alpha = image(width=24, height=20), image(4)
    add("lossy.webp", saved(color, "WEBP", quality=80), tolerance=1)
    add("lossy-alpha.webp", saved(alpha, "WEBP", quality=80), tolerance=1)
    add("lossless.webp", saved(color, "WEBP", lossless=True))
    add("lossless-alpha.webp", saved(alpha, "WEBP", lossless=True))
    add("profile.webp", saved(image(), "WEBP", lossless=True, icc_profile=b"not looked at" * 20))
    for orientation in (3, 6):
        add(f"exif{orientation}.webp", saved(image(), "WEBP", lossless=True, exif=b"Exif\0\0" + exif(orientation)))
    frames = {"save_all": True, "append_images": [image(seed=8)], "duration": 50}
    add("animated.webp", saved(image(), "WEBP", lossless=True, **frames))
    frames["append_images"] = [image(4, seed=8)]
    add("animated-alpha.webp", saved(alpha, "WEBP", lossless=True, **frames), tolerance=1)
    frames["append_images"] = [image(seed=8)]
    add("animated-lossy.webp", saved(image(), "WEBP", quality=80, **frames), tolerance=1)
    flat = Image.new("RGB", (16, 16), (200, 10, 60))
    add("one-colour.webp", saved(flat, "WEBP", lossless=True))


# BMP


def bmp(rows, bits, colors=b"", compression=0, height=HEIGHT, masks=b""):
    offset = 14 + 40 + len(masks) + len(colors)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(rows), 2835, 2835, len(colors) // 4, 0)
    return struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset) + info + masks + colors + rows


def padded(row):
    return row + b"\0" * (-len(row) % 4)


def bmps():
    table = lambda count: b"".join(palette(count)[i : i + 3] + b"\0" for i in range(0, 3 * count, 3))
    for bits in (1, 4, 8):
        indices = drawn(channels=1, top=2**bits - 1)[::-1]
        add(f"palette{bits}.bmp", bmp(b"".join(padded(packed(row.reshape(-1), bits)) for row in indices), bits, table(2**bits)))
    add("grey.bmp", saved(image(1), "BMP"))
    add("bgr24.bmp", saved(image(), "BMP"))
    add("saved32.bmp", saved(image(4), "BMP"))
    bgrx = drawn(channels=4)[::-1, :, [2, 1, 0, 3]].astype(np.uint8)
    add("bgrx32.bmp", bmp(bgrx.tobytes(), 32))
    add("top-down.bmp", bmp(b"".join(padded(row.tobytes()) for row in bgrx[..., :3]), 24, height=-HEIGHT))
    # Opacity in a header of version 3.
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 56, WIDTH, HEIGHT, 1, 32, 3, bgrx.size, 0, 0, 0, 0) + masks
    add("bgra32.bmp", struct.pack("<2sIHHI", b"BM", 70 + bgrx.size, 0, 0, 70) + info + bgrx.tobytes())
    five = drawn(top=31)[::-1].astype(np.uint16)
    words = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    # Pillow cuts v·255/31 off, here it is rounded.
    add("555.bmp", bmp(b"".join(padded(row.tobytes()) for row in words.astype("<u2")), 16), tolerance=1)
    indices = drawn(channels=1, top=3)[::-1, :, 0]
    runs = b""
    for row in indices:
        edges = [0, *(np.flatnonzero(np.diff(row)) + 1), len(row)]
        runs += b"".join(bytes([b - a, row[a]]) for a, b in zip(edges, edges[1:])) + b"\0\0"
    add("rle8.bmp", bmp(runs + b"\0\1", 8, table(4), compression=1))


# GIF


def lzw(indices):
    """Codes of 9 bits only: the dictionary is emptied before they grow."""
    codes = []
    for i, index in enumerate(indices):
        if i % 200 == 0:
            codes.append(256)
        codes.append(int(index))
    bits = "".join(format(code, "09b")[::-1] for code in [*codes, 257])
    data = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    return b"\x08" + b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif(screen, frames, before=b""):
    """`frames`: (left, top, indices, transparent index or None, interlaced)."""
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF7, 3, 0) + palette(256) + before
    for left, top, indices, transparent, interlaced in frames:
        flags, index = (1, transparent) if transparent is not None else (0, 0)
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, 5, index, 0)
        height, width = indices.shape
        out += b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0x40 if interlaced else 0)
        rows = list(indices)
        if interlaced:
            rows = [indices[y] for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
        out += lzw(np.concatenate(rows))
    return out + b"\x3b"


def gifs():
    indices = lambda width=WIDTH, height=HEIGHT, seed=0: drawn(width, height, 1, seed=seed)[..., 0]
    add("saved.gif", saved(image().quantize(16), "GIF"))
    add("whole.gif", gif((WIDTH, HEIGHT), [(0, 0, indices(), None, False)]))
    add("interlaced.gif", gif((WIDTH, HEIGHT), [(0, 0, indices(), None, True)]))
    small = indices(7, 6)
    small[2, 3] = small[4, 1] = 9
    add("offset.gif", gif((WIDTH, HEIGHT), [(3, 2, small, 9, False)]))
    add("offset-interlaced.gif", gif((WIDTH, HEIGHT), [(3, 2, small, 9, True)]))
    add("animated.gif", gif((WIDTH, HEIGHT), [(0, 0, indices(), 40, False), (1, 1, small, 9, False)]))
    icc = b"\x21\xff\x0bICCRGBG1012" + b"\x0dnot looked at\0"
    add("profile.gif", gif((WIDTH, HEIGHT), [(0, 0, indices(), None, False)], icc))
    # Outgrows its screen.
    add("larger.gif", gif((5, 4), [(3, 2, small, 9, False)]))


def main():
    for make in (pngs, jpegs, webps, bmps, gifs):
        make()
    OUT.mkdir(parents=True, exist_ok=True)
    pixels, entries = b"", []
    for name, (data, picture, tolerance) in FILES.items():
        (OUT / name).write_bytes(data)
        profile = name.startswith("profile")
        entry = {"file": name, "width": picture.width, "height": picture.height, "at": len(pixels)}
        entries.append(entry | {"tolerance": tolerance, "profile": profile})
        pixels += picture.tobytes() + picture.convert("L").tobytes()
    versions = {"pillow": PIL.__version__, "numpy": np.__version__}
    versions |= {name: features.version(name) for name in ("libjpeg_turbo", "webp")}
    (OUT / "pixels.bin").write_bytes(pixels)
    (OUT / "pixels.json").write_text(json.dumps({"versions": versions, "pictures": entries}, indent=1) + "\n")
    total = sum(len(data) for data, _, _ in FILES.values())
    print(f"{len(FILES)} files, {total} bytes; pixels {len(pixels)} bytes")


if __name__ == "__main__":
    main()
