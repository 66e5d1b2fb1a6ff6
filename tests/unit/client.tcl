# SPDX-License-Identifier: BSD-3-Clause
#
# CLIENT and its subcommands.

# The fields of a client in CLIENT LIST, by its ID; empty when it is gone.
proc client_by_id {id} {
    foreach line [split [string trim [r client list id $id]] \n] {return [client_fields $line]}
    return {}
}

start_server {tags {"client"}} {
    test {Every client has an ID of its own, and they grow} {
        set a [redis_client]
        set b [redis_client]
        assert {[$a client id] < [$b client id]}
        assert_equal [$a client id] [$a client id]
        $a close
        $b close
    }

    test {CLIENT SETNAME and GETNAME} {
        assert_equal {} [r client getname]
        assert_equal OK [r client setname worker-1]
        assert_equal worker-1 [r client getname]
        foreach bad {"a b" "a\nb" "a\x01" "\x7f"} {
            assert_error {ERR Client names cannot contain spaces, newlines or special characters.} {r client setname $bad}
        }
        assert_equal worker-1 [r client getname]
        r client setname {}
        r client getname
    } {}

    test {CLIENT SETINFO} {
        r client setinfo lib-name mylib
        r client setinfo LIB-VER 1.2.3
        set me [client_fields [r client info]]
        assert_equal {mylib 1.2.3} [list [dict get $me lib-name] [dict get $me lib-ver]]
        assert_error {ERR Unrecognized option 'lib-size'} {r client setinfo lib-size 1}
        assert_error {ERR lib-name cannot contain spaces, newlines or special characters.} {r client setinfo lib-name "a b"}
        r client setinfo lib-name {}
        assert_equal {} [dict get [client_fields [r client info]] lib-name]
    }

    test {CLIENT INFO has the fields of CLIENT LIST, in order} {
        set want {id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver io-thread}
        assert_equal $want [dict keys [client_fields [r client info]]]
        foreach line [split [string trim [r client list]] \n] {
            assert_equal $want [dict keys [client_fields $line]]
        }
    } {} {external:skip}

    test {CLIENT INFO tells what this client is at} {
        set c [redis_client]
        $c client setname me
        set me [client_fields [$c client info]]
        assert_equal [$c client id] [dict get $me id]
        assert_equal me [dict get $me name]
        assert_equal client|info [dict get $me cmd]
        assert_equal N [dict get $me flags]
        assert_equal default [dict get $me user]
        assert_equal 2 [dict get $me resp]
        assert_equal -1 [dict get $me multi]
        assert_equal 0 [dict get $me sub]
        assert_match 127.0.0.1:* [dict get $me addr]
        assert_equal 127.0.0.1:[srv 0 port] [dict get $me laddr]
        if {!$::singledb} {assert_equal 9 [dict get $me db]}
        $c hello 3
        assert_equal 3 [dict get [client_fields [$c client info]] resp]
        $c close
    } {0} {external:skip}

    test {CLIENT LIST selects by type and by ID} {
        set c [redis_client]
        set id [$c client id]
        assert_equal 1 [llength [split [string trim [r client list id $id]] \n]]
        assert_equal 2 [llength [split [string trim [r client list id $id [r client id]]] \n]]
        assert_equal {} [r client list id 999999999]
        assert_match "*id=$id *" [r client list type normal]
        assert_equal {} [r client list type replica]
        assert_equal {} [r client list type pubsub]
        assert_error {ERR Unknown client type 'odd'} {r client list type odd}
        assert_error {ERR syntax error} {r client list bogus}
        assert_error {ERR *} {r client list id x}
        $c close
    } {0} {external:skip}

    test {CLIENT KILL by address, old form and new} {
        set c [redis_client]
        set addr [dict get [client_fields [$c client info]] addr]
        assert_equal OK [r client kill $addr]
        assert_error {I/O error*} {$c ping}
        $c close
        assert_error {ERR No such client} {r client kill 127.0.0.1:1}
        set c [redis_client]
        set addr [dict get [client_fields [$c client info]] addr]
        assert_equal 1 [r client kill addr $addr]
        assert_equal 0 [r client kill addr $addr]
        assert_error {I/O error*} {$c ping}
        $c close
    }

    test {CLIENT KILL by ID, type, age and more at once} {
        set c [redis_client]
        set id [$c client id]
        assert_equal 0 [r client kill id $id type pubsub]
        assert_error {ERR No such user 'nobody'} {r client kill id $id user nobody}
        assert_equal 0 [r client kill id $id maxage 100000]
        assert_equal 1 [r client kill id $id type normal user default laddr [dict get [client_fields [$c client info]] laddr]]
        assert_error {I/O error*} {$c ping}
        $c close
    } {0} {external:skip}

    test {CLIENT KILL spares its sender, unless told otherwise} {
        set c [redis_client]
        set id [$c client id]
        assert_equal 0 [$c client kill id $id]
        assert_equal 1 [$c client kill id $id skipme no]
        assert_error {I/O error*} {$c ping}
        $c close
    }

    test {CLIENT KILL refuses what it does not know} {
        assert_error {ERR syntax error} {r client kill id 1 bogus}
        assert_error {ERR syntax error} {r client kill skipme maybe id 1}
        assert_error {ERR client-id should be greater than 0} {r client kill id 0}
        assert_error {ERR client-id should be greater than 0} {r client kill id x}
        assert_error {ERR Unknown client type 'odd'} {r client kill type odd}
        assert_error {ERR No such user 'ghost'} {r client kill user ghost}
        assert_error {ERR *} {r client kill maxage x}
    }

    test {A killed client is gone before the next command sees the list} {
        set ids {}
        set clients {}
        for {set i 0} {$i < 50} {incr i} {
            set c [redis_client]
            lappend clients $c
            lappend ids [$c client id]
        }
        foreach id $ids {assert_equal 1 [r client kill id $id]}
        assert_equal {} [r client list id {*}$ids]
        foreach c $clients {$c close}
    }

    test {CLIENT PAUSE WRITE holds writes and lets reads through} {
        r set k old
        r client pause 20000 write
        set c [redis_deferring_client]
        $c set k new
        wait_for_blocked_client
        assert_equal old [r get k]
        assert_equal PONG [r ping]
        r client unpause
        assert_equal OK [$c read]
        assert_equal new [r get k]
        $c close
    } {0} {external:skip}

    test {CLIENT PAUSE ALL holds reads too} {
        r client pause 20000 all
        set c [redis_deferring_client]
        $c get k
        # The pausing client is held as well, so another one that has no wish but CLIENT ends it.
        set d [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        assert_equal OK [$d client unpause]
        assert_equal new [$c read]
        $c close
        $d close
    } {0} {external:skip}

    test {CLIENT PAUSE ends by itself} {
        r client pause 50 write
        set start [clock milliseconds]
        assert_equal OK [r set k v]
        assert_morethan_equal [expr {[clock milliseconds] - $start}] 40
        assert_error {ERR timeout is not an integer or out of range} {r client pause x}
        assert_error {ERR timeout is negative} {r client pause -1}
        assert_error {ERR *} {r client pause 1 some}
    } {} {external:skip}

    test {CLIENT REPLY OFF, SKIP and ON} {
        set c [redis_deferring_client]
        $c client reply off
        $c set quiet 1
        $c ping
        $c client reply on
        assert_equal OK [$c read]
        $c client reply skip
        $c ping
        $c echo heard
        assert_equal heard [$c read]
        assert_equal 1 [r get quiet]
        $c client reply sometimes
        assert_error {ERR syntax error} {$c read}
        $c close
    }

    test {CLIENT UNBLOCK of a client that is not blocked} {
        set c [redis_client]
        assert_equal 0 [r client unblock [$c client id]]
        assert_equal 0 [r client unblock 999999999]
        assert_error {ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR} {r client unblock 1 bogus}
        $c close
    }

    test {CLIENT UNBLOCK ends a blocking command} {
        set c [redis_client]
        set id [$c client id]
        $c deferred 1
        $c blpop nothing 0
        wait_for_blocked_client
        assert_equal 1 [r client unblock $id]
        assert_equal {} [$c read]
        $c blpop nothing 0
        wait_for_blocked_client
        assert_equal 1 [r client unblock $id error]
        assert_error {UNBLOCKED client unblocked via CLIENT UNBLOCK} {$c read}
        $c close
    } {0} {needs:list}

    test {CLIENT NO-EVICT and NO-TOUCH take on and off} {
        foreach command {no-evict no-touch} {
            assert_equal OK [r client $command on]
            assert_equal OK [r client $command off]
            assert_error {ERR syntax error} {r client $command maybe}
        }
        r client no-evict on
        assert_match *e* [dict get [client_fields [r client info]] flags]
        r client no-evict off
    } {OK}

    test {CLIENT TRACKING tells of keys that another client changes} {
        set c [redis_client]
        $c hello 3
        $c client tracking on
        $c set t 1
        $c get t
        r set t 2
        $c deferred 1
        assert_equal {invalidate t} [$c read]
        $c deferred 0
        # Once told, it is forgotten until read again.
        r set t 3
        assert_equal PONG [$c ping]
        assert_match {flags on redirect 0 prefixes {}} [$c client trackinginfo]
        assert_equal 0 [$c client getredir]
        $c client tracking off
        assert_equal -1 [$c client getredir]
        $c close
    } {0}

    test {CLIENT TRACKING in broadcasting mode tells of all keys of a prefix} {
        set c [redis_client]
        $c hello 3
        $c client tracking on bcast prefix user: prefix item:
        r mset user:1 a other:1 b
        $c deferred 1
        assert_equal {invalidate user:1} [$c read]
        $c deferred 0
        assert_error {ERR Prefix 'user:1' overlaps*} {$c client tracking on bcast prefix user:1}
        $c close
    } {0}

    test {CLIENT CACHING needs an opt-in or opt-out mode} {
        set c [redis_client]
        assert_error {ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled} {$c client caching yes}
        $c hello 3
        $c client tracking on optin
        $c get o
        r set o 1
        assert_equal PONG [$c ping]
        $c client caching yes
        $c get o
        r set o 2
        $c deferred 1
        assert_equal {invalidate o} [$c read]
        $c close
    } {0}

    test {CLIENT HELP and wrong subcommands} {
        assert_match {CLIENT <subcommand>*} [lindex [r client help] 0]
        assert_error {ERR wrong number of arguments for 'client|kill' command} {r client kill}
        assert_error {ERR wrong number of arguments for 'client|id' command} {r client id 1}
        assert_error {ERR wrong number of arguments for 'client' command} {r client}
    }

    test {RESET takes a client back to where it began} {
        set c [redis_client]
        $c hello 3
        $c client setname somebody
        $c client reply on
        assert_equal RESET [$c reset]
        set me [client_fields [$c client info]]
        assert_equal {2 0 {}} [list [dict get $me resp] [dict get $me db] [dict get $me name]]
        $c close
    } {0} {singledb:skip}

    test {INFO clients counts the connected} {
        # Clients of the tests before may not be gone yet.
        wait_for_condition 200 10 {[s connected_clients] == 1} else {fail "somebody else is connected"}
        set before [s connected_clients]
        set c [redis_client]
        assert_equal [expr {$before + 1}] [s connected_clients]
        $c close
        wait_for_condition 200 10 {[s connected_clients] == $before} else {fail "the client is still counted"}
    } {} {external:skip}

    test {A subscribed client of RESP2 may only do a few things} {
        set c [redis_deferring_client]
        subscribe $c {news}
        $c get k
        assert_error {ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context} {$c read}
        $c ping
        assert_equal {pong {}} [$c read]
        assert_equal 1 [r publish news hello]
        assert_equal {message news hello} [$c read]
        unsubscribe $c {news}
        $c get k
        $c read
        $c close
    } {0} {needs:pubsub}
}
