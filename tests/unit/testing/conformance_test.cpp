// SPDX-License-Identifier: MIT
#include "weir/testing/conformance.hpp"

#include "support/catch.hpp"
#include "support/plain_store.hpp"
#include "support/seed.hpp"

#include "weir/storage/memory_store.hpp"
#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using model = weir::memory_store<weir::testing::manual_clock>;

template <class Store>
std::vector<std::string> run(std::uint64_t seed, int traces = 2'000) {
    weir::testing::conformance_options options;
    options.seed = seed;
    options.traces = traces;
    options.max_failures = 1;
    return weir::testing::conform([] { return Store{}; }, options);
}

// Each is wrong in one way, and only rarely visible.
struct one_too_many : model {
    template <class Inflight>
    weir::assessment admit(slot& s, weir::window_plan plan, std::int64_t cost, weir::instant now, Inflight& inflight,
                           weir::entry& out) {
        if (plan.windows.size() == 4)
            ++plan.windows.back().limit;
        return model::admit(s, plan, cost, now, inflight, out);
    }
};
struct early_by_a_nanosecond : model {
    weir::assessment count(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now) {
        weir::assessment f = model::count(s, plan, cost, now);
        if (f.cause == weir::cause::window)
            f.at -= 1ns;
        return f;
    }
};
struct rounded_to_microseconds : model {
    template <class Inflight>
    weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                           Inflight& inflight, weir::entry& out) {
        return model::admit(s, plan, cost, now - now.time_since_epoch() % 1us, inflight, out);
    }
};
struct gate_goes_back : model {
    bool hold(slot& s, weir::instant until) {
        s.gate = until;
        return true;
    }
};
struct gate_stays_closed : model {
    void open_gate(slot&) {}
};
struct opening_forgets_the_past : model {
    void open_gate(slot& s) {
        model::open_gate(s);
        s.log.clear();
    }
};
struct refund_forgets_stamps : model {
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        if (how == weir::settlement::refunded && e.state == weir::entry_state::stamped)
            e.state = weir::entry_state::free;
        model::settle(s, plan, e, how, now);
    }
};
struct abandoned_is_released : model {
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        model::settle(s, plan, e, how == weir::settlement::abandoned ? weir::settlement::released : how, now);
    }
};
struct abandoned_keeps_its_place : model {
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        s.in_flight += how == weir::settlement::abandoned && e.in_flight;
        model::settle(s, plan, e, how, now);
    }
};
struct abandoned_is_forgotten : model {
    [[nodiscard]] bool idle(const slot& s, const weir::window_plan& plan, weir::instant now) const {
        return s.has_abandoned() || model::idle(s, plan, now);
    }
};
struct reduced_in_name_only : model {
    void reduce(slot&, const weir::window_plan&, weir::entry& e, std::int64_t cost, weir::instant) { e.cost = cost; }
};
struct place_is_kept : model {
    template <class Inflight>
    weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                           Inflight& inflight, weir::entry& out) {
        if (cost > 0 && !inflight.take())
            return {now, weir::cause::inflight, 0};
        return model::admit(s, plan, cost, now, weir::detail::free_inflight{}, out);
    }
};
struct learns_from_nothing : model {
    weir::tuner_state learn(slot& s, weir::tuner_step step) {
        if (s.tuned != nullptr)
            s.tuned->bound = weir::long_ago;
        return model::learn(s, step);
    }
};
struct learning_keeps_the_factor : model {
    weir::tuner_state learn(slot& s, weir::tuner_step step) {
        const weir::multiplier before = s.factor;
        const weir::tuner_state out = model::learn(s, step);
        s.factor = before;
        return out;
    }
};
struct erase_keeps_what_was_learnt : model {
    void erase(slot& s) {
        const auto tuned = s.tuned != nullptr ? std::optional{*s.tuned} : std::nullopt;
        model::erase(s);
        if (tuned)
            s.tuned = std::make_unique<weir::tuner_state>(*tuned);
    }
};
struct forgets_what_was_learnt : model {
    [[nodiscard]] bool idle(const slot& s, const weir::window_plan& plan, weir::instant now) const {
        return s.tuned != nullptr || model::idle(s, plan, now);
    }
};
struct erase_keeps_the_gate : model {
    void erase(slot& s) {
        const weir::instant gate = s.gate;
        model::erase(s);
        s.gate = gate;
    }
};

/// A shared store: what its copies know is one, as if each were a process.
class shared_model {
public:
    using key_map = std::map<std::string, weir::key_state>;
    struct slot {
        weir::key_state* truth;
        weir::multiplier seen{};
    };
    static constexpr bool is_local = false;

    explicit shared_model(std::shared_ptr<key_map> keys) : keys_(std::move(keys)) {}

    [[nodiscard]] weir::instant now() const noexcept { return model_.now(); }
    [[nodiscard]] weir::instant after(weir::instant now) const noexcept { return now; }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        return slot_named(std::to_string(host.size()) + ":" + std::string{host} + std::string{role});
    }
    [[nodiscard]] weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                                         weir::entry& out) {
        return model_.admit(look(s), plan, cost, now, weir::detail::free_inflight{}, out);
    }
    [[nodiscard]] weir::assessment count(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now) {
        return model_.count(look(s), plan, cost, now);
    }
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        model_.settle(look(s), plan, e, how, now);
    }
    void reduce(slot& s, const weir::window_plan& plan, weir::entry& e, std::int64_t cost, weir::instant now) {
        model_.reduce(look(s), plan, e, cost, now);
    }
    [[nodiscard]] bool hold(slot& s, weir::instant until) { return model_.hold(look(s), until); }
    void open_gate(slot& s) { model_.open_gate(look(s)); }
    void tune(slot& s, weir::multiplier m) {
        model_.tune(*s.truth, m);
        look(s);
    }
    weir::tuner_state learn(slot& s, weir::tuner_step step) {
        const weir::tuner_state out = model_.learn(*s.truth, step);
        look(s);
        return out;
    }
    [[nodiscard]] weir::multiplier factor(const slot& s) const { return s.seen; }
    [[nodiscard]] weir::key_snapshot read(slot& s, const weir::window_plan& plan, weir::instant now) {
        return model_.read(look(s), plan, now);
    }
    void erase(slot& s) {
        model_.erase(*s.truth);
        look(s);
    }
    [[nodiscard]] bool idle(const slot& s, const weir::window_plan&, weir::instant) const {
        return s.truth->in_flight == 0;
    }

protected:
    [[nodiscard]] slot slot_named(const std::string& name) { return {&(*keys_)[name]}; }
    weir::key_state& look(slot& s) const {
        s.seen = s.truth->factor;
        return *s.truth;
    }

private:
    std::shared_ptr<key_map> keys_;
    model model_;
};

struct joins_names : shared_model {
    using shared_model::shared_model;
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        return slot_named(std::string{host} + "|" + std::string{role});
    }
};
struct names_end_at_zero : shared_model {
    using shared_model::shared_model;
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        return shared_model::make_slot(std::string{host}.c_str(), role);
    }
};
struct admits_by_its_own_count : shared_model {
    explicit admits_by_its_own_count(const std::shared_ptr<key_map>&) : shared_model(std::make_shared<key_map>()) {}
};
struct sees_no_factor_of_others : shared_model {
    using shared_model::shared_model;
    void tune(slot& s, weir::multiplier m) {
        shared_model::tune(s, m);
        mine_ = m;
    }
    [[nodiscard]] weir::multiplier factor(const slot&) const { return mine_; }
    weir::multiplier mine_{};
};
struct learns_by_its_own_memory : shared_model {
    using shared_model::shared_model;
    weir::tuner_state learn(slot& s, weir::tuner_step step) {
        return shared_model::learn(s, [&](weir::tuner_state before) {
            before.failures = mine_.failures;
            return mine_ = step(before);
        });
    }
    weir::tuner_state mine_{};
};
struct plain_store : weir_test::plain_store<shared_model> {
    explicit plain_store(std::shared_ptr<shared_model::key_map> keys)
        : weir_test::plain_store<shared_model>{shared_model{std::move(keys)}} {}
};
static_assert(!weir::counting_store<plain_store> && !weir::reducible_store<plain_store> &&
              !weir::tunable_store<plain_store> && !weir::openable_store<plain_store>);

template <class Store>
std::vector<std::string> run_shared(std::uint64_t seed, weir::duration entry_ttl = weir::duration::zero()) {
    weir::testing::conformance_options options;
    options.seed = seed;
    options.max_failures = 1;
    options.processes = 3;
    options.entry_ttl = entry_ttl;
    const auto keys = std::make_shared<shared_model::key_map>();
    return weir::testing::conform([&] { return Store{keys}; }, options);
}

}  // namespace

TEST_CASE("conformance: the memory store does what a plain list of every stamp does") {
    const auto failures = run<model>(weir_test::seed_for("memory store"), weir_test::cases_or(3'000));
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

TEST_CASE("conformance: a store that is wrong in one respect is caught, with the operations that show it") {
    const std::uint64_t seed = weir_test::seed_for("wrong stores");
    CHECK(run<one_too_many>(seed).size() == 1);
    CHECK(run<rounded_to_microseconds>(seed).size() == 1);
    CHECK(run<gate_goes_back>(seed).size() == 1);
    CHECK(run<gate_stays_closed>(seed).size() == 1);
    CHECK(run<opening_forgets_the_past>(seed).size() == 1);
    CHECK(run<refund_forgets_stamps>(seed).size() == 1);
    CHECK(run<abandoned_is_released>(seed).size() == 1);
    CHECK(run<abandoned_keeps_its_place>(seed).size() == 1);
    CHECK(run<abandoned_is_forgotten>(seed).size() == 1);
    CHECK(run<reduced_in_name_only>(seed).size() == 1);
    CHECK(run<place_is_kept>(seed).size() == 1);
    CHECK(run<learns_from_nothing>(seed).size() == 1);
    CHECK(run<learning_keeps_the_factor>(seed).size() == 1);
    CHECK(run<erase_keeps_what_was_learnt>(seed).size() == 1);
    CHECK(run<forgets_what_was_learnt>(seed).size() == 1);
    CHECK(run<erase_keeps_the_gate>(seed).size() == 1);
    const auto early = run<early_by_a_nanosecond>(seed);
    REQUIRE(early.size() == 1);
    CHECK(early[0].find("of seed " + std::to_string(seed)) != std::string::npos);
    CHECK(early[0].find("  count by 0 key ") != std::string::npos);
}

TEST_CASE("conformance: store objects take turns on shared keys, as processes do") {
    const auto failures = run_shared<shared_model>(weir_test::seed_for("shared store"));
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

TEST_CASE("conformance: a store of five verbs conforms") {
    const auto failures = run_shared<plain_store>(weir_test::seed_for("plain store"));
    for (const std::string& f : failures)
        FAIL_CHECK(f);
    CHECK(failures.empty());
}

TEST_CASE("conformance: a shared store that is wrong in one respect is caught") {
    const std::uint64_t seed = weir_test::seed_for("wrong shared stores");
    CHECK(run_shared<joins_names>(seed).size() == 1);
    CHECK(run_shared<names_end_at_zero>(seed).size() == 1);
    CHECK(run_shared<admits_by_its_own_count>(seed).size() == 1);
    CHECK(run_shared<sees_no_factor_of_others>(seed).size() == 1);
    CHECK(run_shared<learns_by_its_own_memory>(seed).size() == 1);
    // The model's entries outlive every holder.
    CHECK(run_shared<shared_model>(seed, 50ms).size() == 1);
}

TEST_CASE("conformance: a trace can be repeated by its number") {
    weir::testing::conformance_options options;
    options.seed = 7;
    options.max_failures = 1;
    const auto make = [] { return gate_goes_back{}; };
    const auto all = weir::testing::conform(make, options);
    REQUIRE(all.size() == 1);
    options.first = std::stoi(all[0].substr(6));
    options.traces = 1;
    const auto alone = weir::testing::conform(make, options);
    REQUIRE(alone.size() == 1);
    CHECK(alone[0].substr(0, alone[0].find('\n')) == all[0].substr(0, all[0].find('\n')));
}
