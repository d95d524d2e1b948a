// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/error.hpp"

#include <string>
#include <utility>

namespace weir {

/// What a verb of a shared store throws when it was not carried out, or when nobody knows whether it was.
///
/// `what()` says what was attempted, on what, and what to do; never a connection text or a password.
class store_error : public exception {
public:
    explicit store_error(std::string sentence) : exception({errc::store_failed, std::move(sentence)}) {}
};

}  // namespace weir
