/* Systems and handlers written in Python: CPython inside the jail. */
#ifndef APPS_LQ_JAIL_PYTHON_PYTHON_H
#define APPS_LQ_JAIL_PYTHON_PYTHON_H

#include "apps/lq-jail/runtime.h"

extern const lq_runtime lq_runtime_python;

#endif
