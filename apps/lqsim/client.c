/* A player: a state machine over the bytes it gets. */
#include <stdlib.h>

#include "apps/lqsim/sim_run.h"
#include "lq_base/hash.h"

enum {
  ANSWER_S = 6, /* without a word for so long the player connects again */
  STATE_BYTES = 64 << 10,
};

static uint8_t scratch[LQ_WS_MESSAGE_BYTES_MAX];
static uint8_t state_text[STATE_BYTES];

void *sim_grown(void *array, uint32_t count, size_t size) {
  if (count & (count - 1) || (count && count < 16)) return array;
  void *larger = sim_alloc((count ? 2 * (size_t)count : 16) * size);
  if (count) memcpy(larger, array, count * size);
  free(array);
  return larger;
}

/* ---- out ---- */

static void send_text(sim_client *c, const char *text) {
  static uint8_t frame[LQ_WS_MESSAGE_BYTES_MAX];
  uint8_t mask[4];
  for (uint32_t i = 0; i < 4; i++) mask[i] = (uint8_t)sim_next(SIM_CLIENT);
  lq_writer w = lq_writer_of(frame, sizeof frame);
  size_t bytes = strlen(text), first = bytes;
  if (bytes > 1 && sim_fault_now(SIM_F_SPLIT))
    first = 1 + sim_below(SIM_CLIENT, (uint32_t)bytes - 1);
  lq_ws_write(&w, LQ_WS_OP_TEXT, lq_span_of(text, first), mask);
  if (first < bytes) { /* a message in two fragments */
    frame[0] &= 0x7f;
    lq_ws_write(&w, LQ_WS_OP_CONTINUATION, lq_span_of(text + first, bytes - first), mask);
  }
  sim_trace("c%u -> %s", c->number, text);
  sim_sock_send(c->sock, lq_writer_span(&w));
}

static const char *game_name(const sim_client *c) { return sim_games_built.game[c->game].name; }

/* Another player of the same session, who is surely in it. */
static const sim_client *victim_of(const sim_client *c) {
  for (uint32_t i = 0; i < sim_run_client_count; i++) {
    const sim_client *other = &sim_run_client[i];
    if (other != c && other->joined_once && other->tenant == c->tenant && other->game == c->game &&
        !strcmp(other->session, c->session))
      return other;
  }
  return NULL;
}

/* As somebody else: with their name, or with the own token over their name. */
static bool join_forge(const sim_client *c, char out[320]) {
  const sim_client *victim = victim_of(c);
  const char *mac = strrchr(c->resume, '~');
  if (!victim || !mac) return false;
  if (sim_below(SIM_CLIENT, 2))
    (void)snprintf(out, 320, ",\"session\":\"%s\",\"player\":\"%s\"", c->session, victim->player);
  else
    (void)snprintf(out, 320, ",\"resume\":\"%s~%s%s\"", c->session, victim->player, mac);
  return true;
}

/* Keys change while a session is made: its new key may fall between. */
static void rotate_soon(void *context, uint64_t tenant) {
  if (sim.faults_on) sim_server_rotate(context, (uint32_t)tenant);
}

static void send_join(sim_client *c) {
  if (!c->joined_once && sim_fault_now(SIM_F_ROTATE_JOIN))
    sim_at(sim.now_ns + sim_between(SIM_CLIENT, SIM_US, 8 * SIM_MS), rotate_soon,
           &cluster.server[c->home], c->tenant);
  char text[512], resume[320] = "", team[64] = "";
  if (c->team[0]) (void)snprintf(team, sizeof team, ",\"team\":\"%s\"", c->team);
  c->forged = c->forges && join_forge(c, resume);
  c->forges = false;
  if (c->forged)
    sim_trace("c%u pretends", c->number);
  else if (c->resume[0] && c->seen)
    (void)snprintf(resume, sizeof resume,
                   ",\"resume\":\"%s\",\"seen\":{\"tick\":%llu,\"seq\":%llu}", c->resume,
                   (unsigned long long)c->seen_tick, (unsigned long long)c->seen_seq);
  else if (c->resume[0])
    (void)snprintf(resume, sizeof resume, ",\"resume\":\"%s\"", c->resume);
  else if (c->name[0])
    (void)snprintf(resume, sizeof resume, ",\"session\":\"%s\",\"player\":\"%s\"", c->session,
                   c->name);
  else /* the server makes a name up */
    (void)snprintf(resume, sizeof resume, ",\"session\":\"%s\"", c->session);
  (void)snprintf(text, sizeof text, "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"%s\"%s%s}",
                 sim_tenant[c->tenant], game_name(c), team, resume);
  c->state = SIM_JOINING;
  c->line++;
  send_text(c, text);
}

static void knot_command(const sim_client *c, sim_command *command) {
  static const char *const verb[] = {"tie", "tie", "cut", "pull", "hold", "mark", "tease"};
  const char *what = verb[sim_below(SIM_CLIENT, sizeof verb / sizeof *verb)];
  char rest[64] = "";
  uint32_t knot = sim_below(SIM_CLIENT, 8), number = sim_below(SIM_CLIENT, 100);
  if (!strcmp(what, "tie"))
    (void)snprintf(rest, sizeof rest, ",\"name\":\"k%u\",\"weight\":%u", knot, number);
  else if (!strcmp(what, "pull"))
    (void)snprintf(rest, sizeof rest, ",\"knot\":\"k%u\",\"by\":%u", knot, number);
  else if (strcmp(what, "mark") != 0)
    (void)snprintf(rest, sizeof rest, ",\"knot\":\"k%u\"", knot);
  (void)snprintf(command->text, sizeof command->text,
                 "{\"cmd\":\"%s\",\"entity\":\"%s\"%s,\"id\":\"c%u\"}", what, c->player, rest,
                 command->number);
}

static void command_make(const sim_client *c, sim_command *command) {
  if (!strcmp(game_name(c), "knot")) {
    knot_command(c, command);
    return;
  }
  if (!strcmp(game_name(c), "bank")) {
    static const char *const verb[] = {"borrow", "repay"};
    char to[LQ_ID_BYTES + 16] = "";
    uint32_t what = sim_below(SIM_CLIENT, 8);
    if (what >= 2) /* sometimes to the bank, to oneself, or to nobody */
      (void)snprintf(to, sizeof to, what == 2 ? ",\"to\":\"bank\"" : ",\"to\":\"%s-%u\"",
                     sim_tenant[c->tenant], sim_below(SIM_CLIENT, sim_run_client_count));
    (void)snprintf(command->text, sizeof command->text,
                   "{\"cmd\":\"%s\",\"entity\":\"%s\"%s,\"amount\":%u,\"id\":\"c%u\"}",
                   what < 2 ? verb[what] : "transfer", c->player, to, sim_below(SIM_CLIENT, 4000),
                   command->number);
    return;
  }
  int dx = (int)sim_below(SIM_CLIENT, 3) - 1, dy = (int)sim_below(SIM_CLIENT, 3) - 1;
  (void)snprintf(command->text, sizeof command->text,
                 "{\"cmd\":\"move\",\"entity\":\"%s\",\"vec\":[%d,%d,0],\"id\":\"c%u\"}", c->player,
                 dx, dy, command->number);
}

static bool pending(const sim_command *command) {
  return command->sent_ns && !command->acked_ns && !command->refused;
}

static void command_send(sim_client *c, sim_command *command) {
  if (!command->sent_ns) command->sent_ns = sim.now_ns;
  command->again_ns = sim.now_ns;
  command->line = c->line;
  command->put_off = false;
  send_text(c, command->text);
}

static void command_new(sim_client *c) {
  c->command = sim_grown(c->command, c->command_count, sizeof *c->command);
  sim_command *command = sim_alloc(sizeof *command);
  c->command[c->command_count++] = command;
  command->number = c->command_count;
  command_make(c, command);
  c->pending_count++;
  command_send(c, command);
}

static void pending_send(sim_client *c) {
  for (uint32_t i = 0; i < c->command_count; i++)
    if (pending(c->command[i])) command_send(c, c->command[i]);
}

/* ---- in ---- */

static void gone(sim_client *c) {
  c->state = SIM_AWAY;
  c->sock = NULL;
  c->flood_until_ns = 0;
  c->rude = false;
  c->in_bytes = 0;
  lq_ws_deinit(&c->ws);
  c->since_ns = sim.now_ns;
}

static void drop(sim_client *c) {
  sim_sock *sock = c->sock;
  if (!sock) return;
  if (c->state >= SIM_JOINING && sim_below(SIM_CLIENT, 2)) { /* politely */
    uint8_t frame[LQ_WS_CLOSE_BYTES_MAX + 4], mask[4] = {5, 6, 7, 8};
    lq_writer w = lq_writer_of(frame, sizeof frame);
    lq_ws_write_close(&w, LQ_WS_CODE_NORMAL, NULL, mask);
    sim_sock_send(sock, lq_writer_span(&w));
  }
  gone(c);
  sim_sock_close(sock);
}

static sim_command *command_of(const sim_client *c, const char *id) {
  uint32_t number = 0;
  if (id[0] != 'c') return NULL;
  for (const char *at = id + 1; *at; at++) number = number * 10 + (uint32_t)(*at - '0');
  return number && number <= c->command_count ? c->command[number - 1] : NULL;
}

/* What a player sends over one connection is run in its order: before `later`, which was sent once,
 * all that was sent over the same connection before it has an answer. */
static void none_lost(const sim_client *c, const sim_command *later) {
  if (later->again_ns != later->sent_ns || later->line != c->line) return;
  for (uint32_t i = 0; i < c->command_count; i++) {
    const sim_command *before = c->command[i];
    if (pending(before) && !before->put_off && before->line == c->line &&
        before->again_ns < later->sent_ns)
      sim_violation("client %u: c%u was sent before c%u and has no answer", c->number,
                    before->number, later->number);
  }
}

static void acked(sim_client *c, const client_message *m) {
  sim_command *command = command_of(c, m->id);
  if (!command) {
    sim_violation("client %u: an acknowledgement of %s, which it never sent", c->number, m->id);
  } else if (command->acked_ns) {
    if (command->acked_tick != m->tick)
      sim_violation("client %u: %s was acknowledged at tick %llu and at tick %llu", c->number,
                    m->id, (unsigned long long)command->acked_tick, (unsigned long long)m->tick);
  } else {
    if (pending(command)) c->pending_count--;
    command->acked_ns = sim.now_ns;
    command->acked_tick = m->tick;
    c->answered_count++;
    none_lost(c, command);
  }
}

/* One without an id is of a message that was not even read: any of them. */
static void all_put_off(sim_client *c) {
  for (uint32_t i = 0; i < c->command_count; i++) c->command[i]->put_off = true;
}

/* A refusal that does not say "try again" is an answer. */
static void refused(sim_client *c, const client_message *m) {
  if (!m->id[0]) all_put_off(c);
  sim_command *command = command_of(c, m->id);
  bool again = !strcmp(m->code, "LQ_ERR_BUSY") || !strcmp(m->code, "LQ_ERR_RATE") ||
               !strcmp(m->code, "LQ_ERR_NOT_JOINED") || !strcmp(m->code, "LQ_ERR_MEMORY");
  if (command && again) command->put_off = true;
  if (!command || !pending(command) || again) return;
  command->refused = true;
  c->pending_count--;
  c->answered_count++;
}

static void event_came(sim_client *c, const client_message *m, lq_span text) {
  if (c->seen && (m->tick < c->seen_tick || (m->tick == c->seen_tick && m->seq <= c->seen_seq)))
    return; /* at least once: it was told before */
  c->seen = true;
  c->seen_tick = m->tick;
  c->seen_seq = m->seq;
  c->told = sim_grown(c->told, c->told_count, sizeof *c->told);
  c->told[c->told_count++] = (sim_told){m->tick, m->seq, lq_hash_bytes(1, text.data, text.bytes)};
}

static void believe(sim_client *c, uint64_t tick) {
  if (sim_below(SIM_CLIENT, 6)) return;
  lq_writer w = lq_writer_of(state_text, sizeof state_text);
  client_view_write(c->view, &w);
  LQ_CHECK(!w.failed);
  c->belief = sim_grown(c->belief, c->belief_count, sizeof *c->belief);
  c->belief[c->belief_count++] = (sim_belief){tick, lq_hash_bytes(1, w.data, w.bytes)};
}

static void joined(sim_client *c, const client_message *m) {
  if (c->joined_once && strcmp(c->player, m->player) != 0)
    sim_violation("client %u came back as %s and was %s", c->number, m->player, c->player);
  if (!c->joined_once) c->joined_tick = m->tick;
  c->joined_once = true;
  c->last_joined_tick = m->tick;
  c->seat = sim_grown(c->seat, c->seat_count, sizeof *c->seat);
  c->seat[c->seat_count++] = m->tick;
  (void)lq_text_copy(c->player, sizeof c->player, lq_span_text(m->player));
  (void)lq_text_copy(c->resume, sizeof c->resume, lq_span_text(m->resume));
  c->state = SIM_PLAYING;
  pending_send(c);
}

static void text_came(sim_client *c, lq_span text) {
  char why[256] = "";
  client_message m;
  sim_trace("c%u <- %.*s", c->number, (int)(text.bytes < 300 ? text.bytes : 300),
            (const char *)text.data);
  for (uint32_t t = 0; t < SIM_TENANTS_MAX; t++)
    if (t != c->tenant && memmem(text.data, text.bytes, sim_tenant[t], strlen(sim_tenant[t])))
      sim_violation("client %u of %s is told of %s", c->number, sim_tenant[c->tenant],
                    sim_tenant[t]);
  if (!client_view_text(c->view, (const char *)text.data, text.bytes, &m, why, sizeof why)) {
    sim_violation("client %u got what is no message: %s", c->number, why);
    return;
  }
  switch (m.kind) {
  case CLIENT_MESSAGE_JOINED:
    joined(c, &m);
    believe(c, m.tick);
    break;
  case CLIENT_MESSAGE_ACK:
    acked(c, &m);
    break;
  case CLIENT_MESSAGE_STATE:
    believe(c, m.tick);
    break;
  case CLIENT_MESSAGE_EVENT:
    event_came(c, &m, text);
    break;
  case CLIENT_MESSAGE_ERROR:
    refused(c, &m);
    if (!m.id[0] && c->state == SIM_PLAYING)
      c->gap_until = c->last_joined_tick; /* it may tell that what was missed cannot be read */
    if (!c->rude && (!strcmp(m.code, "LQ_ERR_SYNTAX") || !strcmp(m.code, "LQ_ERR_UTF8")))
      sim_violation("client %u sent nothing wrong and is told %s", c->number, m.code);
    if (!strcmp(m.code, "LQ_ERR_INTERNAL"))
      sim_violation("client %u is told %s", c->number, m.code);
    /* The first join may have been durable although nobody could be told: then the name is taken
     * by this very player, whose token was lost with the answer. Another name, then. */
    if (!strcmp(m.code, "LQ_ERR_EXISTS") && c->state == SIM_JOINING && !c->resume[0])
      (void)snprintf(c->name, sizeof c->name, "%s-%u-%u", sim_tenant[c->tenant], c->number,
                     sim_below(SIM_CLIENT, 100000));
    if (c->state == SIM_JOINING && c->forged)
      send_join(c);
    else if (c->state == SIM_JOINING)
      drop(c); /* and come again */
    break;
  case CLIENT_MESSAGE_OTHER:
    break;
  }
}

static void send_control(sim_client *c, lq_ws_opcode opcode, lq_span payload) {
  uint8_t frame[256], mask[4] = {1, 2, 3, 4};
  lq_writer w = lq_writer_of(frame, sizeof frame);
  lq_ws_write(&w, opcode, payload, mask);
  sim_sock_send(c->sock, lq_writer_span(&w));
}

/* Pings whose answers it does not read: the way to be slow in small worlds. */
static void flood(sim_client *c, uint32_t pings) {
  static const uint8_t payload[125];
  for (uint32_t i = 0; i < pings && sim_sock_room(c->sock) > sizeof payload * 100; i++)
    send_control(c, LQ_WS_OP_PING, lq_span_of(payload, sizeof payload));
}

/* How many bytes were used; the connection may be gone after it. */
static size_t frames(sim_client *c, lq_span in) {
  lq_ws_message m;
  size_t used = lq_ws_read(&c->ws, in, scratch, &m);
  if (m.kind == LQ_WS_TEXT) {
    text_came(c, m.payload);
  } else if (m.kind == LQ_WS_PING) {
    send_control(c, LQ_WS_OP_PONG, m.payload);
  } else if (m.kind == LQ_WS_CLOSE) {
    if (m.code == LQ_WS_CODE_PROTOCOL || m.code == LQ_WS_CODE_UTF8 ||
        m.code == LQ_WS_CODE_UNSUPPORTED || m.code == LQ_WS_CODE_TOO_BIG)
      sim_violation("client %u sent no bad frame and is closed with code %u", c->number, m.code);
    drop(c);
  } else if (m.kind == LQ_WS_FAIL) {
    sim_violation("client %u got a frame against the protocol: %s", c->number, m.reason);
    drop(c);
  }
  return used;
}

static size_t handshake(sim_client *c, lq_span in) {
  size_t used = 0;
  lq_diag diag = {0};
  lq_err err = lq_ws_client_check(in, &c->dial, &used, &diag);
  if (err == LQ_ERR_TRUNCATED) return 0;
  if (err) {
    sim_trace("c%u: no handshake: %s", c->number, diag.message);
    drop(c);
    return 0;
  }
  send_join(c);
  return used;
}

static void data(void *context, lq_span bytes) {
  sim_client *c = context;
  c->heard_ns = sim.now_ns;
  if (c->in_bytes + bytes.bytes > c->in_capacity) {
    size_t capacity = 2 * (c->in_bytes + bytes.bytes);
    uint8_t *in = sim_alloc(capacity);
    if (c->in_bytes) memcpy(in, c->in, c->in_bytes);
    free(c->in);
    c->in = in;
    c->in_capacity = capacity;
  }
  memcpy(c->in + c->in_bytes, bytes.data, bytes.bytes);
  c->in_bytes += bytes.bytes;
  size_t at = 0;
  while (c->sock && at < c->in_bytes) {
    lq_span rest = lq_span_of(c->in + at, c->in_bytes - at);
    size_t used = c->state == SIM_UPGRADING ? handshake(c, rest) : frames(c, rest);
    if (!used) break;
    at += used;
  }
  if (!c->sock) return;
  memmove(c->in, c->in + at, c->in_bytes - at);
  c->in_bytes -= at;
}

static void closed(void *context) {
  sim_trace("c%u: closed", ((sim_client *)context)->number);
  gone(context);
}

static void connected(void *context) {
  sim_client *c = context;
  uint8_t request[512];
  lq_writer w = lq_writer_of(request, sizeof request);
  c->dial = (lq_ws_dial){.host = "127.0.0.1:8080", .path = "/ws"};
  for (uint32_t i = 0; i < sizeof c->dial.nonce; i++)
    c->dial.nonce[i] = (uint8_t)sim_next(SIM_CLIENT);
  c->ws = (lq_ws){.is_client = true};
  c->state = SIM_UPGRADING;
  lq_ws_client_request(&w, &c->dial);
  sim_sock_send(c->sock, lq_writer_span(&w));
}

/* ---- what it does by itself ---- */

static void connect(sim_client *c) {
  static const sim_peer_events events = {connected, data, closed};
  uint32_t to = c->home;
  if (cluster.shared && sim_fault_now(SIM_F_SECOND_OWNER))
    to = sim_below(SIM_CLIENT, cluster.server_count);
  c->state = SIM_DIALING;
  c->heard_ns = sim.now_ns;
  c->sock = sim_dial(cluster.server[to].machine, SIM_PORT, &events, c);
  sim_trace("c%u: dials machine %u", c->number, cluster.server[to].machine->number);
}

/* The same player from a second place; the first connection is simply left alone. */
static void connect_twice(sim_client *c) {
  sim_sock *old = c->sock;
  gone(c);
  sim_sock_half_open(old);
  sim_sock_close(old);
  connect(c);
}

static void nonsense(sim_client *c) {
  c->rude = true;
  static const char *const texts[] = {
      "{",
      "[]",
      "{\"cmd\":\"move\"}",
      "{\"cmd\":\"move\",\"entity\":\"nobody\",\"vec\":[0,0,0]}",
      "{\"cmd\":\"nothing\",\"id\":\"x1\"}",
      "{\"action\":\"join\"}",
      "{\"cmd\":3}",
      "null",
      "{\"cmd\":\"move\",\"entity\":\"chest1\",\"vec\":[1,0,0],\"id\":\"x2\"}",
      "{\"cmd\":\"join\",\"player\":\"x\",\"team\":\"\",\"roles\":1}",
      "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[1e999,0,0]}"};
  send_text(c, texts[sim_below(SIM_CLIENT, sizeof texts / sizeof *texts)]);
}

static void trick(sim_client *c) {
  if (sim_fault_now(SIM_F_CUT))
    sim_sock_cut(c->sock);
  else if (sim_fault_now(SIM_F_HALF_OPEN))
    sim_sock_half_open(c->sock);
  else if (sim_fault_now(SIM_F_TWICE))
    connect_twice(c);
  else if (c->state == SIM_PLAYING && sim_fault_now(SIM_F_HOSTILE)) {
    c->forges = sim_below(SIM_CLIENT, 3) == 0;
    if (c->forges)
      drop(c);
    else
      nonsense(c);
  } else if (c->state == SIM_PLAYING && c->pending_count && sim_fault_now(SIM_F_REPEAT))
    pending_send(c);
}

static void read_again(void *context, uint64_t number) {
  sim_client *c = context;
  if (c->sock && (uint64_t)(uintptr_t)c->sock == number) sim_sock_pause(c->sock, true);
}

static void act(void *context, uint64_t argument) {
  sim_client *c = context;
  (void)argument;
  if (c->goes_on)
    sim_at(sim.now_ns + sim_between(SIM_CLIENT, 15 * SIM_MS, 250 * SIM_MS), act, c, 0);
  if (c->state == SIM_AWAY) {
    if (c->goes_on && sim.now_ns - c->since_ns > 100 * SIM_MS && sim.now_ns >= c->away_until_ns)
      connect(c);
    return;
  }
  if (sim.faults_on && sim_below(SIM_CLIENT, 250) == 0) { /* enough for now: sessions fall asleep */
    c->away_until_ns = sim.now_ns + sim_between(SIM_CLIENT, SIM_S, 9 * SIM_S);
    drop(c);
  }
  if (sim.faults_on && c->sock) trick(c);
  if (!c->sock) return;
  bool waits = c->state != SIM_PLAYING || c->pending_count;
  if (waits && sim.now_ns - c->heard_ns > ANSWER_S * SIM_S) {
    drop(c);
    return;
  }
  if (c->state != SIM_PLAYING) return;
  if (sim.now_ns < c->flood_until_ns) flood(c, 60);
  if (sim_fault_now(SIM_F_SLOW_READER)) {
    bool floods = sim_below(SIM_CLIENT, 3) == 0;
    uint64_t for_ns = floods ? sim_between(SIM_CLIENT, 4 * SIM_S, 6 * SIM_S)
                             : sim_between(SIM_CLIENT, 500 * SIM_MS, 5 * SIM_S);
    sim_sock_pause(c->sock, false);
    sim_at(sim.now_ns + for_ns, read_again, c, (uint64_t)(uintptr_t)c->sock);
    if (floods) {
      c->flood_until_ns = sim.now_ns + for_ns;
      flood(c, 700);
    }
  }
  for (uint32_t i = 0; i < c->command_count && c->pending_count; i++) {
    sim_command *command = c->command[i];
    if (pending(command) && sim.now_ns - command->again_ns > 3 * SIM_S) command_send(c, command);
  }
  if (c->pending_count < SIM_PENDING_MAX && (!c->goal || c->answered_count < c->goal))
    command_new(c);
  if (!strcmp(game_name(c), "bank") && sim_below(SIM_CLIENT, 16) == 0) sim_stranger_ask(c);
}

void sim_client_start(sim_client *c) {
  c->view = client_view_open();
  LQ_CHECK(c->view);
  c->goes_on = true;
  sim_at(sim.now_ns + sim_between(SIM_CLIENT, 1, 500 * SIM_MS), act, c, 0);
}

void sim_client_heal(sim_client *c, uint32_t more) {
  c->goal = c->answered_count + more;
  c->flood_until_ns = c->away_until_ns = 0;
  if (c->sock) sim_sock_pause(c->sock, true);
}

bool sim_client_content(const sim_client *c) {
  if (sim_shredded(sim_tenant[c->tenant])) return true;
  return c->answered_count >= c->goal && !c->pending_count;
}

void sim_client_leave(sim_client *c) {
  c->goes_on = false;
  drop(c);
}
