# SPDX-License-Identifier: BSD-3-Clause
#
# test_helper.tcl - runs Tcl tests against a Redis server. Started by tests/runtest from the root of the tree.
#
# The first process is the master: it deals out test files ("units") to workers, which are further processes of this same script,
# and prints what they report. A worker gets names of units on its standard input, runs each with servers of its own, and
# reports on its standard output a line an event, a Tcl list that begins with the byte 1; other lines are what a
# test has printed. The master knows the pids of all servers, so that it can end those of a worker that is stuck.
#
# The language of the tests is that of Redis's own suite (start_server, test, r, assert_equal, ...); support/*.tcl define it.

set ::here [file dirname [file normalize [info script]]]
foreach file {redis test server util} {source $::here/support/$file.tcl}

# --- Options ---

set ::options {
    single         {}        "NAME: run this unit (unit/string); may be repeated"
    skipunit       {}        "NAME: leave this unit out; may be repeated"
    only           {}        "TEST: run the test of this title, or the titles that match /regexp/; may be repeated"
    skiptest       {}        "TEST: leave out a title or /regexp/; may be repeated"
    skipfile       {}        "FILE: titles and /regexps/ to leave out, one a line"
    tags           {}        "TAGS: run what has one of these tags, and nothing that has one of the -tags"
    clients        2         "N: units to run at the same time"
    server         src/redis-server "PROGRAM: the server to test"
    host           127.0.0.1 "HOST: test a server that runs already (with --port)"
    port           0         "PORT: of that server"
    baseport       21111     "PORT: the first one for the servers of the tests"
    portcount      4000      "N: how many there are"
    timeout        600       "SECONDS: without news of a worker, before it is given up"
    config         {}        "NAME VALUE: a directive for all servers; may be repeated"
    tmpdir         tests/tmp "DIR: where servers keep their files"
    loops          1         "N: run everything N times"
    reference      no        "test C Redis 8.0, from the cache that the script named by REFERENCE fills"
    tls            no        "all connections use TLS (needs tcl-tls and openssl)"
    singledb       no        "never SELECT"
    large-memory   no        "also tests that need gigabytes"
    ignore-encoding no       "assert_encoding always holds"
    durable        no        "an unexpected error fails its test but does not stop the run"
    retry          no        "a unit that failed runs once more, alone, when all others are done, before it counts; what then passes is named as flaky"
    stop           no        "wait after a failed test, its servers still running"
    dump-logs      no        "print the logs of the servers of a failed test"
    dont-clean     no        "keep the servers' files even if all went well"
    quiet          no        "print failures only"
    list-tests     no        "print the names of the units"
}

proc usage {} {
    puts "usage: tests/runtest \[option\]..."
    foreach {name default text} $::options {
        puts [format "  --%-16s %s" $name $text]
    }
    puts "REDPORT_TEST_SERVER names the server too; --server is stronger."
}

# Sets ::opt(name). A flag's default is `no`; an option that may be repeated has an empty one.
proc parse_options {argv} {
    foreach {name default text} $::options {set ::opt($name) $default}
    if {[info exists ::env(REDPORT_TEST_SERVER)]} {set ::opt(server) $::env(REDPORT_TEST_SERVER)}
    while {[llength $argv]} {
        set argv [lassign $argv arg]
        set name [string range $arg 2 end]
        if {$arg in {--help -h}} {
            usage
            exit 0
        }
        if {![string match --* $arg] || ![info exists ::opt($name)]} {
            puts stderr "unknown option: $arg (--help lists them)"
            exit 2
        }
        set flag [expr {$name in {reference tls singledb large-memory ignore-encoding durable retry stop dump-logs dont-clean quiet list-tests}}]
        if {$flag} {
            set ::opt($name) yes
            continue
        }
        set count [expr {$name eq "config" ? 2 : 1}]
        if {[llength $argv] < $count} {
            puts stderr "$arg needs a value"
            exit 2
        }
        switch -- $name {
            single - skipunit - only - skiptest {lappend ::opt($name) [lindex $argv 0]}
            config {lappend ::opt(config) [lindex $argv 0] [lindex $argv 1]}
            skipfile {
                set f [open [lindex $argv 0]]
                foreach line [split [read $f] \n] {
                    if {[string trim $line] ne {}} {lappend ::opt(skiptest) $line}
                }
                close $f
            }
            default {set ::opt($name) [lindex $argv 0]}
        }
        set argv [lrange $argv $count end]
    }
}

# What the tests and the support files look at.
proc apply_options {} {
    set ::allowtags {}
    set ::denytags {}
    foreach tag $::opt(tags) {
        if {[string index $tag 0] eq "-"} {lappend ::denytags [string range $tag 1 end]} else {lappend ::allowtags $tag}
    }
    set ::only_tests $::opt(only)
    set ::skiptests $::opt(skiptest)
    set ::host $::opt(host)
    set ::port $::opt(port)
    set ::external [expr {$::opt(port) != 0}]
    set ::baseport $::opt(baseport)
    set ::portcount $::opt(portcount)
    set ::tls $::opt(tls)
    set ::reference $::opt(reference)
    set ::singledb $::opt(singledb)
    set ::large_memory $::opt(large-memory)
    set ::ignoreencoding $::opt(ignore-encoding)
    set ::durable $::opt(durable)
    set ::stop $::opt(stop)
    set ::dump_logs $::opt(dump-logs)
    set ::global_overrides [dict create {*}$::opt(config)]
    set ::tmpdir [file normalize $::opt(tmpdir)]
    set ::tlsdir $::tmpdir/tls
    set ::server_program [list [file normalize $::opt(server)]]
    # A server under the race detector should go on after its report, which check_server_output finds.
    set ::server_environment [list GORACE=halt_on_error=0]
    set ::servers {}
    set ::tags {}
    set ::cur_test {}
    set ::curfile {}
    # What files written for Redis's own suite look at, and we have no option for.
    foreach name {verbose valgrind force_resp3 force_failure accurate log_req_res no_latency cluster_mode ignoredigest tls_module} {
        set ::$name 0
    }
}

# The server's binary in the cache of reference servers.
proc reference_program {name} {
    set script [expr {[info exists ::env(REFERENCE)] ? $::env(REFERENCE) : "../shared/bin/reference"}]
    if {![file executable $script]} {
        puts "No script $script that brings C Redis (REFERENCE may name another): nothing is tested."
        exit [expr {[info exists ::env(CI)] ? 1 : 0}]
    }
    return [file join [string trim [exec $script redis 2>@stderr]] $name]
}

proc all_units {} {
    set units {}
    foreach pattern {unit/*.tcl unit/*/*.tcl integration/*.tcl} {
        foreach file [glob -nocomplain -directory tests $pattern] {
            lappend units [string range [file rootname $file] 6 end]
        }
    }
    return [lsort $units]
}

# --- Worker ---

proc report {event args} {
    puts "\x01[list $event {*}[lmap arg $args {string map {\n \x02 \r {}} $arg}]]"
    flush stdout
}

proc r {args} {
    set level 0
    if {[string is integer -strict [lindex $args 0]]} {set args [lassign $args level]}
    [srv $level client] {*}$args
}

# The nth server from the outermost one of a group started by start_multiple_servers, and its client.
proc Rn {n} {
    return [srv [expr {-$n}] client]
}

proc R {n args} {
    [Rn $n] {*}$args
}

proc reconnect {{level 0}} {
    catch {[srv $level client] close}
    set_srv $level [connect_main_client [get_srv $level]]
}

proc redis_client {{level 0}} {
    set client [connect_to_server [get_srv $level]]
    if {!$::singledb} {$client select 9}
    return $client
}

proc redis_deferring_client {{level 0}} {
    set client [redis_client $level]
    $client deferred 1
    return $client
}

# A field of INFO.
proc s {args} {
    set level 0
    if {[llength $args] > 1} {set args [lassign $args level]}
    return [status [srv $level client] [lindex $args 0]]
}

proc run_solo {name code} {
    uplevel 1 $code
}

proc run_unit {unit} {
    set ::curfile tests/$unit.tcl
    set ::cur_test {}
    set globals [info globals]
    set status [catch {uplevel #0 [list source $::here/$unit.tcl]} result options]
    while {[llength $::servers]} {
        set srv [lindex $::servers end]
        set ::servers [lrange $::servers 0 end-1]
        kill_server $srv
    }
    set ::tags {}
    # Bodies run at the top level: what one unit leaves there is not for the next.
    foreach name [info globals] {
        if {$name ni $globals && $name ni {server_count next_port tmpdir_count helper_built errorInfo errorCode}} {unset -nocomplain ::$name}
    }
    # Clients that the unit has not closed.
    foreach client [info class instances ::redis::Client] {catch {$client close}}
    if {$status == 1} {
        if {[dict get $options -errorcode] eq "STOP"} {
            report abort
        } else {
            report exception "(outside a test) in $::curfile" [dict get $options -errorinfo]
            if {!$::durable} {report abort}
        }
    }
}

proc worker_main {argv} {
    set argv [lassign $argv ::opt_index]
    parse_options $argv
    apply_options
    expr {srand([pid] ^ [clock clicks])}
    while {[gets stdin unit] >= 0} {
        set start [clock milliseconds]
        run_unit $unit
        report unit-done $unit [expr {[clock milliseconds] - $start}]
    }
}

# --- Master ---

# A worker: its channel is its name. ::worker(name,unit), (name,test), (name,pids), (name,news: when it was last heard of).
proc start_worker {index argv} {
    set share [expr {$::opt(portcount) / $::opt(clients)}]
    set w [open [list |[info nameofexecutable] $::here/test_helper.tcl --worker $index {*}$argv \
        --baseport [expr {$::opt(baseport) + $index * $share}] --portcount $share 2>@stderr] r+]
    fconfigure $w -blocking 0 -buffering line
    fileevent $w readable [list worker_readable $w]
    array set ::worker [list $w,index $index $w,unit {} $w,test {} $w,pids {} $w,news [clock seconds]]
    lappend ::workers $w
    feed $w
}

proc feed {w} {
    if {![llength $::queue]} {
        set ::worker($w,unit) {}
        forget_worker $w
        return
    }
    set ::queue [lassign $::queue unit]
    set ::worker($w,unit) $unit
    set ::worker($w,test) {}
    array set ::worker [list $w,ok 0 $w,skip 0 $w,failures {}]
    puts $w $unit
}

# Counts what a unit gave. With --retry the first failure of a unit only sends it to the end, where it runs alone.
proc settle_unit {w} {
    set unit $::worker($w,unit)
    set failures $::worker($w,failures)
    if {[llength $failures] && $::opt(retry) && ![info exists ::aborted] && $unit ni $::retried} {
        lappend ::retried $unit
        lappend ::once_more $unit
        set ::suspects [concat $::suspects $failures]
        return
    }
    if {$unit in $::retried} {
        foreach title $::suspects {
            if {[string match "* in tests/$unit.tcl" $title] && $title ni $failures} {lappend ::flaky $title}
        }
    }
    incr ::count(ok) $::worker($w,ok)
    incr ::count(skip) $::worker($w,skip)
    incr ::count(err) [llength $failures]
    set ::failures [concat $::failures $failures]
}

proc forget_worker {w} {
    set ::workers [lsearch -all -inline -not -exact $::workers $w]
    catch {fconfigure $w -blocking 1}
    catch {close $w}
    if {[llength $::workers]} return
    if {[llength $::once_more] && ![info exists ::aborted]} {
        set ::queue $::once_more
        set ::once_more {}
        start_worker 0 $::worker_argv
        return
    }
    set ::finished 1
}

proc worker_readable {w} {
    while {[gets $w line] >= 0} {
        set ::worker($w,news) [clock seconds]
        if {[string index $line 0] eq "\x01"} {
            worker_event $w {*}[lmap word [string range $line 1 end] {string map {\x02 \n} $word}]
        } elseif {!$::opt(quiet)} {
            puts $line
        }
        # It may have been the last word of this worker.
        if {$w ni $::workers} return
    }
    if {[eof $w]} {lose_worker $w "the worker died"}
}

proc worker_event {w event args} {
    lassign $args title detail
    set unit $::worker($w,unit)
    switch -- $event {
        testing {set ::worker($w,test) $title}
        spawned {lappend ::worker($w,pids) $title}
        reaped {set ::worker($w,pids) [lsearch -all -inline -not -exact $::worker($w,pids) $title]}
        ok {
            incr ::worker($w,ok)
            set ::worker($w,test) {}
            if {!$::opt(quiet)} {puts "\[ok\]: $title ($detail ms)"}
        }
        skip {
            incr ::worker($w,skip)
            if {!$::opt(quiet)} {puts "\[skip\]: $title ($detail)"}
        }
        err - exception {
            set ::worker($w,test) {}
            puts "\[$event\]: $title in tests/$unit.tcl\n$detail"
            lappend ::worker($w,failures) "$title in tests/$unit.tcl"
        }
        stopped {puts "Stopped after a failure; the servers are still there. Ctrl-C ends the run."}
        unit-done {
            lappend ::times [list $detail $unit]
            settle_unit $w
            if {!$::opt(quiet)} {puts "\[done\]: $unit ([expr {($detail + 500) / 1000}] s)"}
            feed $w
        }
        abort {
            set ::queue {}
            set ::aborted 1
            puts "The run stops here; --durable would go on."
        }
    }
    flush stdout
}

# A worker that died or is stuck: its unit has failed, its servers are ended, and another one takes over.
proc lose_worker {w why} {
    set unit $::worker($w,unit)
    if {$unit ne {}} {
        set where [expr {$::worker($w,test) eq {} ? {} : " in \"$::worker($w,test)\""}]
        puts "\[exception\]: tests/$unit.tcl: $why$where"
        lappend ::worker($w,failures) "$why$where in tests/$unit.tcl"
        settle_unit $w
    }
    catch {exec kill -KILL [pid $w]}
    foreach pid $::worker($w,pids) {catch {exec kill -KILL $pid}}
    set index $::worker($w,index)
    if {[llength $::queue] && $unit ne {}} {start_worker $index $::worker_argv}
    forget_worker $w
}

proc watch_workers {} {
    foreach w $::workers {
        if {[clock seconds] - $::worker($w,news) > $::opt(timeout) && !$::opt(stop)} {
            lose_worker $w "no news for $::opt(timeout) s"
        }
    }
    after 1000 watch_workers
}

# An error of the master itself (its output closed, say) must not leave servers behind.
proc master_failed {message options} {
    catch {puts stderr [dict get $options -errorinfo]}
    foreach w $::workers {
        catch {exec kill [pid $w]}
        foreach pid $::worker($w,pids) {catch {exec kill -KILL $pid}}
    }
    exit 1
}

proc master_main {argv} {
    parse_options $argv
    interp bgerror {} master_failed
    if {$::opt(list-tests)} {
        puts [join [all_units] \n]
        exit 0
    }
    set ::worker_argv $argv
    if {$::opt(reference)} {
        set ::opt(server) [reference_program redis-server]
        lappend ::worker_argv --server $::opt(server)
    }
    if {$::opt(port) != 0} {set ::opt(clients) 1}
    apply_options
    if {!$::external && ![file executable [lindex $::server_program 0]]} {
        puts stderr "No server at $::opt(server): make builds it."
        exit 2
    }
    file mkdir $::tmpdir
    foreach old [glob -nocomplain -directory $::tmpdir server.*] {catch {file delete -force $old}}
    if {$::tls} {exec utils/gen-test-certs.sh $::tlsdir >@stdout 2>@stderr}

    set ::queue {}
    set units [expr {[llength $::opt(single)] ? $::opt(single) : [all_units]}]
    for {set i 0} {$i < $::opt(loops)} {incr i} {
        foreach unit $units {
            if {![file exists tests/$unit.tcl]} {
                puts stderr "No such unit: $unit (--list-tests lists them)"
                exit 2
            }
            if {$unit ni $::opt(skipunit)} {lappend ::queue $unit}
        }
    }
    array set ::count {ok 0 skip 0 err 0}
    foreach name {failures times retried once_more suspects flaky} {set ::$name {}}
    set ::workers {}
    for {set i 0} {$i < $::opt(clients) && [llength $::queue]} {incr i} {start_worker $i $::worker_argv}
    watch_workers
    if {[llength $::workers]} {vwait ::finished}

    if {[llength $::failures]} {
        puts "\nFailed:"
        foreach failure $::failures {puts "  $failure"}
    } elseif {!$::opt(dont-clean)} {
        foreach old [glob -nocomplain -directory $::tmpdir server.*] {catch {file delete -force $old}}
    }
    foreach title $::flaky {puts "flaky: $title"}
    puts "\n$::count(ok) passed, $::count(err) failed[expr {$::count(skip) ? ", $::count(skip) skipped" : {}}]"
    exit [expr {$::count(err) > 0}]
}

if {[lindex $argv 0] eq "--worker"} {
    worker_main [lrange $argv 1 end]
} else {
    master_main $argv
}
