// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"

#include "integration/sqlite/support/scratch.hpp"
#include "support/catch.hpp"
#include "support/holder_checks.hpp"

#include <chrono>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

auto sqlite_holders(const weir_test::scratch& here) {
    return [&here](const std::string& host) {
        auto options = here.options();
        options.holder_ttl = 600ms;
        options.holder_host = host;
        return weir::sqlite::sqlite_store{options};
    };
}

}  // namespace

TEST_CASE("sqlite: what a killed process of this machine held comes back one window after its death") {
    const weir_test::scratch here;
    weir_test::check_death(sqlite_holders(here));
}

TEST_CASE("sqlite: a silent process of another machine is dead after its time to live, and a denial says when") {
    const weir_test::scratch here;
    weir_test::check_silent_holder(sqlite_holders(here));
}

TEST_CASE("sqlite: a stopped process of this machine keeps what it has") {
    const weir_test::scratch here;
    weir_test::check_living_holder(sqlite_holders(here));
}

TEST_CASE("sqlite: a list of holders that was dropped is made again") {
    const weir_test::scratch here;
    auto store = sqlite_holders(here)("");
    CHECK(store.holders().size() == 1);
    {
        namespace detail = weir::sqlite::detail;
        detail::patience waiting;
        waiting.begin(std::chrono::steady_clock::now() + 1s);
        detail::connection db{here.file(), waiting};
        db.execute("DROP TABLE holders");
    }
    CHECK(store.holders().empty());
    std::this_thread::sleep_for(250ms);
    CHECK(weir_test::trouble_of(store).empty());
    CHECK(store.holders().size() == 1);
}
