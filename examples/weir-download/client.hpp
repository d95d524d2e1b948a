// SPDX-License-Identifier: MIT
#pragma once

#include "report.hpp"
#include "traffic.hpp"

#include "weir/config/configuration.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/error.hpp"
#include "weir/ext/curl/transport.hpp"
#ifdef WEIR_HAS_IDN2
#include "weir/ext/idn2/idn2.hpp"
#endif
#include "weir/http/limited.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/redirecting.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/url.hpp"
#include "weir/observe/json_lines.hpp"
#include "weir/observe/observer.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/any_store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace download {

/// Hands the limiter's events to the summary and, if there is one, to the log; and says that a store fails, once a
/// while.
class event_sink {
public:
    event_sink(traffic& record, std::optional<weir::json_lines> log, reporter& report_to)
        : record_(&record), log_(std::move(log)), reporter_(&report_to) {}

    void on_event(const weir::event& e) {
        if (e.type == weir::event_type::acquire || e.type == weir::event_type::shadow)
            record_->admitted({std::string{e.host}, std::string{e.role}}, e.verdict.waited);
        if (e.type == weir::event_type::store) {
            weir::instant until = silent_until_->load();
            if (e.at >= until && silent_until_->compare_exchange_strong(until, e.at + std::chrono::seconds{10}))
                reporter_->say(log_level::warning, e.text);
        }
        if (log_)
            log_->on_event(e);
    }

private:
    traffic* record_;
    std::optional<weir::json_lines> log_;
    reporter* reporter_;
    std::unique_ptr<std::atomic<weir::instant>> silent_until_ =
        std::make_unique<std::atomic<weir::instant>>(weir::long_ago);
};

using limits = weir::registry<weir::any_store, event_sink>;

/// A transport that writes into `traffic` what passes through it. It stands below the limiter, where a request has been
/// admitted and is about to leave.
template <class Transport>
class recorded {
public:
    recorded(Transport inner, traffic& record) : inner_(std::move(inner)), record_(&record) {}

    void send(const weir::http::request& what, weir::http::receiver& to) {
        const auto url = weir::http::parse_url(what.url, idna);
        watching watch{to, *record_, {url ? url->host : std::string{}, what.role}};
        record_->started(watch.key);
        try {
            inner_.send(what, watch);
        } catch (...) {
            if (!watch.answered)
                record_->answered(watch.key, 0);
            throw;
        }
    }

#ifdef WEIR_HAS_IDN2
    static constexpr weir::idna_function idna = &weir::idn2::to_ascii;
#else
    static constexpr weir::idna_function idna = nullptr;
#endif

private:
    struct watching final : weir::http::forwarding_receiver {
        watching(weir::http::receiver& to, traffic& record_, weir::key key_)
            : forwarding_receiver(to), record(record_), key(std::move(key_)) {}
        bool again() override {
            const bool repeats = forwarding_receiver::again();
            if (repeats) {
                record.answered(key, 0);
                record.started(key);
            }
            return repeats;
        }
        void head(int status, const weir::http::headers& fields) override {
            answered = true;
            record.answered(key, status);
            forwarding_receiver::head(status, fields);
        }
        bool body(std::string_view bytes) override {
            record.received(key, bytes.size());
            return forwarding_receiver::body(bytes);
        }
        traffic& record;
        weir::key key;
        bool answered = false;
    };

    Transport inner_;
    traffic* record_;
};

/// How an attempt at a URL ended, when it ended in a response.
struct reply {
    int status = 0;
    std::optional<weir::duration> retry_after{};
    std::string fault{};  ///< what is wrong with a response that looks right, and would be worth another try
};

/// How a URL ended.
struct outcome {
    enum class kind { done, failed, stopped } state = kind::done;
    int status = 0;
    std::string why{};
};

/// The HTTP stack: redirects over limits over libcurl, and attempts over that.
///
/// **Thread safety:** all members.
class client {
public:
    /// `store` is what the configuration's backend names.
    client(weir::configuration config, weir::any_store store, traffic& record, std::optional<weir::json_lines> log,
           reporter& report_to, int max_attempts);
    ~client();

    /// A request for a URL in a role, as every attempt begins with it.
    [[nodiscard]] weir::http::request ask(std::string url, std::string role, const std::stop_token& stop) const;
    /// Sends once. **Errors:** throws what the transports throw.
    void send(const weir::http::request& what, weir::http::receiver& to);
    /// Attempts until one is worth keeping: 429, 5xx, a failed connection and a `fault` are not, until there are no
    /// more attempts. A server's Retry-After is waited for; without one the wait doubles from half a second.
    [[nodiscard]] outcome persist(const std::string& url, const std::stop_token& stop,
                                  const std::function<reply()>& attempt);
    /// Collects a small body.
    [[nodiscard]] outcome get(const std::string& url, const std::string& role, const std::stop_token& stop,
                              std::string& body);

    /// Puts another configuration in force for what has not been admitted yet; a resolution with faults is refused.
    [[nodiscard]] weir::result<void> reload(const weir::resolution& fresh);
    /// The configuration in force.
    [[nodiscard]] weir::configuration configuration() const;

    /// Waits until the store knows the end of every request.
    ///
    /// **Errors:** throws `weir::store_error`.
    void flush();

    /// How many requests stand in a key's queue at the moment.
    [[nodiscard]] std::size_t waiting(const std::string& host, const std::string& role);

private:
    struct stack;
    std::unique_ptr<stack> stack_;
    reporter& reporter_;
    int max_attempts_;
    std::mutex mutex_;
    std::condition_variable_any reloaded_;
    std::atomic<std::uint64_t> reloads_{0};  // changed under the mutex, so that nobody who is about to sleep misses it
};

}  // namespace download
