// SPDX-License-Identifier: MIT
//
// What a stranger's first program does with each way of getting weir: it reads a configuration, builds the registry and
// the transport, and takes a permit. It sends nothing.
#include <weir/ext/curl/transport.hpp>
#include <weir/ext/yaml/configure.hpp>
#include <weir/weir.hpp>

#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
    const auto config = weir::yaml::configure(argc, argv, {.prefix = "CONSUMER_RLIMIT", .environ = environ});
    if (!config) {
        std::fprintf(stderr, "%s\n", config.fault_text().c_str());
        return 1;
    }
    weir::registry limits{weir::memory_store{}, *config};
    const auto http = weir::http::limited(weir::curl::transport{}, limits);
    static_cast<void>(http);
    auto permit = limits.acquire("api.example.org", "metadata");
    permit.arrived();
    std::printf("weir %s\n", weir::version);
    return WEIR_VERSION == 0;
}
