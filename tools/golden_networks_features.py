"""Golden features, distances and path lengths of the networks, by the reference libraries, with weights of a formula.

usage: python tools/golden_networks_features.py DINOV2 evaluate/tests/golden
needs: numpy, torch, torchvision, torch_fidelity 0.4, lpips 0.1.4, transformers (for names), safetensors, tensorflow (Keras 3);
       DINOV2: a checkout of facebookresearch/dinov2

Writes networks.safetensors, and keras-inception.json with the names and shapes of that network. No trained weights are needed:
  hash(h, i)    = murmur3's finalizer of (i * 0x9e3779b1) ^ h, all mod 2^32
  u(name, i)    = (hash(fnv1a(name), i) >> 8) / 2^24
  weight        = by shape and name, see `tensor`, in f64 and rounded to f32
  picture(k)[i] = hash(k, i) >> 24, smoothed by its position: see `picture`
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np


def hashed(h, count):
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x ^= np.uint32(h)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    return x


def fnv1a(name):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def uniform(name, count):
    return (hashed(fnv1a(name), count) >> np.uint32(8)).astype(np.float64) / 2**24


def tensor(name, shape):
    u = uniform(name, int(np.prod(shape)))
    limit = np.sqrt(6 / np.prod(shape[1:]))
    if len(shape) == 1:
        small = name.endswith("bias") or name.endswith("running_mean")
        values = (2 * u - 1) * 0.2 if small else u + 0.5
    elif name.startswith("lin"):
        values = u * limit
    elif name.startswith("embeddings.") and len(shape) == 3:
        values = 2 * u - 1
    else:
        values = (2 * u - 1) * limit
    return values.astype(np.float32).reshape(shape)


def picture(kind, height, width):
    """Steps of brightness across the picture with noise over them, so that deep layers see something."""
    noise = (hashed(kind, height * width * 3) >> np.uint32(26)).astype(np.int64).reshape(height, width, 3)
    y, x, c = np.ogrid[:height, :width, :3]
    return ((y * 5 + x * 3 * (c + 1) + kind * 40) // 2 % 192 + noise).astype(np.uint8)


PICTURES = [(1, 32, 32), (2, 70, 51)]


def keras():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    from keras_inception import layers, tensors

    model = tf.keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3), pooling="avg")
    shapes, expected = {}, {}
    for name, convolution, norm in layers(model):
        height, width, cin, cout = convolution.get_weights()[0].shape
        shapes[name] = [cout, cin, height, width]
        weight = expected[f"{name}.conv.weight"] = tensor(f"{name}.conv.weight", shapes[name])
        convolution.set_weights([weight.transpose(2, 3, 1, 0)])
        parts = [tensor(f"{name}.bn.{part}", (cout,)) for part in ("bias", "running_mean", "running_var")]
        expected.update(zip((f"{name}.bn.{part}" for part in ("bias", "running_mean", "running_var")), parts))
        norm.set_weights(parts)
    converted = tensors(model)
    assert converted.keys() == expected.keys() and all((converted[k] == expected[k]).all() for k in expected)
    features = []
    for kind, height, width in PICTURES:
        x = tf.keras.layers.Resizing(75, 75)(picture(kind, height, width)[None].astype(np.float32))
        features.append(model(tf.keras.applications.inception_v3.preprocess_input(np.array(x)), training=False).numpy()[0])
    versions = {"tensorflow": tf.__version__, "keras": tf.keras.__version__}
    print(json.dumps({"versions": versions, "shapes": shapes, "features": [[float(v) for v in f] for f in features]}))


if sys.argv[1:] == ["keras"]:  # In a process of its own: TensorFlow's and PyTorch's LLVM do not go together.
    keras()
    sys.exit()

import lpips
import torch
import torch_fidelity
import torch_fidelity.feature_extractor_dinov2
import torch_fidelity.sample_similarity_lpips
import torchvision
import transformers
from safetensors.numpy import load_file, save_file
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torch_fidelity.generative_model_modulewrapper import GenerativeModelModuleWrapper
from torch_fidelity.metric_ppl import calculate_ppl

dinov2_folder, folder = sys.argv[1:]
sys.path.insert(0, dinov2_folder)
golden = {}


def batch(kind, height, width):
    return torch.from_numpy(picture(kind, height, width)).permute(2, 0, 1)[None]


def fill(module, rename=lambda name: name):
    state = {name: torch.from_numpy(tensor(rename(name), tuple(value.shape))) for name, value in module.state_dict().items()}
    module.load_state_dict(state)
    return module


def vgg16():
    model = fill(torchvision.models.vgg16())
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(temporary, "vgg16.pth")
        torch.save(model.state_dict(), path)
        extractor = FeatureExtractorVGG16("vgg16", ["fc2", "fc2_relu"], feature_extractor_weights_path=path)
    outputs = [extractor(batch(*p)) for p in PICTURES]
    golden["vgg16.fc2"] = torch.cat([o[0] for o in outputs]).numpy()
    golden["vgg16.fc2_relu"] = torch.cat([o[1] for o in outputs]).numpy()
    return model


def dinov2():
    import dinov2.models.vision_transformer as vits

    names = {
        "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings", "mask_token": "embeddings.mask_token",
        "patch_embed.proj": "embeddings.patch_embeddings.projection", "norm": "layernorm", "attn.proj": "attention.output.dense",
        "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1",
    }

    with tempfile.TemporaryDirectory() as temporary:
        transformers.Dinov2Model(transformers.Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518)).save_pretrained(temporary)
        published = load_file(os.path.join(temporary, "model.safetensors")).keys()
    used = set()

    def hugging_face(name, shape):
        used.add(name)
        return tensor(name, shape)

    def filled(name, value):
        """The tensor of the hub's name, from those of Hugging Face's."""
        stem, _, last = name.rpartition(".")
        if name.startswith("blocks."):
            _, number, part = stem.split(".", 2) if not name.endswith(".gamma") else name.split(".", 2)
            layer = f"encoder.layer.{number}"
            if part == "attn.qkv":
                shape = (value.shape[0] // 3, *value.shape[1:])
                return np.concatenate([hugging_face(f"{layer}.attention.attention.{p}.{last}", shape) for p in ("query", "key", "value")])
            full = f"{layer}.{names.get(part, part)}" + ("" if name.endswith(".gamma") else f".{last}")
        else:
            full = names[name] if name in names else f"{names[stem]}.{last}"
        return hugging_face(full, tuple(value.shape))

    settings = dict(img_size=518, patch_size=14, init_values=1.0, block_chunks=0, interpolate_antialias=False, interpolate_offset=0.1)
    for name, build, pictures in (("dinov2-vit-s-14", vits.vit_small, PICTURES), ("dinov2-vit-b-14", vits.vit_base, PICTURES[:1])):
        model = build(**settings)
        model.load_state_dict({k: torch.from_numpy(filled(k, v)) for k, v in model.state_dict().items()})
        assert used == published
        torch.hub.load = lambda *_, **__: model
        extractor = torch_fidelity.feature_extractor_dinov2.FeatureExtractorDinoV2(name, ["dinov2"])
        golden[name] = torch.cat([extractor(batch(*p))[0] for p in pictures]).numpy()


def similarity(vgg):
    module = torch_fidelity.sample_similarity_lpips
    linear = {f"lin{i}.model.1.weight": torch.from_numpy(tensor(f"lin{i}.model.1.weight", (1, c, 1, 1))) for i, c in enumerate([64, 128, 256, 512, 512])}
    module.load_state_dict_from_url = lambda *_, **__: linear
    module.torchvision_load_pretrained_vgg16 = lambda **_: vgg
    # By area, bilinearly up, bilinearly because one side is short, as it is, without resizing.
    cases = [(100, 80, 64), (40, 48, 64), (100, 40, 64), (64, 64, 64), (48, 57, None)]
    distances = []
    for height, width, resize in cases:
        measure = module.SampleSimilarityLPIPS("lpips-vgg16", sample_similarity_resize=resize, sample_similarity_dtype="uint8")
        distances.append(measure(batch(3, height, width), batch(4, height, width)).item())
    golden["lpips-vgg16"] = np.array(distances)

    for net, sizes, network in (("vgg", [(48, 57)], vgg), ("squeeze", [(64, 64), (65, 50), (96, 67)], fill(torchvision.models.squeezenet1_1()))):
        measure = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
        for name, value in measure.net.state_dict().items():
            value.copy_(network.features.state_dict()[name.split(".", 1)[1]])
        for i, lin in enumerate(measure.lins):
            weight = lin.model[1].weight
            weight.data = torch.from_numpy(tensor(f"lin{i}.model.1.weight", tuple(weight.shape)))
        pairs = [(batch(3, h, w).float() / 127.5 - 1, batch(4, h, w).float() / 127.5 - 1) for h, w in sizes]
        golden[f"lpips.{net}"] = np.array([measure.eval()(a, b).item() for a, b in pairs])


class Generator(torch.nn.Module):
    """level = floor(128 + 50 Σ wⱼ zⱼ), clamped; in f64, so that both sides round alike."""

    def __init__(self, latent, side):
        super().__init__()
        weight = 2 * uniform("generator", 3 * side * side * latent) - 1
        self.weight, self.side = torch.from_numpy(weight.reshape(3 * side * side, latent)), side

    def forward(self, z):
        levels = (128 + 50 * (z.double() @ self.weight.T)).floor().clamp(0, 255)
        return levels.to(torch.uint8).reshape(-1, 3, self.side, self.side)


def path_lengths():
    percentile = np.percentile
    np.percentile = lambda a, q, interpolation: percentile(a, q, method=interpolation)  # numpy 2 renamed the argument
    # A long step along the circle, because acos and sin differ by rounding between libraries, and a level may with them.
        # Of 110 distances the percentiles leave out one on either side, of 30 none.
    cases = [("ppl.lerp", "normal", "lerp", 1e-4, 110), ("ppl.slerp", "normal", "slerp_any", 0.1, 30), ("ppl.unit", "unit", "slerp_unit", 0.1, 30)]
    for key, noise, interpolation, epsilon, count in cases:
        model = GenerativeModelModuleWrapper(Generator(6, 40), 6, noise, 0)
        out = calculate_ppl(
            1, input1=model, input1_model_num_samples=count, batch_size=16, cuda=False, verbose=False, rng_seed=2020, ppl_epsilon=epsilon,
            ppl_z_interp_mode=interpolation, ppl_reduction="none", ppl_sample_similarity="lpips-vgg16", ppl_sample_similarity_resize=64,
            ppl_sample_similarity_dtype="uint8", ppl_discard_percentile_lower=1, ppl_discard_percentile_higher=99,
        )
        kept = out["perceptual_path_length_raw"]
        golden[key] = np.array([out["perceptual_path_length_mean"], out["perceptual_path_length_std"], len(kept)])


def draws():
    random = np.random.RandomState(2020)
    golden["randn"], golden["rand"] = random.randn(7), random.rand(5)
    golden["randn.after"] = random.randn(4)


torch.set_grad_enabled(False)
from_keras = json.loads(subprocess.run([sys.executable, __file__, "keras"], check=True, stdout=subprocess.PIPE).stdout)
golden["keras"] = np.array(from_keras["features"], dtype=np.float32)
vgg = vgg16()
dinov2()
similarity(vgg)
path_lengths()
draws()
versions = {"numpy": np.__version__, "torch": torch.__version__, "torchvision": torchvision.__version__, "torch_fidelity": torch_fidelity.__version__, "lpips": "0.1.4", **from_keras["versions"]}
save_file(golden, os.path.join(folder, "networks.safetensors"), versions)
with open(os.path.join(folder, "keras-inception.json"), "w") as file:
    lines = ",\n".join(f"  {json.dumps(name)}: {shape}" for name, shape in from_keras["shapes"].items())
    file.write(f'{{"versions": {json.dumps(from_keras["versions"])},\n "shapes": {{\n{lines}\n}}}}\n')
