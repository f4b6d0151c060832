"""Small .npz files as numpy writes them, for the reader's tests.

usage: python tools/golden_npz.py          writes evaluate/tests/golden/npz/*.npz
needs: numpy

All hold the same numbers (n = 5 pictures, d = 3 features), which f32 has exactly:
  mu[i] = i / 2 - 1     sigma[i, j] = (i + 1)(j + 1) / 8 + (i == j)     feats[i, j] = i - j / 4
"""
import io
import pathlib
import zipfile

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "evaluate/tests/golden/npz"

i, j = np.arange(3)[:, None], np.arange(3)[None, :]
mu, sigma = np.arange(3) / 2 - 1, (i + 1) * (j + 1) / 8 + (i == j)
feats = (np.arange(5)[:, None] - j / 4).astype(np.float32)


def packed(name, version=None, **arrays):
    """An .npz whose headers have that version; numpy.savez chooses the lowest."""
    with zipfile.ZipFile(FOLDER / name, "w") as file:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=version, allow_pickle=True)
            file.writestr(zipfile.ZipInfo(f"{key}.npy"), buffer.getvalue())


FOLDER.mkdir(exist_ok=True)
# As pytorch-fid and clean-fid save statistics and features.
np.savez_compressed(FOLDER / "statistics-deflated.npz", mu=mu, sigma=sigma)
np.savez_compressed(FOLDER / "features-deflated.npz", feats=feats)
np.savez(FOLDER / "all-stored.npz", mu=mu, sigma=sigma, feats=feats, other=np.arange(4))
np.savez(FOLDER / "all-f4.npz", mu=mu.astype("f4"), sigma=sigma.astype("f4"), feats=feats)
np.savez(FOLDER / "all-f8.npz", mu=mu, sigma=sigma, feats=feats.astype("f8"))
np.savez(FOLDER / "all-fortran.npz", mu=mu, sigma=np.asfortranarray(sigma), feats=np.asfortranarray(feats))
packed("all-version2.npz", (2, 0), mu=mu, sigma=sigma, feats=feats)
packed("all-version3.npz", (3, 0), mu=mu, sigma=sigma, feats=feats)
# Refused, and why.
packed("refused-pickle.npz", mu=np.array([1.0, "two", None], dtype=object), sigma=sigma)
np.savez(FOLDER / "refused-big-endian.npz", mu=mu.astype(">f8"), sigma=sigma)
np.savez(FOLDER / "refused-integers.npz", mu=mu.astype("i8"), sigma=sigma)
np.savez(FOLDER / "refused-records.npz", feats=np.zeros(3, dtype=[("a", "f4"), ("b", "f4")]))
np.savez(FOLDER / "refused-shape.npz", mu=mu, sigma=sigma[:2])
np.savez(FOLDER / "refused-nan.npz", mu=mu * np.nan, sigma=sigma)
np.savez(FOLDER / "refused-asymmetric.npz", mu=mu, sigma=sigma + np.triu(np.ones((3, 3)), 1))
np.savez(FOLDER / "refused-names.npz", arr_0=mu, arr_1=sigma)
print("numpy", np.__version__)
