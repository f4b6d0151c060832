"""Tiny weight files for the tests of the reader, as torch.save writes them.

usage: python tools/golden_weights.py shared/tests/golden
needs: torch

`floats.pth`: one tensor of every float type, a strided view, an integer. `floats-legacy.pth`: the same as PyTorch before 1.6 wrote
it. `parameters.pth`: a state dict of parameters with protocol 4. `foreign-code*.pth`: pickles that would run a command, as a zip,
before 1.6, and with protocol 4. `module.pth`: a whole module. `list.pth`: tensors without names.
"""
import collections
import os
import sys

import torch

folder = sys.argv[1]
x = torch.tensor([[0.5, -1.25, 3.0], [1024.0, 0.0, -0.0078125]])
types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
state = {name: x.to(dtype) for name, dtype in types.items()}
state["transposed"] = x.T
state["integer"] = torch.tensor([1, 2, 3])


def save(value, name, **how):
    torch.save(value, os.path.join(folder, name), **how)


legacy = {"_use_new_zipfile_serialization": False}
save(state, "floats.pth")
save(state, "floats-legacy.pth", **legacy)
save(collections.OrderedDict(weight=torch.nn.Parameter(x)), "parameters.pth", pickle_protocol=4)


class Command:
    def __reduce__(self):
        return (os.system, ("touch executed-by-a-pickle",))


foreign = {"f32": x, "payload": Command()}
save(foreign, "foreign-code.pth")
save(foreign, "foreign-code-legacy.pth", **legacy)
save(foreign, "foreign-code-4.pth", pickle_protocol=4)
save(torch.nn.Linear(3, 2), "module.pth")
save([x, x.T], "list.pth")
