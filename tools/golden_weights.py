"""Tiny weight files for the tests of the reader, as torch.save writes them.

usage: python tools/golden_weights.py shared/tests/golden
needs: torch

`floats.pth`: one tensor of every float type, a strided view, an integer. `floats-legacy.pth`: the same as PyTorch before 1.6 wrote
it, `floats-tar.pth`: as it did before 0.1.10 (our own writing, which torch.load reads back). `parameters.pth`: a state dict of parameters with protocol 4. `foreign-code*.pth`: pickles that would run a command, as a zip,
in the two older formats, and with protocol 4. `module.pth`: a whole module. `list.pth`: tensors without names.
"""
import collections
import io
import os
import pickle
import struct
import sys
import tarfile

import torch

folder = sys.argv[1]
x = torch.tensor([[0.5, -1.25, 3.0], [1024.0, 0.0, -0.0078125]])
types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
state = {name: x.to(dtype) for name, dtype in types.items()}
state["transposed"] = x.T
state["integer"] = torch.tensor([1, 2, 3])


def save(value, name, **how):
    torch.save(value, os.path.join(folder, name), **how)


def save_tar(state, name):
    """Before 0.1.10: tables of storages and tensors beside the pickle, which names tensors by a number."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return str(1000 + [id(t) for t in tensors].index(id(value))) if torch.is_tensor(value) else None

    tensors = [value for value in state.values() if torch.is_tensor(value)]
    dump = lambda value: pickle.dumps(value, protocol=2)
    kinds = {torch.float16: "Half", torch.bfloat16: "BFloat16", torch.float32: "Float", torch.float64: "Double", torch.int64: "Long"}
    storages, table = dump(len(tensors)), dump(len(tensors))
    for i, t in enumerate(tensors):
        storage, kind = t.untyped_storage(), kinds[t.dtype]
        storages += dump((i, "cpu", getattr(torch, kind + "Storage"))) + struct.pack("<q", storage.nbytes() // t.element_size())
        storages += bytes(storage)
        table += dump((1000 + i, i, getattr(torch, kind + "Tensor"))) + struct.pack("<q", t.dim())
        table += struct.pack(f"<{2 * t.dim() + 1}q", *t.shape, *t.stride(), t.storage_offset())
    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(state)
    system = dump({"protocol_version": 1000, "little_endian": True})
    entries = {"sys_info": system, "pickle": buffer.getvalue(), "tensors": table, "storages": storages + dump([])}
    with tarfile.open(os.path.join(folder, name), "w:", format=tarfile.USTAR_FORMAT) as tar:
        for entry, content in entries.items():
            info = tarfile.TarInfo(entry)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


legacy = {"_use_new_zipfile_serialization": False}
save(state, "floats.pth")
save(state, "floats-legacy.pth", **legacy)
save_tar(state, "floats-tar.pth")
back = torch.load(os.path.join(folder, "floats-tar.pth"), weights_only=False)
assert back.keys() == state.keys() and all(torch.equal(back[name], state[name]) for name in state)
save(collections.OrderedDict(weight=torch.nn.Parameter(x)), "parameters.pth", pickle_protocol=4)


class Command:
    def __reduce__(self):
        return (os.system, ("touch executed-by-a-pickle",))


foreign = {"f32": x, "payload": Command()}
save(foreign, "foreign-code.pth")
save(foreign, "foreign-code-legacy.pth", **legacy)
save_tar(foreign, "foreign-code-tar.pth")
save(foreign, "foreign-code-4.pth", pickle_protocol=4)
save(torch.nn.Linear(3, 2), "module.pth")
save([x, x.T], "list.pth")
