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
    source_location at{};
    std::string path{};     ///< `hosts.api.crossref.org.metadata.rates`; empty where there is none
    std::string message{};  ///< what was found, what is allowed, and the nearest right spelling

    /// `ratelimits.yaml:14:7: hosts.api.crossref.org.metadata.rates: ...`
    [[nodiscard]] std::string text() const {
        return detail::printable(path.empty() ? fmt::format("{}: {}", at.text(), message)
                                              : fmt::format("{}: {}: {}", at.text(), path, message));
    }
};

/// After so many faults of one source the rest is not worth reading: nobody mends a thousand at once.
inline constexpr std::size_t max_faults = 1000;

/// How a scalar was written, which decides what it may be read as.
enum class scalar_form : std::uint8_t {
    plain,   ///< unquoted in a file: its spelling gives its type
    quoted,  ///< quoted in a file: text, whatever it looks like
    text,    ///< from a flag or a variable, which know no types
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

/// A line and column of a file, both counted from 1; zero where there are none.
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

/// One key of a layer and what kind of value it has, before anything about it is checked. The texts are the layer's.
struct leaf {
    static constexpr std::uint32_t top = UINT32_MAX;

    std::uint32_t above = top;  ///< index of the section it stands in, which comes before it; `top` = in none
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
    std::size_t rank = 0;  ///< of several with one path, the greatest is in force
    layer_kind kind = layer_kind::file;
};

/// Everything one source says, in its order: keys, each with the section it stands in, and their scalars.
///
/// Kept flat, so that ten thousand hosts cost little to read and to copy.
class layer {
public:
    layer_kind kind = layer_kind::file;  ///< for `explain`; it decides nothing
    bool one_spelling = false;           ///< whether a host written in two spellings is a fault, as within one file
    std::vector<fault> faults{};         ///< what kept parts of the source from becoming leaves

    /// Names the source of the leaves that are added from now on.
    void set_source(const source_location& source) {
        if (sources_.empty() || sources_.back().source() != source.source())
            sources_.push_back(source.at(0, 0));
    }
    /// Makes room for what a text of so many bytes may hold at most. What is not used is never touched.
    void expect(std::size_t bytes) {
        texts_.reserve(bytes);
        leaves_.reserve(bytes / 16);
        scalars_.reserve(bytes / 16);
    }
    /// Adds a key below the section `above`, and says its index. Its value is null until more is said.
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
    /// Says what the value of the newest key is.
    void set_value(value_kind what, mark at) {
        leaves_.back().kind = what;
        leaves_.back().at = at;
    }
    /// Adds a scalar to the value of the newest key.
    void add_item(std::string_view text, scalar_form form, mark at) {
        scalars_.push_back({keep(text), at, form});
        ++leaves_.back().item_count;
    }
    /// Takes the newest key back, which is no section that has keys.
    void drop_key() {
        scalars_.resize(leaves_.back().first_item);
        leaves_.pop_back();
    }

    /// Adds a key with all the sections above it. `host` is how the key below `hosts` names its host.
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
    /// Adds a leaf whose value is one text without a type, as flags and variables have.
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

    /// Where a leaf's value was written, and where its key.
    [[nodiscard]] source_location at(const leaf& l) const { return at(l, l.at); }
    [[nodiscard]] source_location key_at(const leaf& l) const { return at(l, l.key_at); }
    /// A place in the source of a leaf.
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
