// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/sentinel.hpp"
#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/text.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// Where the primary server of some keys is at present. It is one of the options' addresses, or the one that the
/// Sentinels name, or a node of a Cluster.
///
/// **Thread safety.** All members may be called from any thread.
class primary {
public:
    /// One of the options' addresses, or the one that the Sentinels name.
    explicit primary(const redis_options* options) : options_(*options), tried_(addresses_of(*options)) {
        if (tried_.size() == 1 && options_.layout != redis_layout::sentinel)
            at_ = tried_.front();
    }
    /// A node of a Cluster. `id` is its name in it.
    primary(const redis_options* options, server_address at, std::string id)
        : options_(*options), is_node_(true), at_(std::move(at)), id_(std::move(id)) {}

    /// Looks whether a Sentinel has announced a failover. Then `version` grows.
    void look_for_news() {
        if (options_.layout != redis_layout::sentinel) [[likely]]
            return;
        const std::unique_lock turn{watch_mutex_, std::try_to_lock};
        if (turn.owns_lock() && watch_.has_news())
            version_.fetch_add(1, std::memory_order_acq_rel);
    }

    /// Whether it is a node of a Cluster.
    [[nodiscard]] bool is_node() const noexcept { return is_node_; }
    /// It grows when the primary is another server. A connection made before that is of no use.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
    /// Its address, or all that it may have.
    [[nodiscard]] std::string text() const {
        const std::lock_guard guard{mutex_};
        return at_.host.empty() ? server_of(options_) : text_of(at_);
    }
    [[nodiscard]] server_address address() const {
        const std::lock_guard guard{mutex_};
        return at_;
    }
    [[nodiscard]] std::string id() const {
        const std::lock_guard guard{mutex_};
        return id_;
    }
    /// The name of a value that this server keeps for itself: `prefix:name`; in a Cluster `prefix:name:{tag}`, where
    /// the tag is in the first hash slot of the server.
    [[nodiscard]] std::string own_key(std::string_view name) const {
        const std::lock_guard guard{mutex_};
        return tag_.empty() ? fmt::format("{}:{}", options_.prefix, name)
                            : fmt::format("{}:{}:{{{}}}", options_.prefix, name, tag_);
    }

    /// Another node of the Cluster has its hash slots.
    void move(server_address to, std::string id) {
        const std::lock_guard guard{mutex_};
        id_ = std::move(id);
        set(std::move(to));
    }
    /// The first of its hash slots.
    void set_first_slot(std::uint16_t slot) {
        const std::lock_guard guard{mutex_};
        if (std::exchange(slot_, slot) != slot || tag_.empty())
            tag_ = tag_of(slot);
    }

private:
    friend class primary_search;

    /// **Preconditions.** The mutex is held.
    void set(server_address to) {
        if (std::exchange(at_, std::move(to)) != at_)
            version_.fetch_add(1, std::memory_order_acq_rel);
    }

    const redis_options& options_;
    const bool is_node_ = false;
    mutable std::mutex mutex_;
    std::vector<server_address> tried_;  // the addresses of the options, the one that was right last first
    server_address at_{"", 0};           // where it was last; without a host if that is not known
    std::string id_;
    std::string tag_;
    std::uint16_t slot_ = 0;
    std::atomic<std::uint64_t> version_ = 1;
    std::mutex watch_mutex_;
    sentinel_watch watch_{&options_};
};

/// One search for the primary server: the addresses to try, one after the other.
///
/// **Thread safety.** None.
class primary_search {
public:
    explicit primary_search(primary* of) : of_(*of) {
        if (is_sentinel()) {
            const std::lock_guard turn{of_.watch_mutex_};
            of_.watch_.begin();  // before the question, so that no failover is missed
        }
        const std::lock_guard guard{of_.mutex_};
        version_ = of_.version_.load();
        listed_ = of_.is_node_ ? std::vector{of_.at_} : of_.tried_;
    }

    /// The primary's version when the search began.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    /// Whether the server that is found must say that it is a primary server.
    [[nodiscard]] bool is_choice() const noexcept { return is_sentinel() || listed_.size() > 1; }

    /// The next address to try; nothing if there is no other.
    [[nodiscard]] std::optional<server_address> next() {
        while (next_ < listed_.size()) {
            const server_address& at = listed_[next_++];
            if (!is_sentinel())
                return at;
            // While a failover is going on, several Sentinels name the same server. It is tried once.
            auto named = ask(at);
            if (named && std::ranges::find(named_, *named) == named_.end())
                return named_.emplace_back(std::move(*named));
        }
        return std::nullopt;
    }
    /// The address can not be used, for this reason.
    void failed(std::string_view sentence) {
        if (sentence.starts_with("redis: "))
            sentence.remove_prefix(7);
        failures_.append(failures_.empty() ? "" : "; or ").append(sentence);
    }
    /// The address that was tried last is the primary server.
    void succeeded(const server_address& at) {
        const std::lock_guard guard{of_.mutex_};
        if (of_.is_node_)
            return;
        const auto used = std::ranges::find(of_.tried_, listed_[next_ - 1]);
        std::rotate(of_.tried_.begin(), used, of_.tried_.end());
        const bool is_first = of_.at_.host.empty();
        of_.set(at);
        if (is_first || version_ != of_.version_.load())
            version_ = of_.version_.load();
    }
    /// **Errors.** Throws `store_error` with every failure.
    [[noreturn]] void give_up() const {
        if (!is_choice())
            throw store_error{"redis: " + failures_};
        throw store_error{fmt::format("redis: no primary server is found at {}{}: {}",
                                      is_sentinel() ? "the Sentinels " : "", server_of(of_.options_), failures_)};
    }

private:
    [[nodiscard]] bool is_sentinel() const noexcept {
        return !of_.is_node_ && of_.options_.layout == redis_layout::sentinel;
    }

    /// The address of the primary server, if the Sentinel knows it. A Sentinel that is lost is passed over.
    [[nodiscard]] std::optional<server_address> ask(const server_address& sentinel) {
        try {
            if (auto named = primary_at(sentinel, of_.options_))
                return named;
            failed(fmt::format("the Sentinel {} knows no primary server with the name {}", text_of(sentinel),
                               weir::detail::in_quotes(of_.options_.service)));
        } catch (const store_error& e) {
            failed(e.what());
        }
        return std::nullopt;
    }

    primary& of_;
    std::uint64_t version_ = 0;
    std::vector<server_address> listed_;
    std::vector<server_address> named_;
    std::size_t next_ = 0;
    std::string failures_;
};

}  // namespace weir::redis::detail
