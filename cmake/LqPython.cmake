# lq_python_pack(target symbol PREFIX=FOLDER...): the Python files right in these folders, compiled, become
# `const lq_embedded symbol[]` inside the target: see apps/lq-jail/python/pack/pack.c.
add_executable(lq_python_pack ${CMAKE_SOURCE_DIR}/apps/lq-jail/python/pack/pack.c)
lq_flags(lq_python_pack apps)
target_link_libraries(lq_python_pack PRIVATE lq::python)

function(lq_python_pack target symbol)
  set(arguments "")
  set(depends "")
  foreach(pair ${ARGN})
    string(REGEX MATCH "^([^=]*)=(.*)$" matched ${pair})
    set(prefix ${CMAKE_MATCH_1})
    set(folder ${CMAKE_SOURCE_DIR}/${CMAKE_MATCH_2})
    file(GLOB paths CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*.py)
    list(SORT paths)
    list(APPEND arguments "${prefix}=${folder}" ${paths})
    list(TRANSFORM paths PREPEND ${folder}/)
    list(APPEND depends ${paths})
  endforeach()
  set(out ${CMAKE_BINARY_DIR}/embed/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/embed
    COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:lq_python_pack> ${out} ${symbol} ${arguments}
    DEPENDS lq_python_pack ${depends}
    COMMENT "Packing ${symbol}"
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
