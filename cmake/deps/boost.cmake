# SPDX-License-Identifier: MIT
# Only headers of Boost are used, so that its compiled libraries need not be there.
find_path(WEIR_BOOST_INCLUDE boost/beast.hpp)
mark_as_advanced(WEIR_BOOST_INCLUDE)
if(WEIR_BOOST_INCLUDE AND NOT TARGET weir_dep::boost)
  add_library(weir_dep::boost INTERFACE IMPORTED ${weir_dep_scope})
  target_include_directories(weir_dep::boost SYSTEM INTERFACE ${WEIR_BOOST_INCLUDE})
endif()
