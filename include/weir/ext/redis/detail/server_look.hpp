// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/epoch.hpp"
#include "weir/ext/redis/detail/loss_watch.hpp"
#include "weir/ext/redis/detail/primary.hpp"
#include "weir/ext/redis/detail/refusal.hpp"
#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::redis::detail {

/// One look at the server of a connection: its time, its settings, its role and its epoch. `ask` and `say_next` only
/// append to what the connection will write; `read` and `read_next` read the replies.
///
/// **Thread safety.** None. **Errors.** Members throw `store_error`; then the connection is closed.
class server_look {
public:
    server_look(connection* of, const server_address* at, const redis_options* options, const primary* where,
                loss_watch* losses, rerouting* others)
        : connection_(*of), at_(*at), options_(*options), primary_(*where), losses_(*losses), rerouting_(*others) {}

    void ask() {
        key_ = primary_.own_key("epoch");
        say(connection_, {"TIME"});
        say(connection_, {"GET", key_});
        say(connection_, {"PEXPIRE", key_, epoch_life});
        say(connection_, {"INFO"});
        say(connection_, {"INFO", "commandstats"});
    }
    /// `time` is the first reply.
    void read(reply time, instant deadline) {
        // A server at its connection limit sends only that error.
        if (text_of(*time).find("unknown command") == std::string_view::npos)
            require(time, "read its clock", "give the user the command TIME");
        const reply epoch = connection_.read(deadline);
        const reply life = connection_.read(deadline);
        const reply info = connection_.read(deadline);
        const reply commands = connection_.read(deadline);
        if (info->type != REDIS_REPLY_ERROR)
            facts_ = facts_of(text_of(*info), commands->type == REDIS_REPLY_ERROR ? "" : text_of(*commands));
        if (facts_.is_sentinel)
            connection_.fail("cannot keep keys", "it is a Sentinel",
                             "name the primary server, which it watches, or write redis+sentinel://host:port/service");
        require(time, "read its clock", "give the user the command TIME");
        facts_.node = primary_.id();
        is_there_ = epoch->type != REDIS_REPLY_NIL;
        for (const reply* r : {&epoch, &life})
            if ((*r)->type == REDIS_REPLY_ERROR && away_ == detour::none)
                away_ = redirection_of(text_of(**r), at_).kind;
        const std::string_view text = text_of(*epoch);
        if (away_ == detour::none && (epoch->type != REDIS_REPLY_ERROR || error_word(text) != "WRONGTYPE")) {
            require(epoch, "read the epoch", "give the user the command GET");
            found_ = epoch_of(text);
        }
        if (away_ == detour::none)
            require(life, "renew the epoch", "give the user the command PEXPIRE");
        if (time->type == REDIS_REPLY_ARRAY && time->elements == 2)
            now_ = info_number(text_of(*time->element[0])) * 1'000'000 + info_number(text_of(*time->element[1]));
    }
    /// Fails if the server is none that the options name.
    void check_layout(bool must_be_primary) {
        const bool is_cluster = facts_.is_cluster || away_ == detour::moved || away_ == detour::ask;
        if (is_cluster && !primary_.is_node())
            turn_away("the server is a node of a Cluster, whose map is not known yet", {detour::cluster, 0, at_});
        if (options_.layout == redis_layout::cluster && facts_.are_known && !is_cluster)
            connection_.fail("cannot use it as a Cluster", "it is a server of its own",
                             "write redis:// instead of redis+cluster://");
        if (facts_.is_replica && primary_.is_node())
            turn_away("the server is a replica now", {detour::not_primary, 0, {}});
        if (facts_.is_replica && must_be_primary)
            connection_.fail("cannot keep keys", "it is a replica", "the primary server is another one");
        if (away_ != detour::none && primary_.is_node())
            rerouting_.set_old(true);
    }
    /// Appends the next epoch if it differs from the present one.
    void say_next() {
        const last_look last = losses_.last();
        const std::string fresh = losses_.fresh_epoch();
        next_ = primary_.is_node() ? next_node_epoch(found_, facts_, now_, last, key_, fresh)
                                   : next_epoch(found_, facts_, now_, last.record.id, fresh);
        if (found_ == next_.record || away_ != detour::none)
            return;
        // If several processes find no epoch, only one makes it.
        const std::string text = text_of(next_.record);
        if (is_there_)
            say(connection_, {"SET", key_, text, "PX", epoch_life});
        else
            say(connection_, {"SET", key_, text, "NX", "PX", epoch_life});
        say(connection_, {"GET", key_});
    }
    /// Compares the epoch. Returns false if it could not be read, so that the next call has to look again.
    [[nodiscard]] bool read_next(instant deadline) {
        if (away_ != detour::none)
            return false;
        epoch_record is = next_.record;
        if (found_ != next_.record) {
            const reply set = connection_.read(deadline);
            const reply epoch = connection_.read(deadline);
            // Its hash slot may have begun to move since it was read.
            if (set->type == REDIS_REPLY_ERROR && primary_.is_node() &&
                redirection_of(text_of(*set), at_).kind != detour::none) {
                rerouting_.set_old(true);
                return false;
            }
            require(set, "write the epoch", "name the primary server, with a user that may write");
            require(epoch, "read the epoch", "give the user the command GET");
            is = epoch_of(text_of(*epoch)).value_or(next_.record);
        }
        losses_.compare(is, key_, now_, facts_, is.id == next_.record.id ? next_.reason : std::string_view{});
        return true;
    }

private:
    static constexpr std::string_view epoch_life = "2764800000";  // 32 days

    void require(const reply& r, std::string_view what, std::string_view advice) {
        expect(connection_, at_, options_, *r, what, advice);
    }
    [[noreturn]] void turn_away(std::string_view why, redirection where) {
        connection_.close();
        throw redirected{fmt::format("redis: cannot use {}: {}; try again", connection_.server(), why),
                         std::move(where)};
    }

    connection& connection_;
    const server_address& at_;
    const redis_options& options_;
    const primary& primary_;
    loss_watch& losses_;
    rerouting& rerouting_;
    std::string key_;  // the epoch's name
    std::int64_t now_ = 0;
    bool is_there_ = false;  // the key exists, whether its value is an epoch or not
    // Why the epoch can not be used here: its hash slot is moving, or has moved, or this is a replica.
    detour away_ = detour::none;
    std::optional<epoch_record> found_;
    server_facts facts_;
    epoch_step next_;
};

}  // namespace weir::redis::detail
