"""Keras' InceptionV3 without its classifier, from Keras' own file to safetensors in pytorch-fid's names, for `evaluate` (keras75).

usage: python tools/keras_inception.py inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 inception-v3-keras.safetensors
needs: keras 3 with any backend, h5py, numpy, safetensors

The file: https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5
(md5 bcbd6486424b2319ff4ef7d526e38f63, checked here; `keras.applications.InceptionV3(include_top=False)` leaves it in ~/.keras/models).

Keras numbers its layers as it makes them, branch after branch, which is the order of pytorch-fid's names below. Kernels become
[out, in, height, width]; BatchNorm stays apart and has no gamma (`scale=False`).
"""
import hashlib
import os
import re
import sys

import numpy as np

MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
A = "branch1x1 branch5x5_1 branch5x5_2 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3 branch_pool"
B = "branch3x3 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"
C = "branch1x1 branch7x7_1 branch7x7_2 branch7x7_3 branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5 branch_pool"
D = "branch3x3_1 branch3x3_2 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4"
E = "branch1x1 branch3x3_1 branch3x3_2a branch3x3_2b branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a branch3x3dbl_3b branch_pool"
BLOCKS = {
    "Mixed_5b": A, "Mixed_5c": A, "Mixed_5d": A, "Mixed_6a": B, "Mixed_6b": C, "Mixed_6c": C, "Mixed_6d": C, "Mixed_6e": C,
    "Mixed_7a": D, "Mixed_7b": E, "Mixed_7c": E,
}
STEM = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
NAMES = STEM + [f"{block}.{branch}" for block, branches in BLOCKS.items() for branch in branches.split()]


def layers(model):
    """Our name of every convolution with its two layers of the model, in the order in which Keras made them."""
    number = lambda layer: int((re.search(r"_(\d+)$", layer.name) or [0, 0])[1])
    kind = lambda name: sorted((l for l in model.layers if type(l).__name__ == name), key=number)
    convolutions, norms = kind("Conv2D"), kind("BatchNormalization")
    if not len(convolutions) == len(norms) == len(NAMES):
        sys.exit(f"{len(convolutions)} convolutions and {len(norms)} normalisations instead of {len(NAMES)}: not Keras' InceptionV3")
    return zip(NAMES, convolutions, norms)


def tensors(model):
    """The model's numbers by our names."""
    found = {}
    for name, convolution, norm in layers(model):
        (kernel,) = convolution.get_weights()
        found[f"{name}.conv.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        found[f"{name}.bn.bias"], found[f"{name}.bn.running_mean"], found[f"{name}.bn.running_var"] = norm.get_weights()
    return found


def convert(source, target, md5):
    import keras
    from safetensors.numpy import save_file

    model = keras.applications.InceptionV3(include_top=False, weights=source)
    save_file(tensors(model), target, {"network": "keras-inception-v3", "source_md5": md5})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found = hashlib.md5(open(sys.argv[1], "rb").read()).hexdigest()
    if found != MD5:
        sys.exit(f"{sys.argv[1]} has md5 {found}, expected {MD5}: it is another file or damaged")
    convert(sys.argv[1], sys.argv[2], found)
