"""Golden values of the warp of gan-ada's augmentation: an f64 NumPy reference, written apart from fledge's own code.

    golden_augment.py [--out train/tests/golden/augment.safetensors] [--no-keras]

Needs numpy and safetensors; tensorflow-cpu and keras 3 for the comparison with Keras' layers.

A picture is warped by six numbers, the columns of `params`:

    flip        0 or 1: left-right
    shift_y     fraction of the height in [-0.125, 0.125]; positive moves the content down
    shift_x     fraction of the width; positive moves the content to the right
    rotation    turns in [-0.125, 0.125]; positive turns the content counter-clockwise as seen (y points down)
    zoom_y      in (-0.25, 0): the window that is seen is (1 + zoom_y) of the height, so negative numbers enlarge
    zoom_x      likewise of the width

In Keras the picture goes through four layers: flip, then shift, then rotation, then zoom. Each looks up where an output
pixel comes from, so the composed look-up starts with the last. A pixel is a column (x, y, 1) with integer coordinates at
pixel centres, the first pixel being 0; W and H are the width and height; cx = (W - 1)/2 and cy = (H - 1)/2.

    input = M · output,   M = F · T · R · Z

    Z = [1+zoom_x   0          cx·(1 - (1+zoom_x)) ]      R = [cos t  -sin t   cx - cx·cos t + cy·sin t]     t = 2π · rotation
        [0          1+zoom_y   cy·(1 - (1+zoom_y)) ]          [sin t   cos t   cy - cx·sin t - cy·cos t]
        [0          0          1                   ]          [0       0       1                       ]

    T = [1  0  -dx]      dx = round_half_even(shift_x · W)      F = [-1  0  W-1]  if flip, else the identity
        [0  1  -dy]      dy = round_half_even(shift_y · H)          [ 0  1  0  ]
        [0  0   1 ]                                                 [ 0  0  1  ]

`matrices` holds the first two rows of M for 16x16 pictures, row-major: x_in = m0·x + m1·y + m2, y_in = m3·x + m4·y + m5;
`matrices.picture` for the 12x16 one.

The value at (x, y): x0 = floor(x), fx = x - x0, and the same for y; the four taps (x0, y0), (x0+1, y0), (x0, y0+1),
(x0+1, y0+1) with weights (1-fx)(1-fy), fx(1-fy), (1-fx)fy, fx·fy. Each tap's integer index is reflected, half-sample symmetric,
d c b a | a b c d | d c b a:

    reflect(i, n) = r if r < n else 2n - 1 - r,   r = i mod 2n  (never negative)

The file: `params` [N, 6] and `matrices` [N, 6] in f64, all else f64 rounded to f32. `ramp` [3, 16, 16] with channels x/15, y/15,
(x + 2y)/45; `noise` = u of `augment.noise` (`golden_numbers.py`), [3, 16, 16]; `picture` [3, 12, 16], drawn. For each of
the N rows `out.ramp`, `out.noise`, `out.picture`; `grad.noise`: the gradient by the picture of <g, out.noise> with g = 2u - 1 of
`augment.upstream`, [N, 3, 16, 16]: the exact transpose of the sampling matrix, checked against finite differences here.
`grad.picture` the same for the 12x16 picture and `augment.upstream.picture`, [N, 3, 12, 16].
"""
import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np
from safetensors.numpy import save_file

import golden_numbers as numbers

ROWS = {  # flip, shift_y, shift_x, rotation, zoom_y, zoom_x
    "identity": (0, 0, 0, 0, 0, 0),
    "flip": (1, 0, 0, 0, 0, 0),
    "shift down and right": (0, 0.1, 0.07, 0, 0, 0),
    "shift up and left, to the limit": (0, -0.125, -0.125, 0, 0, 0),
    "shift of half pixels": (0, 1.5 / 16, 0.5 / 16, 0, 0, 0),
    "rotation, counter-clockwise": (0, 0, 0, 0.05, 0, 0),
    "rotation, clockwise, to the limit": (0, 0, 0, -0.125, 0, 0),
    "zoom, alike": (0, 0, 0, 0, -0.2, -0.2),
    "zoom, apart": (0, 0, 0, 0, -0.05, -0.24),
    "flip and shift": (1, 0.06, 0.12, 0, 0, 0),
    "flip and rotation": (1, 0, 0, 0.09, 0, 0),
    "all, one": (1, -0.08, 0.11, 0.03, -0.15, -0.02),
    "all, two": (0, 0.12, -0.05, -0.08, -0.01, -0.2),
    "all, at the limits": (1, 0.125, 0.125, 0.125, -0.25, -0.25),
}


def matrix(params, height, width):
    flip, shift_y, shift_x, rotation, zoom_y, zoom_x = params
    cx, cy = (width - 1) / 2, (height - 1) / 2
    sx, sy = 1 + zoom_x, 1 + zoom_y
    c, s = np.cos(2 * np.pi * rotation), np.sin(2 * np.pi * rotation)
    dx, dy = np.rint(shift_x * width), np.rint(shift_y * height)  # rint: half to even
    f = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]] if flip else np.eye(3), float)
    t = np.array([[1, 0, -dx], [0, 1, -dy], [0, 0, 1]])
    r = np.array([[c, -s, cx - cx * c + cy * s], [s, c, cy - cx * s - cy * c], [0, 0, 1]])
    z = np.array([[sx, 0, cx * (1 - sx)], [0, sy, cy * (1 - sy)], [0, 0, 1]])
    return f @ t @ r @ z


def reflect(i, n):
    r = i % (2 * n)
    return np.where(r < n, r, 2 * n - 1 - r)


def sampling_matrix(m, height, width):
    """Dense [HW, HW] in f64: out = S · in for one channel flattened by rows."""
    y, x = np.divmod(np.arange(height * width), width)
    px, py = m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]
    x0, y0 = np.floor(px).astype(int), np.floor(py).astype(int)
    fx, fy = px - x0, py - y0
    sampling = np.zeros((height * width, height * width))
    for ty, wy in ((y0, 1 - fy), (y0 + 1, fy)):
        for tx, wx in ((x0, 1 - fx), (x0 + 1, fx)):
            np.add.at(sampling, (np.arange(height * width), reflect(ty, height) * width + reflect(tx, width)), wy * wx)
    return sampling


def warp(sampling, picture):
    return (picture.reshape(picture.shape[0], -1) @ sampling.T).reshape(picture.shape)


def transpose(sampling, upstream):
    return (upstream.reshape(upstream.shape[0], -1) @ sampling).reshape(upstream.shape)


def check_by_differences(params, picture, upstream):
    """The transpose against central differences of an independent, direct sampler; and that sampler against the matrix."""
    c, h, w = picture.shape
    m = matrix(params, h, w)

    def direct(p):
        out = np.zeros_like(p)
        for y in range(h):
            for x in range(w):
                px, py, _ = m @ (x, y, 1)
                # The reflection of the coordinate itself, as TensorFlow's kernel does it (image_ops.h, FILL_REFLECT)
                q = []
                for v, n in ((px, w), (py, h)):
                    v = (v + 0.5) % (2 * n)  # half-sample symmetric: mirror about -1/2 and n - 1/2
                    q.append(min(max((v if v < n else 2 * n - v) - 0.5, 0), n - 1))
                x0, y0 = int(min(np.floor(q[0]), w - 2)), int(min(np.floor(q[1]), h - 2))
                fx, fy = q[0] - x0, q[1] - y0
                top = (1 - fx) * p[:, y0, x0] + fx * p[:, y0, x0 + 1]
                bottom = (1 - fx) * p[:, y0 + 1, x0] + fx * p[:, y0 + 1, x0 + 1]
                out[:, y, x] = (1 - fy) * top + fy * bottom
        return out

    sampling = sampling_matrix(m, h, w)
    assert np.abs(direct(picture) - warp(sampling, picture)).max() < 1e-12
    gradient = transpose(sampling, upstream)
    worst = 0.0
    for i in range(0, picture.size, 41):
        step = np.zeros(picture.size)
        step[i] = 0.5  # the warp is linear in the picture
        step = step.reshape(picture.shape)
        difference = (upstream * (direct(picture + step) - direct(picture - step))).sum()
        worst = max(worst, abs(difference - gradient.reshape(-1)[i]))
    assert worst < 1e-12, worst
    return worst


def drawn(height, width):
    """A smooth picture: a bright disc on a gradient, different in each channel."""
    y, x = np.mgrid[0:height, 0:width]
    disc = 1 / (1 + np.exp((x - 0.6 * width) ** 2 / 8 + (y - 0.4 * height) ** 2 / 5 - 3))
    return np.stack([0.2 + 0.7 * disc, 0.1 + 0.8 * x / width * (1 - disc), 0.9 * (y / height) ** 2 + 0.1 * disc])


def compare_with_keras(pictures):
    import tensorflow as tf
    from keras import layers

    f32 = lambda p: np.ascontiguousarray(p.transpose(1, 2, 0)[None], np.float32)
    chw = lambda p: p.numpy()[0].transpose(2, 0, 1)
    fixed = lambda v: (v, v)

    def translation(dy, dx):
        return layers.RandomTranslation(fixed(dy), fixed(dx), interpolation="nearest", fill_mode="reflect")

    def rotation(r):
        return layers.RandomRotation(fixed(r), interpolation="bilinear", fill_mode="reflect")

    def zoom(zy, zx):
        return layers.RandomZoom(fixed(zy), fixed(zx), interpolation="bilinear", fill_mode="reflect")

    singles = [(f"shift {dy:+.4f} {dx:+.4f}", (0, dy, dx, 0, 0, 0), translation(dy, dx))
               for dy, dx in ((0.1, 0.07), (-0.1, 0.12), (0.12, -0.12), (-0.06, -0.03))]  # no ties
    singles += [(f"rotation {r:+.3f}", (0, 0, 0, r, 0, 0), rotation(r)) for r in (0.05, -0.05, 0.125, -0.125)]
    singles += [(f"zoom {zy:+.2f} {zx:+.2f}", (0, 0, 0, 0, zy, zx), zoom(zy, zx)) for zy, zx in ((-0.2, -0.2), (-0.05, -0.24), (-0.25, 0))]
    print("one transform, max |Keras - reference| over all pixels, the border included")
    worst = 0.0
    for label, params, layer in singles:
        row = []
        for p in pictures.values():
            ours = warp(sampling_matrix(matrix(params, *p.shape[1:]), *p.shape[1:]), p)
            row.append(np.abs(chw(layer(f32(p), training=True)) - ours).max())
        worst = max(worst, *row)
        print(f"  {label:24}", *(f"{n} {v:.1e}" for n, v in zip(pictures, row)))
    flipped = {}
    for n, p in pictures.items():  # the layer draws a coin: the draws must be the picture or our flip, and both must occur
        ours = warp(sampling_matrix(matrix((1, 0, 0, 0, 0, 0), *p.shape[1:]), *p.shape[1:]), p)
        layer = layers.RandomFlip("horizontal", seed=1)
        draws = [chw(layer(f32(p), training=True)) for _ in range(16)]
        flipped[n] = max(min(np.abs(d - p).max(), np.abs(d - ours).max()) for d in draws)
        assert {np.abs(d - ours).max() < 1e-6 for d in draws} == {True, False}
    print("  flip                    ", *(f"{n} {v:.1e}" for n, v in flipped.items()))
    assert max(worst, *flipped.values()) < 1e-4

    print("all four: one resampling against Keras' layers in turn (flip given), mean and max |difference|, and of the inner half")
    for label, params in ROWS.items():
        if sum(v != 0 for v in (params[1] or params[2], params[3], params[4] or params[5])) < 2:
            continue
        for n, p in pictures.items():
            h, w = p.shape[1:]
            x = f32(p[:, :, ::-1] if params[0] else p)
            for layer in (translation(*params[1:3]), rotation(params[3]), zoom(*params[4:])):
                x = layer(x, training=True)
            d = np.abs(chw(x) - warp(sampling_matrix(matrix(params, h, w), h, w), p))
            inner = d[:, h // 4 : -(h // 4), w // 4 : -(w // 4)]
            print(f"  {label:20} {n:8} all {d.mean():.4f} {d.max():.4f}   inner {inner.mean():.4f} {inner.max():.4f}")

    print("gradient through one Keras layer against the exact transpose, |difference|2 / |exact|2")
    for label, params, layer in singles:
        p = pictures["noise"]
        g = numbers.signed("augment.upstream", (1, *p.shape), 1.0)[0].astype(np.float64)
        x = tf.constant(f32(p))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(layer(x, training=True) * f32(g))
        exact = transpose(sampling_matrix(matrix(params, *p.shape[1:]), *p.shape[1:]), g)
        theirs = chw(tape.gradient(y, x))
        print(f"  {label:24} {np.linalg.norm(theirs - exact) / np.linalg.norm(exact):.3f}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", default="train/tests/golden/augment.safetensors")
    p.add_argument("--no-keras", action="store_true", help="leave the comparison with Keras' layers out")
    args = p.parse_args()

    y, x = np.mgrid[0:16, 0:16].astype(np.float64)
    ramp = np.stack([x / 15, y / 15, (x + 2 * y) / 45])
    noise = numbers.uniform("augment.noise", (3, 16, 16))
    picture = drawn(12, 16)
    pictures = {n: v.astype(np.float32).astype(np.float64) for n, v in (("ramp", ramp), ("noise", noise), ("picture", picture))}

    params = np.array(list(ROWS.values()), np.float64)
    upstream = numbers.signed("augment.upstream", (len(params), 3, 16, 16), 1.0).astype(np.float64)
    upstream_picture = numbers.signed("augment.upstream.picture", (len(params), 3, 12, 16), 1.0).astype(np.float64)
    worst = max(check_by_differences(row, pictures["noise"], g) for row, g in zip(params, upstream))
    worst = max(worst, *(check_by_differences(row, pictures["picture"], g) for row, g in zip(params, upstream_picture)))
    print(f"transpose against finite differences: {worst:.1e}; two samplers agree to 1e-12")

    square = [sampling_matrix(matrix(row, 16, 16), 16, 16) for row in params]
    oblong = [sampling_matrix(matrix(row, 12, 16), 12, 16) for row in params]
    flat = lambda h, w: np.stack([matrix(row, h, w)[:2].reshape(-1) for row in params])
    tensors = {n: v.astype(np.float32) for n, v in pictures.items()} | {
        "params": params,
        "matrices": flat(16, 16),
        "matrices.picture": flat(12, 16),
        "out.ramp": np.stack([warp(s, pictures["ramp"]) for s in square]).astype(np.float32),
        "out.noise": np.stack([warp(s, pictures["noise"]) for s in square]).astype(np.float32),
        "out.picture": np.stack([warp(s, pictures["picture"]) for s in oblong]).astype(np.float32),
        "grad.noise": np.stack([transpose(s, g) for s, g in zip(square, upstream)]).astype(np.float32),
        "grad.picture": np.stack([transpose(s, g) for s, g in zip(oblong, upstream_picture)]).astype(np.float32),
    }
    save_file({n: np.ascontiguousarray(v) for n, v in tensors.items()}, args.out,
              metadata={"script": "tools/golden_augment.py", "numpy": np.__version__, "rows": "; ".join(ROWS)})
    print(f"{args.out}: {os.path.getsize(args.out)} bytes")
    if not args.no_keras:
        compare_with_keras(pictures)


if __name__ == "__main__":
    main()
