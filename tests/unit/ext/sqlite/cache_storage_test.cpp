// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/cache_storage.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "weir/http/cached.hpp"
#include "weir/storage/store_error.hpp"

#include <sqlite3.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {

using weir::http::shared_response;
using weir::http::stored_response;
using weir::sqlite::cache_storage;

static_assert(weir::http::cache_storage<cache_storage>);

shared_response cache_page(std::string body, weir::http::headers selecting = {}) {
    return std::make_shared<const stored_response>(
        stored_response{.status = 200,
                        .headers = {{"ETag", "\"a\""}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}},
                        .body = std::move(body),
                        .selecting = std::move(selecting),
                        .requested = weir::http::wall_time{1234ms},
                        .received = weir::http::wall_time{5678ms}});
}

/// Runs SQL on the file, as an administrator would, and returns the last value that it gives.
std::string cache_sql(const std::string& path, const char* sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    std::string last;
    const auto keep = [](void* to, int, char** values, char**) {
        *static_cast<std::string*>(to) = values[0];
        return 0;
    };
    CHECK(sqlite3_exec(db, sql, keep, &last, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    return last;
}

}  // namespace

TEST_CASE("a stored response comes back from a file as it was") {
    const weir_test::scratch here;
    {
        cache_storage storage{here.file("cache.db")};
        storage.put("http://a/", cache_page(std::string{"bo\0dy", 5}));
        storage.put("http://a/", cache_page("other", {{"accept", "x"}}));
        storage.put("http://a/", cache_page("newer", {{"accept", "x"}}));
    }
    cache_storage again{here.file("cache.db")};
    const auto found = again.find("http://a/");
    REQUIRE(found.size() == 2);
    CHECK(found[0]->body == std::string_view{"bo\0dy", 5});
    CHECK(found[0]->headers.count("Set-Cookie") == 2);
    CHECK(found[0]->received == weir::http::wall_time{5678ms});
    CHECK(found[1]->body == "newer");
    CHECK(found[1]->selecting.first("accept") == "x");
    CHECK(again.find("http://b/").empty());
    CHECK(again.erase_if([](std::string_view url) { return url == "http://a/"; }) == 1);
    CHECK(again.find("http://a/").empty());
}

TEST_CASE("a file is bounded, and two caches share it") {
    const weir_test::scratch here;
    constexpr std::int64_t max = 64 << 10;
    cache_storage first{here.file("cache.db"), max};
    cache_storage second{here.file("cache.db"), max};
    for (int i = 0; i < 200; ++i)
        (i % 2 == 0 ? first : second).put("http://a/" + std::to_string(i), cache_page(std::string(1000, 'x')));
    CHECK(first.find("http://a/199").size() == 1);
    CHECK(second.find("http://a/0").empty());
    std::size_t kept = 0;
    CHECK((kept = first.erase_if([](std::string_view) { return true; })) > 30);
    CHECK(kept < 64);
    first.put("http://large/", cache_page(std::string(std::size_t{max}, 'x')));
    CHECK(first.find("http://large/").empty());
}

TEST_CASE("bytes that no cache wrote are nothing") {
    const std::uint64_t seed = weir_test::seed_for("stored heads");
    std::mt19937_64 random{seed};
    const std::string good = weir::http::detail::stored_head_writer::write(*cache_page(""));
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = good;
        for (std::uint64_t changes = random() % 4; changes > 0; --changes)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        bytes.resize(random() % 8 == 0 ? random() % bytes.size() : bytes.size());
        const auto read = weir::http::detail::stored_head_reader::read(bytes);
        if (read && bytes == good)
            CHECK(read->headers == cache_page("")->headers);
    }
    const weir_test::scratch here;
    {
        cache_storage storage{here.file("cache.db")};
        storage.put("http://a/", cache_page("body"));
    }
    static_cast<void>(cache_sql(here.file("cache.db"), "UPDATE response SET head = x'0102'"));
    cache_storage storage{here.file("cache.db")};
    CHECK(storage.find("http://a/").empty());
}

TEST_CASE("a file of something else is refused and left as it is") {
    const weir_test::scratch here;
    static_cast<void>(cache_sql(here.file("mine.db"), "CREATE TABLE mine(a); INSERT INTO mine VALUES(1)"));
    cache_storage storage{here.file("mine.db")};
    CHECK_THROWS_AS(storage.find("http://a/"), weir::store_error);
    CHECK(cache_sql(here.file("mine.db"), "SELECT group_concat(a) FROM mine") == "1");
    std::ofstream{here.file("text.db")} << std::string(5000, 'x');
    cache_storage text{here.file("text.db")};
    CHECK_THROWS_AS(text.find("http://a/"), weir::store_error);
}

TEST_CASE("a cache that is locked, or that cannot be written, fails no request") {
    struct one_page {
        void send(const weir::http::request&, weir::http::receiver& to) {
            to.head(200, {{"Cache-Control", "max-age=60"}});
            static_cast<void>(to.body("body"));
        }
    };
    weir::http::cached http{one_page{}, cache_storage{"/nowhere/cache.db"}};
    CHECK(http.send({.url = "http://a/"}).body == "body");
    CHECK(http.counts().faults > 0);
}

TEST_CASE("a writer that is killed leaves a whole file") {
    const weir_test::scratch here;
    for (int round = 0; round < 3; ++round) {
        weir_test::child writer{[&] {
            cache_storage storage{here.file("cache.db")};
            for (int i = 0;; i = (i + 1) % 50)
                storage.put("http://a/" + std::to_string(i),
                            cache_page(std::string(3000, static_cast<char>('a' + i % 26))));
            return 0;
        }};
        {
            // Until it has written something.
            bool written = false;
            while (!written) {
                written = std::filesystem::exists(here.file("cache.db-wal")) &&
                          std::filesystem::file_size(here.file("cache.db-wal")) > 100'000;
                std::this_thread::sleep_for(1ms);
            }
        }
        CHECK(writer.kill() == -SIGKILL);
    }
    cache_storage storage{here.file("cache.db")};
    int found = 0;
    for (int i = 0; i < 50; ++i)
        for (const shared_response& one : storage.find("http://a/" + std::to_string(i))) {
            CHECK(one->body == std::string(3000, static_cast<char>('a' + i % 26)));
            ++found;
        }
    CHECK(found > 0);
    CHECK(cache_sql(here.file("cache.db"), "PRAGMA integrity_check") == "ok");
}
