// SPDX-License-Identifier: MIT
#include "weir/storage/remote/holder_book.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using book_verdict = weir::remote::holder_verdict;

constexpr std::uint64_t book_machine = 7;

weir::remote::holder_record book_record(std::int64_t renewed, std::uint64_t machine = 8) {
    return {2, machine, 100, 5, 0, renewed, 10'000'000, "b"};
}

}  // namespace

TEST_CASE("holder_book: a sign of life is due every third of the time to live, and one thread gives it") {
    weir::testing::manual_clock clock;
    weir::remote::holder_book book{9s};
    CHECK(book.alive() == 0);
    CHECK(book.is_due(clock.now()));
    CHECK(book.begin(clock.now()));
    CHECK_FALSE(book.begin(clock.now()));
    book.succeeded(4);
    CHECK(book.alive() == 4);
    // The number is new, so it may change again soon.
    CHECK(book.next_renewal() == clock.now() + 750ms);
    clock.advance(750ms);
    CHECK(book.begin(clock.now()));
    book.succeeded(4);
    CHECK(book.next_renewal() == clock.now() + 3s);
    clock.advance(3s - 1ns);
    CHECK_FALSE(book.is_due(clock.now()));
    clock.advance(1ns);
    CHECK(book.begin(clock.now()));
}

TEST_CASE("holder_book: after a failure the next sign of life comes three times as early") {
    weir::testing::manual_clock clock;
    weir::remote::holder_book book{9s};
    REQUIRE(book.begin(clock.now()));
    book.failed(clock.now());
    CHECK(book.next_renewal() == clock.now() + 1s);
}

TEST_CASE("holder_book: a holder of another machine is silent after half of its time to live, and dead after all") {
    const auto never = [](std::int64_t, std::int64_t) -> bool { throw 1; };
    const auto judged = [&](std::int64_t now) {
        return weir::remote::judge(book_record(1'000'000), 1, book_machine, now, never);
    };
    CHECK(judged(1'000'000).type == book_verdict::kind::lives);
    CHECK(judged(6'000'000).type == book_verdict::kind::lives);
    CHECK(judged(6'000'001).type == book_verdict::kind::silent);
    CHECK(judged(6'000'001).at == 11'000'000);
    CHECK(judged(10'999'999).type == book_verdict::kind::silent);
    CHECK(judged(11'000'000).type == book_verdict::kind::dead);
    CHECK(judged(900'000'000).at == 11'000'000);
    // The server's clock was stepped back.
    CHECK(judged(5).type == book_verdict::kind::lives);
}

TEST_CASE("holder_book: the kernel says whether a holder of this machine lives, however long it is silent") {
    const auto judged = [&](bool has_ended) {
        return weir::remote::judge(book_record(0, book_machine), 1, book_machine, 500'000'000,
                                   [&](std::int64_t pid, std::int64_t start) {
                                       CHECK(pid == 100);
                                       CHECK(start == 5);
                                       return has_ended;
                                   });
    };
    CHECK(judged(false).type == book_verdict::kind::lives);
    CHECK(judged(true).type == book_verdict::kind::dead);
    CHECK(judged(true).at == 500'000'000);
}

TEST_CASE("holder_book: a store object never judges itself dead, and an unknown machine is another one") {
    const auto yes = [](std::int64_t, std::int64_t) { return true; };
    CHECK(weir::remote::judge(book_record(0), 2, 0, 500'000'000, yes).type == book_verdict::kind::lives);
    CHECK(weir::remote::judge(book_record(0, 0), 1, 0, 1, yes).type == book_verdict::kind::lives);
}

TEST_CASE("holder_book: a record becomes what a caller of holders() gets") {
    const auto info = weir::remote::info_of(book_record(3), 2, {book_verdict::kind::silent, 9});
    CHECK(info.id == 2);
    CHECK(info.host == "b");
    CHECK(info.pid == 100);
    CHECK(info.renewed.time_since_epoch() == 3us);
    CHECK(info.alive);
    CHECK(info.is_self);
}
