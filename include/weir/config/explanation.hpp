// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/config/schema.hpp"
#include "weir/core/detail/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A value of a leaf, and its source location.
struct explained_value {
    std::string text{};  ///< canonical: `20/SECOND, 10000/HOUR`, `250`, `none`; `(hidden)` for a secret
    layer_kind layer = layer_kind::builtin;
    source_location at{};
    std::string path{};  ///< its path at that location; empty if it is built in
};

/// A leaf of a key's policy or of the process: its value, where it comes from, and the values that it shadows.
struct explained_leaf {
    std::string name{};  ///< `rates`, `backend.kind`
    value_type type = value_type::text;
    explained_value now{};
    std::vector<explained_value> shadowed{};  ///< in the order of precedence
};

struct explained_role {
    std::string role{};
    std::vector<explained_leaf> leaves{};
};

/// Why a host has the limits that it has.
struct explanation {
    std::string host{};   ///< canonical; empty = any host that is not named
    std::string group{};  ///< the group whose budget and leaves the host shares; empty = none
    std::vector<explained_role> roles{};
    std::vector<explained_leaf> process{};  ///< the leaves of the whole process, which apply to every key
};

namespace detail {

/// Formats an explanation in columns.
class explanation_table {
public:
    explicit explanation_table(bool colour) : colour_(colour) {}

    void add(std::string title, const std::vector<explained_leaf>& leaves) {
        rows_.push_back({{std::move(title)}, style::title});
        for (const explained_leaf& leaf : leaves) {
            add(leaf.name, leaf.now, style::now);
            for (const explained_value& value : leaf.shadowed)
                add("  over", value, style::shadowed);
        }
    }

    [[nodiscard]] std::string text() const {
        std::array<std::size_t, columns> widths{};
        for (const row& r : rows_)
            for (std::size_t i = 0; i + 1 < columns && r.look != style::title; ++i)
                widths[i] = std::max(widths[i], r.cells[i].size());
        std::string out;
        for (const row& r : rows_) {
            if (r.look == style::title && !out.empty())
                out += '\n';
            std::string line;
            for (std::size_t i = 0; i < columns; ++i)
                line += r.look == style::title ? r.cells[i] : fmt::format("{:<{}}  ", r.cells[i], widths[i]);
            line.erase(line.find_last_not_of(' ') + 1);
            constexpr std::array<std::string_view, 3> codes{"\x1b[1m", "", "\x1b[2m"};
            const std::string_view code = colour_ ? codes[static_cast<std::size_t>(r.look)] : "";
            out.append(code).append(line).append(code.empty() ? "" : "\x1b[0m").append("\n");
        }
        return out;
    }

private:
    static constexpr std::size_t columns = 5;
    enum class style : std::uint8_t { title, now, shadowed };
    struct row {
        std::array<std::string, columns> cells;
        style look;
    };

    void add(std::string name, const explained_value& value, style look) {
        const bool builtin = value.layer == layer_kind::builtin;
        rows_.push_back({{std::move(name), value.text, std::string{to_string(value.layer)},
                          builtin ? std::string{} : value.at.text(), value.path},
                         look});
    }

    bool colour_;
    std::vector<row> rows_;
};

inline void append_json(std::string& out, value_type type, const explained_value& value) {
    out += R"({"value":)";
    if (value.text == "none") {
        out += "null";
    } else if (type == value_type::rates || type == value_type::names) {
        out += '[';
        for (std::string_view rest = value.text; !rest.empty();) {
            const auto end = std::min(rest.find(", "), rest.size());
            append_json_text(out, rest.substr(0, end));
            rest.remove_prefix(std::min(end + 2, rest.size()));
            out += rest.empty() ? "" : ",";
        }
        out += ']';
    } else if (type == value_type::text || type == value_type::word || value.text == "auto") {
        append_json_text(out, value.text);
    } else {
        out += value.text;
    }
    out.append(R"(,"layer":")").append(to_string(value.layer)).append(R"(","place":)");
    append_json_text(out, value.at.text());
    if (value.at.line() != 0)
        fmt::format_to(std::back_inserter(out), R"(,"line":{},"column":{})", value.at.line(), value.at.column());
    if (!value.path.empty()) {
        out += R"(,"path":)";
        append_json_text(out, value.path);
    }
}

inline void append_json(std::string& out, const std::vector<explained_leaf>& leaves) {
    out += '{';
    for (const explained_leaf& leaf : leaves) {
        out += &leaf == leaves.data() ? "" : ",";
        append_json_text(out, leaf.name);
        out += ':';
        append_json(out, leaf.type, leaf.now);
        out += R"(,"shadows":[)";
        for (const explained_value& value : leaf.shadowed) {
            out += &value == leaf.shadowed.data() ? "" : ",";
            append_json(out, leaf.type, value);
            out += '}';
        }
        out += "]}";
    }
    out += '}';
}

}  // namespace detail

/// The explanation as a table: a line for each leaf, and below it a line for each value that it shadows. With `colour`,
/// titles are bold and shadowed values faint.
[[nodiscard]] inline std::string to_table(const explanation& e, bool colour = false) {
    detail::explanation_table out{colour};
    const std::string host = e.host.empty() ? "a host that is named nowhere" : e.host;
    for (const explained_role& r : e.roles)
        out.add(
            fmt::format("{} {}{}", host, r.role,
                        e.group.empty() ? "" : fmt::format(" (of the host group {}, which has one budget)", e.group)),
            r.leaves);
    out.add("the whole process", e.process);
    return out.text();
}

/// The explanation as one JSON object in one line. `roles` and `process` contain leaves by name, each with `value`,
/// `layer`, `place`, `path` and the list `shadows`. Rates are a list of texts, spans a number of milliseconds; none is
/// null, auto is a text.
[[nodiscard]] inline std::string to_json(const explanation& e) {
    std::string out = R"({"host":)";
    const auto text = [&out](std::string_view name) {
        if (name.empty())
            out += "null";
        else
            detail::append_json_text(out, name);
    };
    text(e.host);
    out += R"(,"group":)";
    text(e.group);
    out += R"(,"roles":{)";
    for (const explained_role& r : e.roles) {
        out += &r == e.roles.data() ? "" : ",";
        detail::append_json_text(out, r.role);
        out += ':';
        detail::append_json(out, r.leaves);
    }
    out += R"(},"process":)";
    detail::append_json(out, e.process);
    return out + "}\n";
}

/// Whether output to a terminal may have colours: `environ_array`, an array like C's `environ`, has no NO_COLOR with a
/// value.
[[nodiscard]] inline bool may_colour(const char* const* environ_array) {
    for (auto* at = environ_array; at != nullptr && *at != nullptr; ++at)
        if (std::string_view{*at}.starts_with("NO_COLOR=") && std::string_view{*at}.size() > 9)
            return false;
    return true;
}

}  // namespace weir
