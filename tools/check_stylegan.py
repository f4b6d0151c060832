"""Reads what `prep export --stylegan` or `sample images --stylegan` wrote by the rules of the trainers' own loader, and says what it found.

    python tools/check_stylegan.py birds64.zip            (or a folder; needs Pillow and numpy)

The rules, from what the loader of StyleGAN2-ADA and StyleGAN3 accepts: every file with a picture's suffix is a picture, in the
order of sorted names; all have the shape of the first, square, with 1 or 3 channels of 8 bits; `labels` in dataset.json at the
top is null or a list of pairs that names every picture, all integers or all lists of numbers.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image


def files(path):
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        assert archive.testzip() is None
        packed = [entry.filename for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]
        assert not packed, f"compressed: {packed[:3]}"
        return {name: archive.read(name) for name in archive.namelist()}
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def main():
    found = files(Path(sys.argv[1]))
    PIL.Image.init()
    names = sorted(name for name in found if Path(name).suffix.lower() in PIL.Image.EXTENSION)
    pictures = [np.array(PIL.Image.open(io.BytesIO(found[name]))) for name in names]
    pictures = [picture[:, :, np.newaxis] if picture.ndim == 2 else picture for picture in pictures]
    shape = pictures[0].shape
    assert shape[0] == shape[1] and shape[2] in (1, 3), shape
    assert all(picture.shape == shape and picture.dtype == np.uint8 for picture in pictures)
    index = json.loads(found["dataset.json"])
    labels = index["labels"]
    if labels is not None:
        labels = dict(labels)
        labels = np.array([labels[name] for name in names])
        labels = labels.astype({1: np.int64, 2: np.float32}[labels.ndim])
        assert labels.min() >= 0 and labels.max() < len(index["classes"])
    # What was generated has none.
    splits = index.get("splits", dict.fromkeys(names, "none"))
    assert list(splits) == names
    classes = "no classes" if labels is None else f"{len(np.unique(labels))} of {len(index['classes'])} classes"
    print(f"{len(names)} pictures of {shape}, {classes}, splits {sorted(set(splits.values()))}")


if __name__ == "__main__":
    main()
