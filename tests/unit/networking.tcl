# SPDX-License-Identifier: BSD-3-Clause
#
# Listening and connections: addresses, Unix sockets, limits, timeouts.

# An address of the loopback net that this machine can bind, other than 127.0.0.1; empty where there is none.
proc second_loopback {} {
    if {[catch {socket -server {apply {args {}}} -myaddr 127.0.0.2 0} fd]} {return {}}
    close $fd
    return 127.0.0.2
}

proc can_connect {host port} {
    if {[catch {redis $host $port 0 $::tls [tls_options]} c]} {return 0}
    set ok [expr {![catch {$c ping}]}]
    $c close
    return $ok
}

start_server {tags {"networking external:skip"} config_lines {unixsocketperm 700}} {
    test {A Unix socket is served like TCP} {
        set c [redis_unix_client [srv 0 unixsocket]]
        $c select 9
        $c set unix yes
        assert_equal yes [r get unix]
        set me [client_fields [$c client info]]
        assert_equal "[srv 0 unixsocket]:0" [dict get $me addr]
        assert_equal "[srv 0 unixsocket]:0" [dict get $me laddr]
        assert_equal U [dict get $me flags]
        $c close
    } {0}

    test {A Unix socket has the permissions of unixsocketperm} {
        format %o [expr {[file attributes [srv 0 unixsocket] -permissions] & 0777}]
    } {700}

    test {Large replies go through a Unix socket} {
        r set big [string repeat x 3000000]
        set c [redis_unix_client [srv 0 unixsocket]]
        $c select 9
        assert_equal 3000000 [string length [$c get big]]
        $c close
    } {0}

    test {The log tells of both listeners} {
        verify_log_message 0 "*Ready to accept connections unix*" 0
        verify_log_message 0 "*Ready to accept connections t*" 0
    }

    test {The Unix socket goes with the server} {
        set path [srv 0 unixsocket]
        assert {[file exists $path]}
        set pid [srv 0 pid]
        exec kill $pid
        wait_for_condition 500 10 {![process_is_alive $pid]} else {fail "it still runs"}
        file exists $path
    } {0}
}

start_server {tags {"networking external:skip"}} {
    test {CONFIG SET port moves the listener} {
        set old [srv 0 port]
        set new [find_available_port $::baseport $::portcount]
        assert_equal OK [r config set port $new]
        assert_equal 1 [can_connect 127.0.0.1 $new]
        assert_equal 0 [can_connect 127.0.0.1 $old]
        # The connection on which it was said lives on.
        assert_equal PONG [r ping]
        assert_equal $new [s tcp_port]
        r config set port $old
        assert_equal 1 [can_connect 127.0.0.1 $old]
    } {} {tls:skip}

    test {CONFIG SET port to one that is taken fails and changes nothing} {
        set taken [socket -server {apply {args {}}} -myaddr 127.0.0.1 0]
        set port [lindex [fconfigure $taken -sockname] 2]
        assert_error {ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port*} {r config set port $port}
        close $taken
        assert_equal [list port [srv 0 port]] [r config get port]
        can_connect 127.0.0.1 [srv 0 port]
    } {1} {tls:skip}

    test {CONFIG SET bind moves the listener} {
        set second [second_loopback]
        if {$second ne {}} {
            assert_equal 0 [can_connect $second [srv 0 port]]
            assert_equal OK [r config set bind "127.0.0.1 $second"]
            assert_equal {1 1} [list [can_connect 127.0.0.1 [srv 0 port]] [can_connect $second [srv 0 port]]]
            assert_equal OK [r config set bind 127.0.0.1]
            assert_equal 0 [can_connect $second [srv 0 port]]
        }
    } {} {tls:skip}

    test {CONFIG SET bind to an address that is not ours fails and changes nothing} {
        assert_error {ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses*} {r config set bind 999.999.999.999}
        assert_equal {bind 127.0.0.1} [r config get bind]
        can_connect 127.0.0.1 [srv 0 port]
    } {1} {tls:skip}
}

start_server {tags {"networking external:skip tls:skip"} overrides {bind {127.0.0.1 -::1 -192.0.2.1}}} {
    test {An address with a minus sign may be missing} {
        assert_equal {bind {127.0.0.1 -::1 -192.0.2.1}} [r config get bind]
        r ping
    } {PONG}
}

tags {"networking external:skip tls:skip"} {
    test {An address that is missing keeps the server from starting} {
        set dir [tmpdir bind]
        lassign [start_refused --port [find_available_port $::baseport $::portcount] --bind 192.0.2.1 --dir $dir] status output
        assert_equal 1 $status
        assert_match {*Could not create server TCP listening socket 192.0.2.1:*: bind: *} $output
        assert_match {*Failed listening on port * (tcp), aborting.*} $output
    }

    test {A port that is taken keeps the server from starting} {
        set taken [socket -server {apply {args {}}} -myaddr 127.0.0.1 0]
        set port [lindex [fconfigure $taken -sockname] 2]
        lassign [start_refused --port $port --bind 127.0.0.1 --dir [tmpdir bind]] status output
        close $taken
        assert_equal 1 $status
        assert_match "*Warning: Could not create server TCP listening socket 127.0.0.1:$port: bind: Address already in use*" $output
        assert_match "*Failed listening on port $port (tcp), aborting.*" $output
    }
}

start_server {tags {"networking external:skip"} overrides {port 0} config_lines {tls-port 0}} {
    test {Without TCP the server listens on its Unix socket alone} {
        set c [redis_unix_client [srv 0 unixsocket]]
        assert_equal PONG [$c ping]
        assert_equal 0 [getInfoProperty [$c info server] tcp_port]
        $c close
    } {0}
}

start_server {tags {"networking external:skip"} overrides {maxclients 20}} {
    test {maxclients refuses one too many, with a word} {
        set clients {}
        for {set i 0} {$i < 19} {incr i} {lappend clients [redis_client]}
        set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        catch {$c ping} e
        assert_match {ERR max number of clients reached} $e
        $c close
        assert_morethan_equal [s rejected_connections] 1
        # There is room again when one goes.
        [lindex $clients 0] close
        wait_for_condition 200 10 {[s connected_clients] < 20} else {fail "the client is still counted"}
        set c [redis_client]
        assert_equal PONG [$c ping]
        foreach client [lrange $clients 1 end] {$client close}
        $c close
    } {0} {tls:skip}

    test {CONFIG SET maxclients takes effect at once} {
        r config set maxclients 2
        set a [redis_client]
        set b [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        catch {$b ping} e
        assert_match {ERR max number of clients reached} $e
        r config set maxclients 20
        $b reconnect
        assert_equal PONG [$b ping]
        $a close
        $b close
    } {0} {tls:skip}
}

start_server {tags {"networking external:skip"}} {
    test {timeout closes clients that say nothing, and only those} {
        r config set timeout 1
        set idle [redis_client]
        set busy [redis_client]
        wait_for_condition 400 20 {[$busy ping] eq "PONG" && [s connected_clients] == 2} else {fail "the idle client is still there"}
        assert_error {I/O error*} {$idle ping}
        $idle close
        $busy close
        r config set timeout 0
    } {OK} {slow}

    test {timeout spares those who wait for messages} {
        set c [redis_deferring_client]
        subscribe $c {news}
        r config set timeout 1
        set idle [redis_client]
        wait_for_condition 400 20 {[s connected_clients] == 2} else {fail "the idle client is still there"}
        assert_equal 1 [r publish news hello]
        assert_equal {message news hello} [$c read]
        r config set timeout 0
        $c close
    } {0} {slow needs:pubsub}

    test {A client that does not read is cut off at its output limit} {
        r config set client-output-buffer-limit "normal 1mb 0 0"
        r set big [string repeat x 1000000]
        set c [redis_deferring_client]
        set id [$c client id]
        for {set i 0} {$i < 50} {incr i} {catch {$c get big}}
        wait_for_condition 500 10 {[s client_output_buffer_limit_disconnections] >= 1} else {fail "the client is still served"}
        $c close
        r config set client-output-buffer-limit "normal 0 0 0"
        r ping
    } {PONG}

    test {A client whose query grows beyond its limit is cut off} {
        r config set client-query-buffer-limit 1mb
        set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        catch {
            $c write "*1\r\n\$5000000\r\n"
            for {set i 0} {$i < 40} {incr i} {
                $c write [string repeat x 100000]
                $c flush
            }
        }
        wait_for_condition 500 10 {[s client_query_buffer_limit_disconnections] >= 1} else {fail "the client is still served"}
        $c close
        r config set client-query-buffer-limit 1gb
    } {OK}

    test {Clients come and go by the thousand} {
        for {set i 0} {$i < 2000} {incr i} {
            set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
            if {$i % 3} {assert_equal PONG [$c ping]}
            $c close
        }
        wait_for_condition 500 10 {[s connected_clients] == 1} else {fail "[s connected_clients] clients are left"}
    }

    test {Five hundred clients are served at once} {
        set clients {}
        for {set i 0} {$i < 500} {incr i} {lappend clients [redis_deferring_client]}
        foreach round {1 2 3} {
            set i 0
            foreach c $clients {$c set c:$i $round; $c get c:$i; incr i}
            foreach c $clients {
                assert_equal OK [$c read]
                assert_equal $round [$c read]
            }
        }
        foreach c $clients {$c close}
    }
}

start_server {tags {"networking external:skip tls:skip"} overrides {protected-mode yes} config minimal.conf} {
    test {protected-mode says how to get in} {
        # The loopback address is always let in.
        r ping
    } {PONG}
}

start_server {tags {"networking" "io-threads"} overrides {io-threads 3}} {
    test {With I/O threads, clients are at home on one each, unless they are the main thread's} {
        set second [redis_client]
        set third [redis_client]
        assert_equal 1 [s io_threads_active]
        set homes {}
        foreach line [split [string trim [r client list]] "\n"] {
            assert_match {* qbuf=0 qbuf-free=0 *} $line
            regexp {io-thread=(\d+)} $line -> home
            lappend homes $home
        }
        assert_equal {1 1 2} [lsort $homes]
        assert_match "*io_thread_0:clients=0,*io_thread_1:clients=2,*io_thread_2:clients=1,*" [r info threads]
        $third client tracking on
        assert_match {*io-thread=0*} [$third client list id [$third client id]]
        $third client tracking off
        wait_for_condition 50 100 {[regexp {io-thread=[12]} [$third client list id [$third client id]]]} else {fail "it stays with the main thread"}
        assert_error {*can't set immutable config*} {r config set io-threads 2}
        $second close
        $third close
    } {0}
}
