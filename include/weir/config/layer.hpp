// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/detail/text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Where a value was written: a file's line and column, a variable, or a flag.
class place {
public:
    place() = default;
    explicit place(std::string source) : source_(std::make_shared<const std::string>(std::move(source))) {}

    /// The same source at a line and column, both counted from 1.
    [[nodiscard]] place at(std::uint32_t line, std::uint32_t column) const {
        place out = *this;
        out.line_ = line;
        out.column_ = column;
        return out;
    }
    /// `ratelimits.yaml:14:7`, `$DOCSTOKG_RLIMIT_BACKEND`, `--rate`; "built-in" when nobody wrote it.
    [[nodiscard]] std::string text() const {
        if (!source_)
            return "built-in";
        return line_ == 0 ? *source_ : fmt::format("{}:{}:{}", *source_, line_, column_);
    }
    /// The file, variable or flag alone; empty when nobody wrote it.
    [[nodiscard]] std::string_view source() const noexcept {
        return source_ ? std::string_view{*source_} : std::string_view{};
    }
    [[nodiscard]] std::uint32_t line() const noexcept { return line_; }
    [[nodiscard]] std::uint32_t column() const noexcept { return column_; }

private:
    std::shared_ptr<const std::string> source_;
    std::uint32_t line_ = 0;
    std::uint32_t column_ = 0;
};

/// One thing that is wrong with a configuration.
struct fault {
    place at{};
    std::string path{};     ///< `hosts.api.crossref.org.metadata.rates`; empty where there is none
    std::string message{};  ///< what was found, what is allowed, and the nearest right spelling

    /// `ratelimits.yaml:14:7: hosts.api.crossref.org.metadata.rates: ...`
    [[nodiscard]] std::string text() const {
        return detail::printable(path.empty() ? fmt::format("{}: {}", at.text(), message)
                                              : fmt::format("{}: {}: {}", at.text(), path, message));
    }
};

/// After so many faults of one source the rest is not worth reading: nobody mends a thousand at once.
inline constexpr std::size_t most_faults = 1000;

/// How a scalar was written, which decides what it may be read as.
enum class scalar_form : std::uint8_t {
    plain,   ///< unquoted in a file: its spelling gives its type
    quoted,  ///< quoted in a file: text, whatever it looks like
    text,    ///< from a flag or a variable, which know no types
};

struct scalar {
    std::string text{};
    scalar_form form = scalar_form::text;
    place at{};
};

enum class value_kind : std::uint8_t {
    null,
    one,      ///< a single scalar
    list,     ///< any number of scalars
    section,  ///< a mapping: it has no value of its own, but its key must be a known one
};

/// Whose policy a leaf below `hosts` belongs to, as its second segment says it.
enum class host_spelling : std::uint8_t {
    exact,   ///< a host's name; the role is the third segment
    target,  ///< HOST or HOST.ROLE in one segment, told apart once the roles are known; no role = every role
    shell,   ///< a name in which "_" may stand for any character that a shell's variable cannot have
};

/// One value of one source, before anything about it is checked.
struct leaf {
    std::vector<std::string> path{};  ///< hosts, api.crossref.org, metadata, rates
    value_kind kind = value_kind::one;
    std::vector<scalar> items{};
    place at{};
    host_spelling host = host_spelling::exact;
};

/// What kind of source a layer is, the weakest first.
enum class layer_kind : std::uint8_t { builtin, preset, file, environment, command_line };

[[nodiscard]] constexpr std::string_view to_string(layer_kind kind) noexcept {
    switch (kind) {
    case layer_kind::builtin:
        return "built-in";
    case layer_kind::preset:
        return "preset";
    case layer_kind::file:
        return "file";
    case layer_kind::environment:
        return "environment";
    case layer_kind::command_line:
        return "command line";
    }
    return "";
}

/// Where one leaf was written.
struct origin {
    std::string path{};   ///< with the host in its one spelling
    std::string value{};  ///< as written; "(hidden)" for a connection text
    place at{};
    std::size_t rank = 0;  ///< of several with one path, the greatest is in force
    layer_kind kind = layer_kind::file;
};

/// Everything one source says, in its order.
struct layer {
    layer_kind kind = layer_kind::file;  ///< for `explain`; it decides nothing
    std::vector<leaf> leaves{};
    std::vector<fault> faults{};  ///< what kept parts of the source from becoming leaves
    bool one_spelling = false;    ///< whether a host written in two spellings is a fault, as within one file

    /// Adds a leaf whose value is one text without a type, as flags and variables have.
    leaf& add_text(std::vector<std::string> path, std::string_view text, const place& at) {
        return leaves.emplace_back(leaf{std::move(path),
                                        value_kind::one,
                                        {scalar{std::string{text}, scalar_form::text, at}},
                                        at,
                                        host_spelling::exact});
    }
    void add_fault(const place& at, std::string path, std::string message) {
        faults.push_back({at, std::move(path), std::move(message)});
    }
};

}  // namespace weir
