# SPDX-License-Identifier: MIT
find_package(fmt 9 QUIET)
if(NOT TARGET fmt::fmt)
  find_package(fmt QUIET) # a newer major counts as incompatible in some releases' version files
endif()
if(TARGET fmt::fmt AND NOT fmt_VERSION VERSION_LESS 9 AND NOT TARGET weir_dep::fmt)
  add_library(weir_dep::fmt INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::fmt INTERFACE fmt::fmt)
endif()
