/* lq_host/jail.h for simulated processes: a guest's process is a Lua instance beside the world's
 * clock. It answers after a while, may die before, in and after a call, never answer, or answer
 * with damaged bytes. Outside processes (building games, replaying journals) it answers at once and
 * always.
 *
 * What it holds is the world's: it goes with its parent, or when it is closed. */
#include <stdlib.h>
#include <sys/mman.h>

#include "apps/lq-jail/lua/lua.h"
#include "apps/lqsim/sim.h"
#include "lq_host/jail.h"

enum { MESSAGES_MAX = 32, FILES_MAX = 64 };

struct lq_jail {
  lq_jail *next;
  sim_process *process; /* NULL: nobody's; it answers at once */
  uint32_t number;
  uint8_t *memory;
  size_t bytes;
  lq_lua *lua;
  lq_game *game;
  void *arena, *sources;
  lq_guest_message in[MESSAGES_MAX], out[MESSAGES_MAX];
  uint32_t in_count, in_done, out_count, out_taken;
  uint64_t busy_until_ns;
  uint32_t events; /* that stand on it */
  bool dead, closed, silent;
  void (*fn)(void *context);
  void *context;
};

static lq_jail *jails;
static uint32_t jails_made;

/* The interpreter's memory is nobody's that can be killed. */
static sim_process *world_enter(void) {
  sim_process *process = sim.process;
  sim.process = NULL;
  return process;
}
static void world_leave(sim_process *process) { sim.process = process; }

static uint8_t *slot_at(const lq_jail *j, uint32_t slot) {
  return j->memory + (size_t)slot * LQ_GUEST_SLOT_BYTES;
}

static void drop(lq_jail *j) {
  for (lq_jail **at = &jails; *at; at = &(*at)->next)
    if (*at == j) {
      *at = j->next;
      break;
    }
  lq_lua_close(j->lua);
  (void)munmap(j->memory, j->bytes);
  free(j->arena);
  free(j->sources);
  free(j);
}

static void say(lq_jail *j, lq_guest_say what, uint32_t slot, size_t bytes) {
  LQ_CHECK(j->out_count < MESSAGES_MAX);
  j->out[j->out_count++] =
      (lq_guest_message){.say = (uint32_t)what, .slot = slot, .bytes = (uint32_t)bytes};
}

/* ---- what it does ---- */

static void load(lq_jail *j, const lq_guest_message *m) {
  lq_guest_file file[FILES_MAX];
  j->sources = malloc(m->bytes + 1u);
  LQ_CHECK(j->sources);
  memcpy(j->sources, slot_at(j, m->slot), m->bytes);
  lq_reader in = lq_reader_of(lq_span_of(j->sources, m->bytes));
  lq_span encoded = lq_read_sized(&in);
  uint64_t count = lq_read_varint(&in);
  LQ_CHECK(count <= FILES_MAX);
  for (uint64_t i = 0; i < count; i++) {
    file[i].name = lq_read_sized(&in);
    file[i].text = lq_read_sized(&in);
  }
  LQ_CHECK(lq_reader_done(&in));
  if (encoded.bytes) {
    size_t bytes = lq_game_arena_bytes(encoded);
    j->arena = malloc(bytes);
    LQ_CHECK(j->arena);
    lq_arena arena = lq_arena_of(j->arena, bytes);
    LQ_CHECK(!lq_game_decode(encoded, &arena, &j->game, NULL));
  }
  lq_writer out =
      lq_writer_of(slot_at(j, m->slot) + LQ_GUEST_CALL_BYTES_MAX, LQ_GUEST_REPLY_BYTES_MAX);
  lq_lua_load(j->lua, j->game, file, (uint32_t)count, &out);
  say(j, LQ_GUEST_LOADED, m->slot, out.bytes);
}

static void answer(lq_jail *j, const lq_guest_message *m) {
  uint8_t *call = slot_at(j, m->slot), *reply = call + LQ_GUEST_CALL_BYTES_MAX;
  lq_guest_view view;
  LQ_CHECK(j->game);
  LQ_CHECK(!lq_guest_view_begin(&view, j->game, call, m->bytes, reply, LQ_GUEST_REPLY_BYTES_MAX));
  size_t bytes = lq_lua_call(j->lua, &view);
  /* What no guest says. A lie in good form is the guest's answer: replay tells. */
  if (j->process && sim_fault_now(SIM_F_JAIL_DAMAGE))
    reply[sim_below(SIM_FAULT, 12)] ^= (uint8_t)(1u << sim_below(SIM_FAULT, 8));
  say(j, LQ_GUEST_ANSWER, m->slot, bytes);
}

static void work(lq_jail *j, const lq_guest_message *m) {
  if (m->say == LQ_GUEST_LOAD)
    load(j, m);
  else
    answer(j, m);
}

static void died(lq_jail *j) {
  j->dead = true;
  sim_trace("jail %u of process %u dies", j->number, j->process->number);
}

/* Its turn: one message. */
static void step(void *context, uint64_t ready) {
  lq_jail *j = context;
  j->events--;
  if (j->closed) {
    if (!j->events) drop(j);
    return;
  }
  if (j->dead || j->silent) return;
  if (sim_fault_now(SIM_F_JAIL_KILL)) {
    died(j);
  } else if (ready) {
    say(j, LQ_GUEST_READY, 0, 0);
  } else {
    const lq_guest_message m = j->in[j->in_done++ % MESSAGES_MAX];
    if (sim_fault_now(SIM_F_JAIL_SILENT)) {
      j->silent = true;
      return;
    }
    uint32_t said = j->out_count;
    work(j, &m);
    if (sim_fault_now(SIM_F_JAIL_KILL)) { /* what it had not said it never said */
      j->out_count = said;
      died(j);
    }
  }
  sim_loop_wake(j->process);
}

/* ---- the parent's side ---- */

lq_err lq_jail_open(const char *const *argv, size_t mapping_bytes, lq_jail **out, lq_diag *diag) {
  (void)argv;
  *out = NULL;
  lq_err err = sim.process ? sim_error_now() : LQ_OK;
  if (err) return lq_diag_set(diag, err, "a guest's process could not be started");
  sim_process *process = world_enter();
  const char *why;
  lq_jail *j = calloc(1, sizeof *j);
  LQ_CHECK(j);
  j->process = process;
  j->number = ++jails_made;
  j->bytes = mapping_bytes;
  j->memory = mmap(NULL, mapping_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  LQ_CHECK(j->memory != MAP_FAILED);
  j->lua = lq_lua_open(NULL, &why);
  LQ_CHECK(j->lua);
  j->next = jails;
  jails = j;
  world_leave(process);
  *out = j;
  if (!process) {
    say(j, LQ_GUEST_READY, 0, 0);
    return LQ_OK;
  }
  j->events++;
  sim_at(sim.now_ns + sim_between(SIM_HOST, 1, 30) * SIM_MS, step, j, 1);
  return LQ_OK;
}

void lq_jail_close(lq_jail *jail) {
  if (!jail) return;
  sim_process *process = world_enter();
  jail->closed = true;
  if (!jail->events) drop(jail);
  world_leave(process);
}

void *lq_jail_memory(lq_jail *jail) { return jail->memory; }

lq_err lq_jail_send(lq_jail *jail, lq_span message) {
  lq_guest_message m;
  LQ_CHECK(message.bytes == sizeof m);
  memcpy(&m, message.data, sizeof m);
  if (jail->dead) return LQ_ERR_NET;
  if (!jail->process) {
    sim_process *process = world_enter();
    work(jail, &m);
    world_leave(process);
    return LQ_OK;
  }
  if (jail->in_count - jail->in_done == MESSAGES_MAX) return LQ_ERR_BUSY;
  jail->in[jail->in_count++ % MESSAGES_MAX] = m;
  if (jail->busy_until_ns < sim.now_ns) jail->busy_until_ns = sim.now_ns;
  jail->busy_until_ns += sim_between(SIM_HOST, 10, 400) * SIM_US;
  if (sim_below(SIM_HOST, 64) == 0) jail->busy_until_ns += sim_between(SIM_HOST, 1, 60) * SIM_MS;
  jail->events++;
  sim_at(jail->busy_until_ns, step, jail, 0);
  return LQ_OK;
}

lq_err lq_jail_receive(lq_jail *jail, void *out, size_t capacity, size_t *bytes) {
  *bytes = 0;
  if (jail->out_taken == jail->out_count) {
    jail->out_taken = jail->out_count = 0;
    return jail->dead ? LQ_ERR_NET : LQ_ERR_IDLE;
  }
  LQ_CHECK(capacity >= sizeof *jail->out);
  memcpy(out, &jail->out[jail->out_taken++], sizeof *jail->out);
  *bytes = sizeof *jail->out;
  return LQ_OK;
}

bool lq_jail_wait(lq_jail *jail, uint64_t timeout_us) {
  bool there = jail->out_taken < jail->out_count || jail->dead;
  if (!there && jail->process) sim_fiber_sleep(timeout_us * SIM_US);
  return there || jail->out_taken < jail->out_count || jail->dead;
}

lq_err lq_jail_watch(lq_jail *jail, lq_loop *loop, void (*fn)(void *context), void *context) {
  (void)loop;
  lq_err err = sim_error_now();
  jail->fn = fn;
  jail->context = context;
  return err;
}

uint64_t lq_jail_cpu_ns(const lq_jail *jail) {
  (void)jail;
  return 0;
}

const char *lq_jail_words(lq_jail *jail) {
  return jail->dead ? "killed by signal 9 (SIGKILL)" : "";
}

/* ---- the world's side ---- */

/* One that has something to say, of those whose number is above `after`: NULL at the end. Newest
 * first in the list, so the lowest number is looked for. */
static lq_jail *next_heard(const sim_process *process, uint32_t after) {
  lq_jail *found = NULL;
  for (lq_jail *j = jails; j; j = j->next) {
    bool heard = j->out_taken < j->out_count || j->dead;
    if (j->process == process && !j->closed && j->fn && heard && j->number > after) found = j;
  }
  return found;
}

bool sim_jails_turn(const sim_process *process) {
  bool any = false;
  uint32_t after = 0;
  for (lq_jail *j; (j = next_heard(process, after)); any = true) {
    after = j->number;
    j->fn(j->context); /* it may close this one and open others */
  }
  return any;
}

void sim_jails_drop(const sim_process *process) {
  for (lq_jail *j = jails, *next; j; j = next) {
    next = j->next;
    if (j->process != process) continue;
    j->closed = true;
    if (!j->events) drop(j);
  }
}
