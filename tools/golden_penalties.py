"""Golden values and gradients of the gradient penalties R1, R2 and WGAN-GP, for critics of all the parts that a critic may have.

    golden_penalties.py [--find-start N] [--out train/tests/golden/penalties.safetensors]

Needs torch, numpy, safetensors. Computed by differentiating twice, in f64, stored as f32. The critics (CRITICS below; `critics` in
the metadata, every setting spelled out) take 16x16x3 pictures and have two blocks k4 s2 of 8 and 16 channels, no norm, and a slope of
0.2; self-attention stands behind block 0, at 8x8. Names, layouts and first weights are those of `golden_networks.py`. B = 4, and 8 for
`stddev`, where two groups of 4 show how pictures are dealt to groups. The pictures, by `golden_numbers.py`:

    real.START, fake.START   [B, 3, 16, 16]   2 * picture - 1; START is the critic's `start`
    epsilon                  [B]              uniform

Per critic, named CRITIC.*:

    logits           [B]     on real.START
    gp, r1, r2       []      gp = 10 mean_b (|grad| - 1)^2 at epsilon * real + (1 - epsilon) * fake; r1 = 10/2 mean_b |grad|^2 at real;
                             r2 the same at fake. grad = the gradient of the summed logits by picture b, its 2-norm over C, H, W.
    gp.norms, r1.norms, r2.norms  [B]   |grad|
    gp.grad.d.*, r1.grad.d.*      by every weight
    r2.grad.d.*                   for the critic `all` only

Metadata: versions, `critics`, `zero` (gradients that are zero in theory: those of biases that no curved part follows), `noise_floor`
(max|f32 - f64| / max|f64| of PyTorch in f32), `margin` (least distance of a value to a kink) and `starts`, found by --find-start.
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
from safetensors.numpy import save_file

SIZE, GAMMA = 16, 10.0
PLAIN = {"channels": [8, 16], "kernels": [4, 4], "slope": 0.2, "batch": 4, "spectral": False}
CRITICS = {
    "plain": PLAIN,
    "residual": PLAIN | {"residual": True},
    "spectral": PLAIN | {"spectral": True},
    "stddev": PLAIN | {"stddev": 4, "batch": 8},
    "attention": PLAIN | {"attention": 8},
    "all": PLAIN | {"residual": True, "spectral": True, "stddev": 4, "attention": 8},
}
STARTS = {"plain": 15, "residual": 1, "spectral": 16, "stddev": 81, "attention": 1, "all": 83}


def pictures(name, batch, dtype):
    return torch.tensor(np.float32(2) * numbers.picture(name, (batch, 3, SIZE, SIZE)) - np.float32(1)).to(dtype)


def run(name, start, dtype):
    c = CRITICS[name]
    net = networks.Network("d.", dtype, spectral=c["spectral"])
    real, fake = (pictures(f"{n}.{start}", c["batch"], dtype) for n in ("real", "fake"))
    epsilon = torch.tensor(numbers.uniform("epsilon", (c["batch"],))).to(dtype)
    out = {"logits": networks.discriminator(net, real, c)[0]}
    out["gp"], out["gp.norms"] = networks.gradient_penalty(net, real, fake, epsilon, c)
    for k, x in (("r1", real), ("r2", fake)):
        out[k + ".norms"] = networks.input_gradient(net, x, c).flatten(1).norm(dim=1)
        out[k] = GAMMA / 2 * (out[k + ".norms"] ** 2).mean()
    for k in ("gp", "r1", "r2"):
        if k != "r2" or name == "all":
            out |= {f"{k}.grad.{n}": v for n, v in networks.gradients(out[k], net.weights).items()}
    return networks.as_arrays({f"{name}.{n}": v for n, v in out.items()}), net


def check(name, start, double):
    """The gradient of R1 along a direction in all weights at once, against a central difference."""
    c = CRITICS[name]
    values = []
    for sign in (1, -1):
        _, net = run(name, start, torch.float64)
        moved = 0.0
        with torch.no_grad():
            for n, w in net.weights.items():
                direction = torch.tensor(numbers.normal("direction." + n, tuple(w.shape))).double()
                w += sign * 1e-7 * direction
                moved += float((direction * torch.tensor(double[f"{name}.r1.grad.{n}"])).sum())
        norms = networks.input_gradient(net, pictures(f"real.{start}", c["batch"], torch.float64), c).flatten(1).norm(dim=1)
        values.append((GAMMA / 2 * (norms**2).mean()).item())
    found = (values[0] - values[1]) / 2e-7
    assert abs(found / moved - 1) < 1e-6, (name, found, moved)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--find-start", type=int, metavar="N", help="print the three of batches 0..N-1 that stay furthest from a kink, and end")
    parser.add_argument("--out", default="train/tests/golden/penalties.safetensors")
    args = parser.parse_args()
    if args.find_start:
        for name in CRITICS:
            found = sorted((run(name, k, torch.float64)[1].margin, k) for k in range(args.find_start))[-3:]
            print(name, *(f"start {k} margin {m:.1e};" for m, k in reversed(found)))
        return
    tensors, floors, margins, zero = {}, {}, {}, []
    for name, start in STARTS.items():
        (double, net), (single, _) = run(name, start, torch.float64), run(name, start, torch.float32)
        zero += networks.zeros(double)
        floor = networks.floor(single, double, zero)
        margins[name] = f"{net.margin:.1e}"
        check(name, start, double)
        worst = max(floor, key=floor.get)
        print(f"{name}: start {start}, margin {net.margin:.1e}, noise floor {floor[worst]:.1e} ({worst});",
              *(f"{k} {double[f'{name}.{k}']:.4g}" for k in ("gp", "r1", "r2")))
        tensors |= double
        floors |= floor
    print("zero in theory:", *zero)
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in tensors.items()}
    assert all(np.isfinite(v).all() for v in tensors.values())
    save_file(tensors, args.out, metadata={
        "torch": torch.__version__, "numpy": np.__version__, "script": "tools/golden_penalties.py",
        "critics": json.dumps({n: networks.DEFAULTS_D | c for n, c in CRITICS.items()}), "starts": json.dumps(STARTS),
        "zero": json.dumps(zero), "margin": json.dumps(margins), "noise_floor_max": f"{max(floors.values()):.1e}",
        "noise_floor": json.dumps({n: float(f"{v:.1e}") for n, v in floors.items()})})
    print(f"{args.out}: {os.path.getsize(args.out)} bytes, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
