/* The WebAssembly that the served game's rules are, for who plays and predicts: the very modules
 * that the jail runs (metered, so they stop where the server's stop), and the encoded game that
 * they are called for. Named by their content: an address never answers with other bytes, so it may
 * be kept for ever. Whoever may read the game may read them.
 * Cost: the files are read and summed for each request, on the loop; some hundred KiB. */
#include "lq_service/gateway/gateway_int.h"
#include "lq_service/guest/wasm.h"

#include <stdio.h>
#include <stdlib.h>

/* One of them; data is of lq_file_read. */
typedef struct part {
  lq_span name; /* "systems/hunt.wasm"; the game's is "game" */
  uint8_t *data;
  size_t bytes;
  lq_sha256 digest;
} part;

typedef struct parts {
  uint8_t release[32];
  uint32_t count;
  part at[LQ_GUEST_SOURCES_MAX + 1];
} parts;

static void parts_free(parts *p) {
  for (uint32_t i = 0; i < p->count; i++) free(p->at[i].data);
  free(p);
}

static lq_err game_take(parts *p, const lq_game *game) {
  uint8_t *data = malloc(LQ_GAME_BYTES_MAX);
  lq_writer w = lq_writer_of(data, data ? LQ_GAME_BYTES_MAX : 0);
  lq_err err = data ? lq_game_encode(game, &w) : LQ_ERR_MEMORY;
  if (!err && w.failed) err = LQ_ERR_TOO_BIG;
  if (err) {
    free(data);
    return err;
  }
  p->at[p->count++] = (part){lq_span_text("game"), data, w.bytes, lq_sha256_of(lq_writer_span(&w))};
  return LQ_OK;
}

/* The metered module lies beside the library, as lq_wasm_compile says. */
static lq_err module_take(parts *p, const lq_guest_source *source) {
  char path[LQ_WASM_PATH_BYTES];
  if (!lq_text_copy(path, sizeof path, source->library)) return LQ_ERR_INTERNAL;
  char *end = strrchr(path, '.');
  if (!end || (size_t)(end - path) + sizeof ".wasm" > sizeof path) return LQ_ERR_INTERNAL;
  memcpy(end, ".wasm", sizeof ".wasm");
  part *it = &p->at[p->count];
  lq_err err = lq_file_read(path, LQ_WASM_METERED_MAX, &it->data, &it->bytes);
  if (err) return err;
  it->name = source->name;
  it->digest = lq_sha256_of(lq_span_of(it->data, it->bytes));
  p->count++;
  return LQ_OK;
}

static lq_err parts_take(lqi_conn *c, const lq_session_name *name, parts **out) {
  lq_shard *shard = c->gateway->options.shard;
  lq_guest_source source[LQ_GUEST_SOURCES_MAX];
  uint32_t count = 0;
  parts *p = *out = calloc(1, sizeof *p);
  if (!p) return LQ_ERR_MEMORY;
  const lq_game *game = lq_shard_game(shard, name->tenant, name->game, p->release);
  lq_guests *guests = lq_shard_guests(shard);
  lq_err err = game_take(p, game);
  if (!err && guests && lq_game_has_guests(game))
    err = lq_guests_files(guests, name->tenant, p->release, LQ_GUEST_WASM, source, &count);
  for (uint32_t i = 0; !err && i < count; i++) err = module_take(p, &source[i]);
  return err;
}

static void part_write(lq_writer *w, const part *it) {
  char hex[65];
  lq_hex(it->digest.bytes, 32, hex);
  lq_write_text(w, "{\"file\":");
  lq_json_write_text(w, it->name);
  lq_write_text(w, ",\"sha256\":\"");
  lq_write_text(w, hex);
  lq_write_text(w, "\",\"bytes\":");
  lq_write_decimal_u(w, it->bytes);
  lq_write_u8(w, '}');
}

static void list_reply(lqi_conn *c, const parts *p) {
  char hex[65];
  lq_hex(p->release, sizeof p->release, hex);
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  lq_write_text(&w, "{\"release\":\"");
  lq_write_text(&w, hex);
  lq_write_text(&w, "\",\"game\":");
  part_write(&w, &p->at[0]);
  lq_write_text(&w, ",\"modules\":[");
  for (uint32_t i = 1; i < p->count; i++) {
    if (i > 1) lq_write_u8(&w, ',');
    part_write(&w, &p->at[i]);
  }
  lq_write_text(&w, "]}");
  lqi_reply(c, &(lq_http_response){
                   .status = 200, .content_type = "application/json", .body = lq_writer_span(&w)});
}

static void part_reply(lqi_conn *c, const parts *p, lq_span asked) {
  uint8_t digest[32];
  const part *found = NULL;
  bool is_digest = asked.bytes == 64 && lq_unhex(asked, digest, sizeof digest);
  for (uint32_t i = 0; is_digest && i < p->count; i++)
    if (memcmp(p->at[i].digest.bytes, digest, sizeof digest) == 0) found = &p->at[i];
  if (!found) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND,
                     "the served release has no such module; ask for the list of them again");
    return;
  }
  lqi_reply(c, &(lq_http_response){.status = 200,
                                   .content_type = found == &p->at[0] ? "application/octet-stream"
                                                                      : "application/wasm",
                                   .headers = "Cache-Control: private, max-age=31536000, "
                                              "immutable\r\n",
                                   .body = lq_span_of(found->data, found->bytes)});
}

void lqi_modules_reply(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lq_http_path path;
  parts *p;
  lq_err err = parts_take(c, &target->name, &p);
  if (!err) err = lq_http_path_split(request->path, &path);
  if (err)
    lqi_problem(c, 0, err, NULL, NULL);
  else if (target->route == LQI_ROUTE_MODULES)
    list_reply(c, p);
  else
    part_reply(c, p, path.segments[path.count - 1]);
  if (p) parts_free(p);
}
