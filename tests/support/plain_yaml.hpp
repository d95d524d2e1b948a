// SPDX-License-Identifier: MIT
#pragma once

// What yaml-cpp alone costs: the yardstick of the loader's time.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <ctime>
#include <sstream>
#include <string>

namespace weir_test {

struct null_handler final : YAML::EventHandler {
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

/// Parses a right text and does nothing with it.
inline void parse_plainly(const std::string& text) {
    null_handler nothing;
    std::istringstream stream{text};
    YAML::Parser parser{stream};
    while (parser.HandleNextDocument(nothing)) {
    }
}

/// Time of this process alone, because the machine may be busy.
inline double cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace weir_test
