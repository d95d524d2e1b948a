// SPDX-License-Identifier: MIT
#include "weir/http/body_source.hpp"

#include "support/catch.hpp"

#include "weir/http/message.hpp"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace {
std::string all_of(const weir::http::body_source& from) {
    auto read = from.open();
    std::string out;
    std::array<char, 3> piece{};
    while (const std::size_t n = read(piece))
        out.append(piece.data(), n);
    return out;
}
}  // namespace

TEST_CASE("a file can be sent again and again, a stream once") {
    std::string path = (std::filesystem::temp_directory_path() / "weir-body-XXXXXX").string();
    ::close(::mkstemp(path.data()));
    std::ofstream{path} << "a whole file";
    const auto file = weir::http::file_body(path);
    CHECK(file.size == 12);
    CHECK(all_of(file) == "a whole file");
    CHECK(all_of(file) == "a whole file");
    CHECK(weir::http::may_repeat({.method = "PUT", .upload = file}));
    std::filesystem::remove(path);
    CHECK_THROWS_AS(file.open(), weir::exception);
    CHECK_THROWS_AS(weir::http::file_body(path), weir::exception);

    int left = 2;
    const auto stream = weir::http::stream_body([&](std::span<char> into) -> std::size_t {
        into[0] = 'x';
        return left-- > 0 ? 1 : 0;
    });
    CHECK_FALSE(stream.size);
    CHECK(all_of(stream) == "xx");
    CHECK_FALSE(weir::http::may_repeat({.method = "PUT", .upload = stream}));
    CHECK_FALSE(weir::http::body_source{});
}
