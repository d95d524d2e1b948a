// SPDX-License-Identifier: MIT
#include "weir/storage/remote/fork_guard.hpp"

#include "support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

TEST_CASE("fork guard: a child is refused and the parent is not") {
    const weir::remote::fork_guard guard;
    const auto mine = weir::remote::process_mark();
    const pid_t child = ::fork();
    if (child == 0) {
        bool refused = false;
        try {
            guard.require("redis", "settle");
        } catch (const weir::store_error& e) {
            const std::string said = e.what();
            refused = said.starts_with("redis: cannot settle") && said.find("fork()") != std::string::npos;
        }
        // A guard of its own is of the child.
        weir::remote::fork_guard{}.require("redis", "settle");
        ::_exit(refused && weir::remote::process_mark() != mine ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(weir::remote::process_mark() == mine);
    CHECK_NOTHROW(guard.require("redis", "settle"));
}
