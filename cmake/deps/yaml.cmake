# SPDX-License-Identifier: MIT
find_package(yaml-cpp QUIET)
foreach(target IN ITEMS yaml-cpp::yaml-cpp yaml-cpp) # 0.8 and newer; 0.7 and older
  if(TARGET ${target} AND NOT TARGET weir_dep::yaml)
    add_library(weir_dep::yaml INTERFACE IMPORTED ${weir_dep_scope})
    target_link_libraries(weir_dep::yaml INTERFACE ${target})
  endif()
endforeach()
