# SPDX-License-Identifier: MIT
#
# Debian 12 has hiredis 0.14, whose CMake file names no target; 1.0 and newer bring TLS as a second library.
find_path(WEIR_HIREDIS_INCLUDE hiredis/hiredis.h)
find_library(WEIR_HIREDIS_LIBRARY hiredis)
find_library(WEIR_HIREDIS_SSL_LIBRARY hiredis_ssl)
mark_as_advanced(WEIR_HIREDIS_INCLUDE WEIR_HIREDIS_LIBRARY WEIR_HIREDIS_SSL_LIBRARY)
if(WEIR_HIREDIS_INCLUDE AND WEIR_HIREDIS_LIBRARY AND NOT TARGET weir_dep::redis)
  add_library(weir_dep::redis INTERFACE IMPORTED ${weir_dep_scope})
  target_include_directories(weir_dep::redis SYSTEM INTERFACE ${WEIR_HIREDIS_INCLUDE})
  target_link_libraries(weir_dep::redis INTERFACE ${WEIR_HIREDIS_LIBRARY})
  # The header decides whether there is TLS, so the library goes with the header.
  if(EXISTS ${WEIR_HIREDIS_INCLUDE}/hiredis/hiredis_ssl.h AND WEIR_HIREDIS_SSL_LIBRARY)
    find_package(OpenSSL QUIET)
    target_link_libraries(weir_dep::redis INTERFACE ${WEIR_HIREDIS_SSL_LIBRARY})
    if(TARGET OpenSSL::SSL)
      target_link_libraries(weir_dep::redis INTERFACE OpenSSL::SSL OpenSSL::Crypto)
    endif()
  endif()
endif()
