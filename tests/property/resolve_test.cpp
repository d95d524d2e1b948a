// SPDX-License-Identifier: MIT
#include "weir/config/resolve.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/written.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a stack of layers must come to, in the plainest words: for each leaf, every place where it may stand is looked
// at from the strongest to the weakest, and the first value is taken. It shares no code with the library but value
// types.

using namespace std::chrono_literals;
using weir_test::dice;

namespace {

using names = std::vector<std::string>;

const names roles{"metadata", "landing", "artifact", "search"};
const names hosts{"x.org", "a.x.org", "b.a.x.org", "y.com", "x.org:8080", "a.x.org:8080", "b.a.x.org:8080"};
const names wildcards{"*.x.org", "*.org", "*.a.x.org", "*.x.org:8080", "*.org:8080", "*.a.x.org:8080"};
const names groups{"g", "my-group"};
const names members{"m.net", "sub.m.net", "m.net:8080", "*.net", "*.m.net", "*.m.net:8080"};
const names strangers{"z.net", "s.sub.m.net", "s.sub.m.net:8080", "other.test", "q.y.com:8080", "c.x.org:8080"};

/// One written value: its text, and what it does to a policy.
struct entry {
    std::string scope;  // a host, a wildcard, a group; "" = defaults
    std::string role;   // "*" = every one
    std::string leaf;
    std::string text;
    std::function<void(weir::policy&)> apply{};
};
struct sheet {
    std::vector<entry> entries{};
    std::map<std::string, std::pair<std::string, std::function<void(weir::policy&)>>> process{};
    std::map<std::string, names> groups{};
    bool declares = false;
};
using stack = std::vector<sheet>;

struct written_rate {
    const char* text;
    std::int64_t limit;
    weir::duration period;
};
const std::vector<written_rate> rates{{"10/SECOND", 10, 1s},     {"3/s", 3, 1s},        {"7/2s", 7, 2s},
                                      {"1/3s", 1, 3s},           {"100/min", 100, 60s}, {"90/h", 90, 3600s},
                                      {"5000/HOUR", 5000, 3600s}};

/// Whether every stretch of `a`'s period is covered by stretches of `b`'s that together hold no more than `a` allows.
bool says_less(const written_rate& a, const written_rate& b) {
    std::int64_t pieces = 0;
    for (weir::duration covered{}; covered < a.period; covered += b.period)
        ++pieces;
    return pieces * b.limit <= a.limit;
}

// ---- writing

void write_leaf(dice& d, entry& e, bool risky) {
    static const names leaves{"rates",
                              "max_delay_ms",
                              "count_head",
                              "max_concurrent",
                              "unlimited",
                              "burst",
                              "count_from",
                              "margin_ms",
                              "enforce",
                              "max_hold_ms",
                              "gate_scope",
                              "on_store_error",
                              "local_share_percent",
                              "lease",
                              "abandon_grace_ms",
                              "max_waiting",
                              "refusal_statuses",
                              "reported_limits",
                              "refusal_pause_ms",
                              "aimd.enabled",
                              "aimd.window_s",
                              "aimd.high_429_ratio",
                              "aimd.increase_step_pct",
                              "aimd.decrease_step_pct",
                              "aimd.min_multiplier",
                              "aimd.max_multiplier"};
    e.leaf = d.pick(leaves);
    const bool flag = d.chance(50);
    const std::int64_t n = d.from(1, 90);
    e.text = std::to_string(n);
    if (e.leaf == "rates") {
        std::vector<written_rate> list;
        for (std::int64_t i = d.from(1, 4); i > 0; --i)
            list.push_back(d.pick(rates));
        std::vector<weir::rate> kept;
        e.text.clear();
        for (std::size_t i = 0; i < list.size(); ++i) {
            e.text.append(i == 0 ? "" : "+").append(list[i].text);
            bool needed = true;
            for (std::size_t j = 0; j < list.size(); ++j)
                if (j != i && says_less(list[i], list[j]) && (j < i || !says_less(list[j], list[i])))
                    needed = false;
            if (needed)
                kept.push_back({list[i].limit, list[i].period});
        }
        e.apply = [kept](weir::policy& p) { p.rates = kept; };
    } else if (e.leaf == "unlimited") {
        e.text = flag ? "true" : "false";
        e.apply = [flag](weir::policy& p) { p.unlimited = flag; };
    } else if (e.leaf == "count_head") {
        e.text = flag ? "yes" : "off";
        e.apply = [flag](weir::policy& p) { p.count_head = flag; };
    } else if (e.leaf == "enforce") {
        e.text = flag ? "true" : "false";
        e.apply = [flag](weir::policy& p) { p.enforce = flag; };
    } else if (e.leaf == "aimd.enabled") {
        e.text = flag ? "true" : "false";
        e.apply = [flag](weir::policy& p) { p.aimd.enabled = flag; };
    } else if (e.leaf == "max_delay_ms") {
        e.apply = [n](weir::policy& p) { p.max_delay = n * 1ms; };
    } else if (e.leaf == "margin_ms") {
        e.text += "ms";
        e.apply = [n](weir::policy& p) { p.margin = n * 1ms; };
    } else if (e.leaf == "max_hold_ms") {
        e.text = flag ? "none" : e.text + "s";
        e.apply = [n, flag](weir::policy& p) { p.max_hold = flag ? weir::forever : weir::duration{n * 1s}; };
    } else if (e.leaf == "max_concurrent") {
        e.text = flag ? "none" : e.text;
        e.apply = [n, flag](weir::policy& p) { p.max_concurrent = flag ? 0 : n; };
    } else if (e.leaf == "burst") {
        e.text = flag ? "none" : e.text;
        e.apply = [n, flag](weir::policy& p) { p.burst = flag ? 0 : n; };
    } else if (e.leaf == "count_from") {
        e.text = flag ? "response" : "admission";
        e.apply = [flag](weir::policy& p) {
            p.count_from = flag ? weir::counting::response : weir::counting::admission;
        };
    } else if (e.leaf == "gate_scope") {
        e.text = flag ? "host" : "key";
        e.apply = [flag](weir::policy& p) { p.gate_scope = flag ? weir::gate_reach::host : weir::gate_reach::key; };
    } else if (e.leaf == "on_store_error") {
        e.text = flag ? "closed" : "open";
        e.apply = [flag](weir::policy& p) {
            p.on_store_error = flag ? weir::store_failure::closed : weir::store_failure::open;
        };
    } else if (e.leaf == "local_share_percent") {
        e.apply = [n](weir::policy& p) { p.local_share = n; };
    } else if (e.leaf == "lease") {
        e.apply = [n](weir::policy& p) { p.lease = n; };
    } else if (e.leaf == "abandon_grace_ms") {
        e.text = flag ? "auto" : e.text;
        e.apply = [n, flag](weir::policy& p) {
            p.abandon_grace = flag ? std::nullopt : std::optional<weir::duration>{n * 1ms};
        };
    } else if (e.leaf == "max_waiting") {
        e.text = flag ? "none" : e.text;
        e.apply = [n, flag](weir::policy& p) { p.max_waiting = flag ? 0 : n; };
    } else if (e.leaf == "refusal_statuses") {
        e.text = fmt::format("{}+403", 404 + n);
        e.apply = [n](weir::policy& p) { p.refusal_statuses = {403, 404 + n}; };
    } else if (e.leaf == "reported_limits") {
        e.text = flag ? "ignore" : "refusals";
        e.apply = [flag](weir::policy& p) {
            p.reported_limits = flag ? weir::limit_trust::ignore : weir::limit_trust::refusals;
        };
    } else if (e.leaf == "refusal_pause_ms") {
        e.apply = [n](weir::policy& p) { p.refusal_pause = n * 1ms; };
    } else if (e.leaf == "aimd.window_s") {
        e.apply = [n](weir::policy& p) { p.aimd.window_s = static_cast<double>(n); };
    } else if (e.leaf == "aimd.increase_step_pct") {
        e.apply = [n](weir::policy& p) { p.aimd.increase_step_pct = static_cast<double>(n); };
    } else if (e.leaf == "aimd.decrease_step_pct") {
        e.apply = [n](weir::policy& p) { p.aimd.decrease_step_pct = static_cast<double>(n); };
    } else {
        // A floor is below every ceiling, unless this stack is to be one that may contradict itself.
        const bool low = e.leaf == "aimd.min_multiplier" || (risky && flag);
        e.text = low ? "0." + std::to_string(1 + n / 30) : "0." + std::to_string(5 + n / 30);
        const double value = std::stod(e.text);
        const std::string leaf = e.leaf;
        e.apply = [value, leaf](weir::policy& p) {
            (leaf == "aimd.min_multiplier"   ? p.aimd.min_multiplier
             : leaf == "aimd.max_multiplier" ? p.aimd.max_multiplier
                                             : p.aimd.high_429_ratio) = value;
        };
    }
}

sheet write_sheet(dice& d, bool risky) {
    sheet out;
    std::set<std::array<std::string, 3>> taken;
    for (std::int64_t i = d.from(0, 14); i > 0; --i) {
        entry e;
        const auto kind = d.from(0, 99);
        e.scope = kind < 20                   ? ""
                  : kind < 55                 ? d.pick(hosts)
                  : kind < 85                 ? d.pick(wildcards)
                  : kind < (risky ? 94 : 100) ? d.pick(groups)
                                              : d.pick(members);
        e.role = d.chance(20) ? "*" : d.pick(roles);
        write_leaf(d, e, risky);
        const auto has = [&](const char* leaf) { return taken.contains({e.scope, e.role, leaf}); };
        // One slot does not contradict itself, and sets a leaf once; that is tested elsewhere.
        const bool is_free = e.leaf == "unlimited" && e.text == "true";
        if (has(e.leaf.c_str()) || (is_free && (has("rates") || has("burst"))) ||
            ((e.leaf == "rates" || e.leaf == "burst") && has("free")))
            continue;
        taken.insert({e.scope, e.role, e.leaf});
        if (is_free)
            taken.insert({e.scope, e.role, "free"});
        out.entries.push_back(std::move(e));
    }
    for (std::int64_t i = d.from(0, 2); i > 0; --i) {
        entry e;
        write_leaf(d, e, risky);
        if (e.leaf.starts_with("aimd."))
            out.process[e.leaf] = {e.text, e.apply};
    }
    for (const auto& group : groups)
        if (d.chance(25)) {
            names list;
            for (const auto& member : members)
                if (d.chance(risky ? 40 : 20) && (risky || (list.size() % 2 == 0) == (group == "g")))
                    list.push_back(member);
            if (!list.empty())
                out.groups[group] = list;
        }
    return out;
}

std::string spelled(dice& d, std::string text) {
    if (d.chance(30))
        for (char& c : text)
            if (c >= 'a' && c <= 'z' && d.chance(50))
                c = static_cast<char>(c - 'a' + 'A');
    return text;
}

/// The same sheet as a source would give it: nested as in a file, or flat as from flags and variables.
weir::layer as_layer(dice& d, const sheet& s, std::size_t number) {
    weir::layer out;
    const weir::source_location source{"layer" + std::to_string(number)};
    std::uint32_t line = 0;
    const auto add = [&](const std::vector<std::string>& path, const std::string& text, weir::host_spelling spelling) {
        const auto at = source.at(++line, 1);
        out.add_text(weir_test::views(path), text, at, spelling);
    };
    const auto nested = [&](std::vector<std::string> path, const std::string& leaf) {
        const auto dot = leaf.find('.');
        if (dot != std::string::npos)
            path.push_back(leaf.substr(0, dot));
        path.push_back(dot == std::string::npos ? leaf : leaf.substr(dot + 1));
        return path;
    };
    if (s.declares)
        add({"roles"}, "search", {});
    for (const auto& [group, list] : s.groups) {
        out.add(std::array<std::string_view, 2>{"host_groups", group}, weir::value_kind::list, source.at(++line, 1));
        for (const auto& member : list)
            out.add_item(spelled(d, member), weir::scalar_form::quoted, {line, 5});
    }
    for (const auto& [leaf, value] : s.process)
        add(nested({}, leaf), value.first, {});
    for (const entry& e : s.entries) {
        const auto how = d.from(0, 3);
        const bool shell = e.scope.find_first_of("*:") == std::string::npos && e.role != "*" && !e.scope.empty();
        if (e.scope.empty())
            add(nested({"defaults", e.role}, e.leaf), e.text, {});
        else if (how == 0)
            add({"hosts", e.role == "*" ? e.scope : e.scope + "." + e.role, e.leaf}, e.text,
                weir::host_spelling::target);
        else if (how == 1 && shell && e.scope != "my-group") {
            std::string name = e.scope;
            std::ranges::replace(name, '.', '_');
            add({"hosts", spelled(d, name), spelled(d, e.role), e.leaf}, e.text, weir::host_spelling::shell);
        } else if (how == 2)
            add({"hosts", spelled(d, e.scope), e.role, e.leaf}, e.text, {});
        else
            add(nested({"hosts", spelled(d, e.scope), e.role}, e.leaf), e.text, {});
    }
    return out;
}

// ---- reading

/// Every name under which something about a host may stand, the strongest first.
names chain(const std::string& host) {
    const auto colon = host.find(':');
    const std::string name = host.substr(0, colon), port = colon == std::string::npos ? "" : host.substr(colon);
    names out{name + port, name};
    for (std::size_t i = 0; i < name.size(); ++i)
        if (name[i] == '.') {
            out.push_back("*" + name.substr(i) + port);
            out.push_back("*" + name.substr(i));
        }
    return out;
}

struct naive {
    stack layers;
    std::map<std::string, names> in_groups{};

    explicit naive(stack s) : layers(std::move(s)) {
        for (const sheet& l : layers)
            for (const auto& [group, list] : l.groups)
                in_groups[group] = list;
    }

    std::string key_host(const std::string& host) const {
        for (const auto& name : chain(host))
            for (const auto& [group, list] : in_groups)
                if (std::ranges::find(list, name) != list.end())
                    return group;
        return host;
    }

    /// All values of a leaf that may reach a key, the strongest first.
    std::vector<const entry*> values(const std::string& key, const std::string& role, const std::string& leaf) const {
        std::vector<const entry*> out;
        names scopes = chain(key);
        scopes.emplace_back();
        for (const auto& scope : scopes)
            for (auto l = layers.rbegin(); l != layers.rend(); ++l)
                for (const auto& who : {role, std::string{"*"}})
                    for (const entry& e : l->entries)
                        if (e.scope == scope && e.role == who && e.leaf == leaf &&
                            std::ranges::find(out, &e) == out.end())
                            out.push_back(&e);
        return out;
    }

    weir::policy policy(const std::string& key, const std::string& role) const {
        weir::policy p;
        const bool landing = role == "landing", artifact = role == "artifact";
        p.max_delay = landing ? 250ms : artifact ? 2000ms : 200ms;
        const auto max = landing ? 5 : artifact ? 2 : 10, hourly = landing ? 2000 : artifact ? 500 : 5000;
        for (const char* leaf :
             {"max_delay_ms", "count_head", "max_concurrent", "count_from", "margin_ms", "enforce", "max_hold_ms",
              "gate_scope", "on_store_error", "local_share_percent", "lease", "abandon_grace_ms", "max_waiting",
              "refusal_statuses", "reported_limits", "refusal_pause_ms"})
            if (const auto all = values(key, role, leaf); !all.empty())
                all.front()->apply(p);
        for (const char* leaf : {"aimd.enabled", "aimd.window_s", "aimd.high_429_ratio", "aimd.increase_step_pct",
                                 "aimd.decrease_step_pct", "aimd.min_multiplier", "aimd.max_multiplier"}) {
            const auto all = values(key, role, leaf);
            for (const sheet& l : layers)
                if (const auto at = l.process.find(leaf); at != l.process.end())
                    at->second.second(p);
            if (!all.empty())
                all.front()->apply(p);
        }
        // `rates` and `unlimited: true` are two answers to one question: of the two the stronger counts. To
        // `unlimited: false` the rates are whatever stands below it, stated or built in.
        const auto listed = values(key, role, "rates"), lifted = values(key, role, "unlimited"),
                   spaced = values(key, role, "burst");
        const entry* first_rates = listed.empty() ? nullptr : listed.front();
        const entry* first_free = lifted.empty() ? nullptr : lifted.front();
        if (first_free != nullptr && first_free->text == "true" &&
            (first_rates == nullptr || !stronger(key, role, *first_rates, *first_free))) {
            p.unlimited = true;
            if (!spaced.empty() && stronger(key, role, *spaced.front(), *first_free))
                spaced.front()->apply(p);
            return p;
        }
        p.rates = {{max, 1s}, {hourly, 1h}};
        if (first_rates != nullptr)
            first_rates->apply(p);
        if (!spaced.empty())
            spaced.front()->apply(p);
        return p;
    }

    /// Whether `a` stands in a stronger place than `b`.
    bool stronger(const std::string& key, const std::string& role, const entry& a, const entry& b) const {
        const auto rank = [&](const entry& e) {
            std::size_t at = 0;
            names scopes = chain(key);
            scopes.emplace_back();
            for (const auto& scope : scopes)
                for (auto l = layers.rbegin(); l != layers.rend(); ++l)
                    for (const auto& who : {role, std::string{"*"}}) {
                        ++at;
                        for (const entry& other : l->entries)
                            if (&other == &e && e.scope == scope && e.role == who)
                                return at;
                    }
            return at;
        };
        return rank(a) < rank(b);
    }

    /// Whether something contradicts something else of another place.
    bool is_wrong(const names& keys) const {
        for (const auto& [group, list] : in_groups)
            for (const auto& [other, more] : in_groups)
                for (const auto& member : list)
                    if (group != other && std::ranges::find(more, member) != more.end())
                        return true;
        weir::policy shared;
        for (const sheet& l : layers) {
            for (const auto& [leaf, value] : l.process)
                value.second(shared);
            for (const entry& e : l.entries)
                if (!in_groups.contains(e.scope) && key_host(e.scope) != e.scope)
                    return true;
        }
        if (shared.aimd.min_multiplier > shared.aimd.max_multiplier)
            return true;
        for (const auto& key : keys)
            for (const auto& role : roles) {
                const auto p = policy(key_host(key), role);
                if (p.aimd.min_multiplier > p.aimd.max_multiplier || (p.unlimited && p.burst > 0))
                    return true;
            }
        return false;
    }
};

}  // namespace

TEST_CASE("random layers give what a search for every leaf in every layer finds", "[property]") {
    const std::uint64_t seed = weir_test::seed_for("resolve");
    dice d{seed};
    names keys;
    for (const names* some : {&hosts, &wildcards, &groups, &members, &strangers})
        keys.insert(keys.end(), some->begin(), some->end());
    // A wildcard's own name with a port stands for hosts that no key above spells out.
    for (const auto& wild : {"*.x.org:8080", "*.a.x.org:8080", "*.net:8080", "g:8080"})
        keys.emplace_back(wild);
    int right = 0, wrong = 0, grouped = 0;
    for (int round = 0, rounds = weir_test::cases_or(2500); round < rounds; ++round) {
        const bool risky = d.chance(25);
        stack sheets;
        for (std::int64_t i = d.from(1, 5); i > 0; --i)
            sheets.push_back(write_sheet(d, risky));
        d.pick(sheets).declares = true;
        std::vector<weir::layer> layers;
        for (std::size_t i = 0; i < sheets.size(); ++i)
            layers.push_back(as_layer(d, sheets[i], i));
        const naive expected{sheets};
        const auto r = weir::resolve(layers);
        INFO("round " << round << "\n" << r.fault_text());
        const bool is_wrong = expected.is_wrong(keys);
        REQUIRE(static_cast<bool>(r) == !is_wrong);
        (is_wrong ? wrong : right)++;
        if (is_wrong)
            continue;
        for (const auto& host : keys) {
            const std::string key = expected.key_host(host);
            REQUIRE(r->key_host(host) == key);
            grouped += key != host;
            for (const auto& role : roles) {
                INFO(host << " " << role);
                const bool same = *r->policy_for(host, role) == expected.policy(key, role);
                REQUIRE(same);
                REQUIRE(weir::faults_of(*r->policy_for(host, role)).empty());
            }
        }
    }
    INFO("right " << right << ", wrong " << wrong << ", grouped " << grouped);
    CHECK(right > 0);
    CHECK((wrong > 0 || right < 100));
    CHECK((grouped > 0 || right < 100));
}
