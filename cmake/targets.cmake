# SPDX-License-Identifier: MIT
#
# weir::weir and its components. The targets are called weir_<name> inside the build, which leaves the name `weir` to
# the command in tools/.

include_guard()
include(GNUInstallDirs)

# weir_headers(<target> <folder below include/weir>): gives a target its headers as a file set.
function(weir_headers target folder)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/weir/${folder}*.hpp)
  if(folder STREQUAL "")
    list(FILTER headers EXCLUDE REGEX "/include/weir/ext/")
  endif()
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})
  # CMake before 3.23 reads an installed target without its file sets, and would compile without an include path.
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

function(weir_library)
  weir_find(fmt)
  if(NOT TARGET weir_dep::fmt)
    message(FATAL_ERROR "weir needs {fmt} 9 or newer. Debian and Ubuntu: apt-get install libfmt-dev")
  endif()
  weir_find(threads)

  add_library(weir_weir INTERFACE)
  add_library(weir::weir ALIAS weir_weir)
  set_target_properties(weir_weir PROPERTIES EXPORT_NAME weir)
  target_compile_features(weir_weir INTERFACE cxx_std_20)
  target_link_libraries(weir_weir INTERFACE fmt::fmt Threads::Threads)
  weir_headers(weir_weir "")
endfunction()

# weir_component(<name> NEEDS <library> PKGCONFIG <requirement> LICENSE <SPDX> DEBIAN <package>):
# include/weir/ext/<name>/ as weir::<name>, if WEIR_<NAME> and the machine allow.
# AUTO costs a consumer nothing: weir::weir never links a component, it merely makes the target available.
function(weir_component name)
  cmake_parse_arguments(arg "" "NEEDS;PKGCONFIG;LICENSE;DEBIAN" "" ${ARGN})
  string(TOUPPER ${name} NAME)
  # The installed package names the same library and package, and the .pc file requires the same.
  set_property(GLOBAL PROPERTY weir_${name}_needs "${arg_NEEDS} (Debian: ${arg_DEBIAN})")
  set_property(GLOBAL PROPERTY weir_${name}_pkgconfig "${arg_PKGCONFIG}")
  set_property(GLOBAL PROPERTY weir_${name}_license "${arg_LICENSE}")
  set(WEIR_${NAME} AUTO CACHE STRING "Component ${name}: AUTO (when its dependency is found), ON (must be found), OFF")
  set_property(CACHE WEIR_${NAME} PROPERTY STRINGS AUTO ON OFF)
  set_property(GLOBAL APPEND PROPERTY weir_components_known ${name})

  set(wanted ${WEIR_${NAME}})
  string(TOUPPER "${wanted}" WANTED)
  if(NOT WANTED STREQUAL "AUTO" AND NOT wanted)
    weir_off(${name} "WEIR_${NAME}=${wanted}" "-")
    return()
  endif()

  weir_find(${name})
  if(NOT TARGET weir_dep::${name})
    if(NOT WANTED STREQUAL "AUTO")
      message(FATAL_ERROR "WEIR_${NAME}=${wanted}, but ${arg_NEEDS} was not found: neither as a CMake package in "
                          "CMAKE_PREFIX_PATH nor in the places of the system. "
                          "Debian and Ubuntu: apt-get install ${arg_DEBIAN}. Or set WEIR_${NAME} to AUTO or OFF.")
    endif()
    if(NOT PROJECT_IS_TOP_LEVEL)
      message(STATUS "weir: there is no target weir::${name}, because ${arg_NEEDS} was not found "
                     "(Debian: ${arg_DEBIAN})")
    endif()
    weir_off(${name} "not found" ${arg_DEBIAN})
    return()
  endif()

  add_library(weir_${name} INTERFACE)
  add_library(weir::${name} ALIAS weir_${name})
  set_target_properties(weir_${name} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(weir_${name} INTERFACE weir_weir weir_dep::${name})
  weir_headers(weir_${name} ext/${name}/)
  set_property(GLOBAL APPEND PROPERTY weir_components ${name})
  set_property(GLOBAL APPEND PROPERTY weir_on ${name})
endfunction()
