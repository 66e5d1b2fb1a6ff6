# SPDX-License-Identifier: BSD-3-Clause
#
# What a server tells about itself: INFO, COMMAND, TIME, MONITOR, and the rest.

start_server {tags {"introspection"}} {
    test {INFO has its sections, in order} {
        set sections {}
        foreach {all name} [regexp -all -inline -line {^# (\w+)\r?$} [r info]] {lappend sections $name}
        assert_equal {Server Clients Memory Persistence Threads Stats Replication CPU Modules Errorstats Cluster Keyspace Keysizes} $sections
    } {} {external:skip}

    test {INFO gives the sections one asks for} {
        foreach {section field} {
            server redis_version clients connected_clients memory used_memory persistence rdb_bgsave_in_progress
            stats total_connections_received replication role cpu used_cpu_sys cluster cluster_enabled
        } {
            set info [r info $section]
            assert_match -*$field:* -$info
            assert_equal 1 [regexp -all -line {^# } $info]
        }
        set info [r info server CLIENTS]
        assert_match "*redis_version:*connected_clients:*" $info
        assert_no_match *used_memory:* $info
        assert_equal {} [r info nosuchsection]
        assert_match *cmdstat_info* [r info all]
        assert_match *cmdstat_info* [r info everything]
        assert_no_match *cmdstat_info* [r info default]
    }

    test {INFO server} {
        assert_match 8.0.* [s redis_version]
        assert_equal standalone [s redis_mode]
        assert_equal 64 [s arch_bits]
        assert_equal 40 [string length [s run_id]]
        assert_equal [srv 0 port] [s tcp_port]
        assert_equal [srv 0 pid] [s process_id]
        assert_range [s uptime_in_seconds] 0 100000
        assert_range [expr {abs([s server_time_usec] / 1000000 - [clock seconds])}] 0 5
        assert_equal 10 [s configured_hz]
    } {} {external:skip tls:skip}

    test {Each line of INFO is a field, a heading or blank, and ends in CRLF} {
        foreach line [split [r info everything] \n] {
            assert {$line eq {} || [regexp {^(# \w+|[\w.|:-]+:.*|)\r$} $line]} " $line"
        }
    }

    test {INFO counts commands and connections} {
        set commands [s total_commands_processed]
        set connections [s total_connections_received]
        set c [redis_client]
        $c ping
        $c close
        assert_morethan [s total_commands_processed] [expr {$commands + 1}]
        assert_equal [expr {$connections + 1}] [s total_connections_received]
    } {} {external:skip}

    test {INFO memory hangs together} {
        set info [r info memory]
        assert_morethan [getInfoProperty $info used_memory] 100000
        assert_morethan_equal [getInfoProperty $info used_memory_peak] [getInfoProperty $info used_memory]
        assert_morethan [getInfoProperty $info used_memory_rss] 1000000
        assert_match {*[0-9][KMG]} [getInfoProperty $info used_memory_human]
        assert_equal noeviction [getInfoProperty $info maxmemory_policy]
    } {} {external:skip}

    test {ECHO, PING and TIME} {
        assert_equal hello [r echo hello]
        assert_equal PONG [r ping]
        assert_equal "a b" [r ping "a b"]
        assert_error {ERR wrong number of arguments for 'ping' command} {r ping a b}
        lassign [r time] seconds micros
        assert_range [expr {abs($seconds - [clock seconds])}] 0 5
        assert_range $micros 0 999999
    }

    test {COMMAND COUNT, LIST and INFO agree} {
        set count [r command count]
        assert_equal $count [llength [r command]]
        assert_equal $count [llength [lsearch -all -not [r command list] *|*]]
        foreach name {get set del config client info ping select expire scan} {
            assert {$name in [r command list]}
        }
        assert_equal {{}} [r command info nosuch]
        assert_equal {get set} [lmap entry [r command info get SET] {lindex $entry 0}]
    }

    test {COMMAND INFO of GET is what it always was} {
        lassign [lindex [r command info get] 0] name arity flags first last step categories tips specs subs
        assert_equal {get 2 1 1 1} [list $name $arity $first $last $step]
        assert_equal {fast readonly} [lsort $flags]
        assert_equal {@fast @read @string} [lsort $categories]
        assert_equal {{} {}} [list $tips $subs]
        assert_equal 1 [llength $specs]
    }

    test {COMMAND INFO of a container has its subcommands} {
        set entry [lindex [r command info config] 0]
        set subs [lmap sub [lindex $entry 9] {lindex $sub 0}]
        assert_equal {config|get config|help config|resetstat config|rewrite config|set} [lsort $subs]
        assert_equal config|get [lindex [r command info config|get] 0 0]
    }

    test {COMMAND LIST filters} {
        assert_equal {setbit setex setnx setrange} [lsort [lsearch -all -inline -glob [r command list filterby pattern set*] set?*]]
        assert {"get" in [r command list filterby aclcat read]}
        assert {"set" ni [r command list filterby aclcat read]}
        assert_equal {} [r command list filterby pattern nosuch*]
        assert_equal {} [r command list filterby aclcat nosuch]
        assert_error {ERR syntax error} {r command list filterby color red}
    }

    test {COMMAND GETKEYS} {
        assert_equal {a} [r command getkeys get a]
        assert_equal {a b} [r command getkeys mset a 1 b 2]
        assert_equal {a b} [r command getkeys del a b]
        assert_equal {a b} [r command getkeys rename a b]
        assert_equal {{a {RW access update}}} [r command getkeysandflags incr a]
        assert_error {ERR The command has no key arguments} {r command getkeys ping}
        assert_error {ERR Invalid command specified} {r command getkeys nosuch a}
        assert_error {ERR Invalid number of arguments specified for command} {r command getkeys get}
    }

    test {COMMAND DOCS describes a command} {
        set docs [dict get [r command docs get] get]
        assert_equal string [dict get $docs group]
        assert_equal 1.0.0 [dict get $docs since]
        assert_equal O(1) [dict get $docs complexity]
        assert_morethan [string length [dict get $docs summary]] 10
        assert_equal key [dict get [lindex [dict get $docs arguments] 0] name]
        assert_equal {} [r command docs nosuch]
        assert_equal {} [r command docs nosuch]
    }

    test {MONITOR shows what others do} {
        set m [redis_deferring_client]
        $m monitor
        assert_equal OK [$m read]
        r set mon "a \"b\"\x01\r\n"
        assert_match {*[0-9].[0-9]* \[[0-9]* *:*\] "set" "mon" "a \\"b\\"\\x01\\r\\n"} [$m read]
        r config get hz
        catch {r auth secret1 secret2}
        r get mon
        assert_match {*"auth" "(redacted)" "(redacted)"} [$m read]
        # What an administrator does (CONFIG, above) is not shown.
        assert_match {*"get" "mon"} [$m read]
        $m close
    } {0} {external:skip}

    test {LOLWUT} {
        assert_match *Redis\ ver.\ 8.* [r lolwut]
        assert_match *Redis\ ver.\ 8.* [r lolwut version 5 40 20 1]
    }

    test {ROLE of a master} {
        lassign [r role] role offset replicas
        assert_equal {master {}} [list $role $replicas]
    } {} {external:skip needs:repl}

    test {OBJECT, DEBUG and MEMORY have help} {
        foreach command {object memory command config client slowlog latency debug} {
            set help [r $command help]
            assert_match "[string toupper $command] <subcommand>*" [lindex $help 0] $command
            assert_equal {    Print this help.} [lindex $help end]
        }
    } {} {needs:debug}

    test {ACL WHOAMI, USERS, CAT and LIST of a server without rules} {
        assert_equal default [r acl whoami]
        assert_equal default [r acl users]
        assert_equal {user default on nopass sanitize-payload ~* &* +@all} [lindex [r acl list] 0]
        assert {"string" in [r acl cat] && "dangerous" in [r acl cat]}
        assert {"get" in [r acl cat string]}
        assert_error {ERR Unknown category 'nosuch'} {r acl cat nosuch}
    } {} {external:skip}

    test {A user may do what its rules say and no more} {
        r acl setuser alice on >wonder ~cached:* +get +set +ping
        set c [redis_client]
        assert_equal OK [$c auth alice wonder]
        assert_equal OK [$c set cached:1 x]
        assert_equal x [$c get cached:1]
        assert_error {NOPERM No permissions to access a key} {$c get other}
        assert_error {NOPERM User alice has no permissions to run the 'del' command} {$c del cached:1}
        assert_error {WRONGPASS *} {$c auth alice wrong}
        assert_equal 1 [r acl deluser alice]
        assert_error {I/O error*} {$c ping}
        $c close
    } {0} {external:skip}

    test {SHUTDOWN refuses odd options} {
        assert_error {ERR syntax error} {r shutdown now later}
        assert_error {ERR syntax error} {r shutdown save nosave}
        assert_error {ERR No shutdown in progress.} {r shutdown abort}
    }
}

start_server {tags {"introspection external:skip"}} {
    test {SHUTDOWN NOSAVE ends the server} {
        set pid [srv 0 pid]
        catch {r shutdown nosave}
        wait_for_condition 500 10 {![process_is_alive $pid]} else {fail "it still runs"}
        verify_log_message 0 "*User requested shutdown*" 0
        verify_log_message 0 "*Redis is now ready to exit, bye bye*" 0
    }
}

start_server {tags {"introspection external:skip"}} {
    test {SIGTERM ends the server as SHUTDOWN does} {
        set pid [srv 0 pid]
        exec kill $pid
        wait_for_condition 500 10 {![process_is_alive $pid]} else {fail "it still runs"}
        verify_log_message 0 "*Received SIGTERM scheduling shutdown*" 0
        verify_log_message 0 "*bye bye*" 0
    }
}

start_server {tags {"introspection external:skip"} config minimal.conf overrides {always-show-logo no}} {
    test {The log begins as Redis's does} {
        verify_log_message 0 {*oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo} 0
        verify_log_message 0 {*Redis version=8.0.*, bits=64, commit=*, modified=*, pid=*, just started} 0
        verify_log_message 0 {*Configuration loaded} 0
        verify_log_message 0 {*Running mode=standalone, port=*.} 0
        verify_log_message 0 {*Server initialized} 0
        verify_log_message 0 {*Ready to accept connections tcp} 0
        # pid, role, date, level and text
        set line [log_line_matching 0 {{*Server initialized}} 0]
        assert_match "[srv 0 pid]:M ?? ??? 20?? ??:??:??.??? \\* Server initialized" $line
    } {} {tls:skip}
}

start_server {tags {"introspection"}} {
    test {MONITOR shows a command that waited once} {
        set monitor [redis_deferring_client]
        set waiting [redis_deferring_client]
        r del l
        $monitor monitor
        $monitor read
        $waiting blpop l 0
        wait_for_blocked_clients_count 1
        r lpush l 1
        assert_equal {l 1} [$waiting read]
        r echo end
        set seen {}
        while {![string match {*"echo" "end"*} [set line [$monitor read]]]} {
            if {[regexp {"(blpop|lpush)"} $line -> command]} {lappend seen $command}
        }
        assert_equal {blpop lpush} $seen
        $monitor close
        $waiting close
    }
}
