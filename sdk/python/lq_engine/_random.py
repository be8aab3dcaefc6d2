"""The session's dice: xoshiro256**, as the engine's."""

_MASK = (1 << 64) - 1


def _rotl(value, by):
    return ((value << by) | (value >> (64 - by))) & _MASK


class Prng:
    def __init__(self, seed=0):
        self.word = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & _MASK
            z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
            self.word.append(z ^ (z >> 31))

    def next(self):
        s = self.word
        out = (_rotl((s[1] * 5) & _MASK, 7) * 9) & _MASK
        t = (s[1] << 17) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = _rotl(s[3], 45)
        return out

    def below(self, bound):
        """Uniform in 0..bound-1 without bias (Lemire, 2019)."""
        product = (self.next() >> 32) * bound
        low = product & 0xFFFFFFFF
        if low < bound:
            floor = ((1 << 32) - bound) % bound
            while low < floor:
                product = (self.next() >> 32) * bound
                low = product & 0xFFFFFFFF
        return product >> 32
