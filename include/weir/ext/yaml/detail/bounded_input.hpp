// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <algorithm>
#include <cstddef>
#include <ios>
#include <streambuf>
#include <string>
#include <string_view>

namespace weir::yaml::detail {

/// Ends the parsing from inside the input.
struct starved {};

/// Gives a text to the parser piece by piece. It stops if the parser has read far beyond its last event.
///
/// A scalar of megabytes, a quote or bracket without an end, or a list in one endless line makes the scanner buffer all
/// of it. The cost grows faster than the text. No event comes during this, so only the input can stop it.
class bounded_input final : public std::streambuf {
public:
    static constexpr std::size_t max_ahead = 64U << 10U;

    explicit bounded_input(std::string_view text) : rest_(text) {}

    /// Called at each event.
    void progress() noexcept { ahead_ = 0; }

protected:
    int_type underflow() override {
        if (rest_.empty())
            return traits_type::eof();
        if (ahead_ > max_ahead)
            throw starved{};
        constexpr std::size_t max = 2048;
        piece_.assign(rest_.substr(0, max));
        rest_.remove_prefix(std::min(max, rest_.size()));
        ahead_ += piece_.size();
        setg(piece_.data(), piece_.data(), piece_.data() + piece_.size());
        return traits_type::to_int_type(piece_.front());
    }

private:
    std::string_view rest_;
    std::string piece_;  // a get area is not const
    std::size_t ahead_ = 0;
};

}  // namespace weir::yaml::detail
