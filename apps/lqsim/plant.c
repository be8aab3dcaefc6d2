/* The planted bugs by name: docs/proof/planted.md. */
#include "lq_base/plant.h"

#include "apps/lqsim/sim_run.h"

static const char *const plants[LQ_PLANT_COUNT][3] = {
#define X(name, file, what) [LQ_PLANT_##name] = {#name, file, what},
    LQ_PLANTS(X)
#undef X
};

void sim_plant_list(void) {
  for (uint32_t i = LQ_PLANT_NONE + 1; i < LQ_PLANT_COUNT; i++)
    (void)printf("%s\t%s\t%s\n", plants[i][0], plants[i][1], plants[i][2]);
}

#ifdef LQ_PLANT
lq_plant lq_plant_on;

bool sim_plant(const char *name) {
  for (uint32_t i = LQ_PLANT_NONE + 1; i < LQ_PLANT_COUNT; i++)
    if (!strcmp(plants[i][0], name)) lq_plant_on = (lq_plant)i;
  if (!lq_plant_on)
    (void)fprintf(stderr, "lqsim: no planted bug is called %s\n    mend: lqsim --plant list\n",
                  name);
  return lq_plant_on != LQ_PLANT_NONE;
}
#else
bool sim_plant(const char *name) {
  (void)fprintf(stderr, "lqsim: this build has no planted bug %s\n    mend: make plant\n", name);
  return false;
}
#endif
