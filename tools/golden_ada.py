"""Golden values of ADA's and DiffAugment's transforms, from their authors' own code in f64.

    golden_ada.py STYLEGAN2_ADA DIFFAUGMENT train/tests/golden/ada.safetensors

STYLEGAN2_ADA is a checkout of NVlabs/stylegan2-ada-pytorch, DIFFAUGMENT one of mit-han-lab/data-efficient-gans. Needs torch,
scipy, numpy and safetensors. `training/augment.py` runs unchanged on the CPU, with the reference implementation of its
filters; PyTorch's default type is set to f64 and the wavelets, which it stores in f32, are widened.

Pictures x [B, C, H, W] in [-1, 1] are signed(`ada.x.<case>`, 1), the loss is the sum of the result times signed(`ada.upstream.<case>`, 1)
(`golden_numbers.py`). Stored are every STRIDE-th value, in row-major order from index `number of the case mod STRIDE`, of the
result `<case>.y` and of the gradient `<case>.dx`.

The metadata's `cases` is a list of {name, shape [B, C, H, W], transforms, numbers}. `numbers` maps each transform that takes part,
as `AugmentPipe` calls it, to a list with two numbers a picture (the second unused where it needs one), or null for a picture whose
coin fell otherwise: the uniform number u or the normal number z from which the amount follows (u, z as in the table of
train/src/augment/transform.rs). At the percentile q of `debug_percentile`, u = q and z = erfinv(2q - 1), which is a normal quantile over
√2, and |z| = erfinv(q) for the noise; the second rotation is 0. In the cases `drawn-…` torch.rand and torch.randn are replaced by known
numbers, so that every picture has coins and amounts of its own and the margin is that of the batch. The noise before it is scaled is
normal(`ada.noise.<case>`).

DiffAugment's cases `diffaugment-…` have instead `params`, one list a picture: brightness, saturation, contrast as factors and
offsets, then the rows and columns of the shift and the middle of the hole.
"""
import importlib.util
import json
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from golden_numbers import normal, signed, uniform

STRIDE = 11
torch.set_default_dtype(torch.float64)
sys.path.insert(0, sys.argv[1])
from training import augment  # noqa: E402

spec = importlib.util.spec_from_file_location("DiffAugment_pytorch", sys.argv[2] + "/DiffAugment_pytorch.py")
diff = importlib.util.module_from_spec(spec)
spec.loader.exec_module(diff)

# In the order in which forward() draws them: name, probability's argument, amounts, kind of the number.
ORDER = [
    ("xflip", "xflip", 1, "u"), ("rotate90", "rotate90", 1, "u"), ("xint", "xint", 2, "u"),
    ("scale", "scale", 1, "z"), ("rotate", "rotate", 1, "u"), ("aniso", "aniso", 1, "z"),
    ("rotate again", "rotate", 1, "u"), ("xfrac", "xfrac", 2, "z"),
    ("brightness", "brightness", 1, "z"), ("contrast", "contrast", 1, "z"), ("lumaflip", "lumaflip", 1, "u"),
    ("hue", "hue", 1, "u"), ("saturation", "saturation", 1, "z"),
    ("imgfilter 1", "imgfilter", 1, "z"), ("imgfilter 2", "imgfilter", 1, "z"),
    ("imgfilter 3", "imgfilter", 1, "z"), ("imgfilter 4", "imgfilter", 1, "z"),
    ("noise", "noise", 1, "z"), ("cutout", "cutout", 2, "u"),
]
BLIT, GEOM = ["xflip", "rotate90", "xint"], ["scale", "rotate", "aniso", "xfrac"]
COLOR = ["brightness", "contrast", "lumaflip", "hue", "saturation"]
SETS = {
    "blit": BLIT, "geom": GEOM, "color": COLOR, "bg": BLIT + GEOM, "bgc": BLIT + GEOM + COLOR,
    "bgcf": BLIT + GEOM + COLOR + ["imgfilter"], "bgcfn": BLIT + GEOM + COLOR + ["imgfilter", "noise"],
    "bgcfnc": BLIT + GEOM + COLOR + ["imgfilter", "noise", "cutout"],
}
SINGLE = BLIT + GEOM + COLOR + ["imgfilter", "noise", "cutout"]

real_rand, real_randn, real_as_tensor = torch.rand, torch.randn, torch.as_tensor
tensors, cases = {}, []


def erfinv(q):
    return torch.erfinv(torch.tensor(float(q))).item()


def measure(name, shape, f, **entry):
    x = torch.tensor(signed(f"ada.x.{name}", shape, 1).astype(np.float64), requires_grad=True)
    y = f(x)
    assert y.dtype == torch.float64
    y.backward(torch.tensor(signed(f"ada.upstream.{name}", tuple(y.shape), 1).astype(np.float64)))
    start = len(cases) % STRIDE
    for key, value in (("y", y), ("dx", x.grad)):
        tensors[f"{name}.{key}"] = value.detach().numpy().reshape(-1)[start::STRIDE].astype(np.float32)
    cases.append({"name": name, "shape": list(shape), **entry})


def pipe(transforms):
    made = augment.AugmentPipe(**{t: 1 for t in transforms})
    made.Hz_fbank = made.Hz_fbank.double()
    return made


def noise_of(name, shape):
    return torch.tensor(normal(f"ada.noise.{name}", shape).astype(np.float64))


def at_percentile(name, transforms, shape, q):
    """What debug_percentile does, which gives all pictures the same amounts."""
    made = pipe(transforms)
    # The picture's noise is the only normal tensor that the result depends on.
    torch.randn = lambda *size, **_: noise_of(name, shape) if list(size[0]) == list(shape) else real_randn(*size)
    torch.as_tensor = lambda data, dtype=None, device=None: real_as_tensor(data, dtype=torch.float64)
    numbers = {}
    for row, argument, _, kind in ORDER:
        if argument in transforms and row != "rotate again":
            number = q if kind == "u" else erfinv(q) if row == "noise" else erfinv(2 * q - 1)
            numbers[row] = [[number, number]] * shape[0]
    measure(name, shape, lambda x: made(x, debug_percentile=q), numbers=numbers)
    torch.randn, torch.as_tensor = real_randn, real_as_tensor


def drawn(name, transforms, shape, p):
    """Random amounts and coins, by known numbers, recorded in the order of the calls."""
    calls = []

    def rand(size, device=None):
        values = uniform(f"ada.{name}.{len(calls)}", size).astype(np.float64)
        calls.append(values)
        return torch.tensor(values)

    def randn(size, device=None):
        if list(size) == list(shape):
            return noise_of(name, shape)
        values = normal(f"ada.{name}.{len(calls)}", size).astype(np.float64)
        calls.append(values)
        return torch.tensor(values)

    def run(x):
        made = pipe(transforms)
        made.p.copy_(torch.tensor(p))
        torch.rand, torch.randn = rand, randn
        y = made(x)
        torch.rand, torch.randn = real_rand, real_randn
        numbers, left = {}, list(calls)
        for row, argument, amounts, _ in ORDER:
            if argument not in transforms or shape[1] == 1 and row in ("hue", "saturation"):
                continue
            if row == "cutout":  # its coin comes first
                coin, amount = left.pop(0), left.pop(0)
            else:
                amount, coin = left.pop(0), left.pop(0)
            limit = 1 - np.sqrt(1 - p) if argument == "rotate" else p
            amount, coin = amount.reshape(shape[0], amounts), coin.reshape(shape[0])
            numbers[row] = [[float(a[0]), float(a[-1])] if c < limit else None for a, c in zip(amount, coin)]
        assert not left
        entry["numbers"] = numbers
        return y

    entry = {}
    measure(name, shape, run)
    cases[-1].update(entry)


def diffaugment(name, shape):
    b, _, h, w = shape
    params = []

    def rand(*size, **_):
        values = uniform(f"ada.{name}.{len(params)}", (b,)).astype(np.float64)
        params.append(values - 0.5 if len(params) == 0 else 2 * values if len(params) == 1 else values + 0.5)
        return torch.tensor(values).reshape(size)

    def randint(low, high, size, device=None):
        values = low + np.floor(uniform(f"ada.{name}.{len(params)}", (b,)).astype(np.float64) * (high - low)).astype(np.int64)
        params.append(values)
        return torch.tensor(values).reshape(size)

    def run(x):
        real = torch.randint
        torch.rand, torch.randint = rand, randint
        y = diff.DiffAugment(x, policy="color,translation,cutout")
        torch.rand, torch.randint = real_rand, real
        return y

    measure(name, shape, run)
    cases[-1]["params"] = [[float(row[i]) for row in params] for i in range(b)]


COLOURED, GREY = (1, 3, 24, 28), (1, 1, 24, 28)
for t in SINGLE:
    for q in (0.125, 0.3125, 0.8125):
        at_percentile(f"{t}-{q}", [t], COLOURED, q)
for s, transforms in SETS.items():
    at_percentile(f"{s}-0.375", transforms, COLOURED, 0.375)
at_percentile("bgcfnc-0.6875", SETS["bgcfnc"], COLOURED, 0.6875)
at_percentile("bgcfnc-grey", SETS["bgcfnc"], GREY, 0.6875)
drawn("drawn-bgcfnc", SETS["bgcfnc"], (4, 3, 24, 24), 0.6)
drawn("drawn-bg", SETS["bg"], (4, 3, 26, 22), 0.3)
drawn("drawn-grey", SETS["bgcfnc"], (3, 1, 24, 28), 0.8)
diffaugment("diffaugment-colour", (4, 3, 20, 24))
diffaugment("diffaugment-odd", (3, 3, 17, 13))
diffaugment("diffaugment-grey", (3, 1, 16, 16))

metadata = {"torch": torch.__version__, "stride": str(STRIDE), "cases": json.dumps(cases)}
save_file(tensors, sys.argv[3], metadata)
print(f"{len(cases)} cases")
