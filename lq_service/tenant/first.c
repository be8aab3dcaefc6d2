/* The first start. */
#include "lq_service/tenant/first.h"

#include <stdlib.h>

enum { STEPS = 3 };

static const struct {
  const char *id, *name;
  lq_role role;
  size_t key_at;
} people[STEPS] = {
    {"root", "Operator", LQ_ROLE_OPERATOR, offsetof(lq_first_keys, operator_key)},
    {"admin", "First admin", LQ_ROLE_TENANT_ADMIN, offsetof(lq_first_keys, admin_key)},
    {"player", "Whoever is in the room", LQ_ROLE_PLAYER, offsetof(lq_first_keys, player_key)}};

typedef struct first {
  lq_tenants *tenants;
  lq_first_done done;
  void *context;
  uint32_t step;
  char tenant[LQ_TENANT_BYTES];
  lq_first_keys keys;
} first;

static const lq_actor console = {"", ""};

static const char *partition_of(const first *f) {
  return f->step == 0 ? LQ_STORE_PLATFORM : f->tenant;
}

static void end(first *f, lq_err err, const lq_diag *diag) {
  f->done(f->context, err, diag, err ? NULL : &f->keys);
  lq_wipe(f, sizeof *f);
  free(f);
}

static void step(first *f);

static void key_made(void *context, lq_err err, const lq_user_key *key, const char *text) {
  first *f = context;
  (void)key;
  if (err) {
    end(f, err, NULL);
    return;
  }
  (void)lq_text_copy((char *)&f->keys + people[f->step].key_at, LQ_API_KEY_BYTES,
                     lq_span_text(text));
  f->step++;
  step(f);
}

static void user_made(void *context, lq_err err) {
  first *f = context;
  if (err)
    end(f, err, NULL);
  else
    lq_user_key_make(f->tenants, partition_of(f), people[f->step].id, "first start", 0, &console,
                     key_made, f);
}

/* A user without a key, left by a crash between the two, gets one from an admin, or from the
 * operator; root would be locked out, so root's keys are looked for. */
static void has_key(void *context, const lq_user_key *key) {
  bool *found = context;
  *found |= !strcmp(key->user, people[0].id);
}

static void step(first *f) {
  while (f->step < STEPS) {
    lq_user user;
    lq_err err = lq_user_get(f->tenants, partition_of(f), people[f->step].id, &user);
    bool keyed = f->step != 0;
    if (!err && !keyed) err = lq_user_keys_walk(f->tenants, LQ_STORE_PLATFORM, has_key, &keyed);
    if (!err && !keyed) {
      user_made(f, LQ_OK);
      return;
    }
    if (err == LQ_ERR_NOT_FOUND) {
      lq_user fresh = {
          .roles = 1u << people[f->step].role, .epoch = 1, .created_ms = lq_clock_wall_ms()};
      (void)lq_text_copy(fresh.id, sizeof fresh.id, lq_span_text(people[f->step].id));
      (void)lq_text_copy(fresh.name, sizeof fresh.name, lq_span_text(people[f->step].name));
      lq_user_put(f->tenants, partition_of(f), &fresh, &console, user_made, f);
      return;
    }
    if (err) {
      end(f, err, NULL);
      return;
    }
    f->step++;
  }
  end(f, LQ_OK, NULL);
}

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  first *f = context;
  (void)tenant;
  if (err)
    end(f, err, diag);
  else
    step(f);
}

void lq_first_start(lq_tenants *tenants, const char *tenant, lq_first_done done, void *context) {
  first *f = calloc(1, sizeof *f);
  if (!f) {
    done(context, LQ_ERR_MEMORY, NULL, NULL);
    return;
  }
  *f = (first){.tenants = tenants, .done = done, .context = context};
  (void)lq_text_copy(f->tenant, sizeof f->tenant, lq_span_text(tenant));
  lq_tenant_need(tenants, tenant, true, tenant_ready, f);
}
