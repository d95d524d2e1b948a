// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"

#include <string>
#include <utility>

namespace weir {

/// What a verb of a shared store throws when it was not carried out, or when it is not known whether it was.
///
/// `what()` says what was attempted, on what, and what to do; never a connection text or a password.
class store_error : public exception {
public:
    explicit store_error(std::string sentence) : exception({errc::store_failed, std::move(sentence)}) {}
};

/// The store may be well: the request waited for this process's own connections and never left. The limiter then does
/// not decide without the store, because other processes go on using it.
class store_busy : public store_error {
public:
    explicit store_busy(std::string sentence) : store_error(std::move(sentence)) {}
};

}  // namespace weir
