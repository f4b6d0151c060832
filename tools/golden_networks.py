"""Generators and discriminators in PyTorch, in this project's layouts and names, for the scripts that make golden numbers.

Nothing here knows Keras. A network is a function of a `Network`, which draws a weight by its name when it is first asked for and
keeps it, so that the order of `weights` is that of the pass. Layouts are PyTorch's: pictures [B, C, H, W], linear [out, in],
convolution [Cout, Cin, k, k], transposed convolution [Cin, Cout, k, k].

Weights are not in the golden files. They follow from their names (with the prefix `g.` or `d.`) by `golden_numbers.py`:

    ....gamma                     1 + signed(name, shape, 0.1)        the sum in f32; also that of attention [1]
    ....beta, and one dimension   signed(name, shape, 0.1)            biases; beta may be [classes, C]
    ....u                         signed(name, [Cout], 1), then divided by its 2-norm
    everything else               signed(name, shape, f32(sqrt(6 / ((shape[0] + shape[1]) * the product of the other extents))))
    ....mean = 0, ....variance = 1

Generator, for `channels` [c0, c1, ..., cn], base b: z (with embedding.weight[label] behind it, if classes are embedded) -> dense to
c0*b*b -> reshape [c0, b, b] -> n blocks `up.i` to c1 .. cn -> out. Plain: norm (over the features c0*b*b before the reshape, or over
the c0 channels after it) and ReLU; block = upsample, conv, norm, ReLU. Residual (pre-activation): y0 = dense; block i:
y = (conv(upsample(act(norm(y_before)))) + skip(bilinear_upsample(y_before))) * sqrt(1/2), where y0's norm is `norm`, y of block i's
is `up.i.norm`, and skip is a 1x1 convolution only where the channels differ; at last out(act(norm(y))).
Discriminator: blocks `down.i`, minibatch standard deviation as one more channel, flattened as [C, H, W] -> head, projection, auxiliary. Plain: conv, norm, act. Residual: y0 = conv0(x); y_i =
(conv_i(act(norm_(i-1)(y_(i-1)))) + skip_i(avgpool2(y_(i-1)))) * sqrt(1/2); at last act(norm(y)).
Attention (`up.i.attention`, `down.i.attention`) stands behind the ReLU that follows the block whose extent is `attention`, so that in
residual networks the skip goes round it. Spectral norm divides every weight of dense, convolutions (skips, attention and out too), head,
projection and auxiliary; not embeddings.
"""
import math

import golden_numbers as numbers
import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)

#               epsilon, momentum of the new value, is the running variance unbiased
CONSTANTS = {"keras": (1e-3, 0.01, False), "torch": (1e-5, 0.1, True)}


def first_value(name, shape):
    """What a weight is before training, f32 (u: f64, of length 1)."""
    leaf = name.rsplit(".", 1)[1]
    if leaf == "gamma":
        return np.float32(1) + numbers.signed(name, shape, 0.1)
    if leaf == "u":
        u = numbers.signed(name, shape, 1.0).astype(np.float64)
        return u / np.linalg.norm(u)
    if leaf == "beta" or len(shape) == 1:
        return numbers.signed(name, shape, 0.1)
    receptive = math.prod(shape[2:])
    return numbers.glorot(name, shape, shape[1] * receptive, shape[0] * receptive)


class Network:
    """The weights and running statistics of one network, and the least distance of a value to the kink of a (leaky) ReLU."""

    def __init__(self, prefix, dtype, spectral=False, norm=None, labels=None, classes=0):
        """`norm`: a key of CONSTANTS, or None for no norm; `labels` [B] make the norms class-conditional where `classes` > 0."""
        self.prefix, self.dtype, self.spectral, self.norm_kind = prefix, dtype, spectral, norm
        self.labels, self.classes = labels, classes
        self.weights, self.statistics, self.nearest = {}, {}, []

    def weight(self, name, shape):
        name = self.prefix + name
        if name not in self.weights:
            self.weights[name] = torch.tensor(first_value(name, shape), dtype=self.dtype, requires_grad=True)
        return self.weights[name]

    def matrix_weight(self, name, shape, transposed=False):
        """A weight, divided by its first singular value as the stored u estimates it. `name` is the layer's."""
        w = self.weight(name + ".weight", shape)
        if not self.spectral:
            return w
        m = (w.transpose(0, 1) if transposed else w).flatten(1)
        u = torch.tensor(first_value(self.prefix + name + ".u", (m.shape[0],)), dtype=self.dtype)
        v = F.normalize(m.detach().T @ u, dim=0, eps=1e-12)
        return w / (u @ m @ v)

    def linear(self, x, name, outputs, bias):
        w = self.matrix_weight(name, (outputs, x.shape[1]))
        return F.linear(x, w, self.weight(name + ".bias", (outputs,)) if bias else None)

    def conv(self, x, name, outputs, kernel, stride=1, padding="same", bias=True):
        """`same`, for extents that the stride divides: kernel - stride zeros, the smaller half before."""
        w = self.matrix_weight(name, (outputs, x.shape[1], kernel, kernel))
        total = kernel - stride
        before, after = (total // 2, total - total // 2) if padding == "same" else (padding, padding)
        bias = self.weight(name + ".bias", (outputs,)) if bias else None
        return F.conv2d(F.pad(x, (before, after, before, after)), w, bias, stride)

    def conv_transposed(self, x, name, outputs, kernel, stride, padding="same", bias=True):
        """`same`: the output's extent is stride * the input's; of what is cut, the smaller half lies before."""
        w = self.matrix_weight(name, (x.shape[1], outputs, kernel, kernel), transposed=True)
        extent, total = x.shape[2], kernel - stride
        y = F.conv_transpose2d(x, w, self.weight(name + ".bias", (outputs,)) if bias else None, stride)
        if padding != "same":
            return y[..., padding : y.shape[2] - padding, padding : y.shape[3] - padding]
        before = total // 2
        return y[..., before : before + stride * extent, before : before + stride * extent]

    def norm(self, x, name):
        """Batch normalisation in training mode; moves the running statistics."""
        if self.norm_kind is None:
            return x
        epsilon, momentum, unbiased = CONSTANTS[self.norm_kind]
        features, view = x.shape[1], (1, -1) + (1,) * (x.ndim - 2)
        axes = [a for a in range(x.ndim) if a != 1]
        mean, variance = x.mean(axes), x.var(axes, unbiased=False)
        for leaf, start, new in (("mean", 0.0, mean), ("variance", 1.0, x.var(axes, unbiased=unbiased))):
            key = f"{self.prefix}{name}.{leaf}"
            old = self.statistics.get(key, torch.full((features,), start, dtype=self.dtype))
            self.statistics[key] = old * (1 - momentum) + new.detach() * momentum
        shape = (self.classes, features) if self.classes else (features,)
        gamma, beta = self.weight(name + ".gamma", shape), self.weight(name + ".beta", shape)
        if self.classes:  # each picture by its label: [B, C]
            gamma, beta = (v[self.labels].view(x.shape[:2] + (1,) * (x.ndim - 2)) for v in (gamma, beta))
        else:
            gamma, beta = gamma.view(view), beta.view(view)
        return (x - mean.view(view)) / torch.sqrt(variance.view(view) + epsilon) * gamma + beta

    def act(self, x, slope):
        self.nearest.append(x.detach().abs().min().item())
        return F.leaky_relu(x, float(np.float32(slope)))  # the slope is f32 in every library

    def attention(self, x, name):
        """SAGAN's: o_j = sum_i softmax_i(q_j . k_i) v_i, then gamma * out(o) + x."""
        batch, c, h, w = x.shape
        q, k, v = (self.conv(x, f"{name}.{n}", max(c // d, 1), 1, bias=False).flatten(2)
                   for n, d in (("query", 8), ("key", 8), ("value", 2)))  # [B, C', HW]
        weights = torch.softmax(q.transpose(1, 2) @ k, dim=2)  # [B, j, i]
        o = (v @ weights.transpose(1, 2)).view(batch, -1, h, w)
        return self.weight(name + ".gamma", (1,)) * self.conv(o, name + ".out", c, 1, bias=False) + x

    @property
    def margin(self):
        return min(self.nearest)


def upsample(x, how):
    return F.interpolate(x, scale_factor=2, mode=how, **({"align_corners": False} if how == "bilinear" else {}))


def generator(net, z, c, labels=None):
    """Pictures of latents [B, Z] in training mode. `c`: a dictionary of settings, see DEFAULTS_G."""
    c = DEFAULTS_G | c
    base, channels = c["base"], c["channels"]
    if c["embedding"]:
        z = torch.cat([z, net.weight("embedding.weight", (c["classes"], c["embedding"]))[labels]], dim=1)
    x = net.linear(z, "dense", channels[0] * base * base, c["bias"])
    before = x.view(-1, channels[0], base, base)  # what a residual block is added to
    x = net.act(net.norm(x if c["dense_norm"] == "features" else before, "norm"), c["slope"]).view(before.shape)

    def enlarge(x, name, outputs, kernel, stride, bias):
        if c["upsample"] == "transposed":
            return net.conv_transposed(x, name, outputs, kernel, stride, c["padding"], bias)
        return net.conv(upsample(x, c["upsample"]), name, outputs, kernel, 1, c["padding"], bias)

    for i, outputs in enumerate(channels[1:]):
        y = enlarge(x, f"up.{i}.conv", outputs, c["kernels"][i], c["strides"][i], c["bias"] or c["residual"])
        if c["residual"]:
            before = upsample(before, "bilinear")
            if before.shape[1] != outputs:
                before = net.conv(before, f"up.{i}.skip", outputs, 1, bias=False)
            y = before = (y + before) * math.sqrt(0.5)
        x = net.act(net.norm(y, f"up.{i}.norm"), c["slope"])
        if x.shape[2] == c["attention"]:
            x = net.attention(x, f"up.{i}.attention")
    return torch.tanh(enlarge(x, "out", c["picture_channels"], c["kernels"][-1], c["strides"][-1], c["out_bias"]))


DEFAULTS_G = {"base": 4, "bias": False, "out_bias": True, "dense_norm": "features", "slope": 0.0, "upsample": "transposed",
              "padding": "same", "residual": False, "attention": 0, "embedding": 0, "classes": 0, "picture_channels": 3}


def minibatch_stddev(x, group):
    """One more channel: the standard deviation over a group, averaged over channels and pixels; picture n is in group n mod (B / group)."""
    batch, c, h, w = x.shape
    y = x.view(group, batch // group, c, h, w)
    y = torch.sqrt(((y - y.mean(0)) ** 2).mean(0) + 1e-8).mean((1, 2, 3))  # [groups]
    return torch.cat([x, y.repeat(group).view(batch, 1, 1, 1).expand(batch, 1, h, w)], dim=1)


def discriminator(net, x, c, labels=None):
    """Logits [B], and those of the classes [B, classes] or None. `c`: a dictionary of settings, see DEFAULTS_D."""
    c = DEFAULTS_D | c
    for i, outputs in enumerate(c["channels"]):
        residual = c["residual"] and i > 0
        y = net.conv(x, f"down.{i}.conv", outputs, c["kernels"][i], 2, c["padding"], c["bias"] or residual)
        if residual:
            before = F.avg_pool2d(before, 2)
            if before.shape[1] != outputs:
                before = net.conv(before, f"down.{i}.skip", outputs, 1, bias=False)
            y = (y + before) * math.sqrt(0.5)
        before = y
        x = net.act(net.norm(y, f"down.{i}.norm") if i > 0 or c["first_norm"] else y, c["slope"])
        if x.shape[2] == c["attention"]:
            x = net.attention(x, f"down.{i}.attention")
    if c["stddev"]:
        x = minibatch_stddev(x, c["stddev"])
    x = x.flatten(1)
    logits = net.linear(x, "head", 1, True)[:, 0]
    if c["projection"]:
        logits = logits + (net.matrix_weight("projection", (c["classes"], x.shape[1]))[labels] * x).sum(1)
    if not c["auxiliary"]:
        return logits, None
    return logits, net.linear(x, "auxiliary", c["classes"], True)


DEFAULTS_D = {"bias": True, "first_norm": True, "slope": 0.2, "padding": "same", "residual": False, "attention": 0, "stddev": 0,
              "projection": False, "auxiliary": False, "classes": 0}


def gradients(value, weights, create_graph=False):
    """Of a scalar by each of `weights`, by name; zero where it does not depend on one."""
    found = torch.autograd.grad(value, list(weights.values()), retain_graph=True, create_graph=create_graph, materialize_grads=True)
    return dict(zip(weights, found))


def input_gradient(net, x, c):
    """The gradient of the summed logits by the pictures, differentiable once more. [B, C, H, W]"""
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(discriminator(net, x, c)[0].sum(), x, create_graph=True)[0]


def gradient_penalty(net, real, fake, epsilon, c):
    """10 * mean (|gradient at epsilon * real + (1 - epsilon) * fake| - 1)^2, and the norms [B]; `epsilon` [B]."""
    e = epsilon.view(-1, 1, 1, 1)
    norms = input_gradient(net, e * real + (1 - e) * fake.detach(), c).flatten(1).norm(dim=1)
    return 10 * ((norms - 1) ** 2).mean(), norms


def relative(a, b):
    """max|a - b| / max|b|."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))


def zeros(tensors):
    """Names of the gradients that are zero but for rounding, in f64: such a one may be compared only absolutely."""
    found = {n: np.abs(v).max() for n, v in tensors.items() if "grad." in n}
    return sorted(n for n, v in found.items() if v <= 1e-13 * max(found.values()))


def floor(single, double, zero):
    """How far f32 lies from f64: of each tensor that is not zero in theory."""
    return {n: relative(single[n], v) for n, v in double.items() if n not in zero}


def as_arrays(tensors):
    return {n: v.detach().numpy() if isinstance(v, torch.Tensor) else np.asarray(v) for n, v in tensors.items()}
