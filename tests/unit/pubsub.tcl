# SPDX-License-Identifier: BSD-3-Clause
#
# Pub/sub: the order of what subscribers are sent when many messages are published in one turn of the event loop.

start_server {tags {"pubsub network"}} {
    # Sends commands in one piece and reads their replies.
    proc publish_all {rd commands} {
        set out ""
        foreach cmd $commands {append out [join $cmd " "] "\r\n"}
        $rd write $out
        $rd flush
        set replies {}
        foreach cmd $commands {lappend replies [$rd read]}
        return $replies
    }

    test {Messages to channels and patterns arrive in the order in which they were published} {
        set sub [redis_deferring_client]
        set pub [redis_deferring_client]
        $sub subscribe a b
        $sub read
        $sub read
        $sub psubscribe p*
        $sub read
        assert_equal {1 1 1 1 1 0} [publish_all $pub {{publish a 1} {publish a 2} {publish b 3} {publish p1 4} {publish a 5} {publish none 6}}]
        set got {}
        for {set i 0} {$i < 5} {incr i} {lappend got [lindex [$sub read] end]}
        $sub close
        $pub close
        set got
    } {1 2 3 4 5}

    test {A message that matches channel and pattern comes once for each} {
        set sub [redis_deferring_client]
        set pub [redis_deferring_client]
        $sub subscribe news
        $sub read
        $sub psubscribe n*
        $sub read
        assert_equal {2 2} [publish_all $pub {{publish news 1} {publish news 2}}]
        set got {}
        for {set i 0} {$i < 4} {incr i} {
            set message [$sub read]
            lappend got [lindex $message 0] [lindex $message end]
        }
        $sub close
        $pub close
        set got
    } {message 1 pmessage 1 message 2 pmessage 2}

    test {Subscribers of both protocols get the same messages, however many there are} {
        set two [redis_deferring_client]
        set three [redis_deferring_client]
        set pub [redis_deferring_client]
        $three hello 3
        $three read
        foreach sub [list $two $three] {
            $sub subscribe ch
            $sub read
        }
        set commands {}
        for {set i 0} {$i < 500} {incr i} {lappend commands [list publish ch $i:[string repeat x [expr {$i % 300}]]]}
        assert_equal [lrepeat 500 2] [publish_all $pub $commands]
        foreach cmd $commands {
            assert_equal [list message ch [lindex $cmd 2]] [$two read]
            assert_equal [list message ch [lindex $cmd 2]] [$three read]
        }
        foreach rd [list $two $three $pub] {$rd close}
    } {}

    test {What was published before UNSUBSCRIBE, and not what comes after it, is sent} {
        set sub [redis_deferring_client]
        set pub [redis_deferring_client]
        $pub hello 3
        $pub read
        $sub hello 3
        $sub read
        $sub subscribe ch
        $sub read
        # One connection publishes and changes its own subscriptions; the other only listens.
        $pub write "publish ch 1\r\nsubscribe ch\r\npublish ch 2\r\nunsubscribe ch\r\npublish ch 3\r\nping\r\n"
        $pub flush
        set got {}
        for {set i 0} {$i < 7} {incr i} {lappend got [$pub read]}
        for {set i 0} {$i < 3} {incr i} {lappend got [lindex [$sub read] end]}
        $sub close
        $pub close
        set got
    } {1 {subscribe ch 1} 2 {message ch 2} {unsubscribe ch 0} 1 PONG 1 2 3}

    test {CLIENT LIST shows what subscribers have not been sent yet} {
        set sub [redis_deferring_client]
        set pub [redis_deferring_client]
        $sub client id
        set id [$sub read]
        $sub subscribe ch
        $sub read
        $pub write "publish ch hello\r\nclient list id $id\r\n"
        $pub flush
        assert_equal 1 [$pub read]
        set line [$pub read]
        $sub close
        $pub close
        regexp {obl=(\d+)} $line -> pending
        set pending
    } {36}
}
