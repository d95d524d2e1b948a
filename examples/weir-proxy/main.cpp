// SPDX-License-Identifier: MIT
//
// A proxy for programs in any language: weir's limits and cache behind one base URL.
#include "options.hpp"
#include "relay.hpp"
#include "stores.hpp"
#include "version_line.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/ext/curl/transport.hpp"
#include "weir/ext/yaml/configure.hpp"
#include "weir/http/cached.hpp"
#include "weir/http/limited.hpp"
#include "weir/limiter/refused.hpp"
#include "weir/registry/open_store.hpp"
#include "weir/registry/registry.hpp"
#if WEIR_HAS_IDN2
#include "weir/ext/idn2/idn2.hpp"
#endif
#if WEIR_HAS_SQLITE
#include "weir/ext/sqlite/cache_storage.hpp"
#endif

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace proxy {
namespace {

namespace http = weir::http;
using tcp = boost::asio::ip::tcp;
using registry = weir::registry<weir::any_store>;

#if WEIR_HAS_IDN2
constexpr weir::idna_function idna = &weir::idn2::to_ascii;
#else
constexpr weir::idna_function idna = nullptr;
#endif

/// Sends a request through the layers that the options ask for.
using sender = std::function<void(const http::request&, http::receiver&)>;

template <class Transport>
sender with_cache(std::shared_ptr<Transport> below, const options& wanted) {
    const auto through = [](auto cache) {
        return [cache](const http::request& what, http::receiver& to) { cache->send(what, to); };
    };
    struct shared {
        std::shared_ptr<Transport> below;
        void send(const http::request& what, http::receiver& to) { below->send(what, to); }
    };
    if (wanted.cache == "off")
        return through(below);
    if (wanted.cache == "memory")
        return through(std::make_shared<http::cached<shared>>(shared{below}, http::memory_storage{wanted.cache_bytes}));
#if WEIR_HAS_SQLITE
    using stored = http::cached<shared, weir::sqlite::cache_storage>;
    return through(std::make_shared<stored>(
        shared{below}, weir::sqlite::cache_storage{wanted.cache, static_cast<std::int64_t>(wanted.cache_bytes)}));
#else
    throw usage_error{"--cache: this program was built without SQLite; give memory or off"};
#endif
}

/// The URL that a client asks for; empty if it names none.
std::string target_of(const client_request& asked, const options& wanted) {
    const std::string_view target{asked.target().data(), asked.target().size()};
    if (target.starts_with("http://"))
        return std::string{target};
    if (!wanted.upstream.empty())
        return wanted.upstream + std::string{target};
    // Some clients make one slash of two in a path.
    for (const std::string_view scheme : {"https:/", "http:/"})
        if (target.substr(1).starts_with(scheme)) {
            std::string_view rest = target.substr(1 + scheme.size());
            if (rest.starts_with('/'))
                rest.remove_prefix(1);
            return fmt::format("{}/{}", scheme, rest);
        }
    return {};
}

http::request request_of(const client_request& asked, std::string url, const options& wanted) {
    http::request out{.method = std::string{asked.method_string().data(), asked.method_string().size()},
                      .url = std::move(url),
                      .body = asked.body(),
                      .role = wanted.role};
    std::string listed;
    for (const auto& field : asked)
        if (field.name() == beast::http::field::connection)
            listed.append(",").append(field.value().data(), field.value().size());
    for (const auto& field : asked) {
        const std::string_view name{field.name_string().data(), field.name_string().size()};
        const std::string_view value{field.value().data(), field.value().size()};
        using weir::detail::same_ignoring_case;
        if (same_ignoring_case(name, "X-Weir-Role"))
            out.role = value;
        else if (!of_one_connection(name, listed) && !same_ignoring_case(name, "Host") &&
                 !same_ignoring_case(name, "Content-Length") && !same_ignoring_case(name, "Expect"))
            out.headers.add(name, value);
    }
    return out;
}

/// One request: sends it, or answers with what is wrong.
void serve(const client_request& asked, const options& wanted, const sender& send, relay& to) {
    if (asked.method() == beast::http::verb::connect)
        return to.answer(501,
                         "weir-proxy makes the TLS connection itself: ask for /https://HOST/PATH instead of CONNECT");
    std::string url = target_of(asked, wanted);
    if (url.empty())
        return to.answer(400, "write the URL in the path: /https://HOST/PATH; or start weir-proxy with --upstream URL");
    try {
        send(request_of(asked, std::move(url), wanted), to);
        to.end();
    } catch (const weir::refused& e) {
        const auto wait = std::chrono::ceil<std::chrono::seconds>(e.retry_after()).count();
        to.answer(503, e.what(), {{"Retry-After", fmt::format("{}", std::max<std::int64_t>(wait, 1))}});
    } catch (const http::transport_error& e) {
        if (to.started())
            throw;
        const bool own = e.reason() == http::transport_errc::bad_request;
        to.answer(own ? 400 : e.reason() == http::transport_errc::timeout ? 504 : 502, e.what());
    } catch (const weir::exception& e) {
        if (to.started())
            throw;
        to.answer(400, e.what());
    }
}

/// All requests of one client.
void converse(client_socket socket, const options& wanted, const sender& send) {
    boost::system::error_code fault;
    socket.set_option(tcp::no_delay{true}, fault);
    beast::flat_buffer buffer{std::size_t{1} << 20U};
    for (;;) {
        beast::http::request_parser<beast::http::string_body> parser;
        parser.body_limit(wanted.max_body);
        beast::http::read_header(socket, buffer, parser, fault);
        if (!fault && beast::iequals(parser.get()[beast::http::field::expect], "100-continue"))
            boost::asio::write(socket, boost::asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), fault);
        if (!fault)
            beast::http::read(socket, buffer, parser, fault);
        if (fault == beast::http::error::end_of_stream || (fault && !parser.got_some()))
            return;
        client_request asked = parser.release();
        relay to{socket, asked};
        if (fault) {
            asked.keep_alive(false);
            relay last{socket, asked};
            return last.answer(fault == beast::http::error::body_limit ? 413 : 400, fault.message());
        }
        try {
            serve(asked, wanted, send, to);
        } catch (const std::exception& e) {
            // The client sees a response that ends too early.
            fmt::print(stderr, "weir-proxy: {}\n", e.what());
            return;
        }
        if (!to.usable())
            return;
    }
}

int run(const options& wanted, const weir::yaml::configured& made) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    const weir::configuration& config = *made;
    registry limits{weir::open_store(config.backend(), weir::tools::built_in()).value(), config, {}, {.idna = idna}};
    weir::curl::options wire{.timeout = std::chrono::minutes{10}, .idna = idna};
    wire.user_agent = wanted.user_agent.empty() ? std::string{"weir-proxy/"} + weir::version : wanted.user_agent;
    const auto transport = std::make_shared<weir::curl::transport>(wire);
    using limited = http::limited<weir::curl::transport&, registry>;
    const sender send = config.disabled() ? with_cache(transport, wanted)
                                          : with_cache(std::make_shared<limited>(*transport, limits), wanted);

    boost::asio::io_context io;
    tcp::acceptor acceptor{io, {boost::asio::ip::make_address(wanted.host), wanted.port}};
    fmt::print("weir-proxy: listening on http://{}:{}/\n", wanted.host, acceptor.local_endpoint().port());
    std::fflush(stdout);

    // Bounded: a client beyond the number waits in the system's queue.
    std::counting_semaphore<> free{static_cast<std::ptrdiff_t>(wanted.max_connections)};
    std::thread{[&] {
        for (;;) {
            free.acquire();
            boost::system::error_code fault;
            client_socket client{io};
            acceptor.accept(client, fault);
            if (fault) {
                free.release();
                std::this_thread::sleep_for(std::chrono::milliseconds{10});  // no file descriptor is free
                continue;
            }
            std::thread{[&, client = std::move(client)]() mutable {
                converse(std::move(client), wanted, send);
                free.release();
            }}.detach();
        }
    }}.detach();

    for (int signal = 0;;) {
        sigwait(&signals, &signal);
        if (signal != SIGHUP)
            break;
        const auto fresh = weir::yaml::load(made.from);
        const auto done = limits.reload(fresh);
        fmt::print(stderr, "weir-proxy: {}\n", done ? "the new limits are in force" : done.error().message);
    }
    std::fflush(nullptr);
    std::_Exit(0);  // threads wait on idle connections
}

}  // namespace
}  // namespace proxy

int main(int argc, char** argv) {
    const auto config = weir::yaml::configure(
        argc, argv,
        {.prefix = "WEIR_RLIMIT", .environ = environ, .idna = proxy::idna, .terminal = isatty(STDOUT_FILENO) == 1});
    if (!config.explanation.empty()) {
        std::fputs(config.explanation.c_str(), stdout);
        return 0;
    }
    try {
        const proxy::options wanted =
            proxy::parse_options(std::span<const char* const>{argv + 1, static_cast<std::size_t>(argc - 1)});
        if (wanted.help) {
            fmt::print("{}{}", proxy::help_text, weir::command_line_help());
            return 0;
        }
        if (wanted.version) {
            fmt::print("{}", weir::tools::version_line("weir-proxy", weir::tools::built_in()));
            return 0;
        }
        if (!config)
            throw proxy::usage_error{config.fault_text()};
        return proxy::run(wanted, config);
    } catch (const proxy::usage_error& fault) {
        fmt::print(stderr, "weir-proxy: {}\nTry weir-proxy --help.\n", fault.what());
        return 2;
    } catch (const std::exception& fault) {
        fmt::print(stderr, "weir-proxy: {}\n", fault.what());
        return 1;
    }
}
