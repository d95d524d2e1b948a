// SPDX-License-Identifier: MIT
#include "weir/ext/postgres/postgres_store.hpp"

#include "integration/postgres/support/server.hpp"
#include "support/network_faults.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace {

using weir_test::postgres_server;
using weir_test::slow_link;

/// Stores in a schema that is there already.
class through {
public:
    explicit through(std::string schema) : schema_(std::move(schema)) {
        auto first = store(postgres_server::common().plain_dsn());
        auto slot = first.make_slot("first.org", "metadata");
        static_cast<void>(
            first.read(slot, weir::plan_windows(weir_test::network_policy({{1, weir::duration{1}}})), first.now()));
    }
    [[nodiscard]] weir::postgres::postgres_store operator()(std::uint16_t port, std::chrono::milliseconds limit) const {
        return store(fmt::format("host=127.0.0.1 port={0} user=limiter dbname=limits weir_connect_timeout_ms={1} "
                                 "weir_command_timeout_ms={1}",
                                 port, limit.count()));
    }

private:
    [[nodiscard]] weir::postgres::postgres_store store(const std::string& dsn) const {
        return weir::postgres::postgres_store{
            weir::postgres::parse_postgres_dsn(dsn + " weir_schema=" + schema_).value()};
    }
    std::string schema_;
};
std::string the_socket() { return postgres_server::common().folder() + "/.s.PGSQL.5432"; }

}  // namespace

TEST_CASE("postgres: the server is 200 ms away and packets are lost: no window over, nothing stays open") {
    WEIR_NEEDS_POSTGRES();
    const through make{"far"};
    slow_link link{the_socket(), {}, weir_test::seed_for("postgres far and lossy")};
    weir_test::far_and_lossy("postgres", link, make);
}

TEST_CASE("postgres: connections are reset in the middle of replies: no window over, nothing stays open") {
    WEIR_NEEDS_POSTGRES();
    const through make{"cut"};
    slow_link link{the_socket(), {}, weir_test::seed_for("postgres cut")};
    weir_test::cut_mid_reply("postgres", link, make);
}

TEST_CASE("postgres: nothing comes through for a while: no window over, nothing stays open, back within a second") {
    WEIR_NEEDS_POSTGRES();
    const through make{"hole"};
    slow_link link{the_socket(), {}, weir_test::seed_for("postgres black hole")};
    weir_test::black_hole("postgres", link, make);
}

TEST_CASE("postgres: an admission whose reply was not awaited is taken back, whatever became of it") {
    WEIR_NEEDS_POSTGRES();
    const through make{"given_up"};
    slow_link link{the_socket(), {}, weir_test::seed_for("postgres given up")};
    weir_test::given_up(link, make);
}
