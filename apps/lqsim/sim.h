/* One simulated world: machines with disks, server processes on them, players, a network, and a
 * clock that only moves when nothing is left to do. Everything happens on one thread, and a run is
 * a pure function of its seed and its options.
 *
 * Shape: a heap of events ordered by (time, a random number, serial). An event runs in the world's
 * own context, or resumes a fiber: a fiber is a simulated thread of a simulated process, and it
 * runs the real code of the server, whose lq_host is this folder. A fiber gives the world back at
 * every wait and at many I/O calls; there the process may be killed. Memory: what a process
 * allocates is kept in its list and goes with it, as in a real kill. Threads: one run a process;
 * main.c forks one for each seed. */
#ifndef LQ_APPS_LQSIM_SIM_H
#define LQ_APPS_LQSIM_SIM_H

#include <stdio.h>
#include <ucontext.h>

#include "lq_base/limits.h"
#include "lq_base/random.h"
#include "lq_host/host.h"
#include "lq_host/loop.h"

enum {
  SIM_MACHINES_MAX = 4,
  SIM_FIBERS_MAX = 4,          /* of one process: its loop, its store's writer */
  SIM_FIBER_STACK = 512 << 10, /* SQLite and the ledger need about a third */
  SIM_WHY_BYTES = 512
};

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

/* One stream of random numbers each, so that a change in one subsystem does not move the others. */
typedef enum sim_stream {
  SIM_SCHED,
  SIM_NET,
  SIM_DISK,
  SIM_FAULT,
  SIM_CLIENT,
  SIM_HOST,
  SIM_STREAMS
} sim_stream;

/* What is injected; counted by kind. */
#define SIM_FAULTS(X)                                                                              \
  X(KILL, "process killed")                                                                        \
  X(KILL_IO, "process killed inside an I/O call")                                                  \
  X(POWER, "power lost")                                                                           \
  X(TORN, "write torn by lost power")                                                              \
  X(LOST, "write lost by lost power")                                                              \
  X(STALL, "process stalled")                                                                      \
  X(CLOCK, "wall clock jumped")                                                                    \
  X(READ_ERROR, "read failed")                                                                     \
  X(WRITE_ERROR, "write failed")                                                                   \
  X(WRITE_SHORT, "write was short")                                                                \
  X(SYNC_ERROR, "sync failed")                                                                     \
  X(DISK_FULL, "disk was full")                                                                    \
  X(IO_DELAY, "I/O delayed")                                                                       \
  X(ROT, "bytes at rest damaged")                                                                  \
  X(MISDIRECTED, "write misdirected")                                                              \
  X(MEMORY, "allocation failed")                                                                   \
  X(CUT, "connection cut")                                                                         \
  X(HALF_OPEN, "connection half open")                                                             \
  X(NET_DELAY, "bytes delayed")                                                                    \
  X(SPLIT, "bytes delivered in pieces")                                                            \
  X(SLOW_READER, "client stopped reading")                                                         \
  X(TWICE, "client connected twice")                                                               \
  X(REPEAT, "command sent twice")                                                                  \
  X(HOSTILE, "hostile bytes sent")                                                                 \
  X(SECOND_OWNER, "session joined on another node")                                                \
  X(SECOND_SERVER, "second server on one data folder")                                             \
  X(STORE_LOST, "store request lost")                                                              \
  X(STORE_REPEAT, "store request repeated")                                                        \
  X(STORE_DELAY, "store request delayed")                                                          \
  X(STORE_BUSY, "store refused as busy")                                                           \
  X(RELEASE, "release swapped")                                                                    \
  X(ROTATE, "keys rotated")                                                                        \
  X(ROTATE_JOIN, "keys rotated while a session is made")                                           \
  X(SHRED, "tenant shredded")                                                                      \
  X(SLOW_TICK, "tick over budget")                                                                 \
  X(JAIL_KILL, "guest's process killed")                                                           \
  X(JAIL_SILENT, "guest's process never answers")                                                  \
  X(JAIL_DAMAGE, "guest's answer damaged")                                                         \
  X(ERROR, "error told by the host or the store")

typedef enum sim_fault {
#define X(name, text) SIM_F_##name,
  SIM_FAULTS(X)
#undef X
      SIM_FAULT_COUNT
} sim_fault;
extern const char *const sim_fault_text[SIM_FAULT_COUNT];

typedef struct sim_machine sim_machine;
typedef struct sim_process sim_process;
typedef struct sim_disk sim_disk;

typedef enum sim_fiber_state { SIM_READY, SIM_BLOCKED, SIM_DONE } sim_fiber_state;
typedef struct sim_fiber {
  ucontext_t context;
  sim_process *process;
  void (*fn)(void *argument);
  void *argument;
  void *stack;
  const char *name;
  struct sim_fiber *joiner;
  sim_fiber_state state;
  bool resuming; /* an event will resume it */
} sim_fiber;

/* One incarnation of a server. Kept until the run ends, so that late events find it dead. */
struct sim_process {
  sim_process *next;
  sim_machine *machine;
  uint32_t number;
  bool alive, dying;
  bool auditor; /* the checker's own: no faults in it */
  bool silent;  /* its machine lost power: nobody is told */
  sim_fiber *fiber[SIM_FIBERS_MAX];
  uint32_t fiber_count;
  uint64_t stalled_until_ns;
  lq_loop *loop; /* while it is open */
  void *blocks, *pages;
  struct sim_secret *secrets; /* OpenSSL's: in the real heap */
  size_t block_bytes;
  void (*ended)(sim_process *process, void *context); /* its main returned, or it was killed */
  void *ended_context;
  int status; /* of main */
  bool killed;
};

struct sim_machine {
  uint32_t number;
  sim_disk *disk;
  sim_disk *keys;      /* the key store's: /keys */
  sim_process *server; /* NULL: down */
  int64_t wall_skew_ms;
};

typedef struct sim_event {
  uint64_t at_ns, order, serial;
  void (*fn)(void *context, uint64_t argument);
  void *context;
  uint64_t argument;
} sim_event;

/* Which faults this run has and how often: chances are in millionths for each occasion. */
typedef struct sim_swarm {
  uint32_t chance[SIM_FAULT_COUNT];
} sim_swarm;

/* What is enumerated: I/O calls that fail, in which the process is killed, or the machine loses
 * power; allocations; calls to the host and the store that tell an error. */
typedef enum sim_nth {
  SIM_NTH_NONE,
  SIM_NTH_IO,
  SIM_NTH_KILL,
  SIM_NTH_POWER,
  SIM_NTH_MEMORY,
  SIM_NTH_ERROR,
  SIM_NTH_COUNT
} sim_nth;
extern const char *const sim_nth_name[SIM_NTH_COUNT];

typedef struct sim_world {
  uint64_t seed, now_ns, serial, trace, events;
  lq_prng stream[SIM_STREAMS];
  sim_event *heap;
  size_t heap_count, heap_capacity;
  sim_fiber *fiber; /* running; NULL: the world itself */
  sim_process *process;
  ucontext_t context;
  sim_process *processes;
  uint32_t process_count;
  sim_machine machine[SIM_MACHINES_MAX];
  uint32_t machine_count;
  sim_swarm swarm;
  bool faults_on;
  uint64_t fault[SIM_FAULT_COUNT];
  /* An enumerated fault: the n-th occasion of one kind, counted over the run. */
  sim_nth nth_kind;
  uint64_t nth, occasions;
  bool failed;
  char why[SIM_WHY_BYTES];
  FILE *log; /* the readable trace; NULL: none */
} sim_world;
extern sim_world sim;

/* ---- core.c ---- */
void sim_begin(uint64_t seed);
uint64_t sim_next(sim_stream stream);
uint32_t sim_below(sim_stream stream, uint32_t bound);
/* From..to, both inclusive. */
uint64_t sim_between(sim_stream stream, uint64_t from, uint64_t to);
bool sim_chance(sim_stream stream, uint32_t millionths);
/* Does this fault befall this occasion? Counts and traces it when it does. */
bool sim_fault_now(sim_fault fault);
void sim_fault_count(sim_fault fault);
/* Is this the occasion that is enumerated? */
bool sim_nth_now(sim_nth kind);

void sim_at(uint64_t at_ns, void (*fn)(void *context, uint64_t argument), void *context,
            uint64_t argument);
/* Runs events until the time, or until sim.failed. False: nothing is left. */
bool sim_run_until(uint64_t until_ns);
/* Into the trace hash, and into the log when there is one. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_trace_bytes(const void *data, size_t bytes);
/* An invariant is broken: the run ends. The first reason stays. */
void sim_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

sim_process *sim_process_start(sim_machine *machine, const char *name, void (*main)(void *),
                               void *argument, void (*ended)(sim_process *, void *),
                               void *ended_context);
/* From the world: at once. From a fiber of the process: does not return. */
void sim_process_kill(sim_process *process);
sim_fiber *sim_fiber_start(sim_process *process, const char *name, void (*fn)(void *),
                           void *argument);
void sim_fiber_wake(sim_fiber *fiber); /* makes a blocked fiber run soon; else nothing */
void sim_fiber_block(void);            /* the running one, until it is woken */
void sim_fiber_sleep(uint64_t ns);     /* the running one; the world's context: nothing */
/* Does this call to the host or the store fail? LQ_OK: no. */
lq_err sim_error_now(void);

/* ---- memory.c: what a process allocates ---- */
void sim_memory_drop(sim_process *process);
bool sim_memory_fails(void); /* does this allocation, outside malloc, fail? */
/* Whose block these bytes lie in; NULL: nobody's. */
const sim_process *sim_memory_owner(const void *memory);
void *sim_alloc(size_t bytes); /* the world's own, whatever runs; never NULL */
void sim_memory_sqlite(void);  /* SQLite allocates here too */

/* ---- disk.c ---- */
typedef struct sim_file sim_file;
sim_disk *sim_disk_new(void);
sim_file *sim_disk_find(sim_disk *disk, const char *path);
sim_file *sim_disk_make(sim_disk *disk, const char *path);
void sim_disk_unlink(sim_disk *disk, const char *path);
/* Over what has that name: at once for whoever looks, after a loss of power one or the other. */
void sim_disk_rename(sim_file *file, const char *path);
bool sim_disk_names_sync(sim_disk *disk); /* the folder's own fsync */
void sim_disk_list(const sim_disk *disk, const char *folder,
                   void (*each)(void *context, const char *name), void *context);
sim_disk *sim_disk_copy(const sim_disk *disk);
void sim_disk_power_lost(sim_disk *disk);
/* Damages bytes at rest; false: there is nothing to damage. */
bool sim_disk_rot(sim_disk *disk);
uint64_t sim_disk_bytes(const sim_disk *disk);
void sim_disk_room(sim_disk *disk, uint64_t bytes); /* UINT64_MAX: no limit */
bool sim_disk_holds(const sim_disk *disk, const char *text);
bool sim_disk_holds_bytes(const sim_disk *disk, lq_span bytes);
typedef enum sim_io_err { SIM_IO_OK, SIM_IO_FAILED, SIM_IO_FULL } sim_io_err;
const char *sim_file_path(const sim_file *file);
/* Written by nobody's I/O call: through a mapping. */
void sim_file_poke(sim_file *file, uint64_t at, const void *data, size_t bytes);
uint64_t sim_file_bytes(const sim_file *file);
/* Bytes read; fewer at the end of the file. */
size_t sim_file_read(const sim_file *file, uint64_t at, void *out, size_t bytes);
sim_io_err sim_file_write(sim_file *file, uint64_t at, const void *data, size_t bytes);
sim_io_err sim_file_truncate(sim_file *file, uint64_t bytes);
sim_io_err sim_file_sync(sim_file *file);
/* Before each I/O call of a process: time passes, other fibers run, the process may be killed
 * (then it does not return), the call may fail. */
typedef enum sim_io {
  SIM_IO_READ,
  SIM_IO_WRITE,
  SIM_IO_TRUNCATE,
  SIM_IO_SYNC,
  SIM_IO_OTHER
} sim_io;
bool sim_io_fails(sim_io what);

/* ---- vfs.c ---- */
void sim_vfs_register(void);
void sim_vfs_process_gone(const sim_process *process);

/* ---- host.c ---- */
void sim_locks_drop(const sim_process *process);
/* What OpenSSL holds for a process, expanded keys, goes with it; how many there are. */
void sim_secrets_drop(sim_process *process);
uint32_t sim_secrets_count(const sim_process *process);

/* ---- jail.c ---- */
bool sim_jails_turn(const sim_process *process); /* calls whoever watches; was there anything? */
void sim_jails_drop(const sim_process *process);

/* ---- loop.c and net.c ---- */
typedef struct sim_sock sim_sock;
typedef struct sim_peer_events {
  void (*connected)(void *context);
  void (*data)(void *context, lq_span bytes); /* all of it is taken */
  void (*closed)(void *context);              /* ended, cut or refused; the last call */
} sim_peer_events;
/* A player's side of a connection to whatever server runs on the machine. */
sim_sock *sim_dial(sim_machine *machine, uint16_t port, const sim_peer_events *events,
                   void *context);
void sim_sock_send(sim_sock *sock, lq_span bytes);
size_t sim_sock_room(const sim_sock *sock);        /* bytes it may send now */
void sim_sock_close(sim_sock *sock);               /* orderly; no more calls follow */
void sim_sock_cut(sim_sock *sock);                 /* both sides see a reset */
void sim_sock_half_open(sim_sock *sock);           /* nothing arrives any more, nobody is told */
void sim_sock_pause(sim_sock *sock, bool reading); /* the player's side stops reading, or goes on */
void sim_net_process_gone(sim_process *process, bool silent);
void sim_loop_wake(sim_process *process);

#endif
