/* `lq tenant export` and `import`: a tenant in a file, sealed for whoever has the wrapping key. */
#ifndef LQ_APPS_LQ_CARRY_H
#define LQ_APPS_LQ_CARRY_H

#include "apps/lq/cli.h"

int lq_tenant_export(const lq_cli *cli, const char *data, const char *tenant, const char *file,
                     const char *wrap_key);
/* tenant: NULL, or the name that must be in the file. */
int lq_tenant_import(const lq_cli *cli, const char *data, const char *tenant, const char *file,
                     const char *wrap_key);

#endif
