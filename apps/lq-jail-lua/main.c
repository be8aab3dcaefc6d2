/* lq-jail-lua: a game's Lua in a process of its own. */
#include "apps/lq-jail/lua/lua.h"

int main(int argc, char **argv) { lq_jail_main(&lq_runtime_lua, argc, argv); }
