// SPDX-License-Identifier: MIT
#include "weir/storage/store_notice.hpp"

#include "support/catch.hpp"

#include <string>

TEST_CASE("store notice: each is taken once, oldest first, and those that no caller takes are bounded") {
    weir::notice_board board;
    CHECK_FALSE(board.take().has_value());
    board.put({weir::store_notice::kind::warning, "one"});
    board.put({weir::store_notice::kind::history_lost, "two"});
    CHECK(board.take()->text == "one");
    CHECK(board.take()->type == weir::store_notice::kind::history_lost);
    CHECK_FALSE(board.take().has_value());
    for (int i = 0; i < 100; ++i)
        board.put({weir::store_notice::kind::warning, std::to_string(i)});
    int taken = 0;
    std::string last;
    while (auto n = board.take()) {
        ++taken;
        last = n->text;
    }
    CHECK(taken == 64);
    CHECK(last == "99");
}
