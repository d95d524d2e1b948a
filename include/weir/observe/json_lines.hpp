// SPDX-License-Identifier: MIT
#pragma once

#include "weir/observe/observer.hpp"

#include "weir/core/decision.hpp"
#include "weir/core/detail/json_text.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

namespace detail {

/// Appends `2025-10-21T15:30:45.123Z`, rounded down. A year after 9999 has more digits.
inline void append_utc(std::string& out, std::chrono::sys_time<std::chrono::milliseconds> at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::int64_t ms = (at - day).count();
    fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), ms / 3'600'000,
                   ms / 60'000 % 60, ms / 1'000 % 60, ms % 1'000);
}

/// Appends a span in milliseconds with up to three decimals: `45`, `0.5`, `12.345`.
inline void append_ms(std::string& out, duration span) {
    const std::int64_t us = span.count() / 1'000;
    std::string text = fmt::format("{}.{:03}", us / 1'000, us % 1'000);
    while (text.back() == '0')
        text.pop_back();
    if (text.back() == '.')
        text.pop_back();
    out += text;
}

}  // namespace detail

/// An observer that writes one line of JSON for each event:
///
/// ```
/// {"timestamp":"2025-10-21T15:30:45.123Z","stage":"rate-limiter","event_type":"acquire","host":"api.crossref.org",
///  "role":"metadata","delay_ms":45,"policy_max_delay_ms":200,"acquired":true}
/// ```
///
/// A denial also has `cause`, `limit` (the full rate) and `retry_at`. So has `shadow`, although its request was
/// acquired. A response has its `status`, a gate its `retry_at`. `tune` has `before`, `after`, `reason`, `answers` and
/// `refusals`. `feedback` has the texts `used` and `dropped`, `retry_at` if requests wait, and `warning` if a time is
/// suspicious. `history_lost` and `store_warning` have `text`; `holder_died` also has `holder`, `holder_host`, `pid`
/// and `entries`. A reload has `ok`, and `error` if it was refused. `policy_max_delay_ms` is the longest time that this
/// caller would have waited. Times are UTC.
///
/// **Thread safety.** All members; lines never mix. **Lifetime.** Copies share one sink and one lock; the file or
/// stream must outlive them. **Errors.** The registry ignores what a stream or a callback throws.
class json_lines {
public:
    /// Which events make a line.
    enum class level : std::uint8_t {
        trouble,    ///< all events except those below
        decisions,  ///< those of `trouble`, and acquire and head_skip
        all,        ///< those of `decisions`, and response
    };
    using wall_time = std::chrono::system_clock::time_point;

    struct options {
        /// The least important events that make a line.
        level min = level::decisions;
        /// The wall clock for `timestamp` and `retry_at`; empty = the system's.
        std::function<wall_time()> wall_clock{};
    };

    /// Writes each line, including its line end, by one call of `sink`. There is only one call at a time.
    explicit json_lines(std::function<void(std::string_view line)> sink, options o = default_options())
        : shared_(std::make_shared<shared>(std::move(sink), std::move(o))) {}
    /// Writes to a C file and flushes each line. A failed write is ignored, because an observer must not end a
    /// download.
    explicit json_lines(std::FILE* file, options o = default_options())
        : json_lines(
              [file](std::string_view line) {
                  std::fwrite(line.data(), 1, line.size(), file);
                  std::fflush(file);
              },
              std::move(o)) {}
    /// Writes to a stream and flushes each line.
    explicit json_lines(std::ostream& stream, options o = default_options())
        : json_lines(
              [&stream](std::string_view line) {
                  stream.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
              },
              std::move(o)) {}

    /// Writes one event, if its level is selected.
    void on_event(const event& e) {
        if (level_of(e.type) > shared_->chosen.min)
            return;
        const auto now = shared_->chosen.wall_clock ? shared_->chosen.wall_clock() : std::chrono::system_clock::now();
        const std::string text = line(e, now);
        const std::lock_guard guard{shared_->mutex};
        shared_->sink(text);
    }

    /// The line of an event seen at `now`. Its `retry_at` is an instant on the store's timeline. It becomes a wall time
    /// by its distance from the event.
    [[nodiscard]] static std::string line(const event& e, wall_time now) {
        const auto ms = std::chrono::floor<std::chrono::milliseconds>(now);
        std::string out = R"({"timestamp":")";
        detail::append_utc(out, ms);
        out.append(R"(","stage":"rate-limiter","event_type":")").append(to_string(e.type)).append("\"");
        if (e.type == event_type::reload) {
            out.append(e.text.empty() ? R"(,"ok":true)" : R"(,"ok":false,"error":)");
            if (!e.text.empty())
                detail::append_json_text(out, e.text);
            return out.append("}\n");
        }
        out.append(R"(,"host":)");
        detail::append_json_text(out, e.host);
        out.append(R"(,"role":)");
        detail::append_json_text(out, e.role);
        if (e.type == event_type::history_lost || e.type == event_type::store_warning) {
            out.append(R"(,"text":)");
            detail::append_json_text(out, e.text);
            return out.append("}\n");
        }
        if (e.type == event_type::feedback)
            return append_feedback(std::move(out), e, ms);
        if (e.type == event_type::holder_died) {
            out.append(fmt::format(R"(,"holder":{},"holder_host":)", e.holder));
            detail::append_json_text(out, e.holder_host);
            out.append(fmt::format(R"(,"pid":{},"entries":{},"text":)", e.holder_pid, e.holder_entries));
            detail::append_json_text(out, e.text);
            return out.append("}\n");
        }
        if (e.type == event_type::response)
            return out.append(fmt::format(",\"status\":{}}}\n", e.status));
        if (e.type == event_type::tune)
            return out.append(fmt::format(R"(,"before":{},"after":{},"reason":"{}","answers":{},"refusals":{}}})"
                                          "\n",
                                          e.before.value(), e.after.value(), e.text, e.answers, e.refusals));
        if (e.type != event_type::gate)
            append_verdict(out, e);
        const bool never = e.verdict.cause == cause::never;
        const bool admitted = e.verdict.granted() && e.type != event_type::shadow;
        if (e.type == event_type::gate || (!admitted && !never))
            append_retry_at(out, e, ms);
        return out.append("}\n");
    }

private:
    struct shared {
        shared(std::function<void(std::string_view)> s, options o) : sink(std::move(s)), chosen(std::move(o)) {}
        std::mutex mutex;
        std::function<void(std::string_view)> sink;
        const options chosen;
    };

    // A default argument cannot use the initialisers of a nested aggregate inside its class; a function can.
    static options default_options() { return {}; }

    static constexpr level level_of(event_type t) noexcept {
        if (t == event_type::response)
            return level::all;
        return t == event_type::acquire || t == event_type::head_skip ? level::decisions : level::trouble;
    }

    static std::string append_feedback(std::string out, const event& e,
                                       std::chrono::sys_time<std::chrono::milliseconds> now) {
        out.append(fmt::format(R"(,"status":{})", e.status));
        append_texts(out, "used", e.used);
        append_texts(out, "dropped", e.dropped);
        if (e.verdict.retry_at > e.at)
            append_retry_at(out, e, now);
        if (!e.text.empty()) {
            out.append(R"(,"warning":)");
            detail::append_json_text(out, e.text);
        }
        return out.append("}\n");
    }
    static void append_texts(std::string& out, std::string_view name, std::span<const std::string> texts) {
        out.append(",\"").append(name).append("\":[");
        for (const std::string& text : texts) {
            if (&text != texts.data())
                out += ',';
            detail::append_json_text(out, text);
        }
        out += ']';
    }
    static void append_verdict(std::string& out, const event& e) {
        out.append(R"(,"delay_ms":)");
        detail::append_ms(out, e.verdict.waited);
        out.append(R"(,"policy_max_delay_ms":)");
        detail::append_ms(out, e.max_delay);
        out.append(e.verdict.granted() ? R"(,"acquired":true)" : R"(,"acquired":false)");
        if (e.verdict.cause != cause::none)
            out.append(R"(,"cause":")").append(to_string(e.verdict.cause)).append("\"");
        if (e.verdict.limit)
            out.append(R"(,"limit":")").append(to_string(*e.verdict.limit)).append("\"");
    }

    static void append_retry_at(std::string& out, const event& e,
                                std::chrono::sys_time<std::chrono::milliseconds> now) {
        out.append(R"(,"retry_at":)");
        if (e.verdict.retry_at >= far_future) {
            out.append("null");  // only a change can make room, so there is no time
            return;
        }
        // Rounded up, so that a caller that comes back at the printed millisecond is not early. In ms, because then
        // every span fits into 64 bits.
        const auto ahead = std::chrono::ceil<std::chrono::milliseconds>(e.verdict.retry_at - e.at);
        out += '"';
        detail::append_utc(out, now + ahead);
        out += '"';
    }

    std::shared_ptr<shared> shared_;
};

static_assert(observer<json_lines>);

}  // namespace weir
