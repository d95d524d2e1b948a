// SPDX-License-Identifier: MIT
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "integration/curl/support/nginx.hpp"
#include "integration/curl/support/odd_server.hpp"

#include "weir/http/redirecting.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace weir::http;
using weir_test::free_port;
using weir_test::nginx;
using weir_test::scratch;
using weir_test::scripted_server;

namespace {

struct failure {
    transport_errc reason{};
    bool sent = false;
    std::string text;
};

template <class Transport>
failure failure_of(Transport& http, const request& what) {
    try {
        static_cast<void>(http.send(what));
    } catch (const transport_error& e) {
        return {e.reason(), e.sent(), e.what()};
    }
    return {};
}

std::string digits(std::size_t size) {
    std::string out;
    while (out.size() < size)
        out += fmt::format("{:09}\n", out.size());
    return out;
}

/// Two plain servers and one with TLS, with something of everything.
struct site {
    site() {
        file = digits(1'000'000);
        files.write("file", file);
        has_tls = weir_test::make_certificates(files);
        const std::string common = fmt::format(
            "location /file {{ alias {0}; }} location /slow {{ alias {0}; limit_rate 10k; limit_rate_after 1k; }}\n"
            "location /zipped {{ alias {0}; gzip on; gzip_types text/plain; }}\n"
            "location /connection {{ return 200 $connection; }} location /protocol {{ return 200 $server_protocol; }}\n"
            "location /agent {{ return 200 $http_user_agent; }} location /auth {{ return 200 "
            "'$http_authorization|$http_cookie'; }}\n"
            "location /method {{ return 200 "
            "'$request_method|$content_length|$content_type|$http_x_empty|$http_expect'; }}\n"
            "location /uri {{ return 200 $request_uri; }} location /status/404 {{ return 404 missing; }}\n"
            "location /away {{ return 302 http://localhost:{1}/auth; }} location /here {{ return 301 /auth; }}\n"
            "location /loop {{ return 307 /loop?again; }}\n",
            files / "file", other);
        std::string servers =
            fmt::format("server {{ listen 127.0.0.1:{}; {} }}\nserver {{ listen 127.0.0.1:{}; {} }}\n", port, common,
                        other, common);
        if (has_tls)
            servers += fmt::format(
                "server {{ listen 127.0.0.1:{} ssl http2; ssl_certificate {}; ssl_certificate_key {}; {} }}\n", tls,
                files / "ca.pem", files / "key.pem", common);
        server.emplace(files, servers, port);
    }

    [[nodiscard]] std::string url(std::string_view path) const {
        return fmt::format("http://127.0.0.1:{}{}", port, path);
    }
    [[nodiscard]] std::string tls_url(std::string_view path) const {
        return fmt::format("https://localhost:{}{}", tls, path);
    }

    scratch files;
    std::string file;
    std::uint16_t port = free_port(), other = free_port(), tls = free_port();
    bool has_tls = false;
    std::optional<nginx> server;
};

#define WEIR_NEEDS_NGINX()                                                                                             \
    if (!nginx::is_here())                                                                                             \
    WEIR_SKIP("nginx is not installed (apt-get install nginx-light)")

struct counting final : receiver {
    void head(int s, const headers& h) override {
        ++heads;
        status = s;
        fields = h;
    }
    bool body(std::string_view bytes) override {
        size += bytes.size();
        return size < stop_at;
    }
    int heads = 0;
    int status = 0;
    headers fields;
    std::size_t size = 0;
    std::size_t stop_at = static_cast<std::size_t>(-1);
};

}  // namespace

TEST_CASE("bodies, statuses, paths and methods arrive as they were sent") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http;
    const auto file = http.send({.url = s.url("/file")});
    CHECK(file.status == 200);
    CHECK(file.body == s.file);
    CHECK(file.headers.first("content-length") == "1000000");
    CHECK(http.send({.url = s.url("/status/404")}).status == 404);
    CHECK(http.send({.url = s.url("/agent")}).body == "weir/0.1");
    CHECK(http.send({.url = s.url("/agent"), .headers = {{"User-Agent", "mine"}}}).body == "mine");
    CHECK(http.send({.url = s.url("/uri/../uri/./a b?q=ä#gone")}).body == "/uri/../uri/./a%20b?q=%C3%A4");

    CHECK(http.send({.url = s.url("/method")}).body == "GET||||");
    CHECK(http.send({.method = "POST", .url = s.url("/method"), .body = "12345"}).body == "POST|5|||");
    CHECK(http.send({.method = "POST", .url = s.url("/method")}).body == "POST|0|||");
    CHECK(http.send({.method = "PUT",
                     .url = s.url("/method"),
                     .headers = {{"Content-Type", "text/x"}},
                     .body = std::string(900'000, 'x')})
              .body == "PUT|900000|text/x||");
    CHECK(http.send({.method = "DELETE", .url = s.url("/method")}).body == "DELETE||||");
    CHECK(http.send({.method = "PROPFIND", .url = s.url("/method"), .body = "xy"}).body == "PROPFIND|2|||");
    for (const char* head : {"HEAD", "head"}) {
        const auto reply = http.send({.method = head, .url = s.url("/file")});
        CHECK(reply.status == 200);
        CHECK(reply.body.empty());
        CHECK(reply.headers.first("Content-Length") == "1000000");
    }
    // After all that nothing is left of the last request.
    CHECK(http.send({.url = s.url("/method")}).body == "GET||||");
}

TEST_CASE("a transfer continues where another ended") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http{{.gzip = true}};
    counting first;
    first.stop_at = 300'000;
    http.send({.url = s.url("/file")}, first);
    REQUIRE(first.size >= 300'000);
    REQUIRE(first.size < s.file.size());
    const auto rest = http.send({.url = s.url("/file"), .resume_from = first.size});
    CHECK(rest.status == 206);
    CHECK(rest.body == s.file.substr(first.size));
    CHECK(rest.headers.first("Content-Range") == fmt::format("bytes {}-999999/1000000", first.size));
    CHECK(http.send({.url = s.url("/file"), .resume_from = 1'000'000}).status == 416);
    // A server that knows no ranges sends all of it.
    CHECK(http.send({.url = s.url("/uri"), .resume_from = 2}).status == 200);
    CHECK(http.send({.url = s.url("/zipped"), .resume_from = 999'990}).body == s.file.substr(999'990));
}

TEST_CASE("a compressed body is unpacked and its head does not say otherwise") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport zipping{{.gzip = true}};
    const auto reply = zipping.send({.url = s.url("/zipped")});
    CHECK(reply.body == s.file);
    CHECK_FALSE(reply.headers.contains("Content-Encoding"));
    weir::curl::transport plain;
    CHECK_FALSE(plain.send({.url = s.url("/zipped")}).headers.contains("Content-Encoding"));
    const auto packed = zipping.send({.url = s.url("/zipped"), .headers = {{"Accept-Encoding", "gzip"}}});
    CHECK(packed.headers.first("Content-Encoding") == "gzip");
    CHECK(packed.body.size() < s.file.size());
}

TEST_CASE("threads use each other's connections again") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http;
    std::mutex mutex;
    std::set<std::string> connections;
    // One after the other, each on a thread of its own, two hosts in turn: two connections in all.
    for (int i = 0; i < 10; ++i) {
        std::thread{[&] {
            const auto port = i % 2 == 0 ? s.port : s.other;
            connections.insert(http.send({.url = fmt::format("http://127.0.0.1:{}/connection", port)}).body);
        }}.join();
    }
    CHECK(connections.size() == 2);
    // At once: at most one more for each thread and host.
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                const auto port = (i + t) % 2 == 0 ? s.port : s.other;
                const auto reply = http.send({.url = fmt::format("http://127.0.0.1:{}/connection", port)});
                wrong += reply.status != 200;
                const std::lock_guard guard{mutex};
                connections.insert(reply.body);
            }
        });
    for (auto& t : threads)
        t.join();
    CHECK(wrong == 0);
    CHECK(connections.size() <= 2 + 4 * 2);
}

TEST_CASE("without idle sessions each transfer connects anew") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http{{.max_idle = 0}};
    CHECK(http.send({.url = s.url("/connection")}).body != http.send({.url = s.url("/connection")}).body);
}

TEST_CASE("idle connections are closed: those of an age, those the server has closed, or all") {
    std::atomic<bool> closes = false;
    const weir_test::odd_server server{[&](weir_test::peer& p) {
        while (!p.request().empty()) {
            p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            if (closes)
                return;
        }
    }};
    const auto port = [&](int i) { return fmt::format("h{}.localhost:{}:127.0.0.1", i, server.port()); };
    std::vector<std::string> hosts;
    for (int i = 0; i < 10; ++i)
        hosts.push_back(port(i));
    const auto all = [&](weir::curl::transport& http) {
        for (int i = 0; i < 10; ++i)
            CHECK(http.send({.url = fmt::format("http://h{}.localhost:{}/", i, server.port())}).body == "ok");
    };
    weir::curl::transport http{{.proxy = "", .resolve = hosts}};
    all(http);
    CHECK(http.idle_connections() == 10);
    http.close_idle(1h);
    CHECK(http.idle_connections() == 10);
    http.close_idle();
    CHECK(http.idle_connections() == 0);

    // All are closed by the server. The next one to use the transport notices it.
    closes = true;
    all(http);
    std::this_thread::sleep_for(600ms);
    closes = false;
    CHECK(http.send({.url = server.url()}).body == "ok");
    CHECK(http.idle_connections() == 1);

    weir::curl::transport few{{.proxy = "", .resolve = hosts, .max_idle = 3}};
    all(few);
    CHECK(few.idle_connections() == 3);
    weir::curl::transport brief{{.proxy = "", .resolve = hosts, .max_idle_age = 1s}};
    all(brief);
    std::this_thread::sleep_for(1100ms);
    CHECK(brief.send({.url = server.url()}).body == "ok");
    CHECK(brief.idle_connections() == 1);
}

TEST_CASE("redirects over two hosts send no credentials on") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport inner;
    const headers secrets{{"Authorization", "Bearer x"}, {"Cookie", "a=b"}};
    CHECK(inner.send({.url = s.url("/away"), .headers = secrets}).status == 302);
    redirecting http(inner);
    const auto away = http.send({.url = s.url("/away"), .headers = secrets});
    CHECK(away.body == "|");
    CHECK(away.url == fmt::format("http://localhost:{}/auth", s.other));
    const auto here = http.send({.url = s.url("/here"), .headers = secrets});
    CHECK(here.body == "Bearer x|a=b");
    CHECK(failure_of(http, {.url = s.url("/loop")}).reason == transport_errc::too_many_redirects);
}

TEST_CASE("TLS is HTTP/2 with a certificate that is trusted, and nothing at all without") {
    WEIR_NEEDS_NGINX();
    const site s;
    if (!s.has_tls)
        WEIR_SKIP("openssl is not installed (apt-get install openssl)");
    const weir::curl::options trusting{.ca_file = s.files / "ca.pem"};
    weir::curl::transport http{trusting};
    CHECK(http.send({.url = s.tls_url("/protocol")}).body == "HTTP/2.0");
    CHECK(http.send({.url = s.tls_url("/file")}).body == s.file);
    CHECK(http.send({.url = s.tls_url("/connection")}).body == http.send({.url = s.tls_url("/connection")}).body);
    const auto posted = http.send({.method = "POST", .url = s.tls_url("/method"), .body = "12345"});
    CHECK(posted.body == "POST|5|||");
    counting some;
    some.stop_at = 1000;
    http.send({.url = s.tls_url("/file")}, some);
    CHECK(some.status == 200);

    auto old = trusting;
    old.http2 = false;
    CHECK(weir::curl::transport{old}.send({.url = s.tls_url("/protocol")}).body == "HTTP/1.1");

    weir::curl::transport careful;
    const auto untrusted = failure_of(careful, {.url = s.tls_url("/protocol")});
    CHECK(untrusted.reason == transport_errc::tls);
    CHECK_FALSE(untrusted.sent);
    // Trusted, but not for this name.
    const auto misnamed = failure_of(http, {.url = fmt::format("https://127.0.0.1:{}/protocol", s.tls)});
    CHECK(misnamed.reason == transport_errc::tls);
    CHECK_FALSE(misnamed.sent);
    // No TLS on the other side.
    const auto plain = failure_of(http, {.url = fmt::format("https://localhost:{}/protocol", s.port)});
    CHECK(plain.reason == transport_errc::tls);
    CHECK_FALSE(plain.sent);
}

TEST_CASE("a stop request ends a slow transfer within 200 ms") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http;
    for (const char* path : {"/slow", "/file"}) {
        std::stop_source source;
        std::chrono::steady_clock::time_point asked;
        std::jthread stopper;
        struct dawdling final : receiver {
            void head(int, const headers&) override {}
            bool body(std::string_view) override {
                std::this_thread::sleep_for(pause);
                return true;
            }
            std::chrono::milliseconds pause{};
        } to;
        to.pause = std::string_view{path} == "/file" ? 20ms : 0ms;
        stopper = std::jthread{[&] {
            std::this_thread::sleep_for(300ms);
            asked = std::chrono::steady_clock::now();
            source.request_stop();
        }};
        try {
            http.send({.url = s.url(path), .stop = source.get_token()}, to);
            FAIL("it was not stopped");
        } catch (const transport_error& e) {
            stopper.join();
            CHECK(e.reason() == transport_errc::cancelled);
            CHECK(e.sent());
            CHECK(std::chrono::steady_clock::now() - asked < 200ms);
        }
    }
    CHECK(http.send({.url = s.url("/file")}).body == s.file);
}

TEST_CASE("a stop request ends the wait for a silent server") {
    const scripted_server silent{"", false};
    weir::curl::transport http;
    std::stop_source source;
    std::chrono::steady_clock::time_point asked;
    std::jthread stopper{[&] {
        std::this_thread::sleep_for(200ms);
        asked = std::chrono::steady_clock::now();
        source.request_stop();
    }};
    const auto f = failure_of(http, {.url = silent.url(), .stop = source.get_token()});
    const auto late = std::chrono::steady_clock::now() - asked;
    CHECK(f.reason == transport_errc::cancelled);
    CHECK(f.sent);
    CHECK(late < 200ms);
    // During the TLS handshake nothing of the request has left.
    std::stop_source second;
    std::jthread second_stopper{[&] {
        std::this_thread::sleep_for(200ms);
        second.request_stop();
    }};
    const auto tls =
        failure_of(http, {.url = fmt::format("https://127.0.0.1:{}/", silent.port()), .stop = second.get_token()});
    CHECK(tls.reason == transport_errc::cancelled);
    CHECK_FALSE(tls.sent);
}

TEST_CASE("a refused connection and an unknown host were not sent, and nor was a connection too slow") {
    weir::curl::transport http{{.connect_timeout = 200ms}};
    const auto refused = failure_of(http, {.url = fmt::format("http://127.0.0.1:{}/?key=secret", free_port())});
    CHECK(refused.reason == transport_errc::connect);
    CHECK_FALSE(refused.sent);
    CHECK(refused.text.find("secret") == std::string::npos);
    const auto unknown = failure_of(http, {.url = "http://no-such-host.invalid/"});
    CHECK(unknown.reason == transport_errc::resolve);
    CHECK_FALSE(unknown.sent);
    const scripted_server silent{"", false};
    const auto slow = failure_of(http, {.url = fmt::format("https://127.0.0.1:{}/", silent.port())});
    INFO(slow.text);
    CHECK(slow.reason == transport_errc::timeout);
    CHECK_FALSE(slow.sent);
}

TEST_CASE("a server that is silent, closes early or sends nonsense has received the request") {
    weir::curl::transport http;
    const scripted_server silent{"", false};
    const auto late = failure_of(http, {.url = silent.url(), .timeout = 150ms});
    CHECK(late.reason == transport_errc::timeout);
    CHECK(late.sent);
    for (const auto& [answer, reason] : std::vector<std::pair<std::string, transport_errc>>{
             {"", transport_errc::lost},
             {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", transport_errc::lost},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", transport_errc::lost},
             {"hello\r\n\r\n", transport_errc::protocol},
             {"HTTP/1.1 100 Continue\r\n\r\n", transport_errc::lost}}) {
        CAPTURE(answer);
        const scripted_server broken{answer};
        const auto f = failure_of(http, {.url = broken.url()});
        INFO(f.text);
        CHECK(f.reason == reason);
        CHECK(f.sent);
    }
}

TEST_CASE("interim heads and trailers are not the response's head") {
    const scripted_server server{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
                                 "5\r\nHello\r\n0\r\nX-Late: 1\r\n\r\n"};
    weir::curl::transport http;
    counting to;
    http.send({.url = server.url()}, to);
    CHECK(to.heads == 1);
    CHECK(to.status == 200);
    CHECK(to.fields.first("A") == "b");
    CHECK_FALSE(to.fields.contains("Link"));
    CHECK_FALSE(to.fields.contains("X-Late"));
    CHECK(to.size == 5);
}

TEST_CASE("a proxy's own head is not the response's head") {
    // A tunnel to a server that would have to speak TLS: what matters is that the CONNECT's answer is not taken for
    // its.
    const scripted_server proxy{"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"};
    weir::curl::transport http{{.proxy = proxy.url()}};
    counting to;
    CHECK_THROWS_AS(http.send({.url = "https://example.invalid/"}, to), transport_error);
    CHECK(to.heads == 0);
}

TEST_CASE("an exception of a receiver comes out of send, and the transport still works") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http;
    struct thrower final : receiver {
        void head(int, const headers&) override {
            if (in_head)
                throw std::domain_error{"head"};
        }
        bool body(std::string_view) override { throw std::domain_error{"body"}; }
        bool in_head = true;
    } to;
    CHECK_THROWS_WITH(http.send({.url = s.url("/file")}, to), "head");
    to.in_head = false;
    CHECK_THROWS_WITH(http.send({.url = s.url("/file")}, to), "body");
    CHECK_THROWS_AS(http.send({.url = s.url("/file")}, 100), transport_error);
    CHECK(http.send({.url = s.url("/file")}).body == s.file);
}

TEST_CASE("a header field may be empty") {
    WEIR_NEEDS_NGINX();
    const site s;
    weir::curl::transport http;
    CHECK(http.send({.url = s.url("/method"), .headers = {{"X-Empty", ""}}}).body == "GET||||");
    CHECK(http.send({.url = s.url("/method"), .headers = {{"X-Empty", "x"}, {"Expect", "y"}}}).body == "GET|||x|y");
}
