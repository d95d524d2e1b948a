# SPDX-License-Identifier: MIT
#
# One export file per component, so that find_package(weir COMPONENTS yaml) looks for yaml-cpp and for nothing else.
# Nothing installed here depends on the architecture, hence share/.

include_guard()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(weir_cmake_dir ${CMAKE_INSTALL_DATADIR}/cmake/weir)
get_property(weir_components GLOBAL PROPERTY weir_components)
get_property(weir_components_known GLOBAL PROPERTY weir_components_known)

foreach(part IN ITEMS weir LISTS weir_components)
  install(TARGETS weir_${part} EXPORT weir-${part} FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          COMPONENT weir_headers)
  install(EXPORT weir-${part} NAMESPACE weir:: DESTINATION ${weir_cmake_dir} COMPONENT weir_headers)
endforeach()
foreach(dependency IN ITEMS fmt threads LISTS weir_components)
  install(FILES cmake/deps/${dependency}.cmake DESTINATION ${weir_cmake_dir}/deps COMPONENT weir_headers)
endforeach()

configure_package_config_file(cmake/weirConfig.cmake.in ${PROJECT_BINARY_DIR}/weirConfig.cmake
                              INSTALL_DESTINATION ${weir_cmake_dir} NO_SET_AND_CHECK_MACRO
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Below 1.0 a minor release may break a caller, so 0.1 does not stand in for 0.2.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/weirConfig.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
        DESTINATION ${weir_cmake_dir} COMPONENT weir_headers)

file(GLOB weir_samples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/*.yaml)
if(weir_samples)
  install(FILES ${weir_samples} DESTINATION ${CMAKE_INSTALL_DATADIR}/weir COMPONENT weir_config)
endif()
