// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "support/catch.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace detail = weir::redis::detail;
using weir::redis::redis_options;
using weir::redis::redis_store;

static_assert(weir::store<redis_store>);
static_assert(!redis_store::is_local);
static_assert(std::is_nothrow_move_constructible_v<redis_store>);
static_assert(!std::is_copy_constructible_v<redis_store>);

}  // namespace

TEST_CASE("redis store: options that contradict each other are refused before a connection is made") {
    redis_options o;
    o.pool = 0;
    CHECK_THROWS_AS(redis_store{o}, weir::exception);
    o.pool = 1;
    CHECK_NOTHROW(redis_store{o});
    o.prefix = "a{b";
    CHECK_THROWS_AS(redis_store{o}, weir::exception);
}

TEST_CASE("redis store: different names give different keys, and all have one tag in braces") {
    const auto one = detail::names_of("weir", "api.crossref.org:8080", "metadata");
    CHECK(one.head == "weir:1:{api.crossref.org:8080|metadata}");
    CHECK(one.list == one.head + ":s");
    CHECK(one.tuner == one.head + ":t");
    CHECK(detail::names_of("weir", "a|b", "c").head != detail::names_of("weir", "a", "b|c").head);
    CHECK(detail::names_of("weir", "a|b", "c").head == "weir:1:{a%7Cb|c}");
    CHECK(detail::names_of("weir", "a%7Cb", "c").head == "weir:1:{a%257Cb|c}");
    CHECK(detail::names_of("weir", "}{\r\n", "").head == "weir:1:{%7D%7B%0D%0A|}");
    CHECK(detail::names_of("weir", std::string_view{"\0\xff", 2}, "").head == "weir:1:{%00%FF|}");
}

TEST_CASE("redis store: commands are sized, so that bytes in them end nothing") {
    const std::array<std::string_view, 2> parts{"GET", "a\r\nb"};
    CHECK(detail::command(parts) == "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n");
    std::string out;
    const std::array<double, 2> args{1.0, -0.5};
    const detail::key_names keys{"h", "l", "t"};
    detail::append_call(out, std::string(40, 'f'), detail::key_parts(keys), args, {}, {});
    CHECK(out.starts_with("*6\r\n$7\r\nEVALSHA\r\n$40\r\n"));
    CHECK(out.find("$1\r\n2\r\n$1\r\nh\r\n$1\r\nl\r\n$16\r\n") != std::string::npos);
    const auto packed = out.substr(out.size() - 18, 16);
    CHECK(detail::double_at(packed, 0) == 1.0);
    CHECK(detail::double_at(packed, 1) == -0.5);
    out.clear();
    detail::append_call(out, std::string(40, 'f'), detail::key_parts(keys), args, "\x08\x07\x06\x05\x04\x03\x02\x01",
                        {});
    CHECK(out.starts_with("*6\r\n"));
    CHECK(out.find("$24\r\n") != std::string::npos);
    CHECK(out.ends_with("\x08\x07\x06\x05\x04\x03\x02\x01\r\n"));
    out.clear();
    detail::append_call(out, std::string(40, 'f'), detail::key_parts(keys), args, {}, "note");
    CHECK(out.starts_with("*7\r\n"));
    CHECK(out.ends_with("\r\n$4\r\nnote\r\n"));
    out.clear();
    std::string third;
    detail::append_part(third, keys.tuner);
    detail::append_call(out, std::string(40, 'f'), detail::all_key_parts(detail::key_parts(keys), third), args, "x",
                        "note");
    CHECK(out.starts_with("*8\r\n"));
    CHECK(out.find("$1\r\n3\r\n$1\r\nh\r\n$1\r\nl\r\n$1\r\nt\r\n$17\r\n") != std::string::npos);
    out.clear();
    detail::append_noting(out, detail::note_start(keys), 1, 2.0, detail::note_kind::refunded);
    CHECK(out.size() == std::string_view{"*3\r\n$6\r\nAPPEND\r\n$1\r\nh\r\n$17\r\n"}.size() + 17 + 2);
}

TEST_CASE(
    "redis store: what an admission returns is told by its size, and what it leaves out is what the caller knows") {
    const auto packed = [](std::initializer_list<double> values, std::size_t size) {
        std::string out;
        for (const double value : values) {
            const auto bytes = detail::bytes_of(std::bit_cast<std::uint64_t>(value));
            out.append(bytes.data(), bytes.size());
        }
        out.resize(size, '\0');
        return out;
    };
    for (const std::size_t size : {detail::brief_bytes, detail::whole_bytes})
        for (const std::size_t more : {std::size_t{0}, detail::obstacle_bytes}) {
            const std::string text = packed({5, 4, 90}, size + more);
            const auto got = detail::admitted_of(text, 80).value();
            CHECK(got.t == 5);
            CHECK(got.version == 4);
            CHECK(got.lives == 90);
            CHECK_FALSE(got.has_credit);
            CHECK(got.is_whole == (size == detail::whole_bytes));
            CHECK(got.obstacle.size() == more);
        }
    const auto by_credit = detail::admitted_of(packed({5, 4}, detail::counted_bytes), 80).value();
    CHECK(by_credit.t == 5);
    CHECK(by_credit.version == 4);
    CHECK(by_credit.lives == 80);
    CHECK(by_credit.has_credit);
    CHECK_FALSE(by_credit.is_whole);
    for (const std::size_t size : {std::size_t{0}, std::size_t{17}, detail::denied_bytes, std::size_t{86}})
        CHECK_FALSE(detail::admitted_of(std::string(size, '\0'), 80).has_value());
}

TEST_CASE("redis store: plans that differ in anything have different names, which are finite and not zero") {
    weir::redis::redis_options options;
    detail::time_scale time{&options};
    const auto name_of = [&](const weir::policy& p, std::int64_t cost, detail::admit_mode how, weir::duration ttl) {
        const auto plan = weir::plan_windows(p);
        return detail::admit_arguments(time, plan, cost, {}, how, ttl, 1, false).all()[8];
    };
    weir::policy p;
    p.rates = {{10, 1s}, {100, 1h}};
    weir::policy other = p;
    other.rates[1].limit = 99;
    std::vector<double> names{
        name_of(p, 1, detail::admit_mode::open, 10s), name_of(p, 2, detail::admit_mode::open, 10s),
        name_of(p, 1, detail::admit_mode::count, 10s), name_of(p, 1, detail::admit_mode::open, 11s),
        name_of(other, 1, detail::admit_mode::open, 10s)};
    other = p;
    other.enforce = false;
    names.push_back(name_of(other, 1, detail::admit_mode::open, 10s));
    CHECK(name_of(p, 1, detail::admit_mode::open, 10s) == names[0]);
    for (const double name : names)
        CHECK((std::isfinite(name) && name != 0));
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
}

TEST_CASE("redis store: times are rounded so that nothing is admitted early") {
    CHECK(detail::microseconds_up(1us) == 1.0);
    CHECK(detail::microseconds_up(1001ns) == 2.0);
    CHECK(detail::microseconds_up(0ns) == 0.0);
    CHECK(detail::microseconds_up(-1500ns) == -1.0);
    CHECK(detail::span_of(2.0) == 2us);
    CHECK(detail::span_of(std::numeric_limits<double>::infinity()) == weir::far_future - weir::instant{});
    CHECK(detail::span_of(-std::numeric_limits<double>::infinity()) == weir::long_ago - weir::instant{});
}

TEST_CASE("redis store: the bound on the server's clock is never behind it, and late by a round trip at most") {
    detail::server_clock clock;
    const double t = 1'760'000'000'000'000.0;
    const auto asked = detail::server_clock::here();
    clock.learn(t, asked - 500);
    const double seen = clock.at_max();
    const auto passed = static_cast<double>(detail::server_clock::here() - asked);
    CHECK(seen >= t + 500);
    CHECK(seen <= t + 500 + passed * 1.001 + 3);
}

TEST_CASE("redis store: a stamp that is an id is read back unchanged") {
    for (const double at : {0.0, -12'345.0, 1'764'086'400'000'001.0, 9'007'199'254'740'992.0}) {
        CHECK(detail::is_stamp(detail::id_of_stamp(at)));
        CHECK(detail::stamp_of(detail::id_of_stamp(at)) == at);
    }
    CHECK_FALSE(detail::is_stamp(0));
}

TEST_CASE("redis store: only the first word of an error reply is shown, because the rest may repeat a secret") {
    CHECK(detail::error_word("NOPERM this user has no permissions") == "NOPERM");
    CHECK(detail::error_word("WRONGPASS") == "WRONGPASS");
    CHECK(detail::error_word("hunter2 is wrong") == "ERR");
    CHECK(detail::error_word("") == "ERR");
    CHECK(detail::error_word("ABCdef x") == "ERR");
}

TEST_CASE("redis store: a new key has no history and is idle") {
    redis_store store{redis_options{}};
    const auto slot = store.make_slot("h.org", "metadata");
    CHECK(store.factor(slot).is_one());
    CHECK(store.idle(slot, {}, store.now()));
    CHECK(store.losses() == 0);
    CHECK_FALSE(redis_store::counted_at({}).has_value());
}

TEST_CASE("redis store: its time is this machine's, or the latest that was injected") {
    redis_store plain{redis_options{}};
    const auto before = weir::steady_clock{}.now();
    CHECK(plain.now() >= before);
    CHECK(plain.after(weir::instant{5s}) >= before);
    redis_options o;
    o.injected_time = true;
    redis_store injected{o};
    CHECK(injected.now() == weir::instant{});
    CHECK(injected.after(weir::instant{5s}) == weir::instant{5s});
}
