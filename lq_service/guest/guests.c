#include "lq_service/guest/guests.h"

#include <stdio.h>
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_service/guest/guest_int.h"

lq_err lq_guests_open(lq_loop *loop, const lq_guest_supply *supply, lq_guests **out) {
  *out = calloc(1, sizeof **out);
  if (!*out) return LQ_ERR_MEMORY;
  (*out)->loop = loop;
  (*out)->supply = *supply;
  (*out)->idle_ms = LQ_GUEST_IDLE_MS;
  return LQ_OK;
}

void lq_guests_idle_set(lq_guests *guests, uint32_t idle_ms) { guests->idle_ms = idle_ms; }

void lq_guests_close(lq_guests *g) {
  if (!g) return;
  if (g->timer) lq_timer_close(g->timer);
  for (lqi_process *p = g->processes, *next; p; p = next) {
    next = p->next;
    LQ_CHECK(!p->wait_first);
    lqi_process_close(p);
    free(p);
  }
  for (lqi_waiting *w = g->waiting, *next; w; w = next) {
    next = w->next;
    free(w->asker.reply);
    free(w);
  }
  g->closed = true;
  if (!g->due_posted) free(g); /* else the post does, at the latest when the loop is closed */
}

void lq_guests_tenant_stop(lq_guests *g, const char *tenant) {
  for (lqi_process **at = &g->processes, *p; (p = *at);) {
    if (strcmp(p->tenant, tenant) != 0) {
      at = &p->next;
      continue;
    }
    lqi_process_stop(p, "its tenant was stopped");
    *at = p->next;
    free(p);
  }
  for (lqi_waiting *w = g->waiting; w; w = w->next) {
    if (strcmp(w->tenant, tenant) != 0) continue;
    w->stopped = true;
    free(w->asker.reply);
    w->asker.reply = NULL;
  }
}

lq_err lq_guests_files(const lq_guests *guests, const char *tenant, const uint8_t release[32],
                       lq_guest_language language, lq_guest_source out[LQ_GUEST_SOURCES_MAX],
                       uint32_t *count) {
  const lq_guest_supply *supply = &guests->supply;
  const lq_game *game;
  return supply->files(supply->context, tenant, release, language, &game, out, count, NULL);
}

lq_guest_stats lq_guests_stats(const lq_guests *guests) { return guests->stats; }

/* ---- who waits, and who is called ---- */

void lqi_seat_wait(lq_guest_seat *seat, lqi_process *p) {
  if (seat->waits_for) return;
  seat->waits_for = p;
  seat->wait_next = NULL;
  *(p->wait_last ? &p->wait_last->wait_next : &p->wait_first) = seat;
  p->wait_last = seat;
}

void lqi_seat_unwait(lq_guest_seat *seat) {
  lqi_process *p = seat->waits_for;
  if (!p) return;
  lq_guest_seat *before = NULL;
  for (lq_guest_seat *at = p->wait_first; at != seat; at = at->wait_next) before = at;
  *(before ? &before->wait_next : &p->wait_first) = seat->wait_next;
  if (p->wait_last == seat) p->wait_last = before;
  seat->waits_for = NULL;
}

/* Those called now; who is put on the list meanwhile has its turn after. */
static void due_run(void *context) {
  lq_guests *g = context;
  g->due_posted = false;
  if (g->closed) {
    free(g);
    return;
  }
  lq_guest_seat *end = g->due_last;
  for (lq_guest_seat *seat = g->due_first; seat; seat = g->due_first) {
    bool last = seat == end;
    g->due_first = seat->due_next;
    if (!g->due_first) g->due_last = NULL;
    seat->due = false;
    seat->ready(seat->context);
    if (last) break;
  }
  if (g->due_first && !g->due_posted) g->due_posted = !lq_loop_post(g->loop, due_run, g);
}

void lqi_seat_due(lq_guest_seat *seat) {
  lq_guests *g = seat->guests;
  if (!seat->due) {
    seat->due = true;
    seat->due_next = NULL;
    *(g->due_last ? &g->due_last->due_next : &g->due_first) = seat;
    g->due_last = seat;
  }
  /* Without memory for the post the watch does it. */
  if (!g->due_posted) g->due_posted = !lq_loop_post(g->loop, due_run, g);
}

static void undue(lq_guest_seat *seat) {
  lq_guests *g = seat->guests;
  if (!seat->due) return;
  lq_guest_seat *before = NULL;
  for (lq_guest_seat *at = g->due_first; at != seat; at = at->due_next) before = at;
  *(before ? &before->due_next : &g->due_first) = seat->due_next;
  if (g->due_last == seat) g->due_last = before;
  seat->due = false;
}

static bool no_room(lq_guest_seat *seat, const char *whose, uint32_t bytes_max) {
  (void)snprintf(seat->asker.why, sizeof seat->asker.why,
                 "no room for its answer: the answers %s have at most %u MiB", whose,
                 bytes_max >> 20);
  return false;
}

static bool answer_keep(lq_guest_seat *seat) {
  size_t bytes = seat->asker.reply_bytes;
  if (bytes > LQ_GUEST_HELD_BYTES_MAX - seat->answer_bytes)
    return no_room(seat, "of a tick", LQ_GUEST_HELD_BYTES_MAX);
  if (bytes > LQ_GUEST_TENANT_BYTES_MAX - seat->of->bytes)
    return no_room(seat, "that the ticks of one tenant wait with", LQ_GUEST_TENANT_BYTES_MAX);
  if (seat->answer_count == seat->answer_capacity) {
    uint32_t capacity = seat->answer_capacity ? 2 * seat->answer_capacity : 4;
    lqi_reply *grown = realloc(seat->answer, capacity * sizeof *grown);
    if (!grown) {
      (void)snprintf(seat->asker.why, sizeof seat->asker.why, "no memory for its answer");
      return false;
    }
    seat->answer = grown;
    seat->answer_capacity = capacity;
  }
  seat->answer[seat->answer_count++] = (lqi_reply){seat->asker.reply, bytes};
  seat->answer_bytes += bytes;
  seat->of->bytes += bytes;
  seat->asker.reply = NULL;
  seat->asker.state = LQI_IDLE;
  return true;
}

void lqi_asker_told(lqi_asker *asker) {
  if (!asker->seat) return; /* it looks by itself */
  if (asker->state == LQI_ANSWERED && !answer_keep(asker->seat)) {
    free(asker->reply);
    asker->reply = NULL;
    asker->state = LQI_FAILED;
  }
  lqi_seat_due(asker->seat);
}

void lqi_process_free(lqi_process *p, bool all) {
  if (p->state != LQI_UP && !all) return;
  uint32_t room = LQ_GUEST_SLOTS - p->count;
  for (lq_guest_seat *seat; (seat = p->wait_first) && (all || room); room -= room != 0) {
    lqi_seat_unwait(seat);
    lqi_seat_due(seat);
  }
}

/* ---- the watch ---- */

static bool watched(const lq_guests *g) {
  for (const lqi_process *p = g->processes; p; p = p->next)
    if (p->jail || p->wait_first) return true;
  return g->due_first != NULL;
}

static void watch(void *context, uint64_t fires) {
  lq_guests *g = context;
  uint64_t now_ns = lq_clock_mono_ns();
  uint64_t idle_ns = 1000000ull * g->idle_ms;
  (void)fires;
  for (lqi_process *p = g->processes; p; p = p->next) {
    lqi_process_watch(p, now_ns);
    if (!p->jail && p->wait_first && now_ns >= p->rest_until_ns) lqi_process_free(p, true);
    if (p->state == LQI_UP && !p->count && !p->wait_first &&
        lqi_since(now_ns, p->used_ns) > idle_ns)
      lqi_process_close(p);
  }
  if (g->due_first && !g->due_posted) due_run(g); /* whoever is told may ask and wait again */
  if (watched(g)) return;
  lq_timer_close(g->timer);
  g->timer = NULL;
}

void lqi_timer_need(lq_guests *g) {
  if (g->timer || !g->loop) return;
  if (lq_timer_open(g->loop, LQI_WATCH_US, watch, g, &g->timer)) g->timer = NULL;
}

/* ---- ports ---- */

static lq_guest_turn failed(lqi_asker *asker, const char **why) {
  asker->state = LQI_IDLE;
  *why = asker->why;
  return LQ_GUEST_FAILED;
}

/* Sends the question, or sees to it that it can be sent. False: it cannot be asked at all. */
static bool ask_on(lqi_process *p, const lq_guest_ask *ask, lqi_asker *asker, bool hurry) {
  lq_err err;
  if (lqi_process_ask(p, ask, asker, &err)) return true;
  if (err == LQ_ERR_TOO_BIG)
    (void)snprintf(asker->why, sizeof asker->why,
                   "what it sees has more than %u MiB: let it declare what it reads",
                   LQ_GUEST_CALL_BYTES_MAX >> 20);
  else if (err)
    (void)snprintf(asker->why, sizeof asker->why, "%s", lq_err_cause(err));
  if (err) return false;
  return lqi_process_start(p, hurry, asker->why) || !asker->why[0];
}

static lq_guest_turn seat_ask(void *context, const lq_guest_ask *ask, lq_span *reply,
                              const char **why) {
  lq_guest_seat *seat = context;
  *why = "";
  if (ask->digest != seat->digest) lq_guest_seat_clear(seat); /* it is another tick */
  seat->digest = ask->digest;
  if (ask->ordinal < seat->answer_count) {
    const lqi_reply *answer = &seat->answer[ask->ordinal];
    *reply = lq_span_of(answer->reply, answer->bytes);
    return LQ_GUEST_REPLIED;
  }
  if (seat->asker.state == LQI_FAILED) return failed(&seat->asker, why);
  if (seat->asker.state == LQI_SENT) return LQ_GUEST_WAITS;
  lqi_process *p = lqi_process_need(seat->guests, seat->of->tenant, seat->release,
                                    (lq_guest_language)ask->guest);
  if (!p) (void)snprintf(seat->asker.why, sizeof seat->asker.why, "no memory for a guest");
  if (seat->waits_for != p) lqi_seat_unwait(seat);
  if (!p || !ask_on(p, ask, &seat->asker, false)) return failed(&seat->asker, why);
  if (seat->asker.state != LQI_SENT)
    lqi_seat_wait(seat, p);
  else
    lqi_seat_unwait(seat);
  lqi_timer_need(seat->guests);
  /* Without memory for the watch nobody would end a guest that hangs: in the next turn, then. */
  if (!seat->guests->timer) lqi_seat_due(seat);
  return LQ_GUEST_WAITS;
}

static lq_guest_turn waiting_ask(void *context, const lq_guest_ask *ask, lq_span *reply,
                                 const char **why) {
  lqi_waiting *w = context;
  lqi_asker *asker = &w->asker;
  free(asker->reply);
  asker->reply = NULL;
  asker->state = LQI_IDLE;
  asker->ends = 0;
  *why = "";
  if (w->stopped) (void)snprintf(asker->why, sizeof asker->why, "its tenant was stopped");
  if (w->stopped) return failed(asker, why);
  lqi_process *p =
      lqi_process_need(w->guests, w->tenant, w->release, (lq_guest_language)ask->guest);
  if (!p) (void)snprintf(asker->why, sizeof asker->why, "no memory for a guest");
  uint32_t stillborn = p ? p->stillborn : 0;
  while (p && asker->state != LQI_ANSWERED && asker->state != LQI_FAILED) {
    if (asker->state == LQI_IDLE) {
      /* One that ends before it is up fails whoever waits; this one waits here. */
      if (p->stillborn != stillborn) {
        memcpy(asker->why, p->last, sizeof asker->why);
        break;
      }
      if (!ask_on(p, ask, asker, true)) break;
    }
    if (p->jail) (void)lq_jail_wait(p->jail, LQI_WATCH_US);
    lqi_process_pump(p);
    lqi_process_watch(p, lq_clock_mono_ns());
  }
  lqi_timer_need(w->guests);
  if (asker->state != LQI_ANSWERED) return failed(asker, why);
  *reply = lq_span_of(asker->reply, asker->reply_bytes);
  return LQ_GUEST_REPLIED;
}

const lq_guest_port *lq_guests_waiting(lq_guests *g, const char *tenant,
                                       const uint8_t release[32]) {
  lqi_waiting *w = g->waiting;
  while (w && (memcmp(w->release, release, 32) != 0 || strcmp(w->tenant, tenant) != 0)) w = w->next;
  if (w) w->stopped = false;
  if (w) return &w->port;
  if (!(w = calloc(1, sizeof *w))) return NULL;
  w->guests = g;
  w->port = (lq_guest_port){w, waiting_ask};
  (void)lq_text_copy(w->tenant, sizeof w->tenant, lq_span_text(tenant));
  memcpy(w->release, release, 32);
  w->next = g->waiting;
  g->waiting = w;
  return &w->port;
}

/* ---- seats ---- */

static lqi_holder *holder_take(lq_guests *g, const char *tenant) {
  lqi_holder *h = g->holders;
  while (h && strcmp(h->tenant, tenant) != 0) h = h->next;
  if (!h && (h = calloc(1, sizeof *h))) {
    (void)lq_text_copy(h->tenant, sizeof h->tenant, lq_span_text(tenant));
    h->next = g->holders;
    g->holders = h;
  }
  if (h) h->seats++;
  return h;
}

static void holder_give(lq_guests *g, lqi_holder *h) {
  if (--h->seats) return;
  lqi_holder **at = &g->holders;
  while (*at != h) at = &(*at)->next;
  *at = h->next;
  free(h);
}

lq_err lq_guest_seat_open(lq_guests *guests, const char *tenant, const uint8_t release[32],
                          void (*ready)(void *context), void *context, lq_guest_seat **out) {
  lq_guest_seat *seat = *out = calloc(1, sizeof *seat);
  if (seat) seat->of = holder_take(guests, tenant);
  if (!seat || !seat->of) {
    free(seat);
    *out = NULL;
    return LQ_ERR_MEMORY;
  }
  seat->guests = guests;
  seat->asker.seat = seat;
  seat->port = (lq_guest_port){seat, seat_ask};
  memcpy(seat->release, release, 32);
  seat->ready = ready;
  seat->context = context;
  return LQ_OK;
}

void lq_guest_seat_clear(lq_guest_seat *seat) {
  for (lqi_process *p = seat->guests->processes; p && seat->asker.state == LQI_SENT; p = p->next)
    lqi_process_forget(p, &seat->asker);
  lqi_seat_unwait(seat);
  seat->asker.state = LQI_IDLE;
  seat->asker.ends = 0;
  if (LQ_PLANTED(GUEST_OLD_ANSWER)) return;
  for (uint32_t i = 0; i < seat->answer_count; i++) free(seat->answer[i].reply);
  seat->of->bytes -= seat->answer_bytes;
  seat->answer_count = 0;
  seat->answer_bytes = 0;
}

uint64_t lq_guest_seat_over(lq_guest_seat *seat) {
  uint64_t cpu_ns = seat->asker.cpu_ns;
  seat->asker.cpu_ns = 0;
  lq_guest_seat_clear(seat);
  return cpu_ns;
}

void lq_guest_seat_close(lq_guest_seat *seat) {
  if (!seat) return;
  undue(seat);
  if (LQ_PLANTED(SEAT_LEAK)) seat->answer_count = 0;
  lq_guest_seat_clear(seat);
  free(seat->answer);
  free(seat->asker.reply);
  holder_give(seat->guests, seat->of);
  free(seat);
}

const lq_guest_port *lq_guest_seat_port(lq_guest_seat *seat) { return &seat->port; }

void lq_guest_seat_patient(lq_guest_seat *seat) { seat->patient = true; }
