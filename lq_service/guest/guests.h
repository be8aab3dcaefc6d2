/* Guests at work: their processes, and the ports through which sessions ask them.
 *
 * Shape: one process for (tenant, release, language), started when first asked and ended when
 * nobody has asked for LQ_GUEST_IDLE_MS, or with its tenant. It holds at most LQ_GUEST_SLOTS calls
 * and works on them in their order. A session on a loop has a seat: what it asks is sent, its tick
 * waits, and `ready` tells when to run it again; the answers of a tick lie in the seat until the
 * tick is over. Who replays has a patient seat, or a port that waits.
 * Watchdog: a call that takes LQ_GUEST_CPU_MS of CPU time, or LQ_GUEST_WALL_MS, ends its process.
 * The call it was at has failed; one whose process ended by itself, or by the wall clock, is asked
 * once more before. The other calls of that process are asked again. After an end the next start
 * waits, longer each time.
 * Nothing that a guest says is believed: its bytes are copied out before they are looked at.
 * Threads: all of a loop's thread. */
#ifndef LQ_SERVICE_GUEST_GUESTS_H
#define LQ_SERVICE_GUEST_GUESTS_H

#include "lq_engine/guest/guest.h"
#include "lq_host/loop.h"
#include "lq_service/guest/guest_source.h"

#define LQ_GUEST_CPU_MS 100u   /* of one call: ten times what a system should need */
#define LQ_GUEST_WALL_MS 2000u /* of one call, on a machine that is busy with others */
#define LQ_GUEST_START_MS 10000u
#define LQ_GUEST_PATIENCE 10u /* a port that waits grants so many times that: see there */
#define LQ_GUEST_IDLE_MS 30000u
/* Answers that a seat keeps of one tick; beyond it the guest has failed. */
#define LQ_GUEST_HELD_BYTES_MAX (32u << 20)
/* And all seats of one tenant together: four that hold all they may, or thousands as they are. */
#define LQ_GUEST_TENANT_BYTES_MAX (128u << 20)

/* Where the sources come from, and the programs. */
typedef struct lq_guest_supply {
  void *context;
  /* The release's game and its files in that language, which stay until the program ends. */
  lq_err (*files)(void *context, const char *tenant, const uint8_t release[32],
                  lq_guest_language language, const lq_game **game,
                  lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count, lq_diag *diag);
  const char *programs; /* folder of lq-jail-python ...; kept */
} lq_guest_supply;

typedef struct lq_guests lq_guests;
/* loop NULL: only ports that wait. */
LQ_MUST lq_err lq_guests_open(lq_loop *loop, const lq_guest_supply *supply, lq_guests **out);
/* Another time than LQ_GUEST_IDLE_MS. */
void lq_guests_idle_set(lq_guests *guests, uint32_t idle_ms);
/* Ends every process. After the last seat. */
void lq_guests_close(lq_guests *guests);

typedef struct lq_guest_stats {
  uint64_t calls, failed, starts, kills; /* kills: by the watchdog */
  uint32_t processes;
} lq_guest_stats;
lq_guest_stats lq_guests_stats(const lq_guests *guests);

/* The release's files in that language, as the supply has them. */
LQ_MUST lq_err lq_guests_files(const lq_guests *guests, const char *tenant,
                               const uint8_t release[32], lq_guest_language language,
                               lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count);

/* Ends the tenant's processes, whatever they are at. Its ports that wait fail from here on, until
 * they are asked for again; so do questions under way of seats that are not closed yet. */
void lq_guests_tenant_stop(lq_guests *guests, const char *tenant);

/* A port that waits for each answer. Kept until lq_guests_close; NULL: no memory. It is for
 * journals, which say that the guest has answered: what was within the limits on one machine must
 * not fail on a slower or busier one, so they are LQ_GUEST_PATIENCE times as long. */
const lq_guest_port *lq_guests_waiting(lq_guests *guests, const char *tenant,
                                       const uint8_t release[32]);

/* ---- a session's seat ---- */
typedef struct lq_guest_seat lq_guest_seat;
/* ready: on the loop, never from inside another call of this header: the tick that was told to wait
 * may be run again. */
LQ_MUST lq_err lq_guest_seat_open(lq_guests *guests, const char *tenant, const uint8_t release[32],
                                  void (*ready)(void *context), void *context, lq_guest_seat **out);
void lq_guest_seat_close(lq_guest_seat *seat); /* NULL is nothing; an answer under way is dropped */
const lq_guest_port *lq_guest_seat_port(lq_guest_seat *seat);
/* It runs a journal again: its limits are as long as those of a port that waits. */
void lq_guest_seat_patient(lq_guest_seat *seat);
/* The tick will be another one: its answers, and a question under way, are forgotten. */
void lq_guest_seat_clear(lq_guest_seat *seat);
/* The tick is over: as clear. The guests' CPU time since the last one, in nanoseconds. */
uint64_t lq_guest_seat_over(lq_guest_seat *seat);

#endif
