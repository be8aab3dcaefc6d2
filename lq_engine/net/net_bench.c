/* CPU ns per message: parse and walk, a command, deltas, floats. --quick runs tiny. */
#define _POSIX_C_SOURCE 200809L
#include "lq_engine/net/message_testing.h"

#include <time.h>

static const char move[] =
    "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[0,1,0],\"id\":\"c1-2f9e81aa-0000-4000\"}";
static lq_session *session;
static char text[1 << 16];
static volatile uint64_t sink;

static void parse_and_walk(void) {
  lq_json json, value;
  lq_span key;
  lq_json_walk walk = {0};
  if (lq_json_parse(lq_span_of(move, sizeof move - 1), &json, NULL)) abort();
  while (lq_json_member(json, &walk, &key, &value)) {
    lq_json_walk inner = {0};
    lq_json element;
    int64_t v;
    while (lq_json_element(value, &inner, &element))
      sink += lq_json_i64(element, &v) ? (uint64_t)v : 0;
    sink += key.bytes;
  }
}

static void read_command(void) {
  lq_message message;
  lq_command command;
  lq_writer body = lq_writer_of(text, sizeof text);
  if (lq_message_read(lq_span_of(move, sizeof move - 1), &message, NULL)) abort();
  if (lq_message_command(testing_game(), &message, &body, &command, NULL)) abort();
  sink += command.body.bytes;
}

static void delta_of_ten(void) {
  lq_viewer viewer = {.slot = 1};
  lq_writer w = lq_writer_of(text, sizeof text);
  if (!lq_message_delta(session, &viewer, &w)) abort();
  sink += w.bytes;
}

static void event(void) {
  static const uint8_t body[] = {2, 'p', '1', 200, 1};
  const lq_event e = {.type = COLLECTED, .body = {body, sizeof body}};
  lq_writer w = lq_writer_of(text, sizeof text);
  if (!lq_message_event(testing_game(), 131, &e, &w)) abort();
  sink += w.bytes;
}

static void float_out(void) {
  static uint32_t i;
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_json_write_f32(&w, (float)(i++ % 100000) / 97.0f);
  sink += w.bytes;
}

static void float_in(void) {
  float f;
  if (!lq_json_f32((lq_json){LQ_JSON_NUMBER, lq_span_text("123.45679")}, &f)) abort();
  sink += f > 1;
}

static double now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *what, void (*run)(void), uint32_t times) {
  double median[5];
  for (int i = 0; i < 5; i++) {
    double from = now_ns();
    for (uint32_t n = 0; n < times; n++) run();
    double ns = (now_ns() - from) / times;
    int at = i;
    for (; at > 0 && median[at - 1] > ns; at--) median[at] = median[at - 1];
    median[at] = ns;
  }
  (void)printf("%-44s %8.0f ns\n", what, median[2]);
}

static void ten_moved(const lq_game *game) {
  session = testing_session(game);
  lq_world *world = lq_session_world(session);
  lq_entity entity[10];
  for (int i = 0; i < 10; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "p%d", i + 1);
    if (lq_world_create(world, id, 0, &entity[i]) || lq_world_add(world, entity[i], POSITION))
      abort();
  }
  lq_world_frame_end(world);
  lq_world_frame_begin(world);
  for (int i = 0; i < 10; i++) {
    int32_t *xy = lq_world_write(world, entity[i], POSITION);
    xy[0] = 3 * i + 1;
    xy[1] = 25 - i;
  }
  lq_world_frame_end(world);
}

int main(int argc, char **argv) {
  bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
  uint32_t times = quick ? 1000 : 500000;
  measure("parse and walk a move of 76 bytes", parse_and_walk, times);
  measure("read a move into a command", read_command, times);
  ten_moved(testing_game_of(true));
  measure("delta of 10 moved players, uniform", delta_of_ten, times);
  free(session);
  ten_moved(testing_game());
  measure("delta of 10 moved players, 4 restricted types", delta_of_ten, times);
  free(session);
  measure("an event", event, times);
  measure("write an f32", float_out, times);
  measure("read an f32", float_in, times);
  return 0;
}
