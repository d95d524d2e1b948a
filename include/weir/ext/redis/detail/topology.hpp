// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/refusal.hpp"
#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/shard.hpp"
#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/detail/slot_state.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/storage/store_notice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir::redis::detail {

/// The primary servers of a store, and which of them has a key: one server, or the nodes of a Cluster.
///
/// The map of a Cluster's hash slots is read when a server says that it is a node, when one says that another server
/// has a key, and when one cannot be reached; not more often than each 100 ms.
///
/// **Thread safety.** All members may be called from any thread. No lock is held while another server is asked, but
/// threads that need the new map wait for it.
class topology {
public:
    using pool_type = remote::session_pool<session>;

    explicit topology(const redis_options* options) : options_(*options) {
        shards_.push_back(std::make_unique<shard>(options, &rerouting_, &notices_));
        first_ = shards_.front().get();
    }

    /// The shard of a key.
    [[nodiscard]] shard& of(const key_address& key) const noexcept {
        const slot_owners* map = map_.load(std::memory_order_acquire);
        return map == nullptr ? *first_ : *(*map)[key.hash_slot].load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_cluster() const noexcept { return map_.load(std::memory_order_acquire) != nullptr; }
    [[nodiscard]] notice_board& notices() noexcept { return notices_; }
    /// Calls `visit` with every shard that was ever used.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (shard* one : all())
            visit(*one);
    }

    /// Runs `step(shard, session)` on the server of the key. A verb that a server did not carry out, because another
    /// one has the key, is sent there. If a slot is moving and its keys are in two places, the verb waits until they
    /// are in one, up to `command_timeout`.
    ///
    /// **Errors.** `store_error`, also those of `step`.
    template <class Step>
    auto run(slot_state& key, bool carries, Step&& step) {
        const instant began = steady_clock{}.now();
        shard* asked = nullptr;  // a server that gets the key's hash slot
        bool is_early = false;   // a server has said to try again later
        for (int attempt = 0;; ++attempt) {
            catch_up();
            shard& at = asked != nullptr ? *asked : of(key.address);
            if (key.server != &at) [[unlikely]]
                arrive(key, at);
            const std::uint64_t version = at.where.version();
            bool has_session = false;
            try {
                const auto session = at.pool.borrow(key.address.route, carries);
                has_session = true;
                if (std::exchange(asked, nullptr) != nullptr)
                    session->ask_next();
                return step(at, *session);
            } catch (const store_busy&) {
                throw;
            } catch (const redirected& r) {
                // While a slot moves, one server sends the verb to the other, which says that it is too early.
                const detour kind = r.where().kind;
                is_early = is_early || kind == detour::later;
                if (attempt >= max_attempts && kind != detour::later && !(kind == detour::ask && is_early))
                    throw;
                asked = follow(r, key.address, attempt, began);
            } catch (const store_error&) {
                rerouting_.set_old(is_cluster());
                if (has_session || attempt >= max_attempts || !is_cluster())
                    throw;
                catch_up();
                if (&of(key.address) == &at && at.where.version() == version)
                    throw;
            }
        }
    }

    /// Runs `step(session)` on every server that has keys.
    ///
    /// **Errors.** `store_error`, also those of `step`.
    template <class Step>
    void run_on_all(Step&& step) {
        std::vector<shard*> servers = present();
        for (std::size_t i = 0; i < servers.size(); ++i) {
            try {
                const auto session = servers[i]->pool.borrow(remote::key_route{});
                step(*session);
            } catch (const redirected& r) {
                if (r.where().kind != detour::cluster)
                    throw;
                read_map();
                servers = present();
                i = static_cast<std::size_t>(-1);
            }
        }
    }

    /// Posts a settlement to the server of its key, without waiting.
    void post(settlement_call s, pool_type::departure when = pool_type::departure::now) {
        shard& at = of(*s.key);
        at.pool.post(std::move(s), when);
    }
    /// Sends the settlements that wait for the next call, all or those that have waited long enough; when to call it
    /// again.
    instant tend(bool is_idle) {
        instant out = far_future;
        for_each([&](shard& one) { out = std::min(out, one.pool.tend(is_idle)); });
        return out;
    }
    /// Whether settlements wait for the next call.
    [[nodiscard]] bool holds() const {
        bool out = false;
        for_each([&](shard& one) { out = out || one.pool.holds(); });
        return out;
    }
    /// Sends every settlement, and waits for the replies.
    ///
    /// **Errors.** `store_error`: the last failure, after all servers have been tried.
    void flush() {
        std::exception_ptr failure;
        for (int round = 0; round < 4; ++round) {
            catch_up();
            failure = nullptr;
            for_each([&](shard& one) {
                try {
                    one.pool.flush();
                } catch (const store_error&) {
                    failure = std::current_exception();
                    rerouting_.set_old(is_cluster());
                }
            });
            if (!rerouting_.has_any() && failure == nullptr)
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds{is_cluster() ? 20 : 0});
        }
        if (failure != nullptr)
            std::rethrow_exception(failure);
    }

private:
    using slot_owners = std::array<std::atomic<shard*>, hash_slots>;
    static constexpr int max_attempts = 6;
    static constexpr auto map_life = std::chrono::milliseconds{100};

    [[nodiscard]] std::vector<shard*> all() const {
        const std::lock_guard guard{mutex_};
        std::vector<shard*> out;
        for (const auto& one : shards_)
            out.push_back(one.get());
        return out;
    }

    /// The shards that have keys.
    [[nodiscard]] std::vector<shard*> present() const {
        const slot_owners* map = map_.load(std::memory_order_acquire);
        if (map == nullptr)
            return {first_};
        std::vector<shard*> out;
        for (const auto& owner : *map)
            if (shard* one = owner.load(std::memory_order_relaxed); std::ranges::find(out, one) == out.end())
                out.push_back(one);
        return out;
    }

    // ---- after a verb was sent to the wrong server

    /// Reads the map again if it is old, and sends what was refused to the right server.
    void catch_up() {
        if (rerouting_.is_old()) [[unlikely]]
            renew_quietly();
        if (!rerouting_.has_any()) [[likely]]
            return;
        for (rerouting::stray& one : rerouting_.take()) {
            settlement_call& s = one.settlement;
            s.asks = one.where.kind == detour::ask;
            shard& at = s.asks ? shard_at(one.where) : of(*s.key);
            s.route().unanswered.fetch_sub(1, std::memory_order_release);
            at.pool.post(std::move(s));
        }
    }
    /// The key's hash slot has moved. Its settlements at the other server come first.
    void arrive(slot_state& key, shard& at) {
        shard* before = std::exchange(key.server, &at);
        if (before == nullptr)
            return;
        key.lost_at = std::max(key.lost_at, before->losses.lost_at());
        if (key.address.route.unanswered.load(std::memory_order_acquire) == 0)
            return;
        try {
            before->pool.flush();
        } catch (const store_error&) {
            // They are sent when it can be reached, or their entries expire.
        }
        catch_up();
    }
    /// Prepares the next attempt of a verb. Returns the server to ask, if it is not the one of the map. Throws the
    /// present exception again if there is no better attempt.
    [[nodiscard]] shard* follow(const redirected& r, const key_address& key, int attempt, instant began) {
        const redirection& where = r.where();
        switch (where.kind) {
        case detour::cluster:
            read_map();
            return nullptr;
        case detour::moved:
            if (is_cluster())
                renew_quietly();
            else
                read_map();
            if (of(key).where.address() != where.to)
                assign(where);
            return nullptr;
        case detour::ask:
            if (!is_cluster())
                read_map();
            return &shard_at(where);
        case detour::later:
            if (steady_clock{}.now() - began > options_.command_timeout)
                throw;
            std::this_thread::sleep_for(std::chrono::milliseconds{std::min(1 << std::min(attempt, 4), 16)});
            rerouting_.set_old(attempt > 3 && is_cluster());
            return nullptr;
        case detour::not_primary:
            rerouting_.set_old(is_cluster());
            if (attempt > 1)
                throw;
            return nullptr;
        case detour::down:
        case detour::none:
            break;
        }
        rerouting_.set_old(is_cluster());
        throw;
    }

    // ---- the map

    /// The shard of a server that a reply named.
    [[nodiscard]] shard& shard_at(const redirection& where) {
        const std::lock_guard guard{mutex_};
        return shard_at(where.to, {}, where.slot);
    }
    /// **Preconditions.** The mutex is held.
    [[nodiscard]] shard& shard_at(const server_address& at, const std::string& id, std::uint16_t slot) {
        if (shard* found = find(at))
            return *found;
        shard& made = *shards_.emplace_back(std::make_unique<shard>(&options_, &rerouting_, &notices_, at, id));
        made.where.set_first_slot(slot);
        // Until it has replied once, answers are stamped by the clock of the server that had the slot.
        if (const slot_owners* map = map_.load(std::memory_order_relaxed))
            made.clock.start_from((*map)[slot].load(std::memory_order_relaxed)->clock);
        else
            made.clock.start_from(first_->clock);
        return made;
    }
    /// **Preconditions.** The mutex is held.
    [[nodiscard]] shard* find(const server_address& at) const {
        const auto found = std::ranges::find_if(
            shards_, [&](const auto& one) { return one->where.is_node() && one->where.address() == at; });
        return found == shards_.end() ? nullptr : found->get();
    }
    void assign(const redirection& where) {
        rerouting_.set_old(true);
        const std::lock_guard guard{mutex_};
        if (owners_ != nullptr)
            (*owners_)[where.slot].store(&shard_at(where.to, {}, where.slot), std::memory_order_relaxed);
    }

    void renew_quietly() {
        if (!is_cluster())
            return rerouting_.set_old(false);
        {
            const std::lock_guard guard{mutex_};
            if (steady_clock{}.now() - tried_at_ < map_life)
                return;
        }
        try {
            read_map();
        } catch (const store_error&) {
            // The present map stays. The next verb that fails tries again.
        }
    }
    /// Asks the servers for the map, one after the other. If another thread is doing that, waits for its result.
    ///
    /// **Errors.** `store_error` if none has it.
    void read_map() {
        const instant began = steady_clock{}.now();
        const std::lock_guard turn{turn_};
        if (tried_at_ > began) {
            if (failure_.empty())
                return;
            throw store_error{failure_};
        }
        std::vector<server_address> asked = addresses_of(options_);
        for (shard* one : all())
            if (one->where.is_node() && std::ranges::find(asked, one->where.address()) == asked.end())
                asked.push_back(one->where.address());
        std::rotate(asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(turns_ % asked.size()), asked.end());
        std::string failures;
        for (const server_address& at : asked) {
            try {
                const bool is_new = apply(ranges_at(at));
                // If it says nothing new, another server may know more.
                turns_ += is_new ? 0 : 1;
                return end_turn({});
            } catch (const store_error& e) {
                std::string_view sentence = e.what();
                sentence.remove_prefix(sentence.starts_with("redis: ") ? 7 : 0);
                failures.append(failures.empty() ? "" : "; or ").append(sentence);
                ++turns_;
            }
        }
        end_turn(fmt::format("redis: no node of the Cluster has its map: {}", failures));
        throw store_error{failure_};
    }
    void end_turn(std::string failure) {
        rerouting_.set_old(!failure.empty());
        const std::lock_guard guard{mutex_};
        tried_at_ = steady_clock{}.now();
        failure_ = std::move(failure);
    }
    [[nodiscard]] std::vector<slot_range> ranges_at(const server_address& at) const {
        connection to;
        to.open(at, options_);
        to.set_timeout(options_.connect_timeout);
        const bool signs_in = say_auth(to, credentials_for(options_, to.server()));
        say(to, {"CLUSTER", "SLOTS"});
        to.write();
        const instant deadline = steady_clock{}.now() + options_.connect_timeout;
        if (signs_in)
            expect(to, at, options_, *to.read(deadline), "sign in", "check user and password, and that the user is on");
        const reply r = to.read(deadline);
        if (r->type == REDIS_REPLY_ERROR && lacks_a_right(text_of(*r)))
            to.fail("cannot read the Cluster's map", "the server says NOPERM",
                    "give the user the command CLUSTER SLOTS");
        expect(to, at, options_, *r, "read the Cluster's map", "is it a node of a Cluster?");
        auto out = slot_ranges_of(*r, at);
        if (!out)
            to.fail("cannot read the Cluster's map", "no server has a hash slot there", "is the Cluster set up?");
        return std::move(*out);
    }
    /// Takes over a new map. Returns whether it differs from the present one.
    bool apply(const std::vector<slot_range>& ranges) {
        const std::lock_guard guard{mutex_};
        const bool is_first = owners_ == nullptr;
        if (is_first)
            owners_ = std::make_unique<slot_owners>();
        const auto is_primary = [&](const shard& one) {
            return std::ranges::any_of(ranges, [&](const slot_range& r) { return r.primary == one.where.address(); });
        };
        bool is_new = is_first;
        std::vector<shard*> present;
        for (const slot_range& r : ranges) {
            shard* at = find(r.primary);
            // A server that has all slots of one that has none any more has taken over.
            shard* before = is_first ? nullptr : (*owners_)[r.first].load(std::memory_order_relaxed);
            if (at == nullptr && before != nullptr && !is_primary(*before)) {
                before->where.move(r.primary, r.id);
                before->pool.try_at_once();
                at = before;
                is_new = true;
            }
            if (at == nullptr)
                at = &shard_at(r.primary, r.id, r.first);
            if (at->where.id() != r.id)
                at->where.move(r.primary, r.id);
            if (std::ranges::find(present, at) == present.end()) {
                present.push_back(at);
                const auto first = std::ranges::min_element(ranges, {}, [&](const slot_range& other) {
                    return other.primary == r.primary ? other.first : static_cast<std::uint16_t>(hash_slots);
                });
                at->where.set_first_slot(first->first);
            }
            for (std::size_t slot = r.first; slot <= r.last; ++slot)
                is_new = (*owners_)[slot].exchange(at, std::memory_order_relaxed) != at || is_new;
        }
        for (auto& owner : *owners_)
            if (owner.load(std::memory_order_relaxed) == nullptr)
                owner.store(present.front(), std::memory_order_relaxed);
        map_.store(owners_.get(), std::memory_order_release);
        for (const auto& one : shards_)
            if (std::ranges::find(present, one.get()) == present.end())
                for (settlement_call& s : one->pool.take_posted())
                    rerouting_.put(std::move(s), {});
        return is_new;
    }

    const redis_options& options_;
    rerouting rerouting_;
    notice_board notices_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<shard>> shards_;
    shard* first_ = nullptr;  // the options' addresses; a Cluster does not use it
    std::unique_ptr<slot_owners> owners_;
    std::atomic<const slot_owners*> map_ = nullptr;
    std::mutex turn_;  // one thread at a time asks for the map
    std::size_t turns_ = 0;
    instant tried_at_ = long_ago;
    std::string failure_;
};

}  // namespace weir::redis::detail
