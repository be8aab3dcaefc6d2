# Runtime libraries, all from the system's packages (see docs/adr/). One imported name each.
find_package(PkgConfig REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(FYAML REQUIRED IMPORTED_TARGET libfyaml)
pkg_check_modules(LUA REQUIRED lua5.4)
pkg_check_modules(PYTHON REQUIRED IMPORTED_TARGET python3-embed)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CURL REQUIRED libcurl) # 7.85 or newer: CURLOPT_PROTOCOLS_STR
# It brings two dozen libraries along: only a program that fetches loads them.
add_library(lq_curl INTERFACE)
target_include_directories(lq_curl SYSTEM INTERFACE ${CURL_INCLUDE_DIRS})
target_link_libraries(lq_curl INTERFACE -Wl,--push-state,--as-needed,-lcurl,--pop-state)
# The archive: apps/lq-jail/lua reaches into this one version, so it must not change under a program that is built; and calls within
# it are quicker.
find_library(LUA_ARCHIVE liblua5.4.a REQUIRED)
add_library(lq_lua INTERFACE)
target_include_directories(lq_lua SYSTEM INTERFACE ${LUA_INCLUDE_DIRS})
target_link_libraries(lq_lua INTERFACE ${LUA_ARCHIVE} m ${CMAKE_DL_LIBS})
add_library(lq_dl INTERFACE)
target_link_libraries(lq_dl INTERFACE ${CMAKE_DL_LIBS})

# llhttp comes as C sources in Debian's node-llhttp; it is compiled where it lies.
set(LLHTTP_DIR /usr/share/llhttp)
add_library(llhttp STATIC ${LLHTTP_DIR}/api.c ${LLHTTP_DIR}/http.c ${LLHTTP_DIR}/llhttp.c)
target_include_directories(llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
# Without it any byte may stand where a chunk's line feed is due: a way to smuggle requests.
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(llhttp PRIVATE -w)

add_library(lq::uv ALIAS PkgConfig::UV)
add_library(lq::crypto ALIAS PkgConfig::CRYPTO)
add_library(lq::sodium ALIAS PkgConfig::SODIUM)
add_library(lq::sqlite ALIAS PkgConfig::SQLITE)
add_library(lq::fyaml ALIAS PkgConfig::FYAML)
add_library(lq::curl ALIAS lq_curl)
add_library(lq::dl ALIAS lq_dl)
add_library(lq::llhttp ALIAS llhttp)
add_library(lq::lua ALIAS lq_lua)
add_library(lq::python ALIAS PkgConfig::PYTHON)
add_library(lq::seccomp ALIAS PkgConfig::SECCOMP)
