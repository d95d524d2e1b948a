// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Where a value was written: a file's line and column, a variable, or a flag.
class source_location {
public:
    source_location() = default;
    explicit source_location(std::string source) : source_(std::make_shared<const std::string>(std::move(source))) {}

    /// The same source at a line and column, both counted from 1.
    [[nodiscard]] source_location at(std::uint32_t line, std::uint32_t column) const {
        source_location out = *this;
        out.line_ = line;
        out.column_ = column;
        return out;
    }
    /// `ratelimits.yaml:14:7`, `$DOCSTOKG_RLIMIT_BACKEND`, `--rate`; "built-in" if it was not written.
    [[nodiscard]] std::string text() const {
        if (!source_)
            return "built-in";
        return line_ == 0 ? *source_ : fmt::format("{}:{}:{}", *source_, line_, column_);
    }
    /// Only the file, variable or flag; empty if it was not written.
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

/// One fault of a configuration.
struct fault {
    source_location at{};
    std::string path{};     ///< `hosts.api.crossref.org.metadata.rates`; empty where there is none
    std::string message{};  ///< what was found, what is allowed, and the closest correct spelling

    /// `ratelimits.yaml:14:7: hosts.api.crossref.org.metadata.rates: ...`
    [[nodiscard]] std::string text() const {
        return detail::printable(path.empty() ? fmt::format("{}: {}", at.text(), message)
                                              : fmt::format("{}: {}: {}", at.text(), path, message));
    }
};

/// After this number of faults the rest of a source is not read: more would not help a reader.
inline constexpr std::size_t max_faults = 1000;

/// How a scalar was written, which decides which types it may have.
enum class scalar_form : std::uint8_t {
    plain,   ///< unquoted in a file: its spelling gives its type
    quoted,  ///< quoted in a file: a text in any case
    text,    ///< from a flag or a variable, which have no types
};

enum class value_kind : std::uint8_t {
    null,
    one,      ///< a single scalar
    list,     ///< any number of scalars
    section,  ///< a mapping: it has no value of its own, but its key must be a known one
};

/// How the second segment of a leaf below `hosts` names the host and the role.
enum class host_spelling : std::uint8_t {
    exact,   ///< a host's name; the role is the third segment
    target,  ///< HOST or HOST.ROLE in one segment, split once the roles are known; no role = every role
    shell,   ///< a name in which "_" may stand for any character that a shell's variable cannot have
};

/// A line and column of a file, both counted from 1; zero if there are none.
struct mark {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// A piece of a layer's text.
struct text_range {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
};

/// One scalar of a layer.
struct scalar {
    text_range text{};
    mark at{};
    scalar_form form = scalar_form::text;
};

/// One key of a layer and the kind of its value, before any check. The texts belong to the layer.
struct leaf {
    static constexpr std::uint32_t top = UINT32_MAX;

    std::uint32_t above = top;  ///< index of the section that contains it, which comes before it; `top` = none
    text_range key{};
    std::uint32_t first_item = 0;
    std::uint32_t item_count = 0;
    mark key_at{};
    mark at{};                 ///< of the value
    std::uint32_t source = 0;  ///< index of the flag or variable; a file is one source
    value_kind kind = value_kind::null;
    host_spelling host = host_spelling::exact;  ///< of a key below `hosts`
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
    source_location at{};
    std::size_t rank = 0;  ///< of several with one path, the greatest has precedence
    layer_kind kind = layer_kind::file;
};

/// The keys of one source in their order, each with the section that contains it, and their scalars.
///
/// It is flat, so that ten thousand hosts cost little to read and to copy.
class layer {
public:
    layer_kind kind = layer_kind::file;  ///< for `explain`; no decision depends on it
    bool one_spelling = false;           ///< whether a host with two spellings is a fault, as within one file
    std::vector<fault> faults{};         ///< why parts of the source did not become leaves

    /// Sets the source of the leaves that are added from now on.
    void set_source(const source_location& source) {
        if (sources_.empty() || sources_.back().source() != source.source())
            sources_.push_back(source.at(0, 0));
    }
    /// Makes room for the leaves that a text of this size can have at most. Unused memory is never touched.
    void expect(std::size_t bytes) {
        texts_.reserve(bytes);
        leaves_.reserve(bytes / 16);
        scalars_.reserve(bytes / 16);
    }
    /// Adds a key below the section `above`, and returns its index. Its value is null until it is set.
    std::uint32_t add_key(std::uint32_t above, std::string_view key, mark at, host_spelling host = {}) {
        leaves_.push_back({.above = above,
                           .key = keep(key),
                           .first_item = static_cast<std::uint32_t>(scalars_.size()),
                           .key_at = at,
                           .at = at,
                           .source = static_cast<std::uint32_t>(sources_.empty() ? 0 : sources_.size() - 1),
                           .host = host});
        return static_cast<std::uint32_t>(leaves_.size() - 1);
    }
    /// Sets the kind of the newest key's value.
    void set_value(value_kind what, mark at) {
        leaves_.back().kind = what;
        leaves_.back().at = at;
    }
    /// Adds a scalar to the value of the newest key.
    void add_item(std::string_view text, scalar_form form, mark at) {
        scalars_.push_back({keep(text), at, form});
        ++leaves_.back().item_count;
    }
    /// Removes the newest key. **Preconditions.** It is not a section with keys.
    void drop_key() {
        scalars_.resize(leaves_.back().first_item);
        leaves_.pop_back();
    }

    /// Adds a key and all sections above it. `host` says how the key below `hosts` names its host.
    void add(std::span<const std::string_view> path, value_kind what, const source_location& at,
             host_spelling host = {}) {
        set_source(at);
        const mark where{at.line(), at.column()};
        std::uint32_t above = leaf::top;
        for (std::size_t i = 0; i < path.size(); ++i) {
            above = add_key(above, path[i], where, i == 1 && path[0] == "hosts" ? host : host_spelling::exact);
            set_value(i + 1 < path.size() ? value_kind::section : what, where);
        }
    }
    /// Adds a leaf whose value is one text without a type, as in flags and variables.
    void add_text(std::span<const std::string_view> path, std::string_view text, const source_location& at,
                  host_spelling host = {}) {
        add(path, value_kind::one, at, host);
        add_item(text, scalar_form::text, leaves_.back().at);
    }
    void add_text(std::initializer_list<std::string_view> path, std::string_view text, const source_location& at,
                  host_spelling host = {}) {
        add_text(std::span{path.begin(), path.size()}, text, at, host);
    }
    void add_fault(const source_location& at, std::string path, std::string message) {
        faults.push_back({at, std::move(path), std::move(message)});
    }

    [[nodiscard]] std::span<const leaf> leaves() const noexcept { return leaves_; }
    [[nodiscard]] std::string_view key(const leaf& l) const noexcept { return text(l.key); }
    [[nodiscard]] std::span<const scalar> items(const leaf& l) const noexcept {
        return std::span{scalars_}.subspan(l.first_item, l.item_count);
    }
    [[nodiscard]] std::string_view text(text_range r) const noexcept {
        return std::string_view{texts_}.substr(r.begin, r.size);
    }
    [[nodiscard]] std::string_view text(const scalar& s) const noexcept { return text(s.text); }

    /// The source location of a leaf's value, and of its key.
    [[nodiscard]] source_location at(const leaf& l) const { return at(l, l.at); }
    [[nodiscard]] source_location key_at(const leaf& l) const { return at(l, l.key_at); }
    /// A source location in the source of a leaf.
    [[nodiscard]] source_location at(const leaf& l, mark where) const {
        return l.source < sources_.size() ? sources_[l.source].at(where.line, where.column) : source_location{};
    }
    /// Its keys from the top, as written: `hosts.api.crossref.org.metadata.rates`.
    [[nodiscard]] std::string path(const leaf& l) const {
        if (l.above == leaf::top)
            return std::string{key(l)};
        return path(leaves_[l.above]).append(".").append(key(l));
    }
    /// Its value as written, with ", " between the items of a list.
    [[nodiscard]] std::string value(const leaf& l) const {
        std::string out = l.kind == value_kind::null ? "null" : "";
        for (const scalar& s : items(l))
            out.append(&s == &items(l).front() ? "" : ", ").append(text(s));
        return out;
    }

private:
    text_range keep(std::string_view text) {
        const auto begin = static_cast<std::uint32_t>(texts_.size());
        texts_ += text;
        return {begin, static_cast<std::uint32_t>(text.size())};
    }

    std::string texts_;
    std::vector<leaf> leaves_;
    std::vector<scalar> scalars_;
    std::vector<source_location> sources_;
};

}  // namespace weir
