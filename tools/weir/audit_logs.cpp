// SPDX-License-Identifier: MIT
#include "audit_logs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

class log_reader {
public:
    using sink = std::function<void(log_entry&&, std::size_t, const log_format&)>;

    log_reader(const log_sources& from, const sink& take) : from_(from), take_(take) {}

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

    lines_read finish() {
        if (out_.skipped > skips_told)
            fmt::print(stderr, "weir {}: and {} lines more that are left out\n", from_.program,
                       out_.skipped - skips_told);
        return std::move(out_);
    }

private:
    void read(const std::string& name, std::istream& in) {
        const log_format* format = nullptr;
        std::size_t timeline = 0;
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
                    timeline = timeline_of(name, *format);
                }
            }
            if (entry)
                take(std::move(*entry), timeline, *format);
            else
                skip(name, number, format);
        }
        if (in.bad())
            throw usage_error{fmt::format("{}: reading failed part way", name)};
        if (number > 1 && format == nullptr)
            throw usage_error{fmt::format("{}: not one of its lines is of a known format", name)};
    }

    std::size_t timeline_of(const std::string& name, const log_format& format) {
        const auto same =
            std::ranges::find_if(out_.timelines, [&](const log_timeline& t) { return t.format == &format; });
        if (format.own_clock || same == out_.timelines.end()) {
            out_.timelines.push_back({name, &format});
            return out_.timelines.size() - 1;
        }
        same->logs += ", " + name;
        return static_cast<std::size_t>(same - out_.timelines.begin());
    }

    void take(log_entry entry, std::size_t timeline, const log_format& format) {
        if (entry.what == log_entry::kind::neither) {
            ++out_.others;
            return;
        }
        if (format.access_log) {
            entry.host = plain_host(from_.host ? *from_.host : entry.host);
            if (from_.role || entry.role.empty())
                entry.role = from_.role.value_or("metadata");
        }
        take_(std::move(entry), timeline, format);
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
            fmt::print(stderr, "weir {}: left out: {}\n", from_.program, why);
    }

    const log_sources& from_;
    const sink& take_;
    lines_read out_;
};

}  // namespace

lines_read read_lines(const log_sources& from,
                      const std::function<void(log_entry&&, std::size_t, const log_format&)>& take) {
    log_reader reader{from, take};
    for (const std::string& log : from.logs)
        reader.read(log);
    return reader.finish();
}

audit_material read_logs(const log_sources& from) {
    std::vector<std::map<std::pair<std::string, std::string>, audit_requests>> keys;
    lines_read read = read_lines(from, [&](log_entry&& entry, std::size_t timeline, const log_format&) {
        keys.resize(std::max(keys.size(), timeline + 1));
        audit_requests& at = keys[timeline][{std::move(entry.host), std::move(entry.role)}];
        if (entry.status != 0)
            ++at.answers;
        if (entry.status == 429)
            ++at.refused;
        if (entry.what == log_entry::kind::answer)
            return;
        at.all.push_back(entry.at);
        if (entry.status != 429)
            at.admitted.push_back(entry.at);
    });
    keys.resize(read.timelines.size());
    audit_material out{.others = read.others, .skipped = read.skipped};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        for (auto& [key, at] : keys[i]) {
            std::ranges::sort(at.all);
            std::ranges::sort(at.admitted);
        }
        out.timelines.push_back({{std::move(read.timelines[i].logs), read.timelines[i].format}, std::move(keys[i])});
    }
    return out;
}

}  // namespace weir::tools
