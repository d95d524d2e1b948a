// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/loss_watch.hpp"
#include "weir/ext/redis/detail/primary.hpp"
#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/server_clock.hpp"
#include "weir/ext/redis/detail/session.hpp"
#include "weir/ext/redis/detail/store_setup.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/storage/remote/session_pool.hpp"
#include "weir/storage/store_notice.hpp"

#include <utility>

namespace weir::redis::detail {

/// What this process has for one primary server: its connections, its clock, and what is known of its losses. A store
/// without a Cluster has one shard. If another server takes over, the shard stays and its primary moves.
struct shard {
    template <class... Where>
    shard(const redis_options* o, rerouting* others, notice_board* notices, Where&&... at)
        : where(o, std::forward<Where>(at)...), losses(&where, notices),
          pool(pool_of(*o), {}, o, &where, &losses, others) {}

    primary where;
    loss_watch losses;
    server_clock clock;
    remote::session_pool<session> pool;
};

}  // namespace weir::redis::detail
