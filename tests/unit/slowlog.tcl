# SPDX-License-Identifier: BSD-3-Clause
#
# SLOWLOG.

start_server {tags {"slowlog"} overrides {slowlog-log-slower-than 1000000}} {
    test {Quick commands are not logged} {
        r slowlog reset
        r ping
        assert_equal 0 [r slowlog len]
        r slowlog get
    } {}

    test {A slow command is logged with all that one wants to know} {
        r config set slowlog-log-slower-than 20000
        r slowlog reset
        r client setname turtle
        set now [clock seconds]
        r debug sleep 0.05
        assert_equal 1 [r slowlog len]
        lassign [lindex [r slowlog get] 0] id time usec argv addr name
        assert {[string is integer -strict $id]}
        assert_range $time [expr {$now - 1}] [expr {$now + 2}]
        assert_range $usec 50000 5000000
        assert_equal {debug sleep 0.05} $argv
        assert_equal [dict get [client_fields [r client info]] addr] $addr
        assert_equal turtle $name
        r client setname {}
    } {OK} {needs:debug}

    test {Entries are numbered, newest first} {
        r config set slowlog-log-slower-than 0
        r slowlog reset
        r set a 1
        r set b 2
        r get a
        r config set slowlog-log-slower-than -1
        set log [r slowlog get -1]
        assert_equal {{get a} {set b 2} {set a 1}} [lrange [lmap entry $log {lindex $entry 3}] end-3 end-1]
        set ids [lmap entry $log {lindex $entry 0}]
        assert_equal [lsort -integer -decreasing $ids] $ids
    }

    test {A threshold below zero logs nothing} {
        r slowlog reset
        r config set slowlog-log-slower-than -1
        r set a 1
        r slowlog len
    } {0}

    test {slowlog-max-len bounds the log, at once} {
        r config set slowlog-log-slower-than 0
        r config set slowlog-max-len 10
        for {set i 0} {$i < 100} {incr i} {r ping}
        assert_equal 10 [r slowlog len]
        r config set slowlog-max-len 3
        r ping
        assert_equal 3 [r slowlog len]
        assert_equal 2 [llength [r slowlog get 2]]
        assert_equal 3 [llength [r slowlog get 100]]
        r config set slowlog-max-len 128
        r config set slowlog-log-slower-than 1000000
    } {OK}

    test {Without a count ten are given} {
        r slowlog reset
        r config set slowlog-log-slower-than 0
        for {set i 0} {$i < 20} {incr i} {r ping}
        r config set slowlog-log-slower-than 1000000
        list [llength [r slowlog get]] [llength [r slowlog get 0]]
    } {10 0}

    test {Long commands are cut} {
        r config set slowlog-log-slower-than 0
        r slowlog reset
        r mset {*}[lmap i {1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20} {list k$i}] 21 22 {*}[lrepeat 18 x]
        r set k [string repeat A 200]
        r config set slowlog-log-slower-than -1
        set log [lmap entry [r slowlog get -1] {lindex $entry 3}]
        set set [lindex $log end-2]
        assert_equal "set k {[string repeat A 128]... (72 more bytes)}" $set
        set mset [lindex $log end-1]
        assert_equal 32 [llength $mset]
        assert_equal {... (10 more arguments)} [lindex $mset end]
    }

    test {Secrets are not logged} {
        r config set slowlog-log-slower-than 0
        r slowlog reset
        catch {r auth user pass}
        r config set masterauth hidden
        r config set masterauth ""
        r config set slowlog-log-slower-than -1
        set all [r slowlog get -1]
        assert_no_match *hidden* $all
        assert_match {*config set masterauth (redacted)*} $all
    } {} {external:skip}

    test {Passwords of users are not logged} {
        r config set slowlog-log-slower-than 0
        r slowlog reset
        r acl setuser tmp >secret
        r acl deluser tmp
        r config set slowlog-log-slower-than -1
        assert_no_match *secret* [r slowlog get -1]
    } {} {external:skip}

    test {SLOWLOG refuses odd counts} {
        assert_error {ERR count should be greater than or equal to -1} {r slowlog get -2}
        assert_error {ERR count should be greater than or equal to -1} {r slowlog get x}
        assert_match {SLOWLOG <subcommand>*} [lindex [r slowlog help] 0]
    }
}
