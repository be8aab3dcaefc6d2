# lq_embed(target symbol folder [glob...]): the files below `folder` become `const lq_embedded symbol[]` (lq_base/embed.h)
# inside the target, in byte order of their paths. Without a glob: every file. Declare it where it is used:
#   extern const lq_embedded symbol[];
# Also run as a script (cmake -P) at build time, to write the C source.
if(CMAKE_SCRIPT_MODE_FILE)
  set(arrays "")
  set(rows "")
  set(number 0)
  foreach(path ${LQ_EMBED_PATHS})
    file(READ ${LQ_EMBED_FOLDER}/${path} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR bytes "${digits} / 2")
    string(REGEX REPLACE "(..)" "0x\\1," list "${hex}")
    # Lines of 32 bytes, so that compilers and people can read them.
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" list "${list}")
    string(APPEND arrays "static const uint8_t file_${number}[] = {\n${list}0};\n")
    string(APPEND rows "  {\"${path}\", file_${number}, ${bytes}u},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE ${LQ_EMBED_OUT} "/* Written by cmake/LqEmbed.cmake. */\n#include \"lq_base/embed.h\"\n\n"
       "extern const lq_embedded ${LQ_EMBED_SYMBOL}[];\n${arrays}"
       "const lq_embedded ${LQ_EMBED_SYMBOL}[] = {\n${rows}  {NULL, NULL, 0}};\n")
  return()
endif()

function(lq_embed target symbol folder)
  get_filename_component(folder ${folder} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
  set(globs ${ARGN})
  if(NOT globs)
    set(globs "*")
  endif()
  list(TRANSFORM globs PREPEND ${folder}/)
  file(GLOB_RECURSE paths CONFIGURE_DEPENDS RELATIVE ${folder} ${globs})
  list(SORT paths)
  set(files ${paths})
  list(TRANSFORM files PREPEND ${folder}/)
  set(out ${CMAKE_BINARY_DIR}/embed/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D LQ_EMBED_OUT=${out} -D LQ_EMBED_SYMBOL=${symbol} -D LQ_EMBED_FOLDER=${folder}
            -D "LQ_EMBED_PATHS=${paths}" -P ${CMAKE_SOURCE_DIR}/cmake/LqEmbed.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/LqEmbed.cmake
    COMMENT "Embedding ${symbol}"
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
