// SPDX-License-Identifier: MIT
#include <weir/weir.hpp>

int main() {
    auto const rate = weir::parse_rate("10/s");
    return rate ? 0 : 1;
}
