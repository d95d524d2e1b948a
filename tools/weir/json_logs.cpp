// SPDX-License-Identifier: MIT
#include "event_log.hpp"
#include "log_format.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The two logs that programs around weir write, read by what their documentation says and not by the code that writes
// them.

namespace weir::tools {
namespace {

bool has_string(const nlohmann::json& in, const char* name) { return in.contains(name) && in[name].is_string(); }
bool has_whole(const nlohmann::json& in, const char* name) { return in.contains(name) && in[name].is_number_integer(); }

std::optional<log_entry> read_arrival(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !has_whole(json, "t_ns") || !has_whole(json, "status") || !has_string(json, "host") ||
        !has_string(json, "role"))
        return {};
    // A century and more; times beyond it could not be subtracted.
    if (!(json["t_ns"] >= 0 && json["t_ns"] <= 4'000'000'000'000'000'000))
        return {};
    return log_entry{.what = log_entry::kind::request,
                     .at = json["t_ns"].get<std::int64_t>(),
                     .host = json["host"].get<std::string>(),
                     .role = json["role"].get<std::string>(),
                     .status = json["status"].get<int>()};
}

std::optional<log_entry> read_event(std::string_view line) {
    auto event = parse_event_line(line);
    if (!event)
        return {};
    const event_role what = role_of(event->type);
    log_entry out{.at = event->at, .host = std::move(event->host), .role = std::move(event->role)};
    if (what == event_role::request)
        out.what = log_entry::kind::request;
    if (what == event_role::answer) {
        out.what = log_entry::kind::answer;
        out.status = event->status;
    }
    return out;
}

}  // namespace

std::vector<log_format> json_log_formats() {
    return {{.family = "events",
             .text = R"({"timestamp":"2026-11-28T09:07:29.123Z","event_type":"acquire","host":H,"role":R,...})",
             .read = read_event,
             .blur = one_millisecond - 1,
             .stamped = log_format::stamp::admission},
            {.family = "origin",
             .text = "a JSON object with t_ns, host, role and status",
             .read = read_arrival,
             .own_clock = true}};
}

}  // namespace weir::tools
