# SPDX-License-Identifier: MIT
# Version 2 is one header, version 3 a library. tests/support/ speaks both and brings its own main.
find_package(Catch2 QUIET)
if(TARGET Catch2::Catch2 AND NOT TARGET weir_dep::catch2)
  add_library(weir_dep::catch2 INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::catch2 INTERFACE Catch2::Catch2)
endif()
