"""Golden values of the operations that fledge computes with kernels of its own, from PyTorch in f64.

usage: golden_ops.py train/tests/golden/ops.safetensors

Inputs are drawn as in golden_numbers.py, under the names `<case>.x`, `<case>.w`, ... ; the loss is the sum of the result times
`<case>.upstream`. The file holds the result `<case>.y` and the gradients `<case>.dx`, ... in f32; its metadata the cases and
the versions.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from golden_numbers import normal

# batch, channels in, height, width, channels out, kernel, stride, padding
CONV = {
    "picture": (2, 3, 8, 8, 16, (4, 4), 2, (1, 1)),
    "halve": (2, 16, 8, 8, 16, (4, 4), 2, (1, 1)),
    "halve-wide": (1, 32, 12, 8, 48, (4, 4), 2, (1, 1)),
    "same": (2, 5, 9, 7, 7, (3, 3), 1, (1, 1)),
    "five": (1, 4, 11, 10, 6, (5, 5), 2, (2, 2)),
    "row": (1, 6, 6, 8, 5, (1, 7), 1, (0, 3)),
    "seven": (1, 3, 13, 13, 4, (7, 7), 2, (1, 1)),
    "one": (1, 20, 5, 5, 33, (1, 1), 1, (0, 0)),
    "third": (1, 17, 11, 8, 18, (3, 3), 3, (0, 1)),
}
TRANSPOSED = {
    "double": (2, 16, 4, 4, 16, (4, 4), 2, (1, 1)),
    "double-wide": (1, 48, 6, 4, 32, (4, 4), 2, (1, 1)),
    "to-picture": (2, 16, 4, 4, 3, (4, 4), 2, (1, 1)),
    "up-seven": (1, 6, 3, 5, 4, (7, 7), 2, (0, 0)),
    "up-five": (1, 6, 6, 6, 18, (5, 5), 1, (0, 0)),
    "up-five-two": (1, 8, 5, 4, 17, (5, 5), 2, (2, 2)),
}
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky": lambda x: F.leaky_relu(x, 0.2),
}
tensors = {}


def drawn(name, shape):
    return torch.tensor(normal(name, shape).astype(np.float64), requires_grad=True)


def record(case, y, **inputs):
    y.backward(torch.tensor(normal(f"{case}.upstream", tuple(y.shape)).astype(np.float64)))
    tensors[f"{case}.y"] = y
    for name, tensor in inputs.items():
        tensors[f"{case}.d{name}"] = tensor.grad


for case, (b, ci, h, w, co, k, s, p) in CONV.items():
    x, weight = drawn(f"{case}.x", (b, ci, h, w)), drawn(f"{case}.w", (co, ci, *k))
    record(case, F.conv2d(x, weight, stride=s, padding=p), x=x, w=weight)
for case, (b, ci, h, w, co, k, s, p) in TRANSPOSED.items():
    x, weight = drawn(f"{case}.x", (b, ci, h, w)), drawn(f"{case}.w", (ci, co, *k))
    record(case, F.conv_transpose2d(x, weight, stride=s, padding=p), x=x, w=weight)
for case, shape in {"norm": (3, 20, 4, 5), "norm-wide": (2, 32, 3, 3)}.items():
    x, gamma, beta = drawn(f"{case}.x", shape), drawn(f"{case}.gamma", shape[1:2]), drawn(f"{case}.beta", shape[1:2])
    y = F.leaky_relu(F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3), 0.2)
    record(case, y, x=x, gamma=gamma, beta=beta)
for case, activation in ACTIVATIONS.items():
    x, bias = drawn(f"{case}.x", (2, 3, 4, 5)), drawn(f"{case}.bias", (3,))
    record(case, activation(x + bias[:, None, None]), x=x, bias=bias)
for case, pool in {
    "max": lambda x: F.max_pool2d(x, 3, 2),
    "max-same": lambda x: F.max_pool2d(x, 3, 1, 1),
    "average": lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
}.items():
    tensors[f"{case}.y"] = pool(drawn(f"{case}.x", (2, 19, 7, 9)))

metadata = {
    "torch": torch.__version__,
    "conv": json.dumps(CONV),
    "transposed": json.dumps(TRANSPOSED),
}
save_file({n: t.detach().numpy().astype(np.float32) for n, t in tensors.items()}, sys.argv[1], metadata)
