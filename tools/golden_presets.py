"""Golden values of one pass and one step of the presets dcgan-anime, dcgan-tf, wgan and wgan-gp at narrow widths.

    golden_presets.py [PRESET ...] [--find-start N] [--out-folder train/tests/golden]        writes preset-PRESET.safetensors

Needs torch, numpy, safetensors and, for the check, tensorflow-cpu and keras 3. The values are those of the rendition in PyTorch of
`golden_networks.py`, in f64, stored as f32. Where the preset comes from Keras (all but dcgan-anime), a rendition in Keras' own layers
and layouts must give all of them in f64 to 1e-9. Dropout is off; both networks are in training mode.

Inputs are made by the formulas of `golden_numbers.py`, weights by those of `golden_networks.py`, B = batch, S = size, C = channels:

    latents.START [B, latent]   normal
    real.START    [B, C, S, S]  2 * picture - 1
    epsilon       [B]           uniform; wgan-gp's share of the real picture

A file holds:

    fake                        the first 12,288 values of G's [B, C, S, S] in row-major order
    logits_real, logits_fake    [B]; D sees the reals first, then the fakes, each normalised by itself
    g_loss, d_loss, penalty     []; d_loss without the penalty. BCE: g = BCE(1, fake), d = BCE(1, real) + BCE(0, fake), a sum;
                                Wasserstein: g = -mean(fake), d = mean(fake) - mean(real); penalty (wgan-gp only): 10 (|grad| - 1)^2
    gradient_norms              [B], wgan-gp only: |grad| of the penalty
    grad.d.*, grad.g.*          of d_loss + penalty by D's weights, of g_loss by G's, both at the first weights
    statistics.g.*, .d.*        running statistics after this pass
    after1.d.*                  D's weights after one step of the preset's optimizer from zero moments; wgan's are not clipped yet:
                                clamp all of them to +-clip (in the metadata)

Metadata: versions; `settings` (of G, D, step) as JSON; `start`; `zero`, the gradients that are zero in theory (a bias in front of a
norm), which may be compared only absolutely and whose weights Adam and RMSprop may move by as much as the rate in f32;
`noise_floor`, max|f32 - f64| / max|f64| of PyTorch in f32 (a gradient that is zero in theory left out); `margin`, the least distance
of a value to a kink; `parameters`, counts at the preset's full width by the library: [trainable, all] of G and of D, running
statistics included in `all`. START is a batch whose margin is large (--find-start lists them).
"""
import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import golden_networks as networks
import golden_numbers as numbers
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

FAKE_VALUES = 12288
BATCH, LATENT = 4, 8
PENALTY = 10.0


def multiples(width, factors):
    return [width * f for f in factors]


def adam(rate, beta_1, beta_2, epsilon, library):
    return {"name": "adam", "rate": rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "library": library}


# width and latent: those of the preset; narrow: the file's width; g and d are for `golden_networks`
def presets(name, width):
    wgan_g = {"channels": multiples(width, (4, 2, 1)), "kernels": [5] * 3, "strides": [1] * 3, "bias": True, "upsample": "bilinear",
              "picture_channels": 1}
    wgan_d = {"channels": multiples(width, (1, 2, 4)), "kernels": [5] * 3, "first_norm": False}
    return {
        "dcgan-anime": {
            "width": 64, "latent": 256, "narrow": 2, "size": 96, "norm": "torch", "d_norm": True, "loss": "bce",
            "g": {"channels": multiples(width, (8, 4, 2, 1, 1)), "kernels": [7, 7, 5, 5, 4], "strides": [2, 2, 2, 1, 1], "base": 7,
                  "padding": 0, "dense_norm": "channels"},
            "d": {"channels": multiples(width, (1, 2, 4, 8)), "kernels": [7, 5, 5, 5], "padding": 1, "first_norm": False},
            "optimizer": adam(6e-4, 0.5, 0.999, 1e-8, "torch"),
        },
        "dcgan-tf": {
            "width": 128, "latent": 100, "narrow": 2, "size": 64, "norm": "keras", "d_norm": False, "loss": "bce",
            "g": {"channels": multiples(width, (8, 4, 2, 1)), "kernels": [5] * 4, "strides": [2] * 4, "slope": 0.3, "out_bias": False},
            "d": {"channels": multiples(width, (1, 2, 4, 8)), "kernels": [5] * 4, "slope": 0.3},
            "optimizer": adam(1e-4, 0.9, 0.999, 1e-7, "keras"),
        },
        "wgan": {
            "width": 128, "latent": 128, "narrow": 4, "size": 32, "norm": "keras", "d_norm": True, "loss": "wasserstein",
            "g": wgan_g, "d": wgan_d,
            "optimizer": {"name": "rmsprop", "rate": 5e-5, "rho": 0.9, "epsilon": 1e-7, "clip": 0.01, "library": "keras"},
        },
        "wgan-gp": {
            "width": 128, "latent": 128, "narrow": 4, "size": 32, "norm": "keras", "d_norm": False, "loss": "wasserstein-gp",
            "g": wgan_g | {"channels": multiples(width, (4, 2, 2))}, "d": wgan_d | {"bias": False},
            "optimizer": adam(1e-4, 0.5, 0.9, 1e-7, "keras"),
        },
    }[name]


STARTS = {"dcgan-anime": 28, "dcgan-tf": 51, "wgan": 24, "wgan-gp": 40}


def channels_of(p):
    return p["g"].get("picture_channels", 3)


def batch(p, start):
    shape = (BATCH, channels_of(p), p["size"], p["size"])
    real = np.float32(2) * numbers.picture(f"real.{start}", shape) - np.float32(1)
    return numbers.normal(f"latents.{start}", (BATCH, LATENT)), real, numbers.uniform("epsilon", (BATCH,))


# -------------------------------------------------------------------------------------------------------------------- PyTorch
def step(w, grad, o):
    """A weight after the first step of an optimizer whose moments are zero."""
    if o["name"] == "rmsprop":
        rate = float(np.float32(o["rate"]))  # Keras keeps the rate in f32
        return w - rate * grad / torch.sqrt((1 - o["rho"]) * grad**2 + o["epsilon"])
    m, v = (1 - o["beta_1"]) * grad, (1 - o["beta_2"]) * grad**2
    if o["library"] == "torch":
        return w - o["rate"] / (1 - o["beta_1"]) * m / (v.sqrt() / (1 - o["beta_2"]) ** 0.5 + o["epsilon"])
    # Keras: the rate and the powers' bases pass through f32
    rate, b1, b2 = (float(np.float32(o[k])) for k in ("rate", "beta_1", "beta_2"))
    return w - m * (rate * (1 - b2) ** 0.5 / (1 - b1)) / (v.sqrt() + o["epsilon"])


def run_torch(p, start, dtype):
    g = networks.Network("g.", dtype, norm=p["norm"])
    d = networks.Network("d.", dtype, norm=p["norm"] if p["d_norm"] else None)
    z, real, epsilon = (torch.tensor(v).to(dtype) for v in batch(p, start))
    fake = networks.generator(g, z, p["g"])
    logits_real = networks.discriminator(d, real, p["d"])[0]
    logits_fake = networks.discriminator(d, fake, p["d"])[0]
    if p["loss"] == "bce":
        g_loss, d_loss = F.softplus(-logits_fake).mean(), F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
    else:
        g_loss, d_loss = -logits_fake.mean(), logits_fake.mean() - logits_real.mean()
    out = {"fake": fake, "logits_real": logits_real, "logits_fake": logits_fake, "g_loss": g_loss, "d_loss": d_loss}
    total = d_loss
    if p["loss"] == "wasserstein-gp":
        out["penalty"], out["gradient_norms"] = networks.gradient_penalty(d, real, fake, epsilon, p["d"])
        total = d_loss + out["penalty"]
    dg, gg = networks.gradients(total, d.weights), networks.gradients(g_loss, g.weights)
    out |= {f"grad.{n}": v for n, v in (gg | dg).items()} | {f"statistics.{n}": v for n, v in (g.statistics | d.statistics).items()}
    if p["optimizer"]["library"] == "torch":  # the library's own; the formula must agree
        after = {n: w.detach().clone() for n, w in d.weights.items()}
        o = p["optimizer"]
        library = torch.optim.Adam(after.values(), lr=o["rate"], betas=(o["beta_1"], o["beta_2"]), eps=o["epsilon"])
        for n, w in after.items():
            w.grad = dg[n]
        library.step()
        assert dtype != torch.float64 or all((step(d.weights[n], dg[n], o) - w).abs().max() < 1e-12 for n, w in after.items())
    else:
        after = {n: step(w, dg[n], p["optimizer"]) for n, w in d.weights.items()}
    out |= {f"after1.{n}": v for n, v in after.items()}
    return networks.as_arrays(out), min(g.margin, d.margin)


def count_torch():
    """[trainable, all] of G and D of dcgan-anime, written in torch.nn's modules."""
    nn, w = torch.nn, 64
    def up(i, o, k, s):
        return [nn.ConvTranspose2d(i, o, k, s, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    g = nn.Sequential(*up(256, 8 * w, 7, 2), *up(8 * w, 4 * w, 7, 2), *up(4 * w, 2 * w, 7, 2), *up(2 * w, w, 5, 2), *up(w, w, 5, 1),
                      nn.ConvTranspose2d(w, 3, 4, 1), nn.Tanh())
    def down(i, o):
        return [nn.Conv2d(i, o, 5, 2, 1), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
    d = nn.Sequential(nn.Conv2d(3, w, 7, 2, 1), nn.LeakyReLU(0.2), *down(w, 2 * w), *down(2 * w, 4 * w), *down(4 * w, 8 * w),
                      nn.Conv2d(8 * w, 1, 4))
    with torch.no_grad():
        pictures = g(torch.zeros(2, 256, 1, 1))
        assert pictures.shape == (2, 3, 96, 96) and d(pictures).shape == (2, 1, 1, 1)
    counts = {}
    for name, m in (("g", g), ("d", d)):
        trainable = sum(v.numel() for v in m.parameters())
        statistics = sum(v.numel() for n, v in m.named_buffers() if not n.endswith("num_batches_tracked"))
        counts[name] = [trainable, trainable + statistics]
    return counts


def check_first_layer():
    """dcgan-anime's transposed convolution from 1x1 and its last convolution are our `dense` and `head`: the same numbers."""
    w, z = torch.randn(8, 16, 7, 7, dtype=torch.float64), torch.randn(4, 8, dtype=torch.float64)
    ours = F.linear(z, w.view(8, -1).T).view(4, 16, 7, 7)
    assert (F.conv_transpose2d(z.view(4, 8, 1, 1), w, stride=2) - ours).abs().max() < 1e-12
    w, x = torch.randn(1, 16, 4, 4, dtype=torch.float64), torch.randn(4, 16, 4, 4, dtype=torch.float64)
    assert (F.conv2d(x, w).flatten() - F.linear(x.flatten(1), w.view(1, -1)).flatten()).abs().max() < 1e-12


# ---------------------------------------------------------------------------------------------------------------------- Keras
def keras_upsample(x, dtype):
    """Keras' bilinear UpSampling2D. Its values pass through f32, in f64 networks too; there a product with its matrix stands in."""
    import keras
    import tensorflow as tf

    library = keras.layers.UpSampling2D(interpolation="bilinear", dtype="float32")
    if dtype == "float32":
        return library(x)
    n = x.shape[1]
    identity = np.eye(n, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, n, 1), np.float32)
    matrix = library(identity).numpy()[:, :, 0, 0].T  # [2n, n]: column i is what a picture of ones in row i becomes
    probe = numbers.normal("upsample", (1, n, n, 2))
    by_matrix = np.einsum("yi,bijc,xj->byxc", matrix, probe, matrix)
    assert np.abs(library(probe).numpy() - by_matrix).max() < 1e-6
    return keras.layers.Lambda(lambda v: tf.einsum("yi,bijc,xj->byxc", matrix.astype(np.float64), v, matrix.astype(np.float64)),
                               output_shape=(2 * n, 2 * n, x.shape[3]), dtype=dtype)(x)


def keras_networks(p, latent, dtype):
    """G and D of Keras' layers, in float64 or float32; layers are named as our weights, with _ for a dot."""
    from keras import Input, Model, layers

    gc, dc = networks.DEFAULTS_G | p["g"], networks.DEFAULTS_D | p["d"]

    def named(kind, name, *args, **kw):
        return kind(*args, **kw, dtype=dtype, name=name)

    def act(x, slope):
        return (layers.LeakyReLU(negative_slope=slope, dtype=dtype) if slope else layers.ReLU(dtype=dtype))(x)

    def enlarge(x, name, outputs, kernel, stride, bias):
        if gc["upsample"] == "transposed":
            return named(layers.Conv2DTranspose, name, outputs, kernel, stride, "same", use_bias=bias)(x)
        x = keras_upsample(x, dtype)
        return named(layers.Conv2D, name, outputs, kernel, padding="same", use_bias=bias)(x)

    i = Input((latent,), dtype=dtype)
    x = named(layers.Dense, "dense", 16 * gc["channels"][0], use_bias=gc["bias"])(i)
    x = act(named(layers.BatchNormalization, "norm")(x), gc["slope"])
    x = layers.Reshape((4, 4, gc["channels"][0]), dtype=dtype)(x)
    for k, outputs in enumerate(gc["channels"][1:]):
        x = enlarge(x, f"up_{k}_conv", outputs, gc["kernels"][k], gc["strides"][k], gc["bias"])
        x = act(named(layers.BatchNormalization, f"up_{k}_norm")(x), gc["slope"])
    x = enlarge(x, "out", channels_of(p), gc["kernels"][-1], gc["strides"][-1], gc["out_bias"])
    g = Model(i, layers.Activation("tanh", dtype=dtype)(x))

    i = x = Input((p["size"], p["size"], channels_of(p)), dtype=dtype)
    for k, outputs in enumerate(dc["channels"]):
        x = named(layers.Conv2D, f"down_{k}_conv", outputs, dc["kernels"][k], 2, "same", use_bias=dc["bias"])(x)
        if p["d_norm"] and (k > 0 or dc["first_norm"]):
            x = named(layers.BatchNormalization, f"down_{k}_norm")(x)
        x = act(x, dc["slope"])
    return g, Model(i, named(layers.Dense, "head", 1)(layers.Flatten(dtype=dtype)(x)))


ATTRIBUTES = {"weight": "kernel", "bias": "bias", "gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


def to_keras(name, v, channels):
    """A tensor of ours in Keras' layout. `channels`: of the 4x4 map at the dense layer or the head."""
    stem = name.split(".")[1]
    if stem == "dense" or stem == "norm":  # features (c, y, x) -> (y, x, c)
        v = v.reshape(channels, 4, 4, -1).transpose(3, 1, 2, 0).reshape(-1, 16 * channels)
        return v if name.endswith("dense.weight") else v[0]
    if name.endswith("head.weight"):
        return v.reshape(channels, 4, 4).transpose(1, 2, 0).reshape(-1, 1)
    return v.transpose(2, 3, 1, 0) if v.ndim == 4 else v


def from_keras(name, v, channels):
    stem = name.split(".")[1]
    if stem == "dense" or stem == "norm":
        v = v.reshape(-1, 4, 4, channels).transpose(3, 1, 2, 0).reshape(16 * channels, -1)
        return v if name.endswith("dense.weight") else v[:, 0]
    if name.endswith("head.weight"):
        return v.reshape(4, 4, channels).transpose(2, 0, 1).reshape(1, -1)
    return v.transpose(3, 2, 0, 1) if v.ndim == 4 else v


def run_keras(p, start, names):
    """All of run_torch's values in f64 by Keras. `names`: of all weights and statistics, g. and d. in front."""
    import keras
    import tensorflow as tf

    g, d = keras_networks(p, LATENT, "float64")
    sides = {"g": (g, p["g"]["channels"][0]), "d": (d, p["d"]["channels"][-1])}
    variables = {}
    for n, shape in names.items():
        model, layer = sides[n[0]][0], n[2:].rsplit(".", 1)
        variables[n] = getattr(model.get_layer(layer[0].replace(".", "_")), ATTRIBUTES[layer[1]])
        if layer[1] not in ("mean", "variance"):
            variables[n].assign(to_keras(n, networks.first_value(n, shape), sides[n[0]][1]).astype(np.float64))
    assert len(variables) == len(g.weights) + len(d.weights)
    back = lambda n, v: from_keras(n, np.asarray(v), sides[n[0]][1])
    weights = {s: {n: v for n, v in variables.items() if n[0] == s and n.rsplit(".", 1)[1] not in ("mean", "variance")} for s in "gd"}
    latents, real, epsilon = (v.astype(np.float64) for v in batch(p, start))
    real = real.transpose(0, 2, 3, 1)
    out = {}
    with tf.GradientTape(persistent=True) as tape:
        fake = g(latents, training=True)
        logits_real, logits_fake = d(real, training=True)[:, 0], d(fake, training=True)[:, 0]
        if p["loss"] == "bce":
            cross = tf.nn.sigmoid_cross_entropy_with_logits
            g_loss = tf.reduce_mean(cross(tf.ones_like(logits_fake), logits_fake))
            d_loss = tf.reduce_mean(cross(tf.ones_like(logits_real), logits_real))
            d_loss += tf.reduce_mean(cross(tf.zeros_like(logits_fake), logits_fake))
        else:
            g_loss, d_loss = -tf.reduce_mean(logits_fake), tf.reduce_mean(logits_fake) - tf.reduce_mean(logits_real)
        total = d_loss
        if p["loss"] == "wasserstein-gp":
            e = epsilon[:, None, None, None]
            mixed = e * real + (1 - e) * tf.stop_gradient(fake)
            with tf.GradientTape() as inner:
                inner.watch(mixed)
                logits = d(mixed, training=True)
            out["gradient_norms"] = tf.sqrt(tf.reduce_sum(inner.gradient(logits, mixed) ** 2, axis=[1, 2, 3]))
            out["penalty"] = PENALTY * tf.reduce_mean((out["gradient_norms"] - 1.0) ** 2)
            total = d_loss + out["penalty"]
    out |= {"fake": tf.transpose(fake, (0, 3, 1, 2)), "logits_real": logits_real, "logits_fake": logits_fake, "g_loss": g_loss, "d_loss": d_loss}
    dg = tape.gradient(total, [v.value for v in weights["d"].values()], unconnected_gradients="zero")
    gg = tape.gradient(g_loss, [v.value for v in weights["g"].values()])
    out |= {f"grad.{n}": back(n, v) for n, v in list(zip(weights["g"], gg)) + list(zip(weights["d"], dg))}
    out |= {f"statistics.{n}": back(n, v.value) for n, v in variables.items() if n.endswith((".mean", ".variance"))}
    o = p["optimizer"]
    if o["name"] == "adam":
        library = keras.optimizers.Adam(o["rate"], o["beta_1"], o["beta_2"], o["epsilon"])
    else:
        library = keras.optimizers.RMSprop(o["rate"], o["rho"], epsilon=o["epsilon"])
    library.apply_gradients(zip(dg, weights["d"].values()))
    out |= {f"after1.{n}": back(n, v.value) for n, v in weights["d"].items()}
    return {n: np.asarray(v) for n, v in out.items()}, {"tensorflow": tf.__version__, "keras": keras.__version__}


def count_keras(name):
    p = presets(name, presets(name, 1)["width"])
    counts = {}
    for side, m in zip("gd", keras_networks(p, p["latent"], "float32")):
        counts[side] = [sum(int(np.prod(v.shape)) for v in m.trainable_weights), m.count_params()]
    return counts


# ----------------------------------------------------------------------------------------------------------------------- main
def make(name, folder):
    p = presets(name, presets(name, 1)["narrow"])
    start = STARTS[name]
    (double, margin), (single, _) = run_torch(p, start, torch.float64), run_torch(p, start, torch.float32)
    zero = networks.zeros(double)
    moved = [n.replace("grad.", "after1.") for n in zero]
    floor = networks.floor(single, double, zero + moved)
    worst = sorted(floor, key=floor.get)[-3:]
    print(f"{name}: start {start}, margin {margin:.1e}, noise floor", *(f"{n} {floor[n]:.1e}" for n in worst))
    print("  zero in theory:", *zero)
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    if p["norm"] == "keras":
        stems = ("grad.", "statistics.")
        found, more = run_keras(p, start, {n.split(".", 1)[1]: v.shape for n, v in double.items() if n.startswith(stems)})
        versions |= more
        assert found.keys() == double.keys(), found.keys() ^ double.keys()
        # A gradient that is zero in theory is compared with the largest of its network, and has moved its weight by as good as nothing.
        largest = max(np.abs(v).max() for n, v in double.items() if n.startswith("grad.d"))
        far = {n: np.abs(found[n] - v).max() / (largest if n in zero else np.abs(v).max()) for n, v in double.items() if n not in moved}
        print(f"  PyTorch f64 against Keras f64: {max(far.values()):.1e} ({max(far, key=far.get)})")
        assert max(far.values()) < 1e-9, far
        counts = count_keras(name)
    else:
        check_first_layer()
        counts = count_torch()
    print("  parameters at full width:", counts)
    double["fake"] = double["fake"].reshape(-1)[:FAKE_VALUES]
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in double.items()}
    assert all(np.isfinite(v).all() for v in tensors.values())
    settings = {"batch": BATCH, "latent": LATENT, "width": p["narrow"], "size": p["size"], "channels": channels_of(p), "norm": p["norm"],
                "d_norm": p["d_norm"], "loss": p["loss"], "optimizer": p["optimizer"],
                "g": networks.DEFAULTS_G | p["g"], "d": networks.DEFAULTS_D | p["d"]}
    path = os.path.join(folder, f"preset-{name}.safetensors")
    save_file(tensors, path, metadata=versions | {
        "script": "tools/golden_presets.py", "settings": json.dumps(settings), "start": str(start), "zero": json.dumps(zero),
        "noise_floor": json.dumps({n: float(f"{v:.1e}") for n, v in floor.items()}), "noise_floor_max": f"{max(floor.values()):.1e}",
        "margin": f"{margin:.1e}", "clip": str(p["optimizer"].get("clip", "")), "parameters": json.dumps(counts)})
    print(f"  {path}: {os.path.getsize(path)} bytes, {len(tensors)} tensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("presets", nargs="*", default=list(STARTS), metavar="PRESET", help=f"of {', '.join(STARTS)}; all if none is named")
    parser.add_argument("--find-start", type=int, metavar="N", help="print the five of batches 0..N-1 that stay furthest from a kink, and end")
    parser.add_argument("--out-folder", default="train/tests/golden")
    args = parser.parse_args()
    for name in args.presets:
        if args.find_start:
            p = presets(name, presets(name, 1)["narrow"])
            found = sorted((run_torch(p, k, torch.float64)[1], k) for k in range(args.find_start))[-5:]
            print(name, *(f"start {k} margin {m:.1e};" for m, k in reversed(found)))
        else:
            make(name, args.out_folder)


if __name__ == "__main__":
    main()
