/* The releases of this process: built from a folder or loaded from a blob, both through the bytes
 * of the blob, so that what runs is always what is stored. */
#include "lq_service/guest/wasm.h"
#include "lq_service/release/described.h"

#include "lq_base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct loaded {
  struct loaded *next;
  lq_release release;
  void *blob; /* pages */
  void *arena;
  size_t blob_bytes, arena_bytes;
  lq_library *library; /* NULL without native code */
  /* What guests are given, by name: "systems/" and the name; the text is the blob's. */
  uint32_t guest_count;
  struct {
    lq_guest_language language;
    char name[LQI_SOURCE_NAME_BYTES + 8];
    lq_span text;
    char *library; /* of WebAssembly: LQ_WASM_PATH_BYTES; else NULL */
  } guest[LQI_SOURCES_MAX];
} loaded;

struct lq_releases {
  lqi_compiler compiler;
  lq_mutex *build_mutex; /* one build at a time */
  lq_mutex *list_mutex;  /* held for moments only: shards ask while something builds */
  loaded *first;
  lq_describe_fn describe; /* NULL: no guests here */
  char cache[LQI_PATH_BYTES], command[LQI_PATH_BYTES], jails[LQI_PATH_BYTES];
};

lq_err lqi_say(lq_diag *diag, lq_err code, const char *mend, const char *format, ...) {
  if (!diag) return code;
  diag->code = code;
  diag->line = diag->column = 0;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(diag->message, sizeof diag->message, format, args);
  va_end(args);
  (void)snprintf(diag->mend, sizeof diag->mend, "%s", mend ? mend : lq_err_mend(code));
  return code;
}

bool lqi_path(char out[LQI_PATH_BYTES], const char *folder, const char *name) {
  int length = snprintf(out, LQI_PATH_BYTES, "%s/%s", folder, name);
  return length > 0 && length < (int)LQI_PATH_BYTES;
}

lq_err lq_releases_open(const char *cache_folder, const char *cc, lq_releases **out) {
  *out = NULL;
  lq_releases *r = calloc(1, sizeof *r);
  if (!r) return LQ_ERR_MEMORY;
  if (!cc) cc = lq_env("CC");
  if (!cc || !cc[0]) cc = "cc";
  r->build_mutex = lq_mutex_open();
  r->list_mutex = lq_mutex_open();
  lq_err err = r->build_mutex && r->list_mutex ? LQ_OK : LQ_ERR_MEMORY;
  if (!err && (!lq_text_copy(r->cache, sizeof r->cache, lq_span_text(cache_folder)) ||
               !lq_text_copy(r->command, sizeof r->command, lq_span_text(cc))))
    err = LQ_ERR_TOO_BIG;
  r->compiler = (lqi_compiler){.cache = r->cache, .command = r->command};
  if (err) {
    lq_releases_close(r);
    return err;
  }
  *out = r;
  return LQ_OK;
}

void lq_releases_guests(lq_releases *r, lq_describe_fn describe, const char *jail_folder) {
  r->describe =
      lq_text_copy(r->jails, sizeof r->jails, lq_span_text(jail_folder)) ? describe : NULL;
}

const char *lqi_releases_jails(const lq_releases *releases) { return releases->jails; }

uint32_t lq_release_sources(const lq_release *release, lq_guest_language language,
                            lq_guest_source *out, uint32_t capacity) {
  const loaded *item = (const void *)((const uint8_t *)release - offsetof(loaded, release));
  uint32_t count = 0;
  for (uint32_t i = 0; i < item->guest_count; i++) {
    if (item->guest[i].language != language) continue;
    const char *library = item->guest[i].library ? item->guest[i].library : "";
    if (count < capacity)
      out[count] = (lq_guest_source){lq_span_text(item->guest[i].name), item->guest[i].text,
                                     lq_span_text(library)};
    count++;
  }
  return count;
}

static void drop(loaded *item) {
  lq_library_close(item->library);
  for (uint32_t i = 0; i < item->guest_count; i++) free(item->guest[i].library);
  if (item->arena) lq_pages_give(item->arena, item->arena_bytes);
  if (item->blob) lq_pages_give(item->blob, item->blob_bytes);
  free(item);
}

void lq_releases_close(lq_releases *r) {
  if (!r) return;
  while (r->first) {
    loaded *item = r->first;
    r->first = item->next;
    drop(item);
  }
  if (r->build_mutex) lq_mutex_close(r->build_mutex);
  if (r->list_mutex) lq_mutex_close(r->list_mutex);
  free(r);
}

const lq_release *lq_releases_find(const lq_releases *r, const uint8_t id[32]) {
  lq_mutex_lock(r->list_mutex);
  const loaded *item = r->first;
  while (item && memcmp(item->release.id, id, 32) != 0) item = item->next;
  lq_mutex_unlock(r->list_mutex);
  return item ? &item->release : NULL;
}

/* ---- load ---- */
static bool has_native_code(const lqi_parts *parts) {
  for (uint32_t i = 0; i < parts->source_count; i++)
    if (lqi_source_is_c(&parts->source[i])) return true;
  return false;
}

/* The engine's words, with the file they are about. */
static lq_err say_bind(lq_diag *diag, lq_err err, const char *label, bool native) {
  char said[sizeof diag->message];
  if (!diag) return err;
  memcpy(said, diag->message, sizeof said);
  return lqi_say(diag, err,
                 native ? "declare it in game.yaml and list its function in LQ_SYSTEMS or "
                          "LQ_COMMANDS of a file in systems/"
                        : "write it in a file of systems/, or take it out of game.yaml",
                 "%s%sgame.yaml: %.200s", label, label[0] ? "/" : "", said);
}

static lq_err decode_and_bind(lq_releases *r, loaded *item, const lqi_parts *parts,
                              const char *label, lq_diag *diag) {
  /* Room for the game, and for the functions bound to it. */
  item->arena_bytes = lq_game_arena_bytes(parts->game) + (64u << 10);
  item->arena = lq_pages_take(item->arena_bytes);
  if (!item->arena) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory for a release");
  lq_arena arena = lq_arena_of(item->arena, item->arena_bytes);
  lq_game *game = NULL;
  const lq_module *module = NULL;
  lq_err err = lq_game_decode(parts->game, &arena, &game, diag);
  if (err) return err;
  item->release.game = game;
  bool native = has_native_code(parts);
  if (native)
    err = lqi_native_open(&r->compiler, item->release.id_hex, label, parts, game, &item->library,
                          &module, diag);
  if (!err) err = lqi_module_apart(game, module, label, diag);
  if (err) return err;
  err = lq_game_bind(game, module, &arena, diag);
  return err ? say_bind(diag, err, label, native) : LQ_OK;
}

/* A module's library: of the cache, else compiled into it. */
static lq_err compile_wasm(const lq_releases *r, const char *label, const lqi_source *source,
                           char path[LQ_WASM_PATH_BYTES], lq_diag *diag) {
  char name[LQI_PATH_BYTES];
  lq_wasm_module *module = malloc(sizeof *module); /* 18 KiB */
  if (!module) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory to compile");
  (void)snprintf(name, sizeof name, "%.500s%ssystems/%s", label, label[0] ? "/" : "", source->name);
  lq_err err = lq_wasm_compile(source->text, name, r->cache, r->command, path, module, diag);
  free(module);
  return err;
}

static lq_err keep_guests(const lq_releases *r, loaded *item, const lqi_parts *parts,
                          const char *label, lq_diag *diag) {
  for (uint32_t i = 0; i < parts->source_count; i++) {
    lq_guest_language language = lqi_source_guest(&parts->source[i]);
    if (language == LQ_GUEST_NATIVE) continue;
    uint32_t at = item->guest_count++;
    item->guest[at].language = language;
    item->guest[at].text = parts->source[i].text;
    (void)snprintf(item->guest[at].name, sizeof item->guest[at].name, "systems/%s",
                   parts->source[i].name);
    if (language != LQ_GUEST_WASM) continue;
    item->guest[at].library = malloc(LQ_WASM_PATH_BYTES);
    if (!item->guest[at].library) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory");
    lq_err err = compile_wasm(r, label, &parts->source[i], item->guest[at].library, diag);
    if (err) return err;
  }
  return LQ_OK;
}

static lq_err keep_blob(loaded *item, lq_span blob) {
  item->blob_bytes = blob.bytes;
  item->blob = lq_pages_take(blob.bytes);
  if (!item->blob) return LQ_ERR_MEMORY;
  memcpy(item->blob, blob.data, blob.bytes);
  item->release.blob = lq_span_of(item->blob, blob.bytes);
  return LQ_OK;
}

/* With build_mutex held. */
static lq_err load(lq_releases *r, lq_span blob, const char *label, const lq_release **out,
                   lq_diag *diag) {
  lqi_parts parts;
  lq_err err = lqi_blob_read(blob, &parts, diag);
  if (err) return err;
  lq_sha256 id = lq_sha256_of(blob);
  *out = lq_releases_find(r, id.bytes);
  if (*out) return LQ_OK;
  loaded *item = calloc(1, sizeof *item);
  if (!item) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory for a release");
  memcpy(item->release.id, id.bytes, 32);
  lq_hex(id.bytes, 32, item->release.id_hex);
  err = keep_blob(item, blob);
  if (!err) err = lqi_blob_read(item->release.blob, &parts, diag);
  if (!err) err = keep_guests(r, item, &parts, label, diag);
  if (!err) err = decode_and_bind(r, item, &parts, label, diag);
  if (err) {
    drop(item);
    return err;
  }
  lq_mutex_lock(r->list_mutex);
  item->next = r->first;
  r->first = item;
  lq_mutex_unlock(r->list_mutex);
  *out = &item->release;
  return LQ_OK;
}

lq_err lq_releases_load(lq_releases *r, lq_span blob, const lq_release **out, lq_diag *diag) {
  *out = NULL;
  lq_mutex_lock(r->build_mutex);
  lq_err err = load(r, blob, "", out, diag);
  lq_mutex_unlock(r->build_mutex);
  return err;
}

/* ---- build ---- */
typedef struct gathering {
  lqi_parts *parts;
  const char *folder; /* systems/ */
  size_t bytes;
  uint8_t *owned[LQI_SOURCES_MAX];
  lq_err err;
  lq_diag *diag;
} gathering;

static bool gather(void *context, const char *name, bool is_folder) {
  gathering *g = context;
  lq_span text = lq_span_text(name);
  bool source = name[0] != '.' && lqi_source_kind(text);
  /* Editors like to have these two beside the sources; the build writes its own. */
  bool generated = strcmp(name, "game.h") == 0 || strcmp(name, "lq_system.h") == 0;
  if (is_folder || !source || generated) return true;
  char path[LQI_PATH_BYTES];
  lqi_source *out = &g->parts->source[g->parts->source_count];
  if (g->parts->source_count == LQI_SOURCES_MAX) {
    g->err = lqi_say(g->diag, LQ_ERR_TOO_BIG, "put several systems into one file",
                     "%s: more than %u sources", g->folder, LQI_SOURCES_MAX);
  } else if (!lqi_source_name_valid(text) || !lq_text_copy(out->name, sizeof out->name, text) ||
             !lqi_path(path, g->folder, name)) {
    g->err = lqi_say(g->diag, LQ_ERR_INVALID,
                     "use letters, digits and _ in its name (- too, but for Python)",
                     "%s: the file name %s is not usable", g->folder, name);
  } else {
    uint8_t **data = &g->owned[g->parts->source_count];
    g->err = lq_file_read(path, LQ_GAME_BYTES_MAX, data, &out->text.bytes);
    if (g->err)
      (void)lqi_say(g->diag, g->err, NULL, "%s: %s", path, lq_err_cause(g->err));
    else
      g->parts->source_count++;
    out->text.data = *data;
  }
  return g->err == LQ_OK;
}

/* game.yaml of the folder, checked and encoded into `out`. */
static lq_err encode_game(const char *folder, const lqi_described *described, lq_writer *out,
                          lq_diag *diag) {
  char path[LQI_PATH_BYTES];
  uint8_t *text = NULL;
  size_t bytes = 0, arena_bytes = 64u << 20; /* lazily taken: every limit at once fits */
  if (!lqi_path(path, folder, "game.yaml"))
    return lqi_say(diag, LQ_ERR_TOO_BIG, NULL, "the folder's name is too long");
  lq_err err = lq_file_read(path, LQ_GAME_BYTES_MAX, &text, &bytes);
  if (err)
    return lqi_say(
        diag, err,
        err == LQ_ERR_NOT_FOUND ? "name a folder with a game.yaml, or make one: lq new <name>"
                                : NULL,
        "%s: %s", path, err == LQ_ERR_NOT_FOUND ? "there is no such file" : lq_err_cause(err));
  void *memory = lq_pages_take(arena_bytes);
  lq_game *game = NULL;
  if (memory) {
    lq_arena arena = lq_arena_of(memory, arena_bytes);
    err = lqi_game_read(lq_span_of(text, bytes), path, described, &arena, &game, diag);
    if (!err) {
      err = lq_game_encode(game, out);
      if (!err && out->failed) err = LQ_ERR_TOO_BIG;
      if (err) (void)lqi_say(diag, err, "declare less", "%s: the game is too big", path);
    }
    lq_pages_give(memory, arena_bytes);
  } else {
    err = lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory to read %s", path);
  }
  lq_file_free(text);
  return err;
}

static lq_err gather_sources(const char *folder, gathering *g) {
  char path[LQI_PATH_BYTES];
  if (!lqi_path(path, folder, "systems"))
    return lqi_say(g->diag, LQ_ERR_TOO_BIG, NULL, "the folder's name is too long");
  g->folder = path;
  lq_err err = lq_folder_list(path, gather, g);
  g->folder = NULL;
  if (err == LQ_ERR_NOT_FOUND) return LQ_OK; /* a game without native code */
  if (err) return lqi_say(g->diag, err, NULL, "%s: %s", path, lq_err_cause(err));
  return g->err;
}

/* ---- guests ---- */
enum { DESCRIBED_BYTES = 1 << 20 }; /* what one language says of its files */

static lq_err say_no_guests(const char *folder, const lqi_source *source, lq_diag *diag) {
  return lqi_say(diag, LQ_ERR_BUILD, "use the program lq, with its lq-jail programs beside it",
                 "%s/systems/%s: this program runs no guests", folder, source->name);
}

/* The files of one language, as its guest is given them. */
typedef struct asked {
  uint32_t count;
  lq_guest_source file[LQI_SOURCES_MAX];
  char name[LQI_SOURCES_MAX][LQI_SOURCE_NAME_BYTES + 8];
  char library[LQI_SOURCES_MAX][LQ_WASM_PATH_BYTES];
} asked;

static lq_err asked_of(lq_releases *r, const char *folder, const lqi_parts *parts,
                       lq_guest_language language, asked *out, lq_diag *diag) {
  lq_err err = LQ_OK;
  for (uint32_t i = 0; !err && i < parts->source_count; i++) {
    const lqi_source *source = &parts->source[i];
    if (lqi_source_guest(source) != language) continue;
    if (!r->describe) return say_no_guests(folder, source, diag);
    uint32_t at = out->count++;
    (void)snprintf(out->name[at], sizeof out->name[at], "systems/%s", source->name);
    if (language == LQ_GUEST_WASM) err = compile_wasm(r, folder, source, out->library[at], diag);
    out->file[at] = (lq_guest_source){lq_span_text(out->name[at]), source->text,
                                      lq_span_text(out->library[at])};
  }
  return err;
}

/* Asks one language, when the game has files of it. game: empty while it is only described. */
static lq_err describe_one(lq_releases *r, const char *folder, const lqi_parts *parts, lq_span game,
                           lq_guest_language language, uint8_t *room, lqi_described *out,
                           lq_diag *diag) {
  asked *a = calloc(1, sizeof *a);
  if (!a) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory to build a release");
  lq_writer json = lq_writer_of(room, DESCRIBED_BYTES);
  lq_err err = asked_of(r, folder, parts, language, a, diag);
  if (!err && a->count) {
    err = r->describe(language, game, a->file, a->count, r->jails, &json, diag);
    if (!err) err = lqi_described_add(out, language, lq_writer_span(&json), folder, diag);
  }
  free(a);
  return err;
}

/* All languages. `room` holds a lqi_described and what each language says. */
static lq_err describe_all(lq_releases *r, const char *folder, const lqi_parts *parts, lq_span game,
                           uint8_t *room, lq_diag *diag) {
  lqi_described *described = (void *)room;
  lqi_described_init(described, has_native_code(parts));
  lq_err err = LQ_OK;
  for (uint32_t i = LQ_GUEST_PYTHON; !err && i < LQ_GUEST_LANGUAGE_COUNT; i++)
    err = describe_one(r, folder, parts, game, (lq_guest_language)i,
                       room + sizeof(lqi_described) + (size_t)i * DESCRIBED_BYTES, described, diag);
  return err;
}

/* What all guests of a game say, and game.yaml with it, encoded into `out`. Then they are loaded
 * for that game, as a server will load them: what is built runs. */
static lq_err describe_and_encode(lq_releases *r, const char *folder, const lqi_parts *parts,
                                  lq_writer *out, lq_diag *diag) {
  lqi_assets *assets = calloc(1, sizeof *assets);
  size_t bytes = sizeof(lqi_described) + (size_t)LQ_GUEST_LANGUAGE_COUNT * DESCRIBED_BYTES;
  uint8_t *room = lq_pages_take(bytes);
  lq_err err = room && assets ? LQ_OK : LQ_ERR_MEMORY;
  if (err)
    (void)lqi_say(diag, err, NULL, "no memory to build a release");
  else
    err = lqi_assets_read(folder, assets, diag);
  if (!err) err = describe_all(r, folder, parts, (lq_span){0}, room, diag);
  if (!err) ((lqi_described *)(void *)room)->assets = assets;
  if (!err) err = encode_game(folder, (void *)room, out, diag);
  if (!err) err = describe_all(r, folder, parts, lq_writer_span(out), room, diag);
  if (room) lq_pages_give(room, bytes);
  if (assets) lqi_assets_free(assets);
  free(assets);
  return err;
}

/* room: twice LQ_GAME_BYTES_MAX, for the encoded game and for the blob. */
static lq_err build(lq_releases *r, const char *folder, uint8_t *room, const lq_release **out,
                    lq_diag *diag) {
  lqi_parts parts = {0};
  gathering g = {.parts = &parts, .diag = diag};
  lq_writer game = lq_writer_of(room, LQ_GAME_BYTES_MAX);
  lq_writer blob = lq_writer_of(room + LQ_GAME_BYTES_MAX, LQ_GAME_BYTES_MAX);
  lq_err err = gather_sources(folder, &g);
  if (!err) err = describe_and_encode(r, folder, &parts, &game, diag);
  if (!err) {
    parts.game = lq_writer_span(&game);
    lqi_blob_write(&parts, &blob);
    if (blob.failed)
      err = lqi_say(diag, LQ_ERR_TOO_BIG, "make the sources or the scene smaller",
                    "%s: the release has more than %u bytes", folder, LQ_GAME_BYTES_MAX);
  }
  if (!err) err = load(r, lq_writer_span(&blob), folder, out, diag);
  for (uint32_t i = 0; i < LQI_SOURCES_MAX; i++) lq_file_free(g.owned[i]);
  return err;
}

lq_err lq_releases_build(lq_releases *r, const char *folder, const lq_release **out,
                         lq_diag *diag) {
  *out = NULL;
  size_t bytes = 2 * (size_t)LQ_GAME_BYTES_MAX;
  uint8_t *room = lq_pages_take(bytes);
  if (!room) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory to build a release");
  lq_mutex_lock(r->build_mutex);
  lq_err err = build(r, folder, room, out, diag);
  lq_mutex_unlock(r->build_mutex);
  lq_pages_give(room, bytes);
  return err;
}
