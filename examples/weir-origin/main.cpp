// SPDX-License-Identifier: MIT
#include "arrivals.hpp"
#include "catalogue.hpp"
#include "manifest.hpp"
#include "options.hpp"
#include "pages.hpp"
#include "server.hpp"
#include "version_line.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

int serve(const origin::options& settings) {
    // Blocked before the first thread starts, so that every thread inherits it and only sigwait sees them.
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);

    origin::server http{settings};
    const auto& names = http.names();
    const origin::places where{names.front(), names[settings.landing_on - 1], names[settings.pdf_on - 1],
                               settings.redirect_landing};
    const origin::catalogue documents{settings.catalogue};
    if (!settings.manifest.empty()) {
        origin::write_manifest(settings.manifest, documents, where);
    }
    const origin::site pages{documents, where};
    origin::gatekeeper gate{settings, names};
    http.start(pages, gate);

    const nlohmann::json shown = names.size() == 1 ? nlohmann::json(names.front()) : nlohmann::json(names);
    fmt::print("{}\n", nlohmann::json{{"listening", shown}}.dump());
    std::fflush(stdout);

    int signal = 0;
    sigwait(&ending, &signal);
    http.stop(std::chrono::seconds{2});
    gate.close();
    // Threads that wait on idle connections would keep the destructors busy until the keep-alive time is over.
    std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const origin::options settings = origin::parse_options({argv + 1, argv + argc});
        if (settings.help) {
            fmt::print("{}", origin::help_text);
            return 0;
        }
        if (settings.version) {
            fmt::print("{}", weir::tools::version_line("weir-origin", {}));
            return 0;
        }
        return serve(settings);
    } catch (const origin::usage_error& fault) {
        fmt::print(stderr, "weir-origin: {}\nTry weir-origin --help.\n", fault.what());
        return 2;
    } catch (const std::exception& fault) {
        fmt::print(stderr, "weir-origin: {}\n", fault.what());
        std::fflush(stderr);
        std::_Exit(1);
    }
}
