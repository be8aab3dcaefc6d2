/* Elementary functions with the same bits on every machine and compiler: + - * / and integers only,
 * no libm, whose functions differ between C libraries and processors (docs/adr/0020-own-math.md).
 *
 * Angles are radians. Errors are in ulp of the result, the largest found by math_test.c and by
 * sweeps of every float; they hold over the whole range of the argument, subnormal results
 * included. Angles of any size are reduced with as many digits of 2 / pi as a double can need.
 * _f32: the double's function, rounded once more: at most 0.501 ulp from the exact result.
 * A NaN that comes out is always the positive quiet one without payload, whatever came in: its bits
 * are the same everywhere, too. Zeroes keep the sign that C's Annex F gives them.
 * Source: argument reduction of Payne and Hanek (1983); tables of 128 steps after Tang (1989,
 * 1990); products and sums in two doubles after Dekker (1971); Taylor's series. The numbers come
 * from scripts/math_tables.py. Replay: results reach state hashes: a change bumps LQ_ABI_VERSION.
 */
#ifndef LQ_BASE_MATH_H
#define LQ_BASE_MATH_H

/* Exact (correctly rounded) as IEEE 754 asks. -0 gives -0; below it NaN. */
double lq_math_sqrt(double x);
float lq_math_sqrt_f32(float x);

/* At most 0.85 ulp; tan 1.1. Infinite: NaN. -0 gives -0. */
double lq_math_sin(double x);
double lq_math_cos(double x);
double lq_math_tan(double x);
float lq_math_sin_f32(float x);
float lq_math_cos_f32(float x);
float lq_math_tan_f32(float x);

/* The angle of the point (x, y), -pi..pi, at most 1.6 ulp. (0, 0) by the signs: 0, -0, pi, -pi;
 * infinities: multiples of pi / 4. */
double lq_math_atan2(double y, double x);
float lq_math_atan2_f32(float y, float x);

/* At most 0.55 ulp, 0.76 where the result is subnormal. Above 709.78 (float: 88.72) infinity, below
 * -745.13 (-103.97) 0. */
double lq_math_exp(double x);
float lq_math_exp_f32(float x);

/* The natural logarithm, at most 0.51 ulp. 0 and -0: -infinity; below: NaN. */
double lq_math_log(double x);
float lq_math_log_f32(float x);

/* x to the power of y, at most 0.6 ulp, 0.76 where subnormal. As Annex F: pow(x, 0) and pow(1, y)
 * are 1 even for NaN; a negative x needs an integer y, else NaN; pow(-1, +-infinity) is 1; pow(+-0,
 * below 0) is infinity, negative for -0 and an odd y. Out of range: infinity or 0, with the sign.
 */
double lq_math_pow(double x, double y);
float lq_math_pow_f32(float x, float y);

#endif
