# SPDX-License-Identifier: MIT
#
# The Conan 2 recipe. Every component is an option; a component's library is required only when the component is wanted.
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load

required_conan_version = ">=2.0"

# Component: the library it needs.
COMPONENTS = {
    "yaml": "yaml-cpp/[>=0.7 <1]",
    "curl": "libcurl/[>=7.80 <9]",
    "idn2": "libidn2/[>=2.3 <3]",
    "cli11": "cli11/[>=2.1 <3]",
    "sqlite": "sqlite3/[>=3.37 <4]",
    "redis": "hiredis/[>=0.14 <2]",
    "postgres": "libpq/[>=14]",
}


class WeirRecipe(ConanFile):
    name = "weir"
    description = "Rate limits for HTTP clients: several exact windows a host, counted until the server has answered"
    license = "MIT"
    topics = ("rate-limiting", "http", "http-client", "throttling", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {component: [True, False] for component in COMPONENTS}
    default_options = {component: component in ("yaml", "curl") for component in COMPONENTS}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "config/*", "include/*"
    test_package_folder = "tests/package/conan"

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "include", "weir", "core", "version.hpp"))
        self.version = re.search(r'version\[\] = "([^"]+)"', header).group(1)

    def requirements(self):
        self.requires("fmt/[>=9 <13]", transitive_headers=True, transitive_libs=True)
        for component in self.wanted():
            self.requires(COMPONENTS[component], transitive_headers=True, transitive_libs=True)

    def wanted(self):
        return [component for component in COMPONENTS if self.options.get_safe(component)]

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)
        if self.settings.os == "Windows":
            raise ConanInvalidConfiguration("weir does not run on Windows yet; it is tested on Linux")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for own in ("TESTS", "BENCH", "EXAMPLES", "TOOLS"):
            toolchain.cache_variables[f"WEIR_{own}"] = False
        for component in COMPONENTS:
            toolchain.cache_variables[f"WEIR_{component.upper()}"] = "ON" if component in self.wanted() else "OFF"
        toolchain.generate()

    def package(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        # The headers are the same for every compiler. The options decide which components are there.
        self.info.settings.clear()

    def package_info(self):
        # find_package(weir COMPONENTS ...) reads the same files as with any other installation.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "weir")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
