// SPDX-License-Identifier: MIT
#include "weir/storage/remote/holder_identity.hpp"

#include "support/catch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

TEST_CASE("holder_identity: this process lives, with its start and the machine that it runs on") {
    const auto me = weir::remote::this_process();
    CHECK(me.pid == ::getpid());
    CHECK_FALSE(me.host.empty());
    CHECK_FALSE(weir::remote::process_has_ended(me.pid, me.start));
    if (me.start != 0) {
        CHECK(me.machine != 0);
        CHECK(me.machine == weir::remote::this_process().machine);
        // The kernel gave the number to another process since then.
        CHECK(weir::remote::process_has_ended(me.pid, me.start - 1));
    }
}

TEST_CASE("holder_identity: another name is another machine, and only plain letters of it are kept") {
    const auto me = weir::remote::this_process();
    const auto other = weir::remote::this_process("rack 7/\"b\"");
    CHECK(other.host == "rack_7__b_");
    if (me.machine != 0) {
        CHECK(other.machine != me.machine);
        CHECK(other.machine == weir::remote::this_process("rack 7/\"b\"").machine);
    }
    CHECK(weir::remote::this_process(std::string(300, 'x')).host.size() == 63);
}

TEST_CASE("holder_identity: a stopped process lives; a killed one has ended, also before its parent asks") {
    const pid_t child = ::fork();
    if (child == 0)
        for (;;)
            ::pause();
    const auto start = weir::remote::detail::process_state_of(child).start;
    ::kill(child, SIGSTOP);
    CHECK_FALSE(weir::remote::process_has_ended(child, start));
    ::kill(child, SIGKILL);
    siginfo_t seen{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &seen, WEXITED | WNOWAIT) == 0);
    if (start != 0)
        CHECK(weir::remote::process_has_ended(child, start));
    ::waitpid(child, nullptr, 0);
    CHECK(weir::remote::process_has_ended(child, start));
}

TEST_CASE("holder_identity: a program's name cannot forge the fields behind it, and other text is not known") {
    using weir::remote::detail::process_state_of;
    const auto forged = process_state_of("12 (a) Z 1 ) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20");
    CHECK(forged.is_known);
    CHECK(forged.state == 'S');
    CHECK(forged.start == 777);
    CHECK_FALSE(process_state_of("").is_known);
    CHECK_FALSE(process_state_of("12 (a) S 1 2").is_known);
    CHECK_FALSE(process_state_of("12 (a)").is_known);
}
