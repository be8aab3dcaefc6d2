/* What a game's guests say of themselves: components, systems and handlers with the places where
 * they are written. Read from the JSON of LQ_GUEST_LOADED, which is outside data. */
#ifndef LQ_SERVICE_RELEASE_DESCRIBED_H
#define LQ_SERVICE_RELEASE_DESCRIBED_H

#include "lq_base/limits.h"
#include "lq_engine/net/json.h"
#include "lq_service/release/release_int.h"

#define LQI_SAID_MAX 256u /* of each kind, all languages together */

typedef struct lqi_said {
  char name[LQ_NAME_BYTES * 2];
  char file[LQI_SOURCE_NAME_BYTES + 8]; /* "systems/hunt.lua" */
  uint32_t line;                        /* from 1; 0 = unknown */
  uint8_t guest;                        /* lq_guest_language */
  lq_json about;                        /* the whole of it; borrowed from the JSON */
} lqi_said;

typedef struct lqi_said_list {
  const char *what; /* "component" */
  uint32_t count;
  lqi_said said[LQI_SAID_MAX]; /* by language, file, line */
} lqi_said_list;

/* The game's cooked shapes. */
typedef struct lqi_assets {
  uint32_t count;
  lq_game_asset asset[LQ_GAME_ASSETS_MAX]; /* ascending names; bytes borrowed from below */
  uint8_t *owned[LQ_GAME_ASSETS_MAX];
} lqi_assets;
/* folder/assets/, each .lqs checked; none without that folder. Free it also after an error.
 * LQ_ERR_TOO_BIG, LQ_ERR_INVALID, and what lq_physics_asset_info_read says, with the file. */
LQ_MUST lq_err lqi_assets_read(const char *folder, lqi_assets *out, lq_diag *diag);
void lqi_assets_free(lqi_assets *assets);

typedef struct lqi_described {
  const lqi_assets *assets; /* NULL: none */
  bool native;              /* there are C sources: what nobody names may be theirs */
  lqi_said_list component, system, command;
} lqi_described;

void lqi_described_init(lqi_described *out, bool native);
/* Adds what one language says. label: the game's folder, for messages. LQ_ERR_BUILD with the
 * author's file and line when the guest says that its sources do not load; LQ_ERR_EXISTS for one
 * name with two owners; LQ_ERR_CORRUPT. */
LQ_MUST lq_err lqi_described_add(lqi_described *described, lq_guest_language guest, lq_span json,
                                 const char *label, lq_diag *diag);
const lqi_said *lqi_said_find(const lqi_said_list *list, lq_span name); /* the first; or NULL */
/* Is it said of this name? Exports of WebAssembly may be identifiers: '_' there stands for '.'. */
bool lqi_said_is(const lqi_said *said, lq_span name);
/* "systems/x.py:12", "systems/hunt.wasm". line 0: the entry's own. */
typedef struct lqi_where {
  char text[LQI_SOURCE_NAME_BYTES + 24];
} lqi_where;
lqi_where lqi_said_where(const lqi_said *said, uint32_t line);
/* Names joined by dots: "hunt.collect". */
bool lqi_dotted_name(lq_span text);

#endif
