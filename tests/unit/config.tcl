# SPDX-License-Identifier: BSD-3-Clause
#
# The config file, the command line, and CONFIG.

# Starts a server without a harness's config: arguments only. Result: its pid and the file of its output.
proc start_by_arguments {args} {
    set out [tmpdir bare]/stdout
    set pid [exec {*}$::server_program {*}$args >$out 2>@1 &]
    report spawned $pid
    return [list $pid $out]
}

proc end_process {pid} {
    catch {exec kill $pid}
    wait_for_condition 1000 10 {![process_is_alive $pid]} else {fail "pid $pid does not end"}
    report reaped $pid
}

start_server {tags {"config"}} {
    test {CONFIG GET takes several names and patterns} {
        set got [r config get maxmemory timeout]
        assert_equal {maxmemory timeout} [lsort [dict keys $got]]
        assert_equal {repl-diskless-load repl-diskless-sync repl-diskless-sync-delay repl-diskless-sync-max-replicas repl-diskless-sync-period} \
            [lsort -unique [concat [dict keys [r config get repl-diskless*]] repl-diskless-sync-period]]
        assert_equal {} [r config get no-such-thing]
        assert_morethan [dict size [r config get *]] 150
        # A name that two patterns find comes once.
        assert_equal {timeout 0} [r config get timeout time* TIMEOUT]
    } {} {external:skip}

    test {CONFIG SET of one and of several} {
        assert_equal OK [r config set timeout 100]
        assert_equal OK [r config set timeout 0 slowlog-max-len 77 HZ 20]
        list [r config get timeout] [r config get slowlog-max-len] [r config get hz]
    } {{timeout 0} {slowlog-max-len 77} {hz 20}} {external:skip}

    test {CONFIG SET of several sets all or none} {
        r config set hz 10
        assert_error {ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer} \
            {r config set hz 30 timeout x}
        assert_equal {hz 10} [r config get hz]
        assert_error {ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter} {r config set hz 30 hz 40}
        assert_error {ERR Unknown option or number of arguments for CONFIG SET - 'nope'} {r config set hz 30 nope 1}
        assert_error {ERR wrong number of arguments for 'config|set' command} {r config set hz}
        assert_error {ERR wrong number of arguments for 'config|set' command} {r config set}
        assert_error {ERR syntax error} {r config set hz 30 timeout}
        assert_equal {hz 10} [r config get hz]
    } {} {external:skip}

    test {CONFIG SET says why a value is refused} {
        foreach {name value why} {
            appendonly     maybe "argument must be 'yes' or 'no'"
            loglevel       loud  {argument(s) must be one of the following: debug, verbose, notice, warning, nothing}
            slowlog-max-len x    {argument couldn't be parsed into an integer}
            maxmemory      1q    {argument must be a memory value}
            tcp-keepalive  -1    {argument must be between 0 and 2147483647 inclusive}
        } {
            assert_error "ERR CONFIG SET failed (possibly related to argument '$name') - $why" {r config set $name $value} $name
        }
    } {} {external:skip}

    test {What is fixed at start cannot be set} {
        foreach {name value} {databases 32 always-show-logo no daemonize yes io-threads 2} {
            assert_error "ERR CONFIG SET failed (possibly related to argument '$name') - can't set immutable config" {r config set $name $value}
        }
    } {} {external:skip}

    test {Values are accepted in many forms and given back in one} {
        foreach {name value want} {
            maxmemory 100mb 104857600
            lazyfree-lazy-expire YES yes
            loglevel WARNING warning
            save "3600 1 300 100" "3600 1 300 100"
            save "" ""
            client-query-buffer-limit 2mb 2097152
            maxmemory-clients 5% 5%
            maxmemory-clients 1mb 1048576
            notify-keyspace-events KEA AKE
            notify-keyspace-events Elg glE
        } {
            r config set $name $value
            assert_equal $want [lindex [r config get $name] 1] "$name $value"
        }
        r config set maxmemory 0 lazyfree-lazy-expire no loglevel verbose client-query-buffer-limit 1gb maxmemory-clients 0
    } {OK} {external:skip}

    test {client-output-buffer-limit is set a class at a time} {
        r config set client-output-buffer-limit "pubsub 1mb 512kb 30"
        assert_match {*normal 0 0 0*pubsub 1048576 524288 30*} [r config get client-output-buffer-limit]
        assert_error {ERR *} {r config set client-output-buffer-limit "odd 1 2 3"}
        assert_error {ERR *} {r config set client-output-buffer-limit "pubsub 1 2"}
    } {} {external:skip}

    test {CONFIG RESETSTAT clears the counters} {
        r get x
        catch {r nosuch}
        assert_morethan [s total_commands_processed] 2
        assert_equal OK [r config resetstat]
        assert_lessthan [s total_commands_processed] 3
        assert_equal {0 0} [list [s keyspace_misses] [s total_error_replies]]
        assert_equal {} [cmdrstat get r]
    } {} {external:skip}

    test {CONFIG HELP} {
        assert_match {CONFIG <subcommand>*} [lindex [r config help] 0]
    }

    test {Old names still work} {
        assert_equal {slave-read-only yes} [r config get slave-read-only]
        assert_equal {replica-read-only yes} [r config get replica-read-only]
        r config set slave-priority 50
        assert_equal {replica-priority 50} [r config get replica-priority]
        r config set replica-priority 100
    } {OK} {external:skip}
}

start_server {tags {"config external:skip"} overrides {save {900 1}} config_lines {save {300 10} client-output-buffer-limit {normal 1mb 2mb 3} client-output-buffer-limit {pubsub 4mb 5mb 6}}} {
    test {A directive that may come more than once adds up} {
        assert_equal {save {900 1 300 10}} [r config get save]
        assert_match {*normal 1048576 2097152 3*pubsub 4194304 5242880 6*} [r config get client-output-buffer-limit]
    }

    test {CONFIG REWRITE writes what has changed and keeps the rest} {
        set before [file_tail [srv 0 config_file] 0]
        r config set maxmemory 77mb timeout 123 save {500 5}
        assert_equal OK [r config rewrite]
        set after [file_tail [srv 0 config_file] 0]
        assert_match *\nmaxmemory\ 77mb\n* $after
        assert_match *\ntimeout\ 123\n* $after
        assert_equal 1 [regexp -all -line {^save } $after]
        foreach line [split [string trim $before] \n] {
            if {![regexp {^(save|timeout|client-output|unixsocket|loglevel|logfile|dir|appendfsync|bind|notify|port)} $line]} {
                assert_match *\n[string map {\[ \\[ \" {}} $line]\n* "\n[string map {\" {}} $after]"
            }
        }
        restart_server 0 true false
        assert_equal {maxmemory 80740352 save {500 5} timeout 123} \
            [list maxmemory [lindex [r config get maxmemory] 1] save [lindex [r config get save] 1] timeout [lindex [r config get timeout] 1]]
    }

    test {CONFIG REWRITE a second time changes nothing} {
        r config rewrite
        set once [file_tail [srv 0 config_file] 0]
        r config rewrite
        assert_equal $once [file_tail [srv 0 config_file] 0]
    }
}

start_server {tags {"config external:skip"} args {--maxmemory 5mb --maxmemory-policy allkeys-lfu --save {} --timeout 7}} {
    test {Arguments of the command line are stronger than the file} {
        list [r config get maxmemory] [r config get maxmemory-policy] [r config get save] [r config get timeout]
    } {{maxmemory 5242880} {maxmemory-policy allkeys-lfu} {save {}} {timeout 7}}

    test {INFO names the config file} {
        file normalize [s config_file]
    } [file normalize [srv 0 config_file]]
}

start_server {tags {"config external:skip"} config minimal.conf omit {unixsocket}} {
    test {Defaults that everybody relies on} {
        foreach {name value} {
            databases 16 timeout 0 tcp-keepalive 300 hz 10 maxmemory 0 maxmemory-policy noeviction maxmemory-samples 5
            appendonly no appendfsync everysec dbfilename dump.rdb slowlog-log-slower-than 10000 slowlog-max-len 128
            maxclients 10000 save {3600 1 300 100 60 10000} proto-max-bulk-len 536870912 notify-keyspace-events {}
            latency-monitor-threshold 0 lazyfree-lazy-eviction no lfu-log-factor 10 lfu-decay-time 1 protected-mode yes
        } {
            assert_equal [list $name $value] [r config get $name]
        }
    }

    test {Without their permission DEBUG, MODULE and protected settings are refused} {
        assert_error {ERR DEBUG command not allowed. If the enable-debug-command option is set to "local"*} {r debug sleep 0}
        assert_error {ERR *can't set protected config} {r config set dir /}
        assert_error {ERR *can't set protected config} {r config set dbfilename other.rdb}
    }
}

tags {"config external:skip"} {
    test {A config file with a mistake is refused, and the line shown} {
        foreach {line why} {
            {port x}           {argument couldn't be parsed into an integer}
            {port}             {wrong number of arguments}
            {no-such-thing}    {Bad directive or wrong number of arguments}
            {maxmemory-policy never} {argument(s) must be one of the following: *}
            {databases 0}      {argument must be between 1 and 2147483647 inclusive}
            {save 1}           {Invalid save parameters}
            {dir /no/such/dir} {No such file or directory}
            {rename-command nosuchcommand x} {No such command in rename-command}
            {include "unclosed}  {Unbalanced quotes in configuration line}
        } {
            set file [tmpdir conf]/redis.conf
            set f [open $file w]
            puts $f "# a comment\n\n$line"
            close $f
            lassign [start_refused $file] status output
            assert_equal 1 $status $line
            assert_match "*\\*\\*\\* FATAL CONFIG FILE ERROR (Redis 8.*) \\*\\*\\**" $output $line
            assert_match "*Reading the configuration file, at line 3\n>>> '$line'\n$why" [string trim $output] $line
        }
    }

    test {A config file that is not there is refused} {
        lassign [start_refused /no/such/file.conf] status output
        assert_equal 1 $status
        assert_match "*Fatal error, can't open config file '/no/such/file.conf': No such file or directory" [string trim $output]
    }

    test {Arguments with a mistake are refused} {
        lassign [start_refused --port x] status output
        assert_equal 1 $status
        assert_match "*Reading the configuration file, at line 2\n>>> 'port \"x\"'\nargument couldn't be parsed into an integer*" $output
        lassign [start_refused --no-such-option] status output
        assert_equal 1 $status
        assert_match "*Bad directive or wrong number of arguments*" $output
    }

    test {--version and --help} {
        lassign [start_refused --version] status output
        assert_equal 0 $status
        assert_match {Redis server v=8.* sha=* malloc=* bits=64 build=*} $output
        assert_match {Usage: ./redis-server *} [lindex [start_refused --help] 1]
    }

    test {Config may come on standard input, and be completed by arguments} {
        set port [find_available_port $::baseport $::portcount]
        set dir [tmpdir stdin]
        set f [open $dir/conf w]
        puts $f "port $port\nbind 127.0.0.1\nmaxmemory 3mb\ndir $dir\nsave \"\""
        close $f
        set pid [exec {*}$::server_program - --timeout 9 <$dir/conf >$dir/stdout 2>@1 &]
        report spawned $pid
        wait_for_condition 1000 10 {![catch {set c [redis 127.0.0.1 $port]}]} else {fail "it does not listen"}
        set got [list [$c config get maxmemory] [$c config get timeout]]
        $c close
        end_process $pid
        set got
    } {{maxmemory 3145728} {timeout 9}} {tls:skip}

    test {include reads other files, patterns among them} {
        set port [find_available_port $::baseport $::portcount]
        set dir [tmpdir include]
        foreach {name text} [list a.conf "timeout 11\nmaxmemory 1mb" part-1.inc "maxmemory 2mb" part-2.inc "hz 44" \
            main.conf "port $port\nbind 127.0.0.1\ndir $dir\nsave \"\"\ninclude $dir/a.conf\ninclude $dir/part-*.inc"] {
            set f [open $dir/$name w]
            puts $f $text
            close $f
        }
        lassign [start_by_arguments $dir/main.conf] pid
        wait_for_condition 1000 10 {![catch {set c [redis 127.0.0.1 $port]}]} else {fail "it does not listen"}
        set got [list [$c config get maxmemory] [$c config get timeout] [$c config get hz]]
        $c close
        end_process $pid
        set got
    } {{maxmemory 2097152} {timeout 11} {hz 44}} {tls:skip}

    test {rename-command gives a command another name, or none} {
        start_server {config_lines {rename-command {flushall ""} rename-command {config secretconfig}}} {
            assert_error {ERR unknown command 'flushall'*} {r flushall}
            assert_error {ERR unknown command 'config'*} {r config get port}
            assert_equal {hz 10} [r secretconfig get hz]
        }
    }
}
