// SPDX-License-Identifier: MIT
//
// No request leaves without its permit: whatever libcurl sends again by itself, the server counts what the key is
// charged.
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include "integration/curl/support/odd_server.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using weir::http::transport_errc;
using weir::http::transport_error;
using weir_test::h2_peer;
using weir_test::odd_server;
using weir_test::peer;

namespace {

constexpr std::string_view short_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers the first request of each connection. It reads the second one, and closes without a byte.
struct closes_after_second {
    std::atomic<int> seen = 0;
    odd_server server{[this](peer& p) {
        for (int i = 0; !p.request().empty(); ++i) {
            ++seen;
            if (i == 1)
                return;
            p.send(short_answer);
        }
    }};
};

/// HTTP/2 without TLS, or HTTP/1: the first `n` requests, or all, get a reset with `code`.
struct resets_streams {
    resets_streams(h2_peer::code why, int how_many) : code(why), resets(how_many) {}

    h2_peer::code code;
    int resets;
    std::atomic<int> seen = 0;
    odd_server server{[this](peer& p) {
        if (!p.receive(h2_peer::preface.size()))
            return;
        if (!p.in.starts_with(h2_peer::preface)) {
            while (!p.request().empty()) {
                ++seen;
                p.send(short_answer);
            }
            return;
        }
        p.take(h2_peer::preface.size());
        h2_peer h2{p};
        while (const std::uint32_t stream = h2.request()) {
            if (++seen <= resets)
                h2.reset(stream, code);
            else
                h2.answer(stream, "ok");
        }
    }};
};

/// Says to the first request of its first two connections that it goes away and has not looked at it.
struct goes_away {
    std::atomic<int> seen = 0;
    odd_server server{[this](peer& p) {
        if (!p.receive(h2_peer::preface.size()))
            return;
        p.take(h2_peer::preface.size());
        h2_peer h2{p};
        while (const std::uint32_t stream = h2.request()) {
            if (++seen <= 2)
                return h2.go_away(0);
            h2.answer(stream, "ok");
        }
    }};
};

/// A registry, and what it was charged for one host.
struct budget {
    explicit budget(std::int64_t per_hour = 1000) {
        weir::policy p;
        p.rates = {{per_hour, 1h}};
        p.max_delay = weir::duration::zero();
        limits.emplace(weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value());
    }
    [[nodiscard]] std::int64_t charged(const odd_server& at) {
        const auto key = limits->inspect("127.0.0.1:" + std::to_string(at.port()), "metadata");
        return key ? key->state.windows.at(0).used : 0;
    }
    std::optional<weir::registry<>> limits;
};

struct ends {
    int ok = 0, lost = 0, other = 0;
    std::string text;
};

template <class Transport>
ends send_times(Transport& http, int times, const weir::http::request& what) {
    ends out;
    for (int i = 0; i < times; ++i) {
        try {
            out.ok += http.send(what).body == "ok";
        } catch (const transport_error& e) {
            const bool is_lost = e.reason() == transport_errc::lost && e.sent();
            ++(is_lost ? out.lost : out.other);
            out.text = e.what();
        }
    }
    return out;
}

weir::http::request get(const odd_server& from) { return {.url = from.url()}; }
weir::http::request post(const odd_server& to) { return {.method = "POST", .url = to.url("/pay"), .body = "amount=1"}; }

}  // namespace

TEST_CASE("a request repeated on a new connection takes its second permit, and a POST is not repeated") {
    for (const bool by_proxy : {false, true}) {
        CAPTURE(by_proxy);
        closes_after_second s;
        const weir_test::tunnel_proxy proxy;
        const weir::curl::options with{.proxy = by_proxy ? proxy.url() : "", .proxy_tunnel = by_proxy};
        {
            budget b;
            weir::http::limited http(weir::curl::transport{with}, *b.limits);
            const auto got = send_times(http, 4, get(s.server));
            INFO(got.text);
            CHECK(got.ok == 4);
            CHECK(s.seen == 7);
            CHECK(b.charged(s.server) == 7);
            CHECK(b.limits->in_flight() == 0);
        }
        s.seen = 0;
        {
            budget b;
            weir::http::limited http(weir::curl::transport{with}, *b.limits);
            const auto got = send_times(http, 4, post(s.server));
            INFO(got.text);
            CHECK(got.ok == 2);
            CHECK(got.lost == 2);
            CHECK(s.seen == 4);
            CHECK(b.charged(s.server) == 4);
        }
        s.seen = 0;
        {
            budget b;
            weir::http::limited http(weir::curl::transport{with}, *b.limits);
            auto known = post(s.server);
            known.headers.add("Idempotency-Key", "7");
            CHECK(send_times(http, 4, known).ok == 4);
            CHECK(s.seen == b.charged(s.server));
            CHECK(s.seen == 7);
        }
        CHECK((proxy.connections() > 0) == by_proxy);
    }
}

TEST_CASE("requests through a plain proxy are repeated only with a permit") {
    closes_after_second s;  // as the proxy
    budget b;
    weir::http::limited http(weir::curl::transport{{.proxy = s.server.url()}}, *b.limits);
    const auto charged = [&] { return b.limits->inspect("example.org", "metadata")->state.windows.at(0).used; };
    CHECK(send_times(http, 4, {.url = "http://example.org/"}).ok == 4);
    CHECK(s.seen == 7);
    CHECK(charged() == 7);
    const auto posts = send_times(http, 4, {.method = "POST", .url = "http://example.org/", .body = "x"});
    CHECK(posts.other == 0);
    CHECK(posts.ok + posts.lost == 4);
    CHECK(s.seen == 11);
    CHECK(charged() == 11);
}

TEST_CASE("without a limiter nothing is repeated") {
    closes_after_second s;
    weir::curl::transport http;
    const auto got = send_times(http, 4, get(s.server));
    CHECK(got.ok == 2);
    CHECK(got.lost == 2);
    CHECK(s.seen == 4);
    CHECK(got.text.find("not be sent again") != std::string::npos);
}

TEST_CASE("a repeat for which there is no permit does not leave") {
    closes_after_second s;
    budget b{2};
    weir::http::limited http(weir::curl::transport{}, *b.limits);
    const auto got = send_times(http, 2, get(s.server));
    CHECK(got.ok == 1);
    CHECK(got.lost == 1);
    CHECK(s.seen == 2);
    CHECK(b.charged(s.server) == 2);
    CHECK(b.limits->in_flight() == 0);
}

TEST_CASE("streams that an HTTP/2 server refuses are charged, each time") {
    const auto refused = h2_peer::refused_stream;
    for (const int resets : {0, 1, 2, 1000}) {
        CAPTURE(resets);
        resets_streams s{refused, resets};
        budget b;
        weir::http::limited http(weir::curl::transport{{.h2c = true}}, *b.limits);
        const auto got = send_times(http, 1, get(s.server));
        INFO(got.text);
        CHECK(got.ok == (resets < 1000));
        CHECK(got.lost == (resets == 1000));
        CHECK(s.seen == b.charged(s.server));
        CHECK(s.seen == (resets < 1000 ? resets + 1 : static_cast<int>(s.seen)));
    }
    for (const bool by_proxy : {false, true}) {
        resets_streams s{refused, 1000};
        const weir_test::tunnel_proxy proxy;
        budget b;
        weir::http::limited http(
            weir::curl::transport{{.proxy = by_proxy ? proxy.url() : "", .proxy_tunnel = by_proxy, .h2c = true}},
            *b.limits);
        const auto got = send_times(http, 3, post(s.server));
        INFO(got.text);
        CHECK(got.lost == 3);
        CHECK(s.seen == 3);
        CHECK(b.charged(s.server) == 3);
    }
}

TEST_CASE("a server that demands HTTP/1.1, or goes away, sees what is charged") {
    resets_streams old{h2_peer::http_1_1_required, 1000};
    budget b;
    weir::http::limited http(weir::curl::transport{{.h2c = true}}, *b.limits);
    const auto got = send_times(http, 1, get(old.server));
    INFO(got.text);
    CHECK(got.ok + got.lost == 1);
    CHECK(old.seen == b.charged(old.server));

    goes_away leaving;
    weir::http::limited again(weir::curl::transport{{.h2c = true}}, *b.limits);
    const auto gone = send_times(again, 4, get(leaving.server));
    INFO(gone.text);
    CHECK(gone.ok + gone.lost == 4);
    CHECK(leaving.seen == b.charged(leaving.server));
}

TEST_CASE("a stream that the server had begun with is lost, and charged once") {
    resets_streams s{h2_peer::internal_error, 1000};
    budget b;
    weir::http::limited http(weir::curl::transport{{.h2c = true}}, *b.limits);
    CHECK(send_times(http, 2, get(s.server)).lost == 2);
    CHECK(s.seen == 2);
    CHECK(b.charged(s.server) == 2);
}
