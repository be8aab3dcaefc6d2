# The cells of the golden matrix: the engine, and each game under examples/ with C systems, once for every compiler, level and vector
# back-end, and once for WebAssembly with and without its vectors. Beside the build's own compiler, so by rules of their own:
#   cells/<cell>/<game>(.wasm)   tests/golden/cell.c, or the module of apps/wasm/lq_wasm.h
#   cells/<cell>/exact(.wasm)    tests/golden/exact.c
#   cells/<cell>/engine.wasm     the engine without a game's C, for rules in WebAssembly
#   cells/<cell>/physics_bench.wasm   in the WebAssembly cells: bench/physics/lq_wasm.c
#   cells/list.txt               a cell a line; cells/arm.txt: those of another machine; cells/games.txt: a game a line
# Target golden_cells builds all but golden_arm, golden_wasm the modules alone, physics_wasm those of the bench; none belongs to `all`.

# lqi_cell_object(out_variable cell source object_name compiler flags...)
function(lqi_cell_object out cell source name compiler)
  set(object ${CMAKE_BINARY_DIR}/cells/${cell}/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_C_COMPILER_LAUNCHER} ${compiler} ${ARGN} -MD -MF ${object}.d -MT cells/${cell}/${name}.o -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "${cell}: ${name}"
    VERBATIM)
  set(${out} ${object} PARENT_SCOPE)
endfunction()

# lqi_cell(name compiler suffix FLAGS flags LINK flags LIBS for games (sqrt at -O0) LIBC sources)
function(lqi_cell cell compiler suffix)
  cmake_parse_arguments(C "" "" "FLAGS;LINK;LIBS;LIBC" ${ARGN})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cells/${cell})
  set(flags -std=c17 -I${CMAKE_SOURCE_DIR} -D_GNU_SOURCE -fvisibility=hidden -fno-strict-aliasing ${LQ_WARNINGS} ${C_FLAGS})
  set(engine)
  foreach(source ${LQ_CELL_ENGINE} ${C_LIBC})
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${source})
    string(REPLACE "/" "_" name ${name})
    set(own ${flags})
    if(source MATCHES "apps/wasm/libc.c$")
      list(APPEND own -fno-builtin)
    endif()
    lqi_cell_object(object ${cell} ${source} ${name} ${compiler} ${own})
    list(APPEND engine ${object})
  endforeach()
  lqi_cell_object(exact ${cell} ${CMAKE_SOURCE_DIR}/tests/golden/exact.c exact.c ${compiler} ${flags})
  # The arithmetic needs the lowest floor alone, the scene of bodies the physics.
  set(base ${engine})
  list(FILTER base INCLUDE REGEX "lq_base_|lq_engine_physics_|libc")
  set(programs ${CMAKE_BINARY_DIR}/cells/${cell}/exact${suffix})
  add_custom_command(OUTPUT ${programs} COMMAND ${compiler} ${C_FLAGS} ${C_LINK} ${exact} ${base} ${C_LIBS} -o ${programs}
                     DEPENDS ${exact} ${base} COMMENT "${cell}: exact" VERBATIM)
  if(cell MATCHES "^wasm")
    lqi_cell_object(bench ${cell} ${CMAKE_SOURCE_DIR}/bench/physics/lq_wasm.c bench_physics_lq_wasm.c ${compiler} ${flags})
    set(module ${CMAKE_BINARY_DIR}/cells/${cell}/physics_bench.wasm)
    add_custom_command(OUTPUT ${module} COMMAND ${compiler} ${C_FLAGS} ${C_LINK} ${bench} ${base} ${C_LIBS} -o ${module}
                       DEPENDS ${bench} ${base} COMMENT "${cell}: physics_bench" VERBATIM)
    set(LQ_CELL_BENCHES ${LQ_CELL_BENCHES} ${module} PARENT_SCOPE)
    # Of games whose rules are guests': the engine alone.
    set(module ${CMAKE_BINARY_DIR}/cells/${cell}/engine.wasm)
    add_custom_command(OUTPUT ${module} COMMAND ${compiler} ${C_FLAGS} ${C_LINK} ${engine} ${C_LIBS} -o ${module} DEPENDS ${engine}
                       COMMENT "${cell}: engine" VERBATIM)
    list(APPEND programs ${module})
  endif()
  foreach(game ${LQ_CELL_GAMES})
    set(objects ${engine})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/${game}/systems/*.c)
    foreach(source ${sources})
      get_filename_component(stem ${source} NAME)
      set(object ${CMAKE_BINARY_DIR}/cells/${cell}/${game}_${stem}.o)
      add_custom_command(
        OUTPUT ${object}
        COMMAND ${CMAKE_C_COMPILER_LAUNCHER} ${compiler} -std=c17 -I${CMAKE_BINARY_DIR}/cells/${game} -I${CMAKE_SOURCE_DIR}/lq_engine/game
                -fvisibility=hidden -fno-strict-aliasing -Wall ${C_FLAGS} -c ${source} -o ${object}
        DEPENDS ${source} ${CMAKE_BINARY_DIR}/cells/${game}/game.h ${CMAKE_SOURCE_DIR}/lq_engine/game/lq_system.h
        COMMENT "${cell}: ${game}/${stem}"
        VERBATIM)
      list(APPEND objects ${object})
    endforeach()
    set(program ${CMAKE_BINARY_DIR}/cells/${cell}/${game}${suffix})
    add_custom_command(OUTPUT ${program} COMMAND ${compiler} ${C_FLAGS} ${C_LINK} ${objects} ${C_LIBS} -o ${program} DEPENDS ${objects}
                       COMMENT "${cell}: ${game}" VERBATIM)
    list(APPEND programs ${program})
  endforeach()
  set(LQ_CELL_PROGRAMS ${LQ_CELL_PROGRAMS} ${programs} PARENT_SCOPE)
  set(LQ_CELL_NAMES "${LQ_CELL_NAMES}${cell}\n" PARENT_SCOPE)
endfunction()

# lqi_native_cells(prefix vectors gcc clang flags of the machine...): both compilers at three levels, with the machine's vectors and without.
macro(lqi_native_cells prefix vectors gcc clang)
  foreach(level O0 O2 O3)
    foreach(back ${vectors} scalar)
      set(flags -${level} $<IF:$<STREQUAL:${back},scalar>,-D,-U>LQ_SCALAR ${ARGN})
      lqi_cell(${prefix}gcc-${level}-${back} "${gcc}" "" LIBS -lm FLAGS ${flags} ${LQ_EXACT_GNU})
      lqi_cell(${prefix}clang-19-${level}-${back} "${clang}" "" LIBS -lm FLAGS ${flags} ${LQ_EXACT_CLANG})
    endforeach()
  endforeach()
endmacro()

function(lq_cells)
  file(GLOB games CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/examples ${CMAKE_SOURCE_DIR}/examples/*/systems/*.c)
  list(TRANSFORM games REPLACE "/systems/.*$" "")
  list(REMOVE_DUPLICATES games)
  set(LQ_CELL_GAMES ${games})
  foreach(game ${games})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cells/${game})
    set(header ${CMAKE_BINARY_DIR}/cells/${game}/game.h)
    add_custom_command(OUTPUT ${header} COMMAND golden_record header ${CMAKE_SOURCE_DIR}/examples/${game} ${header}
                       DEPENDS golden_record ${CMAKE_SOURCE_DIR}/examples/${game}/game.yaml COMMENT "game.h of ${game}" VERBATIM)
  endforeach()
  file(GLOB engine CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lq_base/*.c ${CMAKE_SOURCE_DIR}/lq_engine/*/*.c)
  list(FILTER engine EXCLUDE REGEX "_(test|fuzz|bench)\\.c$")
  list(APPEND engine ${CMAKE_SOURCE_DIR}/apps/wasm/lq_wasm.c)

  set(LQ_CELL_PROGRAMS)
  set(LQ_CELL_BENCHES)
  set(LQ_CELL_NAMES "")
  set(LQ_CELL_ENGINE ${engine})
  foreach(vectors scalar simd128)
    # No C library: lld links what is there, and an import would be an undefined symbol.
    set(flags --target=wasm32 -O2 -nostdlib -ffreestanding -mbulk-memory -isystem ${CMAKE_SOURCE_DIR}/apps/wasm/libc ${LQ_EXACT_CLANG})
    list(APPEND flags $<IF:$<STREQUAL:${vectors},simd128>,-msimd128,-DLQ_SCALAR>)
    lqi_cell(wasm-${vectors} clang-19 .wasm FLAGS ${flags} LIBC ${CMAKE_SOURCE_DIR}/apps/wasm/libc.c
             LINK -Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--strip-all)
  endforeach()
  add_custom_target(golden_wasm DEPENDS ${LQ_CELL_PROGRAMS})
  add_custom_target(physics_wasm DEPENDS ${LQ_CELL_BENCHES})

  list(APPEND LQ_CELL_ENGINE ${CMAKE_SOURCE_DIR}/tests/golden/cell.c)
  lqi_native_cells("" sse2 gcc clang-19 ${LQ_EXACT_MACHINE})
  add_custom_target(golden_cells DEPENDS ${LQ_CELL_PROGRAMS})
  file(WRITE ${CMAKE_BINARY_DIR}/cells/list.txt "${LQ_CELL_NAMES}")
  # Another machine, in the same order of bytes; QEMU runs it.
  set(LQ_CELL_PROGRAMS)
  set(LQ_CELL_NAMES "")
  lqi_native_cells(aarch64- neon aarch64-linux-gnu-gcc "clang-19;--target=aarch64-linux-gnu")
  add_custom_target(golden_arm DEPENDS ${LQ_CELL_PROGRAMS})
  file(WRITE ${CMAKE_BINARY_DIR}/cells/arm.txt "${LQ_CELL_NAMES}")
  list(JOIN games "\n" text)
  file(WRITE ${CMAKE_BINARY_DIR}/cells/games.txt "${text}\n")
endfunction()
