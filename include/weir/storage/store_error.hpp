// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"

#include <string>
#include <utility>

namespace weir {

/// The exception of a shared store's verb that was not carried out, or whose outcome is unknown.
///
/// `what()` says what was attempted, on what, and what to do. It never contains a connection text or a password.
class store_error : public exception {
public:
    explicit store_error(std::string sentence) : exception({errc::store_failed, std::move(sentence)}) {}
};

/// The request was not sent, because every connection of this process was in use. The store may work, and other
/// processes may use it. So the limiter does not decide without it.
class store_busy : public store_error {
public:
    explicit store_busy(std::string sentence) : store_error(std::move(sentence)) {}
};

}  // namespace weir
