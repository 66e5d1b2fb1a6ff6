# SPDX-License-Identifier: BSD-3-Clause
#
# util.tcl - what many tests need: INFO fields, logs, random data, waiting for the server's background work.

# --- INFO ---

proc getInfoProperty {info property} {
    if {[regexp -line "^[string map {* \\* . \\.} $property]:(.*?)\r?$" $info -> value]} {return $value}
    return {}
}

proc status {client property} {
    return [getInfoProperty [$client info all] $property]
}

proc cmdrstat {command client} {
    if {[regexp -line "^cmdstat_$command:(.*?)\r?$" [$client info commandstats] -> value]} {return $value}
    return {}
}

proc errorrstat {code client} {
    if {[regexp -line "^errorstat_$code:(.*?)\r?$" [$client info errorstats] -> value]} {return $value}
    return {}
}

proc latencyrstat_percentiles {command client} {
    if {[regexp -line "^latency_percentiles_usec_$command:(.*?)\r?$" [$client info latencystats] -> value]} {return $value}
    return {}
}

# --- Waiting ---

proc waitForBgsave {client} {
    wait_for_condition 5000 10 {[status $client rdb_bgsave_in_progress] == 0} else {fail "BGSAVE did not end"}
}

proc waitForBgrewriteaof {client} {
    wait_for_condition 5000 10 {
        [status $client aof_rewrite_scheduled] == 0 && [status $client aof_rewrite_in_progress] == 0
    } else {fail "BGREWRITEAOF did not end"}
}

proc wait_for_sync {client {tries 500} {delay 20}} {
    wait_for_condition $tries $delay {[status $client master_link_status] eq "up"} else {fail "the replica is not in sync"}
}

proc wait_replica_online {client {replica 0} {tries 500} {delay 20}} {
    wait_for_condition $tries $delay {
        [string match "*slave$replica:*state=online*" [$client info replication]]
    } else {fail "the replica is not online"}
}

proc wait_for_ofs_sync {r1 r2} {
    wait_for_condition 500 20 {[status $r1 master_repl_offset] eq [status $r2 master_repl_offset]} else {
        fail "the replica did not catch up"
    }
}

proc wait_done_loading {client} {
    wait_for_condition 1000 50 {![catch {$client ping} e] || ![string match LOADING* $e]} else {fail "loading did not end"}
}

proc wait_lazyfree_done {client} {
    wait_for_condition 500 10 {[status $client lazyfree_pending_objects] == 0} else {fail "lazyfree did not end"}
}

proc wait_for_blocked_clients_count {count {tries 500} {delay 10} {level 0}} {
    wait_for_condition $tries $delay {[s $level blocked_clients] == $count} else {
        fail "[s $level blocked_clients] clients are blocked, not $count"
    }
}

proc wait_for_blocked_client {{level 0}} {
    wait_for_condition 500 10 {[s $level blocked_clients] > 0} else {fail "no client is blocked"}
}

proc wait_for_watched_clients_count {count {tries 500} {delay 10} {level 0}} {
    wait_for_condition $tries $delay {[s $level watching_clients] == $count} else {fail "not $count clients watch"}
}

# --- Logs ---

proc count_log_lines {level} {
    return [llength [split [string trimright [file_tail [srv $level stdout] 0] \n] \n]]
}

proc count_message_lines {file pattern} {
    set count 0
    foreach line [split [file_tail $file 0] \n] {
        if {[string match "*$pattern*" $line]} {incr count}
    }
    return $count
}

proc count_log_message {level pattern} {
    return [count_message_lines [srv $level stdout] $pattern]
}

proc log_line_matching {level patterns from} {
    foreach line [lrange [split [file_tail [srv $level stdout] 0] \n] $from end] {
        foreach pattern $patterns {
            if {[string match $pattern $line]} {return $line}
        }
    }
    return {}
}

proc verify_log_message {level pattern from} {
    if {[log_line_matching $level [list $pattern] $from] eq {}} {fail "the log has no line '$pattern' after line $from"}
}

proc verify_no_log_message {level pattern from} {
    set line [log_line_matching $level [list $pattern] $from]
    if {$line ne {}} {fail "the log has the line '$line' after line $from"}
}

proc wait_for_log_messages {level patterns from tries delay} {
    wait_for_condition $tries $delay {[log_line_matching $level $patterns $from] ne {}} else {
        fail "no line of the log matches any of: $patterns"
    }
    return [log_line_matching $level $patterns $from]
}

# --- Processes ---

# Stops a server as if the machine had no time for it, until resume_process.
proc pause_process {pid} {
    exec kill -STOP $pid
    wait_for_condition 500 10 {[string match T* [exec ps -o state= -p $pid]]} else {fail "process $pid did not stop"}
}

proc resume_process {pid} {
    exec kill -CONT $pid
}

# Builds a Go program of tests/helpers/NAME once a run and returns its path.
proc helper_program {name} {
    set program $::tmpdir/$name
    if {![info exists ::helper_built($name)]} {
        exec go build -o $program ./tests/helpers/$name 2>@stderr
        set ::helper_built($name) 1
    }
    return $program
}

# A client on a Unix socket, which Tcl itself cannot open.
proc redis_unix_client {path {deferred 0}} {
    set channel [open [list |[helper_program unixpipe] $path 2>@stderr] r+]
    return [redis_on_channel $channel $deferred]
}

# --- Random data ---

proc randomInt {max} {return [expr {int(rand() * $max)}]}
proc randomRange {min max} {return [expr {$min + int(rand() * ($max - $min + 1))}]}
proc randomSignedInt {max} {return [expr {rand() < 0.5 ? -[randomInt $max] : [randomInt $max]}]}

# min to max characters: binary (all bytes), alpha, compr (few different ones) or simplealpha.
proc randstring {min max {type binary}} {
    lassign [dict get {binary {0 255} alpha {48 122} simplealpha {97 122} compr {48 52}} $type] low high
    set bytes {}
    for {set n [randomRange $min $max]} {$n > 0} {incr n -1} {lappend bytes [randomRange $low $high]}
    return [binary format c* $bytes]
}

proc randpath {args} {
    uplevel 1 [lindex $args [randomInt [llength $args]]]
}

proc randomValue {} {
    randpath {randstring 0 16 alpha} {randomSignedInt 1000} {randomSignedInt 4000000000} {randstring 0 60 compr} {randstring 0 60 binary}
}

proc randomKey {} {
    randpath {randomInt 1000} {randomInt 1000000} {randstring 1 256 alpha} {randstring 1 256 binary}
}

proc lshuffle {list} {
    for {set i [llength $list]} {$i > 1} {} {
        set j [randomInt $i]
        incr i -1
        set x [lindex $list $i]
        lset list $i [lindex $list $j]
        lset list $j $x
    }
    return $list
}

# n keys prefix0, prefix1, ..., each with a value of `size` bytes, expiring after `expires` seconds if given.
proc populate {n {prefix key:} {size 3} {level 0} {prints no} {expires 0}} {
    set client [redis_deferring_client $level]
    set value [string repeat A $size]
    set expiry [expr {$expires ? [list ex $expires] : {}}]
    for {set i 0} {$i < $n} {incr i} {
        $client set $prefix$i $value {*}$expiry
        # A window, so that neither side's buffers grow without end.
        if {$i >= 500} {$client read}
    }
    for {set i [expr {min($n, 500)}]} {$i > 0} {incr i -1} {$client read}
    $client close
}

# ops random writes of every basic type on random keys. useexpire among the options: some keys expire.
proc createComplexDataset {client ops {options {}}} {
    for {set i 0} {$i < $ops} {incr i} {
        set key [randomKey]
        set value [randomValue]
        catch {
            switch [randomInt 6] {
                0 {$client set $key $value}
                1 {$client rpush $key $value [randomValue] [randomValue]}
                2 {$client sadd $key $value [randomValue]}
                3 {$client zadd $key [randomSignedInt 1000000] $value [randomInt 10].5 [randomValue]}
                4 {$client hset $key $value [randomValue] field [randomValue]}
                5 {randpath {$client lpop $key} {$client srem $key $value} {$client zrem $key $value} {$client del $key} {$client append $key $value}}
            }
        }
        if {"useexpire" in $options && [randomInt 10] == 0} {$client pexpire $key [randomRange 1 100000]}
    }
}

# --- The protocol, and what is in a server ---

proc formatCommand {args} {
    set out "*[llength $args]\r\n"
    foreach arg $args {append out "\$[string length $arg]\r\n$arg\r\n"}
    return $out
}

proc format_command {args} {
    return [formatCommand {*}$args]
}

proc debug_digest {{level 0}} {
    return [[srv $level client] debug digest]
}

proc debug_digest_value {key} {
    return [r debug digest-value $key]
}

# The whole dataset of the client's database as text that does not depend on any order that Redis does not promise.
proc csvdump {client} {
    set out {}
    foreach key [lsort [$client keys *]] {
        set type [$client type $key]
        switch -- $type {
            string {set value [$client get $key]}
            list {set value [$client lrange $key 0 -1]}
            set {set value [lsort [$client smembers $key]]}
            zset {set value [$client zrange $key 0 -1 withscores]}
            hash {set value [lsort -stride 2 [$client hgetall $key]]}
            stream {set value [$client xrange $key - +]}
            default {set value {}}
        }
        append out [list $key $type $value [expr {[$client pttl $key] > 0}]] \n
    }
    return $out
}

proc memory_usage {key} {
    return [r memory usage $key]
}

proc server_has_command {command} {
    return [expr {[r command info $command] ne {{}}}]
}

proc string2printable {s} {
    set out {}
    foreach c [split $s {}] {
        scan $c %c code
        append out [expr {$code >= 32 && $code < 127 ? $c : [format {\x%02x} $code]}]
    }
    return "\"$out\""
}

# CONFIG SET; with {mayfail} among the options an error is let pass.
proc config_set {name value {options {}}} {
    if {[catch {r config set $name $value} e] && "mayfail" ni $options} {error $e}
}

# CONFIG SET that returns the value before.
proc config_get_set {name value {options {}}} {
    set old [lindex [r config get $name] 1]
    config_set $name $value $options
    return $old
}

# The lines of CLIENT LIST or INFO as dicts: "a=1 b=2" becomes {a 1 b 2}.
proc client_fields {line} {
    set fields {}
    foreach pair [split [string trim $line] " "] {
        set at [string first = $pair]
        dict set fields [string range $pair 0 $at-1] [string range $pair $at+1 end]
    }
    return $fields
}

# --- Pub/Sub: each command is answered by one message a channel ---

proc consume_subscribe_messages {client type channels} {
    set counts {}
    foreach channel $channels {
        set message [$client read]
        assert_equal $type [lindex $message 0]
        assert {[lindex $message 1] in $channels}
        lappend counts [lindex $message 2]
    }
    return $counts
}

foreach command {subscribe psubscribe ssubscribe} {
    proc $command {client channels} [format {
        $client %1$s {*}$channels
        return [consume_subscribe_messages $client %1$s $channels]
    } $command]
}

foreach command {unsubscribe punsubscribe sunsubscribe} {
    proc $command {client {channels {}}} [format {
        $client %1$s {*}$channels
        return [consume_subscribe_messages $client %1$s $channels]
    } $command]
}

proc K {x y} {return $x}

proc roundFloat {f} {return [format %.10g $f]}

proc get_io_thread_clients {id {client r}} {
    if {[regexp "io_thread_$id:clients=(\[0-9\]+)" [$client info threads] -> n]} {return $n}
    return -1
}

# --- What a replica is told ---

# A channel on which the commands that the server propagates arrive, in the form that read_from_replication_stream reads.
proc attach_to_replication_stream {{level 0}} {
    set stream [redis_client $level]
    set fd [$stream channel]
    puts -nonewline $fd "SYNC\r\n"
    flush $fd
    while {[set size [string trimright [gets $fd]]] eq {}} {}
    read $fd [string range $size 1 end]
    return $stream
}

proc read_from_replication_stream {stream} {
    while {1} {
        set command [$stream read]
        if {[string tolower [lindex $command 0]] ne "ping"} break
    }
    return [lreplace $command 0 0 [string tolower [lindex $command 0]]]
}

# The next commands must match the patterns, one each. {select *} is the usual first one.
proc assert_replication_stream {stream patterns} {
    foreach pattern $patterns {assert_match $pattern [read_from_replication_stream $stream]}
}

proc close_replication_stream {stream} {
    $stream close
    return {}
}

# An address of this machine that is not the loopback one, or that one where there is no other.
proc get_nonloopback_addr {} {
    set address {}
    catch {set address [lindex [exec hostname -I] 0]}
    return [expr {$address eq {} ? "127.0.0.1" : $address}]
}

proc get_nonloopback_client {} {
    return [redis [get_nonloopback_addr] [srv 0 port] 0 $::tls [tls_options]]
}

# A new folder for files of a test.
proc tmpdir {name} {
    set n [incr ::tmpdir_count]
    file mkdir $::tmpdir/server.[pid].$name.$n
    return $::tmpdir/server.[pid].$name.$n
}

# --- AOF ---

# The file to which the server appends now.
proc get_last_incr_aof_path {client} {
    set dir [lindex [$client config get dir] 1]/[lindex [$client config get appenddirname] 1]
    set name [lindex [$client config get appendfilename] 1]
    set last {}
    foreach line [split [file_tail $dir/$name.manifest 0] \n] {
        if {[regexp {^file (\S+) seq \d+ type i} $line -> file]} {set last $dir/$file}
    }
    return $last
}

# The next command of an open AOF.
proc read_from_aof {fp} {
    fconfigure $fp -translation binary
    if {[gets $fp line] < 0} {return {}}
    set command {}
    for {set n [string trim [string range $line 1 end]]} {$n > 0} {incr n -1} {
        set size [string trim [string range [gets $fp] 1 end]]
        lappend command [read $fp $size]
        read $fp 2
    }
    return $command
}

proc assert_aof_content {path patterns} {
    set fp [open $path rb]
    foreach pattern $patterns {assert_match $pattern [read_from_aof $fp]}
    assert_equal {} [read $fp]
    close $fp
}
