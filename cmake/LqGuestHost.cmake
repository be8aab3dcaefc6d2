# bin/lq_guest_host.wasm: the jail's C of WebAssembly guests as a module, for browsers and Node (sdk/wasm/host.mjs).
find_program(LQ_CLANG_WASM clang-19)
if(NOT LQ_CLANG_WASM)
  return()
endif()
file(GLOB LQ_GUEST_HOST_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lq_base/*.c ${CMAKE_SOURCE_DIR}/lq_engine/ecs/*.c
     ${CMAKE_SOURCE_DIR}/lq_engine/game/*.c ${CMAKE_SOURCE_DIR}/lq_engine/guest/view.c)
list(FILTER LQ_GUEST_HOST_SOURCES EXCLUDE REGEX "_(test|fuzz|bench)\\.c$")
list(APPEND LQ_GUEST_HOST_SOURCES ${CMAKE_SOURCE_DIR}/apps/lq-jail/wasm/api.c ${CMAKE_SOURCE_DIR}/sdk/wasm/host.c)
# Every function of wasm_abi.h is exported under its name in C.
set(LQ_GUEST_HOST_EXPORTS)
file(READ ${CMAKE_SOURCE_DIR}/lq_engine/guest/wasm_abi.h text)
string(REGEX MATCHALL "X\\([a-z][a-z0-9_]*, \"" rows "${text}")
foreach(row ${rows})
  string(REGEX REPLACE "X\\((.*), \"" "\\1" function "${row}")
  list(APPEND LQ_GUEST_HOST_EXPORTS -Wl,--export=lq_wasm_api_${function})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lq_engine/guest/wasm_abi.h)
set(LQ_GUEST_HOST ${CMAKE_BINARY_DIR}/bin/lq_guest_host.wasm)
set(LQ_GUEST_HOST_FLAGS --target=wasm32 -std=c17 -O2 -nostdlib -ffreestanding -mbulk-memory -DLQ_SCALAR -I${CMAKE_SOURCE_DIR}
    -isystem ${CMAKE_SOURCE_DIR}/apps/wasm/libc -fvisibility=hidden -fno-strict-aliasing ${LQ_EXACT_CLANG})
add_custom_command(
  OUTPUT ${LQ_GUEST_HOST}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bin
  COMMAND ${LQ_CLANG_WASM} ${LQ_GUEST_HOST_FLAGS} -fno-builtin -c ${CMAKE_SOURCE_DIR}/apps/wasm/libc.c -o ${CMAKE_BINARY_DIR}/guest_host_libc.o
  COMMAND ${LQ_CLANG_WASM} ${LQ_GUEST_HOST_FLAGS} ${LQ_GUEST_HOST_EXPORTS} -Wl,--export=__stack_pointer -Wl,--no-entry -Wl,--stack-first
          -Wl,-z,stack-size=262144 -Wl,--strip-all ${LQ_GUEST_HOST_SOURCES} ${CMAKE_BINARY_DIR}/guest_host_libc.o -o ${LQ_GUEST_HOST}
  DEPENDS ${LQ_GUEST_HOST_SOURCES} ${CMAKE_SOURCE_DIR}/apps/wasm/libc.c ${CMAKE_SOURCE_DIR}/apps/lq-jail/wasm/api.h
          ${CMAKE_SOURCE_DIR}/lq_engine/guest/wasm_abi.h ${CMAKE_SOURCE_DIR}/lq_engine/guest/wasm_library.h
          ${CMAKE_SOURCE_DIR}/lq_engine/guest/view.h ${CMAKE_SOURCE_DIR}/lq_engine/guest/wire.h
  COMMENT "lq_guest_host.wasm"
  VERBATIM)
add_custom_target(guest_host_wasm ALL DEPENDS ${LQ_GUEST_HOST})
