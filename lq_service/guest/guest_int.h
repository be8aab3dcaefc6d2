/* Shared inside lq_service/guest only.
 *
 * An asker is whoever has one question under way at a time: a seat, or a port that waits. A
 * process's questions lie in a ring in the order in which they were sent, which is the order in
 * which it works: the first one is the one it is at. */
#ifndef LQ_SERVICE_GUEST_GUEST_INT_H
#define LQ_SERVICE_GUEST_GUEST_INT_H

#include "lq_host/host.h"
#include "lq_host/jail.h"
#include "lq_service/guest/guests.h"

enum {
  LQI_WATCH_US = 10 * 1000,
  LQI_REST_MS_MIN = 50, /* after an end the next start waits so long, doubled for each end ... */
  LQI_REST_MS_MAX = 5000,
  LQI_GOOD_MS = 30000, /* ... until one has lived so long */
};

typedef enum lqi_process_state {
  LQI_OFF = 0,
  LQI_STARTING, /* until it says that it is shut in */
  LQI_LOADING,
  LQI_UP,
} lqi_process_state;

typedef enum lqi_asked { LQI_IDLE = 0, LQI_SENT, LQI_ANSWERED, LQI_FAILED } lqi_asked;

typedef struct lqi_process lqi_process;
typedef struct lqi_asker {
  lqi_asked state;
  uint8_t *reply; /* of malloc, its owner's to free once ANSWERED */
  size_t reply_bytes;
  uint32_t ends;   /* of the process while it was at this question */
  uint64_t cpu_ns; /* taken by its calls so far */
  char why[LQ_GUEST_TEXT_BYTES_MAX];
  lq_guest_seat *seat; /* NULL: a port that waits */
} lqi_asker;

struct lqi_process {
  lq_guests *guests;
  lqi_process *next;
  char tenant[LQ_TENANT_BYTES];
  uint8_t release[32];
  lq_guest_language language;
  lqi_process_state state;
  lq_jail *jail; /* NULL: off */
  uint64_t begun_ns, used_ns, rest_until_ns;
  uint32_t ends;                    /* in a row */
  uint32_t stillborn;               /* how often it ended before it was up */
  uint32_t ring[LQ_GUEST_SLOTS];    /* slots under way, in order */
  lqi_asker *asker[LQ_GUEST_SLOTS]; /* by slot; NULL: free, or whoever asked is gone */
  bool taken[LQ_GUEST_SLOTS];
  uint32_t first, count;         /* of the ring */
  uint64_t head_ns, head_cpu_ns; /* when it came to the first one; its CPU time then */
  lq_guest_seat *wait_first, *wait_last;
  char last[LQ_GUEST_TEXT_BYTES_MAX]; /* why it ended the last time */
};

/* An answer of the tick under way. */
typedef struct lqi_reply {
  uint8_t *reply;
  size_t bytes;
} lqi_reply;

/* What all seats of a tenant hold. Lives as long as one of them. */
typedef struct lqi_holder {
  struct lqi_holder *next;
  uint32_t seats;
  size_t bytes;
  char tenant[LQ_TENANT_BYTES];
} lqi_holder;

struct lq_guest_seat {
  lqi_asker asker;
  lq_guests *guests;
  lqi_holder *of;
  lq_guest_port port;
  uint8_t release[32];
  void (*ready)(void *context);
  void *context;
  lqi_process *waits_for; /* in its list */
  lq_guest_seat *wait_next;
  lq_guest_seat *due_next;
  bool due;        /* `ready` is to be called */
  bool patient;    /* LQ_GUEST_PATIENCE */
  uint64_t digest; /* of the tick that its answers are of */
  lqi_reply *answer;
  uint32_t answer_count, answer_capacity;
  size_t answer_bytes; /* all together */
};

/* A port that waits. */
typedef struct lqi_waiting {
  struct lqi_waiting *next;
  lq_guests *guests;
  lq_guest_port port;
  lqi_asker asker;
  bool stopped; /* with its tenant */
  char tenant[LQ_TENANT_BYTES];
  uint8_t release[32];
} lqi_waiting;

struct lq_guests {
  lq_loop *loop;
  lq_guest_supply supply;
  uint32_t idle_ms;
  lqi_process *processes;
  lqi_waiting *waiting;
  lqi_holder *holders;
  lq_timer *timer; /* while some process is up, or some seat waits */
  lq_guest_seat *due_first, *due_last;
  bool due_posted, closed;
  lq_guest_stats stats;
};

/* ---- process.c ---- */
/* A language's program with these files before it. */
LQ_MUST lq_err lqi_jail_start(lq_guest_language language, const char *folder,
                              const lq_guest_source *file, uint32_t count, lq_jail **out,
                              lq_diag *diag);
/* NULL: no memory. */
lqi_process *lqi_process_need(lq_guests *guests, const char *tenant, const uint8_t release[32],
                              lq_guest_language language);
/* Starts it when it is off; `hurry`: although it should rest. False: it cannot be, or not yet;
 * `why` is "" when it only rests. */
bool lqi_process_start(lqi_process *p, bool hurry, char why[LQ_GUEST_TEXT_BYTES_MAX]);
/* Sends the question. False: no slot is free; *err when it cannot be asked at all. */
bool lqi_process_ask(lqi_process *p, const lq_guest_ask *ask, lqi_asker *asker, lq_err *err);
/* Takes what it has said. */
void lqi_process_pump(lqi_process *p);
void lqi_process_watch(lqi_process *p, uint64_t now_ns); /* the watchdog's look */
void lqi_process_forget(lqi_process *p, const lqi_asker *asker);
void lqi_process_close(lqi_process *p);
void lqi_process_stop(lqi_process *p, const char *why); /* whoever asked or waits has failed */
/* Clocks of two threads may differ, and a process that is gone has no CPU time. */
static inline uint64_t lqi_since(uint64_t now_ns, uint64_t then_ns) {
  return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* ---- guests.c ---- */
void lqi_timer_need(lq_guests *guests);
void lqi_seat_wait(lq_guest_seat *seat, lqi_process *p);
void lqi_seat_unwait(lq_guest_seat *seat);
void lqi_seat_due(lq_guest_seat *seat);
/* The asker's state changed. */
void lqi_asker_told(lqi_asker *asker);
/* Seats that wait for it may ask again. */
void lqi_process_free(lqi_process *p, bool all);

#endif
