/* The world's clock, its random streams, its events, and the fibers that run inside it. */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "apps/lqsim/sim.h"
#include "lq_base/hash.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define FIBER_LEAVE(keep, to, bytes) __sanitizer_start_switch_fiber(keep, to, bytes)
#define FIBER_ENTER(keep, from, bytes) __sanitizer_finish_switch_fiber(keep, from, bytes)
#else
#define FIBER_LEAVE(keep, to, bytes) ((void)0)
#define FIBER_ENTER(keep, from, bytes) ((void)0)
#endif

sim_world sim;

const char *const sim_fault_text[SIM_FAULT_COUNT] = {
#define X(name, text) text,
    SIM_FAULTS(X)
#undef X
};

const char *const sim_nth_name[SIM_NTH_COUNT] = {"", "io", "kill", "power", "memory", "error"};

/* ---- random ---- */

void sim_begin(uint64_t seed) {
  FILE *log = sim.log;
  memset(&sim, 0, sizeof sim);
  sim.log = log;
  sim.seed = seed;
  sim.trace = lq_hash_mix(seed, 1);
  sim.now_ns = SIM_S;
  for (uint64_t i = 0; i < SIM_STREAMS; i++)
    lq_prng_seed(&sim.stream[i], lq_hash_mix(seed, 1000 + i));
}

uint64_t sim_next(sim_stream stream) { return lq_prng_next(&sim.stream[stream]); }
uint32_t sim_below(sim_stream stream, uint32_t bound) {
  return lq_prng_below(&sim.stream[stream], bound);
}
uint64_t sim_between(sim_stream stream, uint64_t from, uint64_t to) {
  return from + sim_next(stream) % (to - from + 1);
}
bool sim_chance(sim_stream stream, uint32_t millionths) {
  return millionths && sim_below(stream, 1000000) < millionths;
}

void sim_fault_count(sim_fault fault) {
  sim.fault[fault]++;
  sim_trace("fault: %s", sim_fault_text[fault]);
}

bool sim_fault_now(sim_fault fault) {
  if (!sim.faults_on || (sim.process && sim.process->auditor) ||
      !sim_chance(SIM_FAULT, sim.swarm.chance[fault]))
    return false;
  sim_fault_count(fault);
  return true;
}

bool sim_nth_now(sim_nth kind) {
  if (sim.nth_kind != kind || !sim.process || sim.process->auditor) return false;
  return ++sim.occasions == sim.nth;
}

/* ---- trace ---- */

void sim_trace(const char *format, ...) {
  char text[600];
  va_list args;
  va_start(args, format);
  int bytes = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  size_t kept = bytes < 0 ? 0 : (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1;
  sim.trace = lq_hash_bytes(lq_hash_mix(sim.trace, sim.now_ns), text, kept);
  if (!sim.log) return;
  (void)fprintf(sim.log, "%10.6f  ", (double)sim.now_ns / 1e9);
  if (sim.process)
    (void)fprintf(sim.log, "m%u.%u/%-8s ", sim.process->machine->number, sim.process->number,
                  sim.fiber ? sim.fiber->name : "-");
  else
    (void)fprintf(sim.log, "%-13s ", "world");
  (void)fprintf(sim.log, "%s\n", text);
}

void sim_trace_bytes(const void *data, size_t bytes) {
  sim.trace = lq_hash_bytes(lq_hash_mix(sim.trace, sim.now_ns), data, bytes);
}

void sim_violation(const char *format, ...) {
  char text[SIM_WHY_BYTES];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  sim_trace("VIOLATION: %s", text);
  if (sim.failed) return;
  sim.failed = true;
  memcpy(sim.why, text, sizeof text);
}

/* ---- events: a binary heap ---- */

static bool before(const sim_event *a, const sim_event *b) {
  if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns;
  if (a->order != b->order) return a->order < b->order;
  return a->serial < b->serial;
}

void sim_at(uint64_t at_ns, void (*fn)(void *context, uint64_t argument), void *context,
            uint64_t argument) {
  if (sim.heap_count == sim.heap_capacity) {
    size_t capacity = sim.heap_capacity ? sim.heap_capacity * 2 : 1024;
    sim_event *heap = sim_alloc(capacity * sizeof *heap);
    if (sim.heap_count) memcpy(heap, sim.heap, sim.heap_count * sizeof *heap);
    free(sim.heap);
    sim.heap = heap;
    sim.heap_capacity = capacity;
  }
  sim_event event = {.at_ns = at_ns < sim.now_ns ? sim.now_ns : at_ns,
                     .order = sim_next(SIM_SCHED),
                     .serial = ++sim.serial,
                     .fn = fn,
                     .context = context,
                     .argument = argument};
  size_t at = sim.heap_count++;
  for (size_t up; at > 0 && before(&event, &sim.heap[up = (at - 1) / 2]); at = up)
    sim.heap[at] = sim.heap[up];
  sim.heap[at] = event;
}

static sim_event take(void) {
  sim_event first = sim.heap[0], last = sim.heap[--sim.heap_count];
  size_t at = 0;
  for (size_t down; (down = 2 * at + 1) < sim.heap_count; at = down) {
    if (down + 1 < sim.heap_count && before(&sim.heap[down + 1], &sim.heap[down])) down++;
    if (!before(&sim.heap[down], &last)) break;
    sim.heap[at] = sim.heap[down];
  }
  sim.heap[at] = last;
  return first;
}

bool sim_run_until(uint64_t until_ns) {
  while (!sim.failed) {
    if (sim.heap_count == 0) return false;
    if (sim.heap[0].at_ns > until_ns) {
      sim.now_ns = until_ns;
      return true;
    }
    sim_event event = take();
    sim.now_ns = event.at_ns;
    sim.events++;
    sim.trace = lq_hash_mix(sim.trace, event.at_ns ^ event.order);
    event.fn(event.context, event.argument);
  }
  return true;
}

/* ---- fibers ---- */

#if defined(__SANITIZE_ADDRESS__)
static const void *world_stack;
static size_t world_stack_bytes;
#endif

static void switch_to_world(sim_fiber *fiber, bool done) {
  void *keep = NULL;
  (void)keep;
#if defined(__SANITIZE_ADDRESS__)
  FIBER_LEAVE(done ? NULL : &keep, world_stack, world_stack_bytes);
#else
  (void)done;
#endif
  LQ_CHECK(swapcontext(&fiber->context, &sim.context) == 0);
  FIBER_ENTER(keep, &world_stack, &world_stack_bytes);
}

static void fiber_main(void) {
  sim_fiber *fiber = sim.fiber;
  FIBER_ENTER(NULL, &world_stack, &world_stack_bytes);
  fiber->fn(fiber->argument);
  fiber->state = SIM_DONE;
  if (fiber->joiner) sim_fiber_wake(fiber->joiner);
  switch_to_world(fiber, true);
  abort(); /* nobody resumes a fiber that is done */
}

static void process_gone(sim_process *process);

static void resume(void *context, uint64_t argument) {
  sim_fiber *fiber = context;
  sim_process *process = fiber->process;
  (void)argument;
  if (!process->alive) return;
  if (process->stalled_until_ns > sim.now_ns) {
    sim_at(process->stalled_until_ns, resume, fiber, 0);
    return;
  }
  fiber->resuming = false;
  if (fiber->state != SIM_READY) return;
  sim.fiber = fiber;
  sim.process = process;
  void *keep = NULL;
  (void)keep;
  FIBER_LEAVE(&keep, fiber->stack, SIM_FIBER_STACK);
  LQ_CHECK(swapcontext(&sim.context, &fiber->context) == 0);
  FIBER_ENTER(keep, NULL, NULL);
  sim.fiber = NULL;
  sim.process = NULL;
  if (process->dying || (fiber->state == SIM_DONE && fiber == process->fiber[0]))
    process_gone(process);
}

static void resume_at(sim_fiber *fiber, uint64_t at_ns) {
  fiber->state = SIM_READY;
  if (fiber->resuming) return;
  fiber->resuming = true;
  sim_at(at_ns, resume, fiber, 0);
}

sim_fiber *sim_fiber_start(sim_process *process, const char *name, void (*fn)(void *),
                           void *argument) {
  if (process->fiber_count == SIM_FIBERS_MAX) return NULL;
  sim_fiber *fiber = sim_alloc(sizeof *fiber);
  *fiber = (sim_fiber){.process = process, .fn = fn, .argument = argument, .name = name};
  fiber->stack = mmap(NULL, SIM_FIBER_STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  LQ_CHECK(fiber->stack != MAP_FAILED && getcontext(&fiber->context) == 0);
  fiber->context.uc_stack.ss_sp = fiber->stack;
  fiber->context.uc_stack.ss_size = SIM_FIBER_STACK;
  makecontext(&fiber->context, fiber_main, 0);
  process->fiber[process->fiber_count++] = fiber;
  resume_at(fiber, sim.now_ns + sim_between(SIM_SCHED, 1, 50 * SIM_US));
  return fiber;
}

void sim_fiber_wake(sim_fiber *fiber) {
  if (fiber->state == SIM_BLOCKED)
    resume_at(fiber, sim.now_ns + sim_between(SIM_SCHED, 1, 20 * SIM_US));
}

void sim_fiber_block(void) {
  sim_fiber *fiber = sim.fiber;
  fiber->state = SIM_BLOCKED;
  switch_to_world(fiber, false);
}

void sim_fiber_sleep(uint64_t ns) {
  sim_fiber *fiber = sim.fiber;
  if (!fiber) return;
  resume_at(fiber, sim.now_ns + ns);
  switch_to_world(fiber, false);
}

/* ---- processes ---- */

sim_process *sim_process_start(sim_machine *machine, const char *name, void (*main)(void *),
                               void *argument, void (*ended)(sim_process *, void *),
                               void *ended_context) {
  sim_process *process = sim_alloc(sizeof *process);
  *process = (sim_process){.next = sim.processes,
                           .machine = machine,
                           .number = ++sim.process_count,
                           .alive = true,
                           .ended = ended,
                           .ended_context = ended_context};
  sim.processes = process;
  (void)sim_fiber_start(process, name, main, argument);
  return process;
}

/* From the world's context. */
static void process_gone(sim_process *process) {
  if (!process->alive) return;
  process->alive = false;
  process->loop = NULL;
  sim_trace("process %u of machine %u is gone (%s)", process->number, process->machine->number,
            process->killed ? "killed" : "ended");
  sim_net_process_gone(process, process->silent);
  sim_vfs_process_gone(process);
  sim_locks_drop(process);
  sim_jails_drop(process);
  sim_secrets_drop(process);
  sim_memory_drop(process);
  for (uint32_t i = 0; i < process->fiber_count; i++) {
    (void)munmap(process->fiber[i]->stack, SIM_FIBER_STACK);
    process->fiber[i]->stack = NULL;
  }
  if (process->ended) process->ended(process, process->ended_context);
}

void sim_process_kill(sim_process *process) {
  if (!process->alive) return;
  process->killed = true;
  process->dying = true;
  if (sim.process == process)
    switch_to_world(sim.fiber, true);
  else
    process_gone(process);
}
