# SPDX-License-Identifier: MIT
# Pipeline mode came with libpq 14. Package managers bring a CMake package, Debian a .pc file; CMake's own module finds
# the rest, also without pkg-config.
find_package(PostgreSQL CONFIG QUIET)
if(NOT TARGET PostgreSQL::PostgreSQL)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::weir_postgres)
    pkg_check_modules(weir_postgres QUIET IMPORTED_TARGET ${weir_dep_scope} libpq>=14)
  endif()
  if(NOT TARGET PkgConfig::weir_postgres)
    find_package(PostgreSQL 14 MODULE QUIET)
  endif()
endif()
foreach(target IN ITEMS PkgConfig::weir_postgres PostgreSQL::PostgreSQL)
  if(TARGET ${target} AND NOT TARGET weir_dep::postgres)
    add_library(weir_dep::postgres INTERFACE IMPORTED ${weir_dep_scope})
    target_link_libraries(weir_dep::postgres INTERFACE ${target})
  endif()
endforeach()
