// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/local_limiter.hpp"
#include "weir/limiter/shared_limiter.hpp"
#include "weir/storage/store.hpp"

#include <type_traits>

namespace weir {

/// What limits one key of `Store`: one step under the key's lock where the log is in this process, and a round trip
/// where it is not.
///
/// Two classes, and one interface: a local store knows the log, so each waiter's best case is known exactly, and no
/// state of a call under way is needed. `docs/decisions/0006-two-limiters.md` has the figures.
template <class Store>
using key_limiter = std::conditional_t<Store::is_local, local_limiter<Store>, shared_limiter<Store>>;

}  // namespace weir
