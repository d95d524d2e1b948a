// SPDX-License-Identifier: MIT
#include "weir/storage/remote/entry_ids.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <set>

TEST_CASE("entry ids: none is 0 or has the highest bit, and no two are equal, even of two stores") {
    weir::remote::entry_ids one, other;
    std::set<std::uint64_t> all;
    for (int i = 0; i < 1'000; ++i)
        for (weir::remote::entry_ids* ids : {&one, &other}) {
            const std::uint64_t id = ids->next();
            CHECK(id != 0);
            CHECK(id >> 63 == 0);
            CHECK(all.insert(id).second);
        }
}
