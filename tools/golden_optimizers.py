"""Golden weights after steps of PyTorch's and Keras' own optimizers, in f64.

usage: golden_optimizers.py train/tests/golden/optimizers.safetensors

Two weights of 7 and 12 numbers are `normal` (golden_numbers.py) under `optimizer.w0` and `optimizer.w1`; the gradients of step t
(from 1) are `normal` under `optimizer.g0.<t>`, `optimizer.g1.<t>`. The metadata holds the cases: the settings of each, as fledge
names them; `falling` divides the learning rate by t. The file holds `<case>.1` and `<case>.10`, the weights of both tensors after
so many steps, and the factors of PyTorch's schedulers, `rate.<case>`, one a step.
"""
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from safetensors.numpy import save_file

from golden_numbers import normal

SIZES = [7, 12]
STEPS = 10
# Rates with which weights of about 1 move by about 1 in ten steps, so that f32 rounds a movement, not a weight. All other numbers
# are exact in f32, because Keras takes its settings through f32 even where weights are f64: of 1 - 0.999, 1e-5 would be lost.
ADAM = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 1 - 2**-10, "epsilon": 1e-7}
RMSPROP = {"learning_rate": 0.1, "rho": 0.875, "epsilon": 1e-7}
SGD = {"learning_rate": 0.1}
CASES = {}
for convention in ("keras", "pytorch"):
    for name, base in {"adam": ADAM, "adamw": ADAM, "rmsprop": RMSPROP, "sgd": SGD}.items():
        def case(suffix, **settings):
            CASES[f"{convention}.{name}{suffix}"] = {"name": name, "convention": convention, **base, **settings}
        case("")
        case(".decay", weight_decay=0.125)
        case(".falling", falling=True, weight_decay=0.125)
        if name.startswith("adam"):
            case(".betas", beta_1=0.0, beta_2=0.875)
            case(".epsilon", epsilon=0.125)
        if name == "rmsprop":
            case(".epsilon", epsilon=0.125)
        if name in ("rmsprop", "sgd"):
            case(".momentum", momentum=0.875)
            case(".momentum.falling", momentum=0.875, falling=True, weight_decay=0.125)
        if name == "sgd":
            case(".nesterov", momentum=0.875, nesterov=True)
            case(".nesterov.falling", momentum=0.875, nesterov=True, falling=True, weight_decay=0.125)
        if convention == "pytorch":
            case(".clipped", clip_norm=2.0)
            case(".clipped.decay", clip_norm=2.0, weight_decay=0.125)
            case(".unclipped", clip_norm=1e3)


# What `[rate]` sets, for a run of LAST steps.
LAST = 60
RATES = {
    "linear": {"schedule": "linear", "final_factor": 0.1},
    "linear-late": {"schedule": "linear", "start_step": 20},
    "warm-up": {"warmup_steps": 8},
    "warm-up-cosine": {"schedule": "cosine", "warmup_steps": 8, "start_step": 8},
    "cosine": {"schedule": "cosine", "final_factor": 0.2},
    "restarts": {"schedule": "cosine-restarts", "period_steps": 9},
    "restarts-doubling": {"schedule": "cosine-restarts", "period_steps": 7, "period_factor": 2.0, "final_factor": 0.1},
    "exponential": {"schedule": "exponential", "decay": 0.97},
}


def drawn(name):
    return [normal(f"optimizer.{name[0]}{i}{name[1:]}", (n,)).astype(np.float64) for i, n in enumerate(SIZES)]


def steps(c):
    """The number, learning rate and gradients of every step of a case."""
    for t in range(1, STEPS + 1):
        yield t, c["learning_rate"] / (t if c.get("falling") else 1), drawn(f"g.{t}")


def by_torch(cases):
    import torch

    def optimizer_of(c, weights):
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}
        settings = {"lr": c["learning_rate"], "weight_decay": c.get("weight_decay", 0.0)}
        if c["name"] in ("adam", "adamw"):
            settings |= {"betas": (c["beta_1"], c["beta_2"]), "eps": c["epsilon"]}
        else:
            settings["momentum"] = c.get("momentum", 0.0)
        if c["name"] == "rmsprop":
            settings |= {"alpha": c["rho"], "eps": c["epsilon"]}
        if c["name"] == "sgd":
            settings["nesterov"] = c.get("nesterov", False)
        return kind[c["name"]](weights, **settings)

    tensors = {}
    for case, c in cases.items():
        weights = [torch.tensor(w, requires_grad=True) for w in drawn("w")]
        optimizer = optimizer_of(c, weights)
        for t, rate, gradients in steps(c):
            optimizer.param_groups[0]["lr"] = rate
            for weight, gradient in zip(weights, gradients):
                weight.grad = torch.tensor(gradient)
            if c.get("clip_norm"):
                torch.nn.utils.clip_grad_norm_(weights, c["clip_norm"])
            optimizer.step()
            if t in (1, STEPS):
                tensors[f"{case}.{t}"] = np.concatenate([w.detach().numpy() for w in weights])
    return tensors | schedules(), torch.__version__


def schedules():
    import torch
    from torch.optim.lr_scheduler import (ConstantLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, ExponentialLR, LinearLR,
                                          SequentialLR)

    schedulers = {
        "linear": lambda o: LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=LAST),
        "linear-late": lambda o: SequentialLR(
            o, [ConstantLR(o, factor=1.0), LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=LAST - 20)], [20]),
        "warm-up": lambda o: LinearLR(o, start_factor=1 / 8, total_iters=7),
        "warm-up-cosine": lambda o: SequentialLR(
            o, [LinearLR(o, start_factor=1 / 8, total_iters=7), CosineAnnealingLR(o, T_max=LAST - 8)], [8]),
        "cosine": lambda o: CosineAnnealingLR(o, T_max=LAST, eta_min=0.2),
        "restarts": lambda o: CosineAnnealingWarmRestarts(o, T_0=9),
        "restarts-doubling": lambda o: CosineAnnealingWarmRestarts(o, T_0=7, T_mult=2, eta_min=0.1),
        "exponential": lambda o: ExponentialLR(o, gamma=0.97),
    }
    tensors = {}
    for case in RATES:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler, factors = schedulers[case](optimizer), []
        for _ in range(LAST + 1):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        tensors[f"rate.{case}"] = np.array(factors)
    return tensors


def by_keras(cases):
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras

    keras.config.set_floatx("float64")

    def optimizer_of(c):
        kind = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "rmsprop": keras.optimizers.RMSprop,
                "sgd": keras.optimizers.SGD}
        settings = {key: c[key] for key in ("learning_rate", "beta_1", "beta_2", "epsilon", "rho", "momentum", "nesterov",
                                            "weight_decay") if key in c}
        if c["name"] == "adamw":
            settings.setdefault("weight_decay", 0.0)  # its own default is 0.004
        return kind[c["name"]](**settings)

    tensors = {}
    for case, c in cases.items():
        weights = [keras.Variable(w, dtype="float64") for w in drawn("w")]
        optimizer = optimizer_of(c)
        optimizer.build(weights)
        for t, rate, gradients in steps(c):
            optimizer.learning_rate = rate
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], weights)
            if t in (1, STEPS):
                tensors[f"{case}.{t}"] = np.concatenate([keras.ops.convert_to_numpy(w) for w in weights])
    return tensors, keras.__version__


def apart(part):
    """Runs a library's part in a process of its own: TensorFlow and PyTorch do not load together."""
    cases = {case: c for case, c in CASES.items() if c["convention"].endswith(part.__name__.removeprefix("by_"))}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(part, cases).result()


if __name__ == "__main__":
    torchs, torch_version = apart(by_torch)
    keras_, keras_version = apart(by_keras)
    metadata = {"torch": torch_version, "keras": keras_version, "cases": json.dumps(CASES), "rates": json.dumps(RATES),
                "last": str(LAST)}
    save_file(torchs | keras_, sys.argv[1], metadata)
