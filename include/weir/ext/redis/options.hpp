// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/uri.hpp"

#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::redis {

/// Where a server listens.
struct server_address {
    std::string host{};  ///< name or address
    std::uint16_t port = 6379;

    friend bool operator==(const server_address&, const server_address&) = default;
};

/// What a connection signs in with.
struct redis_credentials {
    std::string user{};  ///< an ACL user; empty = the server's default user
    std::string password{};
};

/// How the servers of the addresses work together.
enum class redis_layout : std::uint8_t {
    detect,    ///< one server, or a Cluster, which is noticed; of several addresses the primary server is used
    cluster,   ///< a Cluster; anything else is an error
    sentinel,  ///< the addresses are Sentinels, which know the primary server of `service`
};

/// The address of the server, and the options of the store. `parse_redis_dsn` makes them from text.
struct redis_options {
    std::string host = "127.0.0.1";  ///< name or address
    std::uint16_t port = 6379;
    /// Several addresses, instead of host and port: nodes of a Cluster, Sentinels, or servers of which one is the
    /// primary. They are tried in turn. A Cluster's other nodes are found.
    std::vector<server_address> addresses{};
    std::string unix_socket{};  ///< a path; if set, host, port and addresses are not used
    redis_layout layout = redis_layout::detect;
    std::string service{};            ///< the primary's name at the Sentinels
    std::string sentinel_user{};      ///< an ACL user of the Sentinels
    std::string sentinel_password{};  ///< empty = no AUTH at the Sentinels
    std::string user{};               ///< an ACL user; empty = the server's default user
    std::string password{};           ///< empty = no AUTH
    /// If set, each new connection asks it for user and password: for tokens that expire. Its error is the reason why
    /// the connection fails. It is called without a lock, from any thread that uses the store, also from two at once.
    std::function<result<redis_credentials>()> credentials{};
    int db = 0;               ///< database number; a Cluster has only 0, but in Valkey 9
    bool tls = false;         ///< `rediss://`; needs OpenSSL
    std::string ca_file{};    ///< trusted certificates (PEM); empty = the system's
    std::string cert_file{};  ///< this client's certificate and key (PEM), if the server requires one
    std::string key_file{};
    std::string prefix = "weir";  ///< all keys begin with `prefix:`; it has no braces
    std::size_t pool = 4;         ///< maximum of connections to each primary server, opened on use; at least 1
    /// The longest time that a verb waits for a connection when all are in use; 0 = not at all. A verb that gets none
    /// fails with `store_busy`, which does not mean that the store has failed.
    duration pool_wait = std::chrono::milliseconds{500};
    /// The longest time for connecting, including the greeting.
    duration connect_timeout = std::chrono::milliseconds{500};
    /// The longest time that a verb waits for its reply.
    duration command_timeout = std::chrono::milliseconds{500};
    /// After a failed connection, the next attempt is made after this time. It doubles each time, up to
    /// `reconnect_max`, and a random part of up to a half is taken off. Until then verbs fail at once.
    duration reconnect_first = std::chrono::milliseconds{10};
    duration reconnect_max = std::chrono::milliseconds{500};
    /// A permit that exists longer than this counts as answered then: its holder probably died.
    duration entry_ttl = std::chrono::minutes{10};
    /// How long after its last sign of life a process counts as alive, if it is on another machine. It gives one every
    /// third of this time.
    duration holder_ttl = std::chrono::seconds{10};
    /// The name of this machine for `holders()`; empty = the system's. Processes with different names do not look each
    /// other up in the kernel.
    std::string holder_host{};
    lost_history on_lost_history = lost_history::warm_up;
    /// The instants passed to verbs are the time, and no clock is read: for tests and replays. They are exact to the
    /// nanosecond within 104 days of `origin`.
    bool injected_time = false;
    instant origin{};
};

namespace detail {

/// The addresses of the options. A socket has its path as host, and port 0.
[[nodiscard]] inline std::vector<server_address> addresses_of(const redis_options& o) {
    if (!o.unix_socket.empty())
        return {{o.unix_socket, 0}};
    return o.addresses.empty() ? std::vector<server_address>{{o.host, o.port}} : o.addresses;
}

}  // namespace detail

/// The fault of the options, as a sentence; empty if they can be used.
[[nodiscard]] inline std::string fault_of(const redis_options& o) {
    if (o.unix_socket.find('\0') != std::string::npos)
        return "the path has a zero byte";
    for (const server_address& at : detail::addresses_of(o)) {
        if (at.host.empty())
            return o.addresses.empty() ? "there is no host; write redis://127.0.0.1:6379"
                                       : "one of the addresses has no host; write redis://a:6379,b:6379";
        if (at.host.find('\0') != std::string::npos)
            return "the host has a zero byte";
    }
    if (o.pool < 1 || o.pool > 1024)
        return fmt::format("pool is {}; it must be 1 to 1024", o.pool);
    if (o.db < 0)
        return fmt::format("db is {}; it must be 0 or more", o.db);
    if (o.password.empty() && !o.user.empty())
        return "a user is named without a password; write user:password@";
    if (o.credentials && !o.password.empty())
        return "there are a password and a function for it; leave one of them out";
    if (o.sentinel_password.empty() && !o.sentinel_user.empty())
        return "sentinel_user is named without sentinel_password";
    if (o.layout == redis_layout::sentinel && o.service.empty())
        return "the Sentinels need the name of the service; write redis+sentinel://host:26379/name";
    if (o.layout != redis_layout::sentinel && !(o.service.empty() && o.sentinel_password.empty()))
        return "a service or a Sentinel's password is named without Sentinels; write redis+sentinel://host:26379/name";
    if (o.layout == redis_layout::sentinel && !o.unix_socket.empty())
        return "Sentinels are named by host and port, not by a socket";
    if (o.prefix.empty() || o.prefix.find_first_of("{}") != std::string::npos)
        return "prefix is empty or has a brace, which would choose the Cluster slot; write prefix=weir";
    for (const auto& [name, span] :
         {std::pair{"connect_timeout_ms", o.connect_timeout}, std::pair{"command_timeout_ms", o.command_timeout},
          std::pair{"reconnect_first_ms", o.reconnect_first}, std::pair{"entry_ttl_s", o.entry_ttl},
          std::pair{"holder_ttl_ms", o.holder_ttl}})
        if (span < std::chrono::milliseconds{1})
            return fmt::format("{} is zero or negative; it must be 1 or more", name);
    if (o.pool_wait < duration::zero())
        return "pool_wait_ms is negative; 0 does not wait";
    if (o.reconnect_max < o.reconnect_first)
        return "reconnect_max_ms is less than reconnect_first_ms";
    return {};
}

namespace detail {

/// Sets the addresses. Returns the fault, or nothing.
[[nodiscard]] inline std::string set_addresses(redis_options& o, const uri& from) {
    const bool sentinel = o.layout == redis_layout::sentinel;
    o.addresses.clear();
    for (const uri::address& a : from.addresses) {
        server_address at{a.host, static_cast<std::uint16_t>(sentinel ? 26'379 : 6379)};
        if (!a.port.empty()) {
            const auto port = whole_number(a.port, 65'535);
            // A / in a password that is not encoded ends up here, so the text is not shown.
            if (!port || *port == 0)
                return fmt::format("address {} has no port from 1 to 65535; write host:6379, and %2F for a / in a "
                                   "password",
                                   o.addresses.size() + 1);
            at.port = static_cast<std::uint16_t>(*port);
        }
        if (std::ranges::find(o.addresses, at) != o.addresses.end())
            return fmt::format("address {} is named twice", o.addresses.size() + 1);
        o.addresses.push_back(std::move(at));
    }
    o.host = o.addresses.front().host;
    o.port = o.addresses.front().port;
    if (o.addresses.size() == 1 && o.layout == redis_layout::detect)
        o.addresses.clear();
    return {};
}

/// Sets the server's address. Returns its fault, or nothing.
[[nodiscard]] inline std::string set_server(redis_options& o, const uri& from) {
    std::string_view scheme = from.scheme;
    o.tls = scheme.starts_with("rediss");
    scheme.remove_prefix(std::min<std::size_t>(scheme.size(), o.tls ? 6 : 5));
    const bool is_socket = scheme == "+unix" && !o.tls;
    if (scheme == "+cluster")
        o.layout = redis_layout::cluster;
    else if (scheme == "+sentinel")
        o.layout = redis_layout::sentinel;
    if (!from.scheme.starts_with("redis") || (!scheme.empty() && o.layout == redis_layout::detect && !is_socket))
        return fmt::format("{} is no scheme of this store; write redis, redis+cluster, redis+sentinel, the same with "
                           "rediss for TLS, or redis+unix",
                           weir::detail::in_quotes(from.scheme));
    if (from.malformed)
        return "a % is not followed by two hexadecimal digits; write %25 for a percent sign";
    if (from.misplaced_user)
        return "an @ follows a / or a ?; write %2F for a / and %3F for a ? in a password";
    if (from.repeats_user)
        return "user and password are written once, before the first address; write %40 for an @ in a password";
    o.user = from.user;
    o.password = from.password;
    if (is_socket) {
        if (!(from.addresses.size() == 1 && from.addresses.front().host.empty()) || from.path.size() < 2)
            return "a socket is named by its whole path: redis+unix:///run/redis/redis.sock";
        o.unix_socket = from.path;
        return {};
    }
    if (std::string fault = set_addresses(o, from); !fault.empty())
        return fault;
    std::string_view path = from.path;
    path.remove_prefix(path.empty() ? 0 : 1);
    if (o.layout == redis_layout::sentinel) {
        o.service = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), o.service.size() + 1));
    }
    if (!path.empty()) {
        const auto db = whole_number(path, max_db);
        if (!db)
            return "the path is no database number; write /0, and parameters after a ?";
        o.db = static_cast<int>(*db);
    }
    return {};
}

/// Sets one parameter. Returns its fault, or nothing.
[[nodiscard]] inline std::string set_parameter(redis_options& o, std::string_view name, const std::string& value) {
    const auto wrong = [&](std::string_view needed) {
        return fmt::format("{}={}: {}", name, weir::detail::in_quotes(value), needed);
    };
    static constexpr std::string_view no_number = "it is no whole number in range";
    using namespace std::chrono_literals;
    struct span {
        std::string_view name;
        duration redis_options::* target;
        duration unit;
    };
    static constexpr std::array<span, 7> spans{{{"pool_wait_ms", &redis_options::pool_wait, 1ms},
                                                {"connect_timeout_ms", &redis_options::connect_timeout, 1ms},
                                                {"command_timeout_ms", &redis_options::command_timeout, 1ms},
                                                {"reconnect_first_ms", &redis_options::reconnect_first, 1ms},
                                                {"reconnect_max_ms", &redis_options::reconnect_max, 1ms},
                                                {"entry_ttl_s", &redis_options::entry_ttl, 1s},
                                                {"holder_ttl_ms", &redis_options::holder_ttl, 1ms}}};
    struct text {
        std::string_view name;
        std::string redis_options::* target;
    };
    static constexpr std::array<text, 7> texts{{{"prefix", &redis_options::prefix},
                                                {"holder_host", &redis_options::holder_host},
                                                {"sentinel_user", &redis_options::sentinel_user},
                                                {"sentinel_password", &redis_options::sentinel_password},
                                                {"ca_file", &redis_options::ca_file},
                                                {"cert_file", &redis_options::cert_file},
                                                {"key_file", &redis_options::key_file}}};

    if (const auto t = std::ranges::find(texts, name, &text::name); t != texts.end()) {
        o.*t->target = value;
        return {};
    }
    if (const auto s = std::ranges::find(spans, name, &span::name); s != spans.end()) {
        const auto n = whole_number(value, 1'000'000'000);
        if (!n)
            return wrong(no_number);
        o.*s->target = *n * s->unit;
        return {};
    }
    if (name == "on_lost_history") {
        if (value != "warm_up" && value != "ignore")
            return wrong("write warm_up or ignore");
        o.on_lost_history = value == "ignore" ? lost_history::ignore : lost_history::warm_up;
        return {};
    }
    if (name == "db" || name == "pool") {
        const auto n = whole_number(value, name == "db" ? max_db : 1024);
        if (!n)
            return wrong(no_number);
        if (name == "db")
            o.db = static_cast<int>(*n);
        else
            o.pool = static_cast<std::size_t>(*n);
        return {};
    }
    std::vector<std::string_view> known{"db", "pool", "on_lost_history"};
    std::ranges::transform(texts, std::back_inserter(known), &text::name);
    std::ranges::transform(spans, std::back_inserter(known), &span::name);
    const std::string near = closest_match(name, known);
    return fmt::format("{} is no parameter{}", weir::detail::in_quotes(name),
                       near.empty() ? std::string{} : fmt::format("; did you mean {}?", near));
}

}  // namespace detail

/// Reads one of these texts. `rediss` instead of `redis` is the same with TLS. User, password and values may be
/// percent-encoded.
///
/// - `redis://[user:password@]host[:port][,host[:port]...][/db]`: a server, a Cluster, or servers of which one is the
///   primary;
/// - `redis+cluster://[user:password@]host[:port][,...]`: a Cluster and nothing else;
/// - `redis+sentinel://[user:password@]host[:port][,...]/service[/db]`: the primary server that the Sentinels know;
/// - `redis+unix://[user:password@]/path`: a socket.
///
/// Each may have parameters, `?name=value&...`: `db`, `prefix`, `pool`, `pool_wait_ms`, `connect_timeout_ms`,
/// `command_timeout_ms`, `reconnect_first_ms`, `reconnect_max_ms`, `entry_ttl_s`, `holder_ttl_ms`,
/// `holder_host`, `on_lost_history` (`warm_up`, `ignore`), `ca_file`, `cert_file`, `key_file`, `sentinel_user`,
/// `sentinel_password`.
///
/// **Errors.** `errc::bad_configuration`; the message never repeats a password.
[[nodiscard]] inline result<redis_options> parse_redis_dsn(std::string_view dsn) {
    const auto bad = [](std::string_view what) {
        return error{errc::bad_configuration, fmt::format("redis: {}", what)};
    };
    redis_options out;
    const auto uri = detail::split_uri(dsn);
    if (!uri)
        return bad("it has no scheme; write redis://host:port/db, rediss://host:port/db, redis+cluster://host:port, "
                   "redis+sentinel://host:port/service or redis+unix:///path");
    if (std::string fault = detail::set_server(out, *uri); !fault.empty())
        return bad(fault);
    for (const auto& [name, value] : uri->parameters)
        if (std::string fault = detail::set_parameter(out, name, value); !fault.empty())
            return bad(fault);
    if (std::string fault = fault_of(out); !fault.empty())
        return bad(fault);
    return out;
}

}  // namespace weir::redis
