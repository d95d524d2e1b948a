// SPDX-License-Identifier: MIT
#pragma once

#include "weir/limiter/local_limiter.hpp"
#include "weir/limiter/shared_limiter.hpp"
#include "weir/storage/store.hpp"

#include <type_traits>

namespace weir {

/// The limiter of one key of `Store`. If the log is in this process, it does one step under the key's lock; else it
/// makes a round trip.
///
/// There are two classes with one interface. A local store can read its log, so each waiter's best case is known
/// exactly, and there is no state of a call in progress. `docs/decisions/0006-two-limiters.md` has the figures.
template <class Store>
using key_limiter = std::conditional_t<Store::is_local, local_limiter<Store>, shared_limiter<Store>>;

}  // namespace weir
