# SPDX-License-Identifier: MIT
# Pipeline mode came with libpq 14.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::weir_postgres)
  pkg_check_modules(weir_postgres QUIET IMPORTED_TARGET ${weir_dep_scope} libpq>=14)
endif()
if(TARGET PkgConfig::weir_postgres AND NOT TARGET weir_dep::postgres)
  add_library(weir_dep::postgres INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::postgres INTERFACE PkgConfig::weir_postgres)
endif()
