// SPDX-License-Identifier: MIT
#pragma once

#include "support/sanitized.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string_view>

namespace weir_test {

/// The seed of a random test: `WEIR_SEED` if it is set, else a fresh one; printed, so that any run can be repeated.
inline std::uint64_t seed_for(std::string_view what) {
    std::uint64_t seed = 0;
    if (const char* text = std::getenv("WEIR_SEED"); text != nullptr && *text != '\0') {
        seed = std::strtoull(text, nullptr, 0);
    } else {
        std::random_device device;
        seed = (static_cast<std::uint64_t>(device()) << 32) ^ device();
    }
    std::cout << what << ": WEIR_SEED=" << seed << std::endl;
    return seed;
}

/// How many random cases to run: `WEIR_TRACES` if it is set; under a sanitizer a fifth, for it is ten times slower.
inline int cases_or(int count) {
    const char* text = std::getenv("WEIR_TRACES");
    return text != nullptr && *text != '\0' ? std::atoi(text) : sanitized ? count / 5 : count;
}

/// Random numbers that are the same on every machine.
class dice {
public:
    explicit dice(std::uint64_t seed) : engine_(seed) {}
    /// A whole number from `low` to `high`, both possible.
    std::int64_t from(std::int64_t low, std::int64_t high) {
        const auto span = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(engine_() % span);
    }
    bool chance(int percent) { return from(1, 100) <= percent; }
    template <class Container>
    auto& pick(Container& c) {
        return c[static_cast<std::size_t>(from(0, static_cast<std::int64_t>(c.size()) - 1))];
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace weir_test
