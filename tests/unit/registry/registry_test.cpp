// SPDX-License-Identifier: MIT
#include "weir/registry/registry.hpp"

#include "support/catch.hpp"
#include "support/counted_heap.hpp"
#include "support/limits.hpp"

#include "weir/config/resolve.hpp"

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weir_test::configured;
using weir_test::limited;
using weir_test::manual_limits;
using weir_test::manual_registry;

namespace {
struct recording {
    std::shared_ptr<std::vector<weir::event_type>> seen = std::make_shared<std::vector<weir::event_type>>();
    bool throws = false;
    void on_event(const weir::event& e) {
        seen->push_back(e.type);
        if (throws)
            throw std::runtime_error{"no"};
    }
};
using observed_registry = weir::registry<weir_test::manual_store, recording>;
}  // namespace

TEST_CASE("registry: hosts in any spelling share one key") {
    manual_limits w{limited({{1, 1h}})};
    CHECK(w.limits.try_acquire("API.Example.org.", "metadata"));
    CHECK_FALSE(w.limits.try_acquire("api.example.org", "metadata"));
    CHECK(w.limits.size() == 1);
    CHECK(w.limits.inspect("Api.example.ORG", "metadata")->key.host == "api.example.org");
    CHECK_FALSE(w.limits.inspect("other", "metadata"));
}

TEST_CASE("registry: an unknown role, a bad host and a cost of none are errors, never \"no limit\"") {
    manual_limits w{limited({{1, 1s}})};
    const auto code = [&](auto&& call) {
        try {
            call();
        } catch (const weir::exception& e) {
            return e.code();
        }
        return std::error_code{};
    };
    CHECK(code([&] { (void)w.limits.try_acquire("h", "metdata"); }) == weir::errc::unknown_role);
    CHECK(code([&] { (void)w.limits.try_acquire("https://h/", "metadata"); }) == weir::errc::bad_host);
    CHECK(code([&] { (void)w.limits.try_acquire("h", "metadata", {.cost = 0}); }) == weir::errc::bad_request);
    CHECK(code([&] { (void)w.limits.acquire("h", "metadata", {.cost = -3}); }) == weir::errc::bad_request);
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("registry: units are admitted by text as on a handle, and make the key") {
    manual_limits w{limited({{2, 1s}})};
    CHECK(w.limits.admit("API.example.org", "metadata").granted());
    CHECK(w.limits.at("api.example.org", "metadata").admit().granted());
    const auto third = w.limits.admit("api.example.org", "metadata");
    CHECK(third.cause == weir::cause::window);
    CHECK(third.retry_at == w.clock.now() + 1s);
    CHECK(w.limits.admit("api.example.org", "metadata", {}, w.clock.now() + 1s).granted());
    CHECK(w.limits.size() == 1);
    CHECK(w.limits.in_flight() == 0);
    CHECK_THROWS_AS((void)w.limits.admit("h", "metadata", {.cost = 0}), weir::exception);
}

TEST_CASE("registry: max_concurrent in the defaults binds") {
    auto p = limited({{100, 1s}});
    p.max_concurrent = 1;
    manual_limits w{p};
    auto a = w.limits.try_acquire("h", "metadata");
    const auto b = w.limits.try_acquire("h", "metadata");
    CHECK(a);
    CHECK(b.decision().cause == weir::cause::concurrency);
    CHECK(w.limits.try_acquire("other", "metadata"));
    a.permit().release();
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("registry: waiters take no in-flight slots: an idle host is served while two wait elsewhere") {
    manual_limits w{limited({{1, 1h}}), 2};
    w.limits.acquire("busy", "metadata").release();
    manual_registry::ticket a, b;
    w.limits.submit(a, "busy", "metadata", {.max_delay = 10h});
    w.limits.submit(b, "busy", "metadata", {.max_delay = 10h});
    CHECK_FALSE(a.done());
    CHECK(w.limits.in_flight() == 0);
    CHECK(w.limits.try_acquire("idle", "metadata"));
}

TEST_CASE("registry: no request passes the ceiling while others wait for it") {
    manual_limits w{limited({{10, 1s}}), 1};
    auto holder = w.limits.acquire("h", "metadata");
    manual_registry::ticket first;
    w.limits.submit(first, "h", "metadata", {.max_delay = 60s});
    CHECK_FALSE(first.done());
    // There is room in every window, but not in flight.
    const auto second = w.limits.try_acquire("h", "metadata");
    CHECK_FALSE(second);
    CHECK(second.decision().cause == weir::cause::inflight);
    CHECK_THROWS_AS(w.limits.acquire("h", "metadata", {.max_delay = 0ms}), weir::refused);
    holder.release();
    CHECK(first.done());
    CHECK(w.limits.in_flight() == 1);
}

TEST_CASE("registry: a free slot goes to the key that has waited longest") {
    manual_limits w{limited({{100, 1s}}), 1};
    auto holder = w.limits.acquire("greedy", "metadata");
    manual_registry::ticket modest, greedy;
    w.limits.submit(modest, "modest", "metadata", {.max_delay = 60s});
    w.limits.submit(greedy, "greedy", "metadata", {.max_delay = 60s});
    holder.release();
    CHECK(modest.done());
    CHECK_FALSE(greedy.done());
    modest.take().release();
    CHECK(greedy.done());
}

TEST_CASE("registry: the last waiter of a key in the ceiling's line may leave, and the key is forgotten") {
    manual_limits w{limited({{100, 1s}}), 1};
    auto holder = w.limits.acquire("holder", "metadata");
    for (int i = 0; i < 2'000; ++i) {
        manual_registry::ticket t;
        w.limits.submit(t, "h" + std::to_string(i), "metadata", {.max_delay = 60s});
        CHECK(t.cancel());
    }
    CHECK(w.limits.size() < 1'000);
    holder.release();
    CHECK(w.limits.in_flight() == 0);
}

TEST_CASE("registry: HEAD takes neither window nor in-flight slot, but waits for the gate; count_head counts it") {
    auto p = limited({{1, 1h}});
    manual_limits w{p, 1};
    auto get = w.limits.acquire("h", "metadata");
    for (const char* method : {"HEAD", "head", "Head"})
        CHECK(w.limits.try_acquire("h", "metadata", {.method = method}));
    CHECK(w.limits.in_flight() == 1);
    w.limits.at("h", "metadata").hold_until(weir::instant{20s});
    CHECK(w.limits.try_acquire("h", "metadata", {.method = "HEAD"}).decision().cause == weir::cause::gate);
    p.count_head = true;
    manual_limits counted{p};
    CHECK(counted.limits.try_acquire("h", "metadata", {.method = "HEAD"}));
    CHECK_FALSE(counted.limits.try_acquire("h", "metadata", {.method = "HEAD"}));
}

TEST_CASE("registry: a refusal is at once and has the time to come back") {
    manual_limits w{limited({{1, 3s}})};
    w.limits.acquire("h", "metadata").release();
    try {
        (void)w.limits.acquire("h", "metadata", {.max_delay = 2999ms});
        FAIL("it waited for nothing");
    } catch (const weir::refused& e) {
        CHECK(e.retry_after() == 3s);
        CHECK(e.decision().limit == weir::rate{1, 3s});
        CHECK(e.decision().waited == 0s);
    }
    const auto never = w.limits.try_acquire("h", "metadata", {.cost = 2});
    CHECK(never.decision().outcome == weir::outcome::never);
}

TEST_CASE("registry: a stop requested before the call is a cancel, not a grant") {
    manual_limits w{limited({{1, 1s}})};
    std::stop_source stop;
    stop.request_stop();
    CHECK(w.limits.wait_acquire("h", "metadata", {.stop = stop.get_token()}).decision().outcome ==
          weir::outcome::cancelled);
    CHECK(w.limits.try_acquire("h", "metadata"));
}

TEST_CASE("registry: around() runs under a permit and lets exceptions through") {
    manual_limits w{limited({{2, 1h}})};
    CHECK(w.limits.around("h", "metadata", "GET", [&] { return w.limits.in_flight(); }) == 1);
    CHECK_THROWS_AS(
        w.limits.around("h", "metadata", "GET", [](manual_registry::permit&) { throw std::logic_error{"x"}; }),
        std::logic_error);
    CHECK(w.limits.in_flight() == 0);
    CHECK_THROWS_AS(w.limits.around("h", "metadata", "GET", [] {}), weir::refused);
}

TEST_CASE("registry: a reload keeps history, assesses the waiters again, and is refused as a whole") {
    manual_limits w{limited({{10, 1h}})};
    auto p = limited({{10, 1h}});
    for (int i = 0; i < 5; ++i)
        w.limits.acquire("h", "metadata").release();
    CHECK(w.limits.reload(configured(limited({{6, 1h}}))));
    CHECK(w.limits.try_acquire("h", "metadata"));
    CHECK_FALSE(w.limits.try_acquire("h", "metadata"));
    manual_registry::ticket t;
    w.limits.submit(t, "h", "metadata", {.max_delay = 2h});
    CHECK_FALSE(t.done());
    CHECK(w.limits.reload(configured(limited({{20, 1h}}))));
    CHECK(t.done());

    const auto with_role =
        weir::configuration::builder{}.role("search").defaults("search", limited({{1, 1h}})).build().value();
    REQUIRE(w.limits.reload(with_role));
    CHECK(w.limits.try_acquire("h", "search"));
    const auto fault = w.limits.reload(configured(p));
    REQUIRE_FALSE(fault);
    CHECK(fault.error().code == weir::errc::unknown_role);
    CHECK(w.limits.configuration() == with_role);
}

TEST_CASE("registry: an idle key of a removed role does not refuse a reload; a key with a handle does") {
    manual_limits w{limited({{1, 1s}})};
    const auto with_role =
        weir::configuration::builder{}.role("search").defaults("search", limited({{1, 1s}})).build().value();
    REQUIRE(w.limits.reload(with_role));
    {
        auto held = w.limits.at("h", "search");
        CHECK_FALSE(w.limits.reload(configured(limited({{2, 1s}}))));
    }
    w.limits.acquire("h", "search").release();
    CHECK_FALSE(w.limits.reload(configured(limited({{2, 1s}}))));
    w.clock.advance(2s);
    CHECK(w.limits.reload(configured(limited({{2, 1s}}))));
}

TEST_CASE("registry: a reload keeps a key's multiplier, and leaves keys alone whose policy stays") {
    manual_limits w{limited({{10, 1h}})};
    auto tuned = w.limits.at("tuned", "metadata");
    auto same = w.limits.at("same", "landing");
    tuned.tune(weir::multiplier::of(0.5));
    same.tune(weir::multiplier::of(0.5));
    manual_registry::ticket waiting, changed;
    const auto landing = w.limits.inspect("same", "landing")->policy;
    w.limits.submit(changed, "tuned", "metadata", {.cost = 5, .max_delay = 2h});
    REQUIRE(changed.done());
    manual_registry::ticket more;
    w.limits.submit(more, "tuned", "metadata", {.cost = 5, .max_delay = 2h});
    CHECK_FALSE(more.done());
    CHECK(w.limits.reload(configured(limited({{20, 1h}}))));
    CHECK(more.done());
    CHECK(tuned.inspect().state.windows.at(0).limit == 10);
    CHECK(tuned.inspect().policy.rates.at(0).limit == 20);
    CHECK(same.inspect().state.windows.at(0).limit == landing.rates.at(0).limit / 2 + landing.rates.at(0).limit % 2);
}

TEST_CASE("registry: a resolution with faults is refused with all of them, and there is an event in both cases") {
    struct heard {
        std::shared_ptr<std::vector<std::string>> texts = std::make_shared<std::vector<std::string>>();
        void on_event(const weir::event& e) {
            if (e.type == weir::event_type::reload)
                texts->emplace_back(e.text);
        }
    } o;
    weir::testing::manual_clock clock{weir::instant{10s}};
    weir::registry<weir_test::manual_store, heard> limits{weir_test::manual_store{clock},
                                                          configured(limited({{1, 1h}})), o};
    const auto before = limits.configuration();
    limits.acquire("h", "metadata").release();
    const auto resolved = [](std::string_view rates, std::string_view inflight) {
        weir::layer l;
        l.add_text({"defaults", "metadata", "rates"}, rates, weir::source_location{"--a"});
        l.add_text({"global_max_inflight"}, inflight, weir::source_location{"--b"});
        return weir::resolve(std::vector{l});
    };
    const auto bad = resolved("no rate", "-1");
    REQUIRE(bad.faults().size() == 2);
    const auto refusal = limits.reload(bad);
    REQUIRE_FALSE(refusal);
    CHECK(refusal.error().code == weir::errc::bad_configuration);
    CHECK(refusal.error().message == bad.faults()[0].text() + "\n" + bad.faults()[1].text());
    CHECK(limits.configuration() == before);
    CHECK_FALSE(limits.try_acquire("h", "metadata"));

    CHECK(limits.reload(resolved("2/h", "7"), limits.store().now()));
    CHECK(limits.configuration().global_max_inflight() == 7);
    CHECK(limits.try_acquire("h", "metadata"));
    CHECK_FALSE(limits.try_acquire("h", "metadata"));
    CHECK(*o.texts == std::vector<std::string>{refusal.error().message, ""});
}

TEST_CASE("registry: a lower ceiling applies from the reload on, also to the waiters that it wakes") {
    manual_limits w{limited({{1, 1h}}), 10};
    auto holder = w.limits.acquire("h", "metadata");
    manual_registry::ticket t;
    w.limits.submit(t, "h", "metadata", {.max_delay = 2h});
    CHECK(w.limits.reload(configured(limited({{10, 1h}}), 1)));
    CHECK_FALSE(t.done());
    holder.release();
    CHECK(t.done());
}

TEST_CASE("registry: a throwing observer breaks no acquire and loses no permit") {
    recording o;
    o.throws = true;
    weir::testing::manual_clock clock{weir::instant{10s}};
    observed_registry limits{weir_test::manual_store{clock}, configured(limited({{2, 1h}}), 5), o};
    auto a = limits.acquire("h", "metadata");
    a.arrived({429, 1s});
    CHECK(limits.try_acquire("h", "metadata", {.method = "HEAD"}).decision().cause == weir::cause::gate);
    clock.advance(1s);
    CHECK(limits.try_acquire("h", "metadata", {.method = "HEAD"}));
    auto b = limits.acquire("h", "metadata");
    CHECK_THROWS_AS(limits.acquire("h", "metadata"), weir::refused);
    {
        observed_registry::ticket t;
        limits.submit(t, "h", "metadata", {.max_delay = 2h});
        CHECK(t.cancel());
    }
    CHECK(limits.reload(configured(limited({{2, 1h}}))));
    CHECK(limits.in_flight() == 2);
    a.release();
    b.release();
    CHECK(limits.in_flight() == 0);
    using weir::event_type;
    const std::multiset<event_type> seen{o.seen->begin(), o.seen->end()};
    CHECK(seen.count(event_type::acquire) == 2);
    CHECK(seen.count(event_type::response) == 1);
    CHECK(seen.count(event_type::gate) == 1);
    CHECK(seen.count(event_type::head_skip) == 1);
    CHECK(seen.count(event_type::block) >= 2);
    CHECK(seen.count(event_type::cancel) == 1);
    CHECK(seen.count(event_type::reload) == 1);
}

TEST_CASE("registry: idle keys are forgotten, and keys in use are not") {
    manual_limits w{limited({{1, 1s}})};
    auto kept = w.limits.at("kept", "metadata");
    auto open = w.limits.acquire("open", "metadata");
    for (int i = 0; i < 20'000; ++i) {
        w.limits.acquire("h" + std::to_string(i), "metadata").release();
        w.clock.advance(10ms);
    }
    CHECK(w.limits.size() < 2'000);
    CHECK(w.limits.inspect("kept", "metadata"));
    CHECK(w.limits.inspect("open", "metadata")->state.open == 1);
}

TEST_CASE("registry: an idle key takes at most 400 bytes, a full 5000/HOUR key at most 48 KiB") {
    if (!weir_test::heap_is_counted)
        WEIR_SKIP("a sanitizer has replaced the heap");
    manual_limits w{limited({{5'000, 1h}})};
    constexpr std::size_t keys = 100'000;
    const std::size_t before = weir_test::heap_bytes();
    for (std::size_t i = 0; i < keys; ++i)
        w.limits.acquire("host-" + std::to_string(i) + ".example.org", "metadata").refund();
    // Refunded, they are idle, and most were forgotten again: those that are left share what there is.
    const std::size_t left = w.limits.size();
    CHECK(left < keys / 10);
    manual_limits busy{limited({{5'000, 1h}})};
    const std::size_t start = weir_test::heap_bytes();
    std::vector<manual_registry::handle> handles;
    handles.reserve(keys);
    const std::size_t vector_bytes = weir_test::heap_bytes() - start;
    for (std::size_t i = 0; i < keys; ++i)
        handles.push_back(busy.limits.at("host-" + std::to_string(i) + ".example.org", "metadata"));
    const std::size_t each = (weir_test::heap_bytes() - start - vector_bytes) / keys;
    CAPTURE(each, before);
    CHECK(each <= 400);

    auto full = busy.limits.at("full.example.org", "metadata");
    const std::size_t empty = weir_test::heap_bytes();
    for (int i = 0; i < 5'000; ++i)
        REQUIRE(full.admit().granted());
    const std::size_t log = weir_test::heap_bytes() - empty;
    CAPTURE(log);
    CHECK(log + each <= 48 * 1024);
}

namespace {
weir::configuration grouped(std::vector<std::string> members, const char* group = "arxiv") {
    return weir::configuration::builder{}
        .defaults("metadata", limited({{2, 1h}}))
        .host_group(group, std::move(members))
        .build()
        .value();
}
struct verdicts {
    std::shared_ptr<std::vector<weir::event>> seen = std::make_shared<std::vector<weir::event>>();
    void on_event(const weir::event& e) { seen->push_back(e); }
};
}  // namespace

TEST_CASE("registry: the members of a group share one key, found by any of their names") {
    weir::testing::manual_clock clock{weir::instant{10s}};
    manual_registry limits{weir_test::manual_store{clock}, grouped({"arxiv.org", "*.arxiv.org"})};
    CHECK(limits.try_acquire("export.arxiv.org", "metadata"));
    CHECK(limits.try_acquire("ArXiv.org", "metadata"));
    CHECK_FALSE(limits.try_acquire("other.arxiv.org:8080", "metadata"));
    CHECK(limits.try_acquire("arxiv.com", "metadata"));
    CHECK(limits.size() == 2);
    CHECK(limits.inspect("export.arxiv.org", "metadata")->key.host == "arxiv");
    CHECK(limits.inspect("arxiv", "metadata")->key.host == "arxiv");
    CHECK(limits.at("arxiv.org", "metadata").host() == "arxiv");
    limits.erase("x.arxiv.org", "metadata");
    CHECK(limits.try_acquire("arxiv.org", "metadata"));
}

TEST_CASE("registry: a reload that would divide a key's history is refused whole and says which key") {
    weir::testing::manual_clock clock{weir::instant{10s}};
    manual_registry limits{weir_test::manual_store{clock}, grouped({"a.org", "b.org"})};
    const auto message = [&](const weir::configuration& c) {
        const auto fault = limits.reload(c);
        return fault ? std::string{} : fault.error().message;
    };
    limits.try_acquire("a.org", "metadata").permit().release();
    CHECK(message(grouped({"a.org"})).find("arxiv/metadata is in use") != std::string::npos);
    CHECK(message(grouped({"a.org", "b.org", "c.org"})).find("arxiv/metadata is in use") != std::string::npos);
    CHECK(message(grouped({"a.org", "b.org"}, "other")).find("arxiv/metadata") != std::string::npos);
    CHECK(message(configured(limited({{1, 1s}}))).find("arxiv/metadata") != std::string::npos);
    CHECK(limits.configuration() == grouped({"a.org", "b.org"}));
    CHECK(message(grouped({"b.org", "a.org"})).empty());  // the same members
    limits.try_acquire("c.org", "metadata").permit().release();
    limits.erase("a.org", "metadata");
    CHECK(message(grouped({"a.org", "c.org"})).find("c.org would become part of group arxiv, but c.org/metadata") !=
          std::string::npos);
    CHECK(message(grouped({"a.org", "*.org"})).find("c.org/metadata") != std::string::npos);
    clock.advance(1h);
    CHECK(message(grouped({"a.org", "*.org"})).empty());
    // Its own key from before is not found any more.
    CHECK(limits.try_acquire("c.org", "metadata"));
    CHECK(limits.inspect("c.org", "metadata")->key.host == "arxiv");
    CHECK(limits.size() == 1);
}

TEST_CASE("registry: a handle keeps its key, and so its group, unchanged") {
    weir::testing::manual_clock clock{weir::instant{10s}};
    manual_registry limits{weir_test::manual_store{clock}, grouped({"a.org"})};
    {
        const auto held = limits.at("b.org", "metadata");
        CHECK_FALSE(limits.reload(grouped({"a.org", "b.org"})));
    }
    CHECK(limits.reload(grouped({"a.org", "b.org"})));
    const auto group = limits.at("b.org", "metadata");
    CHECK(group.host() == "arxiv");
    CHECK(limits.reload(weir::configuration::builder{}
                            .host_group("arxiv", {"a.org", "b.org"})
                            .host_group("others", {"c.org"})
                            .build()
                            .value()));
}

TEST_CASE("registry: in shadow no request waits or is refused, and the observer gets what would have happened") {
    auto p = limited({{1, 1h}});
    p.max_delay = 10s;
    p.enforce = false;
    p.max_concurrent = 2;
    const verdicts log;
    weir::testing::manual_clock clock{weir::instant{10s}};
    weir::registry<weir_test::manual_store, verdicts> limits{weir_test::manual_store{clock}, configured(p, 3), log};
    auto first = limits.acquire("h", "metadata");
    auto second = limits.acquire("h", "metadata");  // would sleep for ever: the clock stands
    auto third = limits.try_acquire("h", "metadata");
    REQUIRE(third);
    CHECK(third.decision().granted());
    CHECK(third.decision().cause == weir::cause::window);
    CHECK(third.decision().limit == weir::rate{1, 1h});
    CHECK(third.decision().retry_at == weir::instant{10s} + 1h);
    decltype(limits)::ticket fourth;
    limits.submit(fourth, "h", "metadata");
    REQUIRE(fourth.done());
    CHECK(fourth.decision().granted());
    auto fifth = limits.wait_acquire("h", "metadata", {.cost = 7});
    CHECK(fifth.decision().cause == weir::cause::never);
    auto handle = limits.at("h", "metadata");
    const auto counted = handle.admit();
    CHECK(counted.granted());
    CHECK(counted.cause == weir::cause::window);
    CHECK(limits.in_flight() == 5);
    CHECK(limits.inspect("h", "metadata")->state.windows.front().used == 12);
    CHECK(handle.hold_until(weir::instant{1h}));
    CHECK(handle.try_acquire({.method = "HEAD"}).decision().cause == weir::cause::gate);
    std::size_t shadows = 0;
    for (const weir::event& e : *log.seen) {
        shadows += e.type == weir::event_type::shadow;
        CHECK(e.type != weir::event_type::block);
        if (e.type == weir::event_type::shadow) {
            CHECK(e.verdict.cause != weir::cause::none);
            CHECK(e.verdict.waited == 0s);
        }
    }
    CHECK(shadows == 6);
    CHECK(log.seen->front().type == weir::event_type::acquire);
}

TEST_CASE("registry: the ceiling over all keys admits a key in shadow and stops the others") {
    const auto c = weir::configuration::builder{}
                       .defaults("metadata", limited({{9, 1h}}))
                       .host("free", "metadata", weir::policy_leaves{}.set<&weir::policy::enforce>(false))
                       .global_max_inflight(1)
                       .build()
                       .value();
    weir::testing::manual_clock clock{weir::instant{10s}};
    manual_registry limits{weir_test::manual_store{clock}, c};
    auto one = limits.try_acquire("free", "metadata");
    auto two = limits.try_acquire("free", "metadata");
    CHECK(two.decision().granted());
    CHECK(two.decision().cause == weir::cause::inflight);
    CHECK_FALSE(limits.try_acquire("held", "metadata"));
    std::move(one).take().release();
    CHECK(limits.in_flight() == 1);
    CHECK_FALSE(limits.try_acquire("held", "metadata"));
    std::move(two).take().release();
    CHECK(limits.try_acquire("held", "metadata"));
}

TEST_CASE("registry: shadow of the whole process applies to every key, and a reload ends it") {
    const auto of = [](bool shadow) {
        return weir::configuration::builder{}.defaults("metadata", limited({{1, 1h}})).shadow(shadow).build().value();
    };
    weir::testing::manual_clock clock{weir::instant{10s}};
    manual_registry limits{weir_test::manual_store{clock}, of(true)};
    auto handle = limits.at("h", "metadata");
    for (int i = 0; i < 5; ++i)
        CHECK(handle.admit().granted());
    CHECK(limits.reload(of(false)));
    CHECK_FALSE(handle.admit().granted());  // what was sent in shadow is in the log
    CHECK_FALSE(handle.admit().granted());  // and known without a look
    CHECK(limits.reload(of(true)));
    CHECK(handle.admit().granted());
}

TEST_CASE("registry: a gate farther away than max_hold refuses at once with its time, in every form") {
    auto p = limited({{100, 1s}});
    p.max_delay = 1h;
    p.max_hold = 1min;
    manual_limits w{p};
    auto handle = w.limits.at("h", "metadata");
    CHECK(handle.hold_until(w.clock.now() + 2min));
    const auto blocked = w.limits.wait_acquire("h", "metadata");  // an hour of patience, and the clock stands
    CHECK(blocked.decision().cause == weir::cause::gate);
    CHECK(blocked.decision().retry_at == w.clock.now() + 2min);
    CHECK_THROWS_AS(w.limits.acquire("h", "metadata"), weir::refused);
    CHECK(w.limits.try_acquire("h", "metadata").decision().retry_at == w.clock.now() + 2min);
    manual_registry::ticket refused, waits;
    w.limits.submit(refused, "h", "metadata");
    REQUIRE(refused.done());
    CHECK(refused.decision().outcome == weir::outcome::denied);
    w.clock.advance(1min);
    w.limits.submit(waits, "h", "metadata");
    CHECK_FALSE(waits.done());
    CHECK(handle.hold_until(w.clock.now() + 61s));
    REQUIRE(waits.done());
    CHECK(waits.decision().outcome == weir::outcome::denied);
    CHECK(waits.decision().retry_at == w.clock.now() + 61s);
}
