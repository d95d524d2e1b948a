// SPDX-License-Identifier: MIT
#pragma once

#include "arrivals.hpp"
#include "options.hpp"
#include "pages.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// The HTTP side: reads a request, lets it travel, has it judged, and answers.
namespace origin {

namespace detail {

/// Number of the connection this thread serves; httplib keeps a connection on one thread from accept to close.
inline thread_local std::uint64_t current_connection = 0;

/// True between the judgement of a request and the end of its response.
inline thread_local bool judged = false;

/// httplib's pool, which is final in newer versions, with numbers for connections.
class counting_pool final : public httplib::TaskQueue {
public:
    counting_pool(std::size_t threads, std::atomic<std::uint64_t>& connections)
        : pool_{threads}, connections_{connections} {}

    // Returns void in older versions of httplib and bool in newer ones.
    auto enqueue(std::function<void()> serve)
        -> decltype(std::declval<httplib::TaskQueue&>().enqueue(std::move(serve))) override {
        return pool_.enqueue([number = ++connections_, serve = std::move(serve)] {
            current_connection = number;
            judged = false;
            serve();
        });
    }

    void shutdown() override { pool_.shutdown(); }
    void on_idle() override { pool_.on_idle(); }

private:
    httplib::ThreadPool pool_;
    std::atomic<std::uint64_t>& connections_;
};

class http_listener final : public httplib::Server {
public:
    // httplib asks for a backlog of 5: a burst of new connections would wait a second for its second SYN.
    void widen_backlog() const { (void)::listen(svr_sock_, 1024); }
};

}  // namespace detail

/// Random time a request spends under way, from one seeded sequence.
class latency_source {
public:
    explicit latency_source(const options& settings)
        : mean_{static_cast<double>(settings.latency_mean.count())}, sigma_{settings.latency_sigma},
          random_{settings.catalogue.seed ^ 0x6c6174656e6379u} {}

    [[nodiscard]] nanos draw() {
        if (mean_ <= 0) {
            return nanos{0};
        }
        const std::lock_guard lock{mutex_};
        return nanos{std::llround(std::min(random_.log_normal(mean_, sigma_), 3.6e12))};
    }

private:
    double mean_;
    double sigma_;
    std::mutex mutex_;
    generator random_;
};

/// Binds every listener, serves until `stop`.
class server {
public:
    /// **Errors:** throws when an address cannot be bound.
    explicit server(const options& settings) : settings_{settings}, latency_{settings} {
        for (const address& wanted : settings.listen) {
            auto http = std::make_unique<detail::http_listener>();
            configure(*http, listeners_.size());
            const std::string host = wanted.host.starts_with('[') && wanted.host.ends_with(']')
                                         ? wanted.host.substr(1, wanted.host.size() - 2)
                                         : wanted.host;
            int port = wanted.port;
            if (port == 0) {
                port = http->bind_to_any_port(host);
            } else if (!http->bind_to_port(host, port)) {
                port = -1;
            }
            if (port <= 0) {
                throw std::runtime_error{fmt::format("cannot listen on {}:{}", wanted.host, wanted.port)};
            }
            http->widen_backlog();
            names_.push_back(fmt::format("{}:{}", wanted.host, port));
            listeners_.push_back(std::move(http));
        }
    }

    /// `host:port` of every listener, with the real ports.
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

    /// Starts serving; returns at once. **Lifetime:** both arguments outlive the server.
    void start(const site& pages, gatekeeper& gate) {
        pages_ = &pages;
        gate_ = &gate;
        for (auto& http : listeners_) {
            threads_.emplace_back([&one = *http] { one.listen_after_bind(); });
        }
        for (auto& http : listeners_) {
            while (!http->is_running()) {
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }
    }

    /// Accepts no more, and waits up to `grace` for the requests in hand. Idle connections may still hold their
    /// threads, so the process should end rather than destroy the server.
    void stop(nanos grace) {
        for (auto& http : listeners_) {
            http->stop();
        }
        const auto limit = std::chrono::steady_clock::now() + grace;
        while (in_hand_ > 0 && std::chrono::steady_clock::now() < limit) {
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
        }
    }

private:
    using response_state = httplib::Server::HandlerResponse;

    void configure(detail::http_listener& http, std::size_t index) {
        http.new_task_queue = [this] { return new detail::counting_pool{settings_.threads, connections_}; };
        http.set_tcp_nodelay(true);
        http.set_keep_alive_max_count(1'000'000'000);
        http.set_keep_alive_timeout(
            std::max<std::time_t>(1, std::chrono::ceil<std::chrono::seconds>(settings_.keep_alive).count()));
        // The default also sets SO_REUSEPORT, with which two servers would share a port unnoticed.
        http.set_socket_options([](auto socket) {
            const int yes = 1;
            ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        http.set_pre_routing_handler([this, index](const httplib::Request& in, httplib::Response& out) {
            if (in.method != "GET" && in.method != "HEAD") {
                return response_state::Unhandled;  // its body has to be read first
            }
            serve(index, in, out);
            return response_state::Handled;
        });
        const auto refuse = [this, index](const httplib::Request& in, httplib::Response& out) {
            serve(index, in, out);
        };
        http.Post(".*", refuse).Put(".*", refuse).Patch(".*", refuse).Delete(".*", refuse).Options(".*", refuse);
        // httplib answers a Range it cannot read with 416 before any handler has run; such a field is to be ignored.
        http.set_error_handler(
            httplib::Server::HandlerWithResponse{[this, index](const httplib::Request& in, httplib::Response& out) {
                if (out.status != 416 || detail::judged) {
                    return response_state::Unhandled;
                }
                serve(index, in, out);
                return response_state::Handled;
            }});
        http.set_post_routing_handler([](const httplib::Request&, httplib::Response&) { detail::judged = false; });
    }

    void serve(std::size_t index, const httplib::Request& in, httplib::Response& out) {
        struct counted {
            std::atomic<int>& count;
            explicit counted(std::atomic<int>& c) : count{c} { ++count; }
            ~counted() { --count; }
        } const in_hand{in_hand_};
        detail::judged = true;
        // Ranges are answered here; left in place, httplib would cut every body, a 429 included. The request object
        // itself is not const, only the handler's view of it.
        const_cast<httplib::Request&>(in).ranges.clear();

        if (in.path == "/healthz") {
            write(out, {200, "text/plain", "ok\n"}, std::chrono::system_clock::now());
            return;
        }
        if (in.path == "/stats") {
            write(out, {200, "application/json", gate_->stats().dump() + "\n"}, std::chrono::system_clock::now());
            return;
        }

        const nanos latency = latency_.draw();
        const nanos before{std::llround(static_cast<double>(latency.count()) * settings_.latency_before)};
        std::this_thread::sleep_for(before);
        const request asked{in.method, in.path, {in.params.begin(), in.params.end()}, [&in](const char* name) {
                                return in.get_header_value(name);
                            }};
        reply answer = pages_->answer(asked);
        const verdict decided =
            gate_->judge({index, role_of(in.path), in.method, in.target, detail::current_connection, answer.status});
        if (decided.wait > nanos{0}) {
            answer = refusal(decided);
        }
        std::this_thread::sleep_for(latency - before);
        write(out, std::move(answer), decided.at);
    }

    [[nodiscard]] reply refusal(const verdict& decided) const {
        const auto seconds = std::max(std::chrono::seconds{1}, std::chrono::ceil<std::chrono::seconds>(decided.wait));
        const nlohmann::ordered_json body{{"type", "about:blank"},
                                          {"title", "Too Many Requests"},
                                          {"status", 429},
                                          {"detail", "a rate limit of this host is exhausted"}};
        reply out{429, "application/problem+json", body.dump() + "\n"};
        if (settings_.retry == retry_after::delta) {
            out.headers.emplace_back("Retry-After", std::to_string(seconds.count()));
        } else if (settings_.retry == retry_after::date) {
            // Dates have whole seconds: round the moment itself up, or it could name one that is too early.
            const auto until = std::chrono::ceil<std::chrono::seconds>(decided.at + decided.wait);
            out.headers.emplace_back("Retry-After", imf_fixdate(until));
        }
        return out;
    }

    static void write(httplib::Response& out, reply answer, wall_time at) {
        out.status = answer.status;
        out.set_header("Date", imf_fixdate(at));
        for (const auto& [name, value] : answer.headers) {
            out.set_header(name.c_str(), value);
        }
        if (!answer.body.empty() || answer.status == 416) {
            out.set_content(answer.body, answer.type.c_str());
        }
    }

    const options& settings_;
    latency_source latency_;
    const site* pages_ = nullptr;
    gatekeeper* gate_ = nullptr;
    std::atomic<std::uint64_t> connections_{0};
    std::atomic<int> in_hand_{0};
    std::vector<std::string> names_;
    std::vector<std::unique_ptr<detail::http_listener>> listeners_;
    std::vector<std::thread> threads_;
};

}  // namespace origin
