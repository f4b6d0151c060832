"""Numbers that Python and Rust make alike, bit for bit, so that a golden file need not hold its own inputs.

value(name, i), for a tensor's name and the flat (row-major) index i of an element, in unsigned 64-bit arithmetic that wraps:

    seed = FNV-1a of the name's UTF-8 bytes: h = 0xcbf29ce484222325; for each byte: h = (h ^ byte) * 0x100000001b3
    x    = seed + (i + 1) * 0x9e3779b97f4a7c15
    x    = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9          the finaliser of splitmix64
    x    = (x ^ (x >> 27)) * 0x94d049bb133111eb
    x    =  x ^ (x >> 31)
    u    = f32(x >> 40) / f32(2^24)                      in [0, 1), exact in f32

Everything below is f32, one rounding per operation in the order that the brackets give; 2u - 1 is exact.

    signed(name, i, a) = (2u - 1) * a                    uniform on [-a, a)
    normal(name, i)    = ((((u[4i] + u[4i+1]) + u[4i+2]) + u[4i+3]) - 2) * f32(sqrt(3))    mean 0, variance 1
    picture(name)      = 0.5 * coarse + 0.5 * fine       values in [0, 1); fine[b,c,y,x] = u of `<name>.fine`, shaped [B,C,H,W];
                         coarse[b,c,y,x] = u of `<name>.coarse`, shaped [B,C,H/8,W/8], at [b, c, y/8, x/8] (integer division)
"""
import numpy as np

MASK = (1 << 64) - 1


def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def uniform(name, shape):
    """u of every element of a tensor of this shape, f32."""
    i = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        x = np.uint64(fnv1a(name)) + i * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return ((x >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)).reshape(shape)


def signed(name, shape, a):
    return (np.float32(2) * uniform(name, shape) - np.float32(1)) * np.float32(a)


def glorot(name, shape, fan_in, fan_out):
    """Glorot uniform: a = f32(sqrt(6 / (fan_in + fan_out))), the quotient and the root taken in f64."""
    return signed(name, shape, np.float32(np.sqrt(6.0 / float(fan_in + fan_out))))


def normal(name, shape):
    u = uniform(name, (int(np.prod(shape)), 4))
    total = ((u[:, 0] + u[:, 1]) + u[:, 2]) + u[:, 3]
    return ((total - np.float32(2)) * np.float32(np.sqrt(3.0))).reshape(shape)


def picture(name, shape):
    b, c, h, w = shape
    coarse = uniform(name + ".coarse", (b, c, h // 8, w // 8)).repeat(8, axis=2).repeat(8, axis=3)
    return np.float32(0.5) * coarse + np.float32(0.5) * uniform(name + ".fine", shape)
