// SPDX-License-Identifier: MIT
#include "check.hpp"

#include "rate_flags.hpp"

#include "weir/config/layer.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/detail/json_text.hpp"
#include "weir/core/text.hpp"
#include "weir/ext/yaml/yaml.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>

namespace weir::tools {
namespace {

constexpr std::string_view check_usage =
    "usage: weir check [--json] FILE...\n\n"
    "Each file is checked by itself; several that build on each other are checked by\n"
    "weir explain --rate-config FILE --rate-config FILE.\n";

/// What is said of files, as lines or as one JSON array.
class verdicts {
public:
    explicit verdicts(bool json) : json_(json), text_(json ? "[" : "") {}

    void add(const fault& f, std::string_view severity) {
        if (json_)
            add_object(f, severity);
        else
            text_ += detail::printable(fmt::format("{}: {}: {}{}{}", f.at.text(), severity, f.path,
                                                   f.path.empty() ? "" : ": ", f.message)) +
                     "\n";
    }
    void add_good(std::string_view file) {
        if (!json_)
            text_ += fmt::format("{}: ok\n", file);
    }
    [[nodiscard]] std::string text() const { return json_ ? text_ + "]\n" : text_; }

private:
    void add_object(const fault& f, std::string_view severity) {
        const auto field = [this](std::string_view name, std::string_view value) {
            text_.append(",\"").append(name).append("\":");
            detail::append_json_text(text_, value);
        };
        text_ += text_.size() == 1 ? R"({"file":)" : R"(,{"file":)";
        detail::append_json_text(text_, f.at.source());
        text_ += f.at.line() == 0 ? R"(,"line":null,"column":null)"
                                  : fmt::format(R"(,"line":{},"column":{})", f.at.line(), f.at.column());
        field("severity", severity);
        field("path", f.path);
        field("message", f.message);
        text_ += '}';
    }

    bool json_;
    std::string text_;
};

}  // namespace

int check(std::span<const char* const> args) {
    bool json = false;
    std::vector<std::string> files;
    for (const std::string_view arg : args) {
        if (arg == "--help" || arg == "-h") {
            fmt::print("{}", check_usage);
            return 0;
        }
        if (arg == "--json") {
            json = true;
        } else if (arg.starts_with('-')) {
            fmt::print(stderr, "weir check: unknown flag {}\n{}", detail::in_quotes(arg), check_usage);
            return 2;
        } else {
            files.emplace_back(arg);
        }
    }
    if (files.empty()) {
        fmt::print(stderr, "{}", check_usage);
        return 2;
    }
    verdicts out{json};
    bool good = true;
    for (const std::string& file : files) {
        const std::array layers{yaml::load_file(file)};
        const resolution made = resolve(layers, {.idna = rate_flags::idna});
        for (const fault& f : made.faults())
            out.add(f, "error");
        for (const fault& f : made.notes())
            out.add(f, "note");
        if (made)
            out.add_good(file);
        good = good && made;
    }
    fmt::print("{}", out.text());
    return good ? 0 : 1;
}

}  // namespace weir::tools
