# SPDX-License-Identifier: MIT
find_package(CURL QUIET)
if(TARGET CURL::libcurl AND NOT TARGET weir_dep::curl)
  add_library(weir_dep::curl INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::curl INTERFACE CURL::libcurl)
endif()
