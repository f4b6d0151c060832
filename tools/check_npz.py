"""Checks that numpy and the reference libraries read an .npz file that evaluate wrote.

usage: python tools/check_npz.py FILE.npz ...
needs: numpy; pytorch-fid for the distance (left out where it is not installed)
"""
import json
import sys
import zipfile

import numpy as np

for path in sys.argv[1:]:
    said = []
    with np.load(path, allow_pickle=False) as file:  # allow_pickle=False: nothing in it is a pickle.
        if "mu" in file:
            mu, sigma = file["mu"][:], file["sigma"][:]
            assert mu.dtype == sigma.dtype == np.float64 and sigma.shape == (mu.size, mu.size), (mu.shape, sigma.shape)
            assert np.isfinite(mu).all() and np.allclose(sigma, sigma.T) and (np.diagonal(sigma) >= 0).all()
            said.append(f"mu {mu.shape}, sigma {sigma.shape}")
            try:
                from pytorch_fid.fid_score import calculate_frechet_distance
            except ImportError:
                said.append("no pytorch-fid")
            else:
                try:
                    distance = calculate_frechet_distance(mu, sigma, mu, sigma)
                except (TypeError, ValueError):  # scipy 1.18 has no sqrtm(disp=...) any more.
                    distance = None
                said.append(f"pytorch-fid's distance from itself {distance}")
                assert distance is None or abs(distance) < 1e-6 * max(np.trace(sigma), 1)
        if "feats" in file:
            feats = file["feats"]
            assert feats.dtype == np.float32 and feats.ndim == 2 and np.isfinite(feats).all()
            said.append(f"feats {feats.shape}")
            if "mu" in file:
                # Only where the file has both: they need not be of the same pictures, but mostly are.
                said.append(f"largest difference of means {np.abs(feats.mean(0, dtype=np.float64) - mu).max():.2e}")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        if "fledge.json" in archive.namelist():
            said.append(f"facts {json.loads(archive.read('fledge.json'))}")
    print(f"{path}: {'; '.join(said)}")
