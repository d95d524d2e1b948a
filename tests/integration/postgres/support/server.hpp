// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>
#include <libpq-fe.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weir_test {

/// A Postgres server of our own: its data in a temporary folder, a Unix socket there, no network. Run as root, it is
/// started as the user postgres (or nobody), for it refuses to be root.
class postgres_server {
public:
    /// Where initdb and postgres are: in `WEIR_POSTGRES_BIN`, in Debian's folder of the newest version, or on the path;
    /// empty where they are not.
    [[nodiscard]] static std::filesystem::path programs() {
        const auto has_them = [](const std::filesystem::path& folder) {
            return ::access((folder / "initdb").c_str(), X_OK) == 0 &&
                   ::access((folder / "postgres").c_str(), X_OK) == 0;
        };
        if (const char* named = std::getenv("WEIR_POSTGRES_BIN"); named != nullptr && has_them(named))
            return named;
        std::filesystem::path newest;
        int version = 0;
        std::error_code none;
        for (const auto& at : std::filesystem::directory_iterator{"/usr/lib/postgresql", none})
            if (const int v = std::atoi(at.path().filename().c_str()); v > version && has_them(at.path() / "bin")) {
                newest = at.path() / "bin";
                version = v;
            }
        if (!newest.empty())
            return newest;
        const char* path = std::getenv("PATH");
        std::istringstream folders{path == nullptr ? "/usr/bin" : path};
        for (std::string folder; std::getline(folders, folder, ':');)
            if (has_them(folder))
                return folder;
        return {};
    }

    /// Without fsync unless a setting says so: a killed process loses nothing by that, only a machine that fails.
    explicit postgres_server(std::vector<std::string> settings = {}) : settings_(std::move(settings)) {
        std::string name = (std::filesystem::temp_directory_path() / "weir-pg-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        home_ = name;
        if (::geteuid() == 0) {
            const passwd* user = ::getpwnam("postgres");
            if (user == nullptr)
                user = ::getpwnam("nobody");
            uid_ = user->pw_uid;
            gid_ = user->pw_gid;
            if (::chown(name.c_str(), uid_, gid_) != 0)
                throw std::runtime_error{"chown"};
        }
        int status = 0;
        ::waitpid(launch({"initdb", "-D", data(), "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync"}), &status,
                  0);
        if (status != 0)
            throw std::runtime_error{"initdb failed: " + log()};
        start();
        run("CREATE ROLE limiter LOGIN");
        run("CREATE DATABASE limits OWNER limiter");
    }
    postgres_server(const postgres_server&) = delete;
    postgres_server& operator=(const postgres_server&) = delete;
    ~postgres_server() {
        if (pid_ > 0)
            kill();
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }

    /// Starts it and waits until it answers.
    void start() {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
        launch_server();
        while (!answers()) {
            if (std::chrono::steady_clock::now() > until)
                throw std::runtime_error{"the server does not start: " + log()};
            // After a kill, the last of the old processes may still hold the shared memory.
            if (::waitpid(pid_, nullptr, WNOHANG) == pid_)
                launch_server();
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
    }
    /// An orderly end.
    void stop() {
        ::kill(pid_, SIGINT);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    /// As by the loss of power, but for what the kernel still writes.
    void kill() {
        signal_all(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    void freeze() { signal_all(SIGSTOP); }
    void thaw() { signal_all(SIGCONT); }

    /// One for all tests of a program that leave it running, each in a schema of its own: to make one takes a second.
    [[nodiscard]] static postgres_server& common() {
        static postgres_server server;
        return server;
    }

    [[nodiscard]] std::string dsn(std::string_view more = "") const {
        return fmt::format("host={} user=owner dbname=postgres {}", home_.string(), more);
    }
    /// The same for somebody who is no superuser, in a database of their own.
    [[nodiscard]] std::string plain_dsn(std::string_view more = "") const {
        return fmt::format("host={} user=limiter dbname=limits {}", home_.string(), more);
    }
    /// Runs statements and returns the first column of the first row, if any.
    std::string run(const std::string& text, std::string_view more = "") const {
        PGconn* const link = PQconnectdb(dsn(more).c_str());
        PQsetNoticeProcessor(link, [](void*, const char*) {}, nullptr);
        PGresult* const r = PQexec(link, text.c_str());
        const auto status = PQresultStatus(r);
        std::string out = status == PGRES_TUPLES_OK && PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "";
        const std::string why = PQerrorMessage(link);
        PQclear(r);
        PQfinish(link);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw std::runtime_error{text + ": " + why};
        return out;
    }
    [[nodiscard]] bool answers() const { return PQping(dsn().c_str()) == PQPING_OK; }
    [[nodiscard]] std::string log() const {
        std::ifstream file{log_file()};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    [[nodiscard]] std::string folder() const { return home_.string(); }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

private:
    [[nodiscard]] std::string data() const { return (home_ / "data").string(); }
    [[nodiscard]] std::string log_file() const { return (home_ / "log").string(); }

    void launch_server() {
        std::vector<std::string> words{"postgres",
                                       "-D",
                                       data(),
                                       "-k",
                                       home_.string(),
                                       "-c",
                                       "listen_addresses=",
                                       "-c",
                                       "max_connections=60",
                                       "-c",
                                       "shared_buffers=32MB",
                                       "-c",
                                       "fsync=off"};
        for (const std::string& s : settings_) {
            words.emplace_back("-c");
            words.push_back(s);
        }
        pid_ = launch(words);
    }

    pid_t launch(std::vector<std::string> words) {
        const std::string out = log_file();
        words[0] = (programs() / words[0]).string();  // by this name initdb looks for its own postgres
        std::vector<char*> argv;
        for (std::string& w : words)
            argv.push_back(w.data());
        argv.push_back(nullptr);
        const pid_t child = ::fork();
        if (child != 0)
            return child;
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (uid_ != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(gid_) != 0 || ::setuid(uid_) != 0))
            ::_exit(126);
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // setuid undoes it
        const int file = ::open(out.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
        ::dup2(file, 1);
        ::dup2(file, 2);
        ::setenv("LC_ALL", "C", 1);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }

    /// The server and the processes it has started.
    void signal_all(int signal) const {
        std::vector<pid_t> all{pid_};
        for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
            const std::string name = entry.path().filename().string();
            if (name.find_first_not_of("0123456789") != std::string::npos)
                continue;
            std::ifstream stat{entry.path() / "stat"};
            const std::string line{std::istreambuf_iterator<char>{stat}, {}};
            const auto behind = line.rfind(')');
            if (behind != std::string::npos && std::atoi(line.c_str() + std::min(behind + 4, line.size())) == pid_)
                all.push_back(std::atoi(name.c_str()));
        }
        for (const pid_t p : all)
            ::kill(p, signal);
    }

    std::vector<std::string> settings_;
    std::filesystem::path home_;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
    pid_t pid_ = -1;
};

}  // namespace weir_test

/// Ends a test case as skipped where there is no server.
#define WEIR_NEEDS_POSTGRES()                                                                                          \
    if (weir_test::postgres_server::programs().empty())                                                                \
    WEIR_SKIP("there is no Postgres server here; Debian: apt-get install postgresql")
