// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

/// One header field as it was sent.
struct header {
    std::string name;
    std::string value;

    friend bool operator==(const header&, const header&) = default;
};

/// The header fields of a message, in the order they were sent. A name may occur more than once; its case does not
/// matter.
///
/// **Complexity.** Every look-up is one walk over the fields: messages have a dozen.
class headers {
public:
    headers() = default;
    headers(std::initializer_list<header> fields) : fields_(fields) {}

    /// Appends a field.
    void add(std::string_view name, std::string_view value) {
        fields_.push_back({std::string{name}, std::string{value}});
    }
    /// Replaces all fields of that name by this one.
    void set(std::string_view name, std::string_view value) {
        erase(name);
        add(name, value);
    }
    /// Removes every field of that name, and returns their number.
    std::size_t erase(std::string_view name) {
        return std::erase_if(fields_, [name](const header& h) { return is(h, name); });
    }
    void clear() noexcept { fields_.clear(); }
    /// Appends to the last field's value, for a value that is folded over several lines. **Preconditions.** Not empty.
    void extend_last(std::string_view more) { fields_.back().value.append(" ").append(more); }

    /// The value of the first field of that name. **Lifetime.** Until the fields change.
    [[nodiscard]] std::optional<std::string_view> first(std::string_view name) const noexcept {
        for (const header& h : fields_)
            if (is(h, name))
                return h.value;
        return std::nullopt;
    }
    /// The values of all fields of that name, joined by ", " (RFC 9110). Not for `Set-Cookie`, whose values contain
    /// commas.
    [[nodiscard]] std::optional<std::string> joined(std::string_view name) const {
        std::optional<std::string> out;
        for (const header& h : fields_) {
            if (!is(h, name))
                continue;
            if (out)
                out->append(", ").append(h.value);
            else
                out = h.value;
        }
        return out;
    }
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        std::size_t n = 0;
        for (const header& h : fields_)
            n += is(h, name) ? 1U : 0U;
        return n;
    }
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return first(name).has_value(); }

    [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
    [[nodiscard]] auto end() const noexcept { return fields_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }

    friend bool operator==(const headers&, const headers&) = default;

private:
    static bool is(const header& h, std::string_view name) noexcept {
        return weir::detail::same_ignoring_case(h.name, name);
    }

    std::vector<header> fields_;
};

}  // namespace weir::http
