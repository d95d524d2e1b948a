// SPDX-License-Identifier: MIT
#include "replay.hpp"

#include "event_log.hpp"
#include "rate_flags.hpp"
#include "replay_store.hpp"
#include "spans.hpp"
#include "stores.hpp"
#include "trace.hpp"

#include "weir/core/detail/json_text.hpp"
#include "weir/http/response_feedback.hpp"
#include "weir/observe/json_lines.hpp"
#include "weir/registry/open_store.hpp"
#include "weir/testing/manual_clock.hpp"
#include "weir/weir.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <istream>
#include <iterator>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::tools {
namespace {

/// Lines of output, written in large pieces.
class output {
public:
    ~output() { flush(); }
    std::string& line() {
        if (text_.size() > 60'000)
            flush();
        return text_;
    }
    void flush() {
        std::fwrite(text_.data(), 1, text_.size(), stdout);
        std::fflush(stdout);
        text_.clear();
    }

private:
    std::string text_;
};

/// Milliseconds, with a fraction only where there is one.
void put_ms(std::string& out, duration span) {
    const std::int64_t ns = span.count();
    fmt::format_to(std::back_inserter(out), "{}", ns / 1'000'000);
    if (const std::int64_t rest = ns % 1'000'000; rest != 0) {
        std::string digits = fmt::format("{:06}", rest);
        digits.erase(digits.find_last_not_of('0') + 1);
        fmt::format_to(std::back_inserter(out), ".{}", digits);
    }
}

/// Prints what answers say about limits, if that is wanted.
class feedback_lines {
public:
    explicit feedback_lines(output* out) noexcept : out_(out) {}  // null = not wanted

    [[nodiscard]] bool is_listening() const noexcept { return out_ != nullptr; }
    void on_event(const event& e) const {
        if (e.type != event_type::feedback)
            return;
        std::string& out = out_->line();
        out.append(R"({"t":)");
        put_ms(out, e.at.time_since_epoch());
        out.append(R"(,"event":"feedback","host":)");
        detail::append_json_text(out, e.host);
        out.append(R"(,"role":)");
        detail::append_json_text(out, e.role);
        fmt::format_to(std::back_inserter(out), R"(,"status":{})", e.status);
        put_texts(out, "used", e.used);
        put_texts(out, "dropped", e.dropped);
        if (e.verdict.retry_at > e.at) {
            out.append(R"(,"retry_at_ms":)");
            put_ms(out, e.verdict.retry_at.time_since_epoch());
        }
        if (!e.text.empty()) {
            out.append(R"(,"warning":)");
            detail::append_json_text(out, e.text);
        }
        out.append("}\n");
    }

private:
    static void put_texts(std::string& out, std::string_view name, std::span<const std::string> texts) {
        fmt::format_to(std::back_inserter(out), R"(,"{}":[)", name);
        for (const std::string& text : texts) {
            if (&text != texts.data())
                out += ',';
            detail::append_json_text(out, text);
        }
        out += ']';
    }

    output* out_;
};

using limits_t = registry<replay_store, feedback_lines>;

/// A trace being replayed.
class replayer {
public:
    replayer(configuration c, const rate_flags& flags, bool shows_feedback, output& out)
        : flags_(flags), out_(out), store_(clock_, opened(c.backend()), exact_until(c.backend())),
          limits_(store_, std::move(c), feedback_lines{shows_feedback ? &out : nullptr}, {flags.idna}) {}

    /// Moves the clock to the line's time, serving everybody whose time comes before or then, and carries the line out.
    ///
    /// **Errors.** A sentence, for a line that makes no sense here.
    [[nodiscard]] std::optional<std::string> apply(trace_line& line) {
        auto fault = carry_out(line);
        return trouble().empty() ? fault : trouble();
    }

    /// A request of an event log: its answer comes as long after its admission as the log has it, and one without
    /// an answer there ends with its admission.
    [[nodiscard]] std::optional<std::string> apply(const logged_request& r, std::int64_t zero, std::size_t number) {
        trace_line line;
        line.t = instant{duration{r.wished - zero}};
        line.id = fmt::format("{}", number);
        line.host = r.host;
        line.role = r.role;
        if (r.type == event_type::head_skip)
            line.method = "HEAD";
        advance(line.t);
        if (auto fault = acquire(line, planned_end{r.took.value_or(duration{}), r.status}))
            return fault;
        if (r.type == event_type::cancel)
            ends_.push({line.t + r.waited, flights_[line.id].get(), true});
        return trouble().empty() ? std::nullopt : std::optional{trouble()};
    }

    /// Lets the clock run until no one waits.
    void finish() { advance(far_future - duration{1}); }

    /// Why the store failed; empty while it has not.
    [[nodiscard]] const std::string& trouble() const noexcept { return store_.trouble(); }

private:
    /// How a request of an event log ends once it is admitted.
    struct planned_end {
        duration after;
        int status;
    };
    struct flight;
    struct planned {
        instant at;
        flight* of;
        bool is_cancel;
        [[nodiscard]] bool operator<(const planned& o) const noexcept { return at > o.at; }
    };
    struct flight {
        explicit flight(replayer& r) : ticket([this, &r](limits_t::ticket& t) { r.completed(*this, t); }) {}
        std::string id;
        instant submitted{};
        std::optional<planned_end> plan;
        limits_t::permit permit;
        limits_t::ticket ticket;
    };

    /// Memory is what a replay has anyway.
    static std::optional<any_store> opened(const backend_options& wanted) {
        if (wanted.kind == "memory")
            return std::nullopt;
        return open_store(wanted, built_in(), store_time::injected).value();
    }
    /// Redis counts in doubles: whole nanoseconds of 104 days.
    static instant exact_until(const backend_options& wanted) {
        return wanted.kind == "redis" ? instant{std::chrono::hours{24 * 104}} : far_future;
    }

    [[nodiscard]] std::optional<std::string> carry_out(trace_line& line) {
        if (line.t < clock_.now())
            return fmt::format("t goes back; the line before was at {} ms", ms(clock_.now()));
        advance(line.t);
        switch (line.op) {
        case operation::acquire:
            return acquire(line);
        case operation::reload:
            return reload(line);
        case operation::end:
            return std::nullopt;
        default:
            break;
        }
        const auto at = flights_.find(line.id);
        if (at == flights_.end())
            return fmt::format("no acquire before this has the id {}", detail::in_quotes(line.id));
        flight& f = *at->second;
        if (line.op == operation::cancel) {
            f.ticket.cancel(line.t);
        } else if (f.permit) {
            if (line.op == operation::arrived)
                f.permit.arrived(heard(line).said(), line.t);
            else if (line.op == operation::refund)
                f.permit.refund(line.t);
            else
                end(f, line);
        }
        // What a trace tells of a request that was not granted here, because other limits are tried on it, has no
        // effect.
        return std::nullopt;
    }

    /// The end of the body, or of a request without an answer.
    static void end(flight& f, const trace_line& line) {
        if (line.op == operation::release)
            f.permit.arrived({}, line.t);
        f.permit.release(line.t);
    }

    static std::string ms(instant at) {
        std::string out;
        put_ms(out, at.time_since_epoch());
        return out;
    }

    void advance(instant to) {
        for (;;) {
            const instant due = limits_.next_wake();
            const instant end = ends_.empty() ? far_future : ends_.top().at;
            if (std::min(due, end) > to || std::min(due, end) == far_future)
                break;
            clock_.set(std::min(due, end));
            if (due <= end) {
                limits_.poll(due);
                continue;
            }
            const planned what = ends_.top();
            ends_.pop();
            finish_planned(*what.of, what.is_cancel, end);
        }
        if (to < far_future - duration{1})
            clock_.set(to);
    }

    void finish_planned(flight& f, bool is_cancel, instant now) {
        if (is_cancel) {
            f.ticket.cancel(now);
            return;
        }
        f.permit.arrived(http::response_feedback{f.plan->status, {}, calendar_time(now)}.said(), now);
        f.permit.release(now);
    }

    [[nodiscard]] std::optional<std::string> acquire(trace_line& line, std::optional<planned_end> plan = {}) {
        auto& slot = flights_[line.id];
        if (slot != nullptr && (!slot->ticket.done() || slot->permit))
            return fmt::format("the id {} is still in use", detail::in_quotes(line.id));
        slot = std::make_unique<flight>(*this);
        slot->id = line.id;
        slot->submitted = line.t;
        slot->plan = plan;
        try {
            limits_.submit(slot->ticket, line.host, line.role, {line.cost, line.method, line.max_delay, {}}, line.t);
        } catch (const exception& e) {
            flights_.erase(line.id);
            return e.what();
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<std::string> reload(const trace_line& line) {
        std::string fault;
        if (const auto fresh = flags_.with_file(line.config); !fresh)
            fault = fresh.fault_text();
        else if (const auto done = limits_.reload(*fresh, line.t); !done)
            fault = done.error().message;
        fault.erase(fault.find_last_not_of('\n') + 1);
        auto& out = begin(line.t);
        out.append(R"(,"event":"reload","ok":)");
        out.append(fault.empty() ? "true" : "false");
        if (!fault.empty()) {
            out.append(R"(,"error":)");
            detail::append_json_text(out, fault);
        }
        out.append("}\n");
        return std::nullopt;
    }

    /// A trace has no calendar of its own: t = 0 is the Unix epoch where a date has to be measured without the
    /// response's `Date`.
    static http::response_feedback heard(const trace_line& line) {
        return {line.status, line.headers, calendar_time(line.t)};
    }

    std::string& begin(instant at) {
        auto& out = out_.line();
        out.append(R"({"t":)");
        put_ms(out, at.time_since_epoch());
        return out;
    }

    void completed(flight& f, limits_t::ticket& t) {
        if (!trouble().empty())
            return;
        const decision& d = t.decision();
        auto& out = begin(f.submitted + d.waited);
        out.append(R"(,"id":)");
        detail::append_json_text(out, f.id);
        if (d.outcome == outcome::granted) {
            f.permit = t.take();
            if (f.plan)
                ends_.push({f.submitted + d.waited + f.plan->after, &f, false});
            out.append(R"(,"event":"granted")");
        } else if (d.outcome == outcome::cancelled) {
            out.append(R"(,"event":"cancelled")");
        } else {
            out.append(R"(,"event":"denied","cause":")");
            out.append(to_string(d.cause));
            out.append(R"(")");
            if (d.limit) {
                out.append(R"(,"limit":)");
                detail::append_json_text(out, to_string(*d.limit));
            }
            out.append(R"(,"retry_at_ms":)");
            if (d.outcome == outcome::never)
                out.append("null");
            else
                put_ms(out, d.retry_at.time_since_epoch());
        }
        out.append(R"(,"waited_ms":)");
        put_ms(out, d.waited);
        out.append("}\n");
    }

    const rate_flags& flags_;
    output& out_;
    testing::manual_clock clock_;
    replay_store store_;  // a copy of the one in the registry
    limits_t limits_;
    std::unordered_map<std::string, std::unique_ptr<flight>> flights_;
    std::priority_queue<planned> ends_;
};

/// "2026-11-28T09:07:29.123Z"
std::string utc(std::int64_t ns) {
    std::string out;
    detail::append_utc(out,
                       std::chrono::floor<std::chrono::milliseconds>(std::chrono::sys_time<duration>{duration{ns}}));
    return out;
}

/// Replays an event log, whose answers have no fields.
std::optional<std::string> replay_events(std::string_view first, std::istream& in, std::size_t& number,
                                         replayer& replay) {
    logged_requests read;
    if (auto fault = read_event_log(first, in, number, read))
        return fault;
    if (read.all.empty())
        return std::nullopt;
    const std::int64_t zero = read.all.front().wished;
    fmt::print(stderr, "weir replay: an event log: t = 0 is {}{}\n", utc(zero),
               read.has_answers ? "" : "; it has no answers, so each request ends with its admission");
    for (std::size_t i = 0; i < read.all.size(); ++i)
        if (auto fault = replay.apply(read.all[i], zero, i + 1))
            return fmt::format("request {} of the log: {}", i + 1, *fault);
    return std::nullopt;
}

int run(std::istream& in, std::string_view name, const rate_flags& flags, bool shows_feedback, configuration c) {
    output out;
    replayer replay{std::move(c), flags, shows_feedback, out};
    trace_line line;
    std::string text;
    bool is_first = true;
    for (std::size_t number = 1; std::getline(in, text); ++number) {
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        if (text.find_first_not_of(" \t") == std::string::npos)
            continue;
        std::optional<std::string> fault;
        if (is_first && parse_event_line(text))
            fault = replay_events(text, in, number, replay);
        else if (fault = parse_trace_line(text, line); !fault)
            fault = replay.apply(line);
        is_first = false;
        if (fault) {
            out.flush();
            fmt::print(stderr, "weir replay: {}:{}: {}\n", name, number, *fault);
            return 1;
        }
    }
    if (in.bad()) {
        fmt::print(stderr, "weir replay: {}: cannot be read to its end: {}\n", name, std::strerror(errno));
        return 1;
    }
    replay.finish();
    if (!replay.trouble().empty()) {
        out.flush();
        fmt::print(stderr, "weir replay: {}\n", replay.trouble());
        return 1;
    }
    return 0;
}

}  // namespace

int replay(std::span<const char* const> args) {
    const rate_flags flags{args};
    auto rest = flags.rest();
    const bool shows_feedback = std::erase(rest, "--feedback") > 0;
    constexpr std::string_view usage =
        "usage: weir replay [rate flags] [--feedback] FILE|-\n\n"
        "--feedback  also print what answers say about limits, and what of it is ignored\n\n";
    if (rest.size() == 1 && (rest[0] == "--help" || rest[0] == "-h")) {
        fmt::print("{}{}", usage, rate_flags::help());
        return 0;
    }
    const auto read = flags.resolved();
    if (!read.explanation.empty()) {
        fmt::print("{}", read.explanation);
        return 0;
    }
    if (rest.size() != 1 || (rest[0].size() > 1 && rest[0][0] == '-')) {
        fmt::print(stderr, "{}{}", usage, rate_flags::help());
        return 2;
    }
    const resolution config = with_store(read, built_in());
    if (!config) {
        fmt::print(stderr, "{}", config.fault_text());
        return 1;
    }
    std::ios::sync_with_stdio(false);
    if (rest[0] == "-")
        return run(std::cin, "standard input", flags, shows_feedback, *config);
    std::ifstream file{rest[0]};
    if (!file) {
        fmt::print(stderr, "weir replay: {}: {}; name a trace, or - for standard input\n", rest[0],
                   std::strerror(errno));
        return 1;
    }
    return run(file, rest[0], flags, shows_feedback, *config);
}

}  // namespace weir::tools
