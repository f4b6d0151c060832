"""The FID InceptionV3 in plain PyTorch with untrained weights, for bench_torch.py where torch-fidelity is not installed: the same
convolutions at the same extents, so that it costs the same time. Pictures are bytes [B, 3, S, S]."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(inputs, outputs, kernel, stride=1, padding=0):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Mixed(nn.Module):
    """Branches over one input, joined along the channels; a branch that is a list is a trunk and its tips."""

    def __init__(self, *branches):
        super().__init__()
        self.trunks = nn.ModuleList(b[0] if isinstance(b, tuple) else b for b in branches)
        self.tips = nn.ModuleList(nn.ModuleList(b[1] if isinstance(b, tuple) else []) for b in branches)

    def forward(self, x):
        parts = []
        for trunk, tips in zip(self.trunks, self.tips):
            y = trunk(x)
            parts += [tip(y) for tip in tips] if len(tips) else [y]
        return torch.cat(parts, 1)


def average(inputs, outputs):
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(inputs, outputs, 1))


def a(inputs, pool):
    return Mixed(conv(inputs, 64, 1), nn.Sequential(conv(inputs, 48, 1), conv(48, 64, 5, padding=2)),
                 nn.Sequential(conv(inputs, 64, 1), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1)), average(inputs, pool))


def b(inputs):
    return Mixed(conv(inputs, 384, 3, 2), nn.Sequential(conv(inputs, 64, 1), conv(64, 96, 3, padding=1), conv(96, 96, 3, 2)), nn.MaxPool2d(3, 2))


def c(n):
    row, column = {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
    return Mixed(conv(768, 192, 1), nn.Sequential(conv(768, n, 1), conv(n, n, **row), conv(n, 192, **column)),
                 nn.Sequential(conv(768, n, 1), conv(n, n, **column), conv(n, n, **row), conv(n, n, **column), conv(n, 192, **row)),
                 average(768, 192))


def d(inputs):
    return Mixed(nn.Sequential(conv(inputs, 192, 1), conv(192, 320, 3, 2)),
                 nn.Sequential(conv(inputs, 192, 1), conv(192, 192, (1, 7), padding=(0, 3)), conv(192, 192, (7, 1), padding=(3, 0)), conv(192, 192, 3, 2)),
                 nn.MaxPool2d(3, 2))


def e(inputs, pool):
    def tips():
        return [conv(384, 384, (1, 3), padding=(0, 1)), conv(384, 384, (3, 1), padding=(1, 0))]

    return Mixed(conv(inputs, 320, 1), (conv(inputs, 384, 1), tips()),
                 (nn.Sequential(conv(inputs, 448, 1), conv(448, 384, 3, padding=1)), tips()), pool)


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            conv(3, 32, 3, 2), conv(32, 32, 3), conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2), conv(64, 80, 1), conv(80, 192, 3),
            nn.MaxPool2d(3, 2), a(192, 32), a(256, 64), a(288, 64), b(288), c(128), c(160), c(160), c(192), d(768),
            e(1280, average(1280, 192)), e(2048, nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(2048, 192, 1))))

    def forward(self, pictures):
        x = F.interpolate(pictures.float(), size=(299, 299), mode="bilinear", align_corners=False)
        return self.layers((x - 128) / 128).mean((2, 3))
