# embed_lua(TARGET): compiles every module under lua/ (and Debian's argparse) to LuaJIT bytecode and links it into
# TARGET. The result is embedded_modules() of runtime/host/embedded.h. The text between the
# marks of runtime/host/ffi_api.h becomes the module bpf.ffi_declarations, so that C and Lua
# cannot disagree about it; the names of system calls become bpf.syscall_names.
include(${CMAKE_CURRENT_LIST_DIR}/syscall_names.cmake)
find_program(LUAJIT_PROGRAM luajit REQUIRED)
find_file(ARGPARSE_LUA argparse.lua PATHS /usr/share/lua/5.1 REQUIRED)

function(embed_lua target)
  set(root ${PROJECT_SOURCE_DIR}/lua)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  file(MAKE_DIRECTORY ${out})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${root} ${root}/*.lua)

  set(api ${PROJECT_SOURCE_DIR}/runtime/host/ffi_api.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${api})
  file(READ ${api} text)
  string(REGEX MATCH "// cdef begin\n(.*)// cdef end" ignored "${text}")
  file(CONFIGURE OUTPUT ${out}/ffi_declarations.lua CONTENT "return [==[\n${CMAKE_MATCH_1}]==]\n"
       @ONLY)
  syscall_names(${out}/syscall_names.lua)

  set(declarations "")
  set(entries "")
  set(objects "")
  set(index 0)
  set(files "")
  foreach(source ${sources})
    list(APPEND files "${root}|${source}")
  endforeach()
  get_filename_component(argparse_dir ${ARGPARSE_LUA} DIRECTORY)
  list(APPEND files "${argparse_dir}|argparse.lua" "${out}|ffi_declarations.lua"
       "${out}|syscall_names.lua")
  foreach(pair ${files})
    string(REPLACE "|" ";" pair "${pair}")
    list(GET pair 0 base)
    list(GET pair 1 file)
    string(REGEX REPLACE "(/init)?\\.lua$" "" module "${file}")
    string(REPLACE "/" "." module "${module}")
    if(base STREQUAL out)
      set(module bpf.${module})
    endif()
    set(bytecode ${out}/${module}.bc)
    add_custom_command(OUTPUT ${bytecode}
      COMMAND ${LUAJIT_PROGRAM} ${PROJECT_SOURCE_DIR}/cmake/bytecode.lua
              ${base}/${file} ${bytecode} ${file}
      DEPENDS ${base}/${file} ${PROJECT_SOURCE_DIR}/cmake/bytecode.lua VERBATIM)
    list(APPEND objects ${bytecode})
    string(APPEND declarations
      "__asm__(\".section .rodata\\nebl_lua_${index}:\\n.incbin \\\"${bytecode}\\\"\\n"
      "ebl_lua_${index}_end:\\n.byte 0\\n.previous\\n\");\n"
      "extern \"C\" const char ebl_lua_${index}[], ebl_lua_${index}_end[];\n")
    string(APPEND entries
      "    {\"${module}\", ebl_lua_${index}, ebl_lua_${index}_end},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${out}/embedded.cpp CONTENT
"#include \"host/embedded.h\"
${declarations}
namespace ebl::host {
std::span<const EmbeddedModule> embedded_modules() {
  static const EmbeddedModule modules[] = {
${entries}  };
  return modules;
}
}  // namespace ebl::host
" @ONLY)
  set_source_files_properties(${out}/embedded.cpp PROPERTIES OBJECT_DEPENDS "${objects}")
  target_sources(${target} PRIVATE ${out}/embedded.cpp)
endfunction()
