# SPDX-License-Identifier: MIT
#
# Finding third-party code. cmake/deps/<name>.cmake knows how one dependency is found and leaves the imported target
# weir_dep::<name> behind, or nothing. The same file serves this build and the installed package, so that a target that
# changed its name between two releases is handled in one place. Nothing is ever downloaded.

include_guard()

# weir_find(<name>): runs cmake/deps/<name>.cmake. Global targets, because a vendored weir::yaml is linked from the
# parent directory, which does not see what was found in ours.
function(weir_find name)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
  set(weir_dep_scope GLOBAL)
  include(${PROJECT_SOURCE_DIR}/cmake/deps/${name}.cmake)
endfunction()

# weir_off(<what> <why> <package>): one line of the table printed when configuring ends.
function(weir_off what why package)
  set_property(GLOBAL APPEND PROPERTY weir_off "${what}|${why}|${package}")
endfunction()

# weir_requirement(<name> DEBIAN <package>): something only contributors need. Absent is fine, and is reported.
function(weir_requirement name)
  cmake_parse_arguments(arg "" "DEBIAN" "" ${ARGN})
  weir_find(${name})
  if(TARGET weir_dep::${name})
    set_property(GLOBAL APPEND PROPERTY weir_on ${name})
  else()
    weir_off(${name} "not found" ${arg_DEBIAN})
  endif()
endfunction()
