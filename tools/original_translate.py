"""The original code of pix2pix, CycleGAN and CUT as modules, for `golden_translate.py` and `bench_translate.py`.

SOURCE is a clone of taesungp/contrastive-unpaired-translation, which has CycleGAN too; PIX2PIX is
models/pix2pix_model.py of junyanz/pytorch-CycleGAN-and-pix2pix.
"""
import importlib
import sys
import types
from argparse import Namespace


def stub(name, **attributes):
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


def options(**more):
    common = dict(
        gpu_ids=[], isTrain=True, checkpoints_dir="/nowhere", name="golden", preprocess="none", direction="AtoB",
        input_nc=3, output_nc=3, ngf=4, ndf=4, netG="resnet_9blocks", netD="basic", n_layers_D=3, init_type="normal",
        init_gain=0.02, no_dropout=True, lr=2e-4, beta1=0.5, beta2=0.999, amp=False, pool_size=50, normG="instance",
        normD="instance", no_antialias=True, no_antialias_up=True, gan_mode="lsgan",
    )
    return Namespace(**(common | more))


def load(source):
    """Its modules networks, cut_model, cycle_gan_model and image_pool, without the libraries that they only import."""
    image = types.ModuleType("PIL.Image")
    image.BICUBIC = 3
    stub("PIL", Image=image)
    stub("torchvision")
    version = types.ModuleType("packaging.version")
    version.parse = lambda text: [int(part) for part in text.split("+")[0].split(".")]
    stub("packaging", version=version)
    sys.path.insert(0, source)
    names = ("models.networks", "models.cut_model", "models.cycle_gan_model", "util.image_pool")
    return [importlib.import_module(name) for name in names]


def pix2pix_model(path, networks, generator, discriminator):
    """The class of the model in `path`, with these networks: it calls the functions that make them without the last
    arguments of the other source."""
    shim = types.ModuleType("models.shim")
    shim.__dict__.update(vars(networks))
    shim.define_G = lambda *a, **k: generator()
    shim.define_D = lambda inputs, *a, **k: discriminator(inputs)
    sys.modules["models.shim"] = sys.modules["models"].shim = shim
    text = open(path).read().replace("from . import networks", "from models import shim as networks")
    scope = {"__name__": "models.pix2pix_model", "__package__": "models"}
    exec(compile(text, path, "exec"), scope)
    return scope["Pix2PixModel"]
