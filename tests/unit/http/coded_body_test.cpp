// SPDX-License-Identifier: MIT
#include "weir/http/detail/coded_body.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using weir::http::detail::chunk_reader;
using weir::http::detail::coded_body;
using weir::http::detail::zstd_frames;

TEST_CASE("chunks are taken apart wherever the pieces are cut") {
    const std::string text = "5\r\nHello\r\n0000A;name=\"v\"\r\n, world!!!\r\n1\nx\n0\r\nX-Trailer: 5\r\n\r\nrest";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        chunk_reader reader;
        std::string out;
        for (std::string_view left = text; !left.empty(); left.remove_prefix(std::min(piece, left.size())))
            reader.feed(left.substr(0, piece), [&](std::string_view bytes) { out += bytes; });
        CHECK(out == "Hello, world!!!x");
    }
}

TEST_CASE("Zstandard frames end where they say") {
    using namespace std::string_literals;
    const std::string magic = "\x28\xb5\x2f\xfd"s;
    // One segment of known size with a raw block; a window and a block of one repeated byte, with a check sum; a frame
    // that is skipped.
    const std::string frames = magic + "\x20\x03\x19\x00\x00"s + "abc" + magic + "\x04\x00\x42\x00\x00"s + "x" +
                               "\x01\x00\x00"s + "yyyy" + "\x50\x2a\x4d\x18\x02\x00\x00\x00zz"s;
    const std::size_t first = 12, second = first + 6 + 3 + 1 + 3 + 4;
    for (std::size_t piece = 1; piece <= 8; ++piece)
        for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
            zstd_frames reader;
            std::string_view left = std::string_view{frames}.substr(0, cut);
            for (; !left.empty(); left.remove_prefix(std::min(piece, left.size())))
                reader.feed(left.substr(0, piece));
            CAPTURE(piece, cut);
            CHECK(reader.at_end() == (cut == 0 || cut == first || cut == second || cut == frames.size()));
        }
}

TEST_CASE("a coding that cannot be checked counts as whole") {
    for (const char* coding : {"br", "identity", "gzip, br", ""}) {
        coded_body body{coding};
        CHECK_FALSE(body.can_check());
        body.received("x");
        CHECK(body.whole());
    }
    coded_body cut{"gzip"};
    CHECK(cut.whole());
    cut.received("\x1f");
    CHECK_FALSE(cut.whole());
    coded_body zlib{"deflate"};
    zlib.received("\x78");
    CHECK_FALSE(zlib.whole());
    coded_body raw{"deflate"};  // without the zlib format around it
    raw.received("\x01\x02\x03");
    CHECK(raw.whole());
}
