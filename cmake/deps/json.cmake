# SPDX-License-Identifier: MIT
find_package(nlohmann_json QUIET)
if(TARGET nlohmann_json::nlohmann_json AND NOT TARGET weir_dep::json)
  add_library(weir_dep::json INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::json INTERFACE nlohmann_json::nlohmann_json)
endif()
