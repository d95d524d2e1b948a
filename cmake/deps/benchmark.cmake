# SPDX-License-Identifier: MIT
find_package(benchmark QUIET)
if(TARGET benchmark::benchmark_main AND NOT TARGET weir_dep::benchmark)
  add_library(weir_dep::benchmark INTERFACE IMPORTED ${weir_dep_scope})
  target_link_libraries(weir_dep::benchmark INTERFACE benchmark::benchmark_main benchmark::benchmark)
endif()
