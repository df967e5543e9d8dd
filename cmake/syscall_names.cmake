# syscall_names(FILE): a Lua table from the numbers of this architecture's system calls to
# their names, from the kernel headers that the compiler sees.

# Newer than Debian 12's headers. From 424 on, a new call has one number everywhere.
set(EBL_NEWER_SYSCALLS
    451 cachestat 452 fchmodat2 453 map_shadow_stack 454 futex_wake 455 futex_wait
    456 futex_requeue 457 statmount 458 listmount 459 lsm_get_self_attr
    460 lsm_set_self_attr 461 lsm_list_modules 462 mseal 463 setxattrat 464 getxattrat
    465 listxattrat 466 removexattrat 467 open_tree_attr 468 file_getattr
    469 file_setattr)

function(syscall_names file)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -E -dM -x c -include sys/syscall.h /dev/null
                  OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
  set(text "return {\n")
  set(newer ${EBL_NEWER_SYSCALLS})
  while(newer)
    list(POP_FRONT newer number name)
    string(APPEND text "  [${number}] = \"${name}\",\n")
  endwhile()
  string(REGEX MATCHALL "#define __NR_[a-z0-9_]+ [0-9]+" lines "${macros}")
  foreach(line ${lines})
    string(REGEX REPLACE "#define __NR_([a-z0-9_]+) ([0-9]+)" "  [\\2] = \"\\1\",\n" line
           "${line}")
    string(APPEND text "${line}")
  endforeach()
  file(CONFIGURE OUTPUT ${file} CONTENT "${text}}\n" @ONLY)
endfunction()
