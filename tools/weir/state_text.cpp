// SPDX-License-Identifier: MIT
#include "state_text.hpp"

#include "weir/core/detail/json_text.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

double ms(duration d) { return static_cast<double>(d.count()) / 1e6; }

/// At most `width` characters: a longer text loses its middle, because host names differ at both ends.
std::string shortened(const std::string& text, std::size_t width) {
    if (text.size() <= width)
        return text;
    const std::size_t tail = (width - 2) / 2;
    return text.substr(0, width - 2 - tail) + ".." + text.substr(text.size() - tail);
}

/// The share of a window in use; it may be above 1 after a limit was lowered.
double fill(const window_usage& w) { return static_cast<double>(w.used) / static_cast<double>(w.limit); }

std::string bar(double share) {
    constexpr std::size_t width = 20;
    const auto full = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * width));
    return "|" + std::string(full, '#') + std::string(width - full, ' ') + "|";
}

std::string span_or_dash(std::optional<duration> d) { return d ? short_span(*d) : "-"; }

}  // namespace

std::string short_span(duration d) {
    const auto whole = [](auto n) { return static_cast<std::int64_t>(n.count()); };
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d);
    if (d < 1s)
        return fmt::format("{}ms", whole(std::chrono::duration_cast<std::chrono::milliseconds>(d)));
    if (d < 60s)
        return fmt::format("{:.1f}s", std::floor(ms(d) / 100) / 10);
    if (d < 1h)
        return fmt::format("{}m{:02}s", whole(seconds) / 60, whole(seconds) % 60);
    if (d < 48h)
        return fmt::format("{}h{:02}m", whole(seconds) / 3600, whole(seconds) / 60 % 60);
    return fmt::format("{}d", whole(seconds) / 86400);
}

std::string window_text(const window_usage& w) {
    if (w.period % std::chrono::milliseconds{1} == duration::zero() &&
        (w.period < 1s || w.period % std::chrono::seconds{1} == duration::zero()))
        return to_string(rate{w.limit, w.period});
    return fmt::format("{}/{:.3f}s", w.limit, std::ceil(ms(w.period)) / 1000);
}

std::string to_table(std::span<const seen_key> keys) {
    std::string out =
        fmt::format("{:<38} {:>5} {:>6} {:>7} {:>7} {:>7}\n", "KEY", "OPEN", "FLIGHT", "FACTOR", "GATE", "OLDEST");
    bool any_unknown = false;
    for (const seen_key& k : keys) {
        const std::string name = detail::printable(k.key.host + " " + k.key.role);
        const std::string flight = k.key.max_concurrent > 0
                                       ? fmt::format("{}/{}", k.state.in_flight, k.key.max_concurrent)
                                       : fmt::format("{}", k.state.in_flight);
        out += fmt::format("{:<38} {:>5} {:>6} {:>7} {:>7} {:>7}\n", shortened(name, 38), k.state.open, flight,
                           fmt::format("{:.3g}", static_cast<double>(k.state.factor.millionths()) / multiplier::one),
                           k.gate_left > duration::zero() ? short_span(k.gate_left) : "-",
                           span_or_dash(k.key.oldest_open));
        if (k.why_closed == gate_reason::refusal)
            out += fmt::format("  the gate is closed after {} refusal{} in a row\n", k.refusals,
                               k.refusals == 1 ? "" : "s");
        else if (k.why_closed == gate_reason::hold)
            out += "  the gate is closed without a refusal of this key\n";
        for (const window_usage& w : k.state.windows) {
            if (k.windows_from == window_source::none) {
                any_unknown = true;
                out += fmt::format("  {:<18} {:>9} sent\n", "last " + detail::period_text(w.period), w.used);
                continue;
            }
            out += fmt::format("  {:<18} {:>9} of {:<9} {:>5.0f} %  {}\n", shortened(window_text(w), 18), w.used,
                               w.limit, std::floor(fill(w) * 100), bar(fill(w)));
        }
    }
    if (any_unknown)
        out += "note: the limits of some keys are not in the store; --rate-config shows them.\n";
    return out;
}

std::string to_json(std::string_view kind, std::span<const seen_key> keys) {
    std::string out = R"({"store":)";
    detail::append_json_text(out, kind);
    out += R"(,"keys":[)";
    const auto to = std::back_inserter(out);
    const auto number_or_null = [&](std::string_view name, std::optional<duration> d) {
        d ? fmt::format_to(to, R"(,"{}":{:.3f})", name, ms(*d)) : fmt::format_to(to, R"(,"{}":null)", name);
    };
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const seen_key& k = keys[i];
        out += i == 0 ? R"({"host":)" : R"(,{"host":)";
        detail::append_json_text(out, k.key.host);
        out += R"(,"role":)";
        detail::append_json_text(out, k.key.role);
        fmt::format_to(to, R"(,"windows_from":"{}","windows":[)",
                       k.windows_from == window_source::store           ? "store"
                       : k.windows_from == window_source::configuration ? "configuration"
                                                                        : "none");
        for (std::size_t w = 0; w < k.state.windows.size(); ++w) {
            const window_usage& u = k.state.windows[w];
            out += w == 0 ? "{" : ",{";
            if (k.windows_from == window_source::none)
                fmt::format_to(to, R"("limit":null,"period_ms":{:.6g},"used":{},"fill":null)", ms(u.period), u.used);
            else
                fmt::format_to(to, R"("limit":{},"period_ms":{:.17g},"used":{},"fill":{:.4f})", u.limit, ms(u.period),
                               u.used, fill(u));
            out += '}';
        }
        fmt::format_to(to, R"(],"open":{},"in_flight":{})", k.state.open, k.state.in_flight);
        k.key.max_concurrent > 0 ? fmt::format_to(to, R"(,"max_concurrent":{})", k.key.max_concurrent)
                                 : fmt::format_to(to, R"(,"max_concurrent":null)");
        fmt::format_to(to, R"(,"factor":{:.6f})", static_cast<double>(k.state.factor.millionths()) / multiplier::one);
        number_or_null("gate_ms", k.gate_left > duration::zero() ? std::optional{k.gate_left} : std::nullopt);
        out += k.why_closed == gate_reason::refusal ? R"(,"gate_reason":"refusal")"
               : k.why_closed == gate_reason::hold  ? R"(,"gate_reason":"hold")"
                                                    : R"(,"gate_reason":null)";
        fmt::format_to(to, R"(,"refusals":{})", k.refusals);
        number_or_null("oldest_open_ms", k.key.oldest_open);
        out += '}';
    }
    return out + "]}\n";
}

std::string to_table(std::span<const seen_holder> holders) {
    std::string out = fmt::format("{:<40} {:>10} {:>8} {:>8}  {}\n", "HOST", "PID", "AGE", "SILENT", "STATE");
    for (const seen_holder& h : holders)
        out += fmt::format("{:<40} {:>10} {:>8} {:>8}  {}\n", shortened(detail::printable(h.process.host), 40),
                           h.process.pid, short_span(h.age), short_span(h.silent), h.process.alive ? "alive" : "dead");
    return out;
}

std::string to_json(std::string_view kind, std::span<const seen_holder> holders) {
    std::string out = R"({"store":)";
    detail::append_json_text(out, kind);
    out += R"(,"holders":[)";
    for (std::size_t i = 0; i < holders.size(); ++i) {
        const seen_holder& h = holders[i];
        out += i == 0 ? R"({"host":)" : R"(,{"host":)";
        detail::append_json_text(out, h.process.host);
        fmt::format_to(std::back_inserter(out), R"(,"pid":{},"age_ms":{:.0f},"silent_ms":{:.0f},"alive":{}}})",
                       h.process.pid, ms(h.age), ms(h.silent), h.process.alive);
    }
    return out + "]}\n";
}

}  // namespace weir::tools
