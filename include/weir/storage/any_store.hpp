// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/store.hpp"

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"
#include "weir/core/tuner_state.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

/// A shared store whose kind is chosen at run time. Copies are the same store.
///
/// It does what the store in it does, for the price of a virtual call a verb and of one more allocation a key.
/// `open_store` makes one from a configuration; any model of the store concept that is not local may be put in.
///
/// **Thread safety.** That of the store in it. **Lifetime.** Slots are used with the store that made them, or a copy.
class any_store {
    /// What a store keeps of a key, whatever its type.
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
        explicit slot(std::unique_ptr<any_slot> held) : held_(std::move(held)) {}
        std::unique_ptr<any_slot> held_;
    };

    template <class Store>
        requires(!std::same_as<Store, any_store> && store<Store> && !Store::is_local)
    explicit any_store(Store held) : held_(std::make_shared<model<Store>>(std::move(held))) {}

    [[nodiscard]] instant now() const noexcept { return held_->now(); }
    [[nodiscard]] instant after(instant now) const noexcept { return held_->after(now); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) {
        return slot{held_->make_slot(host, role)};
    }

    // ---- verbs

    template <class Place>
    [[nodiscard]] forecast admit(slot& s, const window_plan& plan, std::int64_t cost, instant now, Place&& place,
                                 entry& out) {
        return held_->admit(*s.held_, plan, cost, now, place_view{place}, out);
    }
    [[nodiscard]] forecast count(slot& s, const window_plan& plan, std::int64_t cost, instant now) {
        return held_->count(*s.held_, plan, cost, now);
    }
    void settle(slot& s, const window_plan& plan, entry& e, settlement how, instant now) {
        held_->settle(*s.held_, plan, e, how, now);
    }
    void reduce(slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) {
        held_->reduce(*s.held_, plan, e, cost, now);
    }
    [[nodiscard]] bool hold(slot& s, instant until) { return held_->hold(*s.held_, until); }
    void tune(slot& s, multiplier m) { held_->tune(*s.held_, m); }
    tuner_state learn(slot& s, tuner_step step) { return held_->learn(*s.held_, step); }
    [[nodiscard]] multiplier factor(const slot& s) const { return held_->factor(*s.held_); }
    [[nodiscard]] reading read(slot& s, const window_plan& plan, instant now) {
        return held_->read(*s.held_, plan, now);
    }
    void erase(slot& s) { held_->erase(*s.held_); }
    [[nodiscard]] bool idle(const slot& s, const window_plan& plan, instant now) const {
        return held_->idle(*s.held_, plan, now);
    }

    /// Waits until every settlement is in the store, where a store sends them behind the caller's back.
    ///
    /// **Errors.** `store_error`.
    void flush() { held_->flush(); }

private:
    /// A caller's place in flight, for the length of one call.
    class place_view {
    public:
        template <class Place>
            requires(!std::same_as<std::remove_cvref_t<Place>, place_view>)
        explicit place_view(Place& place) noexcept
            : place_(const_cast<std::remove_cv_t<Place>*>(&place)),
              take_([](void* p) { return static_cast<bool>(static_cast<Place*>(p)->take()); }),
              give_back_([](void* p) noexcept { static_cast<Place*>(p)->give_back(); }) {}

        [[nodiscard]] bool take() const { return take_(place_); }
        void give_back() const noexcept { give_back_(place_); }

    private:
        void* place_;
        bool (*take_)(void*);
        void (*give_back_)(void*) noexcept;
    };

    struct any_model {
        any_model() = default;
        any_model(const any_model&) = delete;
        any_model& operator=(const any_model&) = delete;
        virtual ~any_model() = default;

        [[nodiscard]] virtual instant now() const noexcept = 0;
        [[nodiscard]] virtual instant after(instant now) const noexcept = 0;
        [[nodiscard]] virtual std::unique_ptr<any_slot> make_slot(std::string_view host, std::string_view role) = 0;
        [[nodiscard]] virtual forecast admit(any_slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                             place_view place, entry& out) = 0;
        [[nodiscard]] virtual forecast count(any_slot& s, const window_plan& plan, std::int64_t cost, instant now) = 0;
        virtual void settle(any_slot& s, const window_plan& plan, entry& e, settlement how, instant now) = 0;
        virtual void reduce(any_slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) = 0;
        [[nodiscard]] virtual bool hold(any_slot& s, instant until) = 0;
        virtual void tune(any_slot& s, multiplier m) = 0;
        virtual tuner_state learn(any_slot& s, tuner_step step) = 0;
        [[nodiscard]] virtual multiplier factor(const any_slot& s) const = 0;
        [[nodiscard]] virtual reading read(any_slot& s, const window_plan& plan, instant now) = 0;
        virtual void erase(any_slot& s) = 0;
        [[nodiscard]] virtual bool idle(const any_slot& s, const window_plan& plan, instant now) const = 0;
        virtual void flush() = 0;
    };

    template <class Store>
    struct model final : any_model {
        struct slot_of final : any_slot {
            explicit slot_of(typename Store::slot s) : value(std::move(s)) {}
            typename Store::slot value;
        };

        explicit model(Store held) : store_(std::move(held)) {}

        [[nodiscard]] static typename Store::slot& in(any_slot& s) noexcept { return static_cast<slot_of&>(s).value; }
        [[nodiscard]] static const typename Store::slot& in(const any_slot& s) noexcept {
            return static_cast<const slot_of&>(s).value;
        }

        [[nodiscard]] instant now() const noexcept override { return store_.now(); }
        [[nodiscard]] instant after(instant now) const noexcept override { return store_.after(now); }
        [[nodiscard]] std::unique_ptr<any_slot> make_slot(std::string_view host, std::string_view role) override {
            return std::make_unique<slot_of>(store_.make_slot(host, role));
        }
        [[nodiscard]] forecast admit(any_slot& s, const window_plan& plan, std::int64_t cost, instant now,
                                     place_view place, entry& out) override {
            return store_.admit(in(s), plan, cost, now, place, out);
        }
        [[nodiscard]] forecast count(any_slot& s, const window_plan& plan, std::int64_t cost, instant now) override {
            return store_.count(in(s), plan, cost, now);
        }
        void settle(any_slot& s, const window_plan& plan, entry& e, settlement how, instant now) override {
            store_.settle(in(s), plan, e, how, now);
        }
        void reduce(any_slot& s, const window_plan& plan, entry& e, std::int64_t cost, instant now) override {
            store_.reduce(in(s), plan, e, cost, now);
        }
        [[nodiscard]] bool hold(any_slot& s, instant until) override { return store_.hold(in(s), until); }
        void tune(any_slot& s, multiplier m) override { store_.tune(in(s), m); }
        tuner_state learn(any_slot& s, tuner_step step) override { return store_.learn(in(s), step); }
        [[nodiscard]] multiplier factor(const any_slot& s) const override { return store_.factor(in(s)); }
        [[nodiscard]] reading read(any_slot& s, const window_plan& plan, instant now) override {
            return store_.read(in(s), plan, now);
        }
        void erase(any_slot& s) override { store_.erase(in(s)); }
        [[nodiscard]] bool idle(const any_slot& s, const window_plan& plan, instant now) const override {
            return store_.idle(in(s), plan, now);
        }
        void flush() override {
            if constexpr (requires { store_.flush(); })
                store_.flush();
        }

    private:
        // A model may lack a const where the concept asks for none; what is const here says nothing about it.
        mutable Store store_;
    };

    std::shared_ptr<any_model> held_;
};

static_assert(store<any_store>);

}  // namespace weir
