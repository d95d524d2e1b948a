// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/cli/composite.hpp"
#include "weir/config/layer.hpp"
#include "weir/config/value.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// What the value of a flag becomes.
enum class flag_kind : std::uint8_t {
    file,       ///< a configuration file
    preset,     ///< the name of a preset
    leaf,       ///< the value of one leaf
    on,         ///< true for one leaf, or false with "=false"
    target,     ///< HOST[.ROLE]= and the value of one leaf
    mode,       ///< HOST[.ROLE]= and what to do when the limit is reached
    composite,  ///< HOST:ROLE= and several leaves
    explain,    ///< no value, or =HOST[.ROLE]
};

struct flag_rule {
    std::string_view name;
    std::string_view argument;
    flag_kind kind;
    std::string_view path;  ///< of the leaf; for `target` and `mode` the part after the role
    std::string_view meaning;
};

/// Every flag. The deployment guide gives some of them. docs/configuration.md has an example of each.
inline constexpr std::array<flag_rule, 13> flag_rules{{
    {"--rate-config", "FILE", flag_kind::file, "",
     "a configuration file; repeated for each further one, the later over the earlier"},
    {"--rate-preset", "NAME", flag_kind::preset, "",
     "limits a service has published, below every file; may be repeated"},
    {"--rate", "HOST[.ROLE]=RATES", flag_kind::target, "rates",
     "rates of a host, such as api.crossref.org=20/s,10000/h"},
    {"--rate-host-override", "HOST:ROLE=LEAVES", flag_kind::composite, "",
     "leaves of a host's role: rates:20/s+900/h,max_delay_ms:250"},
    {"--rate-max-delay", "HOST[.ROLE]=MS", flag_kind::target, "max_delay_ms", "longest wait for a host"},
    {"--rate-mode", "HOST[.ROLE]=MODE", flag_kind::mode, "max_delay_ms",
     "raise: never wait; wait[:MS]: wait so long; block: as long as it takes"},
    {"--rate-max-inflight", "N", flag_kind::leaf, "global_max_inflight",
     "most requests of the process in flight at once, or none"},
    {"--rate-backend", "KIND", flag_kind::leaf, "backend.kind", detail::backend_help},
    {"--rate-dsn", "TEXT", flag_kind::leaf, "backend.dsn", "the store's own connection text"},
    {"--rate-aimd-enabled", "[=BOOL]", flag_kind::on, "aimd.enabled",
     "let rates follow the server's 429 and 503 answers"},
    {"--rate-shadow", "", flag_kind::on, "shadow", "decide and report, but neither refuse nor make wait"},
    {"--rate-disable", "", flag_kind::on, "disabled", "turn limiting off as a whole"},
    {"--rate-explain", "[=HOST[.ROLE]]", flag_kind::explain, "",
     "print each limit, where it comes from and what it shadows; then exit"},
}};

/// The result of reading flags.
struct command_line {
    layer values{};
    std::vector<std::string> config_paths{};
    std::vector<std::string> presets{};
    /// The host or HOST.ROLE to explain, instead of running; an empty text = any host that is not named in the
    /// configuration.
    std::optional<std::string> explain{};
    /// The arguments that are not our flags, in order, as indexes into the arguments that were read.
    std::vector<std::size_t> rest{};
};

namespace detail {

/// Reads flags one after the other. The state is what was read so far.
class flag_reader {
public:
    explicit flag_reader(std::span<const char* const> arguments) : arguments_(arguments) {
        out_.values.kind = layer_kind::command_line;
    }

    [[nodiscard]] command_line operator()() {
        bool flags = true;
        for (; next_ < arguments_.size(); ++next_) {
            const std::string_view text = arguments_[next_];
            if (flags && text.starts_with("--rate")) {
                take(text);
                continue;
            }
            flags = flags && text != "--";
            out_.rest.push_back(next_);
        }
        if (disabled_ && policy_flag_ != nullptr)
            out_.values.add_fault(source_location{"--rate-disable"}, "disabled",
                                  fmt::format("it contradicts {}; keep one of them", policy_flag_->name));
        return std::move(out_);
    }

private:
    void take(std::string_view text) {
        const auto equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        const auto* rule = std::ranges::find(flag_rules, name, &flag_rule::name);
        const source_location at{std::string{name}};
        if (rule == flag_rules.end()) {
            std::vector<std::string_view> known;
            for (const auto& flag : flag_rules)
                known.push_back(flag.name);
            const std::string guess = closest_match(lower(name), known);
            out_.values.add_fault(at, "",
                                  fmt::format("unknown flag{}", guess.empty()
                                                                    ? "; --rate... flags are the rate limiter's"
                                                                    : fmt::format("; did you mean {}?", guess)));
            return;
        }
        if (rule->kind == flag_kind::on)
            return on(*rule, at, equals, text);
        if (rule->kind == flag_kind::explain)
            return explain(at, equals, text);
        std::string_view value;
        if (equals != std::string_view::npos) {
            value = text.substr(equals + 1);
        } else if (next_ + 1 < arguments_.size() && !std::string_view{arguments_[next_ + 1]}.starts_with("--")) {
            value = arguments_[++next_];
        } else {
            out_.values.add_fault(at, "", fmt::format("it needs a value; write {}={}", name, rule->argument));
            return;
        }
        if (rule->kind == flag_kind::file) {
            if (value.empty())
                out_.values.add_fault(at, "", "it needs a file's path");
            else
                out_.config_paths.emplace_back(value);
        } else if (rule->kind == flag_kind::preset) {
            out_.presets.emplace_back(value);
        } else if (rule->kind == flag_kind::leaf) {
            add(*rule, value, at);
        } else {
            policy_flag_ = rule;
            of_host(*rule, value, at);
        }
    }

    void on(const flag_rule& rule, const source_location& at, std::size_t equals, std::string_view text) {
        std::string_view value = "true";
        if (equals != std::string_view::npos) {
            value = text.substr(equals + 1);
        } else if (next_ + 1 < arguments_.size()) {
            const std::string_view next = arguments_[next_ + 1];
            if (next == "true" || next == "false") {
                value = next;
                ++next_;
            }
        }
        constexpr std::array<std::string_view, 4> no{"false", "no", "off", "0"};
        const bool set = std::ranges::find(no, lower(trim(value))) == no.end();
        disabled_ = disabled_ || (set && rule.path == "disabled");
        if (set && rule.path == "shadow")
            policy_flag_ = &rule;
        add(rule, value, at);
    }

    void explain(const source_location& at, std::size_t equals, std::string_view text) {
        if (out_.explain)
            out_.values.add_fault(at, "", "it is given twice; explain one thing at a time");
        out_.explain = equals == std::string_view::npos ? "" : text.substr(equals + 1);
        if (equals != std::string_view::npos && out_.explain->empty())
            out_.values.add_fault(at, "", "found nothing; write --rate-explain=HOST[.ROLE], or leave the \"=\" out");
    }

    void add(const flag_rule& rule, std::string_view value, const source_location& at) {
        out_.values.add_text(split(rule.path, "."), value, at);
    }

    void of_host(const flag_rule& rule, std::string_view value, const source_location& at) {
        const auto equals = value.find('=');
        const std::string_view who = trim(value.substr(0, equals));
        const auto colon = who.rfind(':');
        const bool composite = rule.kind == flag_kind::composite;
        if (equals == std::string_view::npos || who.empty() ||
            (composite && (colon == std::string_view::npos || colon == 0))) {
            out_.values.add_fault(
                at, "hosts", fmt::format("found {}; write {} {}", detail::in_quotes(value), rule.name, rule.argument));
            return;
        }
        const std::string_view what = trim(value.substr(equals + 1));
        if (composite)
            return add_composite(out_.values, who.substr(0, colon), who.substr(colon + 1), host_spelling::exact, what,
                                 at);
        std::string leaf_text{what};
        if (rule.kind == flag_kind::mode) {
            if (what == "raise") {
                leaf_text = "0";
            } else if (what == "block") {
                leaf_text = fmt::format("{}d", rate::longest / std::chrono::hours{24});
            } else if (what.starts_with("wait:")) {
                leaf_text = trim(what.substr(5));
            } else if (what == "wait") {  // the configured max_delay_ms stays; host and role are checked all the same
                out_.values.add(std::array<std::string_view, 2>{"hosts", who}, value_kind::section, at,
                                host_spelling::target);
                return;
            } else {
                constexpr std::array<std::string_view, 3> modes{"raise", "block", "wait"};
                const std::string guess = closest_match(lower(what), modes);
                out_.values.add_fault(at, fmt::format("hosts.{}.max_delay_ms", who),
                                      fmt::format("unknown mode {}; {}it is one of raise, block, wait, wait:MS",
                                                  detail::in_quotes(what),
                                                  guess.empty() ? "" : fmt::format("did you mean \"{}\"? ", guess)));
                return;
            }
        }
        out_.values.add_text({"hosts", who, rule.path}, leaf_text, at, host_spelling::target);
    }

    std::span<const char* const> arguments_;
    std::size_t next_ = 0;
    command_line out_{};
    bool disabled_ = false;
    const flag_rule* policy_flag_ = nullptr;
};

}  // namespace detail

/// Reads the `--rate...` flags in a program's arguments (without its name), up to "--", as `--flag value` or
/// `--flag=value`. A flag takes one value: give several files by several `--rate-config`.
///
/// Only one flag may set a leaf: the fault of a second one names both. A flag for a host and a role has precedence over
/// a flag for the host alone. **Errors.** An unknown `--rate...` flag, a missing value and a text without its "=" are
/// faults of the layer.
[[nodiscard]] inline command_line read_command_line(std::span<const char* const> arguments) {
    return detail::flag_reader{arguments}();
}

/// The same for `main`'s own arguments: removes the flags and leaves the other arguments in order.
[[nodiscard]] inline command_line take_flags(int& argc, char** argv) {
    const auto count = static_cast<std::size_t>(std::max(argc - 1, 0));
    const std::vector<const char*> arguments(argv + std::min(argc, 1), argv + std::min(argc, 1) + count);
    command_line out = read_command_line(arguments);
    std::size_t kept = 1;
    for (const std::size_t i : out.rest)
        argv[kept++] = argv[i + 1];
    if (argc > 0) {
        argc = static_cast<int>(kept);
        argv[kept] = nullptr;
    }
    return out;
}

/// The help text of the flags.
[[nodiscard]] inline std::string command_line_help() {
    std::string out = "Rate limit flags:\n";
    for (const auto& flag : flag_rules) {
        const bool joined = flag.argument.starts_with('[');
        out += fmt::format("  {:<38} {}\n",
                           fmt::format("{}{}{}", flag.name, joined || flag.argument.empty() ? "" : " ", flag.argument),
                           flag.meaning);
    }
    return out;
}

}  // namespace weir
