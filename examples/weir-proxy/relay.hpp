// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/text.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace proxy {

namespace beast = boost::beast;
using client_socket = boost::asio::ip::tcp::socket;
using client_request = beast::http::request<beast::http::string_body>;

/// Fields of one connection, which a proxy does not pass on (RFC 9110 §7.6.1). `listed`: what `Connection` names.
[[nodiscard]] inline bool of_one_connection(std::string_view name, std::string_view listed) {
    using weir::detail::same_ignoring_case;
    for (const std::string_view known : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
                                         "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade"})
        if (same_ignoring_case(name, known))
            return true;
    for (std::string_view rest = listed; !rest.empty();) {
        const auto comma = std::min(rest.find(','), rest.size());
        if (same_ignoring_case(weir::detail::trim(rest.substr(0, comma)), name))
            return true;
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return false;
}

/// Writes a response to the client as it comes. A client that reads slowly slows the server's sending, so the proxy
/// keeps no more than one piece.
class relay final : public weir::http::receiver {
public:
    relay(client_socket& socket, const client_request& asked)
        : socket_(socket), head_only_(asked.method() == beast::http::verb::head), old_(asked.version() < 11),
          keep_alive_(asked.keep_alive()) {}

    void interim(int status, const weir::http::headers& fields) override {
        if (!old_ && status != 101)
            write(head_text(status, fields, ""));
    }
    void head(int status, const weir::http::headers& fields) override {
        started_ = true;
        const bool bare = status == 204 || status == 304 || head_only_;
        const bool counted = fields.contains("Content-Length");
        std::string framing;
        if (!bare && !counted && !old_) {
            framing = "Transfer-Encoding: chunked\r\n";
            chunked_ = true;
        }
        if (!bare && !counted && old_)
            keep_alive_ = false;
        if (!keep_alive_)
            framing += "Connection: close\r\n";
        else if (old_)
            framing += "Connection: keep-alive\r\n";
        bare_ = bare;
        write(head_text(status, fields, framing));
    }
    bool body(std::string_view bytes) override {
        if (bare_ || bytes.empty())
            return true;
        if (chunked_)
            write(fmt::format("{:x}\r\n", bytes.size()));
        write(bytes);
        if (chunked_)
            write("\r\n");
        return !failed_;
    }
    void trailers(const weir::http::headers& fields) override {
        if (!chunked_)
            return;
        for (const weir::http::header& one : fields)
            trailers_ += fmt::format("{}: {}\r\n", one.name, one.value);
    }
    /// The response is complete.
    void end() {
        if (chunked_)
            write(fmt::format("0\r\n{}\r\n", trailers_));
    }
    /// Answers with a message of the proxy's own.
    void answer(int status, std::string_view text, const weir::http::headers& more = {}) {
        weir::http::headers fields = more;
        fields.set("Content-Type", "text/plain; charset=utf-8");
        fields.set("Content-Length", fmt::format("{}", text.size() + 1));
        fields.set("Cache-Control", "no-store");
        head(status, fields);
        static_cast<void>(body(fmt::format("{}\n", text)));
    }

    [[nodiscard]] bool started() const noexcept { return started_; }
    /// Whether the connection can serve another request.
    [[nodiscard]] bool usable() const noexcept { return keep_alive_ && !failed_; }

private:
    [[nodiscard]] static std::string head_text(int status, const weir::http::headers& fields,
                                               std::string_view framing) {
        const std::string_view reason{beast::http::obsolete_reason(static_cast<beast::http::status>(status)).data(),
                                      beast::http::obsolete_reason(static_cast<beast::http::status>(status)).size()};
        std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason);
        const std::string listed = fields.joined("Connection").value_or("");
        for (const weir::http::header& one : fields)
            if (!of_one_connection(one.name, listed))
                out += fmt::format("{}: {}\r\n", one.name, one.value);
        return out + std::string{framing} + "\r\n";
    }
    void write(std::string_view bytes) {
        boost::system::error_code fault;
        if (!failed_)
            boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), fault);
        failed_ = failed_ || fault;
    }

    client_socket& socket_;
    bool head_only_;
    bool old_;
    bool keep_alive_;
    bool started_ = false;
    bool chunked_ = false;
    bool bare_ = false;
    bool failed_ = false;
    std::string trailers_;
};

}  // namespace proxy
