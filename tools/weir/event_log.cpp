// SPDX-License-Identifier: MIT
#include "event_log.hpp"

#include "log_time.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <utility>

namespace weir::tools {
namespace {

constexpr std::int64_t one_ms = 1'000'000;

bool has_text_member(const nlohmann::json& in, const char* name) { return in.contains(name) && in[name].is_string(); }

/// The kinds are numbered from zero, and the first number without a name is behind the last.
std::optional<event_type> kind_named(std::string_view name) {
    for (std::uint8_t i = 0;; ++i) {
        const std::string_view known = to_string(static_cast<event_type>(i));
        if (known == "?")
            return std::nullopt;
        if (known == name)
            return static_cast<event_type>(i);
    }
}

}  // namespace

event_role role_of(event_type t) noexcept {
    // Without a default: a new kind of event is an error of the compiler here, and has to be placed.
    switch (t) {
    case event_type::acquire:
    case event_type::shadow:
        return event_role::request;
    case event_type::response:
        return event_role::answer;
    case event_type::block:
    case event_type::cancel:
        return event_role::refusal;
    case event_type::head_skip:
        return event_role::free;
    case event_type::gate:
    case event_type::reload:
    case event_type::store:
    case event_type::tune:
    case event_type::history_lost:
    case event_type::store_warning:
    case event_type::feedback:
    case event_type::holder_died:
        return event_role::other;
    }
    return event_role::other;
}

std::optional<logged_event> parse_event_line(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !has_text_member(json, "timestamp") || !has_text_member(json, "event_type"))
        return {};
    const auto kind = kind_named(json["event_type"].get_ref<const std::string&>());
    if (!kind)
        return {};
    logged_event out{.type = *kind};
    front_reader text{json["timestamp"].get_ref<const std::string&>()};
    out.at = text.iso_date();
    text.literal(".");
    out.at += text.digits(3) * one_ms;
    text.literal("Z");
    if (!text.at_end())
        return {};
    if (role_of(*kind) == event_role::other)
        return out;
    if (!has_text_member(json, "host") || !has_text_member(json, "role"))
        return {};
    out.host = json["host"].get<std::string>();
    out.role = json["role"].get<std::string>();
    if (const auto waited = json.find("delay_ms"); waited != json.end() && waited->is_number()) {
        const double ms = waited->get<double>();
        if (!(ms >= 0 && ms < 3.2e12))
            return {};
        out.waited = duration{std::llround(ms * 1e6)};
    }
    if (out.type == event_type::response) {
        if (!json.contains("status") || !json["status"].is_number_integer())
            return {};
        out.status = json["status"].get<int>();
    }
    return out;
}

void request_collector::take(logged_event e) {
    const event_role what = role_of(e.type);
    if (what == event_role::other)
        return;
    if (what != event_role::answer) {
        if (what != event_role::refusal)
            open_[{e.host, e.role}].push_back(out_.all.size());
        out_.all.push_back(
            {e.type, e.at - e.waited.count(), e.waited, std::move(e.host), std::move(e.role), std::nullopt, 0});
        return;
    }
    out_.has_answers = true;
    std::deque<std::size_t>& open = open_[{e.host, e.role}];
    if (open.empty())
        return;
    logged_request& of = out_.all[open.front()];
    open.pop_front();
    of.took = duration{std::max<std::int64_t>(0, e.at - of.wished - of.waited.count())};
    of.status = e.status;
}

logged_requests request_collector::finish() {
    std::map<std::pair<std::string, std::string>, std::vector<duration>> took;
    for (const logged_request& r : out_.all)
        if (r.took)
            took[{r.host, r.role}].push_back(*r.took);
    for (auto& [key, all] : took) {
        const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
        std::nth_element(all.begin(), middle, all.end());
        all.front() = *middle;
    }
    for (logged_request& r : out_.all)
        if (const auto known = took.find({r.host, r.role}); !r.took && known != took.end())
            r.took = known->second.front();
    std::multimap<std::int64_t, logged_request> by_wish;  // equal ones stay in the order of the log
    for (logged_request& r : out_.all)
        by_wish.emplace(r.wished, std::move(r));
    out_.all.clear();
    for (auto& [wished, r] : by_wish)
        out_.all.push_back(std::move(r));
    return std::move(out_);
}

std::optional<std::string> read_event_log(std::string_view first, std::istream& in, std::size_t& number,
                                          logged_requests& out) {
    request_collector requests;
    std::string line{first};
    do {
        if (line.ends_with('\r'))
            line.pop_back();
        if (line.find_first_not_of(" \t") != std::string::npos) {
            auto event = parse_event_line(line);
            if (!event)
                return "the lines before are of an event log, and it is not: it needs timestamp, event_type, and a key";
            requests.take(std::move(*event));
        }
        ++number;
    } while (std::getline(in, line));
    out = requests.finish();
    return std::nullopt;
}

}  // namespace weir::tools
