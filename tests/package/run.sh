#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs weir into a folder of its own and uses it the ways other projects would: found, vendored, fetched, without any
# component; and asks for things it must refuse. Each is one case.

set -u
source_dir=${WEIR_SOURCE_DIR:?} build_dir=${WEIR_BUILD_DIR:?} cmake=${CMAKE:-cmake}
here=$source_dir/tests/package
work=$build_dir/package
rm -rf -- "$work"
mkdir -p -- "$work"
passed=0 failed=0

fail() {
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$1"
    tail -n 30 -- "$work/log"
}

skipped=0
skip() {
    skipped=$((skipped + 1))
    printf 'skipped: %s: %s\n' "$1" "$2"
}

# runs <what> <command>...: the command succeeds.
runs() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok: %s\n' "$what"
    else
        fail "$what"
    fi
}

# compiled <flags>...: the compiler alone builds and runs the program of a stranger that uses YAML and libcurl.
compiled() {
    "${CXX:-c++}" -std=c++20 "${program:-$here/program/main.cpp}" -o "$work/program" "$@" && "$work/program"
}

# configures <folder> <project> <cmake arguments>...
configures() {
    local dir=$1 project=$2
    shift 2
    "$cmake" -G Ninja -S "$here/$project" -B "$dir" -DCMAKE_CXX_COMPILER="${CXX:-c++}" "$@" >"$work/log" 2>&1
}

# finds <what> <project> <cmake arguments>...: configures only.
finds() {
    local what=$1
    shift
    if configures "$(mktemp -d "$work/case.XXXXXX")" "$@"; then
        passed=$((passed + 1))
        printf 'ok: %s\n' "$what"
    else
        fail "$what"
    fi
}

# accepts <what> <project> <cmake arguments>...: configures, builds and runs.
accepts() {
    local what=$1 dir
    shift
    dir=$(mktemp -d "$work/case.XXXXXX")
    if configures "$dir" "$@" && "$cmake" --build "$dir" >>"$work/log" 2>&1 && "$dir/consumer" >>"$work/log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok: %s\n' "$what"
    else
        fail "$what"
    fi
}

# refuses <what> <text the refusal must contain> <project> <cmake arguments>...
refuses() {
    local what=$1 text=$2
    shift 2
    if configures "$(mktemp -d "$work/case.XXXXXX")" "$@"; then
        fail "$what: was accepted"
    elif tr -s ' \n' '  ' <"$work/log" | grep -qF -- "$text"; then
        passed=$((passed + 1))
        printf 'ok: %s\n' "$what"
    else
        fail "$what: refused, but without saying: $text"
    fi
}

if ! "$cmake" --install "$build_dir" --prefix "$work/prefix" --component weir_headers >"$work/log" 2>&1; then
    fail "install"
    exit 1
fi

has=()
for component in yaml curl idn2 cli11 sqlite redis postgres; do
    [ -e "$work/prefix/share/cmake/weir/weir-$component.cmake" ] && has+=("$component")
done
list=$(IFS=';'; printf '%s' "${has[*]-}")
prefix=-DCMAKE_PREFIX_PATH=$work/prefix

accepts "installed, no component" installed "$prefix"
accepts "installed, components: ${has[*]-none}" installed "$prefix" "-DWANTED=$list"
for component in "${has[@]}"; do
    finds "installed, component $component alone" installed "$prefix" "-DWANTED=$component"
done
refuses "an unknown component" "there is no component 'flux'" installed "$prefix" -DWANTED=flux
if [ -e "$work/prefix/share/cmake/weir/weir-yaml.cmake" ]; then
    refuses "a component whose dependency is gone" "component 'yaml' needs yaml-cpp (Debian: libyaml-cpp-dev)" \
        installed "$prefix" -DWANTED=yaml -DCMAKE_DISABLE_FIND_PACKAGE_yaml-cpp=ON
fi
refuses "a later minor version" "0.2" wrong_version "$prefix" -DASKED=0.2
refuses "an earlier minor version" "0.0" wrong_version "$prefix" -DASKED=0.0
refuses "a later major version" "1.0" wrong_version "$prefix" -DASKED=1.0

# Ways without CMake. The program needs YAML and libcurl.
if [ -e "$work/prefix/share/cmake/weir/weir-yaml.cmake" ] && [ -e "$work/prefix/share/cmake/weir/weir-curl.cmake" ]; then
    # shellcheck disable=SC2046
    runs "pkg-config" compiled $(PKG_CONFIG_PATH=$work/prefix/share/pkgconfig pkg-config --cflags --libs weir-yaml weir-curl)
    runs "a header a component is written" python3 "$source_dir/cmake/single_header.py" "$work/single"
    sed 's|<weir/ext/curl/transport.hpp>|"weir-curl.hpp"|; s|<weir/ext/yaml/configure.hpp>|"weir-yaml.hpp"|
         s|<weir/weir.hpp>|"weir.hpp"|' "$here/program/main.cpp" >"$work/single/main.cpp"
    program=$work/single/main.cpp runs "one header a component, g++ alone" compiled -Wall -Wextra -lfmt -lyaml-cpp -lcurl -pthread
    if command -v meson >/dev/null; then
        cp -r -- "$here/meson" "$work/meson"
        cp -- "$here/installed/main.cpp" "$work/meson/"
        mkdir -p -- "$work/meson/subprojects"
        ln -s -- "$source_dir" "$work/meson/subprojects/weir"
        runs "Meson subproject" bash -c 'cd "$1" && meson setup b && ninja -C b && b/consumer' meson "$work/meson"
    else
        skip "Meson subproject" "meson is not installed"
    fi
    # Debian has no package of Conan 2.
    conan=$(command -v conan || printf '%s' "$build_dir/conan/bin/conan")
    if ! [ -x "$conan" ]; then
        python3 -m venv "$build_dir/conan" >"$work/log" 2>&1 &&
            "$build_dir/conan/bin/pip" install --quiet 'conan>=2.4,<3' >>"$work/log" 2>&1
    fi
    if [ -x "$conan" ]; then
        mkdir -- "$work/recipe" "$work/conan"
        (cd -- "$source_dir" && cp -r --parents conanfile.py CMakeLists.txt LICENSE cmake config include tests/package "$work/recipe")
        # Debian's packages stand in for the recipes of the libraries, so that nothing is downloaded.
        {
            printf 'include(default)\n[settings]\ncompiler.cppstd=20\n[platform_requires]\n'
            printf '%s/%s\n' fmt "$(pkg-config --modversion fmt)" yaml-cpp "$(pkg-config --modversion yaml-cpp)" \
                libcurl "$(pkg-config --modversion libcurl)"
        } >"$work/conan/offline"
        export CONAN_HOME=$work/conan/home
        runs "Conan finds the compiler" "$conan" profile detect
        runs "Conan without its servers" "$conan" remote disable '*'
        runs "Conan recipe and its test package" "$conan" create "$work/recipe" -pr:a "$work/conan/offline" --build=missing
    else
        skip "Conan recipe and its test package" "conan is not there, and pip cannot install it"
    fi
fi

# A compiler in an older mode says in its first error what is needed.
says_standard() {
    local header
    for header in weir.hpp ext/curl/transport.hpp ext/yaml/configure.hpp ext/sqlite/sqlite_store.hpp; do
        [ -e "$work/prefix/include/weir/$header" ] || continue
        printf '#include <weir/%s>\n' "$header" >"$work/old.cpp"
        "${CXX:-c++}" -std=c++17 -fsyntax-only -I"$work/prefix/include" "$work/old.cpp" 2>&1 | grep -m1 'error:' |
            grep -F 'weir needs C++20. Compile with -std=c++20' || return 1
    done
}
runs "C++17 is refused by name in every first header" says_standard

accepts "vendored, components: ${has[*]-none}" vendored "-DWEIR_SOURCE=$source_dir" "-DWANTED=$list"
accepts "fetched" fetched "-DWEIR_SOURCE=$source_dir"

# An installation from a machine that has nothing but {fmt}.
nothing="-DWEIR_YAML=OFF -DWEIR_CURL=OFF -DWEIR_IDN2=OFF -DWEIR_CLI11=OFF -DWEIR_SQLITE=OFF -DWEIR_REDIS=OFF"
nothing+=" -DWEIR_POSTGRES=OFF"
for package in yaml-cpp CURL CLI11 SQLite3 PkgConfig nlohmann_json httplib OpenSSL Catch2 benchmark; do
    nothing+=" -DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"
done
# shellcheck disable=SC2086
if "$cmake" -G Ninja -S "$source_dir" -B "$work/core" -DCMAKE_CXX_COMPILER="${CXX:-c++}" $nothing >"$work/log" 2>&1 &&
    "$cmake" --install "$work/core" --prefix "$work/core-prefix" --component weir_headers >>"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok: configures and installs with every optional dependency absent"
    accepts "core only" core_only "-DCMAKE_PREFIX_PATH=$work/core-prefix"
    refuses "a component that was not installed" "weir was installed without component 'yaml'" \
        installed "-DCMAKE_PREFIX_PATH=$work/core-prefix" -DWANTED=yaml
    if [ -e "$work/core-prefix/include/weir/ext" ]; then fail "core only: headers of a component were installed"; fi
else
    fail "configures and installs with every optional dependency absent"
fi

# Asking for what is not there is an error, and names the package.
# shellcheck disable=SC2086
refuses "WEIR_YAML=ON without yaml-cpp" "apt-get install libyaml-cpp-dev" ../.. -DWEIR_YAML=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_yaml-cpp=ON

printf 'weir-tests: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
