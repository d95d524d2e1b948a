// SPDX-License-Identifier: MIT
#include "audit_logs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::tools {
namespace {

constexpr std::size_t skips_told = 10;

/// Clients may spell one host in several ways, which must not divide its requests.
std::string plain_host(std::string_view text) {
    for (const std::string_view port : {":80", ":443"})
        if (text.ends_with(port))
            text.remove_suffix(port.size());
    if (text.ends_with('.'))
        text.remove_suffix(1);
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out.empty() ? "-" : out;
}

class audit_reader {
public:
    explicit audit_reader(const audit_sources& from) : from_(from) {}

    void read(const std::string& path) {
        if (path == "-") {
            read("standard input", std::cin);
            return;
        }
        std::ifstream file{path};
        if (!file)
            throw usage_error{fmt::format("{}: the log cannot be opened; check the path", path)};
        read(path, file);
    }

    audit_material finish() {
        for (audit_timeline& timeline : out_.timelines) {
            for (auto& [key, at] : timeline.keys) {
                std::ranges::sort(at.all);
                std::ranges::sort(at.admitted);
            }
        }
        if (out_.skipped > skips_told)
            fmt::print(stderr, "weir audit: and {} lines more that are left out\n", out_.skipped - skips_told);
        return std::move(out_);
    }

private:
    void read(const std::string& name, std::istream& in) {
        const log_format* format = nullptr;
        audit_timeline* timeline = nullptr;
        std::string line;
        std::size_t number = 1;
        for (; std::getline(in, line); ++number) {
            if (line.ends_with('\r'))
                line.pop_back();
            std::optional<log_entry> entry;
            for (auto f = from_.formats.begin(); f != from_.formats.end() && !entry; ++f) {
                if (format != nullptr && format != &*f)
                    continue;
                entry = f->read(line);
                if (entry && format == nullptr) {
                    format = &*f;
                    timeline = &timeline_of(name, *format);
                }
            }
            if (entry)
                take(std::move(*entry), *timeline);
            else
                skip(name, number, format);
        }
        if (in.bad())
            throw usage_error{fmt::format("{}: reading failed part way", name)};
        if (number > 1 && format == nullptr)
            throw usage_error{fmt::format("{}: not one of its lines is of a known format", name)};
    }

    audit_timeline& timeline_of(const std::string& name, const log_format& format) {
        const auto same =
            std::ranges::find_if(out_.timelines, [&](const audit_timeline& t) { return t.format == &format; });
        if (format.own_clock || same == out_.timelines.end())
            return out_.timelines.emplace_back(audit_timeline{name, &format, {}});
        same->logs += ", " + name;
        return *same;
    }

    void take(log_entry entry, audit_timeline& into) {
        if (entry.what == log_entry::kind::neither) {
            ++out_.others;
            return;
        }
        if (into.format->access_log) {
            entry.host = plain_host(from_.host ? *from_.host : entry.host);
            if (from_.role || entry.role.empty())
                entry.role = from_.role.value_or("metadata");
        }
        audit_requests& at = into.keys[{std::move(entry.host), std::move(entry.role)}];
        if (entry.status != 0)
            ++at.answers;
        if (entry.status == 429)
            ++at.refused;
        if (entry.what == log_entry::kind::answer)
            return;
        at.all.push_back(entry.at);
        if (entry.status != 429)
            at.admitted.push_back(entry.at);
    }

    void skip(const std::string& name, std::size_t number, const log_format* format) {
        ++out_.skipped;
        std::string why = "it is of none of the formats that --help lists";
        if (format != nullptr)
            why = fmt::format("the lines before are of the format {}, and it is not: {}", format->family, format->text);
        else if (from_.formats.size() == 1)
            why = fmt::format("it is not of the format {}: {}", from_.formats[0].family, from_.formats[0].text);
        why = fmt::format("{}:{}: {}", name, number, why);
        if (out_.skipped > from_.skip_lines)
            throw usage_error{from_.skip_lines == 0
                                  ? why
                                  : fmt::format("{}; more lines than --skip-lines {}", why, from_.skip_lines)};
        if (out_.skipped <= skips_told)
            fmt::print(stderr, "weir audit: left out: {}\n", why);
    }

    const audit_sources& from_;
    audit_material out_;
};

}  // namespace

audit_material read_logs(const audit_sources& from) {
    audit_reader reader{from};
    for (const std::string& log : from.logs)
        reader.read(log);
    return reader.finish();
}

}  // namespace weir::tools
