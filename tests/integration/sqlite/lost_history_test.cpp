// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/policy.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

// The file, or one that SQLite keeps beside it, is removed while processes use it.

namespace {

using namespace std::chrono_literals;
using weir::sqlite::sqlite_store;

weir::window_plan ten_in(weir::duration period) {
    weir::policy p;
    p.rates = {{10, period}};
    p.count_from = weir::counting::admission;
    return weir::plan_windows(p);
}
int asks(sqlite_store& s, const std::string& host, weir::duration period = 2s) {
    auto slot = s.make_slot(host, "metadata");
    int admitted = 0;
    for (int i = 0; i < 12; ++i)
        try {
            admitted += s.count(slot, ten_in(period), 1, s.now()).admits() ? 1 : 0;
        } catch (const weir::store_error&) {
            // If only the log is gone, SQLite refuses until no process has the old one open.
        }
    return admitted;
}

}  // namespace

TEST_CASE("sqlite: the file, or one beside it, is removed: no process gets units for that, in any order of calls") {
    const std::vector<std::vector<std::string>> all{{""},     {"", "-wal"}, {"", "-shm"},
                                                    {"-shm"}, {"-wal"},     {"-wal", "-shm"}};
    for (const auto& removed : all)
        for (const bool late_first : {false, true}) {
            INFO("removed " << removed.size() << ", first '" << removed[0] << "', late first " << late_first);
            const weir_test::scratch here;
            sqlite_store knew{here.options()}, fresh{here.options()};
            CHECK(asks(fresh, "other.org") == 10);
            CHECK(asks(knew, "k.org") == 10);
            for (const std::string& name : removed)
                std::filesystem::remove(here.file() + name);
            std::this_thread::sleep_for(150ms);  // the store checks ten times a second
            const bool lacks_trace = removed[0].starts_with("-") && late_first;
            if (late_first) {
                sqlite_store late{here.options()};
                // Without its log the file is an older one, and contains no sign of that.
                if (!lacks_trace)
                    CHECK(asks(late, "k.org") == 0);
            }
            CHECK(asks(knew, "k.org") == 0);
            CHECK(asks(fresh, "k.org") == 0);
            CHECK(asks(knew, "k.org") == 0);
            sqlite_store last{here.options()};
            CHECK(asks(last, "k.org") == 0);
            CHECK(asks(last, "new.org") == 0);
            const auto notice = knew.take_notice();
            REQUIRE(notice.has_value());
            CHECK(notice->text.find("limits.db") != std::string::npos);
            // From now on all processes use one file.
            std::this_thread::sleep_for(2'100ms);
            CHECK(asks(knew, "k.org", 1h) + asks(fresh, "k.org", 1h) + asks(last, "k.org", 1h) <= 10);
        }
}

TEST_CASE("sqlite: a file that is new, or was closed, has lost nothing") {
    const weir_test::scratch here;
    {
        sqlite_store first{here.options()};
        CHECK(asks(first, "k.org", 1h) == 10);
        CHECK_FALSE(first.take_notice().has_value());
    }
    sqlite_store second{here.options()};
    CHECK(asks(second, "k.org", 1h) == 0);
    CHECK(asks(second, "new.org", 1h) == 10);
    CHECK_FALSE(second.take_notice().has_value());
}
