// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/algorithm/window_plan.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace weir_test {

/// The five verbs of a shared store, and nothing beyond: it neither counts nor lends nor learns. Copies are the same
/// store where copies of `Store` are.
template <class Store>
class plain_store {
public:
    using slot = typename Store::slot;
    static constexpr bool is_local = false;

    explicit plain_store(Store all) : all_(std::move(all)) {}

    [[nodiscard]] weir::instant now() const noexcept { return all_.now(); }
    [[nodiscard]] weir::instant after(weir::instant now) const noexcept { return all_.after(now); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) { return all_.make_slot(host, role); }
    [[nodiscard]] bool idle(const slot& s, const weir::window_plan& plan, weir::instant now) const {
        return all_.idle(s, plan, now);
    }
    [[nodiscard]] weir::assessment admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                                         weir::entry& out) {
        return all_.admit(s, plan, cost, now, out);
    }
    void settle(slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        all_.settle(s, plan, e, how, now);
    }
    [[nodiscard]] bool hold(slot& s, weir::instant until) { return all_.hold(s, until); }
    [[nodiscard]] weir::key_snapshot read(slot& s, const weir::window_plan& plan, weir::instant now) {
        return all_.read(s, plan, now);
    }
    void erase(slot& s) { all_.erase(s); }

private:
    Store all_;
};

}  // namespace weir_test
