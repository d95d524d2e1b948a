// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_policy.hpp"
#include "weir/http/cache/stored_response.hpp"

#include <chrono>
#include <cstddef>
#include <functional>

namespace weir::http {

/// What a `cached` is made with.
struct cache_options {
    cache_rules rules{};
    /// The largest body that is stored, in bytes. A larger one is passed on as it comes.
    std::size_t max_body = std::size_t{8} << 20U;
    /// Runs a function later, on another thread or in an event loop. It validates responses that are used while they
    /// are revalidated (`stale-while-revalidate`); without it they are validated first. The library starts no thread.
    std::function<void(std::function<void()>)> background{};
    /// The time of day, which is compared with the servers' dates.
    std::function<wall_time()> now = [] {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    };
};

}  // namespace weir::http
