// SPDX-License-Identifier: MIT
//
// What the options of the transport change on the wire.
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include "integration/curl/support/nginx.hpp"
#include "integration/curl/support/odd_server.hpp"

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weir::curl::options;
using weir::curl::transport;
using weir::http::transport_errc;
using weir_test::odd_server;
using weir_test::peer;
using weir_test::scratch;

namespace {

std::string ok_with(std::string_view body, std::string_view fields = "") {
    return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n{}", fields, body.size(), body);
}

/// Answers each request with its own text.
struct mirror {
    odd_server server{[](peer& p) {
        for (std::string text = p.request(); !text.empty(); text = p.request()) {
            if (text.find("Transfer-Encoding: chunked\r\n") != std::string::npos) {
                while (p.in.find("0\r\n\r\n") == std::string::npos && p.receive()) {
                }
                text += p.take(p.in.size());
            }
            p.send(ok_with(text));
        }
    }};
    [[nodiscard]] std::string url(std::string_view path = "/") const { return server.url(path); }
};

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string refusal(const options& with) {
    try {
        const transport http{with};
    } catch (const weir::exception& e) {
        CHECK(e.code() == weir::errc::bad_configuration);
        CHECK_FALSE(has(e.what(), "secret"));
        return e.what();
    }
    return {};
}

}  // namespace

TEST_CASE("options that no request could be sent with are refused at construction") {
    CHECK(has(refusal({.user_agent = "app/1\r\nX-Evil: 1"}), "user_agent"));
    CHECK(has(refusal({.user_agent = "a\x01"}), "user_agent"));
    for (const char* address : {"a@b\r\nX: 1", "a b@c", "ab", "@c", "a@", "a@b)", "<a@b>"})
        CHECK(has(refusal({.mailto = address}), "mailto"));
    CHECK(has(refusal({.ca_file = "/no/such/file"}), "ca_file"));
    CHECK(has(refusal({.ca_path = "/no/such/folder"}), "ca_path"));
    CHECK(has(refusal({.ca_pem = "nothing"}), "ca_pem"));
    CHECK(has(refusal({.certificate_file = "/no/such/file"}), "certificate_file"));
    CHECK(has(refusal({.key_file = "/no/such/file"}), "key_file"));
    for (const char* proxy :
         {"ftp://a:1", "gopher://u:secret@a", "http://a\r\nX: 1", "http://a:99999", "http://", "http://[::1"})
        CHECK(has(refusal({.proxy = proxy}), "proxy"));
    CHECK(has(refusal({.resolve = {"a:80"}}), "resolve"));
    CHECK(has(refusal({.connect_to = {"a:80"}}), "connect_to"));
    CHECK(has(refusal({.connect_timeout = -1ms}), "connect_timeout"));
    CHECK(has(refusal({.timeout = -1ms}), "timeout"));
    CHECK(has(refusal({.netrc = "/no/such/file"}), "netrc"));
    const bool has_http3 = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP3) != 0;
    CHECK(refusal({.http3 = true}).empty() == has_http3);
    for (const char* proxy : {"", "a", "a:3128", "http://u:p@a:1", "https://a", "socks5h://[::1]:1", "socks4a://a"})
        CHECK(refusal({.proxy = proxy}).empty());
}

TEST_CASE("the wire shows one of each field, as it was checked") {
    const mirror m;
    transport http{{.user_agent = "my-app/1.2", .mailto = "me@example.org", .proxy = ""}};
    const auto text = http.send({.url = m.url("/a?b#c")}).body;
    CHECK(text.starts_with("GET /a?b HTTP/1.1\r\n"));
    CHECK(has(text, "User-Agent: my-app/1.2 (mailto:me@example.org)\r\n"));
    CHECK(has(text, fmt::format("Host: 127.0.0.1:{}\r\n", m.server.port())));
    CHECK(has(http.send({.url = m.url(), .headers = {{"Host", "other"}}}).body, "Host: other\r\n"));
    CHECK(has(http.send({.url = m.url(), .headers = {{"X-Blank", "  "}}}).body, "X-Blank:\r\n"));
    // A canonical host, whatever the URL's spelling.
    CHECK(has(http.send({.url = fmt::format("http://0x7f.1:0{}/", m.server.port())}).body,
              fmt::format("Host: 127.0.0.1:{}\r\n", m.server.port())));

    const auto put = http.send({.method = "PUT", .url = m.url(), .body = "x", .resume_from = 3}).body;
    CHECK(has(put, "Range: bytes=3-\r\n"));
    CHECK_FALSE(has(put, "Content-Range"));
    for (const auto& bad : {weir::http::request{.url = m.url(), .headers = {{"Content-Length", "3"}}, .body = "hello"},
                            weir::http::request{.url = m.url(), .headers = {{"Transfer-Encoding", "chunked"}}},
                            weir::http::request{.url = m.url(), .headers = {{"Host", "a"}, {"Host", "b"}}},
                            weir::http::request{.url = m.url(), .headers = {{"Range", "bytes=0-1"}}, .resume_from = 3},
                            weir::http::request{.url = m.url(), .headers = {{"A", "\x01"}}},
                            weir::http::request{.method = "TRACE", .url = m.url()},
                            weir::http::request{.url = m.url("/" + std::string(600'000, 'a'))},
                            weir::http::request{.url = m.url(), .headers = {{"A", std::string(1'200'000, 'a')}}}}) {
        const auto result = http.try_send(bad);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == transport_errc::bad_request);
        CHECK_FALSE(result.error().sent);
    }
    CHECK(http.send({.url = m.url("/" + std::string(300'000, 'a'))}).body.size() > 300'000);
}

TEST_CASE("a body is sent from a file or from a function, with or without a known size") {
    const mirror m;
    const scratch files;
    files.write("body", "from a file");
    transport http{{.proxy = ""}};
    const auto from_file =
        http.send({.method = "PUT", .url = m.url(), .upload = weir::http::file_body(files / "body")}).body;
    CHECK(from_file.starts_with("PUT / HTTP/1.1\r\n"));
    CHECK(has(from_file, "Content-Length: 11\r\n"));
    CHECK(from_file.ends_with("\r\n\r\nfrom a file"));
    CHECK_FALSE(has(from_file, "Expect"));

    int pieces = 3;
    const auto stream = weir::http::stream_body([&](std::span<char> into) -> std::size_t {
        if (pieces-- == 0)
            return 0;
        std::copy_n("abc", 3, into.begin());
        return 3;
    });
    const auto chunked = http.send({.method = "POST", .url = m.url(), .upload = stream}).body;
    CHECK(has(chunked, "POST / HTTP/1.1\r\n"));
    CHECK(has(chunked, "Transfer-Encoding: chunked\r\n"));
    CHECK(std::count(chunked.begin(), chunked.end(), 'b') >= 3);

    const auto short_one = weir::http::stream_body([](std::span<char>) { return std::size_t{0}; }, 100);
    CHECK(http.try_send({.method = "PUT", .url = m.url(), .upload = short_one}).error().code ==
          transport_errc::bad_request);
    const auto broken =
        weir::http::stream_body([](std::span<char>) -> std::size_t { throw std::domain_error{"disk"}; }, 1);
    CHECK_THROWS_AS(http.send({.method = "PUT", .url = m.url(), .upload = broken}), std::domain_error);
}

TEST_CASE("a body from a file is sent a second time with a second permit") {
    std::vector<std::string> seen;
    std::mutex mutex;
    const odd_server closing{[&](peer& p) {
        for (int i = 0;; ++i) {
            const auto text = p.request();
            if (text.empty())
                return;
            {
                const std::lock_guard guard{mutex};
                seen.push_back(text.substr(text.find("\r\n\r\n") + 4));
            }
            if (i == 1)
                return;
            p.send(ok_with("ok"));
        }
    }};
    const scratch files;
    files.write("body", "a file");
    weir::policy p;
    p.rates = {{100, 1h}};
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    weir::http::limited http(transport{{.proxy = ""}}, limits);
    for (int i = 0; i < 2; ++i)
        CHECK(
            http.send({.method = "PUT", .url = closing.url(), .upload = weir::http::file_body(files / "body")}).body ==
            "ok");
    CHECK(seen == std::vector<std::string>(3, "a file"));
    CHECK(limits.inspect().front().state.windows.at(0).used == 3);
}

TEST_CASE("cookies are kept in memory or in a file, or not at all") {
    const odd_server server{[](peer& p) {
        for (std::string text = p.request(); !text.empty(); text = p.request())
            p.send(ok_with(text, "Set-Cookie: a=1; Path=/; Max-Age=1000\r\n"));
    }};
    const scratch files;
    const auto second_of = [&](transport& http) {
        static_cast<void>(http.send({.url = server.url()}));
        return http.send({.url = server.url()}).body;
    };
    transport none{{.proxy = ""}};
    CHECK_FALSE(has(second_of(none), "Cookie: "));
    transport memory{{.proxy = "", .cookies = ""}};
    CHECK(has(second_of(memory), "Cookie: a=1\r\n"));
    {
        transport first{{.proxy = "", .cookies = files / "jar"}};
        CHECK_FALSE(has(first.send({.url = server.url()}).body, "Cookie: "));
    }
    transport next{{.proxy = "", .cookies = files / "jar"}};
    CHECK(has(next.send({.url = server.url()}).body, "Cookie: a=1\r\n"));
}

TEST_CASE("hosts are found by netrc, resolve, connect_to, a unix socket and a family") {
    const mirror m;
    const scratch files;
    files.write("netrc", "machine example.test login me password secret\n");
    const auto port = m.server.port();
    transport http{
        {.proxy = "", .resolve = {fmt::format("example.test:{}:127.0.0.1", port)}, .netrc = files / "netrc"}};
    CHECK(has(http.send({.url = fmt::format("http://example.test:{}/", port)}).body,
              "Authorization: Basic bWU6c2VjcmV0\r\n"));
    CHECK_FALSE(has(http.send({.url = m.url()}).body, "Authorization"));

    transport elsewhere{{.proxy = "", .connect_to = {fmt::format("example.org:80:127.0.0.1:{}", port)}}};
    const auto there = elsewhere.send({.url = "http://example.org/"});
    CHECK(has(there.body, "Host: example.org\r\n"));
    CHECK(there.info.peer_port == port);
    transport v6{{.proxy = "", .family = weir::curl::ip_family::v6}};
    CHECK_FALSE(v6.try_send({.url = m.url()}));
    transport from{{.proxy = "", .interface_name = "127.0.0.9"}};
    CHECK(from.send({.url = m.url()}).status == 200);

    const std::string path = files / "socket";
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::listen(listener, 1);
    std::jthread server{[&] {
        const int fd = ::accept(listener, nullptr, nullptr);
        peer p{fd};
        p.send(ok_with(p.request()));
        ::close(fd);
    }};
    transport local{{.proxy = "", .unix_socket = path, .allow_address = [](auto, auto) { return false; }}};
    CHECK(has(local.send({.url = "http://daemon/x"}).body, "GET /x "));
    server.join();
    ::close(listener);
}

TEST_CASE("CA certificates may be a text, and a proxy gets its credentials and no_proxy its hosts") {
    const mirror proxy;
    transport http{{.proxy = proxy.url(), .proxy_user = "me", .proxy_password = "secret", .no_proxy = "localhost"}};
    const auto text = http.send({.url = "http://example.org/a"}).body;
    CHECK(text.starts_with("GET http://example.org/a HTTP/1.1\r\n"));
    CHECK(has(text, "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    CHECK(http.send({.url = fmt::format("http://localhost:{}/b", proxy.server.port())}).body.starts_with("GET /b "));

    const scratch files;
    if (!weir_test::make_certificates(files) || !weir_test::nginx::is_here())
        WEIR_SKIP("openssl or nginx is not installed (apt-get install openssl nginx-light)");
    const auto port = weir_test::free_port();
    const weir_test::nginx server{
        files,
        fmt::format("server {{ listen 127.0.0.1:{} ssl http2; ssl_certificate {}; "
                    "ssl_certificate_key {}; location / {{ return 200 $server_protocol; }} }}",
                    port, files / "ca.pem", files / "key.pem"),
        port};
    std::ifstream in{files / "ca.pem"};
    const std::string pem{std::istreambuf_iterator<char>{in}, {}};
    transport trusting{{.ca_pem = pem, .proxy = ""}};
    const auto first = trusting.send({.url = fmt::format("https://localhost:{}/", port)});
    CHECK(first.body == "HTTP/2.0");
    CHECK(first.info.version == "2");
    CHECK(first.info.secured > first.info.connected);
    CHECK_FALSE(first.info.reused);
    CHECK(trusting.send({.url = fmt::format("https://localhost:{}/", port)}).info.reused);
    CHECK(trusting.idle_connections() == 1);
}

TEST_CASE("what libcurl adds by itself through prepare is charged, and one head arrives") {
    const odd_server server{[](peer& p) {
        for (std::string text = p.request(); !text.empty(); text = p.request())
            if (has(text, "Authorization: Digest"))
                p.send(ok_with("secret"));
            else
                p.send("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n"
                       "Content-Length: 2\r\n\r\nno");
    }};
    weir::policy p;
    p.rates = {{100, 1h}};
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    std::string url;
    weir::http::limited http(transport{{.proxy = "",
                                        .prepare =
                                            [&](CURL* easy, const weir::http::request& what) {
                                                url = what.url;
                                                curl_easy_setopt(easy, CURLOPT_HTTPAUTH, long{CURLAUTH_DIGEST});
                                                curl_easy_setopt(easy, CURLOPT_USERPWD, "me:pw");
                                            }}},
                             limits);
    const auto reply = http.send({.url = server.url()});
    CHECK(reply.status == 200);
    CHECK(reply.body == "secret");
    CHECK(reply.info.attempts == 2);
    CHECK(url == server.url());
    CHECK(limits.inspect().front().state.windows.at(0).used == 2);
    // Without credentials the demand is the answer.
    transport bare{{.proxy = ""}};
    const auto demand = bare.send({.url = server.url()});
    CHECK(demand.status == 401);
    CHECK(demand.body == "no");
}

TEST_CASE("a transfer keeps to its speed") {
    const odd_server server{[](peer& p) {
        while (!p.request().empty())
            p.send(ok_with(std::string(16'000'000, 'x')));
    }};
    transport slow{{.proxy = "", .max_receive_speed = 8'000'000}};
    const auto start = std::chrono::steady_clock::now();
    CHECK(slow.send({.url = server.url()}).body.size() == 16'000'000);
    CHECK(std::chrono::steady_clock::now() - start > 300ms);
}
