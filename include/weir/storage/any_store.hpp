// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/holder.hpp"
#include "weir/storage/store.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/storage/stored_key.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A shared store whose kind is chosen at run time. Copies refer to the same store.
///
/// It behaves like the store in it. It costs one virtual call a verb, and one more allocation a key. It has all verbs
/// of the refined concepts. If the store in it lacks one, the other verbs replace it, or it does nothing. `open_store`
/// makes one from a configuration. Any model of the store concept that is not local can be in it.
///
/// **Thread safety.** That of the store in it. **Lifetime.** Slots are used with the store that made them, or a copy.
class any_store {
    /// A store's state of a key in this process, whatever its type.
    struct any_slot {
        any_slot() = default;
        any_slot(const any_slot&) = delete;
        any_slot& operator=(const any_slot&) = delete;
        virtual ~any_slot() = default;
    };

public:
    static constexpr bool is_local = false;

    /// What this process keeps of a key.
    class slot {
        friend class any_store;
        explicit slot(std::unique_ptr<any_slot> held) : impl_(std::move(held)) {}
        std::unique_ptr<any_slot> impl_;
    };

    template <class Store>
        requires(!std::same_as<Store, any_store> && store<Store> && !Store::is_local)
    explicit any_store(Store held) : impl_(std::make_shared<model<Store>>(std::move(held))) {}

    [[nodiscard]] instant now() const noexcept { return impl_->now(); }
    [[nodiscard]] instant after(instant now) const noexcept { return impl_->after(now); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        return slot{impl_->make_slot(host, role)};
    }

    /// Whether the store in it lends units in advance. If not, `reduce` leaves an entry unchanged.
    [[nodiscard]] bool is_reducible() const noexcept { return impl_->is_reducible(); }
    /// Whether the store in it keeps the tuner's state. If not, each slot keeps its own.
    [[nodiscard]] bool is_tunable() const noexcept { return impl_->is_tunable(); }
    /// Whether the store in it takes gates away: if not, `open_gate` leaves them as they are.
    [[nodiscard]] bool is_openable() const noexcept { return impl_->is_openable(); }
    /// Whether the store in it lists its keys. If not, `keys` is empty.
    [[nodiscard]] bool is_listable() const noexcept { return impl_->is_listable(); }

    // ---- holders: a store in it that knows none never needs a sign of life

    [[nodiscard]] instant next_renewal() const noexcept { return impl_->next_renewal(); }
    void renew() { impl_->renew(); }
    [[nodiscard]] std::int64_t alive() const noexcept { return impl_->alive(); }
    /// The processes that use the store. **Errors.** `store_error`.
    [[nodiscard]] std::vector<holder_info> holders() { return impl_->holders(); }

    // ---- verbs

    [[nodiscard]] assessment admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, entry& out) {
        return impl_->admit(*s.impl_, plan, cost, now, out);
    }
    [[nodiscard]] assessment count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return impl_->count(*s.impl_, plan, cost, now);
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        impl_->settle(*s.impl_, plan, e, how, now);
    }
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        impl_->reduce(*s.impl_, plan, e, cost, now);
    }
    [[nodiscard]] bool hold(slot& s, instant until) { return impl_->hold(*s.impl_, until); }
    void open_gate(slot& s) { impl_->open_gate(*s.impl_); }
    void tune(slot& s, multiplier m) { impl_->tune(*s.impl_, m); }
    tuner_state learn(slot& s, tuner_step step) { return impl_->learn(*s.impl_, step); }
    [[nodiscard]] multiplier factor(const slot& s) const { return impl_->factor(*s.impl_); }
    [[nodiscard]] key_snapshot read(slot& s, const window_plan& plan, instant now) {
        return impl_->read(*s.impl_, plan, now);
    }
    /// `open_entries::too` acts like `keep` if the store in it cannot forget open entries.
    void erase(slot& s, open_entries what = open_entries::keep) { impl_->erase(*s.impl_, what); }
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        return impl_->idle(*s.impl_, plan, now);
    }

    /// Waits until every settlement is in the store, if the store sends settlements without waiting.
    ///
    /// **Errors.** `store_error`.
    void flush() { impl_->flush(); }
    /// Sends what the store keeps back for its next call, without waiting: all of it if the caller `is_idle`, else what
    /// is due. Returns when to call it again at the latest.
    instant tend(bool is_idle) { return impl_->tend(is_idle); }

    /// All keys of the store in it.
    ///
    /// **Errors.** `store_error`. **Complexity.** O(keys), and some round trips.
    [[nodiscard]] std::vector<stored_key> keys() { return impl_->keys(); }

    /// The next notice of the store in it. Each is returned once.
    [[nodiscard]] std::optional<store_notice> take_notice() { return impl_->take_notice(); }

private:
    struct any_model {
        any_model() = default;
        any_model(const any_model&) = delete;
        any_model& operator=(const any_model&) = delete;
        virtual ~any_model() = default;

        [[nodiscard]] virtual bool is_reducible() const noexcept = 0;
        [[nodiscard]] virtual bool is_tunable() const noexcept = 0;
        [[nodiscard]] virtual bool is_openable() const noexcept = 0;
        [[nodiscard]] virtual instant next_renewal() const noexcept = 0;
        virtual void renew() = 0;
        [[nodiscard]] virtual std::int64_t alive() const noexcept = 0;
        [[nodiscard]] virtual std::vector<holder_info> holders() = 0;
        [[nodiscard]] virtual bool is_listable() const noexcept = 0;
        [[nodiscard]] virtual instant now() const noexcept = 0;
        [[nodiscard]] virtual instant after(instant now) const noexcept = 0;
        [[nodiscard]] virtual std::unique_ptr<any_slot> make_slot(std::string_view host, std::string_view role) = 0;
        [[nodiscard]] virtual assessment admit(any_slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                               entry& out) = 0;
        [[nodiscard]] virtual assessment count(any_slot& s, const window_plan& plan, std::int64_t cost,
                                               instant now) = 0;
        virtual void settle(any_slot& s, const window_plan& plan, entry& e, settlement how, instant now) = 0;
        virtual void reduce(any_slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) = 0;
        [[nodiscard]] virtual bool hold(any_slot& s, instant until) = 0;
        virtual void open_gate(any_slot& s) = 0;
        virtual void tune(any_slot& s, multiplier m) = 0;
        virtual tuner_state learn(any_slot& s, tuner_step step) = 0;
        [[nodiscard]] virtual multiplier factor(const any_slot& s) const = 0;
        [[nodiscard]] virtual key_snapshot read(any_slot& s, const window_plan& plan, instant now) = 0;
        virtual void erase(any_slot& s, open_entries what) = 0;
        [[nodiscard]] virtual bool idle(const any_slot& s, const window_plan& plan, instant now) const = 0;
        virtual void flush() = 0;
        virtual instant tend(bool is_idle) = 0;
        [[nodiscard]] virtual std::vector<stored_key> keys() = 0;
        [[nodiscard]] virtual std::optional<store_notice> take_notice() = 0;
    };

    template <class Store>
    struct model final : any_model {
        /// With the tuner's state, if the store does not keep it.
        struct slot_of final : any_slot {
            explicit slot_of(typename Store::slot s) : value(std::move(s)) {}
            typename Store::slot value;
            tuner_state learned{};
        };

        explicit model(Store held) : store_(std::move(held)) {}

        [[nodiscard]] static slot_of& all_of(any_slot& s) noexcept { return static_cast<slot_of&>(s); }
        [[nodiscard]] static typename Store::slot& in(any_slot& s) noexcept { return all_of(s).value; }
        [[nodiscard]] static const slot_of& all_of(const any_slot& s) noexcept {
            return static_cast<const slot_of&>(s);
        }

        [[nodiscard]] bool is_reducible() const noexcept override { return reducible_store<Store>; }
        [[nodiscard]] bool is_tunable() const noexcept override { return tunable_store<Store>; }
        [[nodiscard]] bool is_openable() const noexcept override { return openable_store<Store>; }
        [[nodiscard]] instant next_renewal() const noexcept override {
            if constexpr (presence_store<Store>)
                return store_.next_renewal();
            else
                return far_future;
        }
        void renew() override {
            if constexpr (presence_store<Store>)
                store_.renew();
        }
        [[nodiscard]] std::int64_t alive() const noexcept override {
            if constexpr (presence_store<Store>)
                return store_.alive();
            else
                return 0;
        }
        [[nodiscard]] std::vector<holder_info> holders() override {
            if constexpr (presence_store<Store>)
                return store_.holders();
            else
                return {};
        }
        [[nodiscard]] bool is_listable() const noexcept override { return listable_store<Store>; }
        [[nodiscard]] instant now() const noexcept override { return store_.now(); }
        [[nodiscard]] instant after(instant now) const noexcept override { return store_.after(now); }
        [[nodiscard]] std::unique_ptr<any_slot> make_slot(std::string_view host, std::string_view role) override {
            return std::make_unique<slot_of>(store_.make_slot(host, role));
        }
        [[nodiscard]] assessment admit(any_slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                       entry& out) override {
            return store_.admit(in(s), plan, cost, now, out);
        }
        [[nodiscard]] assessment count(any_slot& s, const window_plan& plan, std::int64_t cost, instant now) override {
            if constexpr (counting_store<Store>) {
                return store_.count(in(s), plan, cost, now);
            } else {
                entry at_once;
                const assessment f = store_.admit(in(s), plan, cost, now, at_once);
                if (f.admits() && at_once.state != entry_state::free)
                    store_.settle(in(s), plan, at_once, settlement::released, now);
                return f;
            }
        }
        void settle(any_slot& s, const window_plan& plan, entry& e, settlement how, instant now) override {
            store_.settle(in(s), plan, e, how, now);
        }
        void reduce(any_slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) override {
            if constexpr (reducible_store<Store>)
                store_.reduce(in(s), plan, e, cost, now);
        }
        [[nodiscard]] bool hold(any_slot& s, instant until) override { return store_.hold(in(s), until); }
        void open_gate(any_slot& s) override {
            if constexpr (openable_store<Store>)
                store_.open_gate(in(s));
        }
        void tune(any_slot& s, multiplier m) override {
            if constexpr (tunable_store<Store>)
                store_.tune(in(s), m);
            else
                all_of(s).learned.factor = m;
        }
        tuner_state learn(any_slot& s, tuner_step step) override {
            if constexpr (tunable_store<Store>)
                return store_.learn(in(s), step);
            else
                return all_of(s).learned = step(all_of(s).learned);
        }
        [[nodiscard]] multiplier factor(const any_slot& s) const override {
            if constexpr (tunable_store<Store>)
                return store_.factor(all_of(s).value);
            else
                return all_of(s).learned.factor;
        }
        [[nodiscard]] key_snapshot read(any_slot& s, const window_plan& plan, instant now) override {
            key_snapshot out = store_.read(in(s), plan, now);
            if constexpr (!tunable_store<Store>)
                out.factor = all_of(s).learned.factor;
            return out;
        }
        void erase(any_slot& s, open_entries what) override {
            if constexpr (requires { store_.erase(in(s), what); })
                store_.erase(in(s), what);
            else
                store_.erase(in(s));
            all_of(s).learned = {};
        }
        [[nodiscard]] bool idle(const any_slot& s, const window_plan& plan, instant now) const override {
            const slot_of& all = all_of(s);
            if constexpr (!tunable_store<Store>) {
                if (all.learned.recovered > now || (all.learned.recovered == long_ago && !all.learned.factor.is_one()))
                    return false;
            }
            return store_.idle(all.value, plan, now);
        }
        void flush() override {
            if constexpr (requires { store_.flush(); })
                store_.flush();
        }
        [[nodiscard]] std::vector<stored_key> keys() override {
            if constexpr (listable_store<Store>)
                return store_.keys();
            else
                return {};
        }
        instant tend(bool is_idle) override {
            if constexpr (requires { store_.tend(is_idle); })
                return store_.tend(is_idle);
            return far_future;
        }
        [[nodiscard]] std::optional<store_notice> take_notice() override {
            if constexpr (requires { store_.take_notice(); })
                return store_.take_notice();
            else
                return std::nullopt;
        }

    private:
        Store store_;
    };

    std::shared_ptr<any_model> impl_;
};

static_assert(counting_store<any_store> && reducible_store<any_store> && tunable_store<any_store> &&
              openable_store<any_store> && listable_store<any_store> && presence_store<any_store>);

}  // namespace weir
