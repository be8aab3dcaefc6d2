/* The scalar back-end, wherever there is a better one, through the same tests. */
#define LQ_SCALAR 1
#include "lq_base/f32x4_test.c"
