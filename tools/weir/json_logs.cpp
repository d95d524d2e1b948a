// SPDX-License-Identifier: MIT
#include "log_format.hpp"
#include "log_time.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The two logs that programs around weir write, read by what their documentation says and not by the code that writes
// them.

namespace weir::tools {
namespace {

bool has_text(const nlohmann::json& in, const char* name) { return in.contains(name) && in[name].is_string(); }
bool has_whole(const nlohmann::json& in, const char* name) { return in.contains(name) && in[name].is_number_integer(); }

std::optional<log_entry> read_arrival(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !has_whole(json, "t_ns") || !has_whole(json, "status") || !has_text(json, "host") ||
        !has_text(json, "role"))
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
    // A kind that is not known yet might be one more way to send a request, so it is not passed over.
    static constexpr std::array<std::string_view, 8> others{"block",  "cancel", "head_skip",    "gate",
                                                            "reload", "store",  "history_lost", "store_warning"};
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !has_text(json, "timestamp") || !has_text(json, "event_type"))
        return {};
    front_reader text{json["timestamp"].get_ref<const std::string&>()};
    log_entry out{.at = text.iso_date()};
    text.literal(".");
    out.at += text.digits(3) * one_millisecond;
    text.literal("Z");
    if (!text.at_end())
        return {};
    const auto& event = json["event_type"].get_ref<const std::string&>();
    if (std::ranges::find(others, event) != others.end())
        return out;
    if (!has_text(json, "host") || !has_text(json, "role"))
        return {};
    out.host = json["host"].get<std::string>();
    out.role = json["role"].get<std::string>();
    if (event == "acquire" || event == "shadow") {
        out.what = log_entry::kind::request;
        return out;
    }
    if (event != "response" || !has_whole(json, "status"))
        return {};
    out.what = log_entry::kind::answer;
    out.status = json["status"].get<int>();
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
