// SPDX-License-Identifier: MIT
#include "weir/ext/redis/detail/epoch.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace {

namespace redis_detail = weir::redis::detail;
using redis_detail::epoch_record;

const std::string old_id(32, 'a');
const std::string new_id(32, 'b');

redis_detail::server_facts facts(const std::string& run, const std::string& more = "") {
    return redis_detail::facts_of("# Server\r\nrun_id:" + run + "\r\nuptime_in_seconds:5\r\n" + more, "");
}

}  // namespace

TEST_CASE("redis epoch: only a text that was written is read") {
    const epoch_record e{old_id, 5, 7, std::string(40, 'c'), std::string(40, 'd'), 3, 9};
    CHECK(redis_detail::epoch_of(redis_detail::text_of(e)) == e);
    const epoch_record bare{old_id, 5, 0, {}, {}, 0, 0};
    CHECK(redis_detail::epoch_of(redis_detail::text_of(bare)) == bare);
    const std::string good = redis_detail::text_of(e);
    for (std::size_t i = 0; i < good.size(); ++i) {
        CHECK(redis_detail::epoch_of(good.substr(0, i)) != e);
        std::string other = good;
        other[i] = '\n';
        CHECK_FALSE(redis_detail::epoch_of(other).has_value());
    }
    CHECK_FALSE(redis_detail::epoch_of(good + " x").has_value());
    CHECK_FALSE(redis_detail::epoch_of("").has_value());
    CHECK_FALSE(redis_detail::epoch_of(old_id).has_value());
}

TEST_CASE("redis epoch: fields of INFO are found only at the begin of a line") {
    const std::string info =
        "x_run_id:no\r\nrun_id:yes\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nevicted_keys:12";
    const auto f =
        redis_detail::facts_of(info, "cmdstat_evalsha:calls=7,usec=3\r\ncmdstat_flushall:calls=2,usec=1\r\n");
    CHECK(f.run_id == "yes");
    CHECK(f.keeps_all);
    CHECK(f.evicted == 12);
    CHECK(f.scripts == 7);
    CHECK(f.flushes == 2);
    CHECK_FALSE(redis_detail::facts_of("", "").are_known);
}

TEST_CASE("redis epoch: the losses that the server shows") {
    constexpr std::int64_t now = 100'000'000;
    const auto next = [&](const std::optional<epoch_record>& found, const redis_detail::server_facts& f,
                          const std::string& known) { return redis_detail::next_epoch(found, f, now, known, new_id); };
    const epoch_record e{old_id, 1, 0, "run1", "repl1", 0, 0};

    // A new server has lost nothing. A server that is empty, but had data, has.
    CHECK(next({}, facts("run1"), "").record == epoch_record{new_id, now, 0, "run1", "", 0, 0});
    CHECK(next({}, facts("run1"), "").reason.empty());
    CHECK(next({}, facts("run1"), old_id).record.lost == now);
    auto flushed = facts("run1");
    flushed.flushes = 1;
    CHECK(next({}, flushed, "").record.lost == 0);
    flushed.scripts = 1;
    CHECK(next({}, flushed, "").record.lost == now);

    // The same server; a user without the right to ask; a server with an append-only file.
    CHECK(next(e, facts("run1", "master_replid:repl1\r\n"), "").record == e);
    CHECK(next(e, {}, "").record == e);
    CHECK(next(e, facts("run2", "aof_enabled:1\r\nmaster_replid:repl2\r\n"), "").record.id == old_id);

    // After a restart the loss ends at the start for a process that did not know the server, and now for the others.
    CHECK(next(e, facts("run2"), "").record.lost == now - 5'000'000);
    CHECK(next(e, facts("run2"), old_id).record.lost == now);
    CHECK(next(e, facts("run2"), "").record.id == new_id);
    // A replica took over, with or without an append-only file.
    CHECK(next(e, facts("run2", "aof_enabled:1\r\nmaster_replid2:repl1\r\n"), "").record.lost == now);

    // Evictions lose some keys.
    const auto evicted = next(e, facts("run1", "evicted_keys:4\r\n"), "");
    CHECK(evicted.record.id == old_id);
    CHECK(evicted.record.evicted == 4);
    CHECK(evicted.record.evicted_at == now);
}
