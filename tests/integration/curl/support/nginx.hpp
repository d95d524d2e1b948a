// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// A loopback socket, closed at the end.
class loopback {
public:
    loopback() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    loopback(const loopback&) = delete;
    loopback& operator=(const loopback&) = delete;
    ~loopback() { ::close(fd_); }

    /// Takes a free port.
    std::uint16_t bind() {
        socklen_t size = sizeof address_;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address_), size) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size) != 0)
            throw std::runtime_error{"no loopback port"};
        return ntohs(address_.sin_port);
    }
    [[nodiscard]] bool connects(std::uint16_t port) {
        address_.sin_port = htons(port);
        return ::connect(fd_, reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0;
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }

private:
    int fd_;
    sockaddr_in address_{};
};

/// A port that was free a moment ago.
inline std::uint16_t free_port() { return loopback{}.bind(); }

/// A temporary folder, removed at the end.
class scratch {
public:
    scratch() {
        std::string pattern = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        path_ = pattern;
        std::filesystem::permissions(path_, std::filesystem::perms{0755});
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string operator/(std::string_view name) const { return (path_ / name).string(); }
    void write(std::string_view name, std::string_view text) const {
        std::ofstream{path_ / name, std::ios::binary} << text;
    }

private:
    std::filesystem::path path_;
};

/// The full path of a program, or "".
inline std::string find_program(std::string_view name) {
    for (const std::string_view folder :
         {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
        if (const auto path = fmt::format("{}/{}", folder, name); ::access(path.c_str(), X_OK) == 0)
            return path;
    return {};
}

/// A program started with arguments; its output goes nowhere.
inline pid_t start(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0)
        return child;
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {0, 1, 2})
        ::dup2(nowhere, fd);
    ::execv(argv.front(), argv.data());
    ::_exit(127);
}
inline int finish(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Writes `ca.pem` (self-made) and the key and certificate of `localhost`; says whether that worked.
inline bool make_certificates(const scratch& in) {
    const std::string openssl = find_program("openssl");
    return !openssl.empty() &&
           finish(start({openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                         in / "key.pem", "-out", in / "ca.pem"})) == 0;
}

/// An nginx in the foreground, stopped by its process id.
class nginx {
public:
    [[nodiscard]] static bool is_here() { return !find_program("nginx").empty(); }

    /// `servers` is what goes into `http { }`; the first port is the one to wait for.
    nginx(const scratch& in, std::string_view servers, std::uint16_t port) {
        in.write("nginx.conf",
                 fmt::format(
                     "daemon off; worker_processes 1; pid {0}; error_log {1} warn; {2}\n"
                     "events {{ worker_connections 256; }}\n"
                     "http {{ access_log off; default_type text/plain; client_body_temp_path {3};\n"
                     "proxy_temp_path {3}; fastcgi_temp_path {3}; uwsgi_temp_path {3}; scgi_temp_path {3};\n{4}\n}}\n",
                     in / "pid", in / "error.log", ::geteuid() == 0 ? "user root;" : "", in / "tmp", servers));
        child_ = start({find_program("nginx"), "-e", in / "error.log", "-c", in / "nginx.conf", "-p", in / ""});
        for (int i = 0; i < 500; ++i) {
            if (loopback{}.connects(port))
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
        stop();
        throw std::runtime_error{"nginx does not start; see its error.log"};
    }
    nginx(const nginx&) = delete;
    nginx& operator=(const nginx&) = delete;
    ~nginx() { stop(); }

private:
    void stop() {
        ::kill(child_, SIGTERM);
        finish(child_);
    }
    pid_t child_;
};

/// A server that answers each connection with fixed bytes once it has read a head, and then closes it, or holds it
/// open.
class scripted_server {
public:
    explicit scripted_server(std::string answer, bool closes = true) : answer_(std::move(answer)), closes_(closes) {
        port_ = listener_.bind();
        ::listen(listener_.fd(), 16);
        thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
    }
    ~scripted_server() {
        thread_.request_stop();
        static_cast<void>(loopback{}.connects(port_));  // out of accept
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string url(std::string_view path = "/") const {
        return fmt::format("http://127.0.0.1:{}{}", port_, path);
    }

private:
    void serve(const std::stop_token& stop) {
        std::vector<int> held;
        while (!stop.stop_requested()) {
            const int peer = ::accept(listener_.fd(), nullptr, nullptr);
            if (peer < 0)
                continue;
            std::string head;
            std::array<char, 4096> piece{};
            while (!stop.stop_requested() && head.find("\r\n\r\n") == std::string::npos) {
                const auto got = ::recv(peer, piece.data(), piece.size(), 0);
                if (got <= 0)
                    break;
                head.append(piece.data(), static_cast<std::size_t>(got));
            }
            ::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
            if (closes_)
                ::close(peer);
            else
                held.push_back(peer);
        }
        for (const int peer : held)
            ::close(peer);
    }

    loopback listener_;
    std::string answer_;
    bool closes_;
    std::uint16_t port_ = 0;
    std::jthread thread_;
};

}  // namespace weir_test
