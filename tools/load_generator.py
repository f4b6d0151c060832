"""Loads a generator that `sample export RUN --safetensors FILE` wrote, as a module of PyTorch. Needs torch and safetensors.

    generator = Generator.load("birds.safetensors")
    pictures = generator(torch.randn(16, generator.facts["latent"]))        # [16, channels, size, size] in [0, 1]
    pictures = generator(z, torch.tensor([3] * 16))                         # of class 3, where the run learned classes

Its weights are parameters under the names of the file, so that an optimizer can go on with them; BatchNorm keeps its statistics.
"""
import json

import torch
import torch.nn.functional as F
from safetensors import safe_open


def conv(x, weight, bias=None, *, strides, pads, group=1, **_):
    top, left, bottom, right = pads
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, strides, groups=group)


def conv_transposed(x, weight, bias=None, *, strides, pads, group=1, **_):
    top, left, bottom, right = pads  # what is cut off
    y = F.conv_transpose2d(x, weight, bias, strides, groups=group)
    return y[..., top : y.shape[2] - bottom, left : y.shape[3] - right]


def resize(x, region, scales, mode, **_):
    how = {"mode": "nearest"} if mode == "nearest" else {"mode": "bilinear", "align_corners": False}
    return F.interpolate(x, scale_factor=tuple(scales[2:]), **how)


OPERATORS = {  # as in onnx.ai/onnx/operators
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Sqrt": torch.sqrt, "MatMul": torch.matmul,
    "Conv": conv, "ConvTranspose": conv_transposed, "ReduceMean": lambda x, axes: x.mean(axes, keepdim=True),
    "Slice": lambda x, starts, ends, axes: x.narrow(axes[0], starts[0], ends[0] - starts[0]),
    "Relu": F.relu, "LeakyRelu": lambda x, alpha: F.leaky_relu(x, alpha), "Sigmoid": torch.sigmoid, "Tanh": torch.tanh,
    "Clip": lambda x, low, high: x.clamp(low, high), "Softmax": lambda x, axis: x.softmax(axis), "Resize": resize,
    "Concat": lambda *x, axis: torch.cat(x, axis), "Gather": lambda x, rows, axis: x.index_select(axis, rows),
    "Gemm": lambda x, weight, bias=None, **_: F.linear(x, weight, bias), "Transpose": lambda x, perm: x.permute(perm),
    "Reshape": lambda x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)]),
    "Pad": lambda x, pads, mode: F.pad(x, (pads[3], pads[7], pads[2], pads[6]), mode.replace("edge", "replicate")),
    "InstanceNormalization": lambda x, gamma, beta, epsilon: F.instance_norm(x, weight=gamma, bias=beta, eps=epsilon),
    "BatchNormalization": lambda x, gamma, beta, mean, variance, epsilon: F.batch_norm(x, mean, variance, gamma, beta, eps=epsilon),
}


class Generator(torch.nn.Module):
    def __init__(self, description, tensors):
        super().__init__()
        self.facts, self.constants, self.nodes = (description[key] for key in ("facts", "constants", "nodes"))
        self.inputs, self.output = [port["name"] for port in description["inputs"]], description["output"]["name"]
        self.last = {name: node["output"] for node in self.nodes for name in node["inputs"]}
        for name, tensor in tensors.items():
            *path, leaf = name.split(".")
            module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, torch.nn.Module())
                module = module._modules[part]
            if name in description["trained"]:
                module.register_parameter(leaf, torch.nn.Parameter(tensor))
            else:
                module.register_buffer(leaf, tensor)

    @classmethod
    def load(cls, path):
        with safe_open(path, "pt") as file:
            return cls(json.loads(file.metadata()["fledge"]), {name: file.get_tensor(name) for name in file.keys()})

    def forward(self, z, classes=None):
        """The output of the first input: latent vectors z [N, latent], styles ws [N, layers, styles] or, for a translator, pictures in [0, 1]; and of classes [N]."""
        values = {"": None, self.inputs[0]: z, "class": classes} | self.constants | dict(self.named_parameters()) | dict(self.named_buffers())
        for node in self.nodes:
            inputs = [values[name] for name in node["inputs"]]
            for name in node["inputs"]:
                if self.last[name] == node["output"]:
                    values.pop(name, None)  # memory for what comes
            values[node["output"]] = OPERATORS[node["operator"]](*inputs, **node["attributes"])
        return values[self.output]
