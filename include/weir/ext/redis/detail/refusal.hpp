// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/clock.hpp"
#include "weir/storage/store_error.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How a connection signs in, and what the error replies of a server mean to its operator.

namespace weir::redis::detail {

/// Appends a command of texts to what a connection will write.
inline void say(connection& to, std::initializer_list<std::string_view> parts) {
    to.out() += command(std::span{parts.begin(), parts.size()});
}
/// Appends AUTH if there is a password. Returns whether it did.
inline bool say_auth(connection& to, const redis_credentials& with) {
    if (with.password.empty())
        return false;
    if (with.user.empty())
        say(to, {"AUTH", with.password});
    else
        say(to, {"AUTH", with.user, with.password});
    return true;
}
/// What a connection to `server` signs in with.
///
/// **Errors.** `store_error` if the program's function has none.
[[nodiscard]] inline redis_credentials credentials_for(const redis_options& o, std::string_view server) {
    if (!o.credentials)
        return {o.user, o.password};
    const auto failed = [&](std::string_view why) {
        return store_error{fmt::format("redis: cannot sign in at {}: the function `credentials` of the options failed: "
                                       "{}",
                                       server, why)};
    };
    try {
        auto got = o.credentials();
        if (!got)
            throw failed(got.error().message);
        if (got->password.empty())
            throw failed("it returned no password");
        return std::move(got).value();
    } catch (const store_error&) {
        throw;
    } catch (const std::exception& e) {
        throw failed(e.what());
    } catch (...) {
        throw failed("it threw an exception");
    }
}

/// The remedy for an error reply, or nothing if the reply says none.
[[nodiscard]] inline std::string_view remedy_of(std::string_view text) noexcept {
    const std::string_view word = error_word(text);
    const auto says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
    if (says("max number of clients"))
        return "it takes no more connections; raise its maxclients, or lower pool";
    if (says("unknown command") || says("Unknown Redis command"))
        return "it does not know a command that this store needs; was EVALSHA, SCRIPT or another one renamed, or is "
               "this no Redis server?";
    if (says("without any password configured") || says("no password is set"))
        return "the server has no password for this user; leave it out";
    if (word == "NOAUTH" || says("unauthenticated"))
        return "it asks for a password; write redis://:password@host or redis://user:password@host";
    if (word == "DENIED")
        return "it is in protected mode and takes connections of its own machine alone; see the server's log";
    if (word == "READONLY" || says("-READONLY "))
        return "it is a read-only replica; name the primary server";
    if (word == "WEIRFORMAT")
        return "a newer version of weir wrote this key; use that version in all programs that share the server, or "
               "name "
               "another prefix";
    if (word == "LOADING")
        return "it is still loading its data";
    if (word == "MOVED" || word == "ASK")
        return "another node of the Cluster has the key";
    if (word == "TRYAGAIN")
        return "the Cluster is moving the key from one node to another; try again";
    if (word == "CLUSTERDOWN")
        return "the Cluster is down: a part of the hash slots has no primary server; see CLUSTER INFO";
    if (word == "MASTERDOWN")
        return "it is a replica without its primary server";
    if (word == "NOREPLICAS")
        return "it has fewer replicas than min-replicas-to-write";
    if (word == "OOM")
        return "it is out of memory; raise maxmemory";
    if (says("cluster mode"))
        return "a Cluster has only database 0; leave the number out";
    if (word == "MISCONF")
        return "it cannot save its data and refuses writes; see the server's log";
    return {};
}
/// Whether an error reply says that the user lacks a right.
[[nodiscard]] inline bool lacks_a_right(std::string_view text) noexcept {
    return error_word(text) == "NOPERM" || text.find("can't run this command") != std::string_view::npos ||
           text.find("has no permissions") != std::string_view::npos;
}

/// The commands that the user may not use. Each is tried on a key that does not exist. This needs a connection of its
/// own, because replies may be due on the present one.
[[nodiscard]] inline std::string missing_rights(const server_address& at, const redis_options& o) {
    static constexpr std::string_view fallback =
        "the user lacks a command or the keys; docs/stores/redis.md lists them";
    const std::string key = o.prefix + ":probe";
    const std::string list = key + ":s";
    const std::array<std::pair<std::string_view, std::vector<std::string_view>>, 12> probes{
        {{"TIME", {"TIME"}},
         {"GET", {"GET", key}},
         {"SET", {"SET", key, "", "PX", "1000"}},
         {"APPEND", {"APPEND", key, ""}},
         {"LPUSH", {"LPUSH", list, ""}},
         {"LINDEX", {"LINDEX", list, "0"}},
         {"LPOP", {"LPOP", list}},
         {"RPOP", {"RPOP", list}},
         {"PEXPIRE", {"PEXPIRE", list, "1000"}},
         {"DEL", {"DEL", key, list}},
         {"SCRIPT LOAD", {"SCRIPT", "LOAD", "return 1"}},
         {"EVALSHA", {"EVALSHA", "0", "0"}}}};
    try {
        connection probe;
        probe.open(at, o);
        const auto ask = [&] {
            probe.write();
            return probe.read(steady_clock{}.now() + o.connect_timeout);
        };
        if (say_auth(probe, credentials_for(o, text_of(at))))
            static_cast<void>(ask());
        std::string out;
        std::size_t count = 0;
        for (const auto& [name, parts] : probes) {
            probe.out() += command(parts);
            if (const reply r = ask(); r->type == REDIS_REPLY_ERROR && error_word(text_of(*r)) == "NOPERM") {
                out.append(out.empty() ? "the user lacks a command; give the user the command " : ", ").append(name);
                ++count;
            }
        }
        // If so many fail, the user has no right to the keys.
        return count == 0 || count > 6 ? std::string{fallback} : out;
    } catch (const store_error&) {
        return std::string{fallback};
    }
}

/// Fails if the reply is an error: closes the connection and throws `store_error`. `advice` is for errors without a
/// remedy of their own. `at` is the server of the connection.
inline void expect(connection& from, const server_address& at, const redis_options& o, const redisReply& r,
                   std::string_view what, std::string_view advice) {
    if (r.type != REDIS_REPLY_ERROR)
        return;
    // The text after the first word may repeat a secret that was sent. So it is compared, but not shown.
    const std::string text{text_of(r)};
    std::string rights;
    if (lacks_a_right(text))
        advice = rights = missing_rights(at, o);
    else if (const std::string_view remedy = remedy_of(text); !remedy.empty())
        advice = remedy;
    from.fail(fmt::format("cannot {}", what), fmt::format("the server says {}", error_word(text)), advice);
}

}  // namespace weir::redis::detail
