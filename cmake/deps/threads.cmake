# SPDX-License-Identifier: MIT
find_package(Threads REQUIRED)
