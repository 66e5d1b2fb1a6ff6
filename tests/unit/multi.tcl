# SPDX-License-Identifier: BSD-3-Clause
#
# Transactions: what Redis's own suite leaves out.

start_server {tags {"multi"}} {
    test {A watched key that SWAPDB replaces by an expired one is still missing, and then made} {
        r flushall
        r debug set-active-expire 0
        r select 0
        r set x foo px 1
        after 2
        r select 1
        r watch x
        r swapdb 0 1
        r multi
        r ping
        assert_equal {PONG} [r exec]

        # The same, but the expired key is then written over.
        r flushall
        r select 0
        r set x foo px 1
        after 2
        r select 1
        r watch x
        r swapdb 0 1
        r set x new
        r multi
        r ping
        assert_equal {} [r exec]
        r debug set-active-expire 1
        r select 9
    } {OK} {singledb:skip needs:debug}
}
