// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_storage.hpp"
#include "weir/http/cache/stored_response.hpp"

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::http {

/// Stored responses in this process's memory. The URLs that were used longest ago are dropped first.
///
/// **Thread safety.** Any thread. **Complexity.** Every verb but `erase_if` is one look-up.
class memory_storage {
public:
    /// `max_bytes`: the most that all responses take together. A response that is larger than an eighth of it is not
    /// stored, because it would drop too many others.
    explicit memory_storage(std::size_t max_bytes = std::size_t{64} << 20U) : max_(max_bytes) {}

    [[nodiscard]] std::vector<shared_response> find(std::string_view key) {
        const std::lock_guard lock{*mutex_};
        const auto at = places_.find(std::string{key});
        if (at == places_.end())
            return {};
        by_use_.splice(by_use_.begin(), by_use_, at->second);
        return at->second->variants;
    }
    void put(std::string_view key, const shared_response& response) {
        const std::size_t size = stored_bytes(*response) + key.size();
        const std::lock_guard lock{*mutex_};
        auto at = places_.find(std::string{key});
        if (at != places_.end())
            forget_variant(*at->second, *response);
        if (size > max_ / 8) {
            if (at != places_.end() && at->second->variants.empty())
                drop(at->second);
            return;
        }
        if (at == places_.end()) {
            by_use_.push_front({std::string{key}, {}, 0});
            at = places_.emplace(std::string{key}, by_use_.begin()).first;
        } else {
            by_use_.splice(by_use_.begin(), by_use_, at->second);
        }
        at->second->variants.push_back(response);
        at->second->bytes += size;
        bytes_ += size;
        while (bytes_ > max_)
            drop(std::prev(by_use_.end()));
    }
    void erase(std::string_view key) {
        const std::lock_guard lock{*mutex_};
        if (const auto at = places_.find(std::string{key}); at != places_.end())
            drop(at->second);
    }
    std::size_t erase_if(const std::function<bool(std::string_view)>& which) {
        const std::lock_guard lock{*mutex_};
        std::size_t count = 0;
        for (auto at = by_use_.begin(); at != by_use_.end();) {
            const auto one = at++;
            if (which(one->key)) {
                drop(one);
                ++count;
            }
        }
        return count;
    }
    /// The bytes that all responses take now.
    [[nodiscard]] std::size_t bytes() const {
        const std::lock_guard lock{*mutex_};
        return bytes_;
    }

private:
    struct place {
        std::string key;
        std::vector<shared_response> variants;
        std::size_t bytes;
    };
    using places = std::list<place>;

    void forget_variant(place& one, const stored_response& like) {
        std::erase_if(one.variants, [&](const shared_response& old) {
            if (!same_variant(*old, like))
                return false;
            const std::size_t size = stored_bytes(*old) + one.key.size();
            one.bytes -= size;
            bytes_ -= size;
            return true;
        });
    }
    void drop(places::iterator one) {
        bytes_ -= one->bytes;
        places_.erase(one->key);
        by_use_.erase(one);
    }

    std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // so that a storage can be moved into a cache
    std::size_t max_;
    std::size_t bytes_ = 0;
    places by_use_;
    std::unordered_map<std::string, places::iterator> places_;
};

}  // namespace weir::http
