"""fledge's random streams (`shared/base/src/rng.rs`) in numpy: the same name gives the same numbers.

    python tools/streams.py        checks the golden numbers of rng.rs
"""
import hashlib

import numpy as np

# The quarter rounds of a double round: columns, then diagonals.
QUARTERS = [(i, 4 + (i + k) % 4, 8 + (i + 2 * k) % 4, 12 + (i + 3 * k) % 4) for k in (0, 1) for i in range(4)]


def chacha8(key, first, count):
    """Blocks first..first+count of the key stream under stream id 0, as u64 [8 count]."""
    counter = np.arange(first, first + count, dtype=np.uint64)
    start = np.zeros((16, count), np.uint32)
    start[:12] = np.frombuffer(b"expand 32-byte k" + key, "<u4")[:, None]
    start[12], start[13] = counter & np.uint64(0xFFFFFFFF), counter >> np.uint64(32)
    x = start.copy()
    for _ in range(4):
        for a, b, c, d in QUARTERS:
            for target, source, mixed, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[target] += x[source]
                x[mixed] ^= x[target]
                x[mixed] = x[mixed] << np.uint32(bits) | x[mixed] >> np.uint32(32 - bits)
    return (x + start).T.copy().view("<u8").reshape(-1)


class Stream:
    def __init__(self, key):
        self.key = key
        self.position = 0

    def take(self, n):
        """The next n draws of 64 bits."""
        first, end = self.position // 8, -(-(self.position + n) // 8)
        draws = chacha8(self.key, first, end - first)[self.position - 8 * first :][:n]
        self.position += n
        return draws

    def bits(self):
        return int(self.take(1)[0])

    def uniforms(self, n):
        return (self.take(n) >> np.uint64(11)) * 2.0**-53

    def uniform(self):
        return float(self.uniforms(1)[0])

    def coin(self, p):
        return self.uniform() < p

    def below(self, n):
        """Uniform on 0..n (Lemire's multiplication with rejection)."""
        threshold = (2**64 - n) % n
        while True:
            product = self.bits() * n
            if product % 2**64 >= threshold:
                return product >> 64

    def normals(self, n):
        """n standard normal numbers in f32 (Box-Muller, the cosine half)."""
        radius, angle = self.uniforms(2 * n).reshape(n, 2).T
        return (np.sqrt(-2.0 * np.log(1.0 - radius)) * np.cos(2.0 * np.pi * angle)).astype(np.float32)


def stream(seed, purpose, step):
    name = b"fledge stream 1\0" + seed.to_bytes(8, "little") + step.to_bytes(8, "little") + purpose.encode()
    return Stream(hashlib.sha256(name).digest())


def check():
    golden = stream(0, "golden", 0)
    assert golden.bits() == 1_956_380_666_827_706_414
    assert golden.normals(2).tolist() == np.array([1.6184354, 1.521403], np.float32).tolist()
    whole, parts = stream(0, "golden", 1).normals(50), stream(0, "golden", 1)
    assert whole.tolist() == [v for n in (3, 7, 1, 39) for v in parts.normals(n).tolist()]


if __name__ == "__main__":
    check()
