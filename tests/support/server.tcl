# SPDX-License-Identifier: BSD-3-Clause
#
# server.tcl - servers for tests: start_server, tags, restart_server.
#
# ::servers is the stack of running ones, innermost last; `srv -1 port` is a value of the one around the innermost. An entry is a
# dict: pid, host, port, dir, config (the directives), config_file, stdout (the server's log), stderr,
# unixsocket, client. A server of --host and --port (external mode) has neither pid nor files.

# --- Tags ---

# The tags of each block around a test add up. A tag is one word; some carry a meaning of their own:
#   slow           left out by --tags -slow, as make test-race does
#   redport-only   about Redport itself: left out when another server is tested
#   external:skip  needs a server of its own
#   tls:skip       cannot run over TLS
#   large-memory   wants gigabytes: only with --large-memory
proc tags_acceptable {tags whyName} {
    upvar 1 $whyName why
    if {[llength $::allowtags]} {
        set why "no allowed tag"
        set found 0
        foreach tag $tags {
            if {$tag in $::allowtags} {set found 1}
        }
        if {!$found} {return 0}
    }
    set denied $::denytags
    if {$::external} {lappend denied external:skip}
    if {$::tls} {lappend denied tls:skip}
    if {$::reference} {lappend denied redport-only}
    if {$::singledb} {lappend denied singledb:skip}
    if {!$::large_memory} {lappend denied large-memory}
    foreach tag $tags {
        if {$tag in $denied} {
            set why "Tag: $tag denied"
            return 0
        }
    }
    return 1
}

proc tags {tags code} {
    # `tags "a b"` and `tags {a b}` are both in use.
    set before $::tags
    set ::tags [concat $::tags $tags]
    if {[tags_acceptable $::tags why]} {
        try {uplevel 1 $code} finally {set ::tags $before}
    } else {
        report skip "block of $::curfile" $why
        set ::tags $before
    }
}

# --- The stack ---

proc srv {args} {
    set level 0
    if {[llength $args] > 1} {set args [lassign $args level]}
    set entry [lindex $::servers end+$level]
    if {[lindex $args 0] eq {}} {return $entry}
    return [dict get $entry [lindex $args 0]]
}

proc get_srv {level} {
    return [lindex $::servers end+$level]
}

proc set_srv {level entry} {
    lset ::servers end+$level $entry
}

# --- Config files ---

# Reads `directive value...` lines into a list of pairs: a directive may come more than once.
proc read_config {file} {
    set pairs {}
    set f [open $file]
    foreach line [split [read $f] \n] {
        set line [string trim $line]
        if {$line eq {} || [string index $line 0] eq "#"} continue
        regexp {^(\S+)\s*(.*)$} $line -> name value
        lappend pairs $name $value
    }
    close $f
    return $pairs
}

proc write_config {file config lines} {
    set f [open $file w]
    dict for {name value} $config {
        if {$value eq {}} {set value {""}}
        puts $f "$name $value"
    }
    foreach {name value} $lines {puts $f "$name $value"}
    close $f
}

# --- Processes ---

proc process_is_alive {pid} {
    # exec reaps children that ended meanwhile, so that a zombie does not count.
    return [expr {$pid ne {} && ![catch {exec kill -0 $pid 2>/dev/null}]}]
}

proc is_alive {pid} {
    return [process_is_alive $pid]
}

proc log_size {file} {
    return [expr {[file exists $file] ? [file size $file] : 0}]
}

proc file_tail {file offset} {
    set f [open $file rb]
    seek $f $offset
    set text [read $f]
    close $f
    return $text
}

proc write_log_line {srv message} {
    if {![dict size $srv] || [dict get $srv stdout] eq {}} return
    set f [open [dict get $srv stdout] a]
    puts $f $message
    close $f
}

proc dump_server_log {srv} {
    if {[dict get $srv pid] eq {}} return
    puts "\n===== Log of the server with pid [dict get $srv pid] ====="
    puts [file_tail [dict get $srv stdout] 0]
    puts "===== Its standard error ====="
    puts [file_tail [dict get $srv stderr] 0]
}

proc spawn_server {config_file stdout stderr args} {
    set pid [exec /usr/bin/env {*}$::server_environment {*}$::server_program $config_file {*}$args >>$stdout 2>>$stderr &]
    report spawned $pid
    return $pid
}

# Waits until the log has grown by a line that matches, and fails early when the server dies.
# Result: ready, busy (its port is taken) or dead.
proc wait_server_log {pid stdout offset pattern} {
    for {set waited 0} {$waited < 60000} {incr waited 10} {
        set alive [process_is_alive $pid]
        set log [file_tail $stdout $offset]
        if {[string match "*Failed listening on port*" $log]} {return busy}
        if {[string match $pattern $log]} {return ready}
        if {!$alive} {return dead}
        after 10
    }
    return dead
}

proc port_is_free {port} {
    if {[catch {socket -server {apply {args {}}} -myaddr 127.0.0.1 $port} fd]} {return 0}
    close $fd
    return 1
}

# Each worker hands out the ports of its own range, in turn, so that a port just given up is not taken again at once.
proc find_available_port {start count} {
    for {set tries 0} {$tries < $count} {incr tries} {
        if {![info exists ::next_port] || $::next_port < $start || $::next_port >= $start + $count} {set ::next_port $start}
        set port $::next_port
        incr ::next_port
        # The cluster bus listens 10000 above.
        if {[port_is_free $port] && ($port + 10000 > 65535 || [port_is_free [expr {$port + 10000}]])} {return $port}
    }
    error "no free port in $start..[expr {$start + $count - 1}]"
}

# What must never be found in what a server leaves behind.
proc check_server_output {srv} {
    set text [file_tail [dict get $srv stderr] 0]
    foreach line [split $text \n] {
        if {[string match {*DATA RACE*} $line] || [string match {panic:*} $line] || [string match {fatal error:*} $line] ||
            [string match {*runtime error*} $line] || [string match *Sanitizer* $line]} {
            report err "standard error of a server" "in $::curfile, [dict get $srv stderr]:\n$text"
            break
        }
    }
    if {[dict exists $srv crash_expected]} return
    set log [file_tail [dict get $srv stdout] 0]
    set at [string first "REDIS BUG REPORT START" $log]
    if {$at >= 0} {
        report err "crash report of a server" "in $::curfile, [dict get $srv stdout]:\n[string range $log $at $at+4000]"
    }
}

proc kill_server {srv} {
    set pid [dict get $srv pid]
    if {$pid eq {}} return
    catch {[dict get $srv client] close}
    if {[process_is_alive $pid]} {
        # It may be stopped, by a test that failed half-way.
        catch {exec kill -CONT $pid}
        catch {exec kill $pid}
        for {set waited 0} {[process_is_alive $pid]} {incr waited 10} {
            if {$waited == 15000} {
                report err "stopping a server" "in $::curfile: pid $pid did not end within 15 s of SIGTERM, see [dict get $srv stdout]"
                catch {exec kill -ABRT $pid}
            }
            if {$waited == 18000} {catch {exec kill -KILL $pid}}
            after 10
        }
    }
    report reaped $pid
    check_server_output $srv
}

# For a test that makes a server crash on purpose.
proc expect_crash {{level 0}} {
    set entry [get_srv $level]
    dict set entry crash_expected 1
    set_srv $level $entry
}

proc connect_to_server {srv {deferred 0}} {
    set client [redis [dict get $srv host] [dict get $srv port] $deferred $::tls [tls_options]]
    return $client
}

proc tls_options {} {
    if {!$::tls} {return {}}
    return [list -cafile $::tlsdir/ca.crt -certfile $::tlsdir/client.crt -keyfile $::tlsdir/client.key -tls1 0 -tls1.1 0]
}

# --- start_server ---

# start_server {option value...} body
#
#   tags             of all tests inside
#   overrides        directive and value pairs over those of the config file; {} as a value is written as ""
#   config           a file of tests/assets instead of default.conf
#   config_lines     more pairs at the end of the file, where a directive may come more than once
#   omit             directives left out
#   args             arguments of the command line after the config file
#   keep_persistence the RDB and AOF files of the server that this one replaces (see restart_server) or, with 1, of the outer server's dir
#   wait_ready       0: go on as soon as it listens, while it still loads
#
# Without a body the server stays until the unit ends.
proc start_server {options {body undefined}} {
    set o [dict merge {tags {} overrides {} config default.conf config_lines {} omit {} args {} keep_persistence 0 wait_ready 1} $options]
    set before $::tags
    set ::tags [concat $::tags [dict get $o tags]]
    if {![tags_acceptable $::tags why]} {
        report skip "block of $::curfile" $why
        set ::tags $before
        return
    }
    if {$::external} {
        try {uplevel 1 [list run_external_server $o $body]} finally {set ::tags $before}
        return
    }

    set srv [new_server $o]
    lappend ::servers $srv
    if {$body eq "undefined"} {
        set ::tags $before
        return
    }
    set depth [llength $::servers]
    set status [catch {uplevel 1 $body} result opts]
    set ::tags $before
    # The body may have replaced the entry (restart_server), or left servers that were started without a body.
    while {[llength $::servers] >= $depth} {
        set srv [lindex $::servers end]
        set ::servers [lrange $::servers 0 end-1]
        kill_server $srv
    }
    if {$status == 1} {return -options $opts $result}
}

proc new_server {o} {
    set ::server_count [expr {[info exists ::server_count] ? $::server_count + 1 : 1}]
    set dir $::tmpdir/server.[pid].$::server_count
    if {[dict get $o keep_persistence] && [llength $::servers]} {
        set dir [srv 0 dir]
    }
    file mkdir $dir
    set config [dict create {*}[read_config tests/assets/[dict get $o config]]]
    if {[string match */* [dict get $o config]]} {set config [dict create {*}[read_config [dict get $o config]]]}
    dict set config dir $dir
    dict set config bind 127.0.0.1
    if {![dict exists $config unixsocket]} {
        # sun_path holds about a hundred bytes.
        dict set config unixsocket $dir/socket
        if {[string length $dir] > 90} {dict set config unixsocket /tmp/redport-test.[pid].$::server_count}
    }
    if {$::tls} {
        foreach {name file} {tls-cert-file server.crt tls-key-file server.key tls-client-cert-file client.crt tls-client-key-file client.key
            tls-ca-cert-file ca.crt} {dict set config $name $::tlsdir/$file}
        dict set config tls-cluster yes
        dict set config tls-replication yes
    }
    set config [dict merge $config $::global_overrides [dict get $o overrides]]
    foreach name [dict get $o omit] {dict unset config $name}

    set srv [dict create pid {} host 127.0.0.1 dir $dir config $config config_file $dir/redis.conf stdout $dir/stdout stderr $dir/stderr args [dict get $o args] client {}]
    if {[dict exists $config logfile] && [string trim [dict get $config logfile] '\"] ne {}} {
        dict set srv stdout [file join $dir [dict get $config logfile]]
    }
    if {[dict exists $config unixsocket]} {dict set srv unixsocket [dict get $config unixsocket]}
    # Files of an earlier server in this dir are kept: the log is looked at from its present end.
    set log [dict get $srv stdout]
    close [open $log a]
    close [open $dir/stderr a]

    set fixed [expr {[dict exists [dict get $o overrides] port] || [dict exists [dict get $o overrides] tls-port]}]
    while {1} {
        if {$fixed} {
            set port [expr {[dict exists $config port] ? [dict get $config port] : 0}]
        } else {
            set port [find_available_port $::baseport $::portcount]
            if {$::tls} {
                dict set config tls-port $port
                dict set config port 0
            } else {
                dict set config port $port
            }
        }
        dict set srv port $port
        dict set srv config $config
        write_config $dir/redis.conf $config [dict get $o config_lines]
        set offset [log_size $log]
        set pid [spawn_server $dir/redis.conf $dir/stdout $dir/stderr {*}[dict get $o args]]
        dict set srv pid $pid
        set pattern [expr {[dict get $o wait_ready] ? "*Ready to accept*" : "*Server initialized*"}]
        set state [wait_server_log $pid $log $offset $pattern]
        if {$state eq "ready"} break
        catch {exec kill -KILL $pid}
        report reaped $pid
        if {$state eq "busy" && !$fixed} continue
        return -code error "Can't start the server of $::curfile. Its log:\n[file_tail $log $offset]\n[file_tail $dir/stderr 0]"
    }
    # The log may be elsewhere, and an unconnectable server (port 0) may be what a test wants.
    if {[dict get $srv port] != 0} {set srv [connect_main_client $srv]}
    return $srv
}

proc connect_main_client {srv} {
    set client [connect_to_server $srv]
    dict set srv client $client
    # Where a password is wanted the test has to give it, and choose its database.
    if {!$::singledb} {catch {$client select 9}}
    return $srv
}

# External mode: the one server is used as it is, emptied first, with the overrides set and, afterwards, set back.
proc run_external_server {o body} {
    set srv [dict create pid {} host $::host port $::port dir {} config {} config_file {} stdout {} stderr {} unixsocket {} client {}]
    set srv [connect_main_client $srv]
    set client [dict get $srv client]
    $client flushall
    catch {$client function flush}
    catch {$client script flush}
    catch {$client config resetstat}
    set saved {}
    foreach {name value} [dict merge $::global_overrides [dict get $o overrides]] {
        set old [$client config get $name]
        if {[llength $old] == 0} continue
        lappend saved $name [lindex $old 1]
        # Some want strings for enumerations and lists alike; what cannot be set at run time is left as it is.
        catch {$client config set $name [string trim $value \"]}
    }
    lappend ::servers $srv
    set status [catch {uplevel 1 $body} result opts]
    set ::servers [lrange $::servers 0 end-1]
    catch {
        set again [connect_to_server $srv]
        foreach {name value} $saved {catch {$again config set $name $value}}
        $again close
    }
    catch {$client close}
    if {$status == 1} {return -options $opts $result}
}

# num servers at once, all with the same options; the last one started is level 0.
proc start_multiple_servers {num options body} {
    if {$num > 1} {
        set inner [list start_multiple_servers [expr {$num - 1}] $options $body]
    } else {
        set inner $body
    }
    uplevel 1 [list start_server $options $inner]
}

# Stops the server and starts it again on the same port, files and config file.
#   wait_ready   wait until it has loaded its data
#   rotate_logs  begin a new log; the old one stays as stdout.<number>
#   reconnect    connect its client again
#   shutdown     sigterm, sigkill, or an option of SHUTDOWN (nosave, save)
proc restart_server {level wait_ready rotate_logs {reconnect 1} {shutdown sigterm}} {
    set srv [get_srv $level]
    set pid [dict get $srv pid]
    switch -- $shutdown {
        sigterm {catch {exec kill $pid}}
        sigkill {catch {exec kill -KILL $pid}}
        default {catch {[dict get $srv client] shutdown $shutdown}}
    }
    wait_for_condition 1500 10 {![process_is_alive $pid]} else {
        catch {exec kill -KILL $pid}
        fail "the server did not stop for its restart"
    }
    report reaped $pid
    if {$rotate_logs} {
        set n 1
        while {[file exists [dict get $srv stdout].$n]} {incr n}
        foreach log {stdout stderr} {
            file rename [dict get $srv $log] [dict get $srv $log].$n
            close [open [dict get $srv $log] w]
        }
    }
    set offset [log_size [dict get $srv stdout]]
    set pid [spawn_server [dict get $srv config_file] [dict get $srv stdout] [dict get $srv stderr] {*}[dict get $srv args]]
    dict set srv pid $pid
    set_srv $level $srv
    set pattern [expr {$wait_ready ? "*Ready to accept*" : "*Server initialized*"}]
    if {[wait_server_log $pid [dict get $srv stdout] $offset $pattern] ne "ready"} {
        return -code error "Can't restart the server. Its log:\n[file_tail [dict get $srv stdout] $offset]"
    }
    catch {[dict get $srv client] close}
    if {$reconnect} {set_srv $level [connect_main_client $srv]}
}

# Runs a server that must refuse to start and returns its exit status and what it says. One that starts
# all the same is ended after a while: status 137.
proc start_refused {args} {
    set watched {"$@" & pid=$!; (sleep 20; kill -KILL $pid) >/dev/null 2>&1 & watch=$!; wait $pid; status=$?; kill $watch; exit $status}
    set status [catch {exec sh -c $watched sh {*}$::server_program {*}$args 2>@1} output options]
    if {!$status} {return [list 0 $output]}
    set output [string map {"\nchild process exited abnormally" {}} $output]
    return [list [lindex [dict get $options -errorcode] 2] $output]
}
