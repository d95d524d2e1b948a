# SPDX-License-Identifier: MIT
find_package(OpenSSL QUIET)
if(TARGET OpenSSL::Crypto AND NOT TARGET weir_dep::openssl)
  add_library(weir_dep::openssl INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::openssl INTERFACE OpenSSL::SSL OpenSSL::Crypto)
endif()
