// SPDX-License-Identifier: MIT
#include "report.hpp"

#include "weir/core/policy.hpp"
#include "weir/core/rate.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace download {

reporter::reporter(log_level min, bool with_bar) : min_(min) {
    const char* const terminal = std::getenv("TERM");
    has_bar_ = with_bar && min >= log_level::info && ::isatty(STDERR_FILENO) == 1 && terminal != nullptr &&
               std::string_view{terminal} != "dumb";
}

void reporter::say_locked(log_level level, std::string_view text) {
    if (level > min_)
        return;
    std::string out = drawn_ ? "\r\x1b[K" : "";
    if (level <= log_level::warning)
        out += level == log_level::error ? "error: " : "warning: ";
    // A server chooses parts of it: it must not reach the terminal's controls.
    for (const char c : text)
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    out += '\n';
    if (drawn_)
        out += bar();
    std::fwrite(out.data(), 1, out.size(), stderr);
}

std::string reporter::bar() const {
    constexpr std::size_t width = 24;
    const std::size_t over = tally_.fetched + tally_.skipped + tally_.failures.size();
    const std::size_t full = tally_.wanted == 0 ? 0 : std::min(over * width / tally_.wanted, width);
    const double seconds = std::max(elapsed().count(), 0.001);
    return fmt::format("[{}{}] {}/{} files  {}  {:.1f} files/s{}", std::string(full, '#'),
                       std::string(width - full, '.'), over, tally_.wanted, size_text(tally_.bytes),
                       static_cast<double>(tally_.fetched) / seconds,
                       tally_.failures.empty() ? "" : fmt::format("  {} failed", tally_.failures.size()));
}

void reporter::draw() {
    if (!has_bar_)
        return;
    const std::lock_guard guard{mutex_};
    fmt::print(stderr, "\r{}\x1b[K", bar());
    drawn_ = true;
}

void reporter::finish() {
    const std::lock_guard guard{mutex_};
    if (drawn_)
        fmt::print(stderr, "\r\x1b[K");
    drawn_ = has_bar_ = false;
}

std::string size_text(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 999.95 && unit + 1 < units.size(); ++unit)
        value /= 1000;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string summary(const tally& total, std::chrono::duration<double> elapsed, bool interrupted, bool dry_run) {
    std::string out =
        dry_run ? fmt::format("dry run: {} files would be fetched, {} are complete already, {} failures\n",
                              total.planned, total.skipped, total.failures.size())
                : fmt::format("{} files wanted: {} fetched, {} complete already, {} failed; {} in {:.1f} s{}\n",
                              total.wanted, total.fetched, total.skipped, total.failures.size(), size_text(total.bytes),
                              elapsed.count(), interrupted ? "; interrupted, run it again to go on" : "");
    for (const failure& f : total.failures)
        out += fmt::format("failed: {}: {}\n", f.what, f.why);
    return out;
}

namespace {

std::string ms_text(weir::duration d) {
    return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(d).count());
}

/// The window that came nearest to its limit: `10/10 per 1s`.
std::string worst_text(const traffic::key_record& r, const weir::policy& p) {
    std::string out = "no limit";
    double fullest = -1;
    for (const weir::rate& one : p.rates) {
        const std::size_t max = r.worst_window(one.period);
        const double share = static_cast<double>(max) / static_cast<double>(one.limit);
        if (share <= fullest)
            continue;
        fullest = share;
        const std::string text = to_string(one);
        out = fmt::format("{}/{} per {}", max, one.limit, text.substr(text.find('/') + 1));
    }
    return out;
}

}  // namespace

std::string table(const traffic& record, const weir::configuration& config) {
    using row = std::array<std::string, 9>;
    std::vector<row> rows{{"host", "role", "requests", "429s", "delay p50", "p95", "p99", "bytes", "worst window"}};
    for (const auto& [key, r] : record.snapshot()) {
        const auto policy = config.policy_for(key.host, key.role);
        rows.push_back({key.host, key.role, fmt::format("{}", r.starts.size()), fmt::format("{}", r.refused),
                        ms_text(r.delay(0.50)), ms_text(r.delay(0.95)), ms_text(r.delay(0.99)), size_text(r.bytes),
                        policy ? worst_text(r, *policy) : "no limit"});
    }
    std::array<std::size_t, 9> widths{};
    for (const row& cells : rows)
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], cells[i].size());
    std::string out;
    for (const row& cells : rows) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const bool text = i < 2 || i == 8;
            if (i == 8)
                out += cells[i];
            else
                out +=
                    text ? fmt::format("{:<{}}  ", cells[i], widths[i]) : fmt::format("{:>{}}  ", cells[i], widths[i]);
        }
        out += '\n';
    }
    return out;
}

}  // namespace download
