// SPDX-License-Identifier: MIT
#include "state.hpp"

#include "rate_flags.hpp"
#include "spans.hpp"
#include "state_store.hpp"
#include "state_text.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/key.hpp"
#include "weir/core/text.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

namespace weir::tools {
namespace {

constexpr std::string_view state_usage =
    "usage: weir state VERB [flags] --rate-backend KIND --rate-dsn DSN\n\n"
    "  show [HOST [ROLE]]       fill of each window, open entries, gate, factor\n"
    "  watch [HOST [ROLE]]      the same again and again; --every 2s, --count N\n"
    "  reset HOST [ROLE]        forget history, gate and factor\n"
    "  open-gate HOST [ROLE]    open the gate, and keep the history\n"
    "  holders                  the processes that use the store\n\n"
    "  --json                   for show, watch and holders: one object a line\n\n"
    "KIND is sqlite, redis or postgres. Programs may use the store meanwhile. The\n"
    "limits are those of the last admission, or with --rate-config those of FILE.\n"
    "Exit code: 0, 1 if there is no such key, 2 if the store cannot be used.\n\n";

int refuse_call(std::string_view what) {
    fmt::print(stderr, "weir state: {}\n{}{}", what, state_usage, rate_flags::help());
    return 2;
}
int refuse_store(std::string_view what) {
    fmt::print(stderr, "weir state: {}\n", what);
    return 2;
}

/// What was asked for.
struct request {
    std::string verb;
    std::string host;
    std::string role;
    bool json = false;
    duration every = std::chrono::seconds{2};
    std::int64_t count = INT64_MAX;
};

constexpr std::array<std::string_view, 5> verbs{"show", "watch", "reset", "open-gate", "holders"};

/// The request of the arguments, or what is wrong with them. An empty verb asks for help.
result<request> read_request(const std::vector<std::string>& args) {
    const auto bad = [](std::string text) { return error{errc::bad_configuration, std::move(text)}; };
    request out;
    std::vector<std::string> words;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string& arg = args[i];
        if (arg == "--help" || arg == "-h")
            return request{};
        if (arg == "--json") {
            out.json = true;
        } else if (arg == "--every" || arg == "--count") {
            if (++i == args.size())
                return bad(arg + " needs a value");
            if (arg == "--every") {
                const auto span = parse_span(args[i]);
                if (!span || *span < std::chrono::milliseconds{100})
                    return bad(fmt::format("--every {}: write a time of at least 100ms, such as 2s",
                                           detail::in_quotes(args[i])));
                out.every = *span;
            } else if (!detail::whole_number(args[i], out.count) || out.count < 1) {
                return bad(fmt::format("--count {}: write a whole number from 1", detail::in_quotes(args[i])));
            }
        } else if (arg.starts_with('-') && arg != "-") {
            return bad(fmt::format("unknown flag {}", detail::in_quotes(arg)));
        } else {
            words.push_back(arg);
        }
    }
    if (words.empty())
        return bad("say what to do: show, watch, reset, open-gate or holders");
    out.verb = words[0];
    if (std::ranges::find(verbs, out.verb) == verbs.end()) {
        const std::string guess = closest_match(out.verb, verbs);
        return bad(fmt::format("unknown verb {}{}", detail::in_quotes(out.verb),
                               guess.empty() ? "" : fmt::format("; did you mean {}?", guess)));
    }
    if (words.size() > 3)
        return bad(fmt::format("found {} after a host and a role", detail::in_quotes(words[3])));
    words.resize(3);
    if (!words[1].empty()) {
        const auto host = canonical_host(words[1], rate_flags::idna);
        if (!host)
            return host.error();
        out.host = *host;
    }
    out.role = words[2];
    if (out.verb == "holders" && !out.host.empty())
        return bad("holders takes no host: a process may use every key");
    const bool changes = out.verb == "reset" || out.verb == "open-gate";
    if (changes && out.host.empty())
        return bad(fmt::format("{} needs a host: weir state {} HOST [ROLE]", out.verb, out.verb));
    if (changes && out.json)
        return bad(fmt::format("--json belongs to show, watch and holders, not to {}", out.verb));
    return out;
}

/// Says that no key was found, and which one may have been meant.
int found_nothing(live_store& store, const request& asked) {
    if (asked.host.empty()) {
        fmt::print(stderr, "weir state: the store has no keys\n");
        return 1;
    }
    std::vector<std::string> hosts, roles;
    for (const stored_key& k : store.keys("", "")) {
        hosts.push_back(k.host);
        if (k.host == asked.host)
            roles.push_back(k.role);
    }
    const auto guess_of = [](const std::string& wanted, const std::vector<std::string>& names) {
        const std::vector<std::string_view> views{names.begin(), names.end()};
        const std::string guess = closest_match(wanted, views);
        return guess.empty() ? "" : fmt::format("; did you mean {}?", detail::in_quotes(guess));
    };
    if (roles.empty())
        fmt::print(stderr, "weir state: the store has no key of host {}{}\n", detail::in_quotes(asked.host),
                   guess_of(asked.host, hosts));
    else
        fmt::print(stderr, "weir state: host {} has no key of role {}{}\n", detail::in_quotes(asked.host),
                   detail::in_quotes(asked.role), guess_of(asked.role, roles));
    return 1;
}

std::vector<seen_key> look_at(live_store& store, const request& asked, const configuration* limits) {
    std::vector<seen_key> out;
    for (const stored_key& k : store.keys(asked.host, asked.role))
        out.push_back(store.look(k, limits));
    return out;
}

int show(live_store& store, const request& asked, const configuration* limits) {
    const auto seen = look_at(store, asked, limits);
    if (seen.empty() && !asked.json)
        return found_nothing(store, asked);
    fmt::print("{}", asked.json ? to_json(store.kind(), seen) : to_table(seen));
    return seen.empty() ? 1 : 0;
}

/// Prints again and again: on a terminal in place, elsewhere one below the other. A store that does not answer for a
/// while is reported, and watched on.
int watch(live_store& store, const request& asked, const configuration* limits) {
    const bool in_place = isatty(STDOUT_FILENO) == 1 && !asked.json;
    int status = 0;
    for (std::int64_t i = 0; i < asked.count; ++i) {
        if (i > 0)
            std::this_thread::sleep_for(asked.every);
        std::string text;
        try {
            const auto seen = look_at(store, asked, limits);
            status = seen.empty() ? 1 : 0;
            text = asked.json ? to_json(store.kind(), seen) : seen.empty() ? "no such key\n" : to_table(seen);
        } catch (const store_error& e) {
            status = 2;
            text = asked.json ? std::string{} : fmt::format("{}\n", e.what());
            if (asked.json)
                fmt::print(stderr, "weir state: {}\n", e.what());
        }
        const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
        std::tm local{};
        ::localtime_r(&now, &local);
        if (!asked.json)
            fmt::print("{}{:02}:{:02}:{:02} {}\n", in_place ? "\x1b[H\x1b[J" : "", local.tm_hour, local.tm_min,
                       local.tm_sec, store.kind());
        fmt::print("{}{}", text, in_place || asked.json ? "" : "\n");
        if (std::fflush(stdout) != 0)
            return status;
    }
    return status;
}

int holders(live_store& store, const request& asked) {
    const std::vector<seen_holder> all = store.holders();
    if (all.empty() && !asked.json)
        fmt::print(stderr, "weir state: no other process uses the store\n");
    else
        fmt::print("{}", asked.json ? to_json(store.kind(), all) : to_table(all));
    return all.empty() ? 1 : 0;
}

int reset(live_store& store, const request& asked) {
    const auto keys = store.keys(asked.host, asked.role);
    for (const stored_key& k : keys) {
        store.reset(k);
        const std::int64_t open = store.look(k, nullptr).state.open;
        fmt::print("{} {}: history, gate and factor are gone{}\n", detail::printable(k.host), detail::printable(k.role),
                   open == 0 ? "" : fmt::format("; {} units of open requests stay", open));
    }
    return keys.empty() ? found_nothing(store, asked) : 0;
}

int open_gate(live_store& store, const request& asked) {
    const auto keys = store.keys(asked.host, asked.role);
    for (const stored_key& k : keys) {
        const duration left = store.look(k, nullptr).gate_left;
        if (left > duration::zero())
            store.open_gate(k);
        fmt::print("{} {}: {}\n", detail::printable(k.host), detail::printable(k.role),
                   left > duration::zero() ? fmt::format("the gate is open; it had {} left", short_span(left))
                                           : "there was no gate");
    }
    return keys.empty() ? found_nothing(store, asked) : 0;
}

}  // namespace

int state(std::span<const char* const> args) {
    const rate_flags flags{args};
    const auto asked = read_request(flags.rest());
    if (!asked)
        return refuse_call(asked.error().message);
    if (asked->verb.empty()) {
        fmt::print("{}{}", state_usage, rate_flags::help());
        return 0;
    }
    if (flags.explained())
        return refuse_call("--rate-explain belongs to other programs; here the host and the role stand alone");
    const auto made = flags.resolved();
    if (!made) {
        fmt::print(stderr, "{}", made.fault_text());
        return 2;
    }
    const bool has_limits = !made.from.files.empty() || !made.from.presets.empty();
    const configuration* const limits = has_limits ? &*made : nullptr;
    auto store = live_store::open(made->backend());
    if (!store)
        return refuse_store(store.error().message);
    try {
        if (asked->verb == "show")
            return show(*store, *asked, limits);
        if (asked->verb == "watch")
            return watch(*store, *asked, limits);
        if (asked->verb == "holders")
            return holders(*store, *asked);
        return asked->verb == "reset" ? reset(*store, *asked) : open_gate(*store, *asked);
    } catch (const store_error& e) {
        return refuse_store(e.what());
    }
}

}  // namespace weir::tools
