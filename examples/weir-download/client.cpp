// SPDX-License-Identifier: MIT
#include "client.hpp"

#include "posix_file.hpp"

#include "weir/http/resuming.hpp"
#include "weir/http/retry_after.hpp"
#include "weir/http/transport_error.hpp"
#include "weir/limiter/refused.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <string_view>

namespace download {
namespace {

using namespace std::chrono_literals;
using weir::http::transport_errc;

/// How long a request stands in its key's queue before it is refused; then it comes back by itself.
constexpr weir::duration patience = 1h;

/// Sleeps, unless stop is requested; says whether it slept.
bool sleep_for(weir::duration span, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    never.wait_for(lock, stop, span, [] { return false; });
    return !stop.stop_requested();
}

/// Half a second, doubled for each attempt up to a minute, of which up to a half is left out by chance, so that workers
/// that failed together do not come back together.
weir::duration backoff(int attempt) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const std::int64_t ms = std::min<std::int64_t>(500LL << std::min(attempt - 1, 7), 60'000);
    return std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{ms / 2, ms}(random)};
}

bool worth_retrying(int status) { return status == 429 || status == 500 || (status >= 502 && status <= 504); }

bool worth_retrying(transport_errc why) {
    switch (why) {
    case transport_errc::bad_request:
    case transport_errc::tls:
    case transport_errc::cancelled:
    case transport_errc::body_too_large:
    case transport_errc::too_large:
    case transport_errc::address_refused:
    case transport_errc::too_many_redirects:
    case transport_errc::bad_redirect:
        return false;
    default:
        return true;
    }
}

}  // namespace

struct client::stack {
    using wire = recorded<weir::curl::transport>;
    using hops = weir::http::redirecting<weir::http::limited<wire&, limits>>;

    stack(weir::configuration config, weir::any_store with, traffic& record, std::optional<weir::json_lines> log,
          reporter& report_to)
        : disabled(config.disabled()), store(with),
          registry(std::move(with), std::move(config), event_sink{record, std::move(log), report_to},
                   {.idna = wire::idna}),
          to_server(
              weir::curl::transport{{.user_agent = std::string{"weir-download/"} + weir::version, .idna = wire::idna}},
              record),
          unlimited(to_server, {.idna = wire::idna}),
          limited(hops(weir::http::limited<wire&, limits>(to_server, registry), {.idna = wire::idna}), registry) {}

    void send(const weir::http::request& what, weir::http::receiver& to) {
        // Even a key without rates would hold requests back after a Retry-After: disabled is without the limiter.
        if (disabled)
            unlimited.send(what, to);
        else
            limited.send(what, to);
    }

    std::atomic<bool> disabled;
    weir::any_store store;  // the registry's
    limits registry;
    wire to_server;
    weir::http::redirecting<wire&> unlimited;
    weir::http::resuming<hops, limits> limited;
};

client::client(weir::configuration config, weir::any_store store, traffic& record, std::optional<weir::json_lines> log,
               reporter& report_to, int max_attempts)
    : stack_(std::make_unique<stack>(std::move(config), std::move(store), record, std::move(log), report_to)),
      reporter_(report_to), max_attempts_(max_attempts) {}
client::~client() = default;

weir::result<void> client::reload(const weir::resolution& fresh) {
    if (auto done = stack_->registry.reload(fresh); !done)
        return done;
    stack_->disabled = fresh->disabled();
    {
        const std::lock_guard guard{mutex_};
        ++reloads_;
    }
    reloaded_.notify_all();
    return {};
}

weir::configuration client::configuration() const { return stack_->registry.configuration(); }

void client::flush() { stack_->store.flush(); }

std::size_t client::waiting(const std::string& host, const std::string& role) {
    const auto key = stack_->registry.inspect(host, role);
    return key ? key->waiting : 0;
}

weir::http::request client::ask(std::string url, std::string role, const std::stop_token& stop) const {
    weir::http::request out;
    out.url = std::move(url);
    out.role = std::move(role);
    out.max_delay = patience;
    out.stop = stop;
    return out;
}

void client::send(const weir::http::request& what, weir::http::receiver& to) { stack_->send(what, to); }

outcome client::persist(const std::string& url, const std::stop_token& stop, const std::function<reply()>& attempt) {
    const auto stopped = [] { return outcome{outcome::kind::stopped, 0, "interrupted"}; };
    const std::string name = weir::http::printable_url(url);
    for (int attempts = 1;;) {
        if (stop.stop_requested())
            return stopped();
        std::string why;
        std::optional<weir::duration> wait;
        int status = 0;
        const std::uint64_t reloads = reloads_;
        try {
            const reply got = attempt();
            status = got.status;
            wait = got.retry_after;
            if (!got.fault.empty())
                why = got.fault;
            else if (worth_retrying(got.status))
                why = fmt::format("the server answered {}", got.status);
            else
                return {outcome::kind::done, got.status, {}};
        } catch (const weir::refused& e) {
            if (e.decision().outcome == weir::outcome::cancelled)
                return stopped();
            if (e.decision().outcome == weir::outcome::never)
                return {outcome::kind::failed, 0, e.what()};
            // Not an attempt: nothing was sent. It comes back when it may be admitted, as far as the limits of today
            // go.
            reporter_.say(log_level::info, fmt::format("{}; it waits", e.what()));
            std::unique_lock lock{mutex_};
            reloaded_.wait_for(lock, stop, std::max<weir::duration>(e.retry_after(), 50ms),
                               [&] { return reloads_ != reloads; });
            continue;
        } catch (const weir::http::transport_error& e) {
            if (stop.stop_requested())
                return stopped();
            why = e.what();
            if (!worth_retrying(e.reason()))
                return {outcome::kind::failed, 0, why};
        } catch (const weir::exception& e) {
            return {outcome::kind::failed, 0, e.what()};
        } catch (const file_error& e) {
            return {outcome::kind::failed, 0, e.what()};
        }
        if (attempts == max_attempts_)
            return {outcome::kind::failed, status,
                    attempts == 1 ? why : fmt::format("{}, the last of {} attempts", why, attempts)};
        const weir::duration pause = wait ? *wait : backoff(attempts);
        ++attempts;
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
        reporter_.say(pause > 1min ? log_level::info : log_level::debug,
                      fmt::format("{}: {}; attempt {} in {} ms", name, why, attempts, ms));
        if (!sleep_for(pause, stop))
            return stopped();
    }
}

outcome client::get(const std::string& url, const std::string& role, const std::stop_token& stop, std::string& body) {
    outcome out = persist(url, stop, [&] {
        auto got = weir::http::fetch(*stack_, ask(url, role, stop));
        body = std::move(got.body);
        return reply{got.status, weir::http::retry_after(got.headers, std::chrono::system_clock::now()), {}};
    });
    if (out.state == outcome::kind::done && out.status != 200)
        return {outcome::kind::failed, out.status, fmt::format("the server answered {}", out.status)};
    return out;
}

}  // namespace download
