"""Golden values of the networks, losses and training loop of StyleGAN2-ADA, by the code of stylegan2-ada-pytorch.

    golden_stylegan2.py SOURCE OUT      SOURCE: a git clone of NVlabs/stylegan2-ada-pytorch
                                        OUT: train/tests/golden/stylegan2

Needs torch (a CPU is enough), numpy, requests (for the original) and safetensors. The original runs in f64 with its
reference implementations of `bias_act` and `upfirdn2d`; the values are stored as f32. All weights and inputs are exact
in f32. Names of weights are the original's; its constant `resample_filter` is left out. Networks are for 16x16x3
pictures, 24 channels at 4x4 and 8x8 and 16 at 16x16, z of 12, w of 20, 3 mapping layers (8 in D, the default), K = 6
entries of w. ARCH is skip, resnet or orig.

networks.safetensors: conv_clamp 2, what starts at a constant is drawn too; evaluation mode

    g.ARCH.weight.*                  parameters, noise_const, w_avg
    g.ARCH.z, .ws                    [4, 12], [4, K, 20]: the mapping's output without truncation
    g.ARCH.const, .none, .random     [4, 3, 16, 16]: pictures by noise mode; random is with g.ARCH.noise.I [4, 1, r, r]
                                     times the strength
    g.ARCH.psi, .psi_cutoff          noise const; truncation 0.7; truncation 0.7 of the first three layers
    g.ARCH.mixed                     noise const; layers from 3 on with w of z rolled by one (row i: that of row i - 1)
    g.ARCH.grad.*, .grad_z           gradients of sum(const * g.ARCH.probe)
    g.labels.*                       skip with 5 classes, `classes` [4]: weight, z, ws, const, probe, grad, grad_z
    d.ARCH.weight.*, .x, .logits     [8, 3, 16, 16], [8, 1]; groups of 4 for the standard deviation over the minibatch
    d.ARCH.grad.*, .grad_x           gradients of sum(logits * d.ARCH.probe)
    d.labels.*                       resnet with 5 classes, `classes` [8]
    d.group2.logits                  d.resnet with groups of 2
    g.clampless.const                g.skip without conv_clamp
    d.clampless.logits               d.resnet without conv_clamp

phases.safetensors: one phase of StyleGAN2Loss at a time from the same weights, batch 8; G skip and D resnet as above,
training mode

    g.weight.*, d.weight.*, real     [8, 3, 16, 16]
    PHASE.loss                       [], PHASE is gmain, gpl, dmain, dr1: the mean that is differentiated, without gain
    PHASE.grad.g.* or .grad.d.*      with the gain: 1 for gmain and dmain, 4 for gpl, 16 for dr1
    PHASE.w_avg                      of G's mapping after the phase (not for dr1)
    gpl.lengths, gpl.mean            [4], []: path lengths and their running mean afterwards; it was 0.3

cycle.safetensors: 16 iterations of the training loop from fresh networks (noise_strength drawn), batch 4, conv_clamp
None: Gmain, Greg every 4 iterations, Dmain, Dreg every 16; Adam at 0.0025, betas (0, 0.99), corrected for lazy
regularisation; EMA of half-life 500 pictures

    real.I                           [4, 3, 16, 16]: those of iteration I
    g.start.*, d.start.*             parameters and buffers
    g.one.*, d.one.*                 parameters and w_avg after iteration 0
    g.end.*, d.end.*, ema.end.*      parameters and w_avg at the end
    pl_mean                          [] at the end

In phases and cycle the random numbers are those of `streams.py` under seed 0 at the iteration as the step. The suffix
is ", generator's turn" in Gmain, ", generator's penalty" in Greg, none in Dmain. Latents are of "training latents", for
the whole batch also in Greg, which takes the first half. "dropout generator" gives, in this order: a coin of 0.9; if
true, 1 + below(K - 1) as the first entry of w that is of other latents, and these; the noise of every layer. "path
length" gives the noise of Greg's pictures, before 1/sqrt(16 * 16).

Metadata: versions, `source_commit`; `noise_floor`, per tensor max|f32 - f64| / max|f64| of the original in f32 (in
cycle over max|f64 - start|); `noise_floor_max`, the worst value and the worst gradient per case; `zero`, tensors that
are zero in f64 and have no floor; `clamped`, the share of values at the clamp; `mixing`, per phase and iteration the
first entry of w that is of other latents, or null.
"""
import argparse
import json
import os
import subprocess
import sys
import types

import numpy as np
import torch
from safetensors.numpy import save_file

from streams import check, stream

GENERATOR = {"z_dim": 12, "w_dim": 20, "img_resolution": 16, "img_channels": 3, "mapping_kwargs": {"num_layers": 3}}
WIDTHS = {"channel_base": 256, "channel_max": 24}
ARCHITECTURES = ("skip", "resnet", "orig")
CLASSES, SIZE, CLAMP = 5, 16, 2.0
R1_GAMMA, PATH_WEIGHT, PATH_MEAN, MIXING = 0.7, 2, 0.3, 0.9
INTERVALS = {"Gmain": 1, "Greg": 4, "Dmain": 1, "Dreg": 16}  # in the order of the loop
SUFFIXES = {"Gmain": ", generator's turn", "Greg": ", generator's penalty", "Dmain": "",
            "Dreg": ", discriminator's penalty"}
NAMES = {"Gmain": "gmain", "Greg": "gpl", "Dmain": "dmain", "Dreg": "dr1"}
CYCLE, BATCH, RATE, BETAS, EPSILON, HALF_LIFE = 16, 4, 0.0025, (0, 0.99), 1e-8, 500


# --------------------------------------------------------------------------------------------------------- the original
class Torch:
    """torch as the original sees it: float32 is another type, and what is drawn comes from `draws`."""

    def __init__(self, dtype, draws):
        self.float32 = dtype
        self.__dict__.update(draws)

    def __getattr__(self, name):
        return getattr(torch, name)


class Original:
    """The modules of the original, and what they say while they run."""

    def __init__(self, folder):
        sys.path.insert(0, folder)
        from torch_utils import training_stats
        from torch_utils.ops import bias_act, conv2d_gradfix
        from training import loss, networks

        self.networks, self.loss, self.activate = networks, loss, bias_act.bias_act
        self.reported, self.clamped, self.mixing, self.path_gradient = {}, {}, {}, None
        self.case = None  # the name under which clamped values are counted
        conv2d_gradfix.enabled = False
        bias_act.bias_act = self.bias_act
        training_stats.report = lambda name, value: self.reported.update({name: value})

    def see(self, dtype, **draws):
        self.networks.torch = Torch(dtype, draws)
        self.loss.torch = Torch(dtype, draws)
        self.loss.torch.autograd = types.SimpleNamespace(profiler=torch.autograd.profiler, grad=self.grad)

    def bias_act(self, *args, clamp=None, **kw):
        y = self.activate(*args, clamp=clamp, **kw)
        if clamp is not None:
            self.clamped.setdefault(self.case, []).append((y.abs() == float(clamp)).double().mean().item())
        return y

    def grad(self, **kw):
        result = torch.autograd.grad(**kw)
        self.path_gradient = result[0].detach()
        return result

    def generator(self, dtype, seed, architecture="skip", classes=0, clamp=CLAMP, **scales):
        self.see(dtype)
        g = self.networks.Generator(c_dim=classes, **GENERATOR, synthesis_kwargs={
            "architecture": architecture, "conv_clamp": clamp, "num_fp16_res": 0, **WIDTHS})
        return fill(g, dtype, seed, **scales)

    def discriminator(self, dtype, seed, architecture="resnet", classes=0, clamp=CLAMP, group=4, **scales):
        self.see(dtype)
        d = self.networks.Discriminator(
            c_dim=classes, img_resolution=SIZE, img_channels=3, architecture=architecture, conv_clamp=clamp,
            num_fp16_res=0, epilogue_kwargs={"mbstd_group_size": group}, **WIDTHS)
        return fill(d, dtype, seed, **scales)


def weights(network, buffers=True):
    kept = ("w_avg", "noise_const") if buffers else ("w_avg",)
    parameters = dict(network.named_parameters())
    return {n: v.detach().clone() for n, v in network.state_dict().items() if n in parameters or n.endswith(kept)}


@torch.no_grad()
def fill(network, dtype, seed, bias=0.3, noise=0.5, average=0.5):
    """Draws all weights. `bias`, `noise` and `average`: the scales of biases, noise_strength and w_avg."""
    draw = np.random.RandomState(seed)
    for name, value in network.state_dict().items():
        if name.endswith("resample_filter"):
            continue
        scale, shift = 1.0, 0.0
        if name.endswith("bias"):
            scale, shift = bias, float(name.endswith("affine.bias"))
        elif name.endswith("noise_strength"):
            scale = noise
        elif name.endswith("w_avg"):
            scale = average
        elif "mapping.fc" in name:
            scale = 100.0  # 1 / its multiplier of the learning rate
        value.copy_(torch.tensor(np.asarray(draw.randn(*value.shape) * scale + shift, np.float32)))
    network.to(dtype)
    for module in network.modules():
        if hasattr(module, "resample_filter"):  # asserted to be f32; its values are exact in it
            module.resample_filter = module.resample_filter.float()
    return network


def normal(dtype, seed, *shape, scale=1.0):
    return torch.tensor((np.random.RandomState(seed).randn(*shape) * scale).astype(np.float32)).to(dtype)


def labels(dtype, seed, count):
    """Classes, as numbers and as rows of one 1."""
    classes = torch.tensor(np.random.RandomState(seed).randint(CLASSES, size=count))
    return classes.to(dtype), torch.nn.functional.one_hot(classes, CLASSES).to(dtype)


def prefixed(prefix, tensors):
    return {f"{prefix}.{n}": v for n, v in tensors.items()}


def gradients(network):
    return {f"grad.{n}": v.grad for n, v in network.named_parameters()}


# ------------------------------------------------------------------------------------------------------------- networks
def generator_case(original, name, dtype, seed, architecture, classes=0):
    original.case = f"g.{name}"
    g = original.generator(dtype, seed, architecture, classes).eval()
    z = normal(dtype, seed + 1, 4, 12).requires_grad_()
    out = prefixed("weight", weights(g)) | {"z": z, "probe": normal(dtype, seed + 2, 4, 3, SIZE, SIZE)}
    c = torch.zeros(4, 0, dtype=dtype)
    if classes:
        out["classes"], c = labels(dtype, seed + 3, 4)
    out["ws"] = g.mapping(z, c)
    out["const"] = g(z, c, noise_mode="const")
    (out["const"] * out["probe"]).sum().backward()
    out |= gradients(g) | {"grad_z": z.grad}
    if not classes:
        noise = []

        def randn(shape, device):
            noise.append(normal(dtype, seed + 10 + len(noise), *shape))
            return noise[-1]

        out["none"] = g(z, c, noise_mode="none")
        original.see(dtype, randn=randn)
        out["random"] = g(z, c, noise_mode="random")
        out |= {f"noise.{i}": v for i, v in enumerate(noise)}
        out["psi"] = g(z, c, truncation_psi=0.7, noise_mode="const")
        out["psi_cutoff"] = g(z, c, truncation_psi=0.7, truncation_cutoff=3, noise_mode="const")
        mixed = torch.cat([out["ws"][:, :3], g.mapping(z.roll(1, 0), c)[:, 3:]], dim=1)
        out["mixed"] = g.synthesis(mixed, noise_mode="const")
    return prefixed(f"g.{name}", out)


def discriminator_case(original, name, dtype, seed, architecture, classes=0):
    original.case = f"d.{name}"
    d = original.discriminator(dtype, seed, architecture, classes)
    x = normal(dtype, seed + 1, 8, 3, SIZE, SIZE).requires_grad_()
    out = prefixed("weight", weights(d)) | {"x": x, "probe": normal(dtype, seed + 2, 8, 1)}
    c = torch.zeros(8, 0, dtype=dtype)
    if classes:
        out["classes"], c = labels(dtype, seed + 3, 8)
    out["logits"] = d(x, c)
    (out["logits"] * out["probe"]).sum().backward()
    return prefixed(f"d.{name}", out | gradients(d) | {"grad_x": x.grad})


def networks_file(original, dtype):
    g_seeds, d_seeds = ({a: base + 100 * i for i, a in enumerate(ARCHITECTURES)} for base in (1000, 2000))
    out = {}
    for a in ARCHITECTURES:
        out |= generator_case(original, a, dtype, g_seeds[a], a) | discriminator_case(original, a, dtype, d_seeds[a], a)
    out |= generator_case(original, "labels", dtype, 1300, "skip", CLASSES)
    out |= discriminator_case(original, "labels", dtype, 2300, "resnet", CLASSES)
    original.case = "d.group2"
    none = torch.zeros(8, 0, dtype=dtype)
    out["d.group2.logits"] = original.discriminator(dtype, d_seeds["resnet"], group=2)(out["d.resnet.x"], none)
    original.case = None
    out["d.clampless.logits"] = original.discriminator(dtype, d_seeds["resnet"], clamp=None)(out["d.resnet.x"], none)
    g = original.generator(dtype, g_seeds["skip"], clamp=None).eval()
    out["g.clampless.const"] = g(out["g.skip.z"], none[:4], noise_mode="const")
    return out


# --------------------------------------------------------------------------------------------------------------- phases
class Draws:
    """What the original draws in a phase, from fledge's streams."""

    def __init__(self, phase, step, dtype):
        self.dtype = dtype
        self.latents, self.layers, self.path = (
            stream(0, purpose + SUFFIXES[phase], step)
            for purpose in ("training latents", "dropout generator", "path length"))

    def normals(self, source, shape):
        return torch.tensor(source.normals(int(np.prod(shape))).reshape(shape)).to(self.dtype)

    def functions(self):
        return {"empty": self.empty, "rand": self.rand, "randn": self.randn, "randn_like": self.randn_like}

    def empty(self, shape, dtype, device):
        return self

    def random_(self, low, high):
        """The entry of w from which on it is of other latents, which the original draws before the coin, and always."""
        self.share = self.layers.uniform()
        self.cutoff = low + self.layers.below(high - low) if self.share < MIXING else None
        return torch.tensor(self.cutoff or high)

    def rand(self, shape, device):
        return torch.tensor(self.share, dtype=torch.float64)

    def randn_like(self, x):
        if x.ndim == 4:
            return self.normals(self.path, x.shape)
        return self.normals(self.layers, x.shape) if self.cutoff else torch.zeros_like(x)

    def randn(self, shape, device):
        return self.normals(self.layers, shape)


def run_phase(original, loss, phase, step, real):
    """Leaves the gradients in the network of the phase."""
    batch, dtype = len(real), real.dtype
    draws = Draws(phase, step, dtype)
    original.see(dtype, **draws.functions())
    none = torch.zeros(batch, 0, dtype=dtype)
    z = draws.normals(draws.latents, (batch, 12))
    loss.accumulate_gradients(phase=phase, real_img=real, real_c=none, gen_z=z, gen_c=none, sync=True,
                              gain=INTERVALS[phase])
    if phase != "Dreg":
        original.mixing[f"{phase}.{step}"] = draws.cutoff


def new_loss(original, g, d, dtype, path_mean):
    loss = original.loss.StyleGAN2Loss(
        device=torch.device("cpu"), G_mapping=g.mapping, G_synthesis=g.synthesis, D=d, style_mixing_prob=MIXING,
        r1_gamma=R1_GAMMA, pl_batch_shrink=2, pl_decay=0.01, pl_weight=PATH_WEIGHT)
    loss.pl_mean = torch.tensor(path_mean, dtype=dtype)
    return loss


def phases_file(original, dtype):
    out = {"real": normal(dtype, 3002, 8, 3, SIZE, SIZE)}
    for phase, name in NAMES.items():
        original.case = name
        g, d = original.generator(dtype, 3000).train(), original.discriminator(dtype, 3001).train()
        out |= prefixed("g.weight", weights(g)) | prefixed("d.weight", weights(d))
        trained, other = (g, d) if phase[0] == "G" else (d, g)
        other.requires_grad_(False)
        loss = new_loss(original, g, d, dtype, PATH_MEAN)
        original.reported.clear()
        run_phase(original, loss, phase, 0, out["real"])
        out[f"{name}.loss"] = original.reported[f"Loss/{phase[0]}/{'loss' if 'main' in phase else 'reg'}"].mean()
        out |= {n.replace("grad.", f"{name}.grad.{phase[0].lower()}.", 1): v for n, v in gradients(trained).items()}
        if phase == "Greg":
            lengths = original.path_gradient.square().sum(2).mean(1).sqrt()
            assert torch.allclose((lengths - loss.pl_mean).square() * PATH_WEIGHT, original.reported["Loss/G/reg"])
            out |= {f"{name}.lengths": lengths, f"{name}.mean": loss.pl_mean}
        if phase != "Dreg":
            out[f"{name}.w_avg"] = g.mapping.w_avg.clone()
    return out


# ---------------------------------------------------------------------------------------------------------------- cycle
def optimizer(network, interval):
    share = interval / (interval + 1)  # lazy regularisation
    return torch.optim.Adam(network.parameters(), lr=RATE * share, betas=[beta**share for beta in BETAS], eps=EPSILON)


def cycle_file(original, dtype):
    original.case = None
    scales = {"clamp": None, "bias": 0.0, "noise": 0.1, "average": 0.0}
    g, d = original.generator(dtype, 4000, **scales), original.discriminator(dtype, 4001, **scales)
    reals = [normal(dtype, 5000 + i, BATCH, 3, SIZE, SIZE, scale=0.5) for i in range(CYCLE)]
    out = {f"real.{i}": real for i, real in enumerate(reals)}
    out |= prefixed("g.start", weights(g)) | prefixed("d.start", weights(d))
    for network in (g, d):
        network.train().requires_grad_(False)
    loss = new_loss(original, g, d, dtype, 0.0)
    optimizers = {"G": optimizer(g, INTERVALS["Greg"]), "D": optimizer(d, INTERVALS["Dreg"])}
    average = {n: v.clone() for n, v in weights(g, buffers=False).items()}
    for i, real in enumerate(reals):
        for phase, interval in INTERVALS.items():
            if i % interval != 0:
                continue
            network, step = (g, d)[phase[0] == "D"], optimizers[phase[0]]
            step.zero_grad(set_to_none=True)
            network.requires_grad_(True)
            run_phase(original, loss, phase, i, real)
            network.requires_grad_(False)
            for parameter in network.parameters():
                torch.nan_to_num(parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad)
            step.step()
        beta = 0.5 ** (BATCH / HALF_LIFE)
        now = weights(g, buffers=False)
        average = {n: v if n.endswith("w_avg") else v.lerp(average[n], beta) for n, v in now.items()}
        if i == 0:
            out |= prefixed("g.one", now) | prefixed("d.one", weights(d, buffers=False))
    out |= prefixed("g.end", now) | prefixed("d.end", weights(d, buffers=False)) | prefixed("ema.end", average)
    return out | {"pl_mean": loss.pl_mean}


# ----------------------------------------------------------------------------------------------------------------- main
def start_of(name):
    """The first value of a weight of cycle.safetensors."""
    network, _, weight = name.split(".", 2)
    return f"{'d' if network == 'd' else 'g'}.start.{weight}"


def floors(double, single):
    """Per tensor the relative distance of f32 (of a trained weight: relative to how far it went), and what is zero."""
    floor, zero = {}, []
    for name, value in double.items():
        trained = name.startswith(("g.one.", "d.one.", "g.end.", "d.end.", "ema.end."))
        size = np.abs(value - double[start_of(name)] if trained else value).max()
        if size < 1e-12 and ".start." not in name:
            zero.append(name)
        elif not np.array_equal(value, single[name]):
            floor[name] = float(f"{np.abs(value - single[name]).max() / size:.1e}")
    return floor, zero


def worst(floor, depth):
    """Per case (the first `depth` parts of a name) the largest floor of values and of gradients, with its tensor."""
    found = {}
    for name, value in floor.items():
        parts = name.split(".")
        gradient = any(part.startswith("grad") for part in parts)
        case = ".".join(parts[: min(depth, len(parts) - 1)] or parts) + (" gradients" if gradient else "")
        found[case] = max(found.get(case, (0.0, "")), (value, name))
    return found


def as_arrays(tensors):
    return {n: np.array(v.detach().numpy(), np.float64) for n, v in tensors.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", metavar="SOURCE", help="a git clone of NVlabs/stylegan2-ada-pytorch")
    parser.add_argument("out", metavar="OUT", help="folder of the files")
    args = parser.parse_args()
    check()
    torch.set_num_threads(1)
    original = Original(args.source)
    commit = subprocess.check_output(["git", "-C", args.source, "rev-parse", "HEAD"], text=True).strip()
    os.makedirs(args.out, exist_ok=True)
    for file, make, depth in (("networks", networks_file, 2), ("phases", phases_file, 1), ("cycle", cycle_file, 2)):
        original.clamped.clear()
        original.mixing.clear()
        double = as_arrays(make(original, torch.float64))
        clamped = {case: float(f"{np.mean(shares):.2g}") for case, shares in original.clamped.items()}
        assert all(share > 0.001 for share in clamped.values())
        floor, zero = floors(double, as_arrays(make(original, torch.float32)))
        found = worst(floor, depth)
        tensors = {n: np.ascontiguousarray(v, np.float32).reshape(v.shape) for n, v in double.items()}
        assert all(np.isfinite(v).all() for v in tensors.values())
        path = os.path.join(args.out, f"{file}.safetensors")
        save_file(tensors, path, metadata={
            "script": "tools/golden_stylegan2.py", "torch": torch.__version__, "numpy": np.__version__,
            "source_commit": commit, "noise_floor": json.dumps(floor), "noise_floor_max": json.dumps(found),
            "zero": json.dumps(zero), "clamped": json.dumps(clamped), "mixing": json.dumps(original.mixing)})
        print(f"{path}: {os.path.getsize(path)} bytes, {len(tensors)} tensors")
        for case, (value, name) in found.items():
            print(f"  {case}: noise floor {value:.1e} ({name})")
        print("  zero:", *zero)
        print("  clamped:", clamped)
        print("  mixing:", original.mixing)


if __name__ == "__main__":
    main()
