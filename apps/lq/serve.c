/* `lq dev` and `lq serve`: store, shard and gateway on one loop; in dev, a watch that rebuilds and
 * swaps. */
#include <stdlib.h>

#include "apps/lq/budget.h"
#include "apps/lq/observe.h"
#include "apps/lq/session_guests.h"
#include "lq_engine/physics/physics.h"
#include "lq_service/guest/guest_describe.h"

enum { GAMES_MAX = 64, WATCH_US = 300000, TENANTS_US = 250 * 1000 };

typedef struct served_folder {
  const char *folder;
  char game[LQ_TENANT_BYTES];
  uint64_t stamp;
  const lq_release *release; /* at the start */
} served_folder;

typedef struct server {
  lq_place place;
  lq_observe observe;
  lq_shard *shard;
  lq_crew *crew;
  lq_physics_crew crew_port; /* the same, as the engine sees it */
  lq_gateway *gateway;
  const char *tenant, *host;
  bool dev, json, stopped, all_tenants;
  lq_err failed; /* the store writes nothing any more: the process ends with a finding */
  served_folder game[GAMES_MAX];
  uint32_t game_count;
  lq_place_tenant *at; /* the tenant's */
  lq_access *access;   /* serve: who is asking */
  lq_fetch *fetch;     /* serve: asks the tenants' identity providers */
  lq_timer *tenants_timer;
  uint64_t looked_ms;
  lq_meter *meter;
  uint32_t housed_hour; /* of the meter's housekeeping */
  lq_budgets budgets;
  lq_first_keys first; /* made at this start: told once */
  lq_err first_err;
  lq_diag first_diag;
  bool first_done;
  const char *data_flag;
  /* dev: the build runs beside the loop, which goes on serving */
  lq_thread *builder;
  bool building;
  uint32_t build_index;
  lq_err build_err;
  lq_diag build_diag;
} server;

/* ---- tenants ---- */

static lq_err tenant_at(void *context, const char *tenant, lq_shard_tenant *out, lq_diag *diag) {
  server *sv = context;
  lq_place_tenant *at;
  lq_err err = lq_place_tenant_need(&sv->place, tenant, false, &at, diag);
  if (!err)
    *out = (lq_shard_tenant){.store = at->store,
                             .releases = lq_place_source(at),
                             .audited = true,
                             .receipt = lq_tenant_receipt,
                             .receipt_context = at->tenant};
  return err;
}

static void first_made(void *context, lq_err err, const lq_diag *diag, const lq_first_keys *keys) {
  server *sv = context;
  sv->first_done = true;
  sv->first_err = err;
  if (diag) sv->first_diag = *diag;
  if (keys) sv->first = *keys;
  lq_loop_stop(sv->place.loop);
}

/* The tenant; with tokens also its first people, and what signs and checks tokens. */
static lq_err tenants_begin(server *sv, bool tokens, lq_diag *diag) {
  lq_err err = lq_place_tenant_need(&sv->place, sv->tenant, true, &sv->at, diag);
  if (err || !tokens) return err;
  lq_first_start(sv->place.tenants, sv->tenant, first_made, sv);
  lq_place_wait(&sv->place, &sv->first_done);
  if (sv->first_err) {
    *diag = sv->first_diag;
    return diag->code ? sv->first_err
                      : lq_diag_set(diag, sv->first_err, "the first users cannot be made: %s",
                                    lq_err_cause(sv->first_err));
  }
  lq_access_options options = {.tenants = sv->place.tenants,
                               .issuer = lq_setting_text(LQ_SETTING_SERVER, NULL, NULL)};
  err = lq_secret_need(sv->place.keys, "token.key", options.seed, diag);
  if (!err) err = lq_access_open(&options, &sv->access, diag);
  lq_wipe(&options, sizeof options);
  return err;
}

typedef struct tenant_names {
  char (*name)[LQ_TENANT_BYTES];
  uint32_t count;
  bool failed;
} tenant_names;

static void name_take(void *context, const char *name, const lq_tenant_record *record) {
  tenant_names *all = context;
  if (record->state != LQ_TENANT_ACTIVE && record->state != LQ_TENANT_SHREDDING) return;
  void *grown = realloc(all->name, (all->count + 1) * sizeof *all->name);
  if (grown) all->name = grown;
  if (!grown || !lq_text_copy(all->name[all->count], LQ_TENANT_BYTES, lq_span_text(name)))
    all->failed = true;
  else
    all->count++;
}

static lq_err games_serve(server *sv, const char *tenant, lq_diag *diag);

/* Every other tenant that there is: its people sign in, and it gets the games (--all-tenants). One
 * whose keys are damaged is told of, and the others go on. */
static lq_err others_open(server *sv, lq_diag *diag) {
  tenant_names all = {0};
  lq_place_tenant *at;
  lq_err err = lq_tenants_walk(sv->place.tenants, name_take, &all);
  if (!err && all.failed) err = LQ_ERR_MEMORY;
  for (uint32_t i = 0; i < all.count && !err; i++) {
    if (!strcmp(all.name[i], sv->tenant)) continue;
    if (lq_place_tenant_need(&sv->place, all.name[i], false, &at, diag))
      (void)lq_cli_fail(&(lq_cli){.json = sv->json}, diag->code, diag);
    else if (sv->all_tenants)
      err = games_serve(sv, all.name[i], diag);
  }
  free(all.name);
  return err && !diag->message[0] ? lq_diag_set(diag, err, "the tenants cannot be read") : err;
}

/* Made while the server runs: the loop must not be waited for. */
static void tenant_made(void *context, const char *tenant) {
  server *sv = context;
  lq_diag diag = {0};
  lq_observe_log(&sv->observe, LQ_LOG_INFO, "tenant.made", tenant, NULL, 0);
  if (sv->all_tenants && games_serve(sv, tenant, &diag))
    (void)lq_cli_fail(&(lq_cli){.json = sv->json}, diag.code, &diag);
}

/* ---- the meter ---- */

static void recount(void *context, lq_meter_session *session, const lq_session_name *name,
                    uint64_t first, uint64_t last) {
  server *sv = context;
  if (sv->shard)
    lq_shard_recount(sv->shard, session, name, first, last);
  else
    lq_meter_recount_end(session, LQ_ERR_BUSY);
}

static void not_counted(void *context, const lq_session_name *name, lq_err err,
                        const char *sentence) {
  const lq_log_field fields[] = {
      lq_log_text("game", name->game), lq_log_text("session", name->session),
      lq_log_text("error", lq_err_name(err)), lq_log_text("cause", sentence)};
  lq_observe_log(&((server *)context)->observe, LQ_LOG_ERROR, "usage.not_counted", name->tenant,
                 fields, sizeof fields / sizeof *fields);
  (void)fprintf(stderr, "lq: usage of %s/%s/%s: %s (%s)\n", name->tenant, name->game, name->session,
                sentence, lq_err_name(err));
}

/* Whatever it met, the next hour's look finds it again. */
static void housed(void *context, lq_err err, uint32_t merged) {
  (void)context;
  (void)err;
  (void)merged;
}

static void meter_house(server *sv, uint64_t now_ms) {
  uint32_t hour = lq_usage_hour(now_ms);
  if (hour == sv->housed_hour) return;
  sv->housed_hour = hour;
  for (lq_place_tenant *t = sv->place.first; t; t = t->next)
    lq_meter_house(t->store, lq_tenant_name(t->tenant), now_ms, housed, NULL);
}

static void told(void *context) { lq_loop_stop(((server *)context)->place.loop); }

static void meter_flushed(void *context, lq_err err) {
  server *sv = context;
  (void)err; /* what is exact is counted again at the next start */
  sv->stopped = true;
  lq_observe_log(&sv->observe, LQ_LOG_INFO, "stopped", NULL, NULL, 0);
  lq_observe_end(&sv->observe, told, sv);
}

static void tenant_stop(void *context, const char *tenant) {
  server *sv = context;
  lq_observe_log(&sv->observe, LQ_LOG_WARN, "tenant.shredded", tenant, NULL, 0);
  lq_shard_tenant_stop(sv->shard, tenant);
}

static void budget_changed(void *context, const char *tenant) {
  lq_budgets_look(&((server *)context)->budgets, tenant, lq_clock_wall_ms());
}

static void tenants_look(void *context, uint64_t fires) {
  server *sv = context;
  (void)fires;
  uint64_t now_ms = lq_clock_wall_ms();
  lq_tenants_turn(sv->place.tenants, now_ms);
  lq_meter_turn(sv->meter, now_ms, lq_clock_mono_ns() / 1000000);
  if (now_ms - sv->looked_ms < 1000) return;
  sv->looked_ms = now_ms;
  meter_house(sv, now_ms);
  if (sv->gateway) lq_budgets_turn(&sv->budgets, now_ms); /* everything is served */
  lq_tenants_shred_due(sv->place.tenants, now_ms, tenant_stop, sv);
}

static lq_err fetch_start(void *context, const lq_fetch_request *request, lq_fetch_done fetched,
                          void *fetched_context, lq_diag *diag) {
  return lq_fetch_start(context, request, fetched, fetched_context, diag);
}

/* Addresses that a tenant's admin has written down: public ones only, unless the operator says that
 * identity providers may be in this network. */
static lq_err signing_in_begin(server *sv, lq_gateway_options *gateway, lq_diag *diag) {
  const char *oidc = lq_setting_text(LQ_SETTING_OIDC, NULL, NULL);
  const char *url = lq_setting_text(LQ_SETTING_URL, NULL, NULL);
  bool any = !strcmp(oidc, "any");
  if (!sv->access || !strcmp(oidc, "off")) return LQ_OK;
  if (!any && strcmp(oidc, "public") != 0)
    return lq_diag_set(diag, LQ_ERR_INVALID, "LQ_OIDC is off, public or any, not '%.40s'", oidc);
  lq_fetch_options options = {.loop = sv->place.loop, .public_only = !any};
  lq_err err = lq_fetch_open(&options, &sv->fetch, diag);
  if (err) return err;
  gateway->fetch = fetch_start;
  gateway->fetch_context = sv->fetch;
  gateway->url = url[0] ? url : NULL;
  return LQ_OK;
}

/* ---- the watch ---- */

/* Not durable yet is no harm: the slice with the release command is written after it, in order. */
static void kept(void *context, lq_err err) {
  (void)context;
  if (err) (void)fprintf(stderr, "lq: the release could not be kept: %s\n", lq_err_cause(err));
}

static void rebuilt(void *context) {
  server *sv = context;
  served_folder *g = &sv->game[sv->build_index];
  lq_thread_join(sv->builder);
  sv->builder = NULL;
  const lq_release *release = NULL;
  lq_diag diag = sv->build_diag;
  lq_err err = sv->build_err;
  /* Compiled and cached by the thread: here it is only read and bound. */
  if (!err) err = lq_releases_build(sv->place.releases, g->folder, &release, &diag);
  if (!err)
    sv->at->store->blob_put(sv->at->store, sv->tenant, release->id, release->blob, kept, NULL);
  if (!err) err = lq_shard_serve(sv->shard, sv->tenant, g->game, release->id, &diag);
  sv->building = false;
  const lq_log_field fields[] = {lq_log_text("game", g->game),
                                 lq_log_text("error", lq_err_name(err))};
  lq_observe_log(&sv->observe, err ? LQ_LOG_WARN : LQ_LOG_INFO,
                 err ? "release.refused" : "release.served", sv->tenant, fields, err ? 2 : 1);
  if (err) {
    (void)lq_cli_fail(&(lq_cli){.json = sv->json}, err, &diag);
    if (!sv->json) (void)fprintf(stderr, "    the running release goes on\n");
  } else {
    (void)printf(sv->json ? "{\"swapped\":\"%s\",\"release\":\"%s\"}\n"
                          : "swapped %s to release %.12s\n",
                 g->game, release->id_hex);
  }
  (void)fflush(stdout);
}

static void build_thread(void *context) {
  server *sv = context;
  char modules[1100];
  (void)snprintf(modules, sizeof modules, "%s/modules", sv->place.folder);
  lq_releases *own = NULL;
  const lq_release *release = NULL;
  memset(&sv->build_diag, 0, sizeof sv->build_diag);
  sv->build_err = lq_place_releases(modules, &own);
  if (!sv->build_err)
    sv->build_err =
        lq_releases_build(own, sv->game[sv->build_index].folder, &release, &sv->build_diag);
  lq_releases_close(own);
  if (lq_loop_post(sv->place.loop, rebuilt, sv)) abort();
}

static void watch(void *context, uint64_t fires) {
  server *sv = context;
  (void)fires;
  for (uint32_t i = 0; i < sv->game_count && !sv->building; i++) {
    uint64_t stamp = 0;
    if (lq_folder_stamp(sv->game[i].folder, &stamp) || stamp == sv->game[i].stamp) continue;
    sv->game[i].stamp = stamp;
    sv->build_index = i;
    sv->building = !lq_thread_start("lq-build", build_thread, sv, &sv->builder);
  }
}

/* ---- start and stop ---- */

static void shard_stopped(void *context) {
  server *sv = context;
  lq_meter_flush(sv->meter, meter_flushed, sv);
}

static void stop(server *sv) {
  lq_gateway_stop(sv->gateway);
  lq_shard_stop(sv->shard, shard_stopped, sv);
}

static void stop_signal(void *context, int signal) {
  server *sv = context;
  (void)signal;
  if (sv->stopped) return;
  lq_observe_log(&sv->observe, LQ_LOG_INFO, "stopping", NULL, NULL, 0);
  if (!sv->json) (void)printf("stopping: every session is checkpointed\n");
  (void)fflush(stdout);
  stop(sv);
}

/* Players have been told. Nobody knows what reached the disk, so only a new start can go on. */
static void store_failed(void *context, lq_err err) {
  server *sv = context;
  const lq_log_field field = lq_log_text("error", lq_err_name(err));
  sv->failed = err;
  lq_observe_log(&sv->observe, LQ_LOG_ERROR, "store.failed", NULL, &field, 1);
  (void)fprintf(stderr,
                "lq: the data folder %s cannot be written: %s\n    mend: %s\n    what was "
                "acknowledged is there; this process ends\n",
                sv->place.folder, lq_err_cause(err), lq_err_mend(err));
  stop(sv);
}

/* Whoever writes the game sees it where they started it. */
static void guest_failed(void *context, const lq_shard_guest_failure *failure) {
  const server *sv = context;
  const char *folder = NULL;
  for (uint32_t i = 0; i < sv->game_count; i++)
    if (!strcmp(sv->game[i].game, failure->at->game)) folder = sv->game[i].folder;
  lq_guest_failure_print(failure, folder, sv->json);
}

static void store_metrics(void *context, lq_writer *out) {
  lq_store_sqlite_stats stats;
  lq_store_sqlite_stats_get(((server *)context)->place.store, &stats);
  const struct {
    const char *name, *type, *help;
    uint64_t value;
  } rows[] = {
      {"lq_store_group_commits_total", "counter", "Group commits written.", stats.commits},
      {"lq_store_slices_total", "counter", "Slices in them.", stats.slices},
      {"lq_store_written_bytes_total", "counter", "Bytes of group rows.", stats.bytes},
      {"lq_store_waiting_bytes", "gauge", "Bytes that wait for a commit.", stats.waiting_bytes},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lq_metric_head(out, rows[i].name, rows[i].type, rows[i].help);
    lq_write_text(out, rows[i].name);
    lq_write_u8(out, ' ');
    lq_write_decimal_u(out, rows[i].value);
    lq_write_u8(out, '\n');
  }
  lq_metric_head(out, "lq_store_commit_seconds", "summary", "Group commits, of the last 1024.");
  lq_write_text(out, "lq_store_commit_seconds{quantile=\"0.5\"} ");
  lq_metric_decimal(out, stats.commit_ns_p50, 9);
  lq_write_text(out, "\nlq_store_commit_seconds{quantile=\"0.99\"} ");
  lq_metric_decimal(out, stats.commit_ns_p99, 9);
  lq_write_u8(out, '\n');
  lq_observe_text(&((server *)context)->observe, out);
}

static lq_err games_open(server *sv, lq_diag *diag) {
  for (uint32_t i = 0; i < sv->game_count; i++) {
    served_folder *g = &sv->game[i];
    const lq_release *release = NULL;
    lq_err err = lq_folder_stamp(g->folder, &g->stamp);
    if (err) return lq_diag_set(diag, err, "the folder %.200s cannot be read", g->folder);
    if ((err = lq_place_build(sv->at, g->folder, &release, diag))) return err;
    g->release = release;
    (void)lq_text_copy(g->game, sizeof g->game, lq_span_text(release->game->name));
    for (uint32_t k = 0; k < i; k++)
      if (!strcmp(sv->game[k].game, g->game))
        return lq_diag_set(diag, LQ_ERR_EXISTS, "%s and %s are both named '%s'", sv->game[k].folder,
                           g->folder, g->game);
    if ((err = lq_shard_serve(sv->shard, sv->tenant, g->game, release->id, diag))) return err;
  }
  return LQ_OK;
}

/* The games of the first tenant, also for this one. */
static lq_err games_serve(server *sv, const char *tenant, lq_diag *diag) {
  lq_place_tenant *at;
  lq_err err = lq_place_tenant_need(&sv->place, tenant, false, &at, diag);
  for (uint32_t i = 0; i < sv->game_count && !err; i++) {
    const lq_release *release = sv->game[i].release;
    at->store->blob_put(at->store, tenant, release->id, release->blob, kept, NULL);
    err = lq_shard_serve(sv->shard, tenant, sv->game[i].game, release->id, diag);
  }
  return err;
}

static lq_err services_open(server *sv, const char *port_flag, bool tokens, lq_diag *diag) {
  uint64_t port, sessions, connections, messages, idle, hibernate, shred_delay, threads;
  lq_err err = LQ_OK;
  /* Before the data folder is made: a slip in a path leaves nothing behind. */
  for (uint32_t i = 0; i < sv->game_count; i++)
    if ((err = lq_place_has_game(sv->game[i].folder, diag))) return err;
  if ((err = lq_setting_number(LQ_SETTING_PORT, port_flag, &port, diag)) ||
      (err = lq_setting_number(LQ_SETTING_SESSIONS, NULL, &sessions, diag)) ||
      (err = lq_setting_number(LQ_SETTING_CONNECTIONS, NULL, &connections, diag)) ||
      (err = lq_setting_number(LQ_SETTING_MESSAGES, NULL, &messages, diag)) ||
      (err = lq_setting_number(LQ_SETTING_IDLE, NULL, &idle, diag)) ||
      (err = lq_setting_number(LQ_SETTING_HIBERNATE, NULL, &hibernate, diag)) ||
      (err = lq_setting_number(LQ_SETTING_SHRED_DELAY, NULL, &shred_delay, diag)) ||
      (err = lq_setting_number(LQ_SETTING_PHYSICS_THREADS, NULL, &threads, diag)) ||
      (err = lq_place_open(sv->data_flag, false, &sv->place, diag)) ||
      (err = lq_observe_open(&sv->observe, sv->place.loop, sv->json, diag)))
    return err;
  sv->meter =
      lq_meter_open(&(lq_meter_options){.context = sv, .recount = recount, .fault = not_counted});
  if (!sv->meter) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the meter");
  lq_meter_turn(sv->meter, lq_clock_wall_ms(), lq_clock_mono_ns() / 1000000);
  if (threads > 1 && (err = lq_crew_open((uint32_t)threads, &sv->crew)))
    return lq_diag_set(diag, err, "no threads for physics: %s", lq_err_cause(err));
  sv->crew_port = (lq_physics_crew){.run = lq_crew_run, .context = sv->crew};
  lq_shard_options shard = {.loop = sv->place.loop,
                            .crew = sv->crew ? &sv->crew_port : NULL,
                            .guests = sv->place.guests,
                            .console = !tokens,
                            .guest_failed = guest_failed,
                            .store = sv->place.store,
                            .tenant = tenant_at,
                            .tenant_context = sv,
                            .meter = sv->meter,
                            .metrics = sv->observe.metrics,
                            .trace = sv->observe.trace,
                            .log = sv->observe.log,
                            .sessions_max = (uint32_t)sessions,
                            .hibernate_ms = (uint32_t)hibernate,
                            .failed = store_failed,
                            .failed_context = sv};
  if ((err = lq_secret_need(sv->place.folder, "resume.key", shard.secret, diag)) ||
      (err = tenants_begin(sv, tokens, diag)))
    return err;
  if ((err = lq_timer_open(sv->place.loop, TENANTS_US, tenants_look, sv, &sv->tenants_timer)))
    return lq_diag_set(diag, err, "no timer: %s", lq_err_cause(err));
  if ((err = lq_shard_open(&shard, &sv->shard)))
    return lq_diag_set(diag, err, "the shard could not be opened");
  sv->observe.shard = sv->shard;
  if ((err = games_open(sv, diag)) || (tokens && (err = others_open(sv, diag)))) return err;
  lq_gateway_options gateway = {.loop = sv->place.loop,
                                .shard = sv->shard,
                                .host = sv->host,
                                .port = (uint16_t)port,
                                .access = sv->access,
                                .origins = lq_setting_text(LQ_SETTING_ORIGINS, NULL, NULL),
                                .connections_max = (uint32_t)connections,
                                .messages_per_s = (uint32_t)messages,
                                .idle_ms = (uint32_t)idle,
                                .shred_delay_ms = shred_delay,
                                .tenant_made = tenant_made,
                                .tenant_made_context = sv,
                                .log = sv->observe.log,
                                .budget_changed = budget_changed,
                                .budget_context = sv,
                                .metrics = store_metrics,
                                .metrics_context = sv};
  lq_budgets_begin(&sv->budgets, &sv->place, sv->shard, sv->json);
  gateway.file_count = lq_web_files(&gateway.files);
  if ((err = signing_in_begin(sv, &gateway, diag))) return err;
  return lq_gateway_open(&gateway, &sv->gateway, diag);
}

static void banner_json(const server *sv, unsigned port) {
  lq_writer w = lq_out_begin();
  lq_write_text(&w, "{\"ready\":true,\"host\":");
  lq_json_write_text(&w, lq_span_text(sv->host));
  lq_write_text(&w, ",\"port\":");
  lq_write_decimal_u(&w, port);
  lq_write_text(&w, ",\"tenant\":");
  lq_json_write_text(&w, lq_span_text(sv->tenant));
  lq_write_text(&w, ",\"games\":[");
  for (uint32_t i = 0; i < sv->game_count; i++) {
    if (i) lq_write_u8(&w, ',');
    lq_json_write_text(&w, lq_span_text(sv->game[i].game));
  }
  lq_write_u8(&w, ']');
  const struct {
    const char *name, *key;
  } keys[] = {{",\"operator_key\":", sv->first.operator_key},
              {",\"admin_key\":", sv->first.admin_key},
              {",\"player_key\":", sv->first.player_key}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (!keys[i].key[0]) continue;
    lq_write_text(&w, keys[i].name);
    lq_json_write_text(&w, lq_span_text(keys[i].key));
  }
  lq_write_u8(&w, '}');
  lq_out_end(&w);
}

static void banner(const server *sv) {
  unsigned port = lq_gateway_port(sv->gateway);
  for (uint32_t i = 0; i < sv->game_count; i++)
    (void)printf("  play       http://%s:%u/play/%s/%s\n", sv->host, port, sv->tenant,
                 sv->game[i].game);
  (void)printf(
      "  websocket  ws://%s:%u/ws\n  rest       http://%s:%u/v1/openapi.json\n  data       %s\n",
      sv->host, port, sv->host, port, sv->place.folder);
  const lq_first_keys *first = &sv->first;
  if (first->operator_key[0] || first->admin_key[0] || first->player_key[0])
    (void)printf("  keys, shown this once: keep them; each is exchanged for short tokens\n");
  if (first->operator_key[0])
    (void)printf("  operator   %s  makes tenants, sees metrics\n", first->operator_key);
  if (first->admin_key[0])
    (void)printf("  admin      %s  everything of %s\n", first->admin_key, sv->tenant);
  if (first->player_key[0])
    (void)printf("  player     %s  to play: the page asks for it; lq join --key\n",
                 first->player_key);
  (void)printf("lq %s ready on http://%s:%u\n", sv->dev ? "dev" : "serve", sv->host, port);
}

static int run(const lq_cli *cli, server *sv, const char *port_flag, bool tokens) {
  lq_diag diag = {0};
  uint64_t port;
  if (port_flag && lq_setting_number(LQ_SETTING_PORT, port_flag, &port, &diag)) {
    (void)lq_cli_fail(cli, diag.code, &diag);
    return LQ_EXIT_USAGE;
  }
  sv->json = cli->json;
  lq_timer *timer = NULL;
  lq_err err = services_open(sv, port_flag, tokens, &diag);
  if (!err && (err = lq_loop_on_stop_signal(sv->place.loop, stop_signal, sv)))
    lq_diag_set(&diag, err, "signals cannot be caught");
  if (!err && sv->dev && (err = lq_timer_open(sv->place.loop, WATCH_US, watch, sv, &timer)))
    lq_diag_set(&diag, err, "the watch timer cannot be opened");
  int status = LQ_EXIT_OK;
  if (err) {
    status = lq_cli_fail(cli, err, &diag);
  } else {
    if (cli->json)
      banner_json(sv, lq_gateway_port(sv->gateway));
    else
      banner(sv);
    (void)fflush(stdout);
    const lq_log_field fields[] = {lq_log_text("version", LQ_VERSION),
                                   lq_log_i64("port", lq_gateway_port(sv->gateway)),
                                   lq_log_i64("games", sv->game_count)};
    lq_observe_log(&sv->observe, LQ_LOG_INFO, "ready", NULL, fields, 3);
    lq_loop_run(sv->place.loop);
    if (sv->failed) status = LQ_EXIT_FINDING;
  }
  if (sv->builder) lq_thread_join(sv->builder);
  if (timer) lq_timer_close(timer);
  if (sv->tenants_timer) lq_timer_close(sv->tenants_timer);
  if (sv->fetch) lq_fetch_close(sv->fetch); /* its answers go to the gateway */
  lq_gateway_close(sv->gateway);
  lq_shard_close(sv->shard);
  lq_crew_close(sv->crew);
  lq_access_close(sv->access);
  lq_observe_close(&sv->observe);
  lq_wipe(&sv->first, sizeof sv->first);
  lq_place_close(&sv->place);
  if (sv->meter) lq_meter_close(sv->meter); /* the store, which may still answer it, is closed */
  return status;
}

static bool is_local(const char *host) {
  return !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "localhost");
}

int lq_cmd_dev(const lq_cli *cli) {
  if (cli->word_count > 1) return lq_cli_usage("lq dev serves one game");
  server *sv = calloc(1, sizeof *sv);
  if (!sv) return lq_cli_fail(cli, LQ_ERR_MEMORY, NULL);
  sv->dev = true;
  sv->host = "127.0.0.1"; /* without tokens: never anywhere else */
  sv->tenant = cli->value[2] ? cli->value[2] : "acme";
  sv->data_flag = cli->value[1];
  sv->game_count = 1;
  sv->game[0].folder = cli->word_count ? cli->word[0] : ".";
  int status = run(cli, sv, cli->value[0], false);
  free(sv);
  return status;
}

int lq_cmd_serve(const lq_cli *cli) {
  const char *auth = cli->value[4] ? cli->value[4] : "token";
  bool tokens = !strcmp(auth, "token");
  if (!tokens && strcmp(auth, "none") != 0)
    return lq_cli_usage("--auth is token or none, not '%s'", auth);
  const char *host = lq_setting_text(LQ_SETTING_HOST, cli->value[0], NULL);
  if (!tokens && !is_local(host)) {
    lq_diag diag = {.mend = "leave --auth none away, or listen on 127.0.0.1"};
    lq_diag_set(&diag, LQ_ERR_FORBIDDEN,
                "without tokens lq serve listens on localhost only, not on %s", host);
    return lq_cli_fail(cli, LQ_ERR_FORBIDDEN, &diag);
  }
  server *sv = calloc(1, sizeof *sv);
  if (!sv) return lq_cli_fail(cli, LQ_ERR_MEMORY, NULL);
  sv->host = host;
  sv->tenant = cli->value[3] ? cli->value[3] : "acme";
  sv->data_flag = cli->value[2];
  sv->all_tenants = cli->value[5] != NULL;
  sv->game_count = cli->word_count ? (uint32_t)cli->word_count : 1;
  for (uint32_t i = 0; i < sv->game_count; i++)
    sv->game[i].folder = cli->word_count ? cli->word[i] : ".";
  int status = run(cli, sv, cli->value[1], tokens);
  free(sv);
  return status;
}
