#!/usr/bin/env python3
"""Writes lq_base/math_table.h from nothing but series and 400 digits: so that every number in it can be made again.

Usage: math_tables.py > lq_base/math_table.h; scripts/check_exact.sh compares.
"""
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60


def rounded(value):
    """The double nearest to a Fraction (Fraction's own division is correctly rounded)."""
    return value.numerator / value.denominator


def pair(value):
    """A Fraction as the sum of two doubles."""
    high = rounded(value)
    return high, rounded(value - Fraction(high))


def machin(digits):
    """pi as a Fraction: 16 atan(1/5) - 4 atan(1/239), in integers."""
    one = 10 ** (digits + 10)

    def atan_inverse(n):
        power, total, k = one // n, 0, 0
        while power:
            total += power // (2 * k + 1) * (-1) ** k
            power //= n * n
            k += 1
        return total

    return Fraction(4 * (4 * atan_inverse(5) - atan_inverse(239)), one)


def atan(x):
    """Of a Fraction 0..1: halved until the series is short."""
    x, times = Decimal(x.numerator) / Decimal(x.denominator), 1
    for _ in range(6):
        x, times = x / (1 + (1 + x * x).sqrt()), times * 2
    total, power, k = Decimal(0), x, 0
    while abs(power) > Decimal(10) ** -58:
        total += power / (2 * k + 1) * (-1) ** k
        power *= x * x
        k += 1
    return Fraction(total * times)


def cut(value, bits):
    """The first `bits` bits of a Fraction below 1, so that products with small integers are exact."""
    scale = 2 ** bits
    while value * scale < 2 ** (bits - 1):
        scale *= 2
    return Fraction(int(value * scale), scale)


def main():
    pi = machin(400)
    ln2 = Fraction(Decimal(2).ln())
    print("/* Constants of lq_base/math.c: written by scripts/math_tables.py, nothing by hand. */")
    print("/* clang-format off */")
    print("#ifndef LQ_BASE_MATH_TABLE_H\n#define LQ_BASE_MATH_TABLE_H\n\n#include <stdint.h>\n")
    print("/* 64 zero bits, then 2 / pi in binary. */")
    print("static const uint64_t two_over_pi[20] = {\n    0,")
    bits = int(2 / pi * 2 ** (19 * 64))
    for word in range(19):
        print(f"    0x{bits >> (64 * (18 - word)) & 2**64 - 1:016x},")
    print("};\n")
    for name, value in (("PI", pi), ("PI_2", pi / 2), ("PI_4", pi / 4), ("PI_3_4", pi * 3 / 4)):
        high, low = pair(value)
        print(f"#define {name}_HI {high.hex()}\n#define {name}_LO {low.hex()}")
    print(f"#define LN2_INV_128 {rounded(128 / ln2).hex()}")
    # 18 bits of k times 35 bits, 11 bits of an exponent times 42: exact.
    for name, value, width in (("LN2_128", ln2 / 128, 35), ("LN2", ln2, 42)):
        high = cut(value, width)
        print(f"#define {name}_HI {rounded(high).hex()}\n#define {name}_LO {rounded(value - high).hex()}")
    print("\n/* 2^(i/128) as the sum of two. */\nstatic const double exp_table[128][2] = {")
    for i in range(128):
        high, low = pair(Fraction(Decimal(2) ** (Decimal(i) / 128)))
        print(f"    {{{high.hex()}, {low.hex()}}},")
    print("};\n")
    print("/* For 128 parts of 0.6875..1.375: about 1 / middle in 10 bits, and -log of that as the sum of two. Both parts\n"
          " * beside 1 have 1 and 0, so that the logarithm of what is near 1 has nothing to cancel. */")
    print("static const double log_table[128][3] = {")
    for i in range(128):
        # As log_parts indexes: bits 45..51 of (x - 0x3fe6000000000000).
        low = Fraction(11, 16) + Fraction(i, 256) if i < 80 else 1 + Fraction(i - 80, 128)
        middle = low + (Fraction(1, 512) if i < 80 else Fraction(1, 256))
        inverse = Fraction(1) if i in (79, 80) else Fraction(round(512 / middle), 512)
        high, tail = pair(-Fraction((Decimal(inverse.numerator) / Decimal(inverse.denominator)).ln()))
        print(f"    {{{rounded(inverse).hex()}, {high.hex()}, {tail.hex()}}},")
    print("};\n")
    print("/* atan(i/32) as the sum of two. */\nstatic const double atan_table[33][2] = {")
    for i in range(33):
        high, low = pair(atan(Fraction(i, 32)))
        print(f"    {{{high.hex()}, {low.hex()}}},")
    print("};\n\n#endif")


main()
