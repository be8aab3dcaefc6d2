/* `lq session list|show|replay|verify|export`: reads the data folder beside a running server,
 * changes nothing. */
#include "apps/lq/server.h"
#include "apps/lq/session_guests.h"
#include "lq_service/ledger/journal_json.h"

/* The store as the ledger sees it here: reads only, and each slice read moves the progress line. */
typedef struct counted {
  lq_store port; /* first: the port's functions get this struct */
  lq_store *inner;
  lq_progress *progress;
  uint64_t count;
  lq_store_got_item got;
  void *context;
} counted;

typedef struct tool {
  const lq_cli *cli;
  lq_place place;
  lq_session_name name;
  lq_writer w;
  uint32_t count;
  uint64_t tick;
  lq_err err;
  lq_diag diag;
  bool done;
  int status;
  counted counted;
  lq_progress progress;
  lq_place_tenant *at; /* where the session lies */
  lq_store_head head;  /* show */
  lq_failed_guests failed;
} tool;

static void finish(tool *t, lq_err err, const lq_diag *diag) {
  t->done = true;
  t->err = err;
  if (diag) t->diag = *diag;
  if (err == LQ_ERR_NOT_FOUND && !t->diag.message[0]) {
    t->err =
        lq_diag_set(&t->diag, LQ_ERR_UNKNOWN_SESSION, "there is no session '%s' of %s/%s in %.120s",
                    t->name.session, t->name.tenant, t->name.game, t->place.folder);
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "lq session list shows what there is; --tenant and --game choose another game");
  }
  lq_loop_stop(t->place.loop);
}

static void counted_head(lq_store *store, const lq_session_name *name, lq_store_got_head got,
                         void *context) {
  lq_store *inner = ((counted *)store)->inner;
  inner->head(inner, name, got, context);
}

static void counted_checkpoint(lq_store *store, const lq_session_name *name, uint64_t tick,
                               lq_store_got_item got, void *context) {
  lq_store *inner = ((counted *)store)->inner;
  inner->checkpoint_get(inner, name, tick, got, context);
}

static void counted_item(void *context, lq_err err, const char *sk, lq_span body) {
  counted *c = context;
  if (!err) lq_progress_at(c->progress, ++c->count);
  c->got(c->context, err, sk, body);
}

static void counted_slices(lq_store *store, const lq_session_name *name, uint64_t first,
                           uint64_t last, uint32_t limit, lq_store_got_item got, void *context) {
  counted *c = (counted *)store;
  c->got = got;
  c->context = context;
  c->inner->slices(c->inner, name, first, last, limit, counted_item, c);
}

/* One reader at a time: the ledger walks slices in one go or page by page, never two at once. */
static lq_store *counted_begin(tool *t, const char *what, uint64_t slices) {
  t->counted = (counted){.port = {.head = counted_head,
                                  .checkpoint_get = counted_checkpoint,
                                  .slices = counted_slices},
                         .inner = t->at->store,
                         .progress = &t->progress};
  lq_progress_begin(&t->progress, what, slices);
  return &t->counted.port;
}

static const char *state_name(uint8_t state) {
  return state == LQ_HEAD_LIVE ? "live" : state == LQ_HEAD_ENDED ? "ended" : "hibernated";
}

static void head_json(const lq_session_name *name, const lq_store_head *head,
                      const lq_failed_guests *failed, lq_writer *w) {
  char hex[65];
  lq_hex(head->release, 32, hex);
  lq_write_text(w, "{\"session\":");
  lq_json_write_text(w, lq_span_text(name->session));
  lq_write_text(w, ",\"state\":\"");
  lq_write_text(w, state_name(head->state));
  lq_write_text(w, "\",\"tick\":");
  lq_write_decimal_u(w, head->tick);
  lq_write_text(w, ",\"slice\":");
  lq_write_decimal_u(w, head->slice);
  lq_write_text(w, ",\"epoch\":");
  lq_write_decimal_u(w, head->epoch);
  lq_write_text(w, ",\"players\":");
  lq_write_decimal_u(w, head->players);
  lq_write_text(w, ",\"hash\":\"");
  lq_write_hex64(w, head->hash);
  lq_write_text(w, "\",\"release\":\"");
  lq_write_text(w, hex);
  lq_write_text(w, "\",\"created_ms\":");
  lq_write_decimal_u(w, head->created_ms);
  lq_write_text(w, ",\"changed_ms\":");
  lq_write_decimal_u(w, head->changed_ms);
  if (failed) {
    lq_write_text(w, ",\"guests_failed\":");
    lq_failed_guests_json(failed, w);
  }
  lq_write_text(w, "}");
}

/* ---- list ---- */

static void listed(void *context, lq_err err, const lq_session_name *name,
                   const lq_store_head *head) {
  tool *t = context;
  if (err) {
    finish(t, err == LQ_ERR_NOT_FOUND ? LQ_OK : err, NULL);
  } else if (t->cli->json) {
    if (t->count++) lq_write_u8(&t->w, ',');
    head_json(name, head, NULL, &t->w);
  } else {
    char changed[24];
    lq_cli_time(head->changed_ms, changed);
    if (!t->count++)
      (void)printf("%-24s %-11s %10s %8s %8s  %-20s %s\n", "session", "state", "tick", "slices",
                   "players", "changed (UTC)", "hash");
    (void)printf("%-24s %-11s %10llu %8llu %8u  %-20s %016llx\n", name->session,
                 state_name(head->state), (unsigned long long)head->tick,
                 (unsigned long long)head->slice, head->players, changed,
                 (unsigned long long)head->hash);
  }
}

static void run_list(tool *t) {
  t->w = lq_out_begin();
  if (t->cli->json) lq_write_u8(&t->w, '[');
  t->at->store->sessions(t->at->store, t->name.tenant, t->name.game, NULL, UINT32_MAX, listed, t);
  lq_place_wait(&t->place, &t->done);
  if (!t->err && !t->cli->json && !t->count)
    (void)printf("no sessions of %s/%s in %s yet; --tenant and --game choose another game\n",
                 t->name.tenant, t->name.game, t->place.folder);
  if (t->err || !t->cli->json) return;
  lq_write_u8(&t->w, ']');
  lq_out_end(&t->w);
}

/* ---- show ---- */

static void show(tool *t) {
  const lq_store_head *head = &t->head;
  if (t->cli->json) {
    t->w = lq_out_begin();
    head_json(&t->name, head, &t->failed, &t->w);
    lq_out_end(&t->w);
    return;
  }
  char hex[65], chain[65], created[24], changed[24];
  lq_hex(head->release, 32, hex);
  lq_hex(head->chain, 32, chain);
  (void)printf(
      "session     %s\nstate       %s\ntick        %llu\nhash        %016llx\nslices      %llu\n"
      "epoch       %llu\nplayers     %u\ncheckpoint  ",
      t->name.session, state_name(head->state), (unsigned long long)head->tick,
      (unsigned long long)head->hash, (unsigned long long)head->slice,
      (unsigned long long)head->epoch, head->players);
  if (head->checkpoint_tick == UINT64_MAX)
    (void)printf("none yet");
  else
    (void)printf("tick %llu", (unsigned long long)head->checkpoint_tick);
  lq_cli_time(head->created_ms, created);
  lq_cli_time(head->changed_ms, changed);
  (void)printf("\ncreated     %s UTC\nchanged     %s UTC\nrelease     %s\nchain       %s\n",
               created, changed, hex, chain);
  lq_failed_guests_print(&t->failed);
}

static void show_slice(void *context, lq_err err, const char *sk, lq_span body) {
  tool *t = context;
  (void)sk;
  lq_release_source source = lq_place_source(t->at);
  if (!err && !t->err) t->err = lq_failed_guests_take(&t->failed, &source, body, &t->diag);
  if (!err || t->done) return;
  if (!t->err && err == LQ_ERR_NOT_FOUND) show(t);
  finish(t, t->err ? t->err : err == LQ_ERR_NOT_FOUND ? LQ_OK : err, NULL);
}

static void shown(void *context, lq_err err, const lq_store_head *head) {
  tool *t = context;
  const lq_game *game = NULL;
  lq_release_source source = lq_place_source(t->at);
  if (err) {
    finish(t, err, NULL);
    return;
  }
  t->head = *head;
  /* A release that cannot be had here shows in other commands. */
  lq_diag diag;
  if (!source.game(source.context, head->release, &game, &diag) && lq_game_has_guests(game)) {
    t->at->store->slices(t->at->store, &t->name, 1, UINT64_MAX, 0, show_slice, t);
    return;
  }
  show(t);
  finish(t, LQ_OK, NULL);
}

static void run_show(tool *t) {
  t->at->store->head(t->at->store, &t->name, shown, t);
  lq_place_wait(&t->place, &t->done);
}

/* ---- replay ---- */

static bool each_hash(void *context, lq_session *session, const lq_tick_result *result, bool pinned,
                      uint64_t journal_hash) {
  tool *t = context;
  (void)session;
  if (pinned && journal_hash != result->hash) {
    t->status = LQ_EXIT_FINDING;
    (void)fprintf(stderr, "lq: tick %llu: replayed hash %016llx, journal %016llx\n",
                  (unsigned long long)result->tick, (unsigned long long)result->hash,
                  (unsigned long long)journal_hash);
  }
  if (t->cli->value[4])
    (void)printf(t->cli->json ? "{\"tick\":%llu,\"hash\":\"%016llx\"}\n" : "%llu %016llx\n",
                 (unsigned long long)result->tick, (unsigned long long)result->hash);
  return true;
}

/* For people: an entity a line. */
static void print_state(lq_session *session, lq_span state) {
  lq_json all, value;
  lq_json_walk walk = {0};
  lq_span key;
  (void)printf("tick %llu, hash %016llx\n", (unsigned long long)lq_session_tick_number(session),
               (unsigned long long)lq_session_hash(session));
  if (lq_json_parse(state, &all, NULL)) return;
  while (lq_json_member(all, &walk, &key, &value))
    (void)printf("%-16.*s %.*s\n", (int)key.bytes, (const char *)key.data, (int)value.raw.bytes,
                 (const char *)value.raw.data);
}

static void replayed(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  tool *t = context;
  lq_progress_end(&t->progress);
  if (!err && !t->cli->value[4]) {
    lq_viewer everything = {.all = true};
    t->w = lq_out_begin();
    if (!t->cli->json) {
      lq_message_state_object(session->session, &everything, &t->w);
      print_state(session->session, lq_writer_span(&t->w));
      lq_ledger_session_free(session);
      finish(t, LQ_OK, NULL);
      return;
    }
    lq_write_text(&t->w, "{\"tick\":");
    lq_write_decimal_u(&t->w, lq_session_tick_number(session->session));
    lq_write_text(&t->w, ",\"hash\":\"");
    lq_write_hex64(&t->w, lq_session_hash(session->session));
    lq_write_text(&t->w, "\",\"state\":");
    lq_message_state_object(session->session, &everything, &t->w);
    lq_write_text(&t->w, "}");
    lq_out_end(&t->w);
  }
  if (!err) lq_ledger_session_free(session);
  finish(t, err, diag);
}

static void replay_head(void *context, lq_err err, const lq_store_head *head) {
  tool *t = context;
  if (err) {
    replayed(t, err, NULL, NULL);
    return;
  }
  lq_release_source source = lq_place_source(t->at);
  uint64_t tick = t->cli->value[2] ? t->tick : head->tick;
  lq_store *store = counted_begin(t, "slices replayed", head->slice);
  lq_ledger_replay(store, &source, &t->name, tick, true, each_hash, t, replayed, t);
}

static void run_replay(tool *t) {
  t->at->store->head(t->at->store, &t->name, replay_head, t);
  lq_place_wait(&t->place, &t->done);
}

/* ---- verify ---- */

static void finding(void *context, const char *sentence) {
  tool *t = context;
  t->status = LQ_EXIT_FINDING;
  lq_progress_end(&t->progress); /* findings are no place for a line that moves */
  (void)fprintf(stderr, "lq: %s\n", sentence);
}

static void verified(void *context, lq_err err, const lq_verify_result *result) {
  tool *t = context;
  lq_progress_end(&t->progress);
  if (!err) {
    (void)printf(
        t->cli->json
            ? "{\"session\":\"%s\",\"ok\":%s,\"slices\":%llu,\"ticks\":%llu,\"commands\":%llu,"
              "\"events\":%llu,\"checkpoints\":%llu,\"findings\":%llu,\"hash\":\"%016llx\"}\n"
            : "%s: %s: %llu slices, %llu ticks, %llu commands, %llu events, %llu checkpoints, %llu "
              "findings, hash %016llx\n",
        t->name.session,
        t->cli->json ? (result->findings ? "false" : "true")
                     : (result->findings ? "DIFFERS" : "verified"),
        (unsigned long long)result->slices, (unsigned long long)result->ticks,
        (unsigned long long)result->commands, (unsigned long long)result->events,
        (unsigned long long)result->checkpoints, (unsigned long long)result->findings,
        (unsigned long long)result->hash);
    if (result->findings) t->status = LQ_EXIT_FINDING;
  }
  finish(t, err, NULL);
}

static void verify_head(void *context, lq_err err, const lq_store_head *head) {
  tool *t = context;
  if (err) {
    finish(t, err, NULL);
    return;
  }
  lq_release_source source = lq_place_source(t->at);
  lq_store *store = counted_begin(t, "slices verified", head->slice);
  lq_ledger_verify(store, &source, &t->name, finding, verified, t);
}

static void run_verify(tool *t) {
  t->at->store->head(t->at->store, &t->name, verify_head, t);
  lq_place_wait(&t->place, &t->done);
}

/* ---- export: one JSON line a slice ---- */

static void exported(void *context, lq_err err, const char *sk, lq_span body) {
  tool *t = context;
  (void)sk;
  if (err || t->err) {
    if (!t->done) finish(t, t->err ? t->err : err == LQ_ERR_NOT_FOUND ? LQ_OK : err, NULL);
    return;
  }
  lq_slice_reader reader;
  const lq_game *game = NULL;
  lq_release_source source = lq_place_source(t->at);
  t->err = lq_slice_open(body, &reader);
  if (!t->err) t->err = source.game(source.context, reader.header.release, &game, &t->diag);
  if (t->err) return;
  t->w = lq_out_begin();
  t->err = lq_journal_json(game, body, &t->w);
  if (!t->err) lq_out_end(&t->w);
}

static void export_head(void *context, lq_err err, const lq_store_head *head) {
  tool *t = context;
  (void)head;
  if (err)
    finish(t, err, NULL);
  else
    t->at->store->slices(t->at->store, &t->name, 1, UINT64_MAX, 0, exported, t);
}

static void run_export(tool *t) {
  t->at->store->head(t->at->store, &t->name, export_head, t);
  lq_place_wait(&t->place, &t->done);
}

int lq_cmd_session(const lq_cli *cli) {
  static const struct {
    const char *verb;
    void (*run)(tool *t);
    bool needs_name;
  } verbs[] = {{"list", run_list, false},
               {"show", run_show, true},
               {"replay", run_replay, true},
               {"verify", run_verify, true},
               {"export", run_export, true}};
  const char *verb = cli->word_count ? cli->word[0] : "";
  size_t at = 0;
  while (at < sizeof verbs / sizeof *verbs && strcmp(verbs[at].verb, verb) != 0) at++;
  if (at == sizeof verbs / sizeof *verbs)
    return lq_cli_usage("lq session list, show, replay, verify or export, not '%s'", verb);
  if (cli->word_count > (verbs[at].needs_name ? 2 : 1))
    return lq_cli_usage(verbs[at].needs_name ? "one session at a time"
                                             : "lq session list takes no name; show does");
  if ((cli->value[2] || cli->value[4]) && verbs[at].run != run_replay)
    return lq_cli_usage("--tick and --hashes are for lq session replay");
  tool t = {.cli = cli};
  const char *name = cli->word_count > 1 ? cli->word[1] : "main";
  if (!lq_text_copy(t.name.tenant, sizeof t.name.tenant,
                    lq_span_text(cli->value[0] ? cli->value[0] : "acme")) ||
      !lq_text_copy(t.name.game, sizeof t.name.game,
                    lq_span_text(cli->value[1] ? cli->value[1] : "demo")) ||
      !lq_text_copy(t.name.session, sizeof t.name.session, lq_span_text(name)))
    return lq_cli_usage("tenant, game and session names are at most 31 characters");
  if (cli->value[2] && !lq_cli_number(cli->value[2], &t.tick))
    return lq_cli_usage("--tick is a number from 0, not '%s'", cli->value[2]);
  lq_err err = lq_place_open(cli->value[3], true, &t.place, &t.diag);
  if (err == LQ_ERR_NOT_FOUND)
    (void)snprintf(t.diag.mend, sizeof t.diag.mend,
                   "lq dev or lq serve make it; --data or LQ_DATA name another data folder");
  if (err) return lq_cli_fail(cli, err, &t.diag);
  err = lq_place_tenant_need(&t.place, t.name.tenant, false, &t.at, &t.diag);
  if (err)
    finish(&t, err == LQ_ERR_UNKNOWN_TENANT ? LQ_ERR_NOT_FOUND : err, NULL);
  else
    verbs[at].run(&t);
  if (t.err) t.status = lq_cli_fail(cli, t.err, &t.diag);
  lq_place_close(&t.place);
  return t.status;
}
