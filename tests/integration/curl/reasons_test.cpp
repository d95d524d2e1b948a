// SPDX-License-Identifier: MIT
//
// Each reason of a failure by a server that causes it, and whether it counts as sent.
#include "weir/ext/curl/transport.hpp"

#include "support/catch.hpp"

#include "weir/http/limited.hpp"
#include "weir/registry/registry.hpp"

#include "integration/curl/support/nginx.hpp"
#include "integration/curl/support/odd_server.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <signal.h>

using namespace std::chrono_literals;
using namespace weir::http;
using weir_test::odd_server;
using weir_test::peer;
using weir_test::scripted_server;

namespace {

struct verdict {
    transport_errc reason{};
    bool sent = false;
    bool charged = false;
    std::string text;
    std::string calls;  // of the receiver
};

/// Writes down what it was called for.
struct noting_calls final : receiver {
    void interim(int status, const headers&) override { calls += fmt::format("interim {} ", status); }
    void head(int status, const headers&) override { calls += fmt::format("head {} ", status); }
    bool body(std::string_view bytes) override {
        size += bytes.size();
        if (!calls.ends_with("body "))
            calls += "body ";
        return true;
    }
    void trailers(const headers& fields) override { calls += fmt::format("trailers {} ", fields.size()); }
    void finished(const transfer_info& i) override {
        calls += "finished";
        info = i;
    }
    std::string calls;
    std::size_t size = 0;
    transfer_info info;
};

verdict verdict_of(const weir::curl::options& with, const request& what) {
    weir::policy p;
    p.rates = {{1000, 1h}};
    weir::registry limits{weir::memory_store{}, weir::configuration::builder{}.defaults("metadata", p).build().value()};
    weir::http::limited http(weir::curl::transport{with}, limits);
    noting_calls to;
    verdict out;
    try {
        http.send(what, to);
    } catch (const transport_error& e) {
        out.reason = e.reason();
        out.sent = e.sent();
        out.text = e.what();
    } catch (const std::exception& e) {
        out.text = fmt::format("another exception: {}", e.what());
    }
    const auto keys = limits.inspect();
    out.charged = !keys.empty() && keys.front().state.windows.at(0).used > 0;
    CHECK(limits.in_flight() == 0);
    out.calls = to.calls;
    return out;
}

void check_row(const verdict& got, transport_errc reason, bool sent) {
    INFO(got.text << " (calls: " << got.calls << ")");
    CHECK(got.reason == reason);
    CHECK(got.sent == sent);
    CHECK(got.charged == (sent || reason == transport_errc{}));
}

verdict answer(std::string_view text, const weir::curl::options& with = {.proxy = ""}) {
    const scripted_server server{std::string{text}};
    return verdict_of(with, {.url = server.url()});
}

std::string unhex(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string{text.substr(i, 2)}, nullptr, 16));
    return out;
}

std::string in_chunks(std::string_view body, std::size_t size) {
    std::string out;
    for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
        const auto piece = body.substr(0, size);
        out += fmt::format("{:x};x=y\r\n{}\r\n", piece.size(), piece);
    }
    return out + "0\r\nX-Sum: 1\r\n\r\n";
}

/// A SOCKS 5 proxy that answers every request with one code.
odd_server::handler socks(char code) {
    return [code](peer& p) {
        if (!p.receive(2) || !p.receive(2U + static_cast<unsigned char>(p.in[1])))
            return;
        p.take(p.in.size());
        p.send(std::string{"\x05\x00", 2});
        if (p.receive(5))
            p.send(std::string{"\x05", 1} + code + std::string{"\x00\x01\x00\x00\x00\x00\x00\x00", 8});
    };
}

/// `openssl s_server`, stopped by its process id.
class tls_server {
public:
    explicit tls_server(const weir_test::scratch& in, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{
            weir_test::find_program("openssl"), "s_server", "-quiet",      "-www", "-accept",
            fmt::format("127.0.0.1:{}", port),  "-cert",    in / "ca.pem", "-key", in / "key.pem"};
        words.insert(words.end(), more.begin(), more.end());
        child_ = weir_test::start(words);
        for (int i = 0; i < 500 && !weir_test::loopback{}.connects(port); ++i)
            std::this_thread::sleep_for(10ms);
    }
    tls_server(const tls_server&) = delete;
    tls_server& operator=(const tls_server&) = delete;
    ~tls_server() {
        ::kill(child_, SIGTERM);
        weir_test::finish(child_);
    }
    [[nodiscard]] std::string url() const { return fmt::format("https://localhost:{}/", port); }

    std::uint16_t port = weir_test::free_port();

private:
    pid_t child_;
};

}  // namespace

TEST_CASE("reasons: resolve, connect and timeout before the request is sent cost nothing") {
    const weir::curl::options quick{.proxy = "", .connect_timeout = 200ms};
    check_row(verdict_of(quick, {.url = "http://no-such-host.invalid/"}), transport_errc::resolve, false);
    check_row(verdict_of(quick, {.url = fmt::format("http://127.0.0.1:{}/", weir_test::free_port())}),
              transport_errc::connect, false);
    const scripted_server silent{"", false};
    check_row(verdict_of(quick, {.url = fmt::format("https://127.0.0.1:{}/", silent.port())}), transport_errc::timeout,
              false);
    check_row(verdict_of({.proxy = "", .interface_name = "203.0.113.7"}, {.url = silent.url()}),
              transport_errc::connect, false);
}

TEST_CASE("reasons: a proxy that refuses, cannot reach or ends the connection") {
    const auto by_proxy = [](std::string_view text, std::string_view target) {
        const scripted_server proxy{std::string{text}};
        return verdict_of({.proxy = proxy.url()}, {.url = std::string{target}});
    };
    for (const char* status : {"403 Forbidden", "407 Authenticate", "502 Bad Gateway", "503 Busy"})
        check_row(
            by_proxy(fmt::format("HTTP/1.1 {}\r\nContent-Length: 2\r\n\r\nno", status), "https://example.invalid/"),
            transport_errc::proxy, false);
    check_row(by_proxy("", "https://example.invalid/"), transport_errc::proxy, false);
    check_row(by_proxy("nonsense\r\n\r\n", "https://example.invalid/"), transport_errc::proxy, false);
    // A plain proxy's answer is the response.
    check_row(by_proxy("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "http://example.invalid/"),
              transport_errc{}, false);

    check_row(verdict_of({.proxy = "http://no-such-proxy.invalid:1"}, {.url = "http://a.invalid/"}),
              transport_errc::resolve, false);
    check_row(
        verdict_of({.proxy = fmt::format("http://127.0.0.1:{}", weir_test::free_port())}, {.url = "http://a.invalid/"}),
        transport_errc::connect, false);
    for (const auto& [code, reason] :
         {std::pair{'\x01', transport_errc::proxy}, std::pair{'\x02', transport_errc::proxy},
          std::pair{'\x03', transport_errc::connect}, std::pair{'\x04', transport_errc::connect},
          std::pair{'\x05', transport_errc::connect}, std::pair{'\x06', transport_errc::connect},
          std::pair{'\x07', transport_errc::proxy}}) {
        const odd_server server{socks(code)};
        check_row(
            verdict_of({.proxy = fmt::format("socks5h://127.0.0.1:{}", server.port())}, {.url = "http://a.invalid/"}),
            reason, false);
    }
    const odd_server server{socks('\0')};
    check_row(verdict_of({.proxy = fmt::format("socks5://127.0.0.1:{}", server.port())}, {.url = "http://no.invalid/"}),
              transport_errc::resolve, false);
    const scripted_server closes{""};
    check_row(verdict_of({.proxy = fmt::format("socks5h://127.0.0.1:{}", closes.port()), .connect_timeout = 1s},
                         {.url = "http://a.invalid/"}),
              transport_errc::timeout, false);
}

TEST_CASE("reasons: TLS") {
    const weir_test::scratch files;
    if (!weir_test::make_certificates(files))
        WEIR_SKIP("openssl is not installed (apt-get install openssl)");
    const weir::curl::options trusting{.ca_file = files / "ca.pem", .proxy = ""};
    {
        const tls_server server{files};
        check_row(verdict_of(trusting, {.url = server.url()}), transport_errc{}, false);
        check_row(verdict_of({.proxy = ""}, {.url = server.url()}), transport_errc::tls, false);
        auto pinned = trusting;
        pinned.pinned_key = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        check_row(verdict_of(pinned, {.url = server.url()}), transport_errc::tls, false);
        check_row(verdict_of(trusting, {.url = fmt::format("https://127.0.0.1:{}/", server.port)}), transport_errc::tls,
                  false);
    }
    {
        const tls_server old{files, {"-tls1_2"}};
        auto modern = trusting;
        modern.min_tls = weir::curl::tls_version::v1_3;
        check_row(verdict_of(modern, {.url = old.url()}), transport_errc::tls, false);
    }
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
        CAPTURE(version);
        const tls_server strict{files, {version, "-Verify", "1", "-CAfile", files / "ca.pem", "-verify_return_error"}};
        const auto got = verdict_of(trusting, {.url = strict.url()});
        // In TLS 1.3 the client's handshake is over, and the request may be under way, when the server refuses.
        check_row(got, transport_errc::tls, std::string_view{version} == "-tls1_3");
        auto known = trusting;
        known.certificate_file = files / "ca.pem";
        known.key_file = files / "key.pem";
        const auto good = verdict_of(known, {.url = strict.url()});
        INFO(good.text);
        CHECK(good.reason == transport_errc{});
    }
    const odd_server plain{[](peer& p) {
        if (p.receive())
            p.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    }};
    check_row(verdict_of(trusting, {.url = fmt::format("https://localhost:{}/", plain.port())}), transport_errc::tls,
              false);
}

TEST_CASE("reasons: a head that is too large") {
    for (const std::size_t size : {90'000U, 120'000U, 400'000U, 3'000'000U}) {
        CAPTURE(size);
        check_row(
            answer(fmt::format("HTTP/1.1 200 OK\r\nX-Big: {}\r\nContent-Length: 2\r\n\r\nok", std::string(size, 'a')),
                   {.proxy = "", .max_head_bytes = 80'000}),
            transport_errc::too_large, true);
        std::string many = "HTTP/1.1 200 OK\r\n";
        for (std::size_t i = 0; many.size() < size; ++i)
            many += fmt::format("X-{}: {}\r\n", i, std::string(80, 'v'));
        check_row(answer(many + "\r\nok", {.proxy = "", .max_head_bytes = size < 1'000'000 ? 80'000U : 10'000'000U}),
                  transport_errc::too_large, true);
    }
    // By libcurl's own limits.
    check_row(answer("HTTP/1.1 200 OK\r\nX-Big: " + std::string(120'000, 'a') + "\r\n\r\n"), transport_errc::too_large,
              true);
    check_row(answer("HTTP/1.1 " + std::string(500'000, 'a')), transport_errc::too_large, true);
    CHECK(answer("HTTP/1.1 200 OK\r\nX-Big: " + std::string(60'000, 'a') + "\r\nContent-Length: 2\r\n\r\nok").calls ==
          "head 200 body finished");
}

TEST_CASE("reasons: a head that is too large for HTTP/2, in both directions") {
    std::size_t size = 0;
    const odd_server server{[&](peer& p) {
        if (!p.receive(weir_test::h2_peer::preface.size()) || !p.in.starts_with("PRI"))
            return;
        p.take(weir_test::h2_peer::preface.size());
        weir_test::h2_peer h2{p};
        while (const auto stream = h2.request()) {
            std::string fields = "\x88";
            while (fields.size() < size)
                fields += fmt::format("{}\x07x-{:05}\x64{}", '\0', fields.size() % 100'000, std::string(100, 'v'));
            for (bool first = true; !fields.empty(); first = false) {
                const std::string piece = fields.substr(0, 16'000);
                fields.erase(0, piece.size());
                h2.frame(first ? 1 : 9, fields.empty() ? 4 : 0, stream, piece);
            }
            h2.frame(0, 1, stream, "ok");
        }
    }};
    weir::curl::options with{.proxy = "", .h2c = true};
    with.stall_timeout = 5s;
    for (const auto& [bytes, reason] :
         {std::pair{20'000U, transport_errc{}}, std::pair{100'000U, transport_errc{}},
          std::pair{150'000U, transport_errc::too_large}, std::pair{1'000'000U, transport_errc::too_large}}) {
        CAPTURE(bytes);
        size = bytes;
        check_row(verdict_of(with, {.url = server.url()}), reason, reason != transport_errc{});
    }
    size = 0;
    check_row(verdict_of(with, {.url = server.url(), .headers = {{"X", std::string(50'000, 'a')}}}), transport_errc{},
              false);
    check_row(verdict_of(with, {.url = server.url(), .headers = {{"X", std::string(70'000, 'a')}}}),
              transport_errc::bad_request, false);
}

TEST_CASE("reasons: an answer that is not HTTP, or says two things") {
    for (const std::string_view text :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nContent-Length: 5, 3\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
          "HTTP/1.1 2000 OK\r\n\r\n", "hello\r\n\r\n", "\x15\x03\x01 tls alert",
          "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"}) {
        CAPTURE(text);
        const auto got = answer(text);
        check_row(got, transport_errc::protocol, true);
        CHECK(got.calls == "finished");  // no head, no body
    }
    CHECK(answer("hello\r\n\r\n").text.find("h2c") != std::string::npos);
}

TEST_CASE("reasons: a connection that ends too early, and a time limit") {
    for (const std::string_view text :
         {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "HTTP/1.1 100 Continue\r\n\r\n"})
        check_row(answer(text), transport_errc::lost, true);
    const scripted_server silent{"", false};
    check_row(verdict_of({.proxy = ""}, {.url = silent.url(), .timeout = 100ms}), transport_errc::timeout, true);
    check_row(verdict_of({.proxy = ""}, {.url = silent.url(), .deadline = std::chrono::steady_clock::now() + 100ms}),
              transport_errc::timeout, true);
}

TEST_CASE("a time that has passed fails at once, unsent and free") {
    const scripted_server silent{"", false};
    const auto start = std::chrono::steady_clock::now();
    for (const auto left : {0ms, -1ms, -10ms, std::chrono::milliseconds::min()}) {
        check_row(verdict_of({.proxy = ""}, {.url = silent.url(), .timeout = left}), transport_errc::timeout, false);
        weir::curl::transport bare;
        const auto result = bare.try_send({.url = silent.url(), .timeout = left});
        REQUIRE_FALSE(result);
        CHECK(result.error().code == transport_errc::timeout);
        CHECK_FALSE(result.error().sent);
    }
    check_row(verdict_of({.proxy = ""}, {.url = silent.url(), .deadline = start}), transport_errc::timeout, false);
    CHECK(std::chrono::steady_clock::now() - start < 2s);
    // A very long one is none.
    const scripted_server good{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    check_row(verdict_of({.proxy = ""}, {.url = good.url(), .timeout = std::chrono::milliseconds::max()}),
              transport_errc{}, false);
}

TEST_CASE("reasons: a packed body that is cut is not a body") {
    const std::string gzip = unhex("1f8b0800000000000203cb48cdc9c95748afca2c50c818658e32b13301cb186b8726020000");
    const std::string zlib = unhex("789ccb48cdc9c95748494dcb492c4955c818e58df2860c0f009fe90212");
    // Two frames: "hello " as it is with a check sum that is not looked at, and 4 times "x" from one byte.
    const std::string zstd = unhex("28b52ffd2006310000") + "hello " + unhex("28b52ffd200423000078");
    const weir::curl::options unpacking{.proxy = "", .gzip = true, .zstd = true};
    struct row {
        std::string_view coding;
        const std::string& bytes;
        std::size_t size;
    };
    for (const row& r :
         {row{"gzip", gzip, 550}, row{"x-gzip", gzip, 550}, row{"deflate", zlib, 700}, row{"zstd", zstd, 10}}) {
        CAPTURE(r.coding);
        for (const bool chunked : {false, true}) {
            CAPTURE(chunked);
            const auto wrap = [&](std::string_view body) {
                return chunked ? fmt::format(
                                     "HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                                     r.coding, in_chunks(body, 7))
                               : fmt::format("HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n{}",
                                             r.coding, body.size(), body);
            };
            {
                const scripted_server server{wrap(r.bytes)};
                noting_calls to;
                weir::curl::transport{unpacking}.send({.url = server.url()}, to);
                CHECK(to.size == r.size);
                CHECK(to.calls == (chunked ? "head 200 body trailers 1 finished" : "head 200 body finished"));
            }
            for (std::size_t cut = 1; cut < r.bytes.size(); cut += r.bytes.size() > 30 ? 3U : 1U) {
                if (r.coding == "zstd" && cut == 15)
                    continue;  // between its two frames
                const auto got = answer(wrap(std::string_view{r.bytes}.substr(0, cut)), unpacking);
                INFO(cut << " bytes: " << got.text);
                CHECK(got.reason == transport_errc::protocol);
                CHECK(got.sent);
            }
        }
    }
    // Nothing at all is no packed body, and a body that nobody unpacks is not looked at.
    CHECK(answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", unpacking).calls ==
          "head 200 finished");
    CHECK(answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxy").calls ==
          "head 200 body finished");
    check_row(answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nnot it", unpacking),
              transport_errc::protocol, true);
}

TEST_CASE("interim responses, trailers and the end are reported in order") {
    const scripted_server server{
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"};
    weir::curl::transport http{{.proxy = ""}};
    noting_calls to;
    http.send({.url = server.url()}, to);
    CHECK(to.calls == "interim 100 interim 103 head 200 body trailers 2 finished");
    CHECK(to.info.version == "1.1");
    CHECK(to.info.peer == "127.0.0.1");
    CHECK(to.info.peer_port == server.port());
    CHECK(to.info.attempts == 1);
    CHECK_FALSE(to.info.reused);
    CHECK(to.info.total >= to.info.first_byte);
    CHECK(to.info.first_byte.count() > 0);
    CHECK(to.info.bytes_sent > 50);
    CHECK(to.info.bytes_received > 50);
    const scripted_server second{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\n\r\n"};
    const auto reply = http.send({.url = second.url()});
    CHECK(reply.trailers == headers{{"X-A", "1"}});
    CHECK(reply.info.attempts == 1);
}

TEST_CASE("reasons: an address that the options do not allow is not connected to") {
    const odd_server server{[](peer& p) {
        while (!p.request().empty())
            p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }};
    std::string asked;
    const auto note = [&](bool answer) {
        return [&asked, answer](std::string_view address, std::uint16_t port) {
            asked = fmt::format("{}:{}", address, port);
            return answer;
        };
    };
    check_row(verdict_of({.proxy = "", .allow_address = note(false)}, {.url = server.url()}),
              transport_errc::address_refused, false);
    CHECK(asked == fmt::format("127.0.0.1:{}", server.port()));
    CHECK(server.connections() == 0);
    check_row(verdict_of({.proxy = "", .allow_address = note(true)}, {.url = server.url()}), transport_errc{}, false);
    CHECK(server.connections() == 1);
}
