/* The arithmetic of one cell of the golden matrix (lq_base/exact_testing.h), as a program and as a
 * WebAssembly module. */
#include "lq_base/exact_testing.h"

#if defined(__wasm__)
#define EXPORT(name) __attribute__((export_name(#name))) name
#else
#include <stdio.h>
#define EXPORT(name) name
#endif

uint64_t EXPORT(golden_math)(void);
uint64_t EXPORT(golden_bodies)(void);
const char *EXPORT(golden_backend)(void);
uint64_t golden_math(void) { return exact_math_hash(); }
uint64_t golden_bodies(void) { return exact_bodies_hash(); }
const char *golden_backend(void) { return LQ_F32X4_BACKEND; }

#if !defined(__wasm__)
int main(void) {
  (void)printf("%s\nmath %016llx\nbodies %016llx\n", golden_backend(),
               (unsigned long long)golden_math(), (unsigned long long)golden_bodies());
  return 0;
}
#endif
