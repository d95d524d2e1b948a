// SPDX-License-Identifier: MIT
#include "weir/http/cache/memory_storage.hpp"

#include "support/catch.hpp"

#include "weir/http/cached.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

using namespace weir::http;

TEST_CASE("the memory storage is bounded and drops what was used longest ago") {
    memory_storage storage{std::size_t{16} << 10U};
    const auto response = [](std::size_t size) {
        stored_response one;
        one.body.assign(size, 'x');
        return std::make_shared<const stored_response>(one);
    };
    for (int i = 0; i < 100; ++i) {
        storage.put("http://a/" + std::to_string(i), response(1000));
        static_cast<void>(storage.find("http://a/0"));
    }
    CHECK(storage.bytes() <= 16 << 10);
    CHECK(storage.find("http://a/0").size() == 1);
    CHECK(storage.find("http://a/1").empty());
    CHECK(storage.find("http://a/99").size() == 1);
    storage.put("http://a/0", response(1 << 20));
    CHECK(storage.find("http://a/0").empty());
    CHECK(storage.erase_if([](std::string_view) { return true; }) > 0);
    CHECK(storage.bytes() == 0);
}

TEST_CASE("a memory storage with a size of its own is moved into the cache") {
    struct one_page {
        void send(const request&, receiver& to) {
            to.head(200, {{"Cache-Control", "max-age=60"}});
            static_cast<void>(to.body(std::string(100, 'x')));
        }
    };
    cached http{one_page{}, memory_storage{64}};
    static_cast<void>(http.send({.url = "http://a/"}));
    static_cast<void>(http.send({.url = "http://a/"}));
    CHECK(http.counts().misses == 2);  // the response is larger than the storage
}
