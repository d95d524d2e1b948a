// SPDX-License-Identifier: MIT
#pragma once

// What the blocks of the documents take for granted: the names around a call. A block's own variables hide them.

#include "weir/config/configuration.hpp"
#include "weir/config/resolution.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/memory_store.hpp"

#if __has_include(<yaml-cpp/yaml.h>)
#include "weir/ext/yaml/configure.hpp"
#include "weir/ext/yaml/reloader.hpp"
#endif
#if __has_include(<CLI/CLI.hpp>)
#include "weir/ext/cli11/rate_flags.hpp"

#include <CLI/CLI.hpp>
#endif
#include <unistd.h>

#include <coroutine>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

extern int argc;
extern char** argv;
extern std::string url;
extern weir::registry<weir::memory_store<>> limits;
#if __has_include(<CLI/CLI.hpp>)
extern CLI::App app;
#endif
#if __has_include(<yaml-cpp/yaml.h>)
extern weir::yaml::configured config;
#endif

struct http_client {
    std::string get(const std::string& url);
};
extern http_client client;
void come_back_at(weir::instant at);

struct block_task {
    struct promise_type {
        block_task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};
