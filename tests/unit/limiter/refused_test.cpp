// SPDX-License-Identifier: MIT
#include "weir/limiter/refused.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using weir::instant;

TEST_CASE("refused: it has the key, the cause and the time to come back") {
    const weir::decision d{weir::outcome::denied, weir::cause::window, instant{12s}, weir::rate{10, 1s}, 150ms};
    const weir::refused r{{"h", "metadata"}, d, instant{10s}};
    CHECK(std::string{r.what()} == "h/metadata: refused by window 10/1s after 150 ms; retry in 2000 ms at the "
                                   "earliest, or allow a longer max_delay");
    CHECK(r.retry_after() == 2s);
    CHECK(r.key().host == "h");
    CHECK(r.decision().cause == weir::cause::window);
    CHECK(r.code() == weir::errc::refused);
}

TEST_CASE("refused: a full ceiling, never and a cancel read differently") {
    const auto text = [](weir::outcome o, weir::cause c) {
        return std::string{weir::refused{{"h", "r"}, {o, c, instant{1s}, {}, 0ms}, instant{1s}}.what()};
    };
    CHECK(text(weir::outcome::denied, weir::cause::inflight).find("retry when a request in flight has ended") !=
          std::string::npos);
    CHECK(std::string{
        weir::refused{{"h", "r"}, {weir::outcome::denied, weir::cause::gate, instant{3s}, {}, 0ms}, {}}.what()}
              .ends_with("allow a longer max_delay and max_hold"));
    CHECK(text(weir::outcome::never, weir::cause::never).find("no waiting helps") != std::string::npos);
    CHECK(text(weir::outcome::cancelled, weir::cause::none).find("cancelled after 0 ms") != std::string::npos);
    CHECK(weir::refused{{"h", "r"}, {weir::outcome::cancelled, {}, {}, {}, {}}, instant{}}.code() ==
          weir::errc::cancelled);
}
