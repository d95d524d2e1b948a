# SPDX-License-Identifier: MIT
#
# What tests, tools, examples and benches share: weir::dev (warnings) and weir_executable().

include_guard()

# A compiler that CI does not run may warn about things nobody has seen yet. That must not stop a newcomer's first
# build, so AUTO makes warnings errors only on the compilers CI runs.
set(WEIR_WERROR AUTO CACHE STRING "Warnings are errors: AUTO (on GCC 12 and Clang 19), ON, OFF")
set(werror ${WEIR_WERROR})
if(werror STREQUAL "AUTO")
  string(REGEX MATCH "^[0-9]+" major "${CMAKE_CXX_COMPILER_VERSION}")
  set(werror OFF)
  if("${CMAKE_CXX_COMPILER_ID} ${major}" MATCHES "^(GNU 12|Clang 19)$")
    set(werror ON)
  endif()
endif()

add_library(weir_dev INTERFACE)
add_library(weir::dev ALIAS weir_dev)
target_compile_options(
  weir_dev
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
            -Woverloaded-virtual $<$<BOOL:${werror}>:-Werror>
            $<$<CXX_COMPILER_ID:Clang>:-Wcomma>
            # GCC 12 warns about std::string's own operator+ when it inlines it: gcc.gnu.org/PR105651
            $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# weir_needs(<out> <files>...): the dependencies a set of files includes, as names of weir_dep:: and weir:: targets.
function(weir_needs out)
  set(needs)
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(STRINGS ${file} includes REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
    foreach(include IN LISTS includes)
      if(include MATCHES "weir/ext/([a-z0-9_]+)/")
        list(APPEND needs ${CMAKE_MATCH_1})
      elseif(include MATCHES "<nlohmann/")
        list(APPEND needs json)
      elseif(include MATCHES "<httplib\\.h>")
        list(APPEND needs httplib)
      elseif(include MATCHES "<boost/")
        list(APPEND needs boost)
      elseif(include MATCHES "<openssl/")
        list(APPEND needs openssl)
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES needs)
  set(${out} ${needs} PARENT_SCOPE)
endfunction()

# weir_executable(<name> SOURCES <file>... [NEEDS <dependency>...] [OPTIONAL <dependency>...] [SCAN])
# With SCAN, what the files include is needed too. If a need is missing the program is left out and the report says so.
# An OPTIONAL dependency is linked when present, and the program compiled with WEIR_HAS_<NAME>=1.
function(weir_executable name)
  cmake_parse_arguments(arg "SCAN" "" "SOURCES;NEEDS;OPTIONAL" ${ARGN})
  if(NOT arg_SOURCES)
    return()
  endif()
  if(arg_SCAN)
    weir_needs(scanned ${arg_SOURCES})
    list(APPEND arg_NEEDS ${scanned})
    list(REMOVE_DUPLICATES arg_NEEDS)
    if(arg_OPTIONAL)
      list(REMOVE_ITEM arg_NEEDS ${arg_OPTIONAL})
    endif()
  endif()

  set(libraries)
  set(missing)
  foreach(need IN LISTS arg_NEEDS)
    if(TARGET weir::${need})
      list(APPEND libraries weir::${need})
    elseif(TARGET weir_dep::${need} AND NOT EXISTS ${PROJECT_SOURCE_DIR}/include/weir/ext/${need})
      list(APPEND libraries weir_dep::${need})
    else()
      list(APPEND missing ${need})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    weir_off(${name} "needs ${missing}" "see above")
    return()
  endif()

  set(sources ${arg_SOURCES})
  list(FILTER sources INCLUDE REGEX "\\.cpp$")
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE weir::weir ${libraries} weir::dev)
  foreach(optional IN LISTS arg_OPTIONAL)
    if(TARGET weir::${optional})
      target_link_libraries(${name} PRIVATE weir::${optional})
      string(TOUPPER ${optional} OPTIONAL)
      target_compile_definitions(${name} PRIVATE WEIR_HAS_${OPTIONAL}=1)
    endif()
  endforeach()
endfunction()

# weir_program(<name> <folder> [OPTIONAL <dependency>...]): every file below a folder makes one program.
function(weir_program name folder)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp
       ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.hpp)
  set(sources ${files})
  list(FILTER sources INCLUDE REGEX "\\.cpp$")
  if(sources)
    weir_executable(${name} SOURCES ${files} SCAN ${ARGN})
    if(TARGET ${name})
      target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${folder} ${PROJECT_SOURCE_DIR}/examples)
      # Each of its files reads the library, which takes longer than the rest.
      set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
    endif()
  endif()
endfunction()
