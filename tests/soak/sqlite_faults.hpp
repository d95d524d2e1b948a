// SPDX-License-Identifier: MIT
#pragma once

#include "stage.hpp"

#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir_soak {

/// SQLite's file, and what may happen to it.
class sqlite_subject {
public:
    static constexpr std::string_view kind = "sqlite";

    [[nodiscard]] static std::string missing() { return {}; }
    [[nodiscard]] static std::vector<fault> faults() {
        return {
            {"none"},
            {"kill -9 of half of the processes", promise::all, false, true},
            {"SIGSTOP of half of the processes, 1.2 s", promise::all, true},
            {"-wal and -shm removed", promise::shortest, true},
            // Nothing is left that shows a new process that there was a file, until one that knew it has made it again.
            {"the file removed", promise::shortest, false, false, std::chrono::milliseconds{300}},
            {"another process writes for 1.5 s", promise::all, true},
            {"another process reads for 1.5 s"},
            {"full disk for 1 s"}};
    }

    explicit sqlite_subject(const fault& f) {
        std::string name = (std::filesystem::temp_directory_path() / "weir-soak-db-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        folder_ = name;
        if (f.name == "full disk for 1 s") {
            is_mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=4m") == 0;
            if (!is_mounted_)
                skipped_ = "this user cannot make a small file system";
        }
    }
    sqlite_subject(const sqlite_subject&) = delete;
    sqlite_subject& operator=(const sqlite_subject&) = delete;
    ~sqlite_subject() {
        if (is_mounted_)
            ::umount2(folder_.c_str(), MNT_DETACH);
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    [[nodiscard]] std::string dsn() const { return "sqlite://" + file(); }
    /// Why this fault cannot be made here; empty if it can.
    [[nodiscard]] const std::string& skipped() const noexcept { return skipped_; }

    void apply(const fault& f, stage& on) {
        using namespace std::chrono_literals;
        namespace fs = std::filesystem;
        if (f.name == "-wal and -shm removed") {
            fs::remove(file() + "-wal");
            fs::remove(file() + "-shm");
        } else if (f.name == "the file removed") {
            for (const char* ending : {"", "-wal", "-shm"})
                fs::remove(file() + ending);
        } else if (f.name == "another process writes for 1.5 s") {
            on.is_away();
            hold("BEGIN IMMEDIATE", 1500ms);
            on.is_back();
        } else if (f.name == "another process reads for 1.5 s") {
            hold("BEGIN; SELECT count(*) FROM keys", 1500ms);
        } else if (f.name == "full disk for 1 s") {
            on.is_away();
            {
                std::ofstream filler{folder_ + "/filler", std::ios::binary};
                const std::string piece(4096, 'x');
                while (filler.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
                }
            }
            stage::wait(1000ms);
            fs::remove(folder_ + "/filler");
            on.is_back();
        }
    }

private:
    [[nodiscard]] std::string file() const { return folder_ + "/limits.db"; }

    /// In a process of its own, because workers are forks of this one and SQLite must not be open in it.
    void hold(const char* sql, std::chrono::milliseconds time) const {
        const pid_t pid = ::fork();
        if (pid == 0) {
            sqlite3* db = nullptr;
            sqlite3_open(file().c_str(), &db);
            sqlite3_busy_timeout(db, 5000);
            const bool done = sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
            std::this_thread::sleep_for(time);
            ::_exit(done ? 0 : 1);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (status != 0)
            throw std::runtime_error{"the other process could not use the file"};
    }

    std::string folder_, skipped_;
    bool is_mounted_ = false;
};

}  // namespace weir_soak
