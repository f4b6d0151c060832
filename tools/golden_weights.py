"""Tiny weight files for the tests of the reader, as torch.save writes them.

usage: python tools/golden_weights.py shared/tests/golden
`floats.pth`: one tensor of every float type, a strided view, an integer. `foreign-code.pth`: a pickle that would run a command.
"""
import os
import sys

import torch

folder = sys.argv[1]
x = torch.tensor([[0.5, -1.25, 3.0], [1024.0, 0.0, -0.0078125]])
types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
state = {name: x.to(dtype) for name, dtype in types.items()}
state["transposed"] = x.T
state["integer"] = torch.tensor([1, 2, 3])
torch.save(state, os.path.join(folder, "floats.pth"))


class Command:
    def __reduce__(self):
        return (os.system, ("touch executed-by-a-pickle",))


torch.save({"f32": x, "payload": Command()}, os.path.join(folder, "foreign-code.pth"))
