// SPDX-License-Identifier: MIT
//
// Any bytes as the stored values of a store: they are refused or decoded; nothing crashes, hangs or overflows.

#include "weir/ext/postgres/detail/wire.hpp"
#include "weir/ext/redis/detail/epoch.hpp"
#include "weir/ext/redis/detail/tuner_call.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/sqlite/detail/key_row.hpp"
#include "weir/storage/remote/tuner_record.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

void check_redis(std::string_view bytes) {
    namespace redis = weir::redis::detail;
    if (const auto epoch = redis::epoch_of(bytes)) {
        require(redis::epoch_of(redis::text_of(*epoch)) == epoch);
        const auto next =
            redis::next_epoch(epoch, redis::facts_of(bytes, bytes), 1'000'000'000, epoch->id, std::string(32, 'f'));
        require(redis::epoch_of(redis::text_of(next.record)) == next.record);
    }
    static_cast<void>(redis::facts_of(bytes, bytes));
    if (const auto head = redis::admitted_of(bytes, 0))
        require(head->obstacle.empty() || head->obstacle.size() == redis::obstacle_bytes);
    if (const auto said = redis::tuner_reply_of(bytes)) {
        const auto state =
            weir::remote::to_state(said->answer.record, said->answer.factor, weir::duration{1'700'000'000'000'000'000});
        require(state.factor.millionths() >= 1 && state.factor.millionths() <= weir::multiplier::one);
    }
}

void check_sqlite(std::string_view bytes) {
    namespace sqlite = weir::sqlite::detail;
    sqlite::key_row row;
    if (row.decode(bytes)) {
        std::int64_t open = 0;
        for (const auto& e : row.entries) {
            require(e.cost > 0);
            open += e.open ? e.cost : 0;
        }
        require(open == row.open);
        require(row.first_block >= 0 && row.first_block <= row.end_block);
        require(row.millionths >= 1 && row.millionths <= weir::multiplier::one);
        std::string again;
        row.encode(again);
        sqlite::key_row same;
        require(same.decode(again) && same.newest == row.newest && same.recent == row.recent);
    }
    sqlite::stamp_block block;
    require(!block.decode(bytes) || block.encode() == bytes);
    weir::remote::tuner_record record;
    require(!weir::remote::read_record(bytes, record) || weir::remote::to_bytes(record) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    check_redis(bytes);
    check_sqlite(bytes);
    static_cast<void>(weir::postgres::detail::parse_numbers(bytes));
    return 0;
}
