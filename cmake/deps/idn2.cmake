# SPDX-License-Identifier: MIT
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::weir_idn2)
  pkg_check_modules(weir_idn2 QUIET IMPORTED_TARGET ${weir_dep_scope} libidn2)
endif()
if(TARGET PkgConfig::weir_idn2 AND NOT TARGET weir_dep::idn2)
  add_library(weir_dep::idn2 INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::idn2 INTERFACE PkgConfig::weir_idn2)
endif()
