// SPDX-License-Identifier: MIT
#pragma once

#include "weir/algorithm/admission.hpp"
#include "weir/core/time.hpp"

namespace weir::sqlite::detail {

/// The times of one step: the key's, the file's and this process's.
struct moment {
    instant base;  ///< the file's time
    instant t;     ///< the key's time: the file's, not before its newest stamp
    instant here;
    bool injected;

    [[nodiscard]] instant local(instant at) const noexcept {
        return injected || at >= far_future || at <= long_ago ? at : here + (at - t);
    }
    [[nodiscard]] assessment local(assessment f) const noexcept {
        f.at = local(f.at);
        return f;
    }
    [[nodiscard]] instant there(instant at) const noexcept {
        return at <= here ? t - (here - at) : saturating_add(t, at - here);
    }
};

}  // namespace weir::sqlite::detail
