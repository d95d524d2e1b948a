// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/session_pool.hpp"

#include <string>

namespace weir::redis::detail {

/// The parts of commands that name a key, made once.
struct key_address {
    std::string parts;       ///< the keys of a decision, as a part of a call
    std::string tuner_part;  ///< the third key, which only some scripts need
    std::string note;        ///< the part of a note before its text
    remote::key_route route{};
};

}  // namespace weir::redis::detail
