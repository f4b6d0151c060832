"""Golden values of gan-ada's networks, losses, gradients, Adam, running statistics and EMA, computed by Keras.

    golden_gan_ada.py [--width 8] [--latent 16] [--batch 8] [--start 74] [--steps 20] [--pictures 4] [--double-steps 20]
                      [--out train/tests/golden/gan-ada-step.safetensors] [--no-check]
    golden_gan_ada.py --width 128 --latent 64 --batch 4 --start 61 --double-steps 1 --out FILE     the recipe's own size, not committed

Needs tensorflow-cpu, keras 3, numpy, safetensors and, for the check, torch. The networks, losses and the step are those of
the Keras example "Data-efficient GANs with Adaptive Discriminator Augmentation" (Béres, 2021) with dropout and augmentation
off. They are defined for 64x64 pictures.

Inputs are not in the file. They are made by the formulas of `golden_numbers.py`; the name that is hashed is the one in
the first column, with its prefix, and the flat index runs over the shape below in row-major order, B = batch, Z = latent,
W = width:

    g.dense.weight   [16W, Z]        glorot, fans Z, 16W
    g.bn0.beta       [16W]           signed, a = 0.1          also g.bn1.beta .. g.bn3.beta [W]
    g.up1.weight     [W, W, 4, 4]    glorot, fans 16W, 16W    also up2, up3; [Cin, Cout, kh, kw]
    g.out.weight     [W, 3, 4, 4]    glorot, fans 48, 16W     [Cin, Cout, kh, kw]
    g.out.bias       [3]             signed, a = 0.1
    d.down1.weight   [W, 3, 4, 4]    glorot, fans 48, 16W     [Cout, Cin, kh, kw]
    d.down2.weight   [W, W, 4, 4]    glorot, fans 16W, 16W    also down3, down4
    d.bn1.beta       [W]             signed, a = 0.1          also d.bn2.beta .. d.bn4.beta
    d.head.weight    [1, 16W]        glorot, fans 16W, 1
    d.head.bias      [1]             signed, a = 0.1
    *.bnI.mean = 0, *.bnI.variance = 1
    latents.k        [B, Z]          normal                   k = start .. start+steps-1
    real.k           [B, 3, 64, 64]  picture

The layouts are PyTorch's. Against Keras':
- pictures and features are CHW here and HWC there;
- the generator's dense output o = (c·4 + y)·4 + x is reshaped to [W, 4, 4]; Keras' output k = (y·4 + x)·W + c to [4, 4, W];
  so rows of `dense.weight` and all vectors of `bn0` are permuted; `head.weight` likewise, flattened as CHW here and HWC there;
- Dense kernels are [in, out] there; Conv2D kernels [kh, kw, in, out]; Conv2DTranspose kernels [kh, kw, out, in]. No kernel is
  flipped, and k4 s2 `same` on an even size is padding 1 on every side, for both convolutions. The check below proves it.

The file holds, in the layouts above:

    fake                  G(latents.start) in training mode at the first weights, the first `pictures` pictures
    logits_real, logits_fake  [B]     of D in training mode at the first weights, on real.start and all of G(latents.start)
    g_loss, d_loss        []          BCE(1, logits_fake) and (BCE(1, logits_real) + BCE(0, logits_fake)) / 2
    grad.g.*              gradients of g_loss by G's weights; grad.d.*: of d_loss by D's weights
    after1.g.bnI.mean ..  running statistics after the first step (D has seen the reals, then the fakes)
    losses                [steps, 2]  g_loss, d_loss of each step, taken before its update
    final.g.*, final.d.*  weights and running statistics after the last step
    ema.*                 the exponential moving average of all of G's weights, running statistics included, after the last step:
                          it starts equal to G, and after each step e = 0.99 e + 0.01 g
    ema_samples           the average's pictures of latents.start in inference mode, the first `pictures`

and as metadata the versions, the arguments and the noise floor: for each gradient max|f32 - f64| / max|f64| and the ratio of
the 2-norms, of Keras in f32 against Keras in f64 at the same weights.
At the defaults the floor is at most 2.1e-5 (g.out.bias, a sum over all pixels that nearly cancels) and below 8e-6 for all other
gradients, so that 1e-4 is a bound which a right f32 step keeps. It holds only while no value that meets a (leaky) ReLU lies
within rounding of zero: one that changes sides changes gradients by 1e-3. `start` is therefore a batch whose nearest value
is far from zero, 2.0e-5 at the defaults; `--find-start N` lists them. At width 128 the floor is 6.0e-6 for batch 4 from start
61 (nearest value 2.7e-6), and 3.3e-3 for batch 16 from start 0, where some values do change sides.
Twenty steps amplify differences: the losses of Keras in f32 then lie within 1.1e-4 of those in f64 at the defaults; at width 128
two runs in f32 differ by up to 0.3.

The check is a rendition in PyTorch that works in the file's layouts and knows nothing of Keras': in f64 it must give all that
Keras gives in f64 to 1e-9, twenty steps included, in f32 Keras' first step in f32 to 1e-4 (or three times a higher floor).
"""
import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file

import golden_numbers as numbers

SIZE = 64
LEARNING_RATE, BETA1, BETA2, EPSILON = 2e-4, 0.5, 0.999, 1e-7
BN_MOMENTUM, BN_EPSILON, SLOPE, EMA = 0.99, 1e-3, 0.2, 0.99
G_LAYERS = ["dense", "bn0", "up1", "bn1", "up2", "bn2", "up3", "bn3", "out"]
D_LAYERS = ["down1", "bn1", "down2", "bn2", "down3", "bn3", "down4", "bn4", "head"]


# ---------------------------------------------------------------------------------------------------------------- the inputs
def first_weights(width, latent):
    """Both networks' weights by name, in the file's layouts."""
    w = width
    g = {"dense.weight": numbers.glorot("g.dense.weight", (16 * w, latent), latent, 16 * w)}
    for i, features in enumerate([16 * w, w, w, w]):
        g[f"bn{i}.beta"] = numbers.signed(f"g.bn{i}.beta", (features,), 0.1)
        g[f"bn{i}.mean"], g[f"bn{i}.variance"] = np.zeros(features, np.float32), np.ones(features, np.float32)
    for i in (1, 2, 3):
        g[f"up{i}.weight"] = numbers.glorot(f"g.up{i}.weight", (w, w, 4, 4), 16 * w, 16 * w)
    g["out.weight"] = numbers.glorot("g.out.weight", (w, 3, 4, 4), 48, 16 * w)
    g["out.bias"] = numbers.signed("g.out.bias", (3,), 0.1)
    d = {}
    for i, inputs in enumerate([3, w, w, w], 1):
        d[f"down{i}.weight"] = numbers.glorot(f"d.down{i}.weight", (w, inputs, 4, 4), 16 * inputs, 16 * w)
        d[f"bn{i}.beta"] = numbers.signed(f"d.bn{i}.beta", (w,), 0.1)
        d[f"bn{i}.mean"], d[f"bn{i}.variance"] = np.zeros(w, np.float32), np.ones(w, np.float32)
    d["head.weight"] = numbers.glorot("d.head.weight", (1, 16 * w), 16 * w, 1)
    d["head.bias"] = numbers.signed("d.head.bias", (1,), 0.1)
    return g, d


def batch(k, size, latent):
    return numbers.normal(f"latents.{k}", (size, latent)), numbers.picture(f"real.{k}", (size, 3, SIZE, SIZE))


def relative(a, b):
    """max|a - b| / max|b| and |a - b| / |b|."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max()), float(np.linalg.norm(a - b) / np.linalg.norm(b))


# --------------------------------------------------------------------------------------------------------------------- Keras
def permute_vector(v, width):  # [c, y, x] -> [y, x, c]
    return v.reshape(width, 4, 4).transpose(1, 2, 0).reshape(-1)


def unpermute_vector(v, width):
    return v.reshape(4, 4, width).transpose(2, 0, 1).reshape(-1)


def to_keras(name, v, width):
    """A tensor of the file in Keras' layout; gradients and statistics go the same way."""
    layer = name.split(".")[0]
    if layer == "dense":
        return v.reshape(width, 4, 4, -1).transpose(3, 1, 2, 0).reshape(v.shape[1], -1)
    if layer == "bn0":
        return permute_vector(v, width)
    if name == "head.weight":
        return permute_vector(v, width)[:, None]
    return v.transpose(2, 3, 1, 0) if v.ndim == 4 else v  # both kinds of convolution: swap the channel axes, move them last


def from_keras(name, v, width):
    layer = name.split(".")[0]
    if layer == "dense":
        return v.reshape(-1, 4, 4, width).transpose(3, 1, 2, 0).reshape(16 * width, -1)
    if layer == "bn0":
        return unpermute_vector(v, width)
    if name == "head.weight":
        return unpermute_vector(v, width)[None, :]
    return v.transpose(3, 2, 0, 1) if v.ndim == 4 else v


def generator(width, latent, dtype):
    def bn(i):
        return layers.BatchNormalization(scale=False, dtype=dtype, name=f"bn{i}")

    i = keras.Input((latent,), dtype=dtype)
    x = layers.Dense(16 * width, use_bias=False, dtype=dtype, name="dense")(i)
    x = layers.ReLU(dtype=dtype)(bn(0)(x))
    x = layers.Reshape((4, 4, width), dtype=dtype)(x)
    for k in (1, 2, 3):
        x = layers.Conv2DTranspose(width, 4, 2, "same", use_bias=False, dtype=dtype, name=f"up{k}")(x)
        x = layers.ReLU(dtype=dtype)(bn(k)(x))
    return keras.Model(i, layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", dtype=dtype, name="out")(x))


def discriminator(width, dtype):
    i = x = keras.Input((SIZE, SIZE, 3), dtype=dtype)
    for k in (1, 2, 3, 4):
        x = layers.Conv2D(width, 4, 2, "same", use_bias=False, dtype=dtype, name=f"down{k}")(x)
        x = layers.BatchNormalization(scale=False, dtype=dtype, name=f"bn{k}")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE, dtype=dtype)(x)
    x = layers.Flatten(dtype=dtype)(x)
    return keras.Model(i, layers.Dense(1, dtype=dtype, name="head")(layers.Dropout(0.0, dtype=dtype)(x)))


ATTRIBUTES = {"weight": "kernel", "bias": "bias", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


def variables(model, names):
    """The model's variables by the file's names, in the order of `names`."""
    return {n: getattr(model.get_layer(n.split(".")[0]), ATTRIBUTES[n.split(".")[1]]) for n in names}


def bce(target, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(target * tf.ones_like(logits), logits))


def run_keras(args, dtype, steps):
    g_first, d_first = first_weights(args.width, args.latent)
    g, e, d = generator(args.width, args.latent, dtype), generator(args.width, args.latent, dtype), discriminator(args.width, dtype)
    gv, ev, dv = variables(g, g_first), variables(e, g_first), variables(d, d_first)
    assert len(gv) == len(g.weights) and len(dv) == len(d.weights)
    for values, targets in ((g_first, (gv, ev)), (d_first, (dv,))):
        for name, v in values.items():
            for target in targets:
                target[name].assign(to_keras(name, v, args.width).astype(dtype))
    trainable = lambda named: {n: v for n, v in named.items() if n.split(".")[1] not in ("mean", "variance")}
    gt, dt = trainable(gv), trainable(dv)
    og, od = (keras.optimizers.Adam(LEARNING_RATE, BETA1, BETA2, EPSILON) for _ in range(2))
    og.build(list(gt.values())), od.build(list(dt.values()))

    @tf.function
    def gradients(latents, real):
        with tf.GradientTape(persistent=True) as tape:
            fake = g(latents, training=True)
            logits_real, logits_fake = d(real, training=True), d(fake, training=True)
            g_loss = bce(1.0, logits_fake)
            d_loss = (bce(1.0, logits_real) + bce(0.0, logits_fake)) / 2
        gg = tape.gradient(g_loss, [v.value for v in gt.values()])
        dg = tape.gradient(d_loss, [v.value for v in dt.values()])
        return fake, logits_real[:, 0], logits_fake[:, 0], g_loss, d_loss, gg, dg

    @tf.function
    def update(gg, dg):
        og.apply_gradients(zip(gg, gt.values()))
        od.apply_gradients(zip(dg, dt.values()))
        for average, v in zip(ev.values(), gv.values()):
            average.assign(EMA * average.value + (1 - EMA) * v.value)

    read = lambda named, prefix: {prefix + n: from_keras(n, v.value.numpy().copy(), args.width) for n, v in named.items()}
    out, losses = {}, []
    for k in range(steps):
        latents, real = batch(args.start + k, args.batch, args.latent)
        r = gradients(latents.astype(dtype), real.transpose(0, 2, 3, 1).astype(dtype))
        losses.append([float(r[3]), float(r[4])])
        if k == 0:
            out["fake"] = r[0].numpy().transpose(0, 3, 1, 2)
            for name, v in zip(("logits_real", "logits_fake", "g_loss", "d_loss"), r[1:5]):
                out[name] = v.numpy()
            out |= {f"grad.g.{n}": from_keras(n, v.numpy(), args.width) for n, v in zip(gt, r[5])}
            out |= {f"grad.d.{n}": from_keras(n, v.numpy(), args.width) for n, v in zip(dt, r[6])}
        update(r[5], r[6])
        if k == 0:
            for prefix, named in (("after1.g.", gv), ("after1.d.", dv)):
                out |= {n: v for n, v in read(named, prefix).items() if n.endswith((".mean", ".variance"))}
    out["losses"] = np.array(losses)
    out |= read(gv, "final.g.") | read(dv, "final.d.") | read(ev, "ema.")
    out["ema_samples"] = e(batch(args.start, args.batch, args.latent)[0].astype(dtype), training=False).numpy().transpose(0, 3, 1, 2)
    return {n: np.asarray(v, dtype) for n, v in out.items()}


# -------------------------------------------------------------------------------------------------------------------- PyTorch
def run_torch(args, dtype, steps, forward_only=False):
    """The same in PyTorch, written in the file's layouts. `margin`: the least |x| that meets a kink in the first step."""
    import torch
    import torch.nn.functional as F

    tensor = lambda v: torch.from_numpy(np.array(v, dtype))
    slope = float(np.float32(SLOPE))  # TensorFlow keeps the slope in f32, in f64 networks too
    networks = [{n: tensor(v) for n, v in w.items()} for w in first_weights(args.width, args.latent)]
    g, d = networks
    average = {n: v.clone() for n, v in g.items()}
    nearest = []
    adam = [{n: (torch.zeros_like(v), torch.zeros_like(v)) for n, v in w.items()} for w in networks]

    def bn(w, i, x, training):
        shape = (1, -1) + (1,) * (x.ndim - 2)
        mean, variance = w[f"bn{i}.mean"], w[f"bn{i}.variance"]
        if training:
            axes = [a for a in range(x.ndim) if a != 1]
            m, v = x.mean(axes), x.var(axes, unbiased=False)  # biased for the running variance too
            with torch.no_grad():
                mean.mul_(BN_MOMENTUM).add_(m * (1 - BN_MOMENTUM))
                variance.mul_(BN_MOMENTUM).add_(v * (1 - BN_MOMENTUM))
            mean, variance = m, v
        x = (x - mean.view(shape)) / torch.sqrt(variance.view(shape) + BN_EPSILON) + w[f"bn{i}.beta"].view(shape)
        nearest.append(x.detach().abs().min().item())
        return x

    def G(w, z, training):
        x = F.relu(bn(w, 0, F.linear(z, w["dense.weight"]), training)).view(-1, args.width, 4, 4)
        for i in (1, 2, 3):
            x = F.relu(bn(w, i, F.conv_transpose2d(x, w[f"up{i}.weight"], stride=2, padding=1), training))
        return torch.sigmoid(F.conv_transpose2d(x, w["out.weight"], w["out.bias"], stride=2, padding=1))

    def D(w, x):
        for i in (1, 2, 3, 4):
            x = F.leaky_relu(bn(w, i, F.conv2d(x, w[f"down{i}.weight"], stride=2, padding=1), True), slope)
        return F.linear(x.flatten(1), w["head.weight"], w["head.bias"])[:, 0]

    out, losses = {}, []
    for k in range(steps):
        latents, real = (tensor(v) for v in batch(args.start + k, args.batch, args.latent))
        names = [[n for n in w if n.split(".")[1] not in ("mean", "variance")] for w in networks]
        for w, trainable in zip(networks, names):
            for n in trainable:
                w[n].requires_grad_(True)
        fake = G(g, latents, True)
        logits_real, logits_fake = D(d, real), D(d, fake)
        if forward_only:
            return {"margin": np.array(min(nearest))}
        g_loss = F.softplus(-logits_fake).mean()
        d_loss = (F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()) / 2
        gradients = [torch.autograd.grad(g_loss, [g[n] for n in names[0]], retain_graph=True),
                     torch.autograd.grad(d_loss, [d[n] for n in names[1]])]
        losses.append([g_loss.item(), d_loss.item()])
        if k == 0:
            out = {"fake": fake, "logits_real": logits_real, "logits_fake": logits_fake, "g_loss": g_loss, "d_loss": d_loss}
            for prefix, trainable, grads in zip(("grad.g.", "grad.d."), names, gradients):
                out |= {prefix + n: v for n, v in zip(trainable, grads)}
            for prefix, w in (("after1.g.", g), ("after1.d.", d)):
                out |= {prefix + n: v.clone() for n, v in w.items() if n.split(".")[1] in ("mean", "variance")}
            out["margin"] = torch.tensor(min(nearest))
        t = k + 1
        # keras/src/optimizers/adam.py, update_step: the rate and the powers' bases pass through f32, in f64 networks too
        rate, beta2 = float(np.float32(LEARNING_RATE)), float(np.float32(BETA2))
        alpha = rate * (1 - beta2**t) ** 0.5 / (1 - BETA1**t)
        with torch.no_grad():
            for w, moments, trainable, grads in zip(networks, adam, names, gradients):
                for n, grad in zip(trainable, grads):
                    m, v = moments[n]
                    m += (grad - m) * (1 - BETA1)
                    v += (grad * grad - v) * (1 - BETA2)
                    w[n].requires_grad_(False).sub_(m * alpha / (v.sqrt() + EPSILON))
            for n in g:
                average[n].mul_(EMA).add_(g[n] * (1 - EMA))
    with torch.no_grad():
        out["ema_samples"] = G(average, tensor(batch(args.start, args.batch, args.latent)[0]), False)
    out["losses"] = torch.tensor(losses, dtype=torch.float64)
    for prefix, w in (("final.g.", g), ("final.d.", d), ("ema.", average)):
        out |= {prefix + n: v for n, v in w.items()}
    return {n: v.detach().numpy() for n, v in out.items()}


# ---------------------------------------------------------------------------------------------------------------------- main
def worst(a, b, prefixes):
    return max((relative(a[n], b[n])[0], n) for n in b if n.startswith(prefixes))


def compare(title, a, b):
    """Prints how far a lies from b, group by group, and returns the worst of the first step."""
    first = ("fake", "logits", "g_loss", "d_loss", "grad.", "after1.")
    print(f"{title}: worst max|a-b|/max|b| of each group")
    same_length = a["losses"].shape == b["losses"].shape
    for label, prefixes in (("outputs and losses", first[:4]), ("gradients", ("grad.",)), ("after1", ("after1.",)),
                            ("losses of all steps", ("losses",)), ("final", ("final.",)), ("ema", ("ema.",)),
                            ("ema_samples", ("ema_samples",))):
        if same_length or prefixes[0] in first or label == "gradients":
            value, name = worst(a, b, prefixes)
            print(f"  {label:20} {value:9.2e}  {name}")
    return worst(a, b, "" if same_length and a["losses"].dtype == np.float64 and b["fake"].dtype == np.float64 else first)[0]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--width", type=int, default=8)
    p.add_argument("--size", type=int, default=SIZE, choices=[SIZE], help="the networks fix it")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--latent", type=int, default=16)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--start", type=int, default=74, help="the first batch: latents.START and real.START")
    p.add_argument("--find-start", type=int, metavar="N", help="print how near batches 0..N-1 come to a kink, and end")
    p.add_argument("--pictures", type=int, default=4, help="how many of `fake` and `ema_samples` are stored")
    p.add_argument("--out", default="train/tests/golden/gan-ada-step.safetensors")
    p.add_argument("--double-steps", type=int, default=20, help="steps of the runs in f64; 1 is enough for the noise floor")
    p.add_argument("--no-check", action="store_true", help="leave PyTorch out")
    args = p.parse_args()

    if args.find_start:
        for args.start in range(args.find_start):
            print(f"start {args.start} margin {run_torch(args, 'float64', 1, forward_only=True)['margin']:.2e}", flush=True)
        return
    single = run_keras(args, "float32", args.steps)
    double = run_keras(args, "float64", args.double_steps)
    floor = {n: relative(single[n], double[n]) for n in double if n.startswith("grad.")}
    print(f"noise floor, Keras f32 against f64, width {args.width}, batch {args.batch}\n"
          f"  {'gradient':22} {'max|d|/max|f64|':>16} {'|d|2/|f64|2':>12} {'max|f64|':>10}")
    for n, (largest, norm) in floor.items():
        print(f"  {n:22} {largest:16.2e} {norm:12.2e} {np.abs(double[n]).max():10.2e}")
    compare("Keras f32 against Keras f64", single, double)
    margin = {}
    if not args.no_check:
        torch_double, torch_single = run_torch(args, "float64", args.double_steps), run_torch(args, "float32", args.steps)
        margin = {"margin": f"{torch_double.pop('margin'):.2e}"}
        torch_single.pop("margin")
        print("nearest to a kink:", margin["margin"])
        in_double = compare("PyTorch f64 against Keras f64", torch_double, double)
        in_single = compare("PyTorch f32 against Keras f32", torch_single, single)
        print("losses, PyTorch f32 against Keras f32, by step:",
              *(f"{v:.1e}" for v in np.abs(torch_single["losses"] - single["losses"]).max(1)))
        assert in_double < 1e-9 and in_single < max(1e-4, 3 * max(r[0] for r in floor.values())), (in_double, in_single)

    for n in ("fake", "ema_samples"):
        single[n] = single[n][: args.pictures]
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in single.items()}
    assert all(np.isfinite(v).all() for v in tensors.values())
    save_file(tensors, args.out, metadata={
        "tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__,
        "script": "tools/golden_gan_ada.py",
        "arguments": json.dumps({k: getattr(args, k) for k in ("width", "size", "batch", "latent", "start", "steps", "pictures")}),
        "noise_floor": json.dumps({n: [float(f"{v:.2e}") for v in r] for n, r in floor.items()}),
        "noise_floor_max": f"{max(r[0] for r in floor.values()):.2e}",
    } | margin)
    print(f"{args.out}: {os.path.getsize(args.out)} bytes, {len(tensors)} tensors")
    print("losses", single["losses"].tolist())


if __name__ == "__main__":
    main()
