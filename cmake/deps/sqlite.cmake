# SPDX-License-Identifier: MIT
find_package(SQLite3 QUIET)
foreach(target IN ITEMS SQLite3::SQLite3 SQLite::SQLite3) # CMake 4.3 and newer; older
  if(TARGET ${target} AND NOT TARGET weir_dep::sqlite)
    add_library(weir_dep::sqlite INTERFACE IMPORTED ${weir_dep_scope})
    target_link_libraries(weir_dep::sqlite INTERFACE ${target})
  endif()
endforeach()
