// SPDX-License-Identifier: MIT
#pragma once

#include "weir/storage/remote/socket_life.hpp"

#include <hiredis/hiredis.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir_test {

/// A Redis or Valkey server of our own on a temporary socket and a loopback port, stopped with its owner.
class redis_server {
public:
    /// Where the server's program is: `WEIR_REDIS_SERVER`, or the first on the path; empty where there is none.
    [[nodiscard]] static std::string program() {
        if (const char* named = std::getenv("WEIR_REDIS_SERVER"); named != nullptr && *named != '\0')
            return named;
        const char* path = std::getenv("PATH");
        std::istringstream folders{path == nullptr ? "/usr/bin" : path};
        for (std::string folder; std::getline(folders, folder, ':');)
            for (const char* name : {"redis-server", "valkey-server"})
                if (const std::string whole = folder + "/" + name; ::access(whole.c_str(), X_OK) == 0)
                    return whole;
        return {};
    }

    /// A loopback port nobody listens on.
    [[nodiscard]] static std::uint16_t free_port() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
                           ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0;
        ::close(fd);
        if (!bound)
            throw std::runtime_error{"no free port"};
        return ntohs(at.sin_port);
    }

    explicit redis_server(std::vector<std::string> more = {}, std::uint16_t port = free_port())
        : more_(std::move(more)), port_(port) {
        std::string name = (std::filesystem::temp_directory_path() / "weir-redis-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        folder_ = name;
        start();
    }
    /// A Sentinel with this configuration file.
    struct sentinel {
        std::string file;
    };
    explicit redis_server(const sentinel& of) : redis_server(std::vector<std::string>{of.file, "--sentinel"}) {}
    redis_server(const redis_server&) = delete;
    redis_server& operator=(const redis_server&) = delete;
    ~redis_server() {
        kill();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] std::string socket() const { return folder_ + "/s"; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string tcp() const { return "redis://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::string unix_dsn() const { return "redis+unix://" + socket(); }
    [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

    void start() {
        if (pid_ > 0)
            return;
        std::vector<std::string> words{"--port",    std::to_string(port_), "--bind",      "127.0.0.1", "--save",
                                       "",          "--unixsocket",        socket(),      "--dir",     folder_,
                                       "--logfile", folder_ + "/log",      "--daemonize", "no"};
        // A configuration file comes first.
        words.insert(is_sentinel() ? words.begin() : words.end(), more_.begin(), more_.end());
        words.insert(words.begin(), program());
        std::vector<char*> arguments;
        for (std::string& word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::execv(arguments[0], arguments.data());
            ::_exit(127);
        }
        for (int i = 0; i < 500; ++i) {
            if (const auto said = say({"PING"}); said == "PONG" || said.starts_with("NOAUTH"))
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
        kill();
        throw std::runtime_error{"redis-server does not answer: " + log()};
    }
    void kill() {
        if (pid_ <= 0)
            return;
        direct_.reset();
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    void freeze() const { ::kill(pid_, SIGSTOP); }
    void thaw() const { ::kill(pid_, SIGCONT); }

    /// Says a command on a connection of its own, and returns the reply: a number or a list as text too.
    [[nodiscard]] std::string say(const std::vector<std::string>& words) {
        // A Sentinel ends the connections of a server that it gives another role, and hiredis would write all the same.
        if (direct_ != nullptr && weir::remote::has_ended(direct_->fd))
            direct_.reset();
        if (direct_ == nullptr) {
            direct_.reset(redisConnectUnix(socket().c_str()));
            if (direct_ == nullptr || direct_->err != 0) {
                direct_.reset();
                return {};
            }
        }
        std::vector<const char*> parts;
        std::vector<std::size_t> sizes;
        for (const std::string& word : words) {
            parts.push_back(word.data());
            sizes.push_back(word.size());
        }
        auto* got = static_cast<redisReply*>(
            redisCommandArgv(direct_.get(), static_cast<int>(words.size()), parts.data(), sizes.data()));
        if (got == nullptr) {
            direct_.reset();
            return {};
        }
        std::string out = text_of(*got);
        freeReplyObject(got);
        return out;
    }
    [[nodiscard]] std::int64_t number(const std::vector<std::string>& words) {
        return std::strtoll(say(words).c_str(), nullptr, 10);
    }
    /// All keys' names.
    [[nodiscard]] std::vector<std::string> keys() {
        std::istringstream all{say({"KEYS", "*"})};
        std::vector<std::string> out;
        for (std::string name; std::getline(all, name);)
            out.push_back(name);
        return out;
    }
    [[nodiscard]] std::string log() const {
        std::ifstream file{folder_ + "/log"};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

private:
    [[nodiscard]] bool is_sentinel() const { return more_.size() == 2 && more_[1] == "--sentinel"; }

    struct context_deleter {
        void operator()(redisContext* c) const noexcept { redisFree(c); }
    };

    [[nodiscard]] static std::string text_of(const redisReply& r) {
        if (r.type == REDIS_REPLY_INTEGER)
            return std::to_string(r.integer);
        if (r.type == REDIS_REPLY_ARRAY) {
            std::string out;
            for (std::size_t i = 0; i < r.elements; ++i)
                out += text_of(*r.element[i]) + "\n";
            return out;
        }
        return r.str == nullptr ? std::string{} : std::string{r.str, static_cast<std::size_t>(r.len)};
    }

    std::vector<std::string> more_;
    std::uint16_t port_;
    std::string folder_;
    pid_t pid_ = -1;
    std::unique_ptr<redisContext, context_deleter> direct_;
};

}  // namespace weir_test

/// Ends a test case as skipped where there is no server.
#define WEIR_NEEDS_REDIS()                                                                                             \
    if (weir_test::redis_server::program().empty())                                                                    \
    WEIR_SKIP("there is no redis-server or valkey-server here; Debian: apt-get install redis-server")
