// SPDX-License-Identifier: MIT
#include "state_store.hpp"

#include "stores.hpp"

#include "weir/algorithm/window_plan.hpp"
#include "weir/core/error.hpp"
#include "weir/registry/open_store.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace weir::tools {
namespace {

/// The options of a text, with which nothing is made and nothing is updated.
template <class Store, class Options>
result<any_store> unchanging(result<Options> options) {
    if (!options)
        return options.error();
    if constexpr (requires { options->migrate; })
        options->migrate = false;
    try {
        return any_store{Store{*std::move(options)}};
    } catch (const exception& e) {
        return error{errc::bad_configuration, e.what()};
    }
}

result<any_store> opened(const backend_options& wanted) {
    // Says what is wrong with the kind or the text. A store is made without connecting.
    auto made = open_store(wanted, built_in());
    if (!made)
        return made.error();
#if WEIR_HAS_SQLITE
    if (wanted.kind == "sqlite")
        return unchanging<sqlite::sqlite_store>(sqlite::parse_sqlite_dsn(wanted.dsn));
#endif
#if WEIR_HAS_POSTGRES
    if (wanted.kind == "postgres")
        return unchanging<postgres::postgres_store>(postgres::parse_postgres_dsn(wanted.dsn));
#endif
    return made;
}

/// A plan for reading only. An entry that expires during the call must not take stamps away that the users of the key
/// still need, so the plan keeps everything.
window_plan reading_plan(window_plan plan) {
    plan.kept.exact = std::size_t{1} << 20;
    plan.kept.longest = std::max<duration>(plan.kept.longest, std::chrono::hours{24 * 366});
    return plan;
}

window_plan plan_of(const std::vector<window>& windows) {
    window_plan plan;
    plan.windows = windows;
    for (const window& w : windows)
        plan.shown.push_back({w.limit, w.period});
    return reading_plan(std::move(plan));
}

/// Where no limit is known: how much was sent in these times.
const std::vector<window>& usual_periods() {
    constexpr std::int64_t no_limit = std::int64_t{1} << 20;
    static const std::vector<window> all{
        {no_limit, std::chrono::seconds{1}}, {no_limit, std::chrono::minutes{1}}, {no_limit, std::chrono::hours{1}}};
    return all;
}

}  // namespace

result<live_store> live_store::open(const backend_options& wanted) {
    if (wanted.kind == "memory")
        return error{errc::bad_configuration,
                     "the memory store is inside each program, so no other program can look at it; name the store "
                     "with --rate-backend and --rate-dsn, or ask the program itself (registry.inspect)"};
    auto store = opened(wanted);
    if (!store)
        return store.error();
    if (!store->is_listable())
        return error{errc::bad_configuration, "this store does not list its keys"};
    return live_store{wanted.kind, *std::move(store)};
}

std::vector<stored_key> live_store::keys(std::string_view host, std::string_view role) {
    std::vector<stored_key> all = store_.keys();
    std::erase_if(all, [&](const stored_key& k) {
        return (!host.empty() && k.host != host) || (!role.empty() && k.role != role);
    });
    std::ranges::sort(all, {}, [](const stored_key& k) { return std::tie(k.host, k.role); });
    return all;
}

seen_key live_store::look(const stored_key& key, const configuration* limits) {
    auto slot = store_.make_slot(key.host, key.role);
    seen_key out{.key = key, .state = {}};
    const instant now = store_.now();
    std::optional<policy> configured;
    if (limits != nullptr)
        if (auto p = limits->policy_for(key.host, key.role))
            configured = *std::move(p);
    if (configured) {
        out.windows_from = window_source::configuration;
        out.key.max_concurrent = configured->max_concurrent;
        out.state = store_.read(slot, reading_plan(plan_windows(*configured)), now);
        if (!out.state.factor.is_one())
            out.state = store_.read(slot, reading_plan(plan_windows(*configured, out.state.factor)), now);
    } else {
        out.windows_from = key.windows.empty() ? window_source::none : window_source::store;
        out.state = store_.read(slot, plan_of(key.windows.empty() ? usual_periods() : key.windows), now);
    }
    out.gate_left = std::max(out.state.gate - store_.now(), duration::zero());
    if (out.gate_left > duration::zero()) {
        // A step that changes nothing writes nothing.
        const tuner_state learnt = store_.learn(slot, [](tuner_state s) { return s; });
        out.refusals = learnt.notes ? learnt.notes->refused.refusals : 0;
        out.why_closed = out.refusals > 0 ? gate_reason::refusal : gate_reason::hold;
    }
    return out;
}

void live_store::reset(const stored_key& key) {
    auto slot = store_.make_slot(key.host, key.role);
    store_.erase(slot);
}

void live_store::open_gate(const stored_key& key) {
    auto slot = store_.make_slot(key.host, key.role);
    store_.open_gate(slot);
}

std::vector<seen_holder> live_store::holders() {
    const std::vector<holder_info> all = store_.holders();
    // The store's clock, as far as it is known here: this program may have given a sign of life just now.
    auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    for (const holder_info& h : all)
        if (h.is_self)
            now = h.renewed;
    std::vector<seen_holder> out;
    for (const holder_info& h : all)
        if (!h.is_self)
            out.push_back({h, std::max<duration>(now - h.started, duration::zero()),
                           std::max<duration>(now - h.renewed, duration::zero())});
    std::ranges::sort(out, {}, [](const seen_holder& h) { return h.process.started; });
    return out;
}

}  // namespace weir::tools
