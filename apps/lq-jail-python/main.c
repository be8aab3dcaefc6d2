/* Python in a jail: see apps/lq-jail. */
#include "apps/lq-jail/python/python.h"

int main(int argc, char **argv) { lq_jail_main(&lq_runtime_python, argc, argv); }
