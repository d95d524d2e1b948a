# SPDX-License-Identifier: MIT
find_package(CLI11 CONFIG QUIET)
if(TARGET CLI11::CLI11 AND NOT TARGET weir_dep::cli11)
  add_library(weir_dep::cli11 INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::cli11 INTERFACE CLI11::CLI11)
endif()
