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

# For administrators who read what a program or `weir migrate` would run.
install(DIRECTORY include/weir/ext/postgres/sql/ DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/sql/postgres
        COMPONENT weir_headers)

# What each component needs, for the messages of the installed package.
set(weir_needs_lines "")
foreach(component IN LISTS weir_components)
  get_property(needs GLOBAL PROPERTY weir_${component}_needs)
  string(APPEND weir_needs_lines "set(weir_${component}_needs \"${needs}\")\n")
endforeach()

# weir_pkgconfig(<module> <description> <requirements>): a .pc file. It lies in share/, as the rest of the package.
function(weir_pkgconfig module description requires)
  set(weir_pc_name ${module})
  set(weir_pc_description "${description}")
  set(weir_pc_requires "${requires}")
  configure_file(cmake/weir.pc.in ${PROJECT_BINARY_DIR}/${module}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${module}.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig
          COMPONENT weir_headers)
endfunction()
weir_pkgconfig(weir "${PROJECT_DESCRIPTION}" "fmt >= 9")
foreach(component IN LISTS weir_components)
  get_property(requires GLOBAL PROPERTY weir_${component}_pkgconfig)
  weir_pkgconfig(weir-${component} "${PROJECT_DESCRIPTION}: component ${component}"
                 "weir = ${PROJECT_VERSION}, ${requires}")
endforeach()

# What is in the package and under which licence, for tools that collect bills of materials (SPDX 2.3).
# SOURCE_DATE_EPOCH makes the date that of the source.
string(TIMESTAMP weir_spdx_created "%Y-%m-%dT%H:%M:%SZ" UTC)
set(weir_spdx_packages "")
set(weir_spdx_relations "")
function(weir_spdx_needs id name license)
  string(APPEND weir_spdx_packages ",
    {
      \"SPDXID\": \"SPDXRef-${id}\",
      \"name\": \"${name}\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"NOASSERTION\",
      \"licenseDeclared\": \"${license}\",
      \"copyrightText\": \"NOASSERTION\"
    }")
  string(APPEND weir_spdx_relations ",
    {\"spdxElementId\": \"SPDXRef-weir\", \"relationshipType\": \"DEPENDS_ON\", \"relatedSpdxElement\": \"SPDXRef-${id}\"}")
  set(weir_spdx_packages "${weir_spdx_packages}" PARENT_SCOPE)
  set(weir_spdx_relations "${weir_spdx_relations}" PARENT_SCOPE)
endfunction()
weir_spdx_needs(fmt "fmt" MIT)
foreach(component IN LISTS weir_components)
  get_property(needs GLOBAL PROPERTY weir_${component}_needs)
  get_property(license GLOBAL PROPERTY weir_${component}_license)
  string(REGEX REPLACE " .*" "" needs "${needs}")
  weir_spdx_needs(${component} "${needs}" "${license}")
endforeach()
configure_file(cmake/weir.spdx.json.in ${PROJECT_BINARY_DIR}/weir.spdx.json @ONLY)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_BINARY_DIR}/weir.spdx.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/weir COMPONENT weir_headers)

configure_package_config_file(cmake/weirConfig.cmake.in ${PROJECT_BINARY_DIR}/weirConfig.cmake
                              INSTALL_DESTINATION ${weir_cmake_dir} NO_SET_AND_CHECK_MACRO
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Below 1.0 a minor release may break a caller, so 0.1 does not stand in for 0.2.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/weirConfig.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
        DESTINATION ${weir_cmake_dir} COMPONENT weir_headers)

file(GLOB weir_samples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/*.yaml ${PROJECT_SOURCE_DIR}/config/*.json)
install(DIRECTORY config/presets DESTINATION ${CMAKE_INSTALL_DATADIR}/weir COMPONENT weir_config)
if(weir_samples)
  install(FILES ${weir_samples} DESTINATION ${CMAKE_INSTALL_DATADIR}/weir COMPONENT weir_config)
endif()
