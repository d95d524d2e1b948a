# SPDX-License-Identifier: MIT
# Upstream installs a CMake package; Debian a compiled library with a .pc file. The flags in the .pc file (TLS, zlib,
# brotli) decide the layout of httplib's classes, so they must be taken along whether TLS is used or not.
find_package(httplib CONFIG QUIET)
if(NOT TARGET httplib::httplib AND NOT CMAKE_DISABLE_FIND_PACKAGE_httplib)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::weir_httplib)
    pkg_check_modules(weir_httplib QUIET IMPORTED_TARGET ${weir_dep_scope} cpp-httplib)
  endif()
endif()
foreach(target IN ITEMS httplib::httplib PkgConfig::weir_httplib)
  if(TARGET ${target} AND NOT TARGET weir_dep::httplib)
    add_library(weir_dep::httplib INTERFACE IMPORTED ${weir_dep_scope})
    target_link_libraries(weir_dep::httplib INTERFACE ${target})
  endif()
endforeach()
