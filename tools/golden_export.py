"""Golden pictures of exported generators, made by onnxruntime; sample/tests/generator_files.rs compares the sampler with them.

    FLEDGE_EXPORT=/tmp/cases cargo test --workspace --test sample_tests cases_for_the_scripts
    golden_export.py /tmp/cases/narrow [--out sample/tests/golden/export.safetensors]

Needs numpy, safetensors, onnx, onnxruntime. The first command writes the ONNX file, latent vectors and classes of every network of
sample/tests/generator_files.rs; their parameters are drawn there by name. Each file is checked by `onnx.checker` and run with onnxruntime's
optimisations off, so that the nodes below are those that ran. Per network NAME:

    NAME.z       [N, latent]
    NAME.images  every k-th value of the pictures [N, C, H, W] in row-major order, k odd, about 1,000 of them

Metadata: `versions`; `nodes`, by NAME the list of [operator, inputs, output, attributes] as the library of ONNX reads it from the file.
Ends with an error where a picture of fledge differs by more than 1e-4, since the file would then be of two different networks.
"""
import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

VALUES = 1000


def value(attribute):
    found = onnx.helper.get_attribute_value(attribute)
    return found.decode() if isinstance(found, bytes) else list(found) if attribute.type == onnx.AttributeProto.INTS else found


def nodes(model):
    return [[n.op_type, list(n.input), n.output[0], {a.name: value(a) for a in n.attribute}] for n in model.graph.node]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--out", default="sample/tests/golden/export.safetensors")
    args = parser.parse_args()
    tensors, graphs = {}, {}
    for folder in sorted(file.parent for file in args.cases.glob("*/expected.safetensors")):
        model = onnx.load(folder / "generator.onnx")
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(folder / "generator.onnx", options, providers=["CPUExecutionProvider"])
        given = load_file(folder / "expected.safetensors")
        images = session.run(["images"], {port.name: given[port.name] for port in session.get_inputs()})[0]
        off, spread = np.abs(images - given["images"]).max(), images.std()
        print(f"{folder.name}: {images.shape}, {off:.1e} from fledge, standard deviation {spread:.2f}")
        assert off < 1e-4 and spread > 0.01, folder.name
        tensors[f"{folder.name}.z"] = given["z"]
        tensors[f"{folder.name}.images"] = np.ascontiguousarray(images.reshape(-1)[:: max(images.size // VALUES, 1) | 1])
        graphs[folder.name] = nodes(model)
    versions = {m.__name__: m.__version__ for m in (np, onnx, onnxruntime)}
    save_file(tensors, args.out, {"versions": json.dumps(versions), "nodes": json.dumps(graphs)})


if __name__ == "__main__":
    main()
