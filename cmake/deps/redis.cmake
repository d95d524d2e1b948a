# SPDX-License-Identifier: MIT
#
# Debian 12 has hiredis 0.14, whose CMake file names no target. TLS is OpenSSL's, with any hiredis; where it is missing,
# rediss:// is an error.
find_path(WEIR_HIREDIS_INCLUDE hiredis/hiredis.h)
find_library(WEIR_HIREDIS_LIBRARY hiredis)
mark_as_advanced(WEIR_HIREDIS_INCLUDE WEIR_HIREDIS_LIBRARY)
if(WEIR_HIREDIS_INCLUDE AND WEIR_HIREDIS_LIBRARY AND NOT TARGET weir_dep::redis)
  add_library(weir_dep::redis INTERFACE IMPORTED ${weir_dep_scope})
  target_include_directories(weir_dep::redis SYSTEM INTERFACE ${WEIR_HIREDIS_INCLUDE})
  target_link_libraries(weir_dep::redis INTERFACE ${WEIR_HIREDIS_LIBRARY})
  find_package(OpenSSL QUIET)
  if(TARGET OpenSSL::SSL)
    target_link_libraries(weir_dep::redis INTERFACE OpenSSL::SSL OpenSSL::Crypto)
    target_compile_definitions(weir_dep::redis INTERFACE WEIR_REDIS_TLS=1)
  endif()
endif()
