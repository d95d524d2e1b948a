// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/refusal.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/core/text.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::redis::detail {

/// Connects to a Sentinel, signs in, sends one command and returns its reply.
///
/// **Errors.** `store_error`.
[[nodiscard]] inline reply ask_sentinel(connection& to, const server_address& at, const redis_options& o,
                                        std::initializer_list<std::string_view> words, std::string_view advice) {
    to.open(at, o);
    to.set_timeout(o.connect_timeout);
    const bool signs_in = say_auth(to, {o.sentinel_user, o.sentinel_password});
    say(to, words);
    to.write();
    const instant deadline = steady_clock{}.now() + o.connect_timeout;
    const auto check = [&](const reply& r, std::string_view what, std::string_view remedy) {
        if (r->type != REDIS_REPLY_ERROR)
            return;
        const std::string_view text = text_of(*r);
        if (text.find("unknown command") != std::string_view::npos)
            remedy = "it is no Sentinel; Sentinels listen at port 26379";
        else if (error_word(text) == "NOAUTH")
            remedy = "it asks for a password; write sentinel_password=";
        const std::string word{error_word(text)};
        to.fail(fmt::format("cannot {}", what), fmt::format("the Sentinel says {}", word), remedy);
    };
    if (signs_in)
        check(to.read(deadline), "sign in", "check sentinel_user and sentinel_password");
    reply out = to.read(deadline);
    check(out, "ask for the primary server", advice);
    return out;
}
/// The address of the primary server; nothing if the Sentinel does not know it.
[[nodiscard]] inline std::optional<server_address> primary_at(const server_address& sentinel, const redis_options& o) {
    connection to;
    const reply named = ask_sentinel(to, sentinel, o, {"SENTINEL", "get-master-addr-by-name", o.service},
                                     "give the user the command SENTINEL get-master-addr-by-name");
    if (named->type != REDIS_REPLY_ARRAY || named->elements != 2)
        return std::nullopt;
    const auto port = whole_number(text_of(*named->element[1]), 65'535);
    if (!port || *port == 0)
        return std::nullopt;
    return server_address{std::string{text_of(*named->element[0])}, static_cast<std::uint16_t>(*port)};
}

/// A subscription to the failovers that a Sentinel announces. The old primary server may live on for seconds as if
/// nothing had happened, and the connections to it too. They must end when the new one is announced.
///
/// **Thread safety.** None.
class sentinel_watch {
public:
    explicit sentinel_watch(const redis_options* options) : options_(*options) {}

    /// Subscribes if there is no subscription, at the first Sentinel that answers. Returns whether it did.
    bool begin() {
        const instant now = steady_clock{}.now();
        if (to_.is_open() || now < retry_at_)
            return false;
        for (const server_address& at : addresses_of(options_)) {
            try {
                static_cast<void>(ask_sentinel(to_, at, options_, {"SUBSCRIBE", "+switch-master"}, "see its log"));
                pause_ = first_pause;
                return true;
            } catch (const store_error&) {
                // The next one. Without a subscription a failover is noticed when a connection breaks.
            }
        }
        retry_at_ = steady_clock{}.now() + pause_;
        pause_ = std::min(2 * pause_, last_pause);
        return false;
    }
    /// Whether a failover was announced, or may have been while there was no subscription. Costs a system call.
    [[nodiscard]] bool has_news() {
        if (!to_.is_open())
            return begin();
        bool out = false;
        try {
            while (const reply r = to_.read_without_waiting())
                if (r->type == REDIS_REPLY_ARRAY && r->elements == 3)
                    out = text_of(*r->element[2]).starts_with(options_.service + " ") || out;
        } catch (const store_error&) {
            out = begin();
        }
        return out;
    }

private:
    static constexpr duration first_pause = std::chrono::seconds{1};
    static constexpr duration last_pause = std::chrono::seconds{30};

    const redis_options& options_;
    connection to_;
    instant retry_at_ = long_ago;
    duration pause_ = first_pause;
};

}  // namespace weir::redis::detail
