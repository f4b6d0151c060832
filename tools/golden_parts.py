"""Golden values and gradients of the parts that generators and discriminators may be built of, each in a small network.

    golden_parts.py [--find-start N] [--out train/tests/golden/parts.safetensors]

Needs torch, numpy, safetensors. In f64 by the rendition of `golden_networks.py`, which says how names, layouts, first weights and the
order of the parts are; stored as f32. `networks` in the metadata spells out every setting of each network:

    g_nearest      nearest upsampling, conv k4 (of the 3 zeros of `same` 1 before, 2 after)      g_bilinear  bilinear, conv k5
    g_residual     residual, transposed k4 s2, a 1x1 skip where channels change                  g_residual_nearest  the same, nearest, k4
    g_attention    transposed k4 s2, self-attention at 8x8                                       g_spectral  spectral norm of every weight
    g_conditional  every norm's gamma and beta [classes, C] by label                             g_embedding embedding behind the latent
    d_projection   logit = head(f) + <projection[label], f>                                      d_auxiliary logits of classes besides
    d_residual     residual with norms, three blocks                                             d_all       all but the auxiliary, norms too

Inputs by `golden_numbers.py`, START being the network's in `starts`:

    latents.START [B, latent]  normal        real.START [B, 3, 16, 16]  2 * picture - 1 (32x32 for d_residual)
    upstream                   signed, a = 1, of the output's shape: pictures [B, 3, S, S], logits [B]

All run in training mode, with Keras' constants in the norms. Labels are in the metadata. Per network, named NETWORK.*:

    out            pictures: the first 1,536 values in row-major order; logits [B]
    auxiliary      [B, classes], d_auxiliary only; cross_entropy [] of it with the labels, mean over B
    loss           []  sum(out * upstream), plus cross_entropy for d_auxiliary
    grad.g.*, grad.d.*               of loss by every weight
    statistics.g.*, statistics.d.*   running statistics after the pass

Metadata as in golden_penalties.py: versions, `networks`, `labels`, `starts`, `zero`, `noise_floor`, `margin`.
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import golden_networks as networks
import golden_numbers as numbers
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

BATCH, LATENT, CLASSES, VALUES = 4, 8, 3, 1536
LABELS = [2, 0, 1, 2]


def g(upsample, kernel, channels=(8, 4), **more):
    stride = 2 if upsample == "transposed" else 1
    n = len(channels)
    return {"channels": list(channels), "kernels": [kernel] * n, "strides": [stride] * n, "upsample": upsample, "spectral": False,
            "norm": "keras", "size": 4 * 2**n} | more


def d(channels=(4, 8), **more):
    return {"channels": list(channels), "kernels": [4] * len(channels), "spectral": False, "norm": None, "size": 4 * 2 ** len(channels)} | more


CONDITIONAL = {"classes": CLASSES}
NETWORKS = {
    "g_nearest": g("nearest", 4),
    "g_bilinear": g("bilinear", 5, bias=True),
    "g_residual": g("transposed", 4, channels=(8, 4, 4), residual=True),
    "g_residual_nearest": g("nearest", 4, residual=True),
    "g_attention": g("transposed", 4, channels=(8, 8), attention=8),
    "g_spectral": g("transposed", 4, spectral=True),
    "g_conditional": g("transposed", 4, conditional=True, **CONDITIONAL),
    "g_embedding": g("transposed", 4, embedding=5, **CONDITIONAL),
    "d_projection": d(projection=True, **CONDITIONAL),
    "d_auxiliary": d(auxiliary=True, **CONDITIONAL),
    "d_residual": d(channels=(4, 4, 8), residual=True, norm="keras", bias=False),
    "d_all": d(residual=True, norm="keras", bias=False, spectral=True, stddev=4, attention=8, projection=True, **CONDITIONAL),
}
STARTS = {"g_nearest": 53, "g_bilinear": 44, "g_residual": 12, "g_residual_nearest": 11, "g_attention": 10, "g_spectral": 29,
          "g_conditional": 23, "g_embedding": 21, "d_projection": 4, "d_auxiliary": 4, "d_residual": 58, "d_all": 6}


def run(name, start, dtype):
    c, labels = NETWORKS[name], torch.tensor(LABELS)
    conditional = c.get("conditional", False)
    net = networks.Network(name[0] + ".", dtype, c["spectral"], c["norm"], labels, c["classes"] if conditional else 0)
    if name[0] == "g":
        z = torch.tensor(numbers.normal(f"latents.{start}", (BATCH, LATENT))).to(dtype)
        out = {"out": networks.generator(net, z, c, labels)}
    else:
        real = np.float32(2) * numbers.picture(f"real.{start}", (BATCH, 3, c["size"], c["size"])) - np.float32(1)
        logits, auxiliary = networks.discriminator(net, torch.tensor(real).to(dtype), c, labels)
        out = {"out": logits}
        if auxiliary is not None:
            out |= {"auxiliary": auxiliary, "cross_entropy": F.cross_entropy(auxiliary, labels)}
    upstream = torch.tensor(numbers.signed("upstream", tuple(out["out"].shape), 1.0)).to(dtype)
    out["loss"] = (out["out"] * upstream).sum() + out.get("cross_entropy", 0.0)
    out |= {f"grad.{n}": v for n, v in networks.gradients(out["loss"], net.weights).items()}
    out |= {f"statistics.{n}": v for n, v in net.statistics.items()}
    return networks.as_arrays({f"{name}.{n}": v for n, v in out.items()}), net.margin


def check_spectral_norm():
    """Division by the estimate of the first singular value, against PyTorch's own in evaluation mode, where u and v stay."""
    layer = torch.nn.Conv2d(3, 8, 4, bias=False, dtype=torch.float64)
    net = networks.Network("d.", torch.float64, spectral=True)
    ours = net.matrix_weight("down.0.conv", (8, 3, 4, 4))
    with torch.no_grad():
        layer.weight.copy_(net.weights["d.down.0.conv.weight"])
    layer = torch.nn.utils.parametrizations.spectral_norm(layer).eval()
    u = torch.tensor(networks.first_value("d.down.0.conv.u", (8,)))
    layer.parametrizations.weight[0]._u.copy_(u)
    layer.parametrizations.weight[0]._v.copy_(F.normalize(net.weights["d.down.0.conv.weight"].detach().flatten(1).T @ u, dim=0))
    assert (layer.weight - ours).abs().max() < 1e-12
    upstream = torch.randn(8, 3, 4, 4, dtype=torch.float64)
    (layer.weight * upstream).sum().backward()
    (ours * upstream).sum().backward()
    assert (layer.parametrizations.weight.original.grad - net.weights["d.down.0.conv.weight"].grad).abs().max() < 1e-12


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--find-start", type=int, metavar="N", help="print the three of batches 0..N-1 that stay furthest from a kink, and end")
    parser.add_argument("--out", default="train/tests/golden/parts.safetensors")
    args = parser.parse_args()
    if args.find_start:
        for name in NETWORKS:
            found = sorted((run(name, k, torch.float64)[1], k) for k in range(args.find_start))[-3:]
            print(name, *(f"start {k} margin {m:.1e};" for m, k in reversed(found)))
        return
    check_spectral_norm()
    tensors, floors, margins, zero = {}, {}, {}, []
    for name, start in STARTS.items():
        (double, margin), (single, _) = run(name, start, torch.float64), run(name, start, torch.float32)
        zero += networks.zeros(double)
        floor = networks.floor(single, double, zero)
        worst = max(floor, key=floor.get)
        print(f"{name}: start {start}, margin {margin:.1e}, noise floor {floor[worst]:.1e} ({worst}); loss {double[name + '.loss']:.4g}")
        if name[0] == "g":
            double[name + ".out"] = double[name + ".out"].reshape(-1)[:VALUES]
        tensors |= double
        floors |= floor
        margins[name] = f"{margin:.1e}"
    print("zero in theory:", *zero)
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in tensors.items()}
    assert all(np.isfinite(v).all() for v in tensors.values())
    spelled = {n: (networks.DEFAULTS_G if n[0] == "g" else networks.DEFAULTS_D) | c for n, c in NETWORKS.items()}
    save_file(tensors, args.out, metadata={
        "torch": torch.__version__, "numpy": np.__version__, "script": "tools/golden_parts.py", "networks": json.dumps(spelled),
        "batch": str(BATCH), "latent": str(LATENT), "labels": json.dumps(LABELS), "starts": json.dumps(STARTS), "zero": json.dumps(zero),
        "margin": json.dumps(margins), "noise_floor_max": f"{max(floors.values()):.1e}",
        "noise_floor": json.dumps({n: float(f"{v:.1e}") for n, v in floors.items()})})
    print(f"{args.out}: {os.path.getsize(args.out)} bytes, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
